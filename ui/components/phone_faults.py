"""Switches for what WhatsApp does wrong, in plain words."""

from collections.abc import Sequence
from functools import partial

from nicegui import ui

from services.simulator import graph
from ui.components.elements import Select, button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.gate import signed_in
from ui.i18n import N_, _, ngettext

#: Fault, symbol, what it is called.
_SENDING = (
    ("rate_limit", "pause", N_("Too many messages at once")),
    ("pair_limit", "pause", N_("Too many to one person")),
    ("window_closed", "clock", N_("More than 24 hours")),
    ("error_500", "error", N_("Server error")),
    ("unavailable", "error", N_("Out of service for a moment")),
    ("slow", "clock", N_("Slow answer")),
    ("cut", "warning", N_("Accepted, then cut off")),
    ("hang", "warning", N_("Accepted, never answered")),
    ("token_expired", "lock", N_("Token no longer valid")),
    ("payment", "lock", N_("Payment problem")),
    ("locked", "lock", N_("Account locked")),
)
_AFTERWARDS = (
    ("undeliverable", "error", N_("Cannot be delivered")),
    ("failed_window_closed", "clock", N_("More than 24 hours, said later")),
    ("silence", "question", N_("Nothing is heard")),
    ("twice", "refresh", N_("Everything twice")),
    ("disorder", "refresh", N_("Last word first")),
    ("early", "inbound", N_("Status before the answer")),
    ("held", "pause", N_("Template held for a check")),
    ("paused", "pause", N_("Template paused, message kept")),
)
_FILES = (
    ("media_404", "refresh", N_("Not there at first")),
    ("media_expired", "clock", N_("No longer there")),
    ("media_slow", "clock", N_("Slow file")),
    ("media_bomb", "warning", N_("Unpacks to far too much")),
    ("media_other_bytes", "question", N_("Other bytes than said")),
    ("upload_500", "error", N_("Upload fails")),
)
_GROUPS = (
    (N_("When the app sends"), _SENDING),
    (N_("What becomes of the message"), _AFTERWARDS),
    (N_("When a file is fetched or uploaded"), _FILES),
)


class FaultSwitches:
    """Chips that are pressed while a fault is on; `refresh` follows what used them up."""

    def __init__(self) -> None:
        self._chips: dict[str, tuple[ui.html, Html]] = {}
        self._summaries: list[tuple[ui.html, str, tuple[str, ...]]] = []
        self._times = "1"
        with ui.element("section").classes("ac-sim-faults") as self._section:
            with ui.element("div").classes("ac-sim-faults-head"):
                show(tag("h3", _("What WhatsApp does wrong"), class_="ac-eyebrow"))
                lengths = {
                    "1": _("The next time"),
                    "3": _("The next three times"),
                    "always": _("Until switched off"),
                }
                Select(lengths, value="1", label=_("For how long"), on_choose=self._on_length)
            for label, faults in _GROUPS:
                self._group(_(label), faults)
            self._build_held()
        self.refresh()

    def refresh(self) -> None:
        """Show what is switched on at the moment."""
        meta = graph.current()
        self._section.set_visibility(meta is not None)
        active = meta.faults.active if meta is not None else {}
        for name, (chip, words) in self._chips.items():
            left = active.get(name)
            set_attribute(chip, "aria-pressed", str(name in active).lower())
            _show(chip, join([words, tag("span", f"×{left}") if left else None]))
        held = len(meta.held) if meta is not None else 0
        self._held.set_visibility(bool(held))
        kept = ngettext(
            "WhatsApp holds {n} message back.", "WhatsApp holds {n} messages back.", held
        )
        _show(self._held_words, tag("p", kept))
        for summary, label, names in self._summaries:
            on = sum(name in active for name in names)
            counted = ngettext("{n} switched on", "{n} switched on", on) if on else None
            _show(summary, join([label, tag("strong", f" · {counted}") if counted else None]))

    def _group(self, label: str, faults: Sequence[tuple[str, str, str]]) -> None:
        with ui.element("details").classes("ac-sim-fold"):
            summary = show(tag("span", label), "summary")
            self._summaries.append((summary, label, tuple(fault[0] for fault in faults)))
            with ui.element("div").classes("ac-chips").props("role=group") as group:
                group.props["aria-label"] = label
                for name, symbol, said in faults:
                    words = join([icon(symbol), tag("span", _(said))])
                    chip = button(words).classes("ac-chip").on("click", partial(self._press, name))
                    self._chips[name] = (chip, words)

    def _build_held(self) -> None:
        with ui.element("div").classes("ac-contents") as self._held:
            self._held_words = show(NOTHING)
            with ui.element("div").classes("ac-chips"):
                for symbol, said, dropped in (
                    ("send", _("Send on"), False),
                    ("close", _("Drop"), True),
                ):
                    chip = button(join([icon(symbol), tag("span", said)])).classes("ac-chip")
                    chip.on("click", partial(self._end_holding, dropped=dropped), args=[])

    @signed_in
    async def _end_holding(self, *, dropped: bool) -> None:
        meta = graph.current()
        if meta is not None:
            meta.end_holding(dropped=dropped)
        self.refresh()

    async def _on_length(self, value: str) -> None:
        self._times = value

    @signed_in
    async def _press(self, name: str) -> None:
        meta = graph.current()
        if meta is None:
            return
        if name in meta.faults.active:
            meta.faults.clear(name)
        else:
            times = int(self._times) if self._times.isdigit() else None
            meta.faults.set(name, times=times)
        self.refresh()


def _show(element: ui.html, words: Html) -> None:
    if element.content != words.source:
        element.content = words.source
