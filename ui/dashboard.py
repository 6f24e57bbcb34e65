"""The dashboard: what matters today, and how a period went beside the one before."""

from datetime import datetime
from uuid import UUID

from nicegui import context, ui
from nicegui.element import Element

from services.analytics import tables as files
from services.analytics.summary import Summary, may_see, summary
from services.analytics.workload import caseworkers
from services.permissions import Permission
from ui import dashboard_print
from ui.assets import asset
from ui.components import charts
from ui.components import dashboard_parts as parts
from ui.components import dashboard_tables as tables
from ui.components.charts import Chart, Drawing
from ui.components.dashboard_words import STATES
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.states import empty_state
from ui.dashboard_query import PATH, DashboardQuery, Links
from ui.formats import long_day, percent, zone
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import _, ngettext
from ui.layout import frame, page_head
from ui.rail import is_offered

#: What matters today is brought up to date this often (seconds).
_CLOCK = 60.0


def register() -> None:
    """Add the pages to NiceGUI."""
    ui.page(PATH)(dashboard_page)
    dashboard_print.register()


async def dashboard_page() -> None:
    """`/dashboard?from=&to=&profile=&assigned=`."""
    await only_with(Permission.READ_ANALYTICS)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("dashboard.css")}">')
    query = DashboardQuery.read(context.client.request.query_params)
    with frame(_("Dashboard"), section="dashboard", heading=False):
        people = await caseworkers(current_staff())
        await Dashboard(query, people).start()


class Dashboard:
    """One open dashboard. The page answers at once, the numbers come when the browser is there."""

    def __init__(self, query: DashboardQuery, people: list[tuple[UUID, str]]) -> None:
        self._query = query
        with page_head(_("Dashboard")), ui.element("div").classes("ac-dashboard-tools"):
            words = join([icon("download"), tag("span", _("CSV"))])
            self._export_button = button(words).classes("ac-button")
            self._export_button.props["title"] = _("Export as CSV")
            self._export_button.on("click", self._export)
            paper = join([icon("document"), tag("span", _("For printing"))])
            show(tag("a", paper, href=query.print_address, class_="ac-button"))
        with ui.element("div").classes("ac-dashboard") as self._place:
            today = datetime.now(zone()).date()
            show(parts.filters(query, people, today)).classes("ac-dashboard-filters")
            self._body = ui.element("div").classes("ac-dashboard-body")
            with self._body:
                if query.problem is None:
                    show(parts.skeleton(_("Loading the numbers")))

    async def start(self) -> None:
        """Read the numbers once somebody looks."""
        if self._query.problem is not None:
            return
        if not may_see(current_staff(), self._query.arguments["whose"]):
            self._say(_refused())
            return
        await context.client.connected()
        found = await summary(current_staff(), **self._query.arguments)
        if self._body.is_deleted:
            return
        self._show(found)
        ui.timer(_CLOCK, self._refresh, immediate=False)

    def _show(self, found: Summary) -> None:
        links = Links(found.scope, found.today.day)
        self._body.clear()
        with self._body:
            self._tiles = show(parts.tiles(found, links)).classes("ac-contents")
            if found.is_counting:
                show(parts.counting_note())
            if _is_empty(found):
                show(_nothing_yet())
                return
            show(_period_line(found))
            show(parts.sums(found, links)).classes("ac-contents")
            with ui.element("div").classes("ac-cards"):
                self._show_cards(found, links)

    def _show_cards(self, found: Summary, links: Links) -> None:
        messages = found.messages
        _drawn(
            _("Messages per day"),
            "messages",
            charts.messages(found, links) if messages.inbound.now + messages.outbound.now else None,
            tables.messages(found, links),
            _("Nobody wrote in this period."),
            wide=True,
        )
        _drawn(
            _("People by profile type"),
            "people",
            charts.people(found, links) if found.people.total else None,
            tables.people(found, links),
            _("Nobody is here yet."),
            hint=_("Everybody who is not archived, as of now"),
        )
        _drawn(
            _("New people per week"),
            "new-people",
            charts.new_people(found, links) if found.people.new.now else None,
            tables.new_people(found, links),
            _("Nobody new in this period."),
        )
        with _card(_("Time to answer"), _("In working hours, from the person's first message")):
            show(tables.answers(found, links))
        states = {state: _(label) for state, label in STATES.items()}
        _drawn(
            _("Documents by state"),
            "documents",
            charts.documents(found, links, states) if found.documents.total.now else None,
            tables.documents(found, links),
            _("No documents came in this period."),
        )
        if found.workload:
            with _card(_("Workload"), _("Of the people who are assigned to each now"), wide=True):
                show(tables.workload(found, links))
        with _card(_("Messages that did not arrive"), ""):
            none = parts.nothing(_("Every message of this period arrived."))
            show(tables.failed(found, links) if messages.failed else none)
        with _card(_("Languages"), _("Everybody who is not archived, as of now")):
            show(tables.languages(found, links))
        with _card(_("Proposed and decided"), _agreement(found)):
            none = parts.nothing(
                _("The team has decided nobody's profile who is new in this period.")
            )
            show(tables.agreement(found, links) if found.agreement.decided else none)

    @still_signed_in
    async def _refresh(self) -> None:
        found = await summary(current_staff(), **self._query.arguments, again=True)
        if not self._tiles.is_deleted:
            links = Links(found.scope, found.today.day)
            self._tiles.content = parts.tiles(found, links).source

    @signed_in
    async def _export(self) -> None:
        if self._query.problem is not None:
            return
        set_attribute(self._export_button, "disabled", "true")
        try:
            content = await files.export(current_staff(), **self._query.arguments)
        finally:
            set_attribute(self._export_button, "disabled", None)
        name = f"acogida-{datetime.now(zone()):%Y%m%d-%H%M}.csv"
        ui.download.content(content, name, "text/csv; charset=utf-8")

    def _say(self, words: Html) -> None:
        self._body.clear()
        with self._body:
            show(words)


def _card(title: str, hint: str, *, wide: bool = False) -> Element:
    card = ui.element("section").classes("ac-card" + (" ac-card--wide" if wide else ""))
    card.props["aria-label"] = title
    with card:
        heading = tag("h2", title, class_="ac-subtitle")
        show(join([heading, tag("p", hint, class_="ac-card-hint") if hint else None])).classes(
            "ac-card-head"
        )
    return card


def _drawn(
    title: str,
    name: str,
    drawing: Drawing | None,
    table: Html,
    nothing: str,
    *,
    hint: str = "",
    wide: bool = False,
) -> None:
    """A drawing, its file, and the same as a table."""
    with _card(title, hint, wide=wide):
        if drawing is None:
            show(parts.nothing(nothing))
            return
        chart = Chart(drawing)
        chart.props["role"] = "img"
        chart.props["aria-label"] = _("{title}: the table below says the same", title=title)
        with ui.element("div").classes("ac-card-foot"):
            words = tag("summary", _("Table"))
            show(join([words, table]), "details").classes("ac-card-table")
            save = button(join([icon("download"), tag("span", _("PNG"))])).classes("ac-link-button")
            save.props["aria-label"] = _("Keep “{title}” as a picture", title=title)
            save.on("click", lambda: chart.save(f"acogida-{name}.png"))


def _period_line(found: Summary) -> Html:
    period, before = found.scope.period, found.scope.period.before
    days = ngettext("{n} day", "{n} days", period.days)
    said = _(
        "{since} – {until} ({days}), beside {before_since} – {before_until}",
        since=long_day(period.since),
        until=long_day(period.until),
        days=days,
        before_since=long_day(before.since),
        before_until=long_day(before.until),
    )
    return tag("h2", said, class_="ac-dashboard-period")


def _agreement(found: Summary) -> str:
    decided, same = found.agreement.decided, found.agreement.same
    if not decided:
        return _("How often the team decides what the words proposed")
    return _(
        "The team decided what the words proposed for {same} of {decided} people ({share})",
        same=same,
        decided=decided,
        share=percent(same / decided),
    )


def _is_empty(found: Summary) -> bool:
    people = found.people
    return not sum(people.by_status.values()) and not found.scope.profile and not found.scope.whose


def _nothing_yet() -> Html:
    return empty_state(
        "chart",
        _("Nothing to count yet"),
        _("As soon as somebody writes, you see here who comes and how fast they are answered."),
        link=(_("Open the simulator"), "/simulator") if is_offered("simulator") else None,
    )


def _refused() -> Html:
    return empty_state(
        "lock",
        _("These are a colleague's numbers"),
        _(
            "A colleague's numbers are for administrators. You can see everybody's together,"
            " and yours."
        ),
        link=(_("Everybody's numbers"), PATH),
    )
