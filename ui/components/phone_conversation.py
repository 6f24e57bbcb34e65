"""What the database knows of the conversation on the phone, kept in sight."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.changes import ClientChange
from services.conversations import TimelinePage, timeline
from services.simulator import people
from services.simulator.people import Persona
from ui import live
from ui.components.phone import Phone
from ui.gate import current_staff

#: What is awaited is looked for this often and this long (seconds).
LOOK_EVERY = 0.25
_LOOK_FOR = 8.0
#: Messages on the phone: a burst has to be in sight as a whole.
_SHOWN = 60


class Conversation:
    """Fills a phone with what is stored, and follows it."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._client_id: UUID | None = None
        self._followed: set[UUID] = set()
        self._asked = 0

    async def begin(self) -> None:
        """Somebody else has the phone now."""
        self._client_id = None
        await self.look()

    async def look(self) -> list[str]:
        """Show the conversation as it is now; the ids of its messages, oldest first."""
        person = self._phone.person
        if person is None:
            return []
        self._asked += 1
        asked = self._asked
        # Whatever asked may be gone from the page by now; the phone is not.
        with self._phone.root:
            page = await self._newest(person)
        if asked == self._asked and person is self._phone.person and not self._gone:
            self._phone.show(page.messages, has_older=page.older is not None)
        return [message.whatsapp_id for message in page.messages if message.whatsapp_id]

    async def until_arrived(self, wamids: Sequence[str]) -> bool:
        """Show the conversation until these messages are in it, for as long as anybody waits."""
        person = self._phone.person
        clock = asyncio.get_running_loop().time
        until = clock() + _LOOK_FOR
        while self._phone.person is person and not self._gone:
            if set(wamids) <= set(await self.look()):
                return True
            if clock() > until:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return False

    @property
    def is_known(self) -> bool:
        """Whether the person has become a client, whose news it follows."""
        return self._client_id is not None

    @property
    def _gone(self) -> bool:
        return self._phone.root.is_deleted

    async def _newest(self, person: Persona) -> TimelinePage:
        client_id = self._client_id
        if client_id is None:
            client_id = await people.client_of(current_staff(), person.sender)
            if client_id is None or person is not self._phone.person or self._gone:
                return TimelinePage([], None)
            self._client_id = client_id
            self._phone.link_to(client_id)
            self._follow(client_id)
        return await timeline(current_staff(), client_id, limit=_SHOWN)

    def _follow(self, client_id: UUID) -> None:
        if client_id not in self._followed:
            self._followed.add(client_id)
            live.client_topic(client_id).subscribe(self._on_change)

    async def _on_change(self, change: ClientChange) -> None:
        if change.client_id == self._client_id:
            await self.look()
