"""Whose a conversation is: taken, given, handed over with a note, and what became of it before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import assignments, clients, note_mentions, staff
from services import changes, written
from services.actors import Actor, Staff
from services.errors import Invalid, NotFound
from services.permissions import Permission, requires

MOST_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff as others see them."""

    id: UUID
    name: str
    #: Whether a conversation can be theirs: who may only read cannot answer.
    answers: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """A conversation became somebody's, or nobody's. Names are None for who left the staff."""

    id: int
    client_id: UUID
    assigned_at: datetime
    to_id: UUID | None
    to_name: str | None
    from_name: str | None
    by_id: UUID | None
    by_name: str | None
    #: By answering what was nobody's.
    by_answering: bool
    note: str | None


@requires(Permission.READ_CLIENTS)
async def colleagues(actor: Actor) -> list[Colleague]:
    """Everybody who is active on the staff, by name."""
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(staff.c.id, staff.c.name, staff.c.role != "viewer")
            .where(staff.c.active)
            .order_by(func.lower(staff.c.name), staff.c.id)
        )
        return [Colleague(*row) for row in rows]


@requires(Permission.CHANGE_CLIENTS)
async def assign(
    actor: Actor, client_id: UUID, to: UUID | None, *, note: str | None = None
) -> UUID | None:
    """Make a conversation somebody's, or nobody's; returns whose it was.

    Whoever gets it from somebody else is told, with the note. Nothing is written when it is theirs
    already and there is no note. Raises NotFound, and Invalid: `to` (`cannot_answer`: not on the
    active staff, or may only read), `note` (`too_long`, `not_text`).
    """
    words = _note(note)
    async with begin(actor) as connection:
        if to is not None and not await connection.scalar(
            select(staff.c.id).where(staff.c.id == to, staff.c.active, staff.c.role != "viewer")
        ):
            raise Invalid({"to": "cannot_answer"})
        found = await connection.execute(
            select(clients.c.id, clients.c.assigned_to)
            .where(clients.c.id == client_id)
            .with_for_update()
        )
        row = found.one_or_none()
        if row is None:
            raise NotFound
        before: UUID | None = row.assigned_to
        if before == to and words is None:
            return before
        await connection.execute(
            update(clients).where(clients.c.id == client_id).values(assigned_to=to)
        )
        await _write(connection, actor, client_id, to, before, note=words)
        if to is not None and to != _id(actor):
            await changes.tell_person(connection, to, client_id, "assigned")
        await changes.announce(connection, {client_id: []})
    return before


async def take_if_free(connection: AsyncConnection, actor: Actor, client_id: UUID) -> bool:
    """Whoever answers what is nobody's takes it: for the transaction that queues an answer.

    What had come back from being snoozed has been looked after, too. Returns whether it became
    theirs. The caller announces the client.
    """
    await connection.execute(
        update(clients)
        .where(clients.c.id == client_id, clients.c.woken_at.is_not(None))
        .values(woken_at=None)
    )
    if not isinstance(actor, Staff):
        return False
    taken = await connection.execute(
        update(clients)
        .where(clients.c.id == client_id, clients.c.assigned_to.is_(None))
        .values(assigned_to=actor.id)
    )
    if not taken.rowcount:
        return False
    await _write(connection, actor, client_id, actor.id, None, by_answering=True)
    return True


@requires(Permission.READ_CLIENTS)
async def history(
    actor: Actor,
    client_id: UUID,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    most: int = 200,
) -> list[Assignment]:
    """What became of the conversation, oldest first: the newest `most` in [since, until)."""
    given, taken, who = staff.alias("given"), staff.alias("taken"), staff.alias("who")
    a = assignments.c
    query = (
        select(
            a.id,
            a.client_id,
            a.assigned_at,
            a.assigned_to,
            given.c.name,
            taken.c.name,
            a.assigned_by,
            who.c.name,
            a.by_answering,
            a.note,
        )
        .select_from(assignments)
        .outerjoin(given, given.c.id == a.assigned_to)
        .outerjoin(taken, taken.c.id == a.assigned_from)
        .outerjoin(who, who.c.id == a.assigned_by)
        .where(a.client_id == client_id)
        .order_by(a.assigned_at.desc(), a.id.desc())
        .limit(min(max(most, 1), 500))
    )
    if since is not None:
        query = query.where(a.assigned_at >= since)
    if until is not None:
        query = query.where(a.assigned_at < until)
    async with begin(actor) as connection:
        rows = (await connection.execute(query)).all()
    return [Assignment(*row) for row in reversed(rows)]


@requires(Permission.READ_CLIENTS)
async def mark_told(actor: Staff, client_id: UUID) -> None:
    """Say that this person has seen what was meant for them here: a hand-over, mentions."""
    async with begin(actor) as connection:
        given = await connection.execute(
            update(assignments)
            .where(
                assignments.c.client_id == client_id,
                assignments.c.assigned_to == actor.id,
                assignments.c.seen_at.is_(None),
            )
            .values(seen_at=func.now())
        )
        mentioned = await connection.execute(
            update(note_mentions)
            .where(
                note_mentions.c.client_id == client_id,
                note_mentions.c.staff_id == actor.id,
                note_mentions.c.seen_at.is_(None),
            )
            .values(seen_at=func.now())
        )
        if given.rowcount or mentioned.rowcount:
            await changes.announce(connection, {client_id: []})


async def untold(
    connection: AsyncConnection, staff_id: UUID, client_ids: Sequence[UUID]
) -> set[UUID]:
    """Which of these conversations hold something that this person has not seen yet."""
    if not client_ids:
        return set()
    given = select(assignments.c.client_id).where(
        assignments.c.assigned_to == staff_id,
        assignments.c.seen_at.is_(None),
        assignments.c.client_id.in_(client_ids),
        # What has gone on to somebody else meanwhile is no news.
        select(clients.c.id)
        .where(clients.c.id == assignments.c.client_id, clients.c.assigned_to == staff_id)
        .exists(),
    )
    mentioned = select(note_mentions.c.client_id).where(
        note_mentions.c.staff_id == staff_id,
        note_mentions.c.seen_at.is_(None),
        note_mentions.c.client_id.in_(client_ids),
    )
    return set(await connection.scalars(given.union(mentioned)))


async def untold_to_all(
    connection: AsyncConnection, client_ids: Sequence[UUID]
) -> set[tuple[UUID, UUID]]:
    """The same for everybody: (client, person) pairs."""
    a, n = assignments.c, note_mentions.c
    given = select(a.client_id, a.assigned_to).where(
        a.seen_at.is_(None),
        a.client_id.in_(client_ids),
        select(clients.c.id)
        .where(clients.c.id == a.client_id, clients.c.assigned_to == a.assigned_to)
        .exists(),
    )
    mentioned = select(n.client_id, n.staff_id).where(
        n.seen_at.is_(None), n.client_id.in_(client_ids)
    )
    rows = await connection.execute(given.union(mentioned))
    return {(client_id, staff_id) for client_id, staff_id in rows}


async def _write(
    connection: AsyncConnection,
    actor: Actor,
    client_id: UUID,
    to: UUID | None,
    before: UUID | None,
    *,
    note: str | None = None,
    by_answering: bool = False,
) -> None:
    by = _id(actor)
    await connection.execute(
        insert(assignments).values(
            client_id=client_id,
            assigned_to=to,
            assigned_from=before,
            assigned_by=by,
            by_answering=by_answering,
            note=note,
            seen_at=func.now() if to is None or to == by else None,
        )
    )
    # What was meant for whoever had it before has gone on.
    await connection.execute(
        update(assignments)
        .where(
            assignments.c.client_id == client_id,
            assignments.c.assigned_to == by,
            assignments.c.seen_at.is_(None),
        )
        .values(seen_at=func.now())
    )


def _id(actor: Actor) -> UUID | None:
    return actor.id if isinstance(actor, Staff) else None


def _note(note: str | None) -> str | None:
    if note is None or not note.strip():
        return None
    try:
        return written.checked(note, MOST_NOTE)
    except ValueError as problem:
        raise Invalid({"note": str(problem)}) from None
