"""What WhatsApp delivered and could not be processed: for admins, with a way to try again."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, ParamSpec

from nicegui import ui

from services import unprocessed
from services.permissions import Permission, may
from services.unprocessed import Overview, UnprocessedItem, UnreadableDelivery
from ui.assets import asset
from ui.components.delivery_cards import (
    Card,
    Cards,
    item_details,
    item_head,
    unreadable_details,
    unreadable_head,
)
from ui.components.delivery_record import notices, numbers, refusals
from ui.components.elements import button, show
from ui.components.folded import folded
from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.components.states import empty_state
from ui.formats import number
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import _
from ui.layout import frame, page_head

P = ParamSpec("P")

PATH = "/settings/deliveries"
#: The newest of each kind that the page shows.
_MOST = 50
#: The page looks for news this often (seconds).
_LOOK_EVERY = 10.0
#: After "try again" the outcome is looked for this often and this long (seconds).
_OUTCOME_EVERY = 0.4
_OUTCOME_FOR = 15.0


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(deliveries_page)


async def deliveries_page() -> None:
    """`/settings/deliveries`."""
    await only_with(Permission.HANDLE_DELIVERIES)
    for sheet in ("json.css", "deliveries.css"):
        ui.add_head_html(f'<link rel="stylesheet" href="{asset(sheet)}">')
    with frame(_("WhatsApp deliveries"), section="deliveries", heading=False):
        await DeliveriesPage().start()


def for_admins(
    handler: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, Coroutine[Any, Any, None]]:
    """Let a handler run only while who looks is an admin; stands below what reads them again.

    To anybody else the database shows nothing, which must not look as if nothing were there. The
    page starts anew and says who may see it.
    """

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        if may(current_staff(), Permission.HANDLE_DELIVERIES):
            await handler(*args, **kwargs)
        else:
            ui.navigate.reload()

    return guarded


class DeliveriesPage:
    """One open page, which keeps itself up to date."""

    def __init__(self) -> None:
        with page_head(_("WhatsApp deliveries")):
            again = button(icon("refresh", label=_("Look again")))
            again.classes("ac-icon-button").on("click", self._refresh)
        with ui.element("div").classes("ac-deliveries") as self._root:
            said = _(
                "Everything that WhatsApp delivers is kept. What could not be processed waits here"
                " until somebody decides; nothing of it is lost."
            )
            show(tag("p", said, class_="ac-muted"))
            self._numbers = show(tag("span"))
            self._all_well = show(_nothing_waits())
            self._items = Cards(_("To decide"), self._item_card, item_head)
            self._unreadable = Cards(
                _("Unreadable deliveries"), self._unreadable_card, unreadable_head
            )
            self._record = ui.element("section").classes("ac-delivery-section")
        self._kept: tuple[object, object] | None = None

    async def start(self) -> None:
        """Fill the page and look for news from time to time."""
        await self._load(again=False)
        ui.timer(_LOOK_EVERY, self._look_again, immediate=False)

    @signed_in
    @for_admins
    async def _refresh(self) -> None:
        await self._load(again=False)

    @still_signed_in
    @for_admins
    async def _look_again(self) -> None:
        await self._load()

    async def _load(self, *, again: bool = True) -> None:
        found = await self._ask(again=again)
        if self._root.is_deleted:
            return
        # The button that was pressed may be gone from the page by now; the page is not.
        with self._root:
            self._show(found)

    async def _ask(self, *, again: bool = True) -> Overview:
        with self._root:
            return await unprocessed.overview(current_staff(), limit=_MOST, again=again)

    def _show(self, found: Overview) -> None:
        today = datetime.now(UTC).date().isoformat()
        self._numbers.content = numbers(found, today, _MOST).source
        self._items.show(found.quarantined, more=len(found.quarantined) >= _MOST)
        self._unreadable.show(found.unreadable, more=len(found.unreadable) >= _MOST)
        self._all_well.set_visibility(not found.quarantined and not found.unreadable)
        self._show_record(found)

    def _show_record(self, found: Overview) -> None:
        kept = (found.noted, found.refusals)
        if kept == self._kept:
            return  # what somebody has unfolded stays unfolded
        self._kept = kept
        self._record.clear()
        with self._record:
            if found.noted:
                count = number(len(found.noted)) + ("+" if len(found.noted) >= _MOST else "")
                label = _("Kept for the record ({n})", n=count)
                folded(label, partial(notices, found.noted))
            if found.refusals:
                folded(_("Refused requests, by day"), partial(refusals, found.refusals))

    # -- what waits -------------------------------------------------------------------------------

    def _item_card(self, item: UnprocessedItem) -> Card:
        card = Card(item.delivery_id)
        card.explain(_("Show the data as it came"), partial(item_details, item))
        card.offer("refresh", _("Try again"), partial(self._try_again, item.delivery_id))
        card.offer("check", _("Close"), partial(self._ask_to_close, item.id))
        return card

    def _unreadable_card(self, delivery: UnreadableDelivery) -> Card:
        card = Card(delivery.id)
        card.explain(_("Show how it begins"), partial(unreadable_details, delivery))
        card.offer("refresh", _("Try again"), partial(self._try_again, delivery.id))
        return card

    @signed_in
    @for_admins
    async def _try_again(self, delivery_id: int) -> None:
        items = self._items.of_delivery(delivery_id)
        unreadable = self._unreadable.of_delivery(delivery_id)
        cards = [*items.values(), *unreadable.values()]
        for card in cards:
            card.working(_("Trying again…"))
        if not await unprocessed.replay(current_staff(), delivery_id):
            for card in cards:
                card.failed(
                    _("The delivery itself is no longer kept, so it cannot be tried again.")
                )
            return
        found = await self._outcome(set(items), set(unreadable))
        if found is None:
            for card in cards:
                card.failed(_("It is still in the queue. Look again in a while."))
            return
        # It took a while: what was found may be nothing because it is no longer shown to them.
        with self._root:
            await self._tell_outcome(found, items, unreadable)

    @still_signed_in
    @for_admins
    async def _tell_outcome(
        self, found: Overview, items: dict[int, Card], unreadable: dict[int, Card]
    ) -> None:
        waiting = {item.id for item in found.quarantined}
        still_unreadable = {delivery.id for delivery in found.unreadable}
        for id, card in items.items():
            _conclude(card, processed=id not in waiting)
        for id, card in unreadable.items():
            _conclude(card, processed=id not in still_unreadable)
        await self._load()

    async def _outcome(self, items: set[int], unreadable: set[int]) -> Overview | None:
        """Wait until what was tried again has been judged; None when that takes too long.

        While it waits in the queue it is in neither list.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + _OUTCOME_FOR
        while clock() < until:
            found = await self._ask()
            back = items & {item.id for item in found.quarantined}
            back_unreadable = unreadable & {delivery.id for delivery in found.unreadable}
            if back or back_unreadable or not found.waiting:
                return found
            await asyncio.sleep(_OUTCOME_EVERY)
        return None

    @signed_in
    @for_admins
    async def _ask_to_close(self, item_id: int) -> None:
        question = _("Close it for good? It will not be shown any more.")
        self._items[item_id].ask(question, _("Yes, close it"), partial(self._close, item_id))

    @signed_in
    @for_admins
    async def _close(self, item_id: int) -> None:
        card = self._items[item_id]
        if await unprocessed.close_item(current_staff(), item_id):
            card.settle(_("Closed."))
        else:
            card.settle(_("Somebody else has dealt with it meanwhile."))
        await self._load()


def _conclude(card: Card, *, processed: bool) -> None:
    if processed:
        card.settle(_("Processed. What was in it is where it belongs now."))
    else:
        card.failed(_("Tried again just now: it still cannot be processed."))


def _nothing_waits() -> Html:
    return empty_state(
        "ok",
        _("All is well"),
        _(
            "Everything that WhatsApp delivered could be processed. If something cannot, it will"
            " wait here with the reason and a button to try again."
        ),
    )
