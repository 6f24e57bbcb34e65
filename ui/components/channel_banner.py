"""What everybody has to know about the connection to WhatsApp, at the top of every page.

Each process keeps the newest state: it looks when it is told that something changed
(`ui.live.channel_changed`) and now and then by itself. The pages of the process follow.
"""

import asyncio

import structlog
from nicegui import Event, ui

from services import channel_checks
from services.actors import Staff, System
from services.channel_checks import Ill
from services.permissions import Permission, may
from ui import live
from ui.components.channel_words import ill_words
from ui.components.elements import show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.i18n import _

log = structlog.get_logger()

#: Seconds between looks when nothing is told: what goes quiet tells nothing.
EVERY = 60.0

_changed: Event[[]] = Event()
_ills: tuple[Ill, ...] = ()


def channel_banner(staff: Staff) -> ui.html:
    """Put the banner's place onto a page; it is empty while all is well."""
    place = show(_words(staff)).classes("ac-banner-place")
    place.props["role"] = "status"

    def follow() -> None:
        place.content = _words(staff).source

    _changed.subscribe(follow)
    return place


async def refresh() -> None:
    """Look how things are, and tell the pages of this process if that is news."""
    global _ills
    found = await channel_checks.ills(System("banner"))
    if found != _ills:
        _ills = found
        _changed.emit()


async def watch() -> None:
    """Look whenever something changed, and now and then, until cancelled."""
    bell = asyncio.Event()
    live.channel_changed.subscribe(bell.set, unsubscribe_on_delete=False)
    try:
        while True:
            bell.clear()
            try:
                await refresh()
            except Exception as error:  # noqa: BLE001
                # A database in trouble is seen elsewhere; the next look is soon.
                log.warning("banner.not_refreshed", error=type(error).__name__)
            try:
                await asyncio.wait_for(bell.wait(), EVERY)
            except TimeoutError:
                continue
    finally:
        live.channel_changed.unsubscribe(bell.set)


def _words(staff: Staff) -> Html:
    is_admin = may(staff, Permission.MANAGE_CHANNEL)
    told = [ill for ill in _ills if is_admin or ill.kind != "quiet"]
    if not told:
        return NOTHING
    action = (
        tag("a", _("See what to do"), href="/settings/channel", class_="ac-banner-link")
        if is_admin
        else tag("span", _("The administrators see this, too."))
    )
    return join(
        tag(
            "div",
            icon("warning"),
            tag("p", ill_words(ill), " ", action),
            class_=f"ac-banner ac-banner--{'warn' if ill.kind == 'quiet' else 'danger'}",
        )
        for ill in told
    )
