"""What waits for a decision: one card an item, one card a delivery that nobody can read."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from nicegui import ui

from services.unprocessed import UnprocessedItem, UnreadableDelivery
from ui.components.delivery_words import (
    field_name,
    problem_meaning,
    problem_name,
    unreadable_name,
)
from ui.components.elements import button, set_attribute, show
from ui.components.focus import focus
from ui.components.folded import folded
from ui.components.icons import icon
from ui.components.json_view import json_text_view, visible
from ui.components.markup import Html, join, tag
from ui.components.tags import Colour, label_tag
from ui.formats import day_and_time, exact, number
from ui.i18n import _, ngettext

Act = Callable[[], Awaitable[None]]


class Waiting(Protocol):
    """Anything that a card can be about."""

    @property
    def id(self) -> int: ...


class Card:
    """One thing that waits, with what can be done about it and what came of that."""

    def __init__(self, delivery_id: int) -> None:
        self.delivery_id = delivery_id
        #: Processed or closed; it stays in sight to say so.
        self.settled = False
        #: Being tried again: for a while it is neither here nor there.
        self.busy = False
        self._buttons: list[ui.html] = []
        with ui.element("article").classes("ac-delivery") as self.root:
            self._head = show(tag("span")).classes("ac-delivery-head")
            self._more = ui.element("div").classes("ac-contents")
            self._acts = ui.element("div").classes("ac-delivery-acts")
            self._result = ui.element("div").classes("ac-contents").props("role=status")

    def describe(self, head: Html) -> None:
        """Say what it is; again when that has changed."""
        if self._head.content != head.source:
            self._head.content = head.source

    def explain(self, label: str, content: Callable[[], Html]) -> None:
        """Offer more about it."""
        with self._more:
            folded(label, content)

    def offer(self, symbol: str, label: str, act: Act) -> None:
        """Offer something to do about it."""
        with self._acts:
            pressed = button(join([icon(symbol), tag("span", label)])).classes("ac-button")
            self._buttons.append(pressed.on("click", act))

    def working(self, said: str) -> None:
        """Say that it is being done; nothing else can be pressed meanwhile."""
        self.busy = True
        self._enable(enabled=False)
        self._say("info", "clock", said)

    def failed(self, said: str) -> None:
        """Say that it did not work."""
        self.busy = False
        self._enable(enabled=True)
        self._say("warn", "warning", said)

    def settle(self, said: str) -> None:
        """Say that it is done with."""
        self.settled, self.busy = True, False
        self._acts.clear()
        self._buttons.clear()
        self._more.set_visibility(False)
        self._say("ok", "ok", said)

    def ask(self, question: str, yes: str, act: Act) -> None:
        """Ask once more before something that cannot be taken back."""
        self._enable(enabled=False)
        self._result.clear()
        with self._result, ui.element("div").classes("ac-delivery-question"):
            show(tag("span", question))
            first = button(tag("span", yes)).classes("ac-button ac-button--primary")
            first.on("click", act)
            no = button(tag("span", _("Keep it"))).classes("ac-button")
            no.on("click", self._never_mind)
        focus(first)

    def _never_mind(self) -> None:
        self._enable(enabled=True)
        self._result.clear()

    def _enable(self, *, enabled: bool) -> None:
        for pressed in self._buttons:
            set_attribute(pressed, "disabled", None if enabled else "true")

    def _say(self, colour: Colour, symbol: str, said: str) -> None:
        self._result.clear()
        with self._result:
            show(join([icon(symbol), tag("span", said)])).classes(f"ac-notice ac-tag--{colour}")


W = TypeVar("W", bound=Waiting)


class Cards(Generic[W]):
    """A section of cards, brought up to date without disturbing what somebody looks at."""

    def __init__(
        self, title: str, make: Callable[[W], Card], describe: Callable[[W], Html]
    ) -> None:
        self._title = title
        self._make = make
        self._describe = describe
        self._cards: dict[int, Card] = {}
        with ui.element("section").classes("ac-delivery-section") as self._section:
            self._heading = show(tag("span"), "h2").classes("ac-subtitle")
            self._list = ui.element("div").classes("ac-delivery-list")
        self._section.set_visibility(False)

    def show(self, items: Sequence[W], *, more: bool = False) -> None:
        """Show these, newest first; `more` says that there are others."""
        wanted = {item.id for item in items}
        for id, card in list(self._cards.items()):
            if id not in wanted and not card.settled and not card.busy:
                self._cards.pop(id).root.delete()
        for place, item in enumerate(items):
            if item.id not in self._cards:
                with self._list:
                    self._cards[item.id] = self._make(item)
                self._cards[item.id].root.move(target_index=min(place, len(self._cards) - 1))
            self._cards[item.id].describe(self._describe(item))
        count = number(len(items)) + ("+" if more else "")
        self._heading.content = join(
            [self._title, " ", tag("span", count, class_="ac-count")]
        ).source
        self._section.set_visibility(bool(self._cards))

    def of_delivery(self, delivery_id: int) -> dict[int, Card]:
        """The cards of what came with one delivery and still waits."""
        return {
            id: card
            for id, card in self._cards.items()
            if card.delivery_id == delivery_id and not card.settled
        }

    def __getitem__(self, id: int) -> Card:
        return self._cards[id]


def item_head(item: UnprocessedItem) -> Html:
    """What an item is and why it waits."""
    tries = ngettext("tried again once", "tried again {n} times", item.attempts)
    return join(
        [
            tag(
                "div",
                label_tag("warn", problem_name(item.code), symbol="warning"),
                tag("span", field_name(item.field)),
                _when(item.created_at),
                tag("span", tries) if item.attempts else None,
                class_="ac-delivery-facts",
            ),
            tag("p", problem_meaning(item.code)),
        ]
    )


def item_details(item: UnprocessedItem) -> Html:
    """Where exactly the problem is, and the data as it came."""
    where = join(
        [_("For whoever maintains the program:"), " ", tag("bdi", item.reason or item.code)]
    )
    return join([tag("p", where, class_="ac-faint", lang="en"), json_text_view(item.raw)])


def unreadable_head(delivery: UnreadableDelivery) -> Html:
    """What came that nobody can read."""
    size = _("{n} bytes", n=number(delivery.size))
    return join(
        [
            tag(
                "div",
                label_tag("warn", unreadable_name(delivery.reason), symbol="warning"),
                tag("span", size),
                _when(delivery.received_at),
                class_="ac-delivery-facts",
            ),
            tag(
                "p",
                _(
                    "WhatsApp signed it, but nothing can be made of it. Tell whoever maintains the"
                    " program, and try again after its next update."
                ),
            ),
        ]
    )


def unreadable_details(delivery: UnreadableDelivery) -> Html:
    """Why exactly, and how it begins."""
    reason = join([_("For whoever maintains the program:"), " ", tag("bdi", delivery.reason or "")])
    begins = tag("bdi", visible(delivery.head))
    cut = "…" if delivery.size > len(delivery.head) else ""
    return join(
        [
            tag("p", reason, class_="ac-faint", lang="en"),
            tag("pre", begins, cut, class_="ac-json", dir="ltr", tabindex="0"),
        ]
    )


def _when(moment: datetime) -> Html:
    return tag("time", day_and_time(moment), datetime=moment.isoformat(), title=exact(moment))
