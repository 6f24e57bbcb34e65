"""How fast stored deliveries become messages: the whole app, started on a backlog."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median

import psycopg

from db import embedded, migrate
from tests.bench.report import Line
from tests.bench.traffic import delivery
from tests.load.app import App

ROUNDS = 3
SENDERS = 2_000
#: What the backlog is made of: (deliveries, messages in each).
BACKLOGS = {
    "drain, 20,000 deliveries of 1 message": (20_000, 1),
    "drain, 30 deliveries of 1,000 messages": (30, 1_000),
}
#: Messages a second.
NEEDED = 1_000


def measure(folder: Path) -> list[Line]:
    """Drain each kind of backlog in turn, with new people every time."""
    app = App(folder / "drain")
    server, owner = embedded.start(app.data_dir)
    try:
        migrate.upgrade(owner)
        rates: dict[str, list[float]] = {name: [] for name in BACKLOGS}
        random = Random(2)
        people = 0
        for _ in range(ROUNDS):
            for name, (count, messages) in BACKLOGS.items():
                senders = range(people, people + SENDERS)
                people += SENDERS
                bodies = [delivery(random, senders, messages=messages) for _ in range(count)]
                rates[name].append(_drain(app, bodies))
    finally:
        app.stop()
        server.cleanup()
    for name, measured in rates.items():
        print(f"  {name}: {' '.join(f'{rate:,.0f}' for rate in measured)} messages/s", flush=True)
    return [
        Line(name, f"{NEEDED:,}/s needed", f"{(r := median(rates[name])):,.0f}/s", r / NEEDED, 1.0)
        for name in BACKLOGS
    ]


def _drain(app: App, bodies: Sequence[bytes]) -> float:
    """Messages a second, from the first commit of the worker's to the last."""
    app.data_dir.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(app.postgres(), autocommit=True) as connection:
        before = _value(connection, "select coalesce(max(id), 0) from webhook_deliveries")
        digests = [hashlib.sha256(body).digest() for body in bodies]
        connection.execute(
            "insert into webhook_deliveries (sha256, body)"
            " select * from unnest(%b::bytea[], %b::bytea[])",
            (digests, list(bodies)),
        )
        connection.execute("vacuum analyze")
        app.start()
        while _value(connection, "select count(*) from webhook_deliveries where state = 'pending'"):
            time.sleep(0.25)
        app.stop()
        # Rows of one transaction have one xmin: that is a batch of the worker's.
        batches = connection.execute(
            "select sum(items), extract(epoch from max(processed_at)), sum(items_quarantined)"
            " from webhook_deliveries where id > %s group by xmin order by 2",
            (before,),
        ).fetchall()
        stored = _value(connection, "select count(*) from messages where delivery_id > %s", before)
    items = sum(int(count) for count, _, _ in batches)
    if stored != items or any(quarantined for *_, quarantined in batches):
        raise RuntimeError(f"of {items} messages in the backlog {stored} are stored")
    (first, start, _), *_, (_, end, _) = batches
    return (items - int(first)) / float(end - start)


def _value(connection: psycopg.Connection, query: str, *parameters: object) -> int:
    row = connection.execute(query.encode(), parameters or None).fetchone()
    assert row is not None
    return int(row[0])
