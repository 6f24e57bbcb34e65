"""Files that a browser shows: those of messages, also played, downloaded, asked for again and put
into the file, and the documents of the file.

Looking at pictures and playing sounds within a conversation is part of looking at the conversation,
which is audited. Opening a file by itself and downloading it are audited one by one.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import func, select, text, update

from db.engine import begin
from db.tables import clients, documents, message_media, messages
from services import audit, changes, file_names, files, image_metadata
from services import documents as file_documents
from services.actors import Actor, Staff
from services.adapters.storage import LINK_SECONDS, StorageProblem
from services.documents import DocumentRow
from services.errors import Conflict, NotFound
from services.events import MessageType
from services.file_types import FILE_TYPES
from services.media_rows import MediaState
from services.media_types import PICTURES, SHOWN
from services.permissions import Permission, requires

log = structlog.get_logger()

#: Bytes that are read from storage at a time.
PIECE = 1024 * 1024
#: Lost files that are listed.
MOST_LOST = 200


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A stored file of a message, or a document, ready to be handed to a browser."""

    media_type: str
    #: What the sender called it, fit for a header; empty where they did not.
    name: str
    size: int
    #: Whether a page may show it. The rest is downloaded.
    is_shown: bool
    #: A picture without its notes; None for what is read in pieces.
    content: bytes | None
    _key: str

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes from `start` up to `end`. Raises NotFound and StorageProblem."""
        if self.content is not None:
            yield self.content[start:end]
            return
        while start < end:
            piece = await files.storage().read(self._key, start, min(start + PIECE, end))
            if not piece:
                return
            yield piece
            start += len(piece)

    async def link(self) -> str:
        """An address that downloads it, for a minute. Raises NotFound and StorageProblem."""
        return await files.storage().link(self._key, self.name, seconds=LINK_SECONDS)


@dataclass(frozen=True, slots=True)
class LostFile:
    """A file of a message that we do not have, and that nobody is fetching any more."""

    message_id: UUID
    client_id: UUID
    #: What the client is called.
    client: str | None
    type: MessageType
    sent_at: datetime
    #: `expired` or `failed`.
    state: MediaState
    #: A code; `ui.components.media_words` has the words.
    problem: str | None


@requires(Permission.READ_CLIENTS)
async def open_file(
    actor: Actor, message_id: UUID, *, alone: bool = False, download: bool = False
) -> OpenFile:
    """The file of a message. `alone`: opened by itself; `download`: to be kept. Both are audited.

    Raises NotFound where there is none, or none that is stored, and StorageProblem.
    """
    row = message_media.c
    query = select(row.client_id, row.storage_key, row.kept_type, row.size, row.file_name)
    async with begin(actor) as connection:
        stored = query.where(row.message_id == message_id, row.state == "stored")
        found = (await connection.execute(stored)).one_or_none()
    if found is None:
        raise NotFound
    content = None
    if found.kept_type in PICTURES:
        content = await _plain_picture(message_id, found.storage_key, found.kept_type)
    if alone or download:
        await audit.record_alone(
            actor,
            "download" if download else "view",
            table="message_media",
            row=message_id,
            client=found.client_id,
        )
    return OpenFile(
        media_type=found.kept_type,
        name=_name(found.file_name, found.storage_key),
        size=found.size if content is None else len(content),
        is_shown=found.kept_type in SHOWN,
        content=content,
        _key=found.storage_key,
    )


@requires(Permission.READ_CLIENTS)
async def open_document(actor: Actor, document_id: UUID) -> OpenFile:
    """A document of a client that a page may show: a PDF or a picture. Audited as a view of it.

    Raises NotFound, also for what is only downloaded, and StorageProblem.
    """
    row = documents.c
    query = select(row.client_id, row.storage_key, row.media_type, row.size, row.name)
    async with begin(actor) as connection:
        found = (await connection.execute(query.where(row.id == document_id))).one_or_none()
    if found is None or found.media_type not in SHOWN:
        raise NotFound
    content = None
    if found.media_type in PICTURES:
        content = await _plain_picture(document_id, found.storage_key, found.media_type)
    await audit.record_alone(
        actor, "view", table="documents", row=document_id, client=found.client_id
    )
    return OpenFile(
        media_type=found.media_type,
        name=found.name,
        size=found.size if content is None else len(content),
        is_shown=True,
        content=content,
        _key=found.storage_key,
    )


@requires(Permission.CHANGE_CLIENTS)
async def fetch_again(actor: Staff, message_id: UUID) -> None:
    """Have a file fetched now that is not here. Raises NotFound, and Conflict `not_waiting`."""
    row = message_media.c
    async with begin(actor) as connection:
        asked = (
            update(message_media)
            .where(
                row.message_id == message_id,
                row.media_id.is_not(None),
                row.state.in_(("pending", "failed", "expired")),
                # What is being fetched at this moment is.
                func.coalesce(row.leased_until <= func.now(), True),
            )
            .values(state="pending", attempts=0, next_attempt_at=func.now())
            .returning(row.client_id)
        )
        client_id = await connection.scalar(asked)
        if client_id is None:
            known = select(row.message_id).where(row.message_id == message_id)
            raise Conflict("not_waiting") if await connection.scalar(known) else NotFound
        await changes.announce(connection, {client_id: [message_id]})


@requires(Permission.CHANGE_CLIENTS)
async def put_into_file(actor: Staff, message_id: UUID, *, called: str) -> tuple[DocumentRow, bool]:
    """Make a document of the client of a message's file, and whether it was not one before.

    `called` names it where the sender did not. A picture leaves behind what its maker noted in it;
    as it came it stays with the message. Raises NotFound, Conflict (`not_a_document`,
    `too_many_documents`), Invalid about `file`, and StorageProblem.
    """
    row = message_media.c
    query = select(row.client_id, row.storage_key, row.kept_type, row.file_name)
    async with begin(actor) as connection:
        found = (
            await connection.execute(
                query.where(row.message_id == message_id, row.state == "stored")
            )
        ).one_or_none()
        if found is None:
            raise NotFound
        if found.kept_type not in FILE_TYPES.values():
            raise Conflict("not_a_document")
        known = select(documents.c.id).where(documents.c.message_id == message_id)
        document_id = await connection.scalar(known)
    if document_id is not None:
        return await file_documents.document(actor, document_id), False
    if found.kept_type in PICTURES:
        content = await _plain_picture(message_id, found.storage_key, found.kept_type)
    else:
        content = await _content(message_id, found.storage_key)
    stem = file_names.clean(found.file_name or "").rpartition(".")[0] or called
    extension = found.storage_key.rpartition(".")[2]
    added = await file_documents.add_document(
        actor,
        found.client_id,
        name=f"{stem}.{extension}",
        content=content,
        media_type=found.kept_type,
        message_id=message_id,
    )
    return added, True


@requires(Permission.READ_CLIENTS)
async def sent_at(actor: Actor, message_id: UUID) -> datetime:
    """When a message was sent. Raises NotFound."""
    query = select(messages.c.sent_at).where(messages.c.id == message_id)
    async with begin(actor) as connection:
        found: datetime | None = await connection.scalar(query)
    if found is None:
        raise NotFound
    return found


@requires(Permission.READ_CLIENTS)
async def lost_files(
    actor: Actor, *, limit: int = MOST_LOST, again: bool = False
) -> list[LostFile]:
    """What people sent and we do not have, newest first.

    Audited as a view; `again` is for a list that brings itself up to date.
    """
    row = message_media.c
    query = (
        select(
            row.message_id,
            row.client_id,
            clients.c.display_name,
            messages.c.type,
            messages.c.sent_at,
            row.state,
            row.problem,
        )
        .join_from(message_media, messages, messages.c.id == row.message_id)
        .join(clients, clients.c.id == row.client_id)
        .where(row.state.in_(("expired", "failed")))
        .order_by(row.expires_at.desc(), row.message_id)
        .limit(min(max(limit, 1), MOST_LOST))
    )
    async with begin(actor) as connection:
        rows = (await connection.execute(query)).all()
        if not again:
            shown = {"shown": sorted({str(found.client_id) for found in rows})}
            await audit.record(connection, "view", table="message_media", details=shown)
        return [LostFile(*found) for found in rows]


@requires(Permission.READ_CLIENTS)
async def number_of_lost_files(actor: Actor) -> int:
    """How many there are, for a line that warns."""
    async with begin(actor) as connection:
        count = await connection.scalar(
            text("select count(*) from message_media where state in ('expired', 'failed')")
        )
        return count or 0


async def _plain_picture(message_id: UUID, key: str, media_type: str) -> bytes:
    content = await _content(message_id, key)
    return await asyncio.to_thread(image_metadata.without, content, media_type)


async def _content(message_id: UUID, key: str) -> bytes:
    try:
        return await files.storage().get(key)
    except NotFound:
        log.error("media.file_missing", media=str(message_id))
        raise StorageProblem("missing") from None


def _name(said: str | None, key: str) -> str:
    """With the ending of what the file is, whatever it was called."""
    extension = key.rpartition(".")[2]
    name = file_names.clean(said or "")
    if extension == "bin":
        return name or "file.bin"
    stem = name.rpartition(".")[0] if "." in name else name
    return f"{stem or 'WhatsApp'}.{extension}"
