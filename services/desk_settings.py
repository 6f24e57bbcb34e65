"""How the desk works for everybody: what the person sees of us reading and writing."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from db.engine import begin
from db.tables import desk_settings
from services.actors import Actor, Staff
from services.permissions import Permission, requires


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """Both are off until an admin says otherwise: people wait differently for an answer once they
    see that somebody has read."""

    #: The person sees on WhatsApp that their messages were read, once somebody has.
    read_receipts: bool = False
    #: The person sees that somebody is writing to them.
    typing_indicator: bool = False


@requires(Permission.READ_CLIENTS)
async def read_settings(actor: Actor) -> DeskSettings:
    """How it is set."""
    s = desk_settings.c
    async with begin(actor) as connection:
        found = await connection.execute(select(s.read_receipts, s.typing_indicator))
        row = found.one_or_none()
    return DeskSettings(*row) if row else DeskSettings()


@requires(Permission.MANAGE_DESK)
async def change_settings(actor: Staff, wanted: DeskSettings) -> None:
    """Set it for everybody."""
    values = {
        "read_receipts": wanted.read_receipts,
        "typing_indicator": wanted.typing_indicator,
        "updated_by": actor.id,
        "updated_at": func.now(),
    }
    async with begin(actor) as connection:
        await connection.execute(
            insert(desk_settings)
            .values(id=True, **values)
            .on_conflict_do_update(index_elements=["id"], set_=values)
        )
