# ruff: noqa: S608 - all that becomes SQL is written in this file
"""The client list over a million clients, beside the best SQL that a person could write for it.

Both run as the same member of staff, in transactions of the same shape: begin, become that person,
one query for the page, one for the capped total where the service asks for one, the entry in the
audit log that every look at clients owes, commit.
"""

import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import uvloop
from psycopg.types.json import Jsonb
from sqlalchemy import URL

from db import embedded, engine, migrate
from services import keys, sessions, staff
from services.actors import Staff, System
from services.clients import COUNT_CAP, ClientPage, list_clients
from tests.bench.plans import plans_of
from tests.bench.population import COMMON_NAME, RARE_NAME, RARE_STATUS, kept, populate
from tests.bench.report import Line
from tests.support import sign_in_demo

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "1000000"))
RUNS = int(os.environ.get("BENCH_RUNS", "200"))
#: Where the plans of what missed its target are written.
PLANS = Path(os.environ.get("BENCH_PLANS", f"{tempfile.gettempdir()}/acogida-bench-plans.txt"))
TARGET = 1.5

SECRET = "a secret of the benchmark"

#: The rows of a page, as the service has it.
PAGE = 50

LIVING = "status <> 'archived'"
NEWEST = "last_message_at desc nulls last, id"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that staff look for, as the service is asked and as SQL would be written."""

    name: str
    asked: dict[str, Any]
    where: str
    order: str = NEWEST
    offset: int = 0
    #: Few clients match: all are found by the search's index and then sorted. Otherwise the list
    #: is read in its order until the page is full.
    gather: bool = False
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def page(self) -> str:
        source = f"select * from app_private.client_directory where {self.where}"
        found = f"with found as materialized ({source})" if self.gather else ""
        rows = "found" if self.gather else f"({source}) as found"
        # Telephones last, and for the rows of the page only.
        return (
            f"{found} select page.*, phone.value from ("
            "  select id, display_name, email, profile_type, profile_confidence, profile_source,"
            "   status, unread_count, last_message_at, last_message_direction, last_message_type,"
            f"   last_message_preview, created_at, sort_name, username from {rows}"
            f"  order by {self.order} limit {PAGE} offset {self.offset}) as page"
            " left join lateral (select i.value from client_identities i"
            "  where i.client_id = page.id and i.kind = 'phone' and i.retired_at is null"
            "  order by i.id desc limit 1) as phone on true"
            f" order by {self.order}"
        )

    @property
    def total(self) -> str:
        return (
            "select count(*) from (select 1 from app_private.client_directory"
            f" where {self.where} limit {COUNT_CAP + 1}) as capped"
        )


def words(*looked_for: str) -> tuple[str, dict[str, str]]:
    """The condition for a search; the service, too, leaves accents to Postgres."""
    values = {f"word{n}": f"%{word}%" for n, word in enumerate(looked_for)}
    like = " and ".join(f"words like app_private.normalise(%({name})s)" for name in values)
    return f"{like} and {LIVING}", values


def search(name: str, *looked_for: str, gather: bool = True) -> Case:
    where, values = words(*looked_for)
    asked = {"search": " ".join(looked_for)}
    return Case(name, asked, where, gather=gather, values=values)


CASES = (
    Case("first page", {}, LIVING),
    Case("page 20", {"page": 20}, LIVING, offset=950),
    Case("sorted by name", {"sort": "name", "descending": False}, LIVING, order="sort_name, id"),
    Case(
        "filter by profile type",
        {"profile_types": ["STUDENT"]},
        f"profile_type = 'STUDENT' and {LIVING}",
    ),
    Case("filter by a rare status", {"statuses": [RARE_STATUS]}, f"status = '{RARE_STATUS}'"),
    search("search of a rare name", RARE_NAME),
    search("search of a common name", COMMON_NAME, gather=False),
    search("search of two words", "fatima", "benali"),
    search("search of part of a phone", "684367"),
    search("search of a phone in groups", "684", "367"),
)


def measure(folder: Path) -> list[Line]:
    """Fill a database, then ask it everything in turn."""
    server, owner = embedded.start(kept(folder) / "listing")
    try:
        migrate.upgrade(owner)
        populate(_dsn(owner), CLIENTS)
        runtime = migrate.runtime_login(owner, SECRET)
        lines, plans = uvloop.run(_measure(runtime))
    finally:
        server.cleanup()
    if plans:
        PLANS.write_text(plans)
        print(f"  plans of what missed its target are in {PLANS}", flush=True)
    return lines


async def _measure(runtime: URL) -> tuple[list[Line], str]:
    """The lines, and the plans of those that missed their target."""
    keys.use_secret(SECRET)
    engine.start(runtime)
    try:
        person = await _somebody()
        connection = await psycopg.AsyncConnection.connect(
            _dsn(runtime), autocommit=True, prepare_threshold=None
        )
        async with connection:
            lines = [await _line(connection, person, case) for case in CASES]
        slow = [case.asked for case, line in zip(CASES, lines, strict=True) if not line.met]
        return lines, "".join([await plans_of(person, asked) for asked in slow])
    finally:
        await engine.stop()


async def _line(connection: psycopg.AsyncConnection, person: Staff, case: Case) -> Line:
    """Take turns, and compare the middle one of each."""
    _same(await list_clients(person, **case.asked), await _by_hand(connection, person, case))
    times: dict[str, list[float]] = {"by hand": [], "ours": []}
    for n in range(RUNS):
        # Whoever comes second finds the pages of the database in memory.
        for who in sorted(times, reverse=n % 2 == 1):
            start = time.perf_counter()
            if who == "ours":
                await list_clients(person, **case.asked)
            else:
                await _by_hand(connection, person, case)
            times[who].append(time.perf_counter() - start)
    a, b = (1000 * median(times[who]) for who in ("by hand", "ours"))
    return Line(f"clients: {case.name}", f"{a:.1f} ms", f"{b:.1f} ms", b / a, TARGET, at_most=True)


async def _by_hand(
    connection: psycopg.AsyncConnection, person: Staff, case: Case
) -> tuple[list[tuple[Any, ...]], int]:
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.execute(
            "select set_config('role', 'authenticated', true),"
            " set_config('request.jwt.claims', %s, true)",
            (json.dumps(person.claims),),
        )
        await cursor.execute(case.page.encode(), case.values)
        rows = await cursor.fetchall()
        total = len(rows)
        if case.offset or len(rows) == PAGE:
            await cursor.execute(case.total.encode(), case.values)
            counted = await cursor.fetchone()
            assert counted is not None
            total = int(counted[0])
        await cursor.execute(
            "select app_private.record_event(%s, 'clients', null, null, %s)",
            (
                "search" if case.values else "view",
                Jsonb({"found": total, "shown": [str(row[0]) for row in rows]}),
            ),
        )
        return rows, total


def _same(ours: ClientPage, theirs: tuple[list[tuple[Any, ...]], int]) -> None:
    """Nobody is fast by answering something else."""
    rows, total = theirs
    if [client.id for client in ours.items] != [row[0] for row in rows]:
        raise RuntimeError("the two found different clients")
    if [client.phone for client in ours.items] != [row[-1] for row in rows]:
        raise RuntimeError("the two found different phones")
    if (ours.total, ours.total_is_exact) != (min(total, COUNT_CAP), total <= COUNT_CAP):
        raise RuntimeError("the two counted differently")


async def _somebody() -> Staff:
    system = System("benchmark")
    await staff.add_demo_staff(system)
    email = staff.DEMO_STAFF[0][0]
    token = await sign_in_demo(email)
    person = await sessions.staff_of(token) if token else None
    assert person is not None
    return person


def _dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
