"""Who did what, when and from where: the activity log, for admins, and its proof."""

from datetime import UTC, datetime
from uuid import UUID

from nicegui import context, ui

from services import audit_reading, audit_verify
from services.audit_reading import EXPORT_MOST, AuditPage
from services.audit_verify import LastVerification, Verification
from services.permissions import Permission
from ui.assets import asset
from ui.audit_query import PATH, AuditQuery
from ui.components.audit_entries import AuditEntries
from ui.components.audit_filters import filters, opener_words
from ui.components.audit_names import problem_name
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.states import empty_state
from ui.components.tags import Colour
from ui.formats import day_and_time, exact, number, percent
from ui.gate import current_staff, only_with, signed_in
from ui.i18n import _, ngettext
from ui.layout import frame, page_head

_PAGE_SIZE = 50


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(audit_page)


async def audit_page() -> None:
    """`/settings/audit`; the filters and the place in the list are in the address."""
    await only_with(Permission.READ_AUDIT)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("audit.css")}">')
    with frame(_("Activity log"), section="audit", heading=False):
        query = AuditQuery.read(context.client.request.query_params)
        staff = current_staff()
        page = await _read(query)
        people = await audit_reading.people(staff)
        last = await audit_verify.last_verification(staff)
        OpenLog(query, page, people, last)


class OpenLog:
    """One open page. It stays as it is until somebody asks something else."""

    def __init__(
        self,
        query: AuditQuery,
        page: AuditPage,
        people: list[tuple[UUID, str]],
        last: LastVerification | None,
    ) -> None:
        self._query = query
        with page_head(_("Activity log")):
            words = join([icon("download"), tag("span", _("Export as CSV"))])
            self._export_button = button(words).classes("ac-button ac-audit-export")
            self._export_button.on("click", self._export)
            if query.is_backwards:
                set_attribute(self._export_button, "disabled", "true")
        with ui.element("div").classes("ac-audit"):
            said = _(
                "Who did what, when and from where. Nobody can change it, and looking at it is"
                " noted too."
            )
            show(tag("p", said, class_="ac-muted"))
            with ui.element("div").classes("ac-audit-tools") as self._tools:
                self._build_proof(last)
                self._build_filters(people, page)
            if page.entries:
                AuditEntries().add(page.entries)
            elif not query.is_backwards:
                show(_nothing_here(query))
            show(_paging(query, page)).classes("ac-contents")

    def _build_filters(self, people: list[tuple[UUID, str]], page: AuditPage) -> None:
        """On a phone they are behind a button, unless something in them is wrong."""
        opener = button(opener_words(self._query)).classes("ac-button ac-filter-opener")
        show(filters(self._query, people, page)).classes("ac-contents")

        def turn(*, is_open: bool) -> None:
            self._tools.classes(
                add="ac-audit-tools--open" if is_open else "",
                remove="" if is_open else "ac-audit-tools--open",
            )
            set_attribute(opener, "aria-expanded", str(is_open).lower())

        turn(is_open=self._query.is_backwards)
        opener.on("click", lambda: turn(is_open="ac-audit-tools--open" not in self._tools.classes))

    # --- the proof ----------------------------------------------------------------------------

    def _build_proof(self, last: LastVerification | None) -> None:
        with ui.element("section").classes("ac-audit-proof") as section:
            section.props["aria-label"] = _("Integrity of the log")
            self._proof = show(_proof_of(last)).props("role=status")
            words = join([icon("check"), tag("span", _("Verify now"))])
            self._verify_button = button(words).classes("ac-button")
            self._verify_button.on("click", self._verify)
            self._problems = ui.element("div").classes("ac-contents")

    @signed_in
    async def _verify(self) -> None:
        set_attribute(self._verify_button, "disabled", "true")
        self._problems.clear()
        self._say(_notice("info", "clock", _("Verifying…")))

        def tell(share: float) -> None:
            words = _("Verifying… {share}", share=percent(share))
            self._say(_notice("info", "clock", words))

        try:
            outcome = await audit_verify.verify_now(current_staff(), progress=tell)
        except Exception:
            self._say(_notice("warn", "warning", _("It could not be verified. Try again.")))
            raise
        finally:
            set_attribute(self._verify_button, "disabled", None)
        self._tell(outcome)

    def _tell(self, outcome: Verification) -> None:
        now = datetime.now(UTC)
        last = LastVerification(now, outcome.entries, len(outcome.problems))
        self._say(_proof_of(last))
        if not outcome.problems:
            return
        with self._problems:
            show(
                tag(
                    "ul",
                    *(
                        tag("li", problem_name(p.code), ": ", _place(p.seal, p.entry))
                        for p in outcome.problems
                    ),
                    class_="ac-audit-problems",
                )
            )

    def _say(self, words: Html) -> None:
        if not self._proof.is_deleted:
            self._proof.content = words.source

    # --- the file -----------------------------------------------------------------------------

    @signed_in
    async def _export(self) -> None:
        set_attribute(self._export_button, "disabled", "true")
        try:
            file = await audit_reading.export_log(current_staff(), self._query.filters)
        finally:
            set_attribute(self._export_button, "disabled", None)
        if not file.complete:
            ui.notify(
                _("Only the newest {n} entries fit. Narrow the dates.", n=number(EXPORT_MOST)),
                type="warning",
            )
        ui.download.content(file.content, _file_name(), "text/csv; charset=utf-8")


async def _read(query: AuditQuery) -> AuditPage:
    if query.is_backwards:
        return AuditPage([], None)
    return await audit_reading.read_log(
        current_staff(), query.filters, before=query.before or None, limit=_PAGE_SIZE
    )


def _file_name() -> str:
    return f"audit-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"


def _proof_of(last: LastVerification | None) -> Html:
    if last is None:
        return _notice("info", "info", _("It has not been verified yet."))
    when = tag("time", day_and_time(last.at), title=exact(last.at))
    if last.problems:
        words = ngettext("{n} problem", "{n} problems", last.problems)
        said = join([_("Verified"), " ", when, ": ", tag("strong", words)])
        return _notice("danger", "warning", said)
    if not last.entries:
        return _notice("info", "info", _("No entry has been verified yet."))
    entries = ngettext(
        "{n_text} entry", "{n_text} entries", last.entries, n_text=number(last.entries)
    )
    said = join([_("Verified"), " ", when, ": ", tag("strong", _("intact")), f" ({entries})"])
    return _notice("ok", "ok", said)


def _notice(colour: Colour, symbol: str, words: Html | str) -> Html:
    return tag("div", icon(symbol), tag("span", words), class_=f"ac-notice ac-tag--{colour}")


def _place(seal: int | None, entry: int | None) -> str:
    if entry is not None:
        return _("entry {entry}, seal {seal}", entry=entry, seal=seal)
    return _("seal {seal}", seal=seal) if seal is not None else _("the whole log")


def _paging(query: AuditQuery, page: AuditPage) -> Html:
    newest = tag(
        "a",
        icon("previous"),
        tag("span", _("Newest")),
        href=query.turned_to("").address,
        class_="ac-button",
    )
    older = tag(
        "a",
        tag("span", _("Older entries")),
        icon("next"),
        href=query.turned_to(page.older or "").address,
        class_="ac-button",
    )
    if not query.before and not page.older:
        return tag("span")
    return tag(
        "nav",
        newest if query.before else None,
        older if page.older else None,
        class_="ac-audit-pages",
        aria_label=_("Pages"),
    )


def _nothing_here(query: AuditQuery) -> Html:
    if query.is_filtered or query.before:
        return empty_state(
            "search",
            _("Nothing matches"),
            _("Nobody did such a thing in this time. Choose other dates, or remove filters."),
            link=(_("Clear filters"), PATH),
        )
    return empty_state(
        "clock",
        _("Nothing has happened yet"),
        _("Whatever somebody opens, changes or exports is noted here by itself."),
    )
