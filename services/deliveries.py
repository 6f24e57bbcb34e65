"""Webhook deliveries: stored before they are answered, applied afterwards, never thrown away.

A delivery is its own job. It is applied in the transaction that marks it done, under a row lock
that a crash releases; what cannot be applied is set aside item by item and waits for a person.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import structlog
from sqlalchemy import RowMapping, func, select, text, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin, execute_alone
from db.tables import webhook_deliveries, webhook_items
from services import inbound
from services.actors import System
from services.events import Quarantined, Reading
from services.inbound import Arrived
from services.permissions import Permission, requires

log = structlog.get_logger()

Reader = Callable[[bytes], Reading]

BATCH = 400
BATCH_BYTES = 4_000_000
#: After a failure of ours (not of the delivery), seconds until the next try, doubling.
RETRY_SECONDS = 5
RETRY_SECONDS_MAX = 300


#: Sorted, so that two processes storing the same bodies never wait for each other in a circle.
_STORE = (
    "insert into webhook_deliveries (sha256, body)"
    " select sha256(body), body from unnest(%(bodies)b::bytea[]) as body order by 1"
    " on conflict (sha256) do nothing"
)


async def store(bodies: Sequence[bytes]) -> int:
    """Store bodies, durably once this returns; how many were new.

    Bytes that were stored before are WhatsApp's retry, and nothing is added.
    """
    return await execute_alone(_STORE, {"bodies": list(bodies)})


@requires(Permission.SYSTEM)
async def process(actor: System, read: Reader) -> int:
    """Apply one batch of waiting deliveries; how many there were. `read` makes events of a body."""
    try:
        async with begin(actor) as connection:
            taken = await _take(connection)
            if taken:
                await _apply_together(connection, taken, read)
        return len(taken)
    except Exception as error:
        if _is_the_databases_trouble(error):
            raise  # not the deliveries': the whole batch comes again
        log.warning("deliveries.batch_failed", error=type(error).__name__)
    async with begin(actor) as connection:
        ids = [row["id"] for row in await _take(connection)]
    for delivery_id in ids:
        await _process_alone(actor, read, delivery_id)
    return len(ids)


async def _take(connection: AsyncConnection) -> Sequence[RowMapping]:
    """Lock the oldest waiting deliveries, as many as one batch may hold."""
    result = await connection.execute(
        text(
            "with pending as ("
            "  select id, octet_length(body) as size from webhook_deliveries"
            "  where state = 'pending' and next_attempt_at <= now()"
            "  order by next_attempt_at, id limit :batch for update skip locked),"
            " sized as (select id, sum(size) over (order by id) - size as before from pending)"
            " select d.id, d.body, d.received_at from sized join webhook_deliveries d using (id)"
            " where before < :bytes order by d.id"
        ),
        {"batch": BATCH, "bytes": BATCH_BYTES},
    )
    return result.mappings().all()


async def _apply_together(
    connection: AsyncConnection, taken: Sequence[RowMapping], read: Reader
) -> None:
    readings = {row["id"]: read(bytes(row["body"])) for row in taken}
    arrived = [
        Arrived(event, row["id"], row["received_at"])
        for row in taken
        for event in readings[row["id"]].events
    ]
    outcome = await inbound.apply(connection, arrived)
    await _finish(connection, readings)
    log.debug("deliveries.applied", deliveries=len(taken), **asdict(outcome))


async def _process_alone(actor: System, read: Reader, delivery_id: int) -> None:
    """Apply one delivery item by item, so that only what is bad is set aside."""
    try:
        async with begin(actor) as connection:
            row = (
                (
                    await connection.execute(
                        select(webhook_deliveries)
                        .where(
                            webhook_deliveries.c.id == delivery_id,
                            webhook_deliveries.c.state == "pending",
                        )
                        .with_for_update(skip_locked=True)
                    )
                )
                .mappings()
                .one_or_none()
            )
            if row is None:
                return
            reading = read(bytes(row["body"]))
            for event in reading.events:
                await _apply_alone(connection, Arrived(event, row["id"], row["received_at"]))
            await _finish(connection, {row["id"]: reading})
    except Exception as error:
        if _is_the_databases_trouble(error):
            raise
        log.exception("delivery.failed", delivery_id=delivery_id)
        await _postpone(actor, delivery_id, type(error).__name__)


async def _apply_alone(connection: AsyncConnection, arrived: Arrived) -> None:
    try:
        async with connection.begin_nested():
            await inbound.apply(connection, [arrived])
    except Exception as error:
        if _is_the_databases_trouble(error):
            raise
        code = "not_applied"
        if isinstance(error, DBAPIError) and (state := getattr(error.orig, "sqlstate", None)):
            code = f"not_applied_{state}"
        log.exception("item.quarantined", delivery_id=arrived.delivery_id, code=code)
        event = arrived.event
        aside = Quarantined(
            position=event.position,
            field="messages",
            code=code,
            reason=f"The item could be read, but not stored ({type(error).__name__}).",
            raw=json.dumps(asdict(event), default=str),
        )
        await inbound.apply(connection, [Arrived(aside, arrived.delivery_id, arrived.received_at)])


#: SQLSTATE classes and codes that say nothing of the statement: connection, shutdown, deadlock,
#: serialization, lock timeout, too many connections. Any other error is this batch's own, also one
#: that psycopg calls operational: a row too large, a statement that took too long.
_TROUBLE = ("08", "57P", "40001", "40P01", "55P03", "53300")


def _is_the_databases_trouble(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            return error.connection_invalidated or isinstance(
                error, OperationalError | InterfaceError
            )
        return str(state).startswith(_TROUBLE)
    return isinstance(error, SQLAlchemyTimeoutError | OSError)


async def _finish(connection: AsyncConnection, readings: dict[int, Reading]) -> None:
    """Mark as done, in the transaction of the effect. Replayed items that work now are closed."""
    rows = [
        {
            "id": id,
            "state": "unreadable" if reading.unreadable else "done",
            "reason": reading.unreadable,
            "items": len(reading.events),
            "quarantined": sum(isinstance(e, Quarantined) for e in reading.events),
        }
        for id, reading in readings.items()
    ]
    await connection.execute(
        text(
            "update webhook_deliveries d set state = r.state, reason = r.reason,"
            "  processed_at = clock_timestamp(), items = r.items,"
            "  items_quarantined = r.quarantined"
            " from jsonb_to_recordset(cast(:rows as jsonb))"
            "  as r (id bigint, state text, reason text, items int, quarantined int)"
            " where d.id = r.id"
        ),
        {"rows": json.dumps(rows)},
    )
    await connection.execute(
        update(webhook_items)
        .where(webhook_items.c.delivery_id.in_(readings), webhook_items.c.state == "replaying")
        .values(state="closed", closed_at=func.now())
    )


async def _postpone(actor: System, delivery_id: int, reason: str) -> None:
    async with begin(actor) as connection:
        await connection.execute(
            text(
                "update webhook_deliveries set attempts = attempts + 1, reason = :reason,"
                " next_attempt_at = now() + make_interval("
                "  secs => least(:first * power(2, least(attempts, 10)), :longest))"
                " where id = :id"
            ),
            {
                "id": delivery_id,
                "reason": reason,
                "first": RETRY_SECONDS,
                "longest": RETRY_SECONDS_MAX,
            },
        )


@requires(Permission.SYSTEM)
async def count_refusals(actor: System, counts: dict[str, int]) -> None:
    """Add to today's numbers of requests turned away, by reason."""
    async with begin(actor) as connection:
        await connection.execute(
            text(
                "insert into webhook_refusals (day, reason, count, last_at)"
                " select current_date, r.key, r.value::bigint, now()"
                " from jsonb_each_text(cast(:counts as jsonb)) r order by r.key"
                " on conflict (day, reason) do update set"
                "  count = webhook_refusals.count + excluded.count, last_at = excluded.last_at"
            ),
            {"counts": json.dumps(counts)},
        )
