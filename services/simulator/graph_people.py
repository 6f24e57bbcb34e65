"""Whom the simulated WhatsApp knows, and when they last wrote.

In mock mode that is read from our own database, where the phone's conversation stands; a test says
it, with `Known`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from db.engine import begin
from db.tables import client_identities, clients, messages
from services.actors import System
from services.permissions import Permission, requires
from services.simulator.wire import Sender

#: What a person does without writing to anybody.
_NO_MESSAGE = ("reaction", "edit", "revoke", "system", "unsupported")


@dataclass(frozen=True, slots=True)
class Known:
    """A person, and the time of their last message; None: they never wrote."""

    sender: Sender
    last_wrote_at: datetime | None = None


#: Digits of a number, or a business-scoped id -> who that is. None: nobody that we heard of.
Lookup = Callable[[str], Awaitable[Known | None]]


@requires(Permission.SYSTEM)
async def known(actor: System, address: str) -> Known | None:
    """Return whoever has this number or id at the moment, as our database has them."""
    identity = client_identities.c
    values = (address, f"+{address}")
    owner = (
        select(identity.client_id)
        .where(
            identity.value.in_(values),
            identity.kind.in_(("wa_id", "bsuid", "phone")),
            identity.retired_at.is_(None),
        )
        .limit(1)
    )
    async with begin(actor) as connection:
        client_id = await connection.scalar(owner)
        if client_id is None:
            return None
        names = await connection.execute(
            select(identity.kind, identity.value)
            .where(identity.client_id == client_id, identity.retired_at.is_(None))
            .order_by(identity.first_seen_at)
        )
        current = {row.kind: row.value for row in names}
        person = (
            await connection.execute(
                select(clients.c.profile_name, clients.c.username).where(clients.c.id == client_id)
            )
        ).one()
        last = await connection.scalar(
            select(func.max(messages.c.sent_at)).where(
                messages.c.client_id == client_id,
                messages.c.direction == "inbound",
                messages.c.type.not_in(_NO_MESSAGE),
            )
        )
    wa_id = current.get("wa_id") or (address if address.isdigit() else None)
    sender = Sender(wa_id, current.get("bsuid"), person.profile_name or "", person.username)
    return Known(sender, last)
