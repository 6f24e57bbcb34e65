"""Above the list of clients: the search, the filters and the order."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from nicegui import ui
from nicegui.events import GenericEventArguments

from services.clients import CLIENT_STATUSES, PROFILE_TYPES
from services.labels import Label
from ui.client_query import MOST_SEARCH, ORDERS, ClientQuery
from ui.components.client_export import export_menu
from ui.components.elements import Select, button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.narrowing_words import narrowed_to
from ui.components.search_field import search_field
from ui.components.tags import PROFILES, STATUSES, profile_label, status_label
from ui.i18n import _

#: From the question that is on screen to the next one. A function and not a question, so that two
#: quick presses both count.
Change = Callable[[ClientQuery], ClientQuery]


class Ask(Protocol):
    """Asks another question; `typing` says that it is one of many on the way to a word."""

    def __call__(self, change: Change, *, typing: bool = False) -> Awaitable[None]: ...


class ClientTools:
    """Shows a query and asks another one when somebody uses it.

    Enter in the search field calls `open_only` with the words in it. `add` opens the form for
    somebody new; None leaves its button out. `may_export` shows what takes the list along.
    """

    def __init__(
        self,
        query: ClientQuery,
        labels: Sequence[Label],
        ask: Ask,
        open_only: Callable[[str], Awaitable[None]],
        add: Callable[[], None] | None,
        *,
        may_export: bool = False,
    ) -> None:
        self._ask = ask
        self._open_only = open_only
        self._chips: dict[str, ui.html] = {}
        with ui.element("header").classes("ac-head ac-clients-head"):
            with ui.element("div").classes("ac-head-title"):
                show(tag("h1", _("Clients"), class_="ac-title"))
                self._count = ui.label().classes("ac-count").props("aria-live=polite")
            self._search = self._search_field(query.search)
            self._export = show(NOTHING).classes("ac-contents") if may_export else None
            if add is not None:
                new = button(join([icon("plus"), tag("span", _("New client"))]))
                new.classes("ac-button ac-new-client").on("click", add)
        with ui.element("div").classes("ac-tools") as self._bar:
            self._opener = self._filter_opener()
            with _group(_("Profile type")):
                for profile in PROFILE_TYPES:
                    self._add_chip(profile, profile_label(profile), _dot(PROFILES[profile][0]))
            with _group(_("Status")):
                for status in CLIENT_STATUSES:
                    self._add_chip(status, status_label(status), icon(STATUSES[status][1]))
            self._label = self._label_select(query, labels)
            self._narrowed = show(NOTHING).classes("ac-contents")
            self._clear = button(join([icon("close"), _("Clear filters")]))
            self._clear.classes("ac-link-button").on("click", self._on_clear)
            self._order = self._order_select(query)
        self.reflect(query)

    def reflect(self, query: ClientQuery) -> None:
        """Show what is asked for. The search field is left alone: somebody may be typing in it."""
        chosen = {*query.profiles, *query.statuses}
        for value, chip in self._chips.items():
            set_attribute(chip, "aria-pressed", "true" if value in chosen else "false")
        self._clear.set_visibility(query.is_filtered)
        if self._label is not None:
            self._label.choose(str(query.label or ""))
        self._order.choose(_order_key(query))
        self._narrowed.content = narrowed_to(query).source
        words = _("Filters ({n})", n=query.filters) if query.filters else _("Filters")
        self._opener.content = join([icon("filter"), tag("span", words)]).source
        if self._export is not None:
            self._export.content = export_menu(query).source

    def count(self, words: str) -> None:
        """Say how many clients there are."""
        self._count.text = words

    def _search_field(self, words: str) -> ui.input:
        field = search_field(
            _("Search clients"),
            value=words,
            placeholder=_("Name, phone, e-mail or NIE"),
            most=MOST_SEARCH,
            on_type=lambda typed: self._ask(lambda query: query.searching(typed), typing=True),
        )

        async def enter(event: GenericEventArguments) -> None:
            if isinstance(event.args, str):
                await self._open_only(event.args)

        # With its words: the field itself reports them only after a pause.
        field.on("keydown.enter", enter, js_handler="(event) => emit(event.target.value)")
        return field

    def _filter_opener(self) -> ui.html:
        """On a phone the filters are behind this button."""
        opener = button(tag("span", _("Filters"))).classes("ac-button ac-filter-opener")
        set_attribute(opener, "aria-expanded", "false")

        def toggle() -> None:
            self._bar.classes(toggle="ac-tools--open")
            is_open = "ac-tools--open" in self._bar.classes
            set_attribute(opener, "aria-expanded", "true" if is_open else "false")

        opener.on("click", toggle)
        return opener

    def _add_chip(self, value: str, label: str, mark: Html) -> None:
        async def toggle() -> None:
            if value in PROFILE_TYPES:
                await self._ask(lambda query: query.toggling_profile(value))
            else:
                await self._ask(lambda query: query.toggling_status(value))

        chip = button(join([mark, tag("span", label)])).classes("ac-chip").on("click", toggle)
        self._chips[value] = chip

    def _label_select(self, query: ClientQuery, labels: Sequence[Label]) -> Select | None:
        """The team's labels, as far as there are any."""
        if not labels and query.label is None:
            return None

        async def choose(value: str) -> None:
            await self._ask(lambda query: query.labelled(UUID(value) if value else None))

        options = {"": _("Any label")} | {str(label.id): label.name for label in labels}
        if query.label is not None and str(query.label) not in options:
            options[str(query.label)] = _("A label that was deleted")
        with ui.element("div").classes("ac-label-filter"):
            select = Select(
                options, value=str(query.label or ""), label=_("Label"), on_choose=choose
            )
            show(icon("down")).classes("ac-contents")
        return select

    def _order_select(self, query: ClientQuery) -> Select:
        async def choose(key: str) -> None:
            sort, _space, down = key.partition(" ")
            await self._ask(lambda query: query.ordered(sort, down == "True"))

        with ui.element("div").classes("ac-order"):
            order = Select(
                {f"{sort} {down}": _(label) for (sort, down), label in ORDERS.items()},
                value=_order_key(query),
                label=_("Sort by"),
                on_choose=choose,
            )
            show(icon("down")).classes("ac-contents")
        return order

    async def _on_clear(self) -> None:
        # First the question, so that emptying the field asks nothing new.
        await self._ask(ClientQuery.without_filters)
        self._search.value = ""


@contextmanager
def _group(label: str) -> Iterator[None]:
    group = ui.element("div").classes("ac-chips").props("role=group")
    group.props["aria-label"] = label
    with group:
        yield


def _dot(colour: str) -> Html:
    return tag("span", class_=f"ac-dot ac-dot--{colour}", aria_hidden="true")


def _order_key(query: ClientQuery) -> str:
    return f"{query.sort} {query.descending}"
