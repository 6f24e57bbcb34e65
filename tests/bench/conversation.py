"""A client's page with a long conversation beside one with a short one, in a real browser.

First paint: from asking for the page until its newest message is on screen. Memory: what the server
needs for each page that is open, by many of each.
"""

import re
import shutil
import time
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import httpx
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.accept import running
from tests.bench.report import Line
from tests.load.app import App

LONG, SHORT = 10_000, 50
VISITS = 12
#: Pages of each that are open while memory is looked at.
OPEN = 60
PAINT_TARGET, MEMORY_TARGET = 1.3, 1.3

_PERSON = "Omar Benali"


def measure(folder: Path) -> list[Line]:
    """Open both pages in turn."""
    with running(App(folder / "conversation")) as app:
        with psycopg.connect(app.postgres(), autocommit=True) as connection:
            long, short = (_converse(connection, count) for count in (LONG, SHORT))
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            assert chromium, "this benchmark needs chromium; `make test` installs it"
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            try:
                return [_paint(browser, app, long, short), _memory(browser, app, long, short)]
            finally:
                browser.close()


def _paint(browser: Browser, app: App, long: UUID, short: UUID) -> Line:
    page = _signed_in(browser, app)
    times: dict[UUID, list[float]] = {long: [], short: []}
    for n in range(VISITS + 2):
        for client in (long, short) if n % 2 else (short, long):
            taken = _visit(page, app, client)
            if n > 1:  # the first ones fill caches
                times[client].append(taken)
    page.context.close()
    base, ours = (1000 * median(times[client]) for client in (short, long))
    return Line(
        f"conversation of {LONG:,}: first paint",
        f"{base:.0f} ms",
        f"{ours:.0f} ms",
        ours / base,
        PAINT_TARGET,
        at_most=True,
    )


def _visit(page: Page, app: App, client: UUID) -> float:
    start = time.perf_counter()
    page.goto(f"http://127.0.0.1:{app.port}/clients/{client}", wait_until="commit")
    page.locator("article.ac-msg").last.wait_for()
    return time.perf_counter() - start


def _memory(browser: Browser, app: App, long: UUID, short: UUID) -> Line:
    """Pages without a socket are kept for a minute, which is long enough to look at them."""
    page = _signed_in(browser, app)
    cookies = {c["name"]: c["value"] for c in page.context.cookies()}
    page.context.close()
    with httpx.Client(base_url=f"http://127.0.0.1:{app.port}", cookies=cookies) as client:

        def grown(by: UUID) -> float:
            before = _resident(app)
            for _ in range(OPEN):
                client.get(f"/clients/{by}").raise_for_status()
            return (_resident(app) - before) / OPEN

        grown(short)
        base, ours = grown(short), grown(long)
    return Line(
        f"conversation of {LONG:,}: memory a page",
        f"{base:.0f} KB",
        f"{ours:.0f} KB",
        ours / base,
        MEMORY_TARGET,
        at_most=True,
    )


def _resident(app: App) -> int:
    """Kilobytes that the server's process has in memory."""
    status = Path(f"/proc/{app.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1])


def _signed_in(browser: Browser, app: App) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"http://127.0.0.1:{app.port}/login")
    page.get_by_role("button", name=re.compile(_PERSON)).click()
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def _converse(connection: psycopg.Connection[tuple[object, ...]], count: int) -> UUID:
    """Somebody with so many messages, of which every third is ours; all are read."""
    client = uuid4()
    connection.execute(
        "insert into clients (id, name, last_inbound_at) values (%s, %s, now())",
        [client, f"Persona {count}"],
    )
    connection.execute(
        "insert into messages (client_id, phone_number_id, whatsapp_id, direction, type, text,"
        "  payload, sent_at, status)"
        " select %(client)s, '106540352242922', 'wamid.' || %(client)s || '.' || n,"
        "  case when n %% 3 = 0 then 'outbound' else 'inbound' end, 'text',"
        "  'Mensaje ' || n || ': ' || repeat('palabras y más palabras ', 1 + n %% 5),"
        "  '{}', now() - (%(count)s - n) * interval '3 minutes',"
        "  case when n %% 3 = 0 then 'read' else 'received' end"
        " from generate_series(1, %(count)s) n",
        {"client": client, "count": count},
    )
    connection.execute("analyze messages")
    return client
