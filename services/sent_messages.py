"""What the timeline says of our own messages: who sent them, what follows, what is in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import case, exists, func, select, tuple_
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import clients, message_sends, message_statuses, staff
from services.events import Held
from services.graph_errors import Remedy, remedy
from services.window import window_of


@dataclass(frozen=True, slots=True)
class Sending:
    """What is known of a message of ours beside its status."""

    #: The name of who sent it; None for a program, and for who is not on the staff any more.
    author: str | None
    #: The message that this one sends once more.
    retry_of: UUID | None
    #: There is a later attempt.
    retried: bool
    #: When it is tried again by itself.
    waits_until: datetime | None
    #: Nothing more is done with it by itself.
    finished: bool
    #: What can be done about one that failed, as things are now.
    remedy: Remedy | None = None
    #: Why WhatsApp keeps back one that it accepted, until it says more.
    held: Held | None = None


async def sends_of(
    connection: AsyncConnection, messages: Sequence[RowMapping]
) -> dict[UUID, Sending]:
    """How those messages of one client were sent that this app sends."""
    if not messages:
        return {}
    send, again = message_sends.c, message_sends.alias("again")
    rows = await connection.execute(
        select(
            send.message_id,
            staff.c.name,
            send.retry_of,
            exists().where(again.c.retry_of == send.message_id),
            case((send.attempts > 0, send.next_attempt_at)),
            send.finished_at.is_not(None),
            send.held,
        )
        .join_from(message_sends, staff, staff.c.id == send.created_by, isouter=True)
        .where(send.message_id.in_([message["id"] for message in messages]))
    )
    remedies = await _remedies(connection, [m for m in messages if m["status"] == "failed"])
    accepted = {m["id"] for m in messages if m["status"] == "accepted"}
    return {
        id: Sending(
            author,
            retry_of,
            retried,
            waits_until,
            finished,
            remedies.get(id),
            held if id in accepted else None,
        )
        for id, author, retry_of, retried, waits_until, finished, held in rows
    }


async def _remedies(
    connection: AsyncConnection, failed: Sequence[RowMapping]
) -> dict[UUID, Remedy | None]:
    if not failed:
        return {}
    query = select(clients.c.last_inbound_at, clients.c.window_closed_at)
    client = (await connection.execute(query.where(clients.c.id == failed[0]["client_id"]))).one()
    now = datetime.now(UTC)
    window = window_of(client.last_inbound_at, client.window_closed_at, now)
    return {
        message["id"]: remedy(
            message["error"].get("code") if message["error"] else None,
            now - message["sent_at"],
            is_template=message["type"] == "template",
            window_open=window.is_open,
        )
        for message in failed
    }


async def contradictory(connection: AsyncConnection, rows: Sequence[RowMapping]) -> frozenset[str]:
    """WhatsApp's ids of those that failed and arrived, as it says."""
    ids = [(row["phone_number_id"], row["whatsapp_id"]) for row in rows if row["whatsapp_id"]]
    if not ids:
        return frozenset()
    status = message_statuses.c
    arrived = status.status.in_(("delivered", "read", "played"))
    found = await connection.scalars(
        select(status.whatsapp_id)
        .where(tuple_(status.phone_number_id, status.whatsapp_id).in_(ids))
        .group_by(status.whatsapp_id)
        .having(func.bool_or(status.status == "failed"), func.bool_or(arrived))
    )
    return frozenset(found)
