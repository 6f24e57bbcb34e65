"""What becomes of a conversation without writing in it: later, done, put away, and back.

A press is answered with what was before, and `put_back` makes it so again, unless somebody or the
person has changed it meanwhile.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from db.engine import begin
from db.tables import clients
from services import changes
from services.actors import Actor, System
from services.clients import ClientStatus
from services.errors import Invalid, NotFound
from services.permissions import Permission, requires

#: What is put off longer than this is forgotten by those who put it off.
MOST_SNOOZE = timedelta(days=366)
#: Conversations that wake up in one step.
_WAKE_BATCH = 500


@dataclass(frozen=True, slots=True)
class Before:
    """How a conversation stood before a press, and how it stood right after."""

    client_id: UUID
    status: ClientStatus
    waiting_since: datetime | None
    snoozed_until: datetime | None
    woken_at: datetime | None
    #: The state that the press has made; only from there is there a way back.
    made: tuple[object, ...]


@requires(Permission.CHANGE_CLIENTS)
async def snooze(actor: Actor, client_id: UUID, until: datetime) -> Before:
    """Take a conversation out of the inbox until then, or until the person writes.

    Raises NotFound, and Invalid `until`: `in_the_past`, `too_far`.
    """
    now = datetime.now(UTC)
    if until.tzinfo is None or until <= now:
        raise Invalid({"until": "in_the_past"})
    if until > now + MOST_SNOOZE:
        raise Invalid({"until": "too_far"})
    return await _press(actor, client_id, snoozed_until=until, woken_at=None)


@requires(Permission.CHANGE_CLIENTS)
async def wake(actor: Actor, client_id: UUID) -> Before:
    """Bring a snoozed conversation back now. Raises NotFound."""
    return await _press(actor, client_id, snoozed_until=None)


@requires(Permission.CHANGE_CLIENTS)
async def no_answer_needed(actor: Actor, client_id: UUID) -> Before:
    """Say that nobody waits for us here. Raises NotFound."""
    return await _press(actor, client_id, waiting_since=None, woken_at=None, snoozed_until=None)


@requires(Permission.CHANGE_CLIENTS)
async def archive(actor: Actor, client_id: UUID) -> Before:
    """Put a conversation away: it comes back when the person writes. Raises NotFound."""
    return await _press(
        actor, client_id, status="archived", waiting_since=None, snoozed_until=None, woken_at=None
    )


@requires(Permission.CHANGE_CLIENTS)
async def restore(actor: Actor, client_id: UUID) -> Before:
    """Bring an archived conversation back. Raises NotFound."""
    return await _press(actor, client_id, status="active")


@requires(Permission.CHANGE_CLIENTS)
async def put_back(actor: Actor, before: Before) -> bool:
    """Undo one of the above; False when it has changed meanwhile, or is gone."""
    async with begin(actor) as connection:
        found = await connection.execute(
            select(*_STATE).where(clients.c.id == before.client_id).with_for_update()
        )
        row = found.one_or_none()
        if row is None or tuple(row) != before.made:
            return False
        await connection.execute(
            update(clients)
            .where(clients.c.id == before.client_id)
            .values(
                status=before.status,
                waiting_since=before.waiting_since,
                snoozed_until=before.snoozed_until,
                woken_at=before.woken_at,
                updated_at=func.clock_timestamp(),
            )
        )
        await changes.announce(connection, {before.client_id: []})
        return True


@requires(Permission.SYSTEM)
async def wake_due(actor: System) -> int:
    """Bring back what was snoozed until now: it asks for somebody again. How many came back."""
    due = (
        select(clients.c.id)
        .where(clients.c.snoozed_until <= func.now())
        .order_by(clients.c.snoozed_until)
        .limit(_WAKE_BATCH)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    async with begin(actor) as connection:
        woken = await connection.scalars(
            update(clients)
            .where(clients.c.id.in_(due))
            .values(snoozed_until=None, woken_at=func.now())
            .returning(clients.c.id)
        )
        ids = list(woken)
        await changes.announce(connection, {id: [] for id in ids})
        return len(ids)


async def _press(actor: Actor, client_id: UUID, **values: object) -> Before:
    async with begin(actor) as connection:
        found = await connection.execute(
            select(*_STATE).where(clients.c.id == client_id).with_for_update()
        )
        was = found.one_or_none()
        if was is None:
            raise NotFound
        made = await connection.execute(
            update(clients)
            .where(clients.c.id == client_id)
            .values(updated_at=func.clock_timestamp(), **values)
            .returning(*_STATE)
        )
        await changes.announce(connection, {client_id: []})
        return Before(client_id, *was, made=tuple(made.one()))


#: In the order of Before's fields.
_STATE = (
    clients.c.status,
    clients.c.waiting_since,
    clients.c.snoozed_until,
    clients.c.woken_at,
)
