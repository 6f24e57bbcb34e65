"""Where a message to a client goes: from which of our numbers, to which of their names."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import client_identities, messages
from services import whatsapp

_RANK = {"wa_id": 0, "phone": 1, "bsuid": 2, "parent_bsuid": 3}


async def recipient_of(connection: AsyncConnection, client_id: UUID) -> Mapping[str, str] | None:
    """Whom the request names, or None when WhatsApp has no way to reach this client.

    The number that they write from comes first, as WhatsApp told it: always with its plus, without
    which WhatsApp takes it for one of another country. Who hides theirs is reached by their id.
    """
    i = client_identities.c
    rows = await connection.execute(
        select(i.kind, i.value)
        .where(i.client_id == client_id, i.retired_at.is_(None))
        .order_by(i.id.desc())
    )
    found = sorted(rows, key=lambda row: _RANK[row.kind])
    if not found:
        return None
    kind, value = found[0]
    if kind in ("wa_id", "phone"):
        return {"to": f"+{value.removeprefix('+')}"}
    return {"recipient": value}


async def number_for(connection: AsyncConnection, client_id: UUID) -> str:
    """Our number that they last wrote to: the 24 hours count for that one. Else the usual one."""
    written_to: str | None = await connection.scalar(
        select(messages.c.phone_number_id)
        .where(messages.c.client_id == client_id, messages.c.direction == "inbound")
        .order_by(messages.c.sent_at.desc(), messages.c.seq.desc())
        .limit(1)
    )
    return written_to or whatsapp.graph().phone_number_id
