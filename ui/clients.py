"""The list of clients: find a person, see who wrote last, open the conversation."""

import asyncio
from collections.abc import Sequence

from nicegui import context, ui

from services import labels
from services.clients import ClientDetail, ClientPage, list_clients
from services.labels import Label
from services.permissions import Permission, may
from ui import live
from ui.client_query import MOST_SEARCH, ClientQuery
from ui.components.client_editor import ClientEditor
from ui.components.client_table import ClientTable
from ui.components.client_tools import Change, ClientTools
from ui.components.elements import show
from ui.components.markup import NOTHING, Html
from ui.components.pager import Pager, total_of
from ui.components.states import empty_state, skeleton_rows
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import _
from ui.layout import frame
from ui.patience import patiently
from ui.rail import is_offered

#: At most this many reloads per second for live updates, over all open lists of this process.
_RELOADS_PER_SECOND = 40
#: The words for "5 min ago" are brought up to date this often (seconds).
_CLOCK = 60.0

_open_lists: set[str] = set()


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page("/clients")(clients_page)


async def clients_page() -> None:
    """`/clients?search=&profile=&status=&label=&sort=&dir=&page=`."""
    query = ClientQuery.read(context.client.request.query_params)
    known = await labels.list_labels(current_staff())
    with frame(_("Clients"), section="clients", heading=False):
        await ClientList(query, known).start()


async def _open(client: ClientDetail) -> None:
    ui.navigate.to(f"/clients/{client.summary.id}")


class ClientList:
    """One open list: the question, the answer on screen, and what keeps it up to date."""

    def __init__(self, query: ClientQuery, known: Sequence[Label]) -> None:
        self._query = query
        self._answer: ClientPage | None = None
        #: The question that the answer belongs to.
        self._answered: ClientQuery | None = None
        self._asked = 0
        self._reload_planned = False
        add = None
        if may(current_staff(), Permission.CHANGE_CLIENTS):
            add = ClientEditor(_open).open_new
        may_export = may(current_staff(), Permission.EXPORT_CLIENTS)
        self._tools = ClientTools(
            query, known, self._ask, self._open_only, add, may_export=may_export
        )
        with ui.element("div").classes("ac-list-place"):
            self._skeleton = show(skeleton_rows(12, _("Loading clients"))).classes("ac-skeleton")
            self._empty = show(NOTHING).classes("ac-contents")
            self._table = ClientTable(self._on_column)
            self._table.set_visibility(False)
        self._pager = Pager(lambda page: self._ask(lambda query: query.turned_to(page)))

    async def start(self) -> None:
        """Fill the page and keep it up to date; a slow answer finds a skeleton in its place."""
        client = context.client
        _open_lists.add(client.id)
        client.on_delete(lambda: _open_lists.discard(client.id))
        live.clients_changed.subscribe(self._on_change)
        ui.timer(_CLOCK, self._tell_time, immediate=False)
        await patiently(self._load())

    @signed_in
    async def _ask(self, change: Change, *, typing: bool = False) -> None:
        """Show the answer to another question, and put the question into the address bar.

        The browser's Back leads to the question before; what is being typed is one question.
        """
        query = change(self._query)
        if query == self._query:
            return
        self._query = query
        self._tools.reflect(query)
        if typing:
            ui.navigate.history.replace(query.address)
        else:
            ui.navigate.history.push(query.address)
        await self._load()
        self._table.scroll_to_top()

    @signed_in
    async def _open_only(self, words: str) -> None:
        """Open the conversation if these words find one person."""
        await self._ask(lambda query: query.searching(words), typing=True)
        if self._answered != self._query:
            await self._load()
        if self._query.search != words[:MOST_SEARCH]:
            return  # something else has been typed meanwhile
        answer = self._answer if self._answered == self._query else None
        if words.strip() and answer and answer.page == 1 and len(answer.items) == 1:
            ui.navigate.to(f"/clients/{answer.items[0].id}")

    async def _on_column(self, sort: str) -> None:
        await self._ask(lambda query: query.sorted_by(sort))

    async def _load(self, *, lighting_up: bool = False) -> None:
        self._asked += 1
        asked = self._asked
        again = self._answered == self._query
        answer = await list_clients(current_staff(), **self._query.arguments, again=again)
        if asked != self._asked or self._table.is_deleted:
            return  # a newer question is on its way, or nobody looks any more
        if not answer.items and answer.total and self._query.page > 1:
            # The list became shorter than the page in the address bar.
            self._query = self._query.turned_to(1)
            ui.navigate.history.replace(self._query.address)
            await self._load()
            return
        self._answer, self._answered = answer, self._query
        self._show(answer, lighting_up=lighting_up)

    def _show(self, answer: ClientPage, *, lighting_up: bool = False) -> None:
        self._skeleton.set_visibility(False)
        self._table.set_visibility(bool(answer.items))
        self._table.show(
            answer.items,
            sort=self._query.sort,
            descending=self._query.descending,
            lighting_up=lighting_up,
        )
        self._empty.content = NOTHING.source if answer.items else self._nothing_here().source
        self._tools.count(total_of(answer))
        self._pager.show(answer)

    def _nothing_here(self) -> Html:
        if self._query.is_filtered:
            return empty_state(
                "search",
                _("Nobody matches"),
                _("Check the spelling, search for part of the phone number, or remove filters."),
                link=(_("Clear filters"), self._query.without_filters().address),
            )
        return empty_state(
            "people",
            _("Nobody has written yet"),
            _("Whoever writes to the organisation on WhatsApp appears here by themselves."),
            link=(_("Open the simulator"), "/simulator") if is_offered("simulator") else None,
        )

    # -- keeping up to date -------------------------------------------------------------------

    async def _on_change(self) -> None:
        """Load again soon; what changes meanwhile is covered by the same reload."""
        if self._reload_planned:
            return
        self._reload_planned = True
        await asyncio.sleep(max(0.2, len(_open_lists) / _RELOADS_PER_SECOND))
        self._reload_planned = False
        if not self._table.is_deleted:
            await self._load_again()

    @still_signed_in
    async def _load_again(self) -> None:
        await self._load(lighting_up=True)

    @still_signed_in
    async def _tell_time(self) -> None:
        if self._answer is not None and not self._table.is_deleted:
            self._show(self._answer)
