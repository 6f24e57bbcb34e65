"""A client's page with a long conversation beside one with a short one, in a real browser.

First paint: from asking for the page until its newest message is on screen. Memory: what the server
needs for each page that is open, by many of each.
"""

import re
import time
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx
import psycopg
from playwright.sync_api import Browser, Page

from tests.bench.accept import running
from tests.bench.browsing import chromium, converse, session_cookies, signed_in
from tests.bench.report import Line
from tests.load.app import App

LONG, SHORT = 10_000, 50
VISITS = 12
#: Pages of each that are open while memory is looked at.
OPEN = 60
PAINT_TARGET, MEMORY_TARGET = 1.3, 1.3


def measure(folder: Path) -> list[Line]:
    """Open both pages in turn."""
    with running(App(folder / "conversation")) as app:
        with psycopg.connect(app.postgres(), autocommit=True) as connection:
            long, short = (converse(connection, count) for count in (LONG, SHORT))
        with chromium() as browser:
            return [_paint(browser, app, long, short), _memory(browser, app, long, short)]


def _paint(browser: Browser, app: App, long: UUID, short: UUID) -> Line:
    page = signed_in(browser, app)
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
    with httpx.Client(
        base_url=f"http://127.0.0.1:{app.port}", cookies=session_cookies(browser, app)
    ) as client:

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
