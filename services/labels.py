"""Labels: what the team sorts conversations by, in its own words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

import psycopg
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import client_labels, clients, labels
from services import changes, written
from services.actors import Actor, Staff
from services.errors import Conflict, Invalid, NotFound
from services.permissions import Permission, requires

LabelColour = Literal["green", "violet", "sand", "blue", "rose", "olive"]
LABEL_COLOURS: tuple[LabelColour, ...] = get_args(LabelColour)
MOST_NAME = 40
#: Labels of the organisation: more than anybody finds their way in.
MOST_LABELS = 100
#: Labels of one conversation.
MOST_OF_CLIENT = 20
#: How many clients a label is counted on at most.
COUNT_CAP = 10_000


@dataclass(frozen=True, slots=True)
class Label:
    id: UUID
    name: str
    colour: LabelColour


@dataclass(frozen=True, slots=True)
class LabelUse:
    """A label, and how many clients bear it, up to COUNT_CAP."""

    label: Label
    clients: int


@requires(Permission.READ_CLIENTS)
async def list_labels(actor: Actor) -> list[Label]:
    """All labels, by name."""
    async with begin(actor) as connection:
        return [Label(*row) for row in await connection.execute(_LABELS)]


@requires(Permission.READ_CLIENTS)
async def labels_in_use(actor: Actor) -> list[LabelUse]:
    """All labels, by name, with how many clients bear each."""
    bearing = select(client_labels.c.client_id).where(client_labels.c.label_id == labels.c.id)
    borne = bearing.correlate(labels).limit(COUNT_CAP).subquery()
    count = select(func.count()).select_from(borne).correlate(labels).scalar_subquery()
    async with begin(actor) as connection:
        rows = await connection.execute(_LABELS.add_columns(count))
        return [LabelUse(Label(*row[:3]), row[3]) for row in rows]


@requires(Permission.CHANGE_CLIENTS)
async def create_label(actor: Actor, *, name: str, colour: str) -> Label:
    """Make a label.

    Raises Invalid (`name`, `colour`), and Conflict `name_taken` or `too_many_labels`.
    """
    values = _checked(name, colour)
    async with begin(actor) as connection:
        if (await connection.scalar(select(func.count()).select_from(labels)) or 0) >= MOST_LABELS:
            raise Conflict("too_many_labels")
        author = actor.id if isinstance(actor, Staff) else None
        with _names():
            row = await connection.execute(
                insert(labels)
                .values(**values, created_by=author)
                .returning(labels.c.id, labels.c.name, labels.c.colour)
            )
        return Label(*row.one())


@requires(Permission.CHANGE_CLIENTS)
async def change_label(actor: Actor, label_id: UUID, *, name: str, colour: str) -> None:
    """Rename or recolour a label everywhere. Raises Invalid, NotFound, Conflict `name_taken`."""
    values = _checked(name, colour)
    async with begin(actor) as connection:
        with _names():
            changed = await connection.execute(
                update(labels).where(labels.c.id == label_id).values(**values)
            )
        if not changed.rowcount:
            raise NotFound


@requires(Permission.CHANGE_CLIENTS)
async def delete_label(actor: Actor, label_id: UUID) -> None:
    """Delete a label, and take it off every conversation. Raises NotFound."""
    async with begin(actor) as connection:
        gone = await connection.execute(delete(labels).where(labels.c.id == label_id))
        if not gone.rowcount:
            raise NotFound


@requires(Permission.READ_CLIENTS)
async def labels_of(actor: Actor, client_id: UUID) -> list[Label]:
    """A client's labels, by name."""
    async with begin(actor) as connection:
        found = await of_clients(connection, [client_id])
        return found.get(client_id, [])


@requires(Permission.CHANGE_CLIENTS)
async def put_label(actor: Actor, client_id: UUID, label_id: UUID) -> None:
    """Put a label on a conversation; twice is once. Raises NotFound, Conflict `too_many_labels`."""
    async with begin(actor) as connection:
        bearer = await connection.scalar(select(clients.c.id).where(clients.c.id == client_id))
        label = await connection.scalar(select(labels.c.id).where(labels.c.id == label_id))
        if bearer is None or label is None:
            raise NotFound
        count = select(func.count()).where(client_labels.c.client_id == client_id)
        if (await connection.scalar(count) or 0) >= MOST_OF_CLIENT:
            raise Conflict("too_many_labels")
        author = actor.id if isinstance(actor, Staff) else None
        put = await connection.execute(
            upsert(client_labels)
            .values(client_id=client_id, label_id=label_id, added_by=author)
            .on_conflict_do_nothing()
        )
        if put.rowcount:
            await changes.announce(connection, {client_id: []})


@requires(Permission.CHANGE_CLIENTS)
async def take_label(actor: Actor, client_id: UUID, label_id: UUID) -> None:
    """Take a label off a conversation, if it is on it."""
    async with begin(actor) as connection:
        taken = await connection.execute(
            delete(client_labels).where(
                client_labels.c.client_id == client_id, client_labels.c.label_id == label_id
            )
        )
        if taken.rowcount:
            await changes.announce(connection, {client_id: []})


async def of_clients(
    connection: AsyncConnection, client_ids: Sequence[UUID]
) -> dict[UUID, list[Label]]:
    """The labels of these clients, by name; of those that have any."""
    found: dict[UUID, list[Label]] = {}
    if not client_ids:
        return found
    rows = await connection.execute(
        select(client_labels.c.client_id, labels.c.id, labels.c.name, labels.c.colour)
        .join_from(client_labels, labels, labels.c.id == client_labels.c.label_id)
        .where(client_labels.c.client_id.in_(client_ids))
        .order_by(func.lower(labels.c.name))
    )
    for client_id, *label in rows:
        found.setdefault(client_id, []).append(Label(*label))
    return found


def _checked(name: str, colour: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    try:
        clean = written.checked(" ".join(name.split()), MOST_NAME)
    except ValueError as problem:
        problems["name"] = str(problem)
    if colour not in LABEL_COLOURS:
        problems["colour"] = "unknown_value"
    if problems:
        raise Invalid(problems)
    return {"name": clean, "colour": colour}


@contextmanager
def _names() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        name = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
        if name != "labels_name_key":
            raise
        raise Conflict("name_taken", "name") from None


_LABELS = select(labels.c.id, labels.c.name, labels.c.colour).order_by(func.lower(labels.c.name))
