"""Behind the scenes: what the phone delivered, what was answered, and ways to try its patience."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from nicegui import ui

from services.simulator.play import Posted, readable
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.json_view import json_view
from ui.components.markup import Html, join, tag
from ui.components.phone_faults import FaultSwitches
from ui.components.tags import Colour, label_tag
from ui.formats import exact, number, time_of_day
from ui.i18n import _

#: Deliveries that are kept in sight.
_MOST = 30


class Backstage:
    """The list at the right; what can be done in it comes with `offer`."""

    def __init__(self, on_close: Callable[[], None]) -> None:
        self._rows: list[ui.element] = []
        with ui.element("aside").classes("ac-sim-backstage") as pane:
            pane.props["aria-label"] = _("Behind the scenes")
            with ui.element("header").classes("ac-sim-backstage-head"):
                show(tag("h2", _("Behind the scenes"), class_="ac-subtitle"))
                close = button(icon("close", label=_("Close")))
                close.classes("ac-icon-button ac-sim-medium").on("click", on_close)
            said = _(
                "Each tap becomes a signed delivery to the webhook, as WhatsApp would send it."
            )
            show(tag("p", said, class_="ac-muted"))
            self._offers = ui.element("div").classes("ac-contents")
            self.faults = FaultSwitches()
            self._verdict = ui.element("div").classes("ac-sim-verdict").props("role=status")
            with ui.element("section"):
                show(tag("h3", _("Deliveries"), class_="ac-eyebrow"))
                self._list = ui.element("ol").classes("ac-plain")
                self._none = show(tag("p", _("Nothing has been sent yet."), class_="ac-faint"))

    def offer(
        self,
        trials: Sequence[tuple[str, str, Callable[[], Awaitable[None]]]],
        *,
        on_answer: Callable[[str], Awaitable[None]],
        on_again: Callable[[str, bytes], Awaitable[None]],
    ) -> None:
        """Show what can be tried (icon, label, deed) and the field for the organisation's words.

        `on_again` sends a delivery of the list once more.
        """
        self._on_again = on_again
        with self._offers:
            _answer_form(on_answer)
            with ui.element("section"):
                show(tag("h3", _("Try its patience"), class_="ac-eyebrow"))
                with ui.element("div").classes("ac-chips"):
                    for symbol, label, act in trials:
                        chip = button(join([icon(symbol), tag("span", label)])).classes("ac-chip")
                        chip.on("click", act)

    def add(self, label: str, posted: Posted, *, repeatable: bool = True) -> None:
        """Put a delivery on top of the list; say so if it was not taken."""
        self._none.set_visibility(False)
        with self._list, ui.element("li").classes("ac-sim-delivery") as row:
            row.move(target_index=0)
            show(_delivery(label, posted)).classes("ac-sim-delivery-head")
            with ui.element("div").classes("ac-sim-delivery-more"):
                if repeatable:
                    again = button(join([icon("refresh"), tag("span", _("Send again"))]))
                    again.classes("ac-link-button")
                    again.on("click", partial(self._on_again, label, posted.body))
                show(_contents(posted)).classes("ac-contents")
        self._rows.insert(0, row)
        while len(self._rows) > _MOST:
            self._rows.pop().delete()
        if posted.status is None:
            said = _("The webhook did not answer. WhatsApp would try again for days.")
            self.judge(said, good=False)
        elif not posted.accepted:
            said = _(
                "The webhook answered {status}. WhatsApp would try again.", status=posted.status
            )
            self.judge(said, good=False)

    def working(self, said: str) -> None:
        """Say that something is under way."""
        self._say(said, "info", "clock")

    def judge(self, said: str, *, good: bool) -> None:
        """Say how something ended."""
        self._say(said, "ok" if good else "danger", "ok" if good else "error")

    def hush(self) -> None:
        """Take back what was said: it is about something else."""
        self._verdict.clear()

    def _say(self, said: str, colour: Colour, symbol: str) -> None:
        self._verdict.clear()
        words = join([icon(symbol), tag("span", said)])
        with self._verdict:
            show(words).classes(f"ac-notice ac-tag--{colour}")


def _answer_form(on_answer: Callable[[str], Awaitable[None]]) -> None:
    with ui.element("section"):
        show(tag("h3", _("Answer as the organisation, from its own phone"), class_="ac-eyebrow"))
        with ui.element("form").classes("ac-sim-answer") as form:
            field = ui.input(placeholder=_("Good morning, how can we help?"))
            field.props("dir=auto").props["aria-label"] = _("The organisation's answer")
            send = show(icon("send", label=_("Send as the organisation")), "button")
            send.classes("ac-icon-button").props("type=submit")

    async def submit() -> None:
        words, field.value = str(field.value or "").strip(), ""
        if words:
            await on_answer(words)

    form.on("submit.prevent", submit, args=[])


def _delivery(label: str, posted: Posted) -> Html:
    if posted.status is None:
        state = label_tag("danger", _("No answer"), symbol="error")
    elif posted.accepted:
        state = label_tag("ok", _("200 received"), symbol="ok")
    else:
        state = label_tag("danger", _("{status} refused", status=posted.status), symbol="error")
    milliseconds = _("{n} ms", n=number(round(posted.milliseconds)))
    return join(
        [
            tag("span", label, class_="ac-sim-delivery-label", dir="auto"),
            tag(
                "span",
                state,
                tag("span", milliseconds),
                tag("time", time_of_day(posted.at), title=exact(posted.at)),
                class_="ac-sim-delivery-state",
            ),
        ]
    )


def _contents(posted: Posted) -> Html:
    size = _("{n} bytes", n=number(len(posted.body)))
    return tag(
        "details",
        tag("summary", _("Show the JSON"), tag("span", f" · {size}", class_="ac-faint")),
        json_view(readable(posted.body)),
        class_="ac-sim-json",
    )
