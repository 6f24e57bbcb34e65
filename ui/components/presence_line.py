"""Who else has this conversation open or is writing in it, and the telling of it to them."""

import time
from collections.abc import Callable
from uuid import UUID

from nicegui import background_tasks, context, ui

from services import presence, receipts
from services.actors import Staff
from services.permissions import Permission, may
from services.presence import Present
from ui import live
from ui.components.avatars import avatar
from ui.components.elements import show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.gate import current_staff, still_signed_in
from ui.i18n import _

#: Whoever writes says so again after so long (seconds).
_WRITING_AGAIN = 4.0
#: After so long without a key nobody is writing any more (seconds).
_STILL = 6.0


class PresenceLine:
    """Colleagues on the same conversation. Call `typing` while somebody writes, `close` at the end.

    `on_writing` is told, in words, who else is writing; with nothing once nobody is.

    Nothing is kept here: every process asks the database, and hears when to ask again.
    """

    def __init__(self, client_id: UUID) -> None:
        self.on_writing: Callable[[str], None] = lambda _words: None
        self._id = client_id
        self._client = context.client
        self._staff: Staff = current_staff()
        self._typed_at = 0.0
        self._is_typing = False
        self._others: list[Present] = []
        self._line = show(NOTHING).classes("ac-presence").props("role=status")
        self._timer = ui.timer(presence.BEAT.total_seconds(), self._beat)
        live.presence_changed.subscribe(self._on_presence, unsubscribe_on_delete=False)
        self._client.on_delete(self.close)
        self._is_closed = False

    def typing(self) -> None:
        """A key was pressed in a field for this person."""
        now = time.monotonic()
        is_news = not self._is_typing or now - self._typed_at > _WRITING_AGAIN
        if is_news:
            self._typed_at, self._is_typing = now, True
            background_tasks.create(self._say(), name="say typing")
            if may(self._staff, Permission.CHANGE_CLIENTS):
                background_tasks.create(
                    receipts.tell_typing(self._staff, self._id), name="tell typing"
                )
            with self._line:
                ui.timer(_STILL, self._stop_typing, once=True)

    def stopped(self) -> None:
        """What was written has been sent, or taken back."""
        if self._is_typing:
            self._is_typing = False
            background_tasks.create(self._say(), name="say typing")

    def close(self) -> None:
        """The conversation is no longer shown."""
        if self._is_closed:
            return
        self._is_closed = True
        live.presence_changed.unsubscribe(self._on_presence)
        if self.close in self._client.delete_handlers:
            self._client.delete_handlers.remove(self.close)
        background_tasks.create(
            presence.leave(self._staff, self._id, self._client.id), name="leave a conversation"
        )

    def _stop_typing(self) -> None:
        if self._is_typing and time.monotonic() - self._typed_at >= _STILL - 1:
            self.stopped()

    @still_signed_in
    async def _beat(self) -> None:
        await self._say()
        await self._ask()

    async def _say(self) -> None:
        if not self._is_closed:
            await presence.be_there(self._staff, self._id, self._client.id, typing=self._is_typing)

    async def _on_presence(self, client_id: UUID) -> None:
        if client_id == self._id and not self._is_closed:
            with self._line:
                await self._look()

    @still_signed_in
    async def _look(self) -> None:
        await self._ask()

    async def _ask(self) -> None:
        others = await presence.others(current_staff(), self._id)
        if not self._is_closed and not self._line.is_deleted and others != self._others:
            self._others = others
            self._line.content = _words(others).source
            self.on_writing(_writing(others))


def _writing(others: list[Present]) -> str:
    """`Omar is also writing`; nothing while nobody is."""
    writing = [other.name for other in others if other.is_typing]
    names = ", ".join(writing)
    if not writing:
        return ""
    if len(writing) == 1:
        return _("{names} is also writing", names=names)
    return _("{names} are also writing", names=names)


def _words(others: list[Present]) -> Html:
    """`Omar is also here`, `Omar is writing`: those who write first."""
    if not others:
        return NOTHING
    writing = _writing(others)
    discs = [avatar(other.name, seed=str(other.staff_id)) for other in others[:3]]
    names = ", ".join(other.name for other in others)
    said = writing or (
        _("{names} is also here", names=names)
        if len(others) == 1
        else _("{names} are also here", names=names)
    )
    state = "ac-presence-words ac-presence-words--writing" if writing else "ac-presence-words"
    return join(
        [
            tag("span", *discs, class_="ac-presence-discs", aria_hidden="true"),
            tag("span", icon("edit") if writing else None, tag("span", said), class_=state),
        ]
    )
