"""Nobody gets past here without being signed in.

`Gate` stands in front of NiceGUI: a page needs a session, a socket or an upload needs the session
of the person whose page it belongs to, and comes from our own origin. What the browser knows of a
page (its client id) opens nothing by itself. What a connected browser then says, `ui.sockets`
checks; when a session ends, `ui.open_pages` closes its pages.

Pages ask `current_staff()` who looks at them and wrap what a press does in `@signed_in`, and what
they do by themselves (live news, timers) in `@still_signed_in`. Both read the person again: whoever
was deactivated or signed out elsewhere stops at the next click, and learns nothing new before it.
"""

import asyncio
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import structlog
from nicegui import Client, context, core, ui
from nicegui.version import __version__ as nicegui_version
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import sessions
from services.actors import Staff
from services.headers import SECURITY_HEADERS
from services.imports.files import MAX_BYTES
from services.permissions import Permission, may, refuse
from ui.i18n import Language, known_language, preferred_language
from ui.page_policy import secured
from ui.session_checks import staff_behind
from ui.sockets import guard_sockets

__all__ = [
    "LANGUAGE_COOKIE",
    "SECURITY_HEADERS",
    "Gate",
    "current_staff",
    "guard_sockets",
    "is_signed_in",
    "language_of",
    "safe_next",
    "same_origin",
    "sign_in_address",
    "signed_in",
    "still_signed_in",
]

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

#: NiceGUI's own scripts and styles, the same for everybody.
_FILES = f"/_nicegui/{nicegui_version}/"
_ICON = "/favicon.ico"
_SOCKETS = "/_nicegui_ws/"
_UPLOADS = "/_nicegui/client/"
_PREFIX = b"x-forwarded-prefix"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

#: The language that somebody chose in this browser.
LANGUAGE_COOKIE = "acogida_language"

#: Bytes of one upload: a list of people, and a form around it.
MAX_UPLOAD = MAX_BYTES + 1024 * 1024
#: Open sockets of one page: a browser has one, and some that were cut off and are not given up yet.
MOST_SOCKETS = 10

#: What a busy or restarting database looks like from here.
_TROUBLE = (DBAPIError, PoolTimeout, OSError)
#: Seconds before work in the background that met it is tried once more.
_PAUSE = 1.0


def current_staff() -> Staff:
    """Who looks at the page this code runs for."""
    staff: Staff = context.client.request.state.staff
    return staff


async def only_with(permission: Permission) -> None:
    """Refuse the page this code runs for to whoever lacks a permission: audited, and a 403.

    Raises Forbidden.
    """
    if not may(current_staff(), permission):
        await refuse(current_staff(), permission, f"page {context.client.request.url.path}")


def is_signed_in() -> bool:
    """Whether the page this code runs for was asked for by somebody known."""
    return getattr(context.client.request.state, "staff", None) is not None


def signed_in(
    handler: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T | None]]:
    """Let what a press does run only while the person of its page is still signed in and active."""

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        if not await _is_still_there(touch=True):
            return None
        return await handler(*args, **kwargs)

    return guarded


def still_signed_in(
    handler: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T | None]]:
    """Let what a page does by itself run only while its person is still signed in and active.

    It is no sign of life. When the database is in trouble it is tried once more; then the page
    stays as it is, without a word: nobody asked for anything.
    """

    async def attempt(*args: P.args, **kwargs: P.kwargs) -> T | None:
        if context.client.is_deleted or not await _is_still_there(touch=False):
            return None
        return await handler(*args, **kwargs)

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        for is_last in (False, True):
            try:
                return await attempt(*args, **kwargs)
            except _TROUBLE as error:
                if is_last:
                    log.warning("page.not_updated", error=type(error).__name__)
                else:
                    await asyncio.sleep(_PAUSE)
            except Exception:
                # A mistake of ours: for the log, as whoever looks has pressed nothing.
                log.exception("page.update_failed")
                break
        return None

    return guarded


def sign_in_address(request: HTTPConnection) -> str:
    """`/login`, which leads back to where the person was."""
    path, query = request.url.path, request.url.query
    wanted = f"{path}?{query}" if query else path
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}"


def language_of(connection: HTTPConnection, staff: Staff | None = None) -> Language:
    """What this person said they want, what was chosen in this browser, or what it asks for."""
    return (
        known_language(staff.language if staff else None)
        or known_language(connection.cookies.get(LANGUAGE_COOKIE))
        or preferred_language(connection.headers.get("accept-language", ""))
    )


def safe_next(wanted: str | None) -> str:
    """Where to go after signing in: a path of ours, never another site."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return "/"
    if any(ord(character) < 32 or character == "\\" for character in wanted):
        return "/"
    return "/" if wanted.startswith(("/login", "/logout")) else wanted


def same_origin(connection: HTTPConnection, public_url: str) -> bool:
    """Tell whether a request was made by a page of ours.

    Browsers say so in `Sec-Fetch-Site`, in `Origin` or in both; then both have to be right. A
    request with neither does not come from a page at all.
    """
    if connection.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    return origin is None or _is_ours(origin, connection, public_url)


class Gate:
    """The ASGI middleware in front of NiceGUI."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._public_url = public_url
        #: Open sockets by page, and by person for pages from before a restart.
        self._sockets: Counter[object] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            send = secured(send)
            scope = _without_prefix(scope)
        if scope["type"] not in ("http", "websocket") or _is_open(scope):
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(_FILES):
            # NiceGUI would build a page, which stays in memory, for whoever comes along.
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        if scope["type"] == "http" and (methods := _other_methods(scope)):
            headers = {"allow": ", ".join(methods)}
            await PlainTextResponse("Method Not Allowed", 405, headers)(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        # A socket comes back, and a page asks whether it is still let in, without anybody's doing.
        by_itself = scope["type"] == "websocket" or scope["method"] == "HEAD"
        read = functools.partial(sessions.staff_of, touch=not by_itself)
        staff = await _staff_of(connection, read)
        if scope["path"].startswith((_SOCKETS, _UPLOADS)):
            if staff is None or not self._belongs(connection, staff):
                log.warning("gate.refused", kind=scope["type"])
                await _refuse(scope, receive, send)
            elif scope["type"] == "websocket":
                await self._connect(connection, staff, receive, send)
            else:
                await self._app(scope, _limited(receive), send)
            return
        if staff is None:
            address = sign_in_address(connection)
            await RedirectResponse(address, status_code=303)(scope, receive, send)
            return
        connection.state.staff = staff
        connection.state.role_shown = staff.role
        connection.state.language = staff.language
        await self._app(scope, receive, send)

    async def _connect(
        self, connection: HTTPConnection, staff: Staff, receive: Receive, send: Send
    ) -> None:
        """Keep a socket open, unless its page has enough of them."""
        page = _client_id(connection)
        owner = page if page in Client.instances else staff.id
        if self._sockets[owner] >= MOST_SOCKETS:
            log.warning("gate.too_many_sockets")
            await _refuse(connection.scope, receive, send)
            return
        self._sockets[owner] += 1
        try:
            await self._app(connection.scope, receive, send)
        finally:
            self._sockets[owner] -= 1
            if not self._sockets[owner]:
                del self._sockets[owner]

    def _belongs(self, connection: HTTPConnection, staff: Staff) -> bool:
        """Whether a socket or an upload comes from this person's own page."""
        if connection.scope["type"] == "websocket":
            # Browsers always name the origin of a socket, and not all send Sec-Fetch-Site.
            origin = connection.headers.get("origin")
            if origin is None or not _is_ours(origin, connection, self._public_url):
                return False
        elif not same_origin(connection, self._public_url):
            return False
        client_id = _client_id(connection)
        if client_id is None:
            return False
        page = Client.instances.get(client_id)
        if page is None:
            return True  # from before a restart: NiceGUI finds nothing and the page reloads
        owner: Staff | None = getattr(page.request.state, "staff", None)
        return owner is not None and owner.id == staff.id


async def _is_still_there(*, touch: bool) -> bool:
    """Read the person of this page again; one who is no longer signed in is led to the sign-in."""
    page = context.client
    before: Staff = page.request.state.staff
    # What a page does by itself, all pages do at once.
    read = functools.partial(sessions.staff_of, touch=True) if touch else staff_behind
    staff = await _staff_of(page.request, read)
    if staff is None or staff.id != before.id:
        ui.navigate.to(sign_in_address(page.request))
        return False
    page.request.state.staff = staff
    return True


async def _staff_of(
    connection: HTTPConnection, read: Callable[[str], Awaitable[Staff | None]]
) -> Staff | None:
    """Who asks. Which language they want, the browser says where they have not."""
    token = connection.cookies.get(sessions.COOKIE)
    staff = await read(token) if token else None
    return replace(staff, language=language_of(connection, staff)) if staff else None


def _is_open(scope: Scope) -> bool:
    """Whether NiceGUI has a file of its own there; a path that only looks like one is none."""
    path = scope["path"]
    if scope["type"] != "http" or not path.startswith((_FILES, _ICON)):
        return False
    files = (route for route in core.app.routes if _path_of(route).startswith(_FILES))
    return path == _ICON or any(route.matches(scope)[0] is not Match.NONE for route in files)


def _other_methods(scope: Scope) -> list[str]:
    """By which methods the root app answers here, where it does by some, and not by this one.

    What it leaves arrives here, before it could say so itself.
    """
    if scope["method"] == "GET" or "router" not in scope:
        return []
    routes = [route for route in scope["router"].routes if not isinstance(route, Mount)]
    if not any(route.matches({**scope})[0] is Match.PARTIAL for route in routes):
        return []
    return [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _path_of(route: BaseRoute) -> str:
    return getattr(route, "path", "")


def _without_prefix(scope: Scope) -> Scope:
    """Leave out where a visitor says that the app lives: NiceGUI writes it into every page."""
    headers = scope["headers"]
    if not any(name == _PREFIX for name, _ in headers):
        return scope
    return {**scope, "headers": [pair for pair in headers if pair[0] != _PREFIX]}


def _client_id(connection: HTTPConnection) -> str | None:
    path: str = connection.scope["path"]
    if path.startswith(_UPLOADS):
        return path.removeprefix(_UPLOADS).split("/")[0] or None
    named = parse_qs(connection.url.query).get("client_id", [])
    return named[0] if len(named) == 1 else None


def _is_ours(origin: str, connection: HTTPConnection, public_url: str) -> bool:
    try:
        theirs, ours = _origin(origin), _origin(public_url)
    except ValueError:
        return False
    if theirs == ours:
        return True
    # Without TLS the app is for this machine alone, which goes by several names.
    host = connection.headers.get("host")
    return ours[0] == "http" and bool(host) and origin == f"http://{host}"


def _origin(url: str) -> tuple[str, bytes, int | None]:
    """Scheme, host as browsers write it, and port, where it is unusual. Raises ValueError."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = (parts.hostname or "").encode("idna")
    return parts.scheme, host, None if parts.port == usual else parts.port


def _limited(receive: Receive) -> Receive:
    """Stop reading a body that is too large, whatever length it announced."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_UPLOAD:
                raise HTTPException(413)
        return message

    return counted


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403})
    else:
        await PlainTextResponse("Forbidden", 403)(scope, receive, send)
