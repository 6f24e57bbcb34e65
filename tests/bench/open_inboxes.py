"""One process with so many open inboxes: `python -m tests.bench.open_inboxes FOLDER PAGES N`.

Prints, as JSON on the last line, the processor time of a message, the middle one of N, and how long
until the last page had it.
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from fastapi import FastAPI
from nicegui import Client

from main import create_app
from services import commands, deliveries, sessions, staff
from services.actors import System
from services.settings import load
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import sign_in_demo
from ui.components.inbox_list import InboxList
from webhook import payloads

SYSTEM = System("benchmark")
#: Who waits already; whoever writes is at the end of the list and has to be in sight.
_WAITING = 20
#: Seconds after which a message that has not reached every page counts as lost.
_LOST = 60.0

#: When each list was last told to change: what its browser would be sent.
_told: dict[int, float] = {}


def main(folder: Path, pages: int, messages: int) -> None:
    """Start the whole app without a port, open the pages, and let people write."""
    _watch()
    os.environ["DATA_DIR"] = str(folder)
    settings = load()
    database = commands.connect(settings)
    try:
        app = create_app(settings, database)
        print(json.dumps(asyncio.run(_run(app, pages, messages))))
    finally:
        database.close()


async def _run(app: FastAPI, pages: int, messages: int) -> dict[str, float]:
    async with app.router.lifespan_context(app):
        await staff.add_demo_staff(SYSTEM)
        for n in range(_WAITING):
            await _write(n, minutes=600 - n)
        await _open(app, pages)
        await asyncio.sleep(2)
        resting = await _resting(4)
        spent, waited = [], []
        for n in range(messages):
            start = time.perf_counter()
            cpu, waiting = await _measured(1000 + n, pages)
            spent.append(cpu - resting * (time.perf_counter() - start))
            waited.append(waiting)
    return {"cpu_ms": 1000 * median(spent), "last_ms": 1000 * median(waited)}


async def _resting(seconds: float) -> float:
    """Processor time a second while nobody writes: the app's workers look for work."""
    cpu = time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - cpu) / seconds


async def _measured(n: int, pages: int) -> tuple[float, float]:
    """Processor time of one message with all that follows, and until the last page had it."""
    _told.clear()
    cpu, start = time.process_time(), time.perf_counter()
    await _write(n, minutes=1)
    while len(_told) < pages:
        await asyncio.sleep(0.01)
        if time.perf_counter() - start > _LOST:
            raise RuntimeError(f"only {len(_told)} of {pages} pages were told")
    waited = max(_told.values()) - start
    await asyncio.sleep(1)  # the counts follow
    return time.process_time() - cpu, waited


async def _open(app: FastAPI, pages: int) -> None:
    """Pages of the demo's staff in turn, as if a browser had connected to each."""
    tokens = [await sign_in_demo(email) for email, _, _ in staff.DEMO_STAFF]
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
        for n in range(pages):
            headers = {"cookie": f"{sessions.COOKIE}={tokens[n % len(tokens)]}"}
            answer = await browser.get("/", headers=headers)
            answer.raise_for_status()
    for n, client in enumerate(list(Client.instances.values())):
        await client.handle_handshake(f"socket-{n}", f"tab-{n}", None, f"document-{n}", None)


async def _write(n: int, *, minutes: float) -> None:
    """Somebody new writes, and it is applied."""
    sender = Sender(wa_id=f"346{n:08}", profile_name=f"Persona {n}")
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    message = bodies.text(sender, "Buenos días, quería saber si ya tienen mi cita", at=at)
    await deliveries.store([bodies.encode(bodies.from_sender(DEMO_NUMBER, sender, message))])
    await deliveries.process(SYSTEM, payloads.read)


def _watch() -> None:
    original = InboxList.change

    def change(self: InboxList, *args: Any, **named: Any) -> None:
        _told[id(self)] = time.perf_counter()
        original(self, *args, **named)

    InboxList.change = change  # type: ignore[method-assign]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
