"""The inbox: who waits for an answer, the conversation, and its file, without leaving the page."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from nicegui import context, ui

from services import assignments, inbox, labels
from services.actors import Staff
from services.inbox import Counts, InboxItem, View
from ui import inbox_news, live
from ui.assets import asset
from ui.components.elements import show
from ui.components.inbox_items import item
from ui.components.inbox_list import InboxList
from ui.components.inbox_tools import Change, InboxTools, view_name
from ui.components.markup import NOTHING, Html, join
from ui.components.open_client import OpenClient, open_client, prepare_page
from ui.components.states import empty_state, skeleton_rows
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import N_, _
from ui.inbox_query import InboxQuery
from ui.layout import frame
from ui.patience import patiently
from ui.rail import is_offered

#: How long somebody waits, and how much is left of the 24 hours, is brought up to date this often
#: (seconds).
_CLOCK = 60.0
#: Counts follow the news after so long (seconds): of several pieces of news one look is enough.
_COUNT_AFTER = 0.4


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page("/")(inbox_page)


async def inbox_page() -> None:
    """`/?view=&search=&profile=&label=&assignee=&client=`."""
    query = InboxQuery.read(context.client.request.query_params)
    staff = current_staff()
    prepare_page()
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("inbox.css")}">')
    with frame(_("Inbox"), section="inbox", heading=False):
        skeleton = show(skeleton_rows(12, _("Loading conversations")))
        page, counts, known, people = await patiently(_first_look(staff, query))
        if skeleton.is_deleted:
            return  # nobody waits any more
        skeleton.delete()
        opened = Inbox(query, page, counts)
        opened.build(known, people)
        if query.client:
            await patiently(opened.open(query.client))


_FirstLook = tuple[inbox.InboxPage, Counts, list[labels.Label], list[assignments.Colleague]]


async def _first_look(staff: Staff, query: InboxQuery) -> _FirstLook:
    """All that the page shows at first, asked for at once."""
    found: _FirstLook = await asyncio.gather(
        inbox.read_inbox(staff, query.view, wanted=query.filter),
        inbox.count_views(staff),
        labels.list_labels(staff),
        assignments.colleagues(staff),
    )
    return found


class Inbox:
    """One open inbox: the question, what is on screen of the answer, and what keeps it true."""

    def __init__(self, query: InboxQuery, page: inbox.InboxPage, counts: Counts) -> None:
        self._query = query
        self._page = page
        self._counts = counts
        #: What the list shows: a conversation's place, and how it looked when it was last sent.
        self._shown: dict[UUID, tuple[str, int]] = {}
        self._mine: set[UUID] = set()
        self._limit = inbox.PAGE
        self._more = page.more
        self._asked = 0
        self._client: OpenClient | None = None
        self._counting = False
        self._counts_own = False
        self._opening = asyncio.Lock()

    def build(self, known: Sequence[labels.Label], people: Sequence[assignments.Colleague]) -> None:
        """Put it on the page."""
        with ui.element("div").classes("ac-inbox") as self._place:
            with ui.element("section").classes("ac-inbox-side") as side:
                side.props["aria-label"] = _("Conversations")
                self._tools = InboxTools(self._query, self._ask, known, people)
                self._tools.count(self._counts)
                markup = self._remember(self._page.items)
                self._list = InboxList(
                    markup,
                    more=self._more,
                    opened=self._query.client,
                    on_open=self._open,
                    on_more=self._show_more,
                )
                self._empty = show(NOTHING).classes("ac-contents")
            self._pane = ui.element("div").classes("ac-inbox-pane")
            self._pane.on("click", self._close, js_handler=_BACK_PRESSED)
            with self._pane:
                self._nobody = show(
                    empty_state(
                        "inbox",
                        _("Choose a conversation"),
                        _("With j and k you move through the list, Enter opens, ? shows all keys."),
                    )
                )
        self._show_emptiness()
        live.clients_changed.subscribe(self._on_change)
        ui.timer(_CLOCK, self._look_again, immediate=False)

    # --- what people do -----------------------------------------------------------------------

    @signed_in
    async def _ask(self, change: Change, *, typing: bool = False) -> None:
        """Show the answer to another question, and put the question into the address bar."""
        query = change(self._query)
        if query == self._query:
            return
        self._query = query
        self._limit = inbox.PAGE
        self._tools.reflect(query)
        self._write_address(replacing=typing)
        await self._load()

    @signed_in
    async def _show_more(self) -> None:
        self._limit = min(self._limit + inbox.PAGE, inbox.MOST)
        await self._load(stay=True)

    @signed_in
    async def _open(self, client_id: UUID) -> None:
        if self._query.client == client_id and self._client is not None:
            self._place.classes(add="ac-inbox--open")
            return
        self._query = self._query.opening(client_id)
        self._write_address()
        await self.open(client_id)

    @signed_in
    async def _close(self) -> None:
        """Back to the list: what a narrow screen shows instead of the conversation."""
        before = self._query.client
        self._query = self._query.opening(None)
        self._write_address()
        self._leave()
        self._list.choose(None)
        self._list.come_back(before)

    async def open(self, client_id: UUID) -> None:
        """Show a conversation beside the list."""
        # One after the other: whoever presses two in a row sees the second.
        async with self._opening:
            if self._query.client != client_id:
                return
            self._leave()
            self._list.choose(client_id)
            self._place.classes(add="ac-inbox--open")
            with self._pane:
                back = self._query.opening(None).address
                opened = await open_client(client_id, back=back)
            if self._place.is_deleted:
                return
            self._client = opened
            self._nobody.set_visibility(opened is None)
        if opened is None:
            ui.notify(_("This is no longer here. Load the page again."), type="warning")
            return
        await assignments.mark_told(current_staff(), client_id)

    def _leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._nobody.set_visibility(True)
        self._place.classes(remove="ac-inbox--open")

    def _write_address(self, *, replacing: bool = False) -> None:
        if replacing:
            ui.navigate.history.replace(self._query.address)
        else:
            ui.navigate.history.push(self._query.address)

    # --- what is on screen --------------------------------------------------------------------

    async def _load(self, *, stay: bool = False, again: bool = False) -> None:
        self._asked += 1
        asked, query = self._asked, self._query
        page = await inbox.read_inbox(
            current_staff(), query.view, wanted=query.filter, limit=self._limit, again=again
        )
        if asked != self._asked or self._place.is_deleted:
            return
        self._more = page.more and self._limit < inbox.MOST
        self._shown.clear()
        self._list.reset(self._remember(page.items), more=self._more, stay=stay)
        self._list.choose(query.client)
        self._show_emptiness()

    def _remember(self, found: Sequence[InboxItem]) -> Html:
        """Their markup, noted as shown."""
        view, now = self._query.view, datetime.now(UTC)
        markup = [item(one, view, now=now) for one in found]
        for one, looks in zip(found, markup, strict=True):
            self._note(one, looks)
        return join(markup)

    def _note(self, one: InboxItem, markup: Html) -> None:
        """It is on screen, and looks like this."""
        self._shown[one.id] = _look(one, self._query.view, markup)
        if one.assigned_to == current_staff().id:
            self._mine.add(one.id)

    def _show_emptiness(self) -> None:
        self._empty.content = (NOTHING if self._shown else _nothing_here(self._query)).source

    # --- keeping up to date -------------------------------------------------------------------

    async def _on_change(self, changed: frozenset[UUID]) -> None:
        if self._place.is_deleted:
            return
        if not changed or self._query.search.strip():
            # News was missed, or whether it is found is for the database to say.
            await self._look_again()
            return
        news = await inbox_news.news_of(changed)
        await self._put(changed, news)

    async def _put(self, changed: frozenset[UUID], news: dict[UUID, inbox.News]) -> None:
        """Put what changed in its place, and take away what has left the view."""
        me, view, now = current_staff().id, self._query.view, datetime.now(UTC)
        last = max((order for order, _look in self._shown.values()), default="")
        gone, put, concerns_me = [], [], False
        for id in changed:
            one = news[id].seen_by(me) if id in news else None
            if one is not None and (one.assigned_to == me or one.mentioned_at is not None):
                concerns_me = True
            concerns_me |= id in self._mine
            stays = one is not None and inbox.belongs(one, view, self._query.filter, me, now)
            if one is not None and stays:
                markup = item(one, view, now=now)
                look = _look(one, view, markup)
                if self._more and look[0] > last and id not in self._shown:
                    continue  # further down than the list reaches
                if self._shown.get(id) != look:
                    put.append((one, markup))
            elif id in self._shown:
                gone.append(id)
        if put or gone:
            await self._change(put, gone)
        await self._count_soon(concerns_me=concerns_me)

    @still_signed_in
    async def _change(self, put: list[tuple[InboxItem, Html]], gone: list[UUID]) -> None:
        if not self._place.is_deleted:
            self._change_now(put, gone)

    def _change_now(self, put: list[tuple[InboxItem, Html]], gone: list[UUID]) -> None:
        came = [one for one, _markup in put if one.id not in self._shown]
        for id in gone:
            self._shown.pop(id, None)
        for one, markup in put:
            self._note(one, markup)
        said = _("The list has changed.") if came else ""
        self._list.change(join(markup for _one, markup in put), gone, said=said)
        self._show_emptiness()

    async def _count_soon(self, *, concerns_me: bool) -> None:
        """Bring the counts up to date in a moment; what changes meanwhile is counted too."""
        if concerns_me:
            self._counts_own = True
        if self._counting:
            return
        self._counting = True
        await asyncio.sleep(_COUNT_AFTER)
        self._counting = False
        if not self._place.is_deleted:
            await self._count()

    @still_signed_in
    async def _count(self) -> None:
        shared = await inbox_news.shared_counts()
        own, news = {}, self._counts.news
        if self._counts_own:
            self._counts_own = False
            counted = await inbox.count_own(current_staff())
            own, news = counted.of, counted.news
        if not self._place.is_deleted:
            self._counts = Counts(of={**self._counts.of, **shared, **own}, news=news)
            self._tools.count(self._counts)

    @still_signed_in
    async def _look_again(self) -> None:
        """Read the view once more, and change on screen what has changed: after news was missed,
        and every minute for what time alone does: who has waited how long, what has closed."""
        self._asked += 1
        asked, query = self._asked, self._query
        page = await inbox.read_inbox(
            current_staff(), query.view, wanted=query.filter, limit=self._limit, again=True
        )
        if asked != self._asked or self._place.is_deleted:
            return
        now = datetime.now(UTC)
        fresh = [(one, item(one, query.view, now=now)) for one in page.items]
        put = [(o, m) for o, m in fresh if self._shown.get(o.id) != _look(o, query.view, m)]
        gone = [id for id in self._shown if id not in {one.id for one in page.items}]
        if put or gone:
            self._change_now(put, gone)
        await self._count_soon(concerns_me=True)


def _look(one: InboxItem, view: View, markup: Html) -> tuple[str, int]:
    """A conversation's place in the list, and how it looks there."""
    return inbox.order_of(one, view), hash(markup.source)


def _nothing_here(query: InboxQuery) -> Html:
    """What stands where no conversation does."""
    if query.is_filtered:
        return empty_state(
            "search",
            _("Nobody matches in “{view}”", view=view_name(query.view)),
            _("Look in “All conversations”, search in all messages, or remove filters."),
            link=(_("Clear filters"), query.without_filters().address),
        )
    symbol, title, explanation = _EMPTY[query.view]
    link = None
    if query.view in ("waiting", "all") and is_offered("simulator"):
        link = (_("Open the simulator"), "/simulator")
    return empty_state(symbol, _(title), _(explanation), link=link)


#: View -> icon, what an empty one means, what comes next.
_EMPTY: dict[View, tuple[str, str, str]] = {
    "waiting": (
        "ok",
        N_("Nobody is waiting"),
        N_("Everyone who wrote has an answer. Whoever writes next appears here by themselves."),
    ),
    "mine": (
        "person",
        N_("You carry no conversation"),
        N_("Answer somebody whom nobody carries, or take a conversation with the key a."),
    ),
    "unassigned": (
        "ok",
        N_("Everybody who waits has somebody"),
        N_("Who writes and is nobody's yet appears here."),
    ),
    "closing": (
        "ok",
        N_("No window is about to close"),
        N_("Here are those who wait and can be answered freely for less than four hours."),
    ),
    "mentions": (
        "info",
        N_("Nobody has called you"),
        N_("When a colleague writes your name with @ in a note, it appears here."),
    ),
    "snoozed": (
        "pause",
        N_("Nothing is snoozed"),
        N_("What you put off with the key s waits here, and comes back by itself."),
    ),
    "all": (
        "inbox",
        N_("Nobody has written yet"),
        N_("Whoever writes to the organisation on WhatsApp appears here by themselves."),
    ),
    "archived": (
        "archive",
        N_("Nothing is archived"),
        N_("What you archive with the key e is kept here, whole."),
    ),
}

_BACK_PRESSED = (
    "(event) => { const back = event.target.closest('.ac-client-back a');"
    " if (!back || event.ctrlKey || event.metaKey || event.shiftKey) return;"
    " event.preventDefault(); emit(); }"
)
