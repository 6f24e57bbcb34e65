"""When a session ends, its open pages end: in every process, sockets included, within seconds.

Two processes of the whole app on one database, and browsers reduced to what matters here: the page
they loaded and its socket.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import socketio  # type: ignore[import-untyped]
from nicegui import Client, ui

from db import engine
from db.engine import begin
from services import sessions
from services.actors import Staff
from services.changes import announce_sessions
from tests.pages import browser_of, eventually
from tests.support import SYSTEM, TEST_SECRET, Postgres, sign_in_demo
from ui import live, open_pages

ROOT = Path(__file__).parents[2]
#: Seconds in which a page has to be gone.
SOON = 5.0


@dataclass
class Tab:
    """An open page and its socket."""

    socket: socketio.AsyncClient
    opened: list[dict[str, Any]] = field(default_factory=list)
    scripts: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


async def open_tab(url: str, token: str) -> Tab:
    """Load a page as a browser does and connect its socket."""
    cookie = f"{sessions.COOKIE}={token}"
    async with httpx.AsyncClient(base_url=url, headers={"Cookie": cookie}) as client:
        page = await client.get("/clients")
    assert page.status_code == 200
    found = re.search(r"'client_id': '([0-9a-f-]{36})'", page.text)
    assert found
    tab = Tab(socketio.AsyncClient(reconnection=False))
    tab.socket.on("open", tab.opened.append)
    tab.socket.on("run_javascript", tab.scripts.append)
    tab.socket.on("disconnect", lambda *_: tab.closed.set())
    query = (
        f"client_id={found[1]}&next_message_id=0&implicit_handshake=true"
        f"&document_id={uuid4()}&tab_id={uuid4()}&old_tab_id="
    )
    await tab.socket.connect(
        f"{url}?{query}",
        headers={"Cookie": cookie, "Origin": url},
        transports=["websocket"],
        socketio_path="/_nicegui_ws/socket.io",
    )
    return tab


@pytest.fixture(scope="module")
def two_processes(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    owner = postgres.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    processes, urls = [], []
    for n in range(2):
        port = _free_port()
        settings = {
            "APP_MODE": "mock",
            "DATA_DIR": str(tmp_path_factory.mktemp(f"app{n}")),
            "PORT": str(port),
            "PUBLIC_URL": "",
            "DATABASE_URL": owner,
            "SESSION_SECRET": TEST_SECRET,
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, "main.py", "serve", "--no-demo"],
                cwd=ROOT,
                env=inherited | settings,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        urls.append(f"http://127.0.0.1:{port}")
    try:
        for process, url in zip(processes, urls, strict=True):
            _wait_until_ready(url, process)
        yield urls
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


async def session_of(staff: Staff) -> str:
    token = await sign_in_demo(staff.email)
    assert token is not None
    return token


@pytest.fixture
async def tabs(two_processes: list[str], caseworker: Staff) -> AsyncIterator[list[Tab]]:
    """The caseworker's open pages: one session, a page in each process."""
    token = await session_of(caseworker)
    opened = [await open_tab(url, token) for url in two_processes]
    yield opened
    for tab in opened:
        await tab.socket.disconnect()


async def change(statement: str, staff: Staff) -> None:
    """What a service does to somebody, with its news, in one transaction."""
    async with begin(SYSTEM) as connection:
        await connection.exec_driver_sql(statement, {"id": staff.id})
        await announce_sessions(connection, staff.id)


async def gone(tab: Tab) -> bool:
    """Whether a page was led to the sign-in and its socket cut, in time."""
    try:
        await asyncio.wait_for(tab.closed.wait(), SOON)
    except TimeoutError:
        return False
    return [place["path"] for place in tab.opened] == ["/login?next=/clients"]


@pytest.mark.parametrize(
    "statement",
    [
        "update staff set active = false where id = %(id)s",
        "update staff_sessions set ended_at = now() where staff_id = %(id)s",
        "update staff_sessions set last_seen_at = now() - interval '3 hours'"
        " where staff_id = %(id)s",
    ],
    ids=["deactivated", "ended", "expired"],
)
async def test_every_open_page_of_that_person_ends_in_all_processes(
    tabs: list[Tab], caseworker: Staff, statement: str
) -> None:
    await change(statement, caseworker)
    assert [await gone(tab) for tab in tabs] == [True, True]


async def test_pages_of_others_stay_open(
    tabs: list[Tab], two_processes: list[str], viewer: Staff, caseworker: Staff
) -> None:
    other = await open_tab(two_processes[0], await session_of(viewer))
    await change("update staff set active = false where id = %(id)s", caseworker)
    assert await gone(tabs[0])
    assert not other.closed.is_set()
    assert other.opened == []
    await other.socket.disconnect()


async def test_another_session_of_the_same_person_stays_open(
    tabs: list[Tab], two_processes: list[str], caseworker: Staff
) -> None:
    other = await open_tab(two_processes[0], await session_of(caseworker))
    await change(
        "update staff_sessions set ended_at = now() where staff_id = %(id)s and created_at <"
        " (select max(created_at) from staff_sessions)",
        caseworker,
    )
    assert await gone(tabs[0])
    assert not other.closed.is_set()
    await other.socket.disconnect()


async def test_other_rights_load_the_page_anew(tabs: list[Tab], caseworker: Staff) -> None:
    await change("update staff set role = 'viewer' where id = %(id)s", caseworker)
    for tab in tabs:
        await _until(lambda tab=tab: any("history.go(0)" in s["code"] for s in tab.scripts))
        # What the page says once it is loaded anew.
        assert any(open_pages.ROLE_COOKIE in s["code"] for s in tab.scripts)
        assert not tab.closed.is_set()


async def test_a_page_that_is_over_cannot_be_connected_again(
    tabs: list[Tab], two_processes: list[str], caseworker: Staff
) -> None:
    token = await session_of(caseworker)
    await change("update staff set active = false where id = %(id)s", caseworker)
    async with httpx.AsyncClient(
        base_url=two_processes[0], cookies={sessions.COOKIE: token}
    ) as client:
        page = await client.get("/clients")
        answer = await client.get(
            "/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id=x",
            headers={"Origin": two_processes[0]},
        )
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/clients")
    assert answer.status_code == 403


MAIN = Path(__file__).parent / "simulated_main.py"


class TestWhatNobodyTold:
    """A session that runs out says nothing; the look at all open pages finds it."""

    @pytest.fixture
    async def led_to(
        self, caseworker: Staff, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[list[str]]:
        """Where the caseworker's one open page is led."""
        monkeypatch.setattr(open_pages, "PATIENCE", 0.0)
        monkeypatch.setattr(open_pages, "GRACE", 0.0)
        async with browser_of(caseworker, MAIN) as user:
            await user.open("/clients")
            places: list[str] = []
            monkeypatch.setattr(ui.navigate, "to", places.append)
            monkeypatch.setattr(ui.navigate, "reload", lambda: places.append("again"))
            yield places

    async def test_an_idle_page_is_closed(self, led_to: list[str], database: Postgres) -> None:
        await open_pages.check_all()
        assert led_to == []
        with database.connect() as connection:
            connection.execute(
                "update staff_sessions set last_seen_at = now() - %s", (sessions.IDLE,)
            )
        await open_pages.check_all()
        await open_pages.check_all()
        await eventually(lambda: not Client.instances)
        assert led_to == ["/login?next=/clients"]

    async def test_looking_is_no_sign_of_life(self, led_to: list[str], database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute("update staff_sessions set last_seen_at = now() - interval '1 hour'")
            await open_pages.check_all()
            fresh = connection.execute(
                "select count(*) from staff_sessions"
                " where last_seen_at > now() - interval '50 minutes'"
            ).fetchone()
        assert fresh == (0,)
        assert led_to == []

    async def test_the_watch_looks_by_itself_and_survives_an_outage(
        self, led_to: list[str], database: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(open_pages, "EVERY", 0.05)
        await engine.stop()
        engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
        watching = asyncio.create_task(open_pages.watch())
        await asyncio.sleep(0.2)
        await engine.stop()
        engine.start(database.runtime)
        with database.connect() as connection:
            connection.execute("update staff_sessions set ended_at = now()")
        await eventually(lambda: bool(led_to))
        watching.cancel()
        assert led_to == ["/login?next=/clients"]

    async def test_missed_news_make_every_page_look(
        self, led_to: list[str], database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute("update staff set role = 'viewer'")
        await live.dispatch_gap()
        await live.dispatch_gap()
        assert led_to == ["again"]


async def test_a_page_that_was_loaded_anew_for_a_new_role_says_so_once(viewer: Staff) -> None:
    async with browser_of(viewer, MAIN) as user:
        await user.open("/clients")
        [page] = Client.instances.values()
        open_pages.say_new_role(page)
        assert user.notify.messages == []
        user.http_client.cookies.set(open_pages.ROLE_COOKIE, "1")
        client = await user.open("/clients")
        # Each time that its socket comes back, NiceGUI says that it has connected.
        open_pages.say_new_role(client)
        open_pages.say_new_role(client)
        assert user.notify.messages == ["Tu rol ha cambiado. Ahora es: Solo lectura"]


async def _until(holds: Any) -> None:
    async with asyncio.timeout(SOON):
        while not holds():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.05)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the app did not start"
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    raise AssertionError("the app was not ready in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
