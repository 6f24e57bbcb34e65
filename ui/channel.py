"""How the connection to WhatsApp is: what arrives, what leaves, what WhatsApp says, what to do."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from nicegui import ui

from services import channel_checks, channel_health, sending
from services.channel_checks import QUIET_MOST
from services.channel_health import Files, Health, News, NumberHealth
from services.errors import Forbidden
from services.permissions import Permission, may
from ui import live
from ui.assets import asset
from ui.components.channel_words import (
    check_problem,
    limit_words,
    news_words,
    quality,
    stop_words,
    throughput_words,
)
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.lost_files import LostFiles
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.staff_working import working
from ui.components.template_words import problem_words, status_word
from ui.formats import day_and_time, exact, number, phone, relative
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import _, ngettext
from ui.layout import frame, page_head

PATH = "/settings/channel"
#: The page looks for news this often (seconds), beside what it is told.
_LOOK_EVERY = 15.0
#: A message that waits for longer is worth a look.
_LONG = timedelta(minutes=5)

State = Literal["ok", "warn", "danger", "none"]
_SYMBOLS: dict[State, str] = {"ok": "ok", "warn": "warning", "danger": "error", "none": "info"}


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(channel_page)


async def channel_page() -> None:
    """`/settings/channel`."""
    await only_with(Permission.MANAGE_CHANNEL)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("channel.css")}">')
    with frame(_("Connection to WhatsApp"), section="channel", heading=False):
        await ChannelPage().start()


class ChannelPage:
    """One open page, which keeps itself up to date."""

    def __init__(self) -> None:
        with page_head(_("Connection to WhatsApp")):
            self._check = button(join([icon("refresh"), tag("span", _("Check now"))]))
            self._check.classes("ac-button ac-channel-act").on("click", self._check_now)
        with ui.element("div").classes("ac-channel") as self._root:
            self._stop = ui.element("div").classes("ac-channel-stop").props("role=status")
            with self._stop:
                self._stop_words = show(NOTHING)
                self._resume = button(join([icon("send"), tag("span", _("Send again"))]))
                self._resume.classes("ac-button ac-button--primary").on("click", self._send_again)
            self._stop.set_visibility(False)
            self._body = show(NOTHING)
            self._lost = LostFiles()

    async def start(self) -> None:
        """Fill the page and keep it up to date."""
        await self._load()
        live.channel_changed.subscribe(self._look_again)
        ui.timer(_LOOK_EVERY, self._look_again, immediate=False)

    @still_signed_in
    async def _look_again(self) -> None:
        if not self._root.is_deleted:
            await self._load()

    async def _load(self) -> None:
        if not may(current_staff(), Permission.MANAGE_CHANNEL):
            ui.navigate.reload()
            return
        found = await channel_health.health(current_staff())
        if self._root.is_deleted:
            return
        self._stop.set_visibility(found.stop is not None)
        self._stop_words.content = _stop_words(found).source
        self._body.content = _body(found, datetime.now(UTC)).source
        await self._lost.refresh()

    @signed_in
    async def _check_now(self) -> None:
        async with working(self._check):
            try:
                await channel_checks.request_check(current_staff())
            except Forbidden:
                ui.navigate.reload()
                return
        ui.notify(_("WhatsApp is being asked; the answer appears here."), type="info")

    @signed_in
    async def _send_again(self) -> None:
        async with working(self._resume):
            try:
                await sending.resume(current_staff())
            except Forbidden:
                ui.navigate.reload()
                return
            await self._load()


def _stop_words(found: Health) -> Html:
    stop = found.stop
    if stop is None:
        return NOTHING
    why, what_to_do = stop_words(stop.code)
    waits = ngettext(
        "{n_text} message waits.",
        "{n_text} messages wait.",
        stop.queued,
        n_text=number(stop.queued),
    )
    next_step = (
        _("WhatsApp is asked every minute, and sending goes on by itself once it lets us in.")
        if stop.heals_by_itself
        else _("Once that is settled with WhatsApp, press the button: what waits goes out.")
    )
    return join(
        [
            tag("h2", _("Nothing is being sent"), class_="ac-subtitle"),
            tag("p", why, " ", what_to_do),
            tag(
                "p",
                _("Since {time}.", time=day_and_time(stop.since)),
                " ",
                waits if stop.queued else None,
                " ",
                next_step,
            ),
        ]
    )


def _body(found: Health, now: datetime) -> Html:
    return join(
        [
            _section(_("Our numbers"), *(_number_card(n, now) for n in found.numbers))
            if found.numbers
            else _section(_("Our numbers"), tag("p", _("None is known yet."), class_="ac-muted")),
            _section(_("What leaves"), _rows(_leaving(found, now))),
            _section(_("What arrives"), _rows(_arriving(found, now))),
            _section(_("Templates"), _rows(_templates(found))),
            _section(_("What WhatsApp told lately"), _news(found.news)),
        ]
    )


def _number_card(known: NumberHealth, now: datetime) -> Html:
    title = (
        phone(f"+{known.display_phone_number.lstrip('+')}") if known.display_phone_number else ""
    )
    name = known.verified_name or title or known.phone_number_id
    return tag(
        "article",
        tag("h3", tag("bdi", name), class_="ac-channel-name"),
        tag("p", tag("bdi", title), class_="ac-muted") if title and title != name else None,
        _rows(_of_number(known, now)),
        class_="ac-channel-card",
    )


def _of_number(known: NumberHealth, now: datetime) -> Iterable[Html]:
    last = known.last_delivery_at
    quiet = last is None or now - last > timedelta(seconds=QUIET_MOST)
    yield _row(
        "warn" if quiet else "ok",
        _("Last thing that arrived"),
        _ago(last) if last else _("nothing yet"),
        _("If people do write, look at “Webhooks” in the Meta app: our address must be there.")
        if quiet
        else "",
    )
    if known.problem is not None:
        since = _("since {time}", time=day_and_time(known.problem_since or now))
        yield _row("danger", _("Access"), since, check_problem(known.problem))
    elif known.answered_at is None:
        yield _row("none", _("Access"), _("not checked yet"), "")
    else:
        yield _row("ok", _("Access"), _ago(known.answered_at), _("WhatsApp lets us in."))
    colour, word, meaning = quality(known.quality)
    state: State = colour if colour in ("ok", "warn", "danger") else "none"
    yield _row(state, _("How people take our messages"), word, meaning)
    yield _row(
        "none",
        _("Who may be written to first"),
        limit_words(known.messaging_limit),
        _("Answering who wrote within 24 hours is never limited."),
    )
    yield _row("none", _("Speed"), throughput_words(known.throughput), "")
    if known.status not in (None, "CONNECTED"):
        said = _("WhatsApp calls it: {status}", status=(known.status or "").lower())
        yield _row("danger", _("State of the number"), said, _("WhatsApp Manager says more."))


def _leaving(found: Health, now: datetime) -> Iterable[Html]:
    yield _row(
        "none",
        _("Last message that left"),
        _ago(found.last_sent_at) if found.last_sent_at else _("none yet"),
        "",
    )
    oldest = found.oldest_queued_at
    slow = oldest is not None and now - oldest > _LONG
    yield _row(
        "warn" if slow else "ok",
        _("Waiting to be sent"),
        number(found.queued),
        _("The oldest has waited since {time}.", time=day_and_time(oldest)) if oldest else "",
    )
    yield _row(
        "warn" if found.unknown else "ok",
        _("Nobody knows whether they were sent"),
        number(found.unknown),
        tag("a", _("Look at them and decide"), href="/settings/undelivered")
        if found.unknown
        else "",
    )


def _arriving(found: Health, now: datetime) -> Iterable[Html]:
    oldest = found.oldest_waiting_at
    slow = oldest is not None and now - oldest > _LONG
    yield _row(
        "warn" if slow else "ok",
        _("Deliveries in the queue"),
        number(found.waiting),
        _("The oldest has waited since {time}.", time=day_and_time(oldest))
        if slow and oldest
        else "",
    )
    yield _row(
        "none" if found.refused_today else "ok",
        _("Requests turned away today"),
        number(found.refused_today),
        tag("a", _("Which, and why"), href="/settings/deliveries") if found.refused_today else "",
    )
    yield from _lost_files(found.files)


def _lost_files(files: Files) -> Iterable[Html]:
    lost = files.expired + files.failed + files.refused
    parts = [
        _("{n} that WhatsApp has no longer", n=files.expired) if files.expired else "",
        _("{n} that cannot be fetched", n=files.failed) if files.failed else "",
        _("{n} of a kind that we do not keep", n=files.refused) if files.refused else "",
    ]
    said = ", ".join(part for part in parts if part)
    hint = _("Ask the person to send it again; the message in the conversation says which.")
    yield _row(
        "warn" if files.expired or files.failed else "ok",
        _("Files of the last 30 days that we do not have"),
        number(lost),
        f"{said}. {hint}" if lost else "",
    )
    if files.pending:
        yield _row("none", _("Files being fetched"), number(files.pending), "")


def _templates(found: Health) -> Iterable[Html]:
    look = tag("a", _("Look at the templates"), href="/templates")
    if found.sync.problem is not None:
        yield _row("warn", _("List of templates"), _("not read"), problem_words(found.sync.problem))
    elif found.sync.finished_at is not None:
        yield _row("ok", _("List of templates"), _ago(found.sync.finished_at), "")
    for status, count in found.templates.items():
        named = _("Many complain") if status == "RED" else status_word(status)
        yield _row("warn", named, number(count), look)
    if not found.templates:
        yield _row("ok", _("Templates with a problem"), number(0), look)


def _news(news: list[News]) -> Html:
    if not news:
        return tag("p", _("Nothing in the last 30 days."), class_="ac-muted")
    return tag("ul", *map(_piece_of_news, news), class_="ac-plain ac-channel-news")


def _piece_of_news(news: News) -> Html:
    colour, what, hint = news_words(news)
    symbol = {"ok": "ok", "warn": "warning", "danger": "error"}.get(colour, "info")
    return tag(
        "li",
        tag("span", icon(symbol), class_=f"ac-channel-mark ac-channel-mark--{colour}"),
        tag(
            "div",
            tag("p", what),
            tag("p", hint, class_="ac-muted") if hint else None,
            class_="ac-channel-words",
        ),
        tag("time", relative(news.at), title=exact(news.at), class_="ac-faint"),
    )


def _section(title: str, *content: Html) -> Html:
    return tag("section", tag("h2", title, class_="ac-subtitle"), *content)


def _rows(rows: Iterable[Html]) -> Html:
    return tag("dl", *rows, class_="ac-channel-rows")


def _row(state: State, label: str, value: Html | str, hint: Html | str) -> Html:
    meanings: dict[State, str] = {
        "ok": _("All is well"),
        "warn": _("Worth a look"),
        "danger": _("Something is wrong"),
        "none": "",
    }
    mark = icon(_SYMBOLS[state], label=meanings[state]) if meanings[state] else None
    return tag(
        "div",
        tag("dt", mark, tag("span", label), class_=f"ac-channel-mark--{state}"),
        tag("dd", tag("strong", value), tag("span", hint, class_="ac-muted") if hint else None),
        class_="ac-channel-row",
    )


def _ago(moment: datetime) -> Html:
    return tag("time", relative(moment), title=exact(moment))
