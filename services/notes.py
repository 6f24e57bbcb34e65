"""Notes of the team in a conversation, with mentions of colleagues. The person never sees them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation
from sqlalchemy import Select, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import client_notes, clients, note_mentions, staff
from services import changes, written
from services.actors import Staff
from services.errors import Invalid, NotFound
from services.permissions import Permission, requires

MOST_BODY = 10_000
#: Colleagues that one note can call.
MOST_MENTIONS = 20


@dataclass(frozen=True, slots=True)
class Mention:
    staff_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Note:
    id: UUID
    client_id: UUID
    #: None for who is not on the staff any more.
    author_id: UUID | None
    author: str | None
    body: str
    created_at: datetime
    #: Whom it calls, by name as they are called today.
    mentions: tuple[Mention, ...] = ()


@requires(Permission.CHANGE_CLIENTS)
async def add_note(actor: Staff, client_id: UUID, body: str) -> Note:
    """Write a note; `@Name` of an active colleague calls them: they are told.

    Raises Invalid (`body`: required, too_long, not_text) and NotFound.
    """
    try:
        words = written.checked(body, MOST_BODY)
    except ValueError as problem:
        raise Invalid({"body": str(problem)}) from None
    try:
        async with begin(actor) as connection:
            if not await connection.scalar(select(clients.c.id).where(clients.c.id == client_id)):
                raise NotFound
            people = await connection.execute(
                select(staff.c.id, staff.c.name).where(staff.c.active).order_by(staff.c.id)
            )
            called = mentioned_in(words, [Mention(*row) for row in people])
            note_id: UUID = await connection.scalar(
                insert(client_notes)
                .values(client_id=client_id, author_id=actor.id, body=words)
                .returning(client_notes.c.id)
            )
            others = [person for person in called if person.staff_id != actor.id]
            if others:
                rows = [
                    {"note_id": note_id, "staff_id": person.staff_id, "client_id": client_id}
                    for person in others
                ]
                await connection.execute(insert(note_mentions), rows)
            for person in others:
                await changes.tell_person(connection, person.staff_id, client_id, "mentioned")
            await changes.announce(connection, {client_id: []})
            [note] = await _read(connection, _NOTES.where(client_notes.c.id == note_id))
            return note
    except IntegrityError as error:
        # Erased while it was written.
        if isinstance(error.orig, ForeignKeyViolation):
            raise NotFound from None
        raise


@requires(Permission.CHANGE_CLIENTS)
async def delete_note(actor: Staff, note_id: UUID) -> None:
    """Take back a note of one's own. Raises NotFound for somebody else's, too."""
    async with begin(actor) as connection:
        client_id = await connection.scalar(
            delete(client_notes)
            .where(client_notes.c.id == note_id, client_notes.c.author_id == actor.id)
            .returning(client_notes.c.client_id)
        )
        if client_id is None:
            raise NotFound
        await changes.announce(connection, {client_id: []})


@requires(Permission.READ_CLIENTS)
async def notes_of(
    actor: Staff,
    client_id: UUID,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    most: int = 200,
) -> list[Note]:
    """The notes in a conversation, oldest first: the newest `most` in [since, until)."""
    query = _NOTES.where(client_notes.c.client_id == client_id)
    if since is not None:
        query = query.where(client_notes.c.created_at >= since)
    if until is not None:
        query = query.where(client_notes.c.created_at < until)
    newest_first = query.order_by(client_notes.c.created_at.desc(), client_notes.c.id.desc())
    async with begin(actor) as connection:
        found = await _read(connection, newest_first.limit(min(max(most, 1), 500)))
    return found[::-1]


def mentioned_in(body: str, people: Iterable[Mention]) -> list[Mention]:
    """Whom a text calls by `@` and their whole name, whatever its case; the longest name wins.

    Two of one name are both called: nobody knows which was meant.
    """
    text = body.casefold()
    found: list[Mention] = []
    taken: set[int] = set()
    by_length = sorted(people, key=lambda person: -len(person.name))
    for person in by_length:
        name = f"@{person.name.strip().casefold()}"
        if name == "@":
            continue
        places = {
            place
            for place in _places(text, name)
            if place not in taken or any(p.name.casefold() == person.name.casefold() for p in found)
        }
        if places and len(found) < MOST_MENTIONS:
            taken |= places
            found.append(person)
    return found


def _places(text: str, name: str) -> set[int]:
    """Where a name begins that goes on in no other word."""
    places: set[int] = set()
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        before_is_word = start > 0 and text[start - 1].isalnum()
        after_is_word = end < len(text) and text[end].isalnum()
        if not before_is_word and not after_is_word:
            places.add(start)
        start = text.find(name, start + 1)
    return places


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[Note]:
    rows = (await connection.execute(query)).all()
    called = await _mentions(connection, [row[0] for row in rows])
    return [replace(Note(*row), mentions=tuple(called.get(row[0], ()))) for row in rows]


async def _mentions(
    connection: AsyncConnection, note_ids: Sequence[UUID]
) -> dict[UUID, list[Mention]]:
    found: dict[UUID, list[Mention]] = {}
    if not note_ids:
        return found
    rows = await connection.execute(
        select(note_mentions.c.note_id, staff.c.id, staff.c.name)
        .join_from(note_mentions, staff, staff.c.id == note_mentions.c.staff_id)
        .where(note_mentions.c.note_id.in_(note_ids))
        .order_by(staff.c.name)
    )
    for note_id, *person in rows:
        found.setdefault(note_id, []).append(Mention(*person))
    return found


#: In the order of Note's fields.
_NOTES = select(
    client_notes.c.id,
    client_notes.c.client_id,
    client_notes.c.author_id,
    staff.c.name,
    client_notes.c.body,
    client_notes.c.created_at,
).join_from(client_notes, staff, staff.c.id == client_notes.c.author_id, isouter=True)
