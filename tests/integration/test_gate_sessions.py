"""Sessions that are none: pages, uploads and sockets stay shut to every one of them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from nicegui import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services import sessions
from services.actors import Staff
from tests.support import Postgres, sign_in_demo
from ui.gate import Gate

PUBLIC_URL = "https://acogida.example"

#: What makes a session none, as SQL.
REASONS = {
    "awaits_second_factor": "update staff_sessions set awaits_second_factor = true",
    "deactivated": "update staff set active = false",
    "ended": "update staff_sessions set ended_at = now()",
    "idle": "update staff_sessions set last_seen_at = now() - interval '3 hours'",
    "too_old": "update staff_sessions set created_at = now() - interval '13 hours'",
    "gone": "delete from staff_sessions",
}


@pytest.fixture
async def token(caseworker: Staff) -> str:
    token = await sign_in_demo(caseworker.email)
    assert token is not None
    return token


@pytest.fixture
def own_page(caseworker: Staff) -> Iterator[str]:
    """The client id of a page that this person has open."""
    state = SimpleNamespace(staff=caseworker)
    Client.instances["own-page"] = SimpleNamespace(  # type: ignore[assignment]
        request=SimpleNamespace(state=state)
    )
    yield "own-page"
    del Client.instances["own-page"]


async def page(token: str) -> int:
    return (await _ask(token, "GET", "/clients")).status_code


async def upload(token: str, client_id: str) -> int:
    return (await _ask(token, "POST", f"/_nicegui/client/{client_id}/upload/3")).status_code


async def socket_opens(token: str, client_id: str) -> bool:
    opened = False

    async def inner(*_: Any) -> None:
        nonlocal opened
        opened = True

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "websocket",
        "path": "/_nicegui_ws/socket.io/",
        "query_string": f"client_id={client_id}".encode(),
        "headers": [
            (b"host", b"acogida.example"),
            (b"origin", PUBLIC_URL.encode()),
            (b"cookie", f"{sessions.COOKIE}={token}".encode()),
        ],
    }
    await Gate(inner, PUBLIC_URL)(scope, receive, send)
    assert opened or said == [{"type": "websocket.close", "code": 4403}]
    return opened


async def test_a_session_opens_every_door(token: str, own_page: str) -> None:
    assert await page(token) == 200
    assert await upload(token, own_page) == 200
    assert await socket_opens(token, own_page)


@pytest.mark.parametrize("reason", REASONS)
async def test_what_is_no_session_opens_none(
    token: str, own_page: str, database: Postgres, reason: str
) -> None:
    with database.connect() as connection:
        connection.execute(REASONS[reason].encode())
    assert await page(token) == 303
    assert await upload(token, own_page) == 403
    assert not await socket_opens(token, own_page)


async def test_somebody_elses_session_opens_only_their_own_pages(
    viewer: Staff, own_page: str
) -> None:
    other = await sign_in_demo(viewer.email)
    assert other is not None
    assert await page(other) == 200
    assert await upload(other, own_page) == 403
    assert not await socket_opens(other, own_page)


async def _ask(token: str, method: str, path: str) -> httpx.Response:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("in")

    routes = [Route("/{rest:path}", answer, methods=["GET", "POST"])]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Gate(Starlette(routes=routes), PUBLIC_URL)),
        base_url=PUBLIC_URL,
        cookies={sessions.COOKIE: token},
    ) as client:
        return await client.request(method, path)
