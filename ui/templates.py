"""WhatsApp's templates: which there are, what each looks like on the phone, and how each stands."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from nicegui import context, ui
from starlette.datastructures import QueryParams

from services import template_sync, templates
from services.errors import Forbidden
from services.permissions import Permission, may
from services.template_sync import SyncState
from services.templates import Template
from ui import live
from ui.assets import asset
from ui.components.elements import Select, button, set_attribute, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.message_preview import template_preview
from ui.components.search_field import search_field
from ui.components.states import empty_state
from ui.components.tags import label_tag
from ui.components.template_words import (
    category_name,
    language_name,
    problem_words,
    quality_meaning,
    quality_tag,
    reason_meaning,
    status_meaning,
    status_tag_of,
    variable_label,
)
from ui.formats import exact, number, relative
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import _, ngettext
from ui.layout import frame, page_head

PATH = "/templates"
MOST_SEARCH = 100
#: How the filter groups what WhatsApp says.
_REVIEWED = frozenset({"PENDING", "IN_APPEAL"})
#: While the list is being read the page looks this often, else for the words of how long ago.
_CLOCK = 30.0


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(templates_page)


async def templates_page() -> None:
    """`/templates?search=&state=&language=&category=&template=`."""
    await only_with(Permission.READ_CLIENTS)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("channel.css")}">')
    query = TemplateQuery.read(context.client.request.query_params)
    with frame(_("Templates"), section="templates", heading=False):
        await TemplatesPage(query).start()


@dataclass(frozen=True, slots=True)
class TemplateQuery:
    """Filters and what is open. Unknown values from the address bar find nothing and do no harm."""

    search: str = ""
    state: str = ""
    language: str = ""
    category: str = ""
    template: str = ""

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        return cls(**{name: params.get(name, "")[:MOST_SEARCH] for name in cls.__slots__})

    @property
    def address(self) -> str:
        """`/templates?...` without what is as usual."""
        parts = [(name, getattr(self, name)) for name in self.__slots__]
        given = [(name, value) for name, value in parts if value]
        return f"{PATH}?{urlencode(given)}" if given else PATH

    def finds(self, template: Template) -> bool:
        """Whether the filters let a template through."""
        words = " ".join([template.name.replace("_", " "), template.name, template.body]).casefold()
        return (
            all(word in words for word in self.search.casefold().split())
            and self.state in ("", state_of(template))
            and self.language in ("", templates.language_key(template.language))
            and self.category in ("", template.category)
        )


def state_of(template: Template) -> str:
    """`sendable`, `reviewed` or `stuck`."""
    if template.sendable:
        return "sendable"
    return "reviewed" if template.status in _REVIEWED else "stuck"


class TemplatesPage:
    """One open page, which keeps itself up to date."""

    def __init__(self, query: TemplateQuery) -> None:
        self._query = query
        self._found: list[Template] = []
        self._rows: dict[UUID, ui.html] = {}
        with page_head(_("Templates")):
            self._count = ui.label().classes("ac-count").props("aria-live=polite")
            self._sync = None
            if may(current_staff(), Permission.MANAGE_CHANNEL):
                self._sync = button(join([icon("refresh"), tag("span", _("Read again"))]))
                self._sync.classes("ac-button ac-channel-act").on("click", self._ask_for_sync)
        with ui.element("div").classes("ac-templates") as self._root:
            self._state = show(NOTHING).classes("ac-templates-state").props("role=status")
            with ui.element("div").classes("ac-templates-tools"):
                self._tools()
            with ui.element("div").classes("ac-templates-panes") as self._panes:
                self._list = ui.element("ul").classes("ac-plain ac-templates-list")
                self._list.props["aria-label"] = _("Templates")
                self._nothing = show(NOTHING).classes("ac-templates-nothing")
                with ui.element("section").classes("ac-templates-one") as self._one:
                    self._one.props["aria-label"] = _("The chosen template")
                    back = button(join([icon("back"), tag("span", _("All templates"))]))
                    back.classes("ac-link-button ac-templates-back").on("click", self._close)
                    self._detail = show(NOTHING)

    async def start(self) -> None:
        """Fill the page and keep it up to date."""
        await self._load()
        live.channel_changed.subscribe(self._look_again)
        ui.timer(_CLOCK, self._look_again, immediate=False)

    def _tools(self) -> None:
        search_field(
            _("Search templates"),
            value=self._query.search,
            on_type=lambda typed: self._ask(search=typed),
        )
        states = {
            "": _("Any state"),
            "sendable": _("Can be sent"),
            "reviewed": _("Being reviewed"),
            "stuck": _("Cannot be sent"),
        }
        self._choices: dict[str, Select] = {}
        self._select("state", _("State"), states)
        self._select("language", _("Language"), {"": _("Any language")})
        self._select("category", _("Category"), {"": _("Any category")})

    def _select(self, name: str, label: str, options: Mapping[str, str]) -> None:
        async def choose(value: str) -> None:
            await self._ask(**{name: value})

        with ui.element("div").classes("ac-order ac-templates-choice"):
            chosen = getattr(self._query, name)
            options = options if chosen in options else {**options, chosen: chosen}
            self._choices[name] = Select(options, value=chosen, label=label, on_choose=choose)
            show(icon("down")).classes("ac-contents")

    # -- the question -----------------------------------------------------------------------------

    @signed_in
    async def _ask(self, **changed: str) -> None:
        cut = {name: value[:MOST_SEARCH] for name, value in changed.items()}
        self._query = replace(self._query, **cut)
        ui.navigate.history.replace(self._query.address)
        self._show()

    @signed_in
    async def _open(self, template: Template) -> None:
        # The row that was pressed is made anew with the list; the page stays.
        with self._root:
            self._query = replace(self._query, template=str(template.id))
            ui.navigate.history.replace(self._query.address)
            self._show()
            if (row := self._rows.get(template.id)) is not None:
                focus(row)

    @signed_in
    async def _close(self) -> None:
        was = self._query.template
        self._query = replace(self._query, template="")
        ui.navigate.history.replace(self._query.address)
        self._show()
        row = next((row for id, row in self._rows.items() if str(id) == was), None)
        if row is not None:
            focus(row)

    @signed_in
    async def _ask_for_sync(self) -> None:
        try:
            await template_sync.request_sync(current_staff())
        except Forbidden:
            ui.navigate.reload()
            return
        await self._load()

    @still_signed_in
    async def _look_again(self) -> None:
        if not self._root.is_deleted:
            await self._load()

    # -- the answer -------------------------------------------------------------------------------

    async def _load(self) -> None:
        self._found = await templates.list_templates(current_staff())
        state = await template_sync.sync_state(current_staff())
        if self._root.is_deleted:
            return
        self._say(state)
        languages = {templates.language_key(t.language): t.language for t in self._found}
        self._offer("language", _("Any language"), languages, language_name)
        categories = {t.category: t.category for t in self._found}
        self._offer("category", _("Any category"), categories, category_name)
        self._show()

    def _offer(
        self, name: str, anything: str, values: Mapping[str, str], say: Callable[[str], str]
    ) -> None:
        named = sorted(((say(value), key) for key, value in values.items()), key=lambda n: n[0])
        options = {"": anything} | {key: label for label, key in named}
        self._choices[name].offer(options, getattr(self._query, name))

    def _say(self, state: SyncState) -> None:
        self._state.content = _sync_words(state).source
        if self._sync is not None:
            busy = state.running or state.waiting
            set_attribute(self._sync, "disabled", "true" if busy else None)
            set_attribute(self._sync, "aria-busy", "true" if busy else None)

    def _show(self) -> None:
        found = [template for template in self._found if self._query.finds(template)]
        chosen = next((t for t in found if str(t.id) == self._query.template), None)
        # At a desk something is always open beside the list.
        shown = chosen or (found[0] if found else None)
        self._count.text = number(len(found))
        self._list.clear()
        self._rows = {}
        with self._list:
            for template in found:
                self._row(template, is_open=template is shown)
        self._nothing.content = NOTHING.source if found else self._nothing_here().source
        self._list.set_visibility(bool(found))
        self._one.set_visibility(shown is not None)
        if chosen is None:
            self._panes.classes(remove="ac-templates-panes--open")
        else:
            self._panes.classes("ac-templates-panes--open")
        self._detail.content = (_detail(shown) if shown else NOTHING).source

    def _row(self, template: Template, *, is_open: bool) -> None:
        async def choose() -> None:
            await self._open(template)

        with ui.element("li"):
            row = button(_row_words(template)).classes("ac-templates-row")
            row.props["aria-pressed"] = str(is_open).lower()
            row.on("click", choose)
        self._rows[template.id] = row

    def _nothing_here(self) -> Html:
        if self._found:
            return empty_state(
                "search",
                _("No template matches"),
                _("Search for other words, or remove filters."),
                link=(_("Clear filters"), PATH),
            )
        return empty_state(
            "template",
            _("No templates yet"),
            _(
                "After 24 hours without a message from somebody, WhatsApp only takes templates that"
                " it has approved. They are written in WhatsApp Manager and appear here by"
                " themselves."
            ),
        )


def _row_words(template: Template) -> Html:
    facts = [language_name(template.language), category_name(template.category)]
    return join(
        [
            tag(
                "span",
                tag("span", template.name, class_="ac-templates-name"),
                tag("span", " · ".join(facts), class_="ac-faint"),
                class_="ac-templates-words",
            ),
            quality_tag(template) if template.quality in ("YELLOW", "RED") else None,
            status_tag_of(template),
        ]
    )


def _detail(template: Template) -> Html:
    values = {v.key: v.example for v in template.variables if v.example}
    reason = reason_meaning(template)
    becoming = template.correct_category
    return join(
        [
            tag("h2", template.name, class_="ac-subtitle ac-templates-title"),
            tag(
                "div",
                status_tag_of(template),
                quality_tag(template),
                label_tag("other", category_name(template.category)),
                label_tag("other", language_name(template.language)),
                class_="ac-chips",
            ),
            tag("p", status_meaning(template)),
            tag("p", tag("strong", _("WhatsApp's reason:")), " ", reason) if reason else None,
            tag("p", quality_meaning(template), class_="ac-muted")
            if quality_meaning(template)
            else None,
            _notice(
                _(
                    "WhatsApp will take it for “{category}” soon, which changes what it costs and"
                    " who may get it.",
                    category=category_name(becoming),
                )
            )
            if becoming and becoming != template.category
            else None,
            template_preview(template, values),
            _variables(template),
            _read_at(template),
        ]
    )


def _variables(template: Template) -> Html | None:
    if not template.variables:
        return None
    rows: Iterable[Html] = (
        tag(
            "div",
            tag("dt", variable_label(variable)),
            tag("dd", tag("bdi", variable.example or "")),
        )
        for variable in template.variables
    )
    return tag(
        "section",
        tag(
            "h3", _("To be filled in each time, with the examples shown above"), class_="ac-eyebrow"
        ),
        tag("dl", *rows, class_="ac-facts"),
    )


def _read_at(template: Template) -> Html:
    when = tag("time", relative(template.synced_at), title=exact(template.synced_at))
    said = _("Something has changed about it; it is being read again.") if template.dirty else ""
    return tag("p", _("Read from WhatsApp:"), " ", when, ". ", said, class_="ac-faint")


def _sync_words(state: SyncState) -> Html:
    if state.running:
        said = _("Reading the list from WhatsApp…")
        return tag("p", tag("span", class_="ac-channel-spinner"), tag("span", said))
    if state.waiting:
        return tag("p", tag("span", class_="ac-channel-spinner"), tag("span", _("A moment…")))
    when = None
    if state.finished_at is not None:
        ago = tag("time", relative(state.finished_at), title=exact(state.finished_at))
        found = ngettext(
            "{n_text} template", "{n_text} templates", state.total, n_text=number(state.total)
        )
        when = tag("span", _("List read from WhatsApp:"), " ", ago, " · ", found)
    if state.problem is not None:
        said = _("The list could not be read.") + " " + problem_words(state.problem)
        hint = _("It is tried again by itself; what is shown is from before.")
        return join(
            [_notice(f"{said} {hint}"), tag("p", when, class_="ac-muted") if when else None]
        )
    return tag("p", when or _("The list has not been read yet."), class_="ac-muted")


def _notice(said: str) -> Html:
    return tag("div", icon("warning"), tag("span", said), class_="ac-notice ac-notice--warn")
