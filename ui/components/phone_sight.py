"""What a person's WhatsApp knows beside the messages: files, what was read, what waits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.conversations import TimelineMessage
from services.events import Json
from services.simulator import graph
from services.simulator.people import Persona

#: Where the pictures and sounds of the phone are.
MEDIA_PATH = "/simulator/media"


@dataclass(frozen=True, slots=True)
class Sight:
    """By default nothing: another process plays WhatsApp."""

    #: None: as the demo's account has them.
    templates: Sequence[Json] | None = None
    #: Address of a medium by its id, where it can be shown.
    address: Callable[[str], str | None] = field(default=lambda _: None)
    #: A message of the organisation as it was sent: with the ids of its files.
    sent: Callable[[str], Any] = field(default=lambda _: None)
    #: Whether the organisation has read a message, by its WhatsApp id.
    has_read: Callable[[str], bool] = field(default=lambda _: False)
    #: Messages that have not arrived, because the phone is off.
    waiting: frozenset[str] = frozenset()
    #: Messages that WhatsApp keeps back.
    held: frozenset[str] = frozenset()
    typing: bool = False

    def payload(self, message: TimelineMessage) -> Json:
        """The message's content, from WhatsApp where it still has it."""
        sent = self.sent(message.whatsapp_id) if message.whatsapp_id else None
        return message.payload if sent is None else {message.type: sent}


def sight_of(person: Persona | None, messages: Sequence[TimelineMessage]) -> Sight:
    """Ask the WhatsApp that this process plays."""
    meta = graph.current()
    if meta is None or person is None:
        return Sight()
    theirs = [m.whatsapp_id for m in messages if m.direction == "inbound" and m.whatsapp_id]
    return Sight(
        templates=meta.templates,
        address=lambda id: f"{MEDIA_PATH}/{id}" if meta.media.find(id) else None,
        sent=meta.payload_of,
        has_read=meta.has_read,
        waiting=frozenset(meta.phones.waiting(person.sender.user)),
        held=frozenset(message.wamid for message in meta.held),
        typing=meta.is_typing(theirs),
    )
