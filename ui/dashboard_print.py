"""The numbers on paper, for a funder: whole months, and nothing that could tell who somebody is."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from nicegui import context, ui

from services.analytics.scope import Period
from services.analytics.summary import USUAL_DAYS, Summary, period_of, summary
from services.analytics.suppression import Hidden, hide, hide_one, hide_together
from services.permissions import Permission
from ui.assets import asset
from ui.components.dashboard_parts import counting_note
from ui.components.dashboard_tables import table
from ui.components.dashboard_words import language_name, reason_name, state_name
from ui.components.elements import show
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.tags import profile_label
from ui.dashboard_query import PRINT_PATH, DashboardQuery
from ui.formats import long_day, number, short_day, working_time, zone
from ui.gate import current_staff, only_with
from ui.i18n import _
from ui.layout import frame, page_head

K = TypeVar("K")


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PRINT_PATH)(print_page)


async def print_page() -> None:
    """`/dashboard/print?from=&to=`: the calendar months that these days are in."""
    await only_with(Permission.READ_ANALYTICS)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("dashboard.css")}">')
    query = DashboardQuery.read(context.client.request.query_params)
    today = datetime.now(zone()).date()
    usual = Period.last(USUAL_DAYS, today)
    days = usual if query.problem else period_of(query.since, query.until, today)
    months = (usual if days.days > 1_000 else days).whole_months()
    # Whole months, so that two prints whose days differ by one do not tell that day's people.
    found = await summary(current_staff(), since=months.since, until=months.until)
    with frame(_("Report"), section="dashboard", heading=False):
        with page_head(_("Report"), back=query.address):
            printing = ui.element("button").classes("ac-button ac-button--primary ac-print-button")
            printing.props["type"] = "button"
            with printing:
                show(join([icon("document"), tag("span", _("Print"))])).classes("ac-contents")
            printing.on("click", js_handler="() => window.print()")
        with ui.element("div").classes("ac-dashboard ac-report"):
            show(report(found))


def report(found: Summary) -> Html:
    """All that a stranger may read."""
    period = found.scope.period
    profiles, languages = hide_together(found.people.by_profile, found.people.by_language)
    new = hide({week.since: week.n for week in found.people.new_by_week})
    weeks = {week.since: week for week in found.people.new_by_week}
    failed = {code: n.now for code, n in found.messages.failed.items()}
    documents = {state: n.now for state, n in found.documents.by_state.items()}
    return tag(
        "article",
        tag("h2", f"{long_day(period.since)} – {long_day(period.until)}", class_="ac-report-title"),
        tag(
            "p",
            _(
                "Numbers below five are hidden, with others where a total would give them away: –."
                " People are those who are with us today."
            ),
            class_="ac-muted",
        ),
        counting_note() if found.is_counting else None,
        _hidden(_("People by profile type"), _("Profile"), profiles, profile_label),
        _hidden(_("People by language"), _("Language"), languages, language_name),
        _hidden(
            _("New people per week"),
            _("Week"),
            new,
            lambda day: f"{short_day(day)} – {short_day(weeks[day].until)}",
        ),
        _section(
            _("Messages"),
            _("Direction"),
            {"inbound": found.messages.inbound.now, "outbound": found.messages.outbound.now},
            lambda kind: _("Messages received") if kind == "inbound" else _("Messages sent"),
        ),
        _section(_("Messages that did not arrive"), _("Reason"), failed, reason_name)
        if failed
        else None,
        _section(_("Documents by state"), _("State"), documents, state_name),
        _answers(found),
        class_="ac-report-body",
    )


def _section(title: str, head: str, cells: Mapping[str, int], name: Callable[[str], str]) -> Html:
    return _hidden(title, head, hide(cells), name)


def _hidden(title: str, head: str, hidden: Hidden[K], name: Callable[[K], str]) -> Html:
    rows: list[tuple[Html | str, ...]] = [(name(key), _shown(n)) for key, n in hidden.cells.items()]
    rows.append((tag("strong", _("Total")), _shown(hidden.total)))
    return tag(
        "section",
        tag("h3", title, class_="ac-subtitle"),
        table(title, (head, _("Number")), rows),
    )


def _answers(found: Summary) -> Html:
    a = found.answers
    missed = hide_one(a.missed.now)
    rows = []
    for name, times in ((_("First answer to a person"), a.first), (_("Every answer"), a.all)):
        few = hide_one(times.answers) is None
        rows.append(
            (
                name,
                _shown(hide_one(times.answers)),
                "–" if few or times.median is None else working_time(times.median),
                "–" if few or times.p90 is None else working_time(times.p90),
            )
        )
    return tag(
        "section",
        tag("h3", _("Time to answer, in working hours"), class_="ac-subtitle"),
        table(
            _("Time to answer, in working hours"),
            (_("What"), _("Answers"), _("Half took at most"), _("9 of 10 took at most")),
            rows,
        ),
        tag("p", _("Windows that closed without an answer: {n}", n=_shown(missed))),
    )


def _shown(n: int | None) -> str:
    return "–" if n is None else number(n)
