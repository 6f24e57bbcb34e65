"""Every answer says what a browser may do with it, whoever gives it and whatever went wrong."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from nicegui import app as pages
from nicegui.testing import User
from psycopg import OperationalError as PsycopgTrouble
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.types import ASGIApp, Receive, Scope, Send

from db import engine
from services.actors import Staff
from services.headers import SecureAnswers
from services.hosts import LoopbackOnly
from services.logs import RequestId
from tests.pages import browser_of
from tests.support import Postgres
from ui.assets import MOUNT, Assets, asset

SECRET = "canary 600 700 800"
ERRORS: dict[str, Exception] = {
    "bug": RuntimeError(SECRET),
    "constraint": IntegrityError(SECRET, {}, Exception(SECRET)),
    "outage": OperationalError(SECRET, {}, Exception(SECRET)),
    "pool": PoolTimeout(SECRET),
    "lost": PsycopgTrouble(SECRET),
}


def app_of(*, https: bool) -> FastAPI:
    """The root app's middleware around answers of every kind."""
    app = FastAPI()
    app.mount(MOUNT, Assets())

    @app.get("/webhook")
    async def webhook() -> PlainTextResponse:
        return PlainTextResponse("OK")

    @app.get("/api/things")
    async def things() -> list[int]:
        return [1]

    @app.get("/own")
    async def own() -> HTMLResponse:
        headers = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "max-age=9"}
        return HTMLResponse("<p>ours</p>", headers=headers)

    @app.get("/breaks/{name}")
    @app.get("/api/breaks/{name}")
    async def breaks(name: str) -> None:
        raise ERRORS[name]

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"the first half"
            raise RuntimeError(SECRET)

        return StreamingResponse(parts())

    app.add_middleware(LoopbackOnly)
    app.add_middleware(SecureAnswers, https=https)
    app.add_middleware(RequestId)
    return app


async def ask(
    path: str, *, method: str = "GET", https: bool = False, host: str = "localhost"
) -> httpx.Response:
    transport = httpx.ASGITransport(app_of(https=https), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.request(method, path)


KINDS = [
    ("/webhook", "GET", 200),
    ("/webhook", "PUT", 405),
    ("/api/things", "GET", 200),
    ("/api/nothing", "GET", 404),
    ("/api/breaks/bug", "GET", 500),
    ("/breaks/bug", "GET", 500),
    ("/breaks/constraint", "GET", 500),
    ("/breaks/outage", "GET", 503),
    ("/nowhere", "GET", 404),
    (asset("base.css"), "GET", 200),
    ("/static/nothing.css", "GET", 404),
]


@pytest.mark.parametrize(("path", "method", "status"), KINDS)
async def test_every_answer_is_shut(path: str, method: str, status: int) -> None:
    answer = await ask(path, method=method)
    assert answer.status_code == status
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "x-request-id" in headers
    assert "server" not in headers
    assert "x-powered-by" not in headers
    assert "access-control-allow-origin" not in headers


async def test_an_answer_to_a_foreign_host_is_shut_as_well() -> None:
    answer = await ask("/webhook", host="evil.example")
    assert answer.status_code == 421
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/webhook", "/api/things", "/api/nothing", "/breaks/bug"])
async def test_no_copy_is_kept_of_what_people_see(path: str) -> None:
    assert (await ask(path)).headers["cache-control"] == "no-store"


async def test_files_that_are_everybodys_are_cached() -> None:
    assert "immutable" in (await ask(asset("base.css"))).headers["cache-control"]


async def test_what_an_answer_says_of_itself_stays() -> None:
    headers = (await ask("/own")).headers
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers.get_list("cache-control") == ["max-age=9"]


@pytest.mark.parametrize(("path", "method", "status"), KINDS[:3])
async def test_under_https_browsers_never_come_back_without(
    path: str, method: str, status: int
) -> None:
    answer = await ask(path, method=method, https=True)
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "strict-transport-security" not in (await ask(path, method=method)).headers


@pytest.mark.parametrize(
    ("name", "status"),
    [("bug", 500), ("constraint", 500), ("outage", 503), ("pool", 503), ("lost", 503)],
)
async def test_what_broke_is_not_told(name: str, status: int) -> None:
    page, program = await ask(f"/breaks/{name}"), await ask(f"/api/breaks/{name}")
    assert (page.status_code, program.status_code) == (status, status)
    assert SECRET not in page.text + program.text
    assert program.json()["error"]["code"] == ("internal_error" if status == 500 else "unavailable")
    assert ("retry-after" in page.headers) == (status == 503)


async def test_an_answer_that_breaks_half_way_gets_no_second_beginning() -> None:
    assert (await ask("/half")).text == "the first half"


MAIN = Path(__file__).parent / "simulated_main.py"


@pytest.fixture
async def browser(caseworker: Staff) -> AsyncIterator[User]:
    async with browser_of(caseworker, MAIN) as user:
        yield user


async def test_a_page_runs_no_script_but_those_that_were_written_into_it(browser: User) -> None:
    first, second = [await browser.http_client.get("/clients") for _ in range(2)]
    nonces = []
    for answer in (first, second):
        policy = answer.headers["content-security-policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "'unsafe-inline'" not in scripts
        found = re.search(r"'nonce-([\w-]{22})'", scripts)
        assert found
        nonces.append(found[1])
        tags = re.findall(r"<script[^>]*>", answer.text)
        assert len(tags) > 5
        assert all(f"nonce={found[1]}" in tag for tag in tags)
        assert int(answer.headers["content-length"]) == len(answer.content)
    assert nonces[0] != nonces[1]


async def test_a_script_in_somebodys_words_gets_no_nonce(browser: User) -> None:
    answer = await browser.http_client.get("/clients?search=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "alert(1)" in answer.text
    assert not re.search(r"<script[^>]*>alert", answer.text)


async def test_a_visitor_cannot_say_where_the_apps_files_are(browser: User) -> None:
    answer = await browser.http_client.get(
        "/clients", headers={"X-Forwarded-Prefix": "//evil.example"}
    )
    assert answer.status_code == 200
    assert "evil.example" not in answer.text


async def test_an_upload_answer_and_a_redirect_are_no_pages(browser: User) -> None:
    browser.http_client.cookies.clear()
    answer = await browser.http_client.get("/clients", follow_redirects=False)
    assert answer.status_code == 303
    assert "nonce" not in answer.headers["content-security-policy"]


async def test_a_page_without_a_database_asks_to_try_again(
    browser: User, database: Postgres
) -> None:
    transport = httpx.ASGITransport(SecureAnswers(pages, https=False))
    await engine.stop()
    engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", cookies=browser.http_client.cookies
    ) as client:
        answer = await client.get("/clients")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Inténtalo de nuevo" in answer.text


async def test_only_http_is_touched() -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing() -> dict[str, str]:
        return {}

    async def drop(message: object) -> None:
        seen.append("sent")

    app: ASGIApp = SecureAnswers(inner, https=True)
    await app({"type": "websocket", "path": "/"}, nothing, drop)
    assert seen == ["websocket"]
