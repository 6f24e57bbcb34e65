"""Above the list of the inbox: its views with their counts, the search, the filters."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui
from nicegui.events import GenericEventArguments

from services.assignments import Colleague
from services.clients import PROFILE_TYPES
from services.inbox import COUNT_CAP, Counts, View
from services.labels import Label
from ui.components.elements import Select, button, set_attribute, show
from ui.components.icons import icon
from ui.components.label_tags import TINTS
from ui.components.markup import Html, join, tag
from ui.components.search_field import search_field
from ui.components.tags import PROFILES, profile_label
from ui.i18n import N_, _, ngettext
from ui.inbox_query import MOST_SEARCH, InboxQuery

#: View -> icon, what it is called, what it holds.
VIEW_WORDS: dict[View, tuple[str, str, str]] = {
    "waiting": ("clock", N_("Waiting for us"), N_("They wrote and nobody has answered yet")),
    "mine": ("person", N_("Mine"), N_("Conversations that you carry")),
    "unassigned": ("people", N_("Nobody's"), N_("They wait, and nobody carries them")),
    "closing": ("warning", N_("Closing soon"), N_("The 24 hours to answer freely end soon")),
    "mentions": ("info", N_("Mentions"), N_("Notes that call you")),
    "snoozed": ("pause", N_("Snoozed"), N_("They come back by themselves")),
    "all": ("inbox", N_("All conversations"), N_("Every conversation but archived ones")),
    "archived": ("archive", N_("In the archive"), N_("Put away until they write again")),
}

Change = Callable[[InboxQuery], InboxQuery]


class Ask(Protocol):
    """Ask the list something else; `typing` says that it may be one of many on the way."""

    async def __call__(self, change: Change, *, typing: bool = False) -> None: ...


def view_name(view: View) -> str:
    return _(VIEW_WORDS[view][1])


class InboxTools:
    """Shows what is asked for, and asks."""

    def __init__(
        self, query: InboxQuery, ask: Ask, labels: Sequence[Label], people: Sequence[Colleague]
    ) -> None:
        self._ask = ask
        self._query = query
        self._counts = Counts()
        self._chips: dict[str, ui.html] = {}
        self._labels = labels
        with ui.element("header").classes("ac-inbox-head"):
            with ui.element("div").classes("ac-inbox-title"):
                show(tag("h1", _("Inbox"), class_="ac-title"))
                self._opener = button(tag("span", "")).classes("ac-icon-button ac-inbox-filter")
                self._opener.on("click", self._turn_filters)
            self._build_search(query.search)
            self._views = show(tag("span"), "nav").classes("ac-inbox-views")
            self._views.props["aria-label"] = _("Views")
            self._views.on("click", self._on_view, js_handler=_VIEW_PRESSED)
            with ui.element("div").classes("ac-inbox-filters") as self._filters:
                self._build_filters(query, labels, people)
        self._is_open = bool(query.filters)
        self.reflect(query)

    def reflect(self, query: InboxQuery) -> None:
        """Show what is asked for. The search field is left alone: somebody may be typing in it."""
        self._query = query
        self._views.content = _views(query, self._counts).source
        chosen = {*query.profiles, *map(str, query.labels)}
        for value, chip in self._chips.items():
            set_attribute(chip, "aria-pressed", str(value in chosen).lower())
        self._assignee.choose(str(query.assignee or ""))
        self._filters.set_visibility(self._is_open)
        words = _("Filters ({n})", n=query.filters) if query.filters else _("Filters")
        self._opener.content = icon("filter", label=words).source
        set_attribute(self._opener, "title", words)
        set_attribute(self._opener, "aria-expanded", str(self._is_open).lower())
        set_attribute(self._opener, "aria-pressed", str(bool(query.filters)).lower())
        self._clear.set_visibility(query.is_filtered)
        self._everywhere.set_visibility(bool(query.search.strip()))

    def count(self, counts: Counts) -> None:
        """Say how many conversations each view holds."""
        if counts != self._counts:
            self._counts = counts
            self._views.content = _views(self._query, counts).source

    def _build_search(self, words: str) -> None:
        self._search = search_field(
            _("Search in this view"),
            value=words,
            placeholder=_("Name, phone, e-mail or NIE"),
            most=MOST_SEARCH,
            on_type=lambda typed: self._ask(lambda query: query.searching(typed), typing=True),
        ).classes("ac-inbox-search")
        words_in = join([icon("text"), tag("span", _("Search in all messages"))])
        self._everywhere = button(words_in).classes("ac-link-button ac-inbox-everywhere")

        def go(event: GenericEventArguments) -> None:
            ui.navigate.to(search_address(str(event.args or "")))

        # With its words: the field itself reports them only after a pause.
        typed = "() => emit(document.querySelector('.ac-inbox-search input').value)"
        self._everywhere.on("click", go, js_handler=typed)

    def _build_filters(
        self, query: InboxQuery, labels: Sequence[Label], people: Sequence[Colleague]
    ) -> None:
        with ui.element("div").classes("ac-chips").props("role=group") as group:
            group.props["aria-label"] = _("Profile type")
            for profile in PROFILE_TYPES:
                mark = tag("span", class_=f"ac-dot ac-dot--{PROFILES[profile][0]}")
                self._add_chip(
                    profile, join([mark, tag("span", profile_label(profile))]), self._on_profile
                )
        if labels:
            with ui.element("div").classes("ac-chips").props("role=group") as group:
                group.props["aria-label"] = _("Labels")
                for label in labels:
                    tint = TINTS[label.colour][0]
                    mark = tag("span", class_=f"ac-label-dot ac-avatar--{tint}")
                    words = join([mark, tag("span", label.name, dir="auto")])
                    self._add_chip(str(label.id), words, self._on_label)
        with ui.element("div").classes("ac-inbox-whom"):
            options = {"": _("Whoever carries it")}
            options |= {str(person.id): person.name for person in people if person.answers}
            if query.assignee and str(query.assignee) not in options:
                options[str(query.assignee)] = _("Somebody who was on the team")
            self._assignee = Select(
                options,
                value=str(query.assignee or ""),
                label=_("Carried by"),
                on_choose=self._on_assignee,
            )
            self._clear = button(join([icon("close"), _("Clear filters")]))
            self._clear.classes("ac-link-button").on("click", self._on_clear)

    def _add_chip(self, value: str, words: Html, then: Callable[[str], Awaitable[None]]) -> None:
        chip = button(words).classes("ac-chip").on("click", lambda: then(value))
        self._chips[value] = chip

    async def _on_profile(self, value: str) -> None:
        await self._ask(lambda query: query.toggling_profile(value))

    async def _on_label(self, value: str) -> None:
        await self._ask(lambda query: query.toggling_label(UUID(value)))

    async def _on_assignee(self, value: str) -> None:
        await self._ask(lambda query: query.of(UUID(value) if value else None))

    async def _on_clear(self) -> None:
        # First the question, so that emptying the field asks nothing new.
        await self._ask(InboxQuery.without_filters)
        self._search.value = ""

    async def _on_view(self, event: GenericEventArguments) -> None:
        await self._ask(lambda query: query.in_view(str(event.args)))

    def _turn_filters(self) -> None:
        self._is_open = not self._is_open
        self.reflect(self._query)


_VIEW_PRESSED = (
    "(event) => { const link = event.target.closest('a[data-view]');"
    " if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;"
    " event.preventDefault(); emit(link.dataset.view); }"
)


def search_address(words: str) -> str:
    """Where the search in all messages answers."""
    return f"/search?{urlencode({'q': words[:MOST_SEARCH]})}" if words.strip() else "/search"


def _views(query: InboxQuery, counts: Counts) -> Html:
    return tag(
        "ul", *(_view(view, query, counts) for view in VIEW_WORDS), class_="ac-plain ac-inbox-tabs"
    )


def _view(view: View, query: InboxQuery, counts: Counts) -> Html:
    symbol, name, meaning = VIEW_WORDS[view]
    count, news = counts.of.get(view, 0), counts.news.get(view, 0)
    shown = f"{COUNT_CAP}+" if count > COUNT_CAP else str(count)
    classes = ["ac-inbox-count"]
    if view == "closing" and count:
        classes.append("ac-inbox-count--warn")
    number = tag("span", shown, class_=" ".join(classes)) if count else None
    unseen = None
    if news:
        said = ngettext("{n} not seen yet", "{n} not seen yet", news)
        unseen = tag(
            "span", tag("span", said, class_="ac-sr-only"), class_="ac-inbox-news", title=said
        )
    link = tag(
        "a",
        icon(symbol),
        tag("span", _(name), class_="ac-inbox-tab-name"),
        unseen,
        number,
        href=query.in_view(view).address,
        class_="ac-inbox-tab",
        data_view=view,
        title=_(meaning),
        aria_current="page" if view == query.view else None,
    )
    return tag("li", link)
