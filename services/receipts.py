"""What the person sees of us on WhatsApp: that a message was read, that somebody is writing.

Nothing depends on it: what cannot be told now is not told.
"""

from uuid import UUID

import structlog
from sqlalchemy import select

from db.engine import begin
from db.tables import messages
from services import desk_settings, whatsapp
from services.actors import Staff
from services.adapters.graph import GraphError, GraphUnanswered, GraphUnreachable
from services.permissions import Permission, requires

log = structlog.get_logger()


@requires(Permission.CHANGE_CLIENTS)
async def tell_read(actor: Staff, client_id: UUID) -> bool:
    """Show the person that their last message, and all before it, were read; whether it was told.

    Only where an admin wants it.
    """
    settings = await desk_settings.read_settings(actor)
    return settings.read_receipts and await _tell(actor, client_id, typing=False)


@requires(Permission.CHANGE_CLIENTS)
async def tell_typing(actor: Staff, client_id: UUID) -> bool:
    """Show the person that somebody is writing, for as long as WhatsApp shows it (25 seconds).

    WhatsApp marks their last message as read with it, so it takes both wishes.
    """
    settings = await desk_settings.read_settings(actor)
    wanted = settings.typing_indicator and settings.read_receipts
    return wanted and await _tell(actor, client_id, typing=True)


async def _tell(actor: Staff, client_id: UUID, *, typing: bool) -> bool:
    m = messages.c
    last = (
        select(m.whatsapp_id, m.phone_number_id)
        .where(
            m.client_id == client_id,
            m.direction == "inbound",
            m.whatsapp_id.is_not(None),
            m.type.not_in(("reaction", "edit", "revoke", "system")),
            ~m.historical,
        )
        .order_by(m.sent_at.desc(), m.seq.desc())
        .limit(1)
    )
    async with begin(actor) as connection:
        row = (await connection.execute(last)).one_or_none()
    if row is None:
        return False
    try:
        await whatsapp.graph().mark_read(
            row.whatsapp_id, typing, phone_number_id=row.phone_number_id
        )
    except (GraphError, GraphUnanswered, GraphUnreachable) as problem:
        log.info("receipt.not_told", error=type(problem).__name__)
        return False
    return True
