"""Erasing a person for good (GDPR art. 17), and the proof that nothing was left.

What hangs on the client goes in one transaction, however much else the database holds:
`app_private.erase_client`. What stays is an `Erasure`: that it happened, why, who did it, how many
rows, and keyed digests of the person's identifiers, which alone can tell that a restored backup has
brought somebody back. The audit log keeps its entries without their values.

Afterwards every table is gone through, a part at a time: for the client's id, and for the person's
identifiers, which are kept encrypted for as long as that takes. What is theirs by its own fields is
removed, raw deliveries are emptied, and what other people wrote about them is counted and stays. A
delivery in which something else still waits for a person is an open question until that is settled;
one that could not be read, until an admin has looked at it. An erasure is proved once nothing of
that is left and storage, asked for each file, has none of them.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import (
    LargeBinary,
    RowMapping,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.inbound import lock_identities
from db.tables import (
    client_identities,
    clients,
    documents,
    erasures,
    messages,
    staff,
    webhook_deliveries,
    webhook_items,
)
from services import audit, changes, keys
from services.actors import Staff, System
from services.errors import Conflict, Invalid, NotFound
from services.permissions import Permission, requires

log = structlog.get_logger()

Reason = Literal["request", "retention", "mistake"]

#: Bounds a legal hold's reason, as the database does.
MAX_HOLD_REASON = 500

#: Whether a client `c` is an old file at `:before`. Somebody who wrote since is not, whatever time
#: WhatsApp gave their message; nor is one whose message nobody has read.
IS_DUE = (
    "c.status = 'archived' and c.unread_count = 0"
    " and greatest(c.archived_at, c.last_message_at) < :before"
    " and not exists (select from messages m"
    "  where m.client_id = c.id and m.received_at >= :before)"
)

#: Other people's own words and files: a number that somebody else wrote down is part of their data.
#: The rest must hold nothing.
OF_OTHERS = frozenset(
    {
        *("messages", "message_statuses", "clients", "client_search", "documents", "drafts"),
        *("audit_values", "webhook_items"),
    }
)

#: What the identifiers are encrypted for.
_SEARCH = "erasure search"
#: Blocks of a table (8 KiB each) that are searched at once, and seconds that one step may search.
SEARCHED_BLOCKS = 512
_STEP = 1.0


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure and what is proved of it."""

    id: UUID
    #: The erased client's id, which leads nowhere any more.
    client_id: UUID
    #: The name of whoever asked for it; None when it was a retention rule.
    requested_by: str | None
    reason: Reason
    requested_at: datetime
    #: Rows removed, by table; `files` are files, `webhook_deliveries` raw bodies.
    counts: Mapping[str, int]
    #: Rows in other people's files in which an identifier of this person still occurs, by table.
    mentions: Mapping[str, int]
    #: Rows, by table, that should not be there: the erasure is not complete.
    leftovers: Mapping[str, int]
    #: When every table was searched for the client's id and held nothing any more.
    rows_verified_at: datetime | None
    #: When storage had none of the files any more.
    files_verified_at: datetime | None
    #: Deliveries that name the person and hold something that waits to be tried again or closed.
    waiting_deliveries: tuple[int, ...]
    #: Deliveries that name the person and could not be read: an admin decides (`settle`).
    unreadable_deliveries: tuple[int, ...]
    #: The person's identifiers that somebody else bears or bore: nothing was searched for them.
    unsearched: int
    #: What arrived while the file was there, was never processed, and names nobody that is known.
    unprocessed: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an erasure would remove, and what stands against it."""

    messages: int
    documents: int
    #: Why the client must not be erased for now.
    legal_hold: str | None


@dataclass(frozen=True, slots=True)
class Returned:
    """A client who is there although somebody of the same identity was erased."""

    client_id: UUID
    erasure_id: UUID
    erased_at: datetime
    client_created_at: datetime
    #: The client was made before the erasure, so a restored backup has brought them back. Otherwise
    #: they wrote again, which makes them a new client.
    by_restore: bool


@requires(Permission.ERASE_CLIENTS)
async def outlook(actor: Staff, client_id: UUID) -> Outlook:
    """What erasing this client would mean. Raises NotFound."""
    async with begin(actor) as connection:
        row = (
            await connection.execute(
                select(clients.c.legal_hold, _count(messages), _count(documents)).where(
                    clients.c.id == client_id
                )
            )
        ).one_or_none()
    if row is None:
        raise NotFound
    return Outlook(legal_hold=row[0], messages=row[1], documents=row[2])


@requires(Permission.ERASE_CLIENTS)
async def erase(
    actor: Staff | System,
    client_id: UUID,
    *,
    reason: Reason,
    only_if_due_before: datetime | None = None,
) -> Erasure:
    """Erase a client with everything that names them. It cannot be undone.

    With `only_if_due_before` it is done only if the file is archived and nothing has moved in it
    since then; otherwise Conflict `not_due`. Raises NotFound, or Conflict: `legal_hold` while one
    is set, `messages_waiting` while something they wrote has arrived and is not applied yet (it
    takes a second or two).
    """
    async with begin(actor) as connection:
        names = await _identities(connection, client_id)
        # Whoever applies a message of theirs at this moment waits, and then finds nobody.
        await lock_identities(connection, names)
        # So does whoever sends to them, or hears of what was sent; or they wait for that.
        await connection.execute(select(func.app_private.hold_messages_of(client_id)))
        held = (
            await connection.execute(
                select(clients.c.legal_hold).where(clients.c.id == client_id).with_for_update()
            )
        ).one_or_none()
        if held is None:
            raise NotFound
        if held.legal_hold is not None:
            raise Conflict("legal_hold")
        if await connection.scalar(select(func.app_private.is_awaited(client_id))):
            raise Conflict("messages_waiting")
        # On the locked row: whoever took the file up again was there first.
        if only_if_due_before is not None and not await connection.scalar(
            _IS_DUE, {"client": client_id, "before": only_if_due_before}
        ):
            raise Conflict("not_due")
        found = await _identities(connection, client_id)
        sought = await connection.scalar(select(func.app_private.identifiers_of(client_id)))
        erasure_id: UUID = (
            await connection.execute(
                _ERASE,
                {
                    "client": client_id,
                    "why": reason,
                    "hmacs": [digest_of(kind, value) for kind, value in found],
                    "sealed": keys.encrypt(_SEARCH, json.dumps(sought).encode()),
                },
            )
        ).scalar_one()
        row = (await connection.execute(_listed().where(erasures.c.id == erasure_id))).mappings()
        erasure = _erasure(row.one())
        await audit.record(
            connection,
            "erase",
            table="erasures",
            row=erasure_id,
            client=client_id,
            details={"reason": reason, "counts": dict(erasure.counts)},
        )
        await changes.announce(connection, {client_id: []})
    # Outside of the database too: a backup from before does not know of this erasure.
    log.info("client.erased", erasure_id=str(erasure_id), client_id=str(client_id), reason=reason)
    return erasure


@requires(Permission.ERASE_CLIENTS)
async def list_erasures(actor: Staff, *, limit: int = 100) -> list[Erasure]:
    """Erasures, newest first, with their proof."""
    async with begin(actor) as connection:
        rows = await connection.execute(
            _listed().order_by(erasures.c.requested_at.desc(), erasures.c.id).limit(limit)
        )
        return [_erasure(row) for row in rows.mappings()]


@requires(Permission.ERASE_CLIENTS)
async def legal_hold_of(actor: Staff, client_id: UUID) -> str | None:
    """Why this client must not be erased for now; None when they may be. Raises NotFound."""
    async with begin(actor) as connection:
        row = (
            await connection.execute(select(clients.c.legal_hold).where(clients.c.id == client_id))
        ).one_or_none()
        if row is not None:
            await audit.record(connection, "view", table="clients", row=client_id, client=client_id)
    if row is None:
        raise NotFound
    hold: str | None = row.legal_hold
    return hold


@requires(Permission.ERASE_CLIENTS)
async def set_legal_hold(actor: Staff, client_id: UUID, reason: str) -> None:
    """Keep anybody, retention rules included, from erasing this client.

    Raises Invalid (`reason`: required, too_long) or NotFound.
    """
    reason = " ".join(reason.replace("\0", " ").split())
    if not reason:
        raise Invalid({"reason": "required"})
    if len(reason) > MAX_HOLD_REASON:
        raise Invalid({"reason": "too_long"})
    await _hold(actor, client_id, reason)


@requires(Permission.ERASE_CLIENTS)
async def clear_legal_hold(actor: Staff, client_id: UUID) -> None:
    """Let the client be erased again. Raises NotFound."""
    await _hold(actor, client_id, None)


@requires(Permission.ERASE_CLIENTS)
async def settle(actor: Staff, erasure_id: UUID, delivery_id: int, *, is_theirs: bool) -> None:
    """Say of an unreadable delivery whose it is: the erased person's, then its body is emptied, or
    other people's, then it stays. Raises NotFound when it is no open question of that erasure."""
    async with begin(actor) as connection:
        settled = await connection.scalar(
            select(func.app_private.settle_delivery(erasure_id, delivery_id, is_theirs))
        )
        if not settled:
            raise NotFound


@requires(Permission.SYSTEM)
async def prove_next(actor: System) -> int:
    """Go on with the proof of one erasure; 0 when there is nothing to do for now.

    It searches for about a second and remembers where it was. A search that finds something is
    told on the page and made again an hour later.
    """
    async with begin(actor) as connection:
        files = await connection.execute(_VERIFY_FILES)
        settled = await connection.scalar(_SETTLE)
        erasure = (await connection.execute(_NEXT_TO_SEARCH)).one_or_none()
        if erasure is None:
            return files.rowcount + (settled or 0)
        names = _sought(erasure.id, erasure.sought)
        if names is None:
            names = []
            await connection.execute(
                update(erasures)
                .where(erasures.c.id == erasure.id)
                .values(unsearched=func.cardinality(erasures.c.identifier_hmacs))
            )
        until = time.monotonic() + _STEP
        is_over = await _search(connection, erasure.id, names)
        while not is_over and time.monotonic() < until:
            is_over = await _search(connection, erasure.id, names)
        if not is_over:
            return 1
        found = (await connection.execute(_listed().where(erasures.c.id == erasure.id))).mappings()
        searched = _erasure(found.one())
        if not (
            searched.leftovers or searched.waiting_deliveries or searched.unreadable_deliveries
        ):
            await connection.execute(
                update(erasures)
                .where(erasures.c.id == erasure.id)
                .values(rows_verified_at=func.now(), sought=None)
            )
    if searched.leftovers:
        log.error(
            "erasure.not_proved", erasure_id=str(erasure.id), tables=sorted(searched.leftovers)
        )
    return 1


@requires(Permission.SYSTEM)
async def list_returned(actor: System) -> list[Returned]:
    """Clients who bear an identity of somebody erased: after a restore, whom to erase again.

    It lists and removes nothing: somebody who wrote again after their erasure is among them. The
    erasures themselves have to be there: they are carried over from the database as it was before.
    """
    found: list[Returned] = []
    async with begin(actor) as connection:
        tombstones = {
            bytes(digest): row
            for row in (await connection.execute(select(erasures))).all()
            for digest in row.identifier_hmacs
        }
        by_id = {row.client_id: row for row in tombstones.values()}
        borne = await connection.stream(
            select(
                client_identities.c.kind,
                client_identities.c.value,
                clients.c.id,
                clients.c.created_at,
            )
            .join_from(clients, client_identities, client_identities.c.client_id == clients.c.id)
            .order_by(clients.c.created_at, clients.c.id)
        )
        async for kind, value, client_id, created_at in borne:
            erased = by_id.get(client_id) or tombstones.get(digest_of(kind, value))
            if erased is None or (found and found[-1].client_id == client_id):
                continue
            found.append(
                Returned(
                    client_id=client_id,
                    erasure_id=erased.id,
                    erased_at=erased.requested_at,
                    client_created_at=created_at,
                    by_restore=created_at < erased.requested_at,
                )
            )
    return found


def digest_of(kind: str, value: str) -> bytes:
    """What is kept of an identifier. A phone and the wa_id with the same digits are one."""
    return keys.digest("erasure", value.removeprefix("+") if kind == "phone" else value)


async def _hold(actor: Staff, client_id: UUID, reason: str | None) -> None:
    async with begin(actor) as connection:
        done = await connection.execute(
            update(clients)
            .where(clients.c.id == client_id)
            .values(legal_hold=reason, updated_at=func.now())
        )
        if done.rowcount == 0:
            raise NotFound
        await changes.announce(connection, {client_id: []})


async def _identities(connection: AsyncConnection, client_id: UUID) -> list[tuple[str, str]]:
    rows = await connection.execute(
        select(client_identities.c.kind, client_identities.c.value)
        .where(client_identities.c.client_id == client_id)
        .order_by(client_identities.c.id)
    )
    return [(row.kind, row.value) for row in rows]


async def _search(connection: AsyncConnection, erasure_id: UUID, names: list[str]) -> bool:
    """Search one part of a table; whether that was the last."""
    search = func.app_private.search_erased(erasure_id, names, SEARCHED_BLOCKS)
    return bool(await connection.scalar(select(search)))


def _sought(erasure_id: UUID, sealed: bytes | None) -> list[str] | None:
    """The identifiers to look for; None where they were encrypted with another secret."""
    try:
        names: list[str] = json.loads(keys.decrypt(_SEARCH, bytes(sealed or b"")))
    except keys.Undecipherable:
        log.warning("erasure.searched_by_id_only", erasure_id=str(erasure_id))
        return None
    return names


def _count(table: Table) -> ScalarSelect[int]:
    """How many rows of a table hang on a client, beside the client's own columns."""
    return (
        select(func.count())
        .select_from(table)
        .where(table.c.client_id == clients.c.id)
        .scalar_subquery()
    )


def _listed() -> Select[Any]:
    delivery, item = webhook_deliveries.c, webhook_items.c
    # Those that could not be read, of the open ones.
    unreadable = select(func.array_agg(delivery.id)).where(
        delivery.id == func.any(erasures.c.open_deliveries), delivery.state == "unreadable"
    )
    unread = select(func.count()).where(
        delivery.state == "unreadable",
        delivery.body_removed_at.is_(None),
        delivery.received_at.between(erasures.c.client_since, erasures.c.requested_at),
        delivery.id != func.all(erasures.c.open_deliveries),
        delivery.id != func.all(erasures.c.kept_deliveries),
    )
    quarantined = select(func.count()).where(
        item.state == "quarantined",
        item.created_at.between(erasures.c.client_since, erasures.c.requested_at),
    )
    return select(
        erasures,
        staff.c.name.label("staff_name"),
        unreadable.correlate(erasures).scalar_subquery().label("unreadable"),
        (
            unread.correlate(erasures).scalar_subquery()
            + quarantined.correlate(erasures).scalar_subquery()
        ).label("unprocessed"),
    ).join(staff, staff.c.id == erasures.c.requested_by, isouter=True)


def _erasure(row: RowMapping) -> Erasure:
    named = row["mentions"]
    unreadable = tuple(sorted(row["unreadable"] or ()))
    unexplained = {name: hits for name, hits in named.items() if name not in OF_OTHERS}
    return Erasure(
        id=row["id"],
        client_id=row["client_id"],
        requested_by=row["staff_name"],
        reason=row["reason"],
        requested_at=row["requested_at"],
        counts=row["counts"],
        mentions={name: hits for name, hits in named.items() if name in OF_OTHERS},
        leftovers=unexplained | row["leftovers"],
        rows_verified_at=row["rows_verified_at"],
        files_verified_at=row["files_verified_at"],
        waiting_deliveries=tuple(id for id in row["open_deliveries"] if id not in unreadable),
        unreadable_deliveries=unreadable,
        unsearched=row["unsearched"],
        unprocessed=row["unprocessed"],
    )


_IS_DUE = text(f"select true from clients c where c.id = :client and {IS_DUE}")  # noqa: S608
_ERASE = text("select app_private.erase_client(:client, :why, :hmacs, :sealed)").bindparams(
    bindparam("hmacs", type_=ARRAY(LargeBinary))
)
_VERIFY_FILES = text(
    "update erasures e set files_verified_at = now() where files_verified_at is null"
    " and not exists (select from storage_removals r"
    "  where r.erasure_id = e.id and r.removed_at is null)"
)
# What was open is emptied as soon as nothing in it waits any more; so is what came late.
_SETTLE = text(
    "select sum(app_private.empty_deliveries(o.id, '{}')) from (select e.id from erasures e"
    " where e.open_deliveries <> '{}'"
    " for update skip locked) o"
)
_NEXT_TO_SEARCH = text(
    "select id, sought from erasures where rows_verified_at is null"
    # After a search that found something it is searched again an hour later; what is open is
    # searched afresh once it has been settled.
    " and (rows_searched_at is null or search_table is not null"
    "  or rows_searched_at < now() - interval '1 hour')"
    " order by requested_at limit 1 for update skip locked"
)
