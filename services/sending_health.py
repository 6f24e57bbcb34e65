"""Asking WhatsApp whether a token that it refused is good again, so that sending goes on."""

import structlog
from sqlalchemy import func, or_, select, text, update

from db.engine import begin
from db.tables import whatsapp_numbers
from services import changes, graph_errors, whatsapp
from services.actors import System
from services.adapters.graph import GraphError, GraphUnanswered, GraphUnreachable
from services.permissions import Permission, requires

log = structlog.get_logger()

_number = whatsapp_numbers.c
#: Whoever asks too often is refused for that.
_EVERY = text("interval '60 seconds'")


@requires(Permission.SYSTEM)
async def ask_again(actor: System) -> int:
    """Ask about one number whose token was refused, a minute after the last time; 0 if none waits.

    What is wrong with the account itself no question shows; there an admin resumes.
    """
    healing = or_(_number.stop_code.is_(None), _number.stop_code.in_(sorted(graph_errors.HEALING)))
    waiting = (
        select(_number.phone_number_id)
        .where(
            _number.stopped_at.is_not(None),
            healing,
            _number.checked_at < func.now() - _EVERY,
        )
        .order_by(_number.checked_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    async with begin(actor) as connection:
        phone_number_id = await connection.scalar(
            update(whatsapp_numbers)
            .where(_number.phone_number_id == waiting)
            .values(checked_at=func.clock_timestamp())
            .returning(_number.phone_number_id)
        )
    if phone_number_id is None:
        return 0
    try:
        await whatsapp.graph().phone_number(phone_number_id)
    except (GraphError, GraphUnanswered, GraphUnreachable) as error:
        log.warning("sending.still_stopped", error=type(error).__name__)
        return 1
    async with begin(actor) as connection:
        await connection.execute(
            update(whatsapp_numbers)
            .where(_number.phone_number_id == phone_number_id, healing)
            .values(stopped_at=None, stop_code=None, stop_details=None, paused_until=None)
        )
        await changes.announce_channel(connection)
    log.info("sending.resumed")
    whatsapp.queued()
    return 1
