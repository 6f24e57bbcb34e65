"""A word that something was done, with the way back beside it."""

from collections.abc import Awaitable, Callable

from nicegui import context, ui

from ui.components.elements import button
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.i18n import _

#: Seconds in which people notice that they pressed the wrong thing.
_OFFERED = 10.0


class UndoToast:
    """The place of a page where the last thing done can be undone; one at a time."""

    def __init__(self) -> None:
        with context.client.layout:
            # There from the beginning: screen readers speak only of what changes in it.
            self._place = ui.element("div").classes("ac-toast-place").props("role=status")
        self._turn = 0

    def offer(self, done: str, undo: Callable[[], Awaitable[None]]) -> None:
        """Say what was done and, for a while, offer to undo it."""
        self._turn += 1
        turn = self._turn
        self._place.clear()

        async def take_back() -> None:
            await undo()
            self._expire(turn)

        with self._place, ui.element("div").classes("ac-toast"):
            ui.label(done)
            words = join([icon("refresh"), tag("span", _("Undo"))])
            button(words).classes("ac-toast-button").on("click", take_back)
            ui.timer(_OFFERED, lambda: self._expire(turn), once=True)

    def close(self) -> None:
        """Take the place itself off the page."""
        self._place.delete()

    def _expire(self, turn: int) -> None:
        if turn == self._turn:
            self._place.clear()
