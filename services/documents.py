"""Documents of a client's file: names in the database, contents in private storage."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from psycopg.errors import ForeignKeyViolation, UniqueViolation
from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import clients, documents, staff
from services import audit, changes, file_names, file_types, files
from services.actors import Actor, Staff
from services.adapters.storage import LINK_SECONDS, StorageProblem
from services.errors import Conflict, Invalid, NotFound
from services.permissions import Permission, requires

log = structlog.get_logger()

#: Documents that one client's file may hold.
MAX_DOCUMENTS = 500
#: Characters of why a document was rejected.
MAX_REASON = 500

#: What became of a document: nobody has looked at it yet, it serves, it does not.
DocumentState = Literal["new", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document as lists show it."""

    id: UUID
    client_id: UUID
    name: str
    media_type: str
    #: Bytes.
    size: int
    #: Who added it; None for a program, and for who is not on the staff any more.
    uploaded_by: str | None
    created_at: datetime
    state: DocumentState
    #: Who said so; None while it is new, for a program, and for who is not on the staff any more.
    reviewed_by: str | None
    reviewed_at: datetime | None
    #: Why it was rejected.
    review_reason: str | None
    #: The message that it came with.
    message_id: UUID | None


@dataclass(frozen=True, slots=True)
class Link:
    """An address that downloads a document. It opens for whoever has it: never stored or logged."""

    url: str
    #: Seconds.
    expires_in: int


@requires(Permission.READ_CLIENTS)
async def list_documents(
    actor: Actor, client_id: UUID, *, again: bool = False
) -> list[DocumentRow]:
    """A client's documents, newest first. Raises NotFound for a client the actor may not see.

    Audited as a view; `again` says that it belongs to a look that was told before.
    """
    async with begin(actor) as connection:
        if not await connection.scalar(select(clients.c.id).where(clients.c.id == client_id)):
            raise NotFound
        rows = await connection.execute(
            _ROWS.where(documents.c.client_id == client_id).order_by(
                documents.c.created_at.desc(), documents.c.id
            )
        )
        if not again:
            await audit.record(connection, "view", table="documents", client=client_id)
        return [DocumentRow(*row) for row in rows]


@requires(Permission.READ_CLIENTS)
async def document(actor: Actor, document_id: UUID) -> DocumentRow:
    """One document as lists show it. Raises NotFound."""
    async with begin(actor) as connection:
        return await _row(connection, document_id)


@requires(Permission.CHANGE_CLIENTS)
async def add_document(
    actor: Actor,
    client_id: UUID,
    *,
    name: str,
    content: bytes,
    media_type: str | None = None,
    message_id: UUID | None = None,
) -> DocumentRow:
    """Keep a file; two of the same name are two documents.

    `media_type` is what the sender says that it is, `message_id` the message that it came with: of
    each there is one document, and a second is Conflict `is_a_document`. Raises Invalid with the
    codes of `file_types.judge` for `file`, NotFound, Conflict `too_many_documents`, and
    StorageProblem when the content could not be stored; then there is no document.
    """
    name = file_names.clean(name)
    # Off the loop: reading through 25 MB takes a moment.
    extension = await asyncio.to_thread(file_types.judge, name, content, media_type)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).digest())
    async with begin(actor) as connection:
        if not await connection.scalar(select(clients.c.id).where(clients.c.id == client_id)):
            raise NotFound
        count = select(func.count()).select_from(documents)
        held = await connection.scalar(count.where(documents.c.client_id == client_id))
        if (held or 0) >= MAX_DOCUMENTS:
            raise Conflict("too_many_documents", "file")
    kept_type = file_types.FILE_TYPES[extension]
    try:
        async with (
            files.stored("documents", extension, client_id, content, kept_type) as key,
            begin(actor) as connection,
        ):
            document_id = await connection.scalar(
                insert(documents)
                .values(
                    client_id=client_id,
                    storage_key=key,
                    name=name,
                    media_type=kept_type,
                    size=len(content),
                    sha256=sha256,
                    uploaded_by=actor.id if isinstance(actor, Staff) else None,
                    message_id=message_id,
                )
                .returning(documents.c.id)
            )
            assert document_id is not None
            await _announce(connection, client_id, message_id)
            return await _row(connection, document_id)
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation) and message_id is not None:
            raise Conflict("is_a_document") from None
        # Erased while the file was on its way.
        if isinstance(error.orig, ForeignKeyViolation):
            raise NotFound from None
        raise


@requires(Permission.READ_CLIENTS)
async def link_to(actor: Actor, document_id: UUID) -> Link:
    """A link that downloads a document and lives for a minute; audited as `download`.

    Raises NotFound, and StorageProblem when no link can be had: `missing` where storage has no
    such file.
    """
    async with begin(actor) as connection:
        query = select(documents.c.client_id, documents.c.storage_key, documents.c.name)
        found = (await connection.execute(query.where(documents.c.id == document_id))).one_or_none()
    if found is None:
        raise NotFound
    try:
        url = await files.storage().link(found.storage_key, found.name, seconds=LINK_SECONDS)
    except NotFound:
        log.error("document.file_missing", document=document_id)
        raise StorageProblem("missing") from None
    await audit.record_alone(
        actor, "download", table="documents", row=document_id, client=found.client_id
    )
    return Link(url, LINK_SECONDS)


@requires(Permission.CHANGE_CLIENTS)
async def review_document(
    actor: Actor, document_id: UUID, state: DocumentState, *, reason: str | None = None
) -> DocumentRow:
    """Say what became of a document: that it serves, or that it does not and why.

    Back to `new` takes that back. Raises NotFound, and Invalid: `reason` is `required` to reject a
    document, `too_long`, or `not_wanted` with anything else.
    """
    said = " ".join((reason or "").replace("\0", "").split()) or None
    if state == "rejected" and said is None:
        raise Invalid({"reason": "required"})
    if state != "rejected" and said is not None:
        raise Invalid({"reason": "not_wanted"})
    if said is not None and len(said) > MAX_REASON:
        raise Invalid({"reason": "too_long"})
    is_new = state == "new"
    async with begin(actor) as connection:
        reviewed = (
            update(documents)
            .where(documents.c.id == document_id)
            .values(
                state=state,
                review_reason=said,
                reviewed_at=None if is_new else func.now(),
                reviewed_by=actor.id if isinstance(actor, Staff) and not is_new else None,
            )
            .returning(documents.c.client_id)
        )
        client_id = await connection.scalar(reviewed)
        if client_id is None:
            raise NotFound
        await changes.announce(connection, {client_id: []})
        return await _row(connection, document_id)


@requires(Permission.CHANGE_CLIENTS)
async def rename_document(actor: Actor, document_id: UUID, name: str) -> DocumentRow:
    """Give a document another name; its ending stays, because it says what the content is.

    Raises NotFound, and Invalid: `name` is `required`.
    """
    async with begin(actor) as connection:
        query = select(documents.c.name, documents.c.client_id, documents.c.message_id)
        found = (
            await connection.execute(query.where(documents.c.id == document_id).with_for_update())
        ).one_or_none()
        if found is None:
            raise NotFound
        ending = found.name.rpartition(".")[2]
        stem = file_names.clean(name)
        if stem.casefold().endswith(f".{ending}".casefold()):
            stem = stem[: -len(ending) - 1].rstrip(". ")
        if not stem:
            raise Invalid({"name": "required"})
        renamed = update(documents).where(documents.c.id == document_id)
        await connection.execute(renamed.values(name=file_names.clean(f"{stem}.{ending}")))
        await _announce(connection, found.client_id, found.message_id)
        return await _row(connection, document_id)


@requires(Permission.CHANGE_CLIENTS)
async def delete_document(actor: Actor, document_id: UUID) -> None:
    """Delete a document; its file follows within moments (`services.removals`).

    Raises NotFound, and Conflict `legal_hold` while nothing of this client may be erased.
    """
    async with begin(actor) as connection:
        query = (
            select(documents.c.client_id, documents.c.message_id, clients.c.legal_hold)
            .join_from(documents, clients, clients.c.id == documents.c.client_id)
            .where(documents.c.id == document_id)
            # A hold that is being set waits, or is seen here.
            .with_for_update(read=True, of=clients)
        )
        found = (await connection.execute(query)).one_or_none()
        if found is None:
            raise NotFound
        if found.legal_hold is not None:
            raise Conflict("legal_hold")
        await connection.execute(delete(documents).where(documents.c.id == document_id))
        await _announce(connection, found.client_id, found.message_id)


async def _row(connection: AsyncConnection, document_id: UUID) -> DocumentRow:
    row = (await connection.execute(_ROWS.where(documents.c.id == document_id))).one_or_none()
    if row is None:
        raise NotFound
    return DocumentRow(*row)


async def _announce(connection: AsyncConnection, client_id: UUID, message_id: UUID | None) -> None:
    """Tell the file, and the message that says whether it is in the file."""
    await changes.announce(connection, {client_id: [message_id] if message_id else []})


_reviewer = staff.alias("reviewer")

#: In the order of DocumentRow's fields.
_ROWS: Select[Any] = (
    select(
        documents.c.id,
        documents.c.client_id,
        documents.c.name,
        documents.c.media_type,
        documents.c.size,
        staff.c.name,
        documents.c.created_at,
        documents.c.state,
        _reviewer.c.name,
        documents.c.reviewed_at,
        documents.c.review_reason,
        documents.c.message_id,
    )
    .join_from(documents, staff, staff.c.id == documents.c.uploaded_by, isouter=True)
    .join(_reviewer, _reviewer.c.id == documents.c.reviewed_by, isouter=True)
)
