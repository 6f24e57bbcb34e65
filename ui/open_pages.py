"""Pages that are open while a session ends: they close, wherever in the installation it ended.

A page asks who is signed in before each press. That is not soon enough for what stands on it: when
somebody signs out elsewhere, is deactivated or gets other rights, `services.changes` tells every
process, and each looks again at that person's pages. What is over leads to the sign-in and its
socket is cut; what shows other rights than its person has is loaded anew, and then says why
(`say_new_role`). `watch` finds what expired, or what was missed.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog
from nicegui import Client, background_tasks, core, ui

from services import sessions
from services.actors import Staff
from ui.gate import sign_in_address
from ui.i18n import _
from ui.rail import ROLES

log = structlog.get_logger()

#: Seconds between looks at all open pages.
EVERY = 30.0
#: Seconds for the page on which somebody signs out to leave by itself: led elsewhere at that
#: moment, it would miss the answer, which also empties the browser.
PATIENCE = 0.4
#: Seconds for a browser to go where it is led before it is cut off.
GRACE = 0.5
#: Tells a page that is loaded anew why it was, past the reload and whichever process answers.
ROLE_COOKIE = "acogida_new_role"
#: Seconds for that page to come.
_RELOAD = 20
_MARK = (
    f"document.cookie = '{ROLE_COOKIE}=' + %s + '; path=/; samesite=lax'"
    " + (location.protocol === 'https:' ? '; secure' : '')"
)
#: Milliseconds for which the page says it.
_SAID_FOR = 10_000


async def check_person(staff_id: UUID) -> None:
    """Look again at the sessions behind one person's open pages, here in this process."""
    await _check(page for page in _pages() if _staff(page).id == staff_id)


async def check_all() -> None:
    """Look again at the sessions behind all open pages of this process.

    A database in trouble, as after a lost connection, is no reason to fail: the next look is soon.
    """
    try:
        await _check(_pages())
    except Exception as error:  # noqa: BLE001
        log.warning("page.not_checked", error=type(error).__name__)


async def watch() -> None:
    """Look at all open pages now and then, until cancelled."""
    while True:
        await asyncio.sleep(EVERY)
        await check_all()


def say_new_role(page: Client) -> None:
    """Say on a page that has connected that it was loaded anew for its person's new role.

    For NiceGUI's `on_connect`.
    """
    state = page.request.state
    staff = getattr(state, "staff", None)
    if staff is None or ROLE_COOKIE not in page.request.cookies or hasattr(state, "role_said"):
        return
    state.role_said = True
    with page:
        ui.run_javascript(_MARK % "'; max-age=0'")
        words = _("Your role has changed. From now on it is: {role}", role=_(ROLES[staff.role]))
        ui.notify(words, type="info", timeout=_SAID_FOR)


def _pages() -> list[Client]:
    return [
        page
        for page in Client.instances.values()
        if isinstance(getattr(page.request.state, "staff", None), Staff)
    ]


def _staff(page: Client) -> Staff:
    staff: Staff = page.request.state.staff
    return staff


async def _check(pages: Iterable[Client]) -> None:
    by_token: dict[str | None, list[Client]] = {}
    for page in pages:
        by_token.setdefault(page.request.cookies.get(sessions.COOKIE), []).append(page)
    found = await sessions.staff_of_all([token for token in by_token if token])
    for token, opened in by_token.items():
        staff = found.get(token) if token else None
        for page in opened:
            state = page.request.state
            if page.is_deleted or getattr(state, "is_over", False):
                continue
            if staff is None or staff.id != _staff(page).id:
                state.is_over = True
                background_tasks.create(_end(page), name="end a page")
            elif staff.role != getattr(state, "role_shown", staff.role):
                state.role_shown = staff.role
                with page:
                    ui.run_javascript(_MARK % f"'1; max-age={_RELOAD}'")
                    ui.navigate.reload()


async def _end(page: Client) -> None:
    await asyncio.sleep(PATIENCE)
    if page.has_socket_connection:
        with page:
            ui.navigate.to(sign_in_address(page.request))
        await asyncio.sleep(GRACE)
    for socket in list(page._socket_to_document_id):
        await core.sio.disconnect(socket)
    if not page.is_deleted:
        page.delete()
