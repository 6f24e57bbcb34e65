"""Nobody gets at a page, a socket or an upload that is not theirs."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from nicegui import Client, core
from nicegui.version import __version__ as nicegui_version
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services import sessions
from services.actors import Staff
from ui import gate

PUBLIC_URL = "https://acogida.example"
TOKENS = {"of-ana": "ana", "of-leo": "leo"}


def staff(name: str, language: str = "es") -> Staff:
    number = UUID(int=len(name) * 1000 + ord(name[0]))
    return Staff(number, number, f"{name}@acogida.example", name, "caseworker", language)


@pytest.fixture(autouse=True)
def signed_in_people(monkeypatch: pytest.MonkeyPatch) -> None:
    async def staff_of(token: str, *, touch: bool) -> Staff | None:
        return staff(TOKENS[token], "en") if token in TOKENS else None

    monkeypatch.setattr(sessions, "staff_of", staff_of)


@pytest.fixture
def page_of_ana() -> Iterator[str]:
    """The client id of a page that Ana has open."""
    client_id = "00000000-aaaa"
    state = SimpleNamespace(staff=staff("ana"))
    Client.instances[client_id] = SimpleNamespace(  # type: ignore[assignment]
        request=SimpleNamespace(state=state)
    )
    yield client_id
    del Client.instances[client_id]


async def answer(request: Request) -> PlainTextResponse:
    if request.url.path == "/language":
        return PlainTextResponse(f"{request.state.language} {request.state.staff.language}")
    body = await request.body()
    who = getattr(request.state, "staff", None)
    return PlainTextResponse(f"{who.name if who else '-'} {len(body)}")


def app() -> gate.Gate:
    routes = [Route("/{rest:path}", answer, methods=["GET", "POST"])]
    return gate.Gate(Starlette(routes=routes), PUBLIC_URL)


@dataclass
class Browser:
    """Somebody's browser; requests carry their cookie."""

    token: str | None = None

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        return await self._ask("POST", path, headers, body)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> httpx.Response:
        cookies = {sessions.COOKIE: self.token} if self.token else {}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app()), base_url=PUBLIC_URL, cookies=cookies
        ) as client:
            return await client.request(method, path, content=body, headers=sent)

    async def socket(self, client_id: str, origin: str | None = PUBLIC_URL) -> bool:
        """Whether a socket is let through."""
        let_through = False

        async def inner(*_: Any) -> None:
            nonlocal let_through
            let_through = True

        said = await through(gate.Gate(inner, PUBLIC_URL), client_id, self.token, origin)
        assert let_through or said == [{"type": "websocket.close", "code": 4403}]
        return let_through


async def through(
    guarded: gate.Gate, client_id: str, token: str | None, origin: str | None = PUBLIC_URL
) -> list[Any]:
    """A browser's socket, until it closes; what the gate itself has said to it."""
    headers = [(b"host", b"acogida.example")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if token:
        headers.append((b"cookie", f"{sessions.COOKIE}={token}".encode()))
    scope = {
        "type": "websocket",
        "path": "/_nicegui_ws/socket.io/",
        "query_string": f"client_id={client_id}".encode() if client_id else b"",
        "headers": headers,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    await guarded(scope, receive, send)
    return said


ANA, LEO, NOBODY = Browser("of-ana"), Browser("of-leo"), Browser()
EXPIRED = Browser("of-somebody-who-left")


@pytest.mark.parametrize("somebody", [NOBODY, EXPIRED])
async def test_a_page_without_a_session_leads_to_the_sign_in(somebody: Browser) -> None:
    answer = await somebody.get("/clients?search=a%26b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/clients%3Fsearch%3Da%2526b"


async def test_a_page_knows_who_looks_at_it() -> None:
    assert (await ANA.get("/clients")).text == "ana 0"


@pytest.mark.parametrize(
    ("said", "chosen", "accept", "shown"),
    [
        ("es", "en", "en", "es"),
        ("", "en", "es", "en"),
        ("", "", "en-GB,es;q=0.5", "en"),
        ("", "klingon", "", "es"),
    ],
)
async def test_a_page_speaks_what_was_said_then_what_was_chosen_then_what_the_browser_asks_for(
    monkeypatch: pytest.MonkeyPatch, said: str, chosen: str, accept: str, shown: str
) -> None:
    async def staff_of(token: str, *, touch: bool) -> Staff | None:
        return staff("ana", said)

    monkeypatch.setattr(sessions, "staff_of", staff_of)
    cookie = f"{sessions.COOKIE}=of-ana; {gate.LANGUAGE_COOKIE}={chosen}"
    page = await NOBODY.get("/language", cookie=cookie, accept_language=accept)
    assert page.text == f"{shown} {shown}"


@pytest.mark.parametrize("path", [f"/_nicegui/{nicegui_version}/static/x.js", "/favicon.ico"])
async def test_scripts_and_styles_are_open(path: str) -> None:
    assert (await NOBODY.get(path)).status_code == 200


#: Below the path of the scripts, and no path of a script.
MADE_UP = [
    f"/_nicegui/{nicegui_version}/{rest}"
    for rest in ("x", "", "esm/x", "resources/x", "dynamic_resources/a/b", "libraries/a%0Ab")
]
#: Paths of scripts that are not there.
MISSING = [
    f"/_nicegui/{nicegui_version}/{rest}"
    for rest in ("libraries/x", "components/x", "resources/x/y", "esm/x/y")
]


@pytest.mark.parametrize("path", [*MADE_UP, *MISSING])
@pytest.mark.parametrize("somebody", [NOBODY, ANA])
async def test_no_page_is_made_for_a_script_that_does_not_exist(
    path: str, somebody: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would stay in memory, and anybody may ask for as many as they like."""
    # As a server has set it by then.
    monkeypatch.setattr(core.app.config, "cache_control_directives", "", raising=False)
    before = set(Client.instances)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(gate.Gate(core.app, PUBLIC_URL)), base_url=PUBLIC_URL
    ) as client:
        assert (await client.get(path)).status_code == 404
    assert set(Client.instances) == before


async def test_what_only_begins_like_the_icon_is_not_open() -> None:
    assert (await NOBODY.get("/favicon.icon")).status_code == 303
    assert (await NOBODY.get("/favicon.ico/x")).status_code == 303


@pytest.mark.parametrize("somebody", [NOBODY, ANA])
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/login", "GET, POST"),
        ("OPTIONS", "/login", "GET, POST"),
        ("DELETE", "/health", "GET, HEAD"),
        ("HEAD", "/login", "GET, POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_refused_by_name(
    somebody: Browser, method: str, path: str, allowed: str
) -> None:
    root = FastAPI()
    routes = APIRouter()
    for known, methods in {"/login": ["GET", "POST"], "/health": ["GET", "HEAD"]}.items():
        routes.add_api_route(known, answer, methods=methods)
    root.include_router(routes)
    root.mount("/", app())
    cookies = {sessions.COOKIE: somebody.token} if somebody.token else {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(root), base_url=PUBLIC_URL, cookies=cookies
    ) as client:
        refused = await client.request(method, path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/_nicegui/auto/static/secret", "/_nicegui/other", "//clients"])
async def test_nothing_else_below_is_open(path: str) -> None:
    assert (await NOBODY.get(path)).status_code == 303


async def test_a_file_goes_to_ones_own_page_only(page_of_ana: str) -> None:
    path = f"/_nicegui/client/{page_of_ana}/upload/3"
    assert (await ANA.post(path, b"abc")).status_code == 200
    assert (await LEO.post(path, b"abc")).status_code == 403
    assert (await NOBODY.post(path, b"abc")).status_code == 403


async def test_a_file_that_another_site_sends_is_refused(page_of_ana: str) -> None:
    path = f"/_nicegui/client/{page_of_ana}/upload/3"
    assert (await ANA.post(path, sec_fetch_site="cross-site")).status_code == 403
    assert (await ANA.post(path, origin="https://evil.example")).status_code == 403
    assert (await ANA.post(path, origin="null")).status_code == 403


async def test_a_file_that_is_too_large_is_stopped(
    page_of_ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MAX_UPLOAD", 10)
    path = f"/_nicegui/client/{page_of_ana}/upload/3"
    assert (await ANA.post(path, b"x" * 10)).status_code == 200
    assert (await ANA.post(path, b"x" * 11)).status_code == 413


async def test_a_socket_belongs_to_ones_own_page(page_of_ana: str) -> None:
    assert await ANA.socket(page_of_ana)
    assert not await LEO.socket(page_of_ana)
    assert not await NOBODY.socket(page_of_ana)
    assert not await EXPIRED.socket(page_of_ana)


async def test_a_socket_names_its_page() -> None:
    assert not await ANA.socket("")
    assert not await ANA.socket("a&client_id=b")


async def test_a_socket_of_a_page_from_before_a_restart_may_find_that_out() -> None:
    assert await ANA.socket("gone")
    assert not await NOBODY.socket("gone")


async def test_a_page_holds_some_sockets_and_not_any_number(
    page_of_ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_SOCKETS", 2)
    closing = asyncio.Event()

    async def inner(*_: Any) -> None:
        await closing.wait()

    guarded = gate.Gate(inner, PUBLIC_URL)

    def socket(page: str) -> asyncio.Task[list[Any]]:
        return asyncio.create_task(through(guarded, page, "of-ana"))

    async def settled(*tasks: asyncio.Task[list[Any]]) -> list[bool]:
        await asyncio.sleep(0.01)
        return [task.done() for task in tasks]

    opened = [socket(page_of_ana), socket(page_of_ana), socket(page_of_ana)]
    # However many pages from before a restart somebody claims to have.
    opened += [socket("gone-1"), socket("gone-2"), socket("gone-3")]
    assert await settled(*opened) == [False, False, True] * 2
    assert await opened[2] == [{"type": "websocket.close", "code": 4403}]
    closing.set()
    await asyncio.gather(*opened)
    closing.clear()
    again = socket(page_of_ana)
    assert await settled(again) == [False]
    closing.set()
    assert await again == []


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "https://[bad"])
async def test_a_socket_from_another_site_is_refused(origin: str | None, page_of_ana: str) -> None:
    assert not await ANA.socket(page_of_ana, origin)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "none", "origin": PUBLIC_URL}, True),
        ({"sec-fetch-site": "none", "origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": PUBLIC_URL}, False),
        ({"origin": PUBLIC_URL}, True),
        ({"origin": "http://acogida.example:8443"}, False),
        ({"origin": "http://acogida.example", "host": "acogida.example"}, False),
        ({"origin": "https://acogida.example:443"}, True),
        ({"origin": "https://evil.example", "host": "evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, True),
    ],
)
def test_what_comes_from_our_own_pages(headers: dict[str, str], ours: bool) -> None:
    assert gate.same_origin(connection(headers), PUBLIC_URL) is ours


def test_this_machine_goes_by_several_names() -> None:
    for origin, ours in {
        "http://localhost:8000": True,
        "https://localhost:8000": False,
        "http://localhost:8001": False,
    }.items():
        headers = {"origin": origin, "host": "localhost:8000"}
        assert gate.same_origin(connection(headers), "http://127.0.0.1:8000") is ours


def test_a_name_with_an_accent_is_ours_as_browsers_write_it() -> None:
    headers = {"origin": "https://xn--acogid-uta.example", "host": "xn--acogid-uta.example"}
    assert gate.same_origin(connection(headers), "https://acogidá.example")


def connection(headers: dict[str, str]) -> HTTPConnection:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


@pytest.mark.parametrize("path", ["/clients", "/clients?search=a&page=2", "/clients/7#m-1"])
def test_signing_in_leads_back(path: str) -> None:
    assert gate.safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "clients",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=1",
        "/login?next=/login",
        "/logout",
    ],
)
def test_signing_in_never_leads_elsewhere(path: str | None) -> None:
    assert gate.safe_next(path) == "/"


@pytest.mark.parametrize("somebody", [ANA, NOBODY])
@pytest.mark.parametrize(
    "path", ["/clients", "/_nicegui/client/x/upload/3", f"/_nicegui/{nicegui_version}/x.js"]
)
async def test_every_answer_says_what_a_page_may_load(somebody: Browser, path: str) -> None:
    policy = (await somebody.get(path)).headers["content-security-policy"]
    for part in ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'"):
        assert part in policy
    assert "script-src 'self' 'unsafe-eval';" in policy


@pytest.mark.parametrize(("method", "counts"), [("GET", True), ("HEAD", False)])
async def test_to_open_a_page_is_a_sign_of_life_and_to_ask_for_the_way_in_is_none(
    method: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    async def staff_of(token: str, *, touch: bool) -> Staff | None:
        seen.append(touch)
        return staff("ana")

    monkeypatch.setattr(sessions, "staff_of", staff_of)
    await ANA._ask(method, "/clients", {})
    assert seen == [counts]


async def test_a_socket_that_comes_back_is_no_sign_of_life(
    page_of_ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    async def staff_of(token: str, *, touch: bool) -> Staff | None:
        seen.append(touch)
        return staff("ana")

    monkeypatch.setattr(sessions, "staff_of", staff_of)
    await ANA.socket(page_of_ana)
    assert seen == [False]


#: What each event has to look like to be heard.
EVENTS: dict[str, dict[str, Any]] = {
    "event": {"id": 4, "listener_id": "of-a-button", "args": ['{"x": 1}', None]},
    "javascript_response": {"request_id": "r", "result": None},
    "ack": {"next_message_id": 7},
}


class Page(SimpleNamespace):
    """As much of a page as a socket needs."""

    __hash__ = object.__hash__  # type: ignore[assignment]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The events that a socket of Ana's page gets through."""
    heard: list[tuple[str, Any]] = []
    handlers = {
        name: lambda sid, message, name=name: heard.append((name, message))
        for name in (*EVENTS, "log", "handshake", "connect")
    }
    button = SimpleNamespace(_event_listeners={"of-a-button": None})
    page = Page(elements={4: button})
    monkeypatch.setitem(Client.instances, "page-of-ana", page)
    monkeypatch.setitem(core.sio.handlers, "/", handlers)
    monkeypatch.setattr(core.sio, "rooms", lambda sid: {sid, "page-of-ana"})
    gate.guard_sockets()
    gate.guard_sockets()  # registered twice, it still guards once
    return heard


def says(name: str, message: Any) -> None:
    core.sio.handlers["/"][name]("socket-of-ana", message)


@pytest.mark.parametrize("name", EVENTS)
def test_events_in_the_name_of_another_page_are_ignored(
    name: str, heard: list[tuple[str, Any]]
) -> None:
    own = {**EVENTS[name], "client_id": "page-of-ana"}
    says(name, own)
    says(name, {**EVENTS[name], "client_id": "page-of-leo"})
    says(name, EVENTS[name])
    assert heard == [(name, own)]


@pytest.mark.parametrize(
    ("name", "nonsense"),
    [
        ("event", "nonsense"),
        ("event", None),
        ("event", {"client_id": ["page-of-ana"]}),
        ("event", {"client_id": {}}),
        ("event", {"client_id": "page-of-ana"}),
        ("event", {**EVENTS["event"], "client_id": "page-of-ana", "id": "4"}),
        ("event", {**EVENTS["event"], "client_id": "page-of-ana", "listener_id": []}),
        ("event", {**EVENTS["event"], "client_id": "page-of-ana", "args": 7}),
        ("event", {**EVENTS["event"], "client_id": "page-of-ana", "args": ["{"]}),
        ("event", {**EVENTS["event"], "client_id": "page-of-ana", "args": ["[" * 100_000]}),
        ("event", {**EVENTS["event"], "client_id": "page-of-ana", "args": [{}]}),
        ("javascript_response", {"client_id": "page-of-ana"}),
        ("javascript_response", {"client_id": "page-of-ana", "request_id": {}}),
        ("ack", {"client_id": "page-of-ana"}),
        ("ack", {"client_id": "page-of-ana", "next_message_id": "7"}),
    ],
)
def test_events_of_another_shape_are_ignored(
    name: str, nonsense: Any, heard: list[tuple[str, Any]]
) -> None:
    says(name, nonsense)
    assert heard == []


def test_a_browser_writes_nothing_into_the_log(heard: list[tuple[str, Any]]) -> None:
    says("log", {"client_id": "page-of-ana", "level": "error", "message": "anything"})
    assert heard == []
