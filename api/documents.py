"""Documents of a client's file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.access import Acting
from api.problems import TRY_AGAIN, documented
from services import documents
from services.adapters.storage import StorageProblem
from services.file_types import FILE_TYPES, MAX_FILE_BYTES


class Document(BaseModel):
    """A file that belongs to a client; `GET /api/documents/{id}/download` leads to its content."""

    id: UUID
    client_id: UUID
    name: str = Field(examples=["Pasaporte.pdf"])
    media_type: str = Field(examples=["application/pdf"])
    size: int = Field(description="Bytes.", examples=[482133])
    uploaded_by: str | None = Field(description="Who of the staff added it; null for a program.")
    created_at: datetime
    state: documents.DocumentState = Field(
        description="`new` until somebody has looked at it; `rejected` says why in `review_reason`."
    )
    reviewed_by: str | None = Field(description="Who of the staff; null for a program.")
    reviewed_at: datetime | None
    review_reason: str | None = Field(examples=["It cannot be read"])
    message_id: UUID | None = Field(description="The message that it came with.")

    @classmethod
    def of(cls, row: documents.DocumentRow) -> "Document":
        """The JSON of a document."""
        return cls(
            id=row.id,
            client_id=row.client_id,
            name=row.name,
            media_type=row.media_type,
            size=row.size,
            uploaded_by=row.uploaded_by,
            created_at=row.created_at,
            state=row.state,
            reviewed_by=row.reviewed_by,
            reviewed_at=row.reviewed_at,
            review_reason=row.review_reason,
            message_id=row.message_id,
        )


class Documents(BaseModel):
    """Newest first."""

    items: list[Document]


class Review(BaseModel):
    """What became of a document."""

    model_config = ConfigDict(extra="forbid")

    state: documents.DocumentState
    reason: str | None = Field(
        default=None,
        max_length=documents.MAX_REASON,
        description="Why it is rejected; then it has to be there, and else it must not.",
    )


class Download(BaseModel):
    """Where to download a document: whoever has this address can, for as long as it lives."""

    url: str
    expires_in: int = Field(description="Seconds.", examples=[60])


def router() -> APIRouter:
    """Documents, below their clients and by themselves."""
    routes = APIRouter(prefix="/api", tags=["documents"])

    @routes.get(
        "/clients/{client_id}/documents", summary="A client's documents", responses=documented(404)
    )
    async def listed(actor: Acting, client_id: UUID) -> Documents:
        """All of them, the newest first."""
        rows = await documents.list_documents(actor, client_id)
        return Documents(items=[Document.of(row) for row in rows])

    @routes.post(
        "/clients/{client_id}/documents",
        summary="Add a document",
        status_code=201,
        responses=documented(400, 404, 409, 413),
    )
    async def add(
        actor: Acting,
        client_id: UUID,
        file: Annotated[
            UploadFile,
            File(description=f"Up to 25 MB: {', '.join(FILE_TYPES)}. Name and content must agree."),
        ],
    ) -> Document:
        """One file in a form. Two of the same name are two documents.

        422 for `file` means `empty`, `type_not_allowed`, `type_mismatch` (name, declared type and
        content do not agree), `damaged`, `too_many_pixels` or `active_content` (a page, a script, a
        program or another file inside). 409: `too_many_documents`."""
        if (file.size or 0) > MAX_FILE_BYTES:
            raise HTTPException(413)
        with _storage():
            row = await documents.add_document(
                actor,
                client_id,
                name=file.filename or "",
                content=await file.read(),
                media_type=file.content_type,
            )
        return Document.of(row)

    @routes.patch(
        "/documents/{document_id}", summary="Review a document", responses=documented(400, 404)
    )
    async def review(actor: Acting, document_id: UUID, said: Review) -> Document:
        """Accept it, reject it with a reason, or have it reviewed anew.

        422 for `reason`: `required`, `not_wanted`, `too_long`."""
        row = await documents.review_document(actor, document_id, said.state, reason=said.reason)
        return Document.of(row)

    @routes.get("/documents/{document_id}/download", summary="Download", responses=documented(404))
    async def download(actor: Acting, document_id: UUID) -> Download:
        """A link that downloads a document and lives for a minute. Each one is on the audit log."""
        with _storage():
            link = await documents.link_to(actor, document_id)
        return Download(url=link.url, expires_in=link.expires_in)

    @routes.delete(
        "/documents/{document_id}",
        summary="Delete a document",
        status_code=204,
        responses=documented(404, 409),
    )
    async def delete(actor: Acting, document_id: UUID) -> None:
        """Its content is gone within moments.

        409: `legal_hold`."""
        await documents.delete_document(actor, document_id)

    return routes


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except StorageProblem:
        raise HTTPException(503, headers={"Retry-After": str(TRY_AGAIN)}) from None
