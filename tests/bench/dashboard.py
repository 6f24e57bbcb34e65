"""The dashboard over a million clients and ten million messages, beside the same on nobody.

Two databases on one server, the app on each, the page in a real browser: from the address to the
first number. And the service alone, without the browser's share.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psycopg
import uvloop
from playwright.sync_api import Page
from sqlalchemy import URL

from db import embedded, engine, migrate
from services import keys, sessions, staff
from services.actors import System
from services.analytics import counting
from services.analytics.hours import WorkingHours
from services.analytics.summary import summary
from tests.analytics import MADRID
from tests.bench.browsing import chromium
from tests.bench.population import kept, populate, rows_of
from tests.bench.report import Line
from tests.support import fresh_database, sign_in_demo

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "1000000"))
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "10000000"))
RUNS = 9
TARGET = 2.0
ROOT = Path(__file__).parents[2]
SYSTEM = System("benchmark")
SECRET = "a secret of the benchmark, long enough"

#: What people write about.
WORDS = (
    "buenos días quería saber cuándo tengo cita para renovar tarjeta asilo arraigo padrón pasaporte"
    " huellas solicitud resolución recurso abogada contrato trabajo informe curso matrícula visado"
    " familia hijo colegio vivienda alquiler ayuda gracias mañana documentos antecedentes tasas"
    " pagado oficina policía favor"
)
#: Conversations over two years: three of five messages are the person's, one of fifty sends fails.
CONVERSATIONS = """
insert into messages (client_id, phone_number_id, whatsapp_id, direction, type, text, payload,
  sent_at, received_at, status, error)
select people.id, '1', 'wamid.' || said.n,
  case when theirs then 'inbound' else 'outbound' end, 'text',
  concat_ws(' ', words[1 + first], words[1 + second], words[1 + third], said.n %% 100000),
  '{}', at, at,
  case when theirs then 'received' when failed then 'failed' else 'read' end,
  case when failed and not theirs then '{"code": 131047}'::jsonb end
from (
  select n, 1 + (n %% %(clients)s) as person, random() < 0.6 as theirs, random() < 0.02 as failed,
    now() - interval '730 days' * random() as at,
    floor(random() * 40)::int as first, floor(power(random(), 3) * 40)::int as second,
    floor(random() * 40)::int as third, %(words)s::text[] as words
  from generate_series(1, %(messages)s) n
) said
join people on people.n = said.person
"""


def measure(folder: Path) -> list[Line]:
    """Fill one database, leave the other, and ask both the same."""
    server, owner = embedded.start(kept(folder) / "dashboard")
    try:
        empty = fresh_database(owner, "empty")
        for url in (owner, empty):
            migrate.upgrade(url)
        _fill(owner)
        answers = {
            name: uvloop.run(_of_service(migrate.runtime_login(url, SECRET)))
            for name, url in (("empty", empty), ("full", owner))
        }
        pages = _of_page({"empty": empty, "full": owner}, folder)
    finally:
        server.cleanup()
    return [
        _line("dashboard: time to numbers, in Chromium", pages),
        _line("dashboard: the service alone", answers),
    ]


def _line(what: str, times: dict[str, list[float]]) -> Line:
    a, b = (1000 * median(times[name]) for name in ("empty", "full"))
    return Line(what, f"{a:.1f} ms", f"{b:.1f} ms", b / a, TARGET, at_most=True)


def _fill(owner: URL) -> None:
    populate(_dsn(owner), CLIENTS)
    with psycopg.connect(_dsn(owner), autocommit=True) as connection:
        if rows_of(connection, "messages") != MESSAGES:
            _converse(connection)
        if rows_of(connection, "exchanges"):
            return
    start = time.monotonic()
    uvloop.run(_count(migrate.runtime_login(owner, SECRET)))
    with psycopg.connect(_dsn(owner), autocommit=True) as connection:
        connection.execute("vacuum analyze")
    print(f"  counted anew in {time.monotonic() - start:.0f} s", flush=True)


def _converse(connection: psycopg.Connection) -> None:
    start = time.monotonic()
    connection.execute("set maintenance_work_mem = '1GB'")
    connection.execute("set work_mem = '256MB'")
    indexes = connection.execute(
        "select indexname, indexdef from pg_indexes i where tablename = 'messages'"
        " and not exists (select from pg_constraint where conname = i.indexname)"
    ).fetchall()
    with connection.transaction():
        # Triggers rest, and indexes are built last.
        connection.execute("set local session_replication_role = replica")
        for name, _definition in indexes:
            connection.execute(f"drop index {name}".encode())
        connection.execute(
            "create temporary table people on commit drop as"
            " select id, row_number() over () as n from clients"
        )
        connection.execute("analyze people")
        connection.execute(
            CONVERSATIONS.encode(),
            {"clients": CLIENTS, "messages": MESSAGES, "words": WORDS.split()},
        )
    for _name, definition in indexes:
        connection.execute(definition.encode())
    connection.execute("vacuum analyze messages")
    print(f"  {MESSAGES:,} messages made in {time.monotonic() - start:.0f} s", flush=True)


async def _count(runtime: URL) -> None:
    engine.start(runtime)
    try:
        await counting.set_clock(SYSTEM, MADRID, WorkingHours())
        await counting.rebuild(SYSTEM)
        async with engine.begin(SYSTEM) as connection:
            # What the clock noted has just been counted.
            await connection.exec_driver_sql("delete from analytics_queue")
    finally:
        await engine.stop()


async def _of_service(runtime: URL) -> list[float]:
    engine.start(runtime)
    keys.use_secret(SECRET)
    try:
        await staff.add_demo_staff(SYSTEM)
        token = await sign_in_demo(staff.DEMO_STAFF[0][0])
        person = await sessions.staff_of(token) if token else None
        assert person is not None
        times = []
        for _ in range(5 * RUNS):
            start = time.perf_counter()
            await summary(person)
            times.append(time.perf_counter() - start)
        return times
    finally:
        await engine.stop()


def _of_page(urls: dict[str, URL], folder: Path) -> dict[str, list[float]]:
    """Seconds from the address to the first number, by turns."""
    times: dict[str, list[float]] = {name: [] for name in urls}
    with (
        chromium() as browser,
        _app(urls["empty"], folder / "a") as a,
        _app(urls["full"], folder / "b") as b,
    ):
        pages = {"empty": browser.new_page(base_url=a), "full": browser.new_page(base_url=b)}
        for page in pages.values():
            page.goto("/login")
            page.get_by_role("button", name=re.compile(staff.DEMO_STAFF[0][1])).click()
            page.wait_for_url(lambda url: "/login" not in url)
            _open(page)
        for n in range(RUNS):
            for name in sorted(times, reverse=n % 2 == 1):
                times[name].append(_open(pages[name]))
    return times


def _open(page: Page) -> float:
    page.goto("about:blank")
    start = time.perf_counter()
    page.goto("/dashboard", wait_until="commit")
    page.locator(".ac-tile-number").first.wait_for()
    return time.perf_counter() - start


@contextmanager
def _app(url: URL, data: Path) -> Iterator[str]:
    """The app on one of the databases; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "APP_MODE": "mock",
        "DATA_DIR": str(data),
        "PORT": str(port),
        "DATABASE_URL": _dsn(url),
        "SESSION_SECRET": SECRET,
    }
    data.mkdir()
    log = (data / "app.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "main.py", "serve", "--no-demo"],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{address}/ready").status_code == 200:
                    break
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
