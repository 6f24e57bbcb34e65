"""The list of conversations as an element of a page: one element, whatever its length."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from ui.components.markup import Html
from ui.i18n import _

_STATIC = Path(__file__).parent.parent / "static"


class InboxList(Element, component=_STATIC / "inbox.js"):
    """Shows conversations and reports which one is pressed.

    The server keeps the markup of what it opened with alone; the browser puts later news in place.
    """

    def __init__(
        self,
        markup: Html,
        *,
        more: bool,
        opened: UUID | None,
        on_open: Callable[[UUID], Awaitable[None]],
        on_more: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__()
        self._props["initial"] = markup.source
        self._props["has-more"] = more
        self._props["opened"] = str(opened) if opened else ""
        self._props["labels"] = {"list": _("Conversations"), "more": _("Show more")}

        async def pressed(event: GenericEventArguments) -> None:
            # What the browser says may be anything.
            try:
                client_id = UUID(str(event.args))
            except ValueError:
                return
            await on_open(client_id)

        self.on("open", pressed)
        self.on("more", lambda _event: on_more(), args=[])

    def reset(self, markup: Html, *, more: bool, stay: bool = False) -> None:
        """Show these conversations and no others; `stay` keeps the place in the list."""
        self.run_method("reset", markup.source, more, stay)

    def change(self, markup: Html, gone: Iterable[UUID], *, said: str = "") -> None:
        """Put each of these in its place and take those away; `said` is told to who cannot see."""
        self.run_method("change", markup.source, [str(id) for id in gone], said)

    def choose(self, client_id: UUID | None) -> None:
        """Mark which conversation is open."""
        self.run_method("choose", str(client_id) if client_id else "")

    def come_back(self, client_id: UUID | None) -> None:
        """Put the focus into the list again."""
        self.run_method("comeBack", str(client_id) if client_id else "")

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        return [*super()._displayed_contents(only_visible=only_visible), self._props["initial"]]
