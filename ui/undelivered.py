"""What did not arrive, day by day: to whom, why, and what can be done."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from uuid import UUID

from babel.dates import format_date
from nicegui import context, ui

from services import sending, undelivered
from services.errors import Conflict, Forbidden, NotFound
from services.permissions import Permission, may
from services.undelivered import DayCount, Undelivered
from ui import live
from ui.assets import asset
from ui.client_query import day_of
from ui.components.composer_words import TEMPLATE_CODES
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.message_words import TYPE_ICONS, error_meaning, held_meaning, type_name
from ui.components.staff_working import working
from ui.components.states import empty_state
from ui.components.tags import label_tag
from ui.components.template_words import refusal
from ui.components.whatsapp_text import without_reordering
from ui.formats import exact, number, time_of_day, zone
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import _, language, ngettext
from ui.layout import frame, page_head

PATH = "/settings/undelivered"
_LOOK_EVERY = 30.0
_PREVIEW = 140


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(undelivered_page)


async def undelivered_page() -> None:
    """`/settings/undelivered?day=2026-11-29`."""
    await only_with(Permission.READ_CLIENTS)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("channel.css")}">')
    wanted = context.client.request.query_params.get("day", "")
    with frame(_("Not delivered"), section="undelivered", heading=False):
        await UndeliveredPage(day_of(wanted)).start()


class UndeliveredPage:
    """One open page, which keeps itself up to date."""

    def __init__(self, day: date | None) -> None:
        self._day = day
        self._may_act = may(current_staff(), Permission.CHANGE_CLIENTS)
        self._asked = False
        page_head(_("Not delivered"))
        with ui.element("div").classes("ac-channel") as self._root:
            said = _(
                "Messages that WhatsApp refused, of which we do not know whether they left, or that"
                " after 24 hours WhatsApp still holds back or nothing was heard of. Each belongs to"
                " the day it was written."
            )
            show(tag("p", said, class_="ac-muted"))
            self._days = ui.element("div").classes("ac-chips ac-undelivered-days")
            self._days.props["role"] = "group"
            self._days.props["aria-label"] = _("Days")
            self._said = show(NOTHING).props("role=status")
            self._list = ui.element("ul").classes("ac-plain ac-undelivered")

    async def start(self) -> None:
        """Fill the page and keep it up to date."""
        await self._load()
        live.clients_changed.subscribe(self._look_again)
        ui.timer(_LOOK_EVERY, self._look_again, immediate=False)

    @still_signed_in
    async def _look_again(self) -> None:
        if not self._root.is_deleted:
            await self._load(again=True)

    @signed_in
    async def _choose(self, day: date) -> None:
        with self._root:
            self._day = day
            ui.navigate.history.replace(f"{PATH}?day={day.isoformat()}")
            await self._load()

    async def _load(self, *, again: bool = False) -> None:
        counts = await undelivered.counts(current_staff(), zone())
        if self._day is None and counts:
            self._day = counts[0].day
        found: list[Undelivered] = []
        if self._day is not None:
            found = await undelivered.of_day(current_staff(), self._day, zone(), again=again)
        if self._root.is_deleted:
            return
        with self._root:
            self._show_days(counts)
            self._said.content = self._summary(counts, found).source
            self._list.clear()
            with self._list:
                for message in found:
                    self._row(message)

    def _show_days(self, counts: list[DayCount]) -> None:
        self._days.clear()
        with self._days:
            for count in counts:
                words = join(
                    [
                        tag("span", _day_name(count.day)),
                        tag("strong", number(count.total)),
                        tag("span", _("not delivered"), class_="ac-sr-only"),
                    ]
                )
                chip = button(words).classes("ac-chip")
                set_attribute(chip, "aria-pressed", str(count.day == self._day).lower())
                chip.on("click", partial(self._choose, count.day), args=[])

    def _summary(self, counts: list[DayCount], found: list[Undelivered]) -> Html:
        if not counts and not found:
            return empty_state(
                "delivered",
                _("Everything has arrived"),
                _("In the last 30 days WhatsApp delivered everything that was sent."),
            )
        day = next((count for count in counts if count.day == self._day), None)
        if day is None:
            return tag("p", _("On this day everything arrived."))
        parts = [
            ngettext("{n_text} refused", "{n_text} refused", day.failed, n_text=number(day.failed)),
            _("{n} of which nobody knows", n=number(day.unknown)),
            _("{n} held back by WhatsApp", n=number(day.held)),
            _("{n} without a sign for a day", n=number(day.silent)),
        ]
        kinds = (day.failed, day.unknown, day.held, day.silent)
        shown = [part for part, n in zip(parts, kinds, strict=True) if n]
        more = ""
        if day.total > len(found):
            more = " " + _("The newest {n} are shown.", n=number(len(found)))
        said = f"{_day_name(day.day)}: {', '.join(shown)}.{more}"
        return tag("p", said, class_="ac-channel-name")

    def _row(self, message: Undelivered) -> None:
        with ui.element("li").classes("ac-undelivered-row"):
            show(_words(message)).classes("ac-undelivered-words")
            with ui.element("div").classes("ac-channel-acts"):
                if self._may_act and message.remedy == "template":
                    words = join([icon("template"), tag("span", _("A template instead"))])
                    show(tag("a", words, href=_place(message), class_="ac-button"))
                if self._may_act and message.remedy == "again":
                    again = button(join([icon("refresh"), tag("span", _("Send again"))]))
                    again.classes("ac-button").on(
                        "click", partial(self._retry, message.id, again), args=[]
                    )
                if self._may_act and message.can_settle:
                    for label, arrived in ((_("It arrived"), True), (_("It did not"), False)):
                        choice = button(tag("span", label)).classes("ac-button")
                        choice.on(
                            "click", partial(self._settle, message.id, choice, arrived), args=[]
                        )

    @signed_in
    async def _retry(self, message_id: UUID, pressed: ui.html) -> None:
        async def retry() -> None:
            await sending.retry(current_staff(), message_id)

        await self._do(retry, pressed, _("It is on its way again."))

    @signed_in
    async def _settle(self, message_id: UUID, pressed: ui.html, arrived: bool) -> None:
        async def settle() -> None:
            await sending.settle_unknown(current_staff(), message_id, arrived=arrived)

        await self._do(settle, pressed, _("Noted."))

    async def _do(self, act: Callable[[], Awaitable[None]], pressed: ui.html, done: str) -> None:
        with self._root:
            try:
                async with working(pressed):
                    await act()
            except Forbidden:
                ui.navigate.reload()
                return
            except NotFound:
                ui.notify(_("This is no longer here. Load the page again."), type="warning")
            except Conflict as conflict:
                ui.notify(_conflict(conflict.code), type="warning")
            else:
                ui.notify(done, type="positive")
            await self._load(again=True)


def _conflict(code: str) -> str:
    match code:
        case "window_closed":
            return _(
                "More than 24 hours have passed since the person last wrote: open the conversation"
                " and send a template."
            )
        case "no_address":
            return _("WhatsApp has no way to reach this person any more.")
        case _ if code in TEMPLATE_CODES:
            return refusal(code)
        case "file_gone":
            return _("The file is no longer there. Open the conversation and attach it again.")
        case "not_failed" | "not_unknown":
            return _("Meanwhile it is known what became of it.")
        case "too_early":
            return _("WhatsApp may still tell us. Try again in a few minutes.")
        case _:
            return _("It cannot be sent again from here. Open the conversation.")


def _words(message: Undelivered) -> Html:
    name = without_reordering(message.client_name or "") or _("Without a name")
    words = (message.text or "").strip()
    said = words[:_PREVIEW] + ("…" if len(words) > _PREVIEW else "")
    return join(
        [
            tag(
                "p",
                tag("a", tag("bdi", name), href=_place(message)),
                " ",
                _why_tag(message),
                label_tag("info", _("Sent again"), symbol="refresh") if message.retried else None,
                tag(
                    "time",
                    time_of_day(message.sent_at),
                    title=exact(message.sent_at),
                    class_="ac-faint",
                ),
                class_="ac-undelivered-head",
            ),
            tag(
                "p",
                icon(TYPE_ICONS[message.type]) if message.type in TYPE_ICONS else None,
                tag("span", said or type_name(message.type), dir="auto"),
                class_="ac-undelivered-text",
            ),
            tag("p", _reason(message), class_="ac-muted"),
        ]
    )


def _place(message: Undelivered) -> str:
    """Where it stands in its conversation."""
    return f"/clients/{message.client_id}?at={message.id}"


def _why_tag(message: Undelivered) -> Html:
    match message.why:
        case "failed":
            return label_tag("danger", _("Refused"), symbol="error")
        case "unknown":
            return label_tag("warn", _("Not known"), symbol="question")
        case "held":
            return label_tag("warn", _("Held back by WhatsApp"), symbol="pause")
        case "silent":
            return label_tag("other", _("No sign of arrival"), symbol="clock")


def _reason(message: Undelivered) -> str:
    match message.why:
        case "failed":
            if message.error is None:
                return _("WhatsApp gives no reason that we know.")
            return error_meaning(message.error)
        case "unknown":
            return _(
                "The connection broke off while it was being sent. Ask the person whether it"
                " arrived before sending it again."
            )
        case "held" if message.held is not None:
            return held_meaning(message.held)
        case "held" | "silent":
            return _(
                "WhatsApp has it, but the person's phone has not fetched it: it may be off, without"
                " data, or the number may no longer be theirs."
            )


def _day_name(day: date) -> str:
    today = datetime.now(zone()).date()
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return format_date(day, "EEE d MMM", locale=language())
