"""The conversation as an element of a page: the newest messages at once, the rest on demand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from nicegui.element import Element
from nicegui.events import GenericEventArguments, Handler

from ui.components.icons import icon_address
from ui.components.timeline import GROUP_WITHIN, Entry, render
from ui.formats import number
from ui.i18n import _

_STATIC = Path(__file__).parent.parent / "static"


class ConversationView(Element, component=_STATIC / "timeline.js"):
    """Shows messages and reports what the reader does.

    Children appear in place of the messages while there are none. The server keeps the markup of
    the first page alone; what is added later lives in the browser.
    """

    def __init__(
        self,
        messages: Sequence[Entry],
        *,
        has_older: bool,
        new_from: UUID | None = None,
        unread_above: int = 0,
        has_newer: bool = False,
        target: str | None = None,
        may_act: bool = False,
        on_older: Handler[GenericEventArguments],
        on_newer: Handler[GenericEventArguments],
        on_newest: Handler[GenericEventArguments],
        on_seen: Handler[GenericEventArguments],
        on_not_found: Handler[GenericEventArguments],
    ) -> None:
        """`new_from`: the conversation opens there; without, at the newest message.
        `unread_above`: so many unread messages are further up than these.
        `target`: the conversation opens at this message or note and marks it.
        `may_act`: whoever looks may send.
        `on_newer`: the reader comes near the end of what is shown, and there is more; answer with
        `append`. `on_newest`: the end itself is wanted; answer with `reset`.
        `on_older`: the reader comes near the top; answer with `prepend` or `older_failed`.
        `on_seen`: the end is before somebody's eyes. `on_not_found`: a quoted message is further up
        than the view was willing to search.
        """
        super().__init__()
        self._may_act = may_act
        self._props["initial"] = self._render(messages, new_from)
        self._props["has-older"] = has_older
        self._props["unread-above"] = _unread_above(unread_above, has_older)
        self._props["has-newer"] = has_newer
        self._props["target"] = target or ""
        self._props["can-answer"] = may_act
        self._props["icons"] = {name: icon_address(name) for name in ("reply", "reaction", "send")}
        self._props["group-within"] = GROUP_WITHIN.total_seconds()
        self._props["labels"] = {
            "conversation": _("Conversation"),
            "older": _("Older messages"),
            "loading": _("Loading older messages…"),
            "beginning": _("The conversation begins here"),
            "newMessages": _("New messages"),
            "newest": _("Go to the newest message"),
            "arrived": _("A new message has arrived"),
            "newer": _("Newer messages"),
            "reply": _("Answer this message"),
            "react": _("React"),
            "reactWith": _("React with {emoji}"),
            "otherEmoji": _("Another emoji"),
            "pending": _("Being taken over…"),
            "unreact": _("Take the reaction back"),
        }
        self.on("older", on_older, args=[])
        self.on("newer", on_newer, args=[])
        self.on("newest", on_newest, args=[])
        self.on("seen", on_seen, args=[])
        self.on("not-found", on_not_found, args=[])

    def on_act(self, handler: Handler[GenericEventArguments]) -> None:
        """Something is to be done with a message: `{act, id, value}`."""
        self.on("act", handler)

    def put(self, messages: Sequence[Entry]) -> None:
        """Add these messages, or replace them where they are shown already."""
        if messages:
            self.run_method("put", self._render(messages))

    def take_away(self, ids: Sequence[str]) -> None:
        """Take entries away that are no longer there, by their ids on the page."""
        if ids:
            self.run_method("takeAway", ids)

    def append(self, messages: Sequence[Entry], *, has_newer: bool) -> None:
        """Add the following page below the others."""
        self.run_method("append", self._render(messages), has_newer)

    def newer_failed(self) -> None:
        """Let the reader ask again for the following page."""
        self.run_method("newerFailed")

    def prepend(
        self,
        messages: Sequence[Entry],
        *,
        has_older: bool,
        new_from: UUID | None = None,
        unread_above: int = 0,
    ) -> None:
        """Add an older page above the others."""
        markup = self._render(messages, new_from)
        self.run_method("prepend", markup, has_older, _unread_above(unread_above, has_older))

    def older_failed(self) -> None:
        """Let the reader ask again for the older page."""
        self.run_method("olderFailed")

    def reset(
        self,
        messages: Sequence[Entry],
        *,
        has_older: bool,
        new_from: UUID | None = None,
        unread_above: int = 0,
    ) -> None:
        """Begin anew with the newest messages, after an interruption of unknown length."""
        markup = self._render(messages, new_from)
        self.run_method("reset", markup, has_older, _unread_above(unread_above, has_older))

    def _render(self, messages: Sequence[Entry], new_from: UUID | None = None) -> str:
        return render(messages, new_from=new_from, may_act=self._may_act)

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        return [*super()._displayed_contents(only_visible=only_visible), self._props["initial"]]


def _unread_above(count: int, has_older: bool) -> str:
    return _("{count} unread further up", count=number(count)) if count and has_older else ""
