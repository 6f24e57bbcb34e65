"""What can be done with a message on the phone, in a panel above the field."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from nicegui import ui

from services.conversations import TimelineMessage
from ui.components.elements import button, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.phone_bubbles import summary_of
from ui.components.phone_words import EMOJI, FAILURES
from ui.i18n import _

Deed = Literal[
    "answer", "correct", "delete", "react", "delivered", "read", "played", "fail", "nothing"
]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to do with a message. `emoji` is None to take a reaction back."""

    deed: Deed
    message: TimelineMessage | None = None
    emoji: str | None = None
    #: Meta's number for why a message of the organisation failed.
    code: int = 0


class Choices:
    """The panel; empty and out of sight unless a message is chosen."""

    def __init__(self, act: Callable[[Choice], Awaitable[None]]) -> None:
        self._act = act
        self._panel = ui.element("div").classes("ac-phone-choices")
        self._panel.set_visibility(False)
        self._panel.on("keydown.esc", partial(self._act, Choice("nothing")))

    def offer(self, message: TimelineMessage) -> None:
        """Show what can be done with a message, and go there with the keyboard."""
        self._open(summary_of(message))
        with self._panel:
            with _group(_("Reactions")):
                for emoji in EMOJI:
                    self._button(tag("span", emoji), Choice("react", message, emoji))
                if any(reaction.direction == "inbound" for reaction in message.reactions):
                    self._button(tag("span", _("Take back")), Choice("react", message))
            with _group(_("What to do")):
                first = self._button(_words("reply", _("Answer")), Choice("answer", message))
                if message.direction == "inbound":
                    self._offer_own(message)
            if message.direction == "outbound":
                with _group(_("What became of it")):
                    self._button(_words("delivered", _("Delivered")), Choice("delivered", message))
                    self._button(_words("eye", _("Read")), Choice("read", message))
                    if message.type == "audio":
                        self._button(_words("audio", _("Played")), Choice("played", message))
                with _group(_("Why it was not delivered")):
                    show(tag("span", _("Not delivered:"), class_="ac-faint"), "span")
                    for code, label, _details in FAILURES:
                        self._button(tag("span", _(label)), Choice("fail", message, code=code))
        focus(first)

    def announce(self, symbol: str, said: str, message: TimelineMessage) -> None:
        """Say what the words in the field are going to be."""
        self._open(join([_words(symbol, said), summary_of(message)]))

    def close(self) -> None:
        self._panel.clear()
        self._panel.set_visibility(False)

    def _open(self, about: Html) -> None:
        self._panel.clear()
        self._panel.set_visibility(True)
        with self._panel, ui.element("div").classes("ac-phone-about"):
            show(about).classes("ac-phone-quote")
            self._button(icon("close", label=_("Never mind")), Choice("nothing"), "ac-icon-button")

    def _offer_own(self, message: TimelineMessage) -> None:
        if message.type == "text" and not message.revoked:
            self._button(_words("edit", _("Correct")), Choice("correct", message))
        self._button(_words("close", _("Delete")), Choice("delete", message))

    def _button(self, words: Html, choice: Choice, look: str = "ac-chip") -> ui.html:
        return button(words).classes(look).on("click", partial(self._act, choice))


def _group(label: str) -> ui.element:
    group = ui.element("div").classes("ac-phone-group").props("role=group")
    group.props["aria-label"] = label
    return group


def _words(symbol: str, said: str) -> Html:
    return join([icon(symbol), tag("span", said)])
