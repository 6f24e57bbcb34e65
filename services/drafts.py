"""What somebody has begun to write to a client and not sent yet, restored wherever they sign in.

A draft is its writer's own: nobody else reads it, and it is told to no log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from psycopg.errors import ForeignKeyViolation
from sqlalchemy import Boolean, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from db.engine import begin
from db.tables import drafts, messages
from services import changes
from services.actors import Staff
from services.errors import Invalid, NotFound
from services.permissions import Permission, requires

#: An answer goes to the person; a note stays inside.
DraftKind = Literal["answer", "note"]
KINDS: tuple[DraftKind, ...] = get_args(DraftKind)

#: Characters that are kept: more than can be sent, so that too long a text is not lost either.
MAX_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Draft:
    """Words that wait. `quoting` is the message that the answer is about."""

    kind: DraftKind
    text: str
    quoting: UUID | None
    updated_at: datetime


@requires(Permission.CHANGE_CLIENTS)
async def drafts_of(actor: Staff, client_id: UUID) -> dict[DraftKind, Draft]:
    """What the actor has begun to write to this client, by kind."""
    query = select(_draft.kind, _draft.text, _draft.quoting, _draft.updated_at).where(
        _draft.client_id == client_id, _draft.staff_id == actor.id
    )
    async with begin(actor) as connection:
        return {row.kind: Draft(*row) for row in await connection.execute(query)}


@requires(Permission.CHANGE_CLIENTS)
async def clients_with_drafts(actor: Staff, client_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Of these clients, those to whom the actor has begun to write."""
    if not client_ids:
        return frozenset()
    query = select(_draft.client_id).where(
        _draft.staff_id == actor.id, _draft.client_id.in_(client_ids)
    )
    async with begin(actor) as connection:
        return frozenset(await connection.scalars(query))


@requires(Permission.CHANGE_CLIENTS)
async def save_draft(
    actor: Staff, client_id: UUID, kind: str, text: str, *, quoting: UUID | None = None
) -> None:
    """Keep what is written so far; blanks alone take the draft away.

    Lists hear when a draft begins or ends, and nothing of what is typed between. Raises Invalid
    (`kind` or `text`: unknown, or longer than is kept), and NotFound when the client is gone.
    """
    if kind not in KINDS:
        raise Invalid({"kind": "unknown"})
    text = text.replace("\0", "\ufffd")
    if len(text) > MAX_CHARACTERS:
        raise Invalid({"text": "too_long"})
    mine = (_draft.client_id == client_id, _draft.staff_id == actor.id, _draft.kind == kind)
    try:
        async with begin(actor) as connection:
            if not text.strip():
                gone = await connection.execute(delete(drafts).where(*mine))
                is_news = bool(gone.rowcount)
            else:
                if quoting is not None:
                    theirs = (messages.c.id == quoting, messages.c.client_id == client_id)
                    quoting = await connection.scalar(select(messages.c.id).where(*theirs))
                kept = {"text": text, "quoting": quoting, "updated_at": func.now()}
                whose = {"client_id": client_id, "staff_id": actor.id, "kind": kind}
                # A row that no transaction has replaced before is a new one.
                is_new = literal_column("xmax = 0", Boolean)
                is_news = bool(
                    await connection.scalar(
                        insert(drafts)
                        .values(**whose, **kept)
                        .on_conflict_do_update(index_elements=list(whose), set_=kept)
                        .returning(is_new)
                    )
                )
            if is_news:
                await changes.announce(connection, {client_id: []})
    except IntegrityError as error:
        if isinstance(error.orig, ForeignKeyViolation):
            raise NotFound from None
        raise


_draft = drafts.c
