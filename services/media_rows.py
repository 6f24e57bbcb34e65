"""The files of messages, as a conversation tells of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import documents, message_media

MediaState = Literal["pending", "stored", "expired", "refused", "failed", "removed"]


@dataclass(frozen=True, slots=True)
class MediaFile:
    """The file of a message: where it has got to, and what it is."""

    state: MediaState
    #: What the content is; None until it is stored.
    kept_type: str | None
    #: What the sender called it, as it came.
    name: str | None
    #: Bytes.
    size: int | None
    #: Of a picture, as it is shown.
    width: int | None = None
    height: int | None = None
    #: Of a voice note.
    seconds: float | None = None
    #: A code: why it is not stored, or not yet.
    problem: str | None = None
    #: Attempts so far.
    attempts: int = 0
    #: WhatsApp keeps it until then.
    expires_at: datetime | None = None
    #: The content is not what WhatsApp said that it would be.
    is_altered: bool = False
    #: The document that was made of it.
    document_id: UUID | None = None


async def of_messages(
    connection: AsyncConnection, message_ids: Collection[UUID]
) -> dict[UUID, MediaFile]:
    """The files of these messages, by message."""
    if not message_ids:
        return {}
    row = message_media.c
    query = (
        select(
            row.message_id,
            row.state,
            row.kept_type,
            row.file_name,
            row.size,
            row.width,
            row.height,
            row.seconds,
            row.problem,
            row.attempts,
            row.expires_at,
            row.is_altered,
            documents.c.id,
        )
        .join_from(message_media, documents, documents.c.message_id == row.message_id, isouter=True)
        .where(row.message_id.in_(message_ids))
    )
    found = await connection.execute(query)
    return {message_id: MediaFile(*rest) for message_id, *rest in found}
