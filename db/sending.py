"""What waits to be sent: taking it, marking it, and recording what became of it.

Whoever touches several tables does so in this order: whatsapp_numbers only to take, message_sends,
messages, whatsapp_numbers, clients. Taking never waits for a row of message_sends.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Limits:
    """See `services.whatsapp.Pacing`; `burst` is how many of a number may leave at once."""

    per_second: float
    burst: float
    pair_burst: int
    pair_seconds: float


async def due_numbers(connection: AsyncConnection) -> list[str]:
    """Our numbers for which something waits whose time has come."""
    found = await connection.scalars(
        text(
            "select distinct phone_number_id from message_sends"
            " where finished_at is null and next_attempt_at <= now()"
            "  and (leased_until is null or leased_until < now()) order by 1"
        )
    )
    return list(found)


async def take_tokens(connection: AsyncConnection, phone_number_id: str, limits: Limits) -> int:
    """How many messages of a number may leave now. Whoever else takes waits for this transaction.

    None may while it is stopped or paused.
    """
    await connection.execute(
        text(
            "insert into whatsapp_numbers (phone_number_id, last_delivery_at)"
            " values (:number, null) on conflict do nothing"
        ),
        {"number": phone_number_id},
    )
    found = await connection.scalar(
        text(
            "update whatsapp_numbers set send_tokens_at = clock_timestamp(),"
            "  send_tokens = least(:burst, send_tokens + :rate"
            "   * greatest(extract(epoch from clock_timestamp() - send_tokens_at), 0))"
            " where phone_number_id = :number and stopped_at is null"
            "  and (paused_until is null or paused_until <= now())"
            " returning send_tokens"
        ),
        {"number": phone_number_id, "rate": limits.per_second, "burst": limits.burst},
    )
    return int(found or 0)


async def claim(
    connection: AsyncConnection,
    phone_number_id: str,
    limits: Limits,
    *,
    owner: UUID,
    most: int,
    lease: float,
) -> Sequence[RowMapping]:
    """Take the next message of each client, unless theirs is under way or they got many lately.

    Call it after `take_tokens`, in its transaction; what is taken is subtracted.
    """
    rows = await _rows(
        connection,
        "with next as ("
        "  select s.message_id from message_sends s"
        "  join messages m on m.id = s.message_id and m.client_id = s.client_id"
        "  where s.phone_number_id = :number and s.finished_at is null"
        "   and s.next_attempt_at <= now()"
        "   and (s.leased_until is null or s.leased_until < now()) and m.status = 'queued'"
        "   and not exists (select from message_sends earlier"
        "    where earlier.client_id = s.client_id and earlier.finished_at is null"
        "     and earlier.position < s.position)"
        "   and (select count(*) from message_sends lately"
        "    where lately.client_id = s.client_id and lately.requested_at"
        "     > now() - make_interval(secs => :pair_seconds * :pair_burst)) < :pair_burst"
        "  order by s.position limit :most for update of s skip locked)"
        " update message_sends s set owner = :owner, attempts = attempts + 1,"
        "  leased_until = now() + make_interval(secs => :lease)"
        " from next, messages m where s.message_id = next.message_id and m.id = s.message_id"
        " returning s.message_id, s.client_id, s.phone_number_id, s.request, s.attempts,"
        "  s.uploaded_id, s.uploaded_at, m.type",
        {
            "number": phone_number_id,
            "owner": owner,
            "most": most,
            "lease": lease,
            "pair_burst": limits.pair_burst,
            "pair_seconds": limits.pair_seconds,
        },
    )
    if rows:
        await connection.execute(
            text(
                "update whatsapp_numbers set send_tokens = send_tokens - :taken"
                " where phone_number_id = :number"
            ),
            {"number": phone_number_id, "taken": len(rows)},
        )
    return rows


async def mark_sending(
    connection: AsyncConnection, message_id: UUID, owner: UUID, lease: float
) -> bool:
    """Say that the request is about to leave; False where it must not: another took it over, it
    was taken back, or news of it came."""
    taken = await connection.execute(
        text(
            "update message_sends set requested_at = clock_timestamp(),"
            "  leased_until = clock_timestamp() + make_interval(secs => :lease)"
            " where message_id = :id and owner = :owner and finished_at is null"
        ),
        {"id": message_id, "owner": owner, "lease": lease},
    )
    if not taken.rowcount:
        return False
    marked = await connection.execute(
        text(
            "update messages set status = 'sending', status_at = clock_timestamp()"
            " where id = :id and status = 'queued'"
        ),
        {"id": message_id},
    )
    return bool(marked.rowcount)


async def expire(connection: AsyncConnection, patience: float) -> Sequence[RowMapping]:
    """Nobody knows what became of messages whose sender was lost with the request under way.

    Returns (id, client_id). For `patience` seconds news may still come.
    """
    late = await _rows(
        connection,
        "with late as ("
        "  select s.message_id from message_sends s join messages m on m.id = s.message_id"
        "  where s.finished_at is null and s.leased_until < now() and m.status = 'sending'"
        "  for update of s skip locked)"
        " update message_sends s set owner = null, leased_until = null, problem = 'interrupted',"
        "  next_attempt_at = now() + make_interval(secs => :patience)"
        " from late where s.message_id = late.message_id returning s.message_id",
        {"patience": patience},
    )
    if not late:
        return []
    return await _rows(
        connection,
        "update messages set status = 'unknown', status_at = now()"
        " where id = any (:ids) and status = 'sending' returning id, client_id",
        {"ids": [row["message_id"] for row in late]},
    )


async def give_up_waiting(connection: AsyncConnection) -> Sequence[RowMapping]:
    """Of what is unknown no news has come: a person decides, and the client's next ones go on.

    Returns (id, client_id).
    """
    return await _rows(
        connection,
        "with silent as ("
        "  select s.message_id from message_sends s join messages m on m.id = s.message_id"
        "  where s.finished_at is null and s.owner is null and s.next_attempt_at <= now()"
        "   and m.status = 'unknown' for update of s skip locked)"
        " update message_sends s set finished_at = now() from silent"
        " where s.message_id = silent.message_id"
        " returning s.message_id as id, s.client_id",
        {},
    )


async def finish(connection: AsyncConnection, message_id: UUID, *, held: str | None = None) -> None:
    """Nothing more is to be done for a message. `held`: why WhatsApp keeps it back, if it does."""
    await connection.execute(
        text(
            "update message_sends set finished_at = coalesce(finished_at, clock_timestamp()),"
            "  owner = null, leased_until = null, problem = null, held = :held"
            " where message_id = :id"
        ),
        {"id": message_id, "held": held},
    )


async def postpone(
    connection: AsyncConnection,
    message_id: UUID,
    owner: UUID,
    *,
    wait: float,
    problem: str,
    counts: bool = True,
) -> bool:
    """Try again in `wait` seconds; False where it is not ours any more. Without `counts` the
    attempt was none."""
    put_back = await connection.execute(
        text(
            "update message_sends set owner = null, leased_until = null, problem = :problem,"
            "  attempts = attempts - :uncounted,"
            "  next_attempt_at = clock_timestamp() + make_interval(secs => :wait)"
            " where message_id = :id and owner = :owner and finished_at is null"
        ),
        {
            "id": message_id,
            "owner": owner,
            "wait": wait,
            "problem": problem,
            "uncounted": 0 if counts else 1,
        },
    )
    if not put_back.rowcount:
        return False
    await connection.execute(
        text(
            "update messages set status = 'queued', status_at = clock_timestamp()"
            " where id = :id and status in ('queued', 'sending')"
        ),
        {"id": message_id},
    )
    return True


async def await_news(
    connection: AsyncConnection, message_id: UUID, owner: UUID, *, patience: float, problem: str
) -> bool:
    """The request may have arrived: unknown, until news comes or a person decides."""
    mine = await connection.execute(
        text(
            "update message_sends set owner = null, leased_until = null, problem = :problem,"
            "  next_attempt_at = clock_timestamp() + make_interval(secs => :patience)"
            " where message_id = :id and owner = :owner and finished_at is null"
        ),
        {"id": message_id, "owner": owner, "patience": patience, "problem": problem},
    )
    if mine.rowcount:
        await connection.execute(
            text(
                "update messages set status = 'unknown', status_at = clock_timestamp()"
                " where id = :id and status = 'sending'"
            ),
            {"id": message_id},
        )
    return bool(mine.rowcount)


async def fail(connection: AsyncConnection, message_id: UUID, error: dict[str, Any]) -> None:
    """WhatsApp refused a message for good, or it could not even be asked."""
    await finish(connection, message_id)
    await connection.execute(
        text(
            "update messages set status = 'failed', status_at = clock_timestamp(),"
            "  error = cast(:error as jsonb)"
            " where id = :id and status in ('queued', 'sending', 'unknown')"
        ),
        {"id": message_id, "error": json.dumps(error)},
    )


async def own(connection: AsyncConnection, rows: Sequence[dict[str, str]]) -> Sequence[RowMapping]:
    """These WhatsApp ids are of messages of ours: rows of id, phone_number_id, whatsapp_id.

    Under the locks of those ids. What came as an echo of such a message goes; the message was
    accepted, whatever we believed of it. Returns (id, client_id) of messages that got their id.
    """
    unnamed = await _rows(
        connection,
        "select m.id, m.client_id, r.phone_number_id, r.whatsapp_id"
        " from jsonb_to_recordset(cast(:rows as jsonb))"
        "  as r (id uuid, phone_number_id text, whatsapp_id text)"
        " join messages m on m.id = r.id and m.phone_number_id = r.phone_number_id"
        " where m.direction = 'outbound' and m.delivery_id is null and m.whatsapp_id is null",
        {"rows": json.dumps(rows)},
    )
    # Tried twice where an error was none, a message may have two ids: the first counts.
    named = {row["id"]: row for row in reversed(unnamed)}
    if not named:
        return []
    ids = list(named)
    await connection.execute(
        text(
            "update message_sends set finished_at = coalesce(finished_at, clock_timestamp()),"
            "  owner = null, leased_until = null, problem = null where message_id = any (:ids)"
        ),
        {"ids": ids},
    )
    keys = {
        "ids": ids,
        "numbers": [row["phone_number_id"] for row in named.values()],
        "wamids": [row["whatsapp_id"] for row in named.values()],
    }
    wanted = (
        "unnest(cast(:ids as uuid[]), cast(:numbers as text[]), cast(:wamids as text[]))"
        " as w (id, number, wamid)"
    )
    await connection.execute(
        text(
            f"delete from messages m using {wanted}"  # noqa: S608
            " where m.phone_number_id = w.number and m.whatsapp_id = w.wamid and m.id <> w.id"
            "  and m.direction = 'outbound' and m.delivery_id is not null"
        ),
        keys,
    )
    return await _rows(
        connection,
        "update messages m set whatsapp_id = w.wamid, status_at = clock_timestamp(),"  # noqa: S608
        "  status = 'accepted', error = null"
        f" from {wanted} where m.id = w.id and m.whatsapp_id is null"
        " returning m.id, m.client_id",
        keys,
    )


async def take_back_retries(
    connection: AsyncConnection, ids: Sequence[UUID]
) -> Sequence[RowMapping]:
    """What was to be sent once more in place of these, and has not left, goes: they arrived.

    Call it once their statuses are applied. Returns (client_id) of what is gone.
    """
    if not ids:
        return []
    waiting = await _rows(
        connection,
        "select s.message_id from message_sends s join messages old on old.id = s.retry_of"
        " where old.id = any (:ids) and old.status <> 'failed' and s.finished_at is null"
        " order by s.position for update of s",
        {"ids": list(ids)},
    )
    if not waiting:
        return []
    return await _rows(
        connection,
        "delete from messages where id = any (:ids) and status = 'queued' and whatsapp_id is null"
        " returning client_id",
        {"ids": [row["message_id"] for row in waiting]},
    )


async def stop(
    connection: AsyncConnection, phone_number_id: str, code: int | None, details: str | None
) -> bool:
    """Send nothing of a number until somebody says so; whether it was not stopped before."""
    stopped = await connection.execute(
        text(
            "update whatsapp_numbers set stopped_at = clock_timestamp(), stop_code = :code,"
            "  stop_details = :details, checked_at = clock_timestamp()"
            " where phone_number_id = :number and stopped_at is null"
        ),
        {"number": phone_number_id, "code": code, "details": details},
    )
    return bool(stopped.rowcount)


async def pause(connection: AsyncConnection, phone_number_id: str, wait: float) -> None:
    """Send nothing of a number for some seconds."""
    await connection.execute(
        text(
            "update whatsapp_numbers set paused_until = greatest(paused_until,"
            "  clock_timestamp() + make_interval(secs => :wait)), send_tokens = 0,"
            "  send_tokens_at = clock_timestamp() where phone_number_id = :number"
        ),
        {"number": phone_number_id, "wait": wait},
    )


async def close_window(connection: AsyncConnection, rows: Sequence[dict[str, str]]) -> None:
    """WhatsApp's word that it was closed. Rows: phone_number_id, whatsapp_id, at (ISO 8601)."""
    if rows:
        await connection.execute(
            text(
                "update clients c set window_closed_at = greatest(c.window_closed_at, r.at)"
                " from jsonb_to_recordset(cast(:rows as jsonb))"
                "  as r (phone_number_id text, whatsapp_id text, at timestamptz)"
                " join messages m on m.phone_number_id = r.phone_number_id"
                "  and m.whatsapp_id = r.whatsapp_id"
                " where c.id = m.client_id and m.direction = 'outbound'"
            ),
            {"rows": json.dumps(rows)},
        )


async def close_window_of(connection: AsyncConnection, client_id: UUID, at: datetime) -> None:
    """The same of a client, whose message was refused at once."""
    await connection.execute(
        text(
            "update clients set window_closed_at = greatest(window_closed_at, :at)"
            " where id = :client"
        ),
        {"client": client_id, "at": at},
    )


async def _rows(
    connection: AsyncConnection, statement: str, parameters: dict[str, Any]
) -> Sequence[RowMapping]:
    return (await connection.execute(text(statement), parameters)).mappings().all()
