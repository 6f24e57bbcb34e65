"""What others feel while a million people are imported: a client's page and POST /webhook.

One app, one browser session and one sender, each asking every so often as people do; the slow ones
(p95) while the file is judged and written beside those of a quiet app.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg

from services.signature import HEADER, sign
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from services.staff import DEMO_STAFF
from tests.bench.accept import running
from tests.bench.browsing import chromium, converse, session_cookies
from tests.bench.importing import ROWS, write_file
from tests.bench.report import Line, percentile
from tests.load.app import SECRET, App

#: Seconds of the quiet app, and between two questions of each kind.
QUIET = 30.0
PAUSE = 0.1
#: Postgres alone fills one of two cores meanwhile; beyond this the import is in others' way.
TARGET = 3.0
PATIENCE = float(os.environ.get("BENCH_IMPORT_SECONDS", "3600"))


@dataclass(slots=True)
class _Felt:
    """Seconds that each answer took."""

    pages: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)


def measure(folder: Path) -> list[Line]:
    """Ask a quiet app, then the same one at work."""
    file = folder / "people.csv"
    write_file(file, ROWS)
    with running(App(folder / "responsive")) as app:
        with psycopg.connect(app.postgres(), autocommit=True) as connection:
            client = converse(connection, 50)
        with chromium() as browser:
            cookies = session_cookies(browser, app)
        quiet = _felt(app, client, cookies, lambda: time.sleep(QUIET))
        busy = _felt(app, client, cookies, lambda: _import(app, file))
    return [
        _line("a client's page during an import, p95", quiet.pages, busy.pages),
        _line("POST /webhook during an import, p95", quiet.deliveries, busy.deliveries),
    ]


def _line(what: str, quiet: list[float], busy: list[float]) -> Line:
    a, b = (1000 * percentile(sorted(times), 0.95) for times in (quiet, busy))
    print(f"  {what}: {len(quiet)} and {len(busy)} answers, slowest {1000 * max(busy):.0f} ms")
    return Line(what, f"{a:.1f} ms", f"{b:.1f} ms", b / a, TARGET, at_most=True)


def _felt(app: App, client: UUID, cookies: dict[str, str], work: Callable[[], None]) -> _Felt:
    """What people feel while `work` runs."""
    felt, over = _Felt(), threading.Event()
    threads = [
        threading.Thread(target=_look, args=(app, client, cookies, felt.pages, over)),
        threading.Thread(target=_write, args=(app, felt.deliveries, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return felt


def _look(
    app: App, client: UUID, cookies: dict[str, str], felt: list[float], over: threading.Event
) -> None:
    with httpx.Client(base_url=app.url, cookies=cookies, timeout=60) as browser:
        while not over.wait(PAUSE):
            start = time.perf_counter()
            browser.get(f"/clients/{client}").raise_for_status()
            felt.append(time.perf_counter() - start)


def _write(app: App, felt: list[float], over: threading.Event) -> None:
    sender = Sender("34600000001", profile_name="Amina")
    with httpx.Client(base_url=app.url, timeout=60) as meta:
        while not over.wait(PAUSE):
            message = bodies.text(sender, f"Hola {uuid4()}")
            body = bodies.encode(bodies.from_sender(DEMO_NUMBER, sender, message))
            start = time.perf_counter()
            answer = meta.post("/webhook", content=body, headers={HEADER: sign(SECRET, body)})
            felt.append(time.perf_counter() - start)
            answer.raise_for_status()


def _import(app: App, file: Path) -> None:
    """Through the API, as an admin."""
    admin = next(email for email, _, role in DEMO_STAFF if role == "admin")
    with httpx.Client(base_url=app.url, timeout=300) as api:
        token = api.post("/mock-auth", json={"email": admin}).raise_for_status().json()
        api.headers["Authorization"] = f"Bearer {token['access_token']}"
        start = time.monotonic()
        with file.open("rb") as content:
            begun = api.post("/api/imports", files={"file": (file.name, content, "text/csv")})
        begun.raise_for_status()
        path = f"/api/imports/{begun.json()['id']}"
        while (found := api.get(path).raise_for_status().json())["state"] != "done":
            if found["state"] in ("failed", "cancelled") or time.monotonic() - start > PATIENCE:
                raise RuntimeError(f"the import is {found['state']}: {found['problem']}")
            time.sleep(3)
    print(f"  {ROWS:,} rows imported in {time.monotonic() - start:.0f} s", flush=True)
