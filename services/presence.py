"""Who else has a conversation open, and who is writing in it, on whichever process they are."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from psycopg.errors import ForeignKeyViolation
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from db.engine import begin
from db.tables import presence, staff
from services import changes
from services.actors import Staff, System
from services.permissions import Permission, requires

#: A page says so again this often; one that has not for longer is gone.
BEAT = timedelta(seconds=20)
_GONE = timedelta(seconds=50)
#: Somebody who has not pressed a key for longer is not writing any more.
_WRITING = timedelta(seconds=8)


@dataclass(frozen=True, slots=True)
class Present:
    """A colleague on the same conversation."""

    staff_id: UUID
    name: str
    is_typing: bool


@requires(Permission.READ_CLIENTS)
async def be_there(actor: Staff, client_id: UUID, page: str, *, typing: bool = False) -> None:
    """Say that this page shows the conversation, and whether its person is writing.

    Others are told when that is news: say it every BEAT, and while writing every few seconds.
    """
    typing_at = func.now() if typing else None
    fresh = insert(presence).values(
        client_id=client_id, page=page[:64], staff_id=actor.id, typing_at=typing_at
    )
    p = presence.c
    was_news = select(
        (p.seen_at < func.now() - _GONE)
        | (func.coalesce(p.typing_at > func.now() - _WRITING, False) != typing)
    ).where(p.client_id == client_id, p.page == page[:64])
    try:
        async with begin(actor) as connection:
            is_news = await connection.scalar(was_news)
            await connection.execute(
                fresh.on_conflict_do_update(
                    index_elements=["client_id", "page"],
                    set_={"typing_at": typing_at, "seen_at": func.now()},
                    where=p.staff_id == actor.id,
                )
            )
            if is_news or is_news is None:
                await changes.announce_presence(connection, client_id)
    except IntegrityError as error:
        # Erased meanwhile: there is nothing to look at.
        if not isinstance(error.orig, ForeignKeyViolation):
            raise


@requires(Permission.READ_CLIENTS)
async def leave(actor: Staff, client_id: UUID, page: str) -> None:
    """Say that this page shows the conversation no more."""
    p = presence.c
    async with begin(actor) as connection:
        gone = await connection.execute(
            delete(presence).where(
                p.client_id == client_id, p.page == page[:64], p.staff_id == actor.id
            )
        )
        if gone.rowcount:
            await changes.announce_presence(connection, client_id)


@requires(Permission.READ_CLIENTS)
async def others(actor: Staff, client_id: UUID) -> list[Present]:
    """Colleagues who have the conversation open now, those who write first."""
    p = presence.c
    writes = func.coalesce(func.bool_or(p.typing_at > func.now() - _WRITING), False)
    query = (
        select(staff.c.id, staff.c.name, writes)
        .join_from(presence, staff, staff.c.id == p.staff_id)
        .where(
            p.client_id == client_id,
            p.staff_id != actor.id,
            p.seen_at > func.now() - _GONE,
            staff.c.active,
        )
        .group_by(staff.c.id, staff.c.name)
        .order_by(writes.desc(), staff.c.name)
    )
    async with begin(actor) as connection:
        return [Present(*row) for row in await connection.execute(query)]


@requires(Permission.SYSTEM)
async def forget_gone(actor: System) -> int:
    """Remove what pages left behind that ended without a word; always 0: there is no hurry."""
    async with begin(actor) as connection:
        await connection.execute(
            delete(presence).where(presence.c.seen_at < func.now() - 4 * _GONE)
        )
    return 0
