"""Entries of the activity log as a list by days, each with more to unfold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from nicegui import ui

from services.audit_reading import AuditEntry
from ui.components.audit_words import has_more, more, sentence
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.formats import day_heading, exact, local, time_of_day
from ui.i18n import _


class AuditEntries(ui.element):
    """A list that grows at both ends. What an entry holds is on the page only while it is unfolded.

    What somebody has unfolded or is reading stays as it is.
    """

    def __init__(self, *, of_client: bool = False) -> None:
        super().__init__("div")
        self.classes("ac-audit-entries")
        self._of_client = of_client
        self._oldest: _Day | None = None
        self._newest: _Day | None = None

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Show entries that are older than those that are there."""
        for entry in entries:
            if self._oldest is None or self._oldest.date != _date(entry):
                self._oldest = self._add_day(entry)
                self._newest = self._newest or self._oldest
            with self._oldest.entries:
                self._add_entry(entry)

    def add_newer(self, entries: Sequence[AuditEntry]) -> None:
        """Show entries, newest first as ever, that are newer than those that are there."""
        if self._newest is None:
            self.add(entries)
            return
        for entry in reversed(entries):
            if self._newest.date != _date(entry):
                self._newest = self._add_day(entry)
                self._newest.heading.move(self, 0)
                self._newest.entries.move(self, 1)
            with self._newest.entries:
                self._add_entry(entry).move(target_index=0)

    def empty(self) -> None:
        """Take all of them off the page."""
        self.clear()
        self._oldest = self._newest = None

    def _add_day(self, entry: AuditEntry) -> "_Day":
        with self:
            level = "h3" if self._of_client else "h2"
            heading = show(join([day_heading(entry.occurred_at)]), level).classes("ac-audit-day")
            return _Day(_date(entry), heading, ui.element("ul").classes("ac-plain"))

    def _add_entry(self, entry: AuditEntry) -> ui.element:
        row = _row(entry, of_client=self._of_client)
        if not has_more(entry):
            return show(row, "li").classes("ac-audit-entry")
        with ui.element("li").classes("ac-audit-entry") as line:
            label = _("Details, {time}", time=time_of_day(entry.occurred_at))
            opener = button(icon("next", label=label)).classes("ac-icon-button ac-audit-opener")
            show(row).classes("ac-contents")
            place = show(NOTHING).classes("ac-audit-more")
        set_attribute(opener, "aria-expanded", "false")

        def toggle() -> None:
            is_open = not place.content
            place.content = more(entry).source if is_open else ""
            set_attribute(opener, "aria-expanded", str(is_open).lower())

        opener.on("click", toggle)
        return line


@dataclass(frozen=True, slots=True)
class _Day:
    date: date
    heading: ui.element
    entries: ui.element


def _date(entry: AuditEntry) -> date:
    return local(entry.occurred_at).date()


def _row(entry: AuditEntry, *, of_client: bool) -> Html:
    return join(
        [
            tag(
                "time",
                time_of_day(entry.occurred_at),
                datetime=entry.occurred_at.isoformat(),
                title=exact(entry.occurred_at),
            ),
            tag("span", sentence(entry, of_client=of_client), class_="ac-audit-said"),
            tag("bdi", entry.address, class_="ac-audit-from") if entry.address else None,
        ]
    )
