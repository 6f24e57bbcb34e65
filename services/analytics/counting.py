"""Keeping the numbers: a worker counts anew what a trigger has noted as changed.

A note and the change it tells of are one commit, and the worker takes a note before it looks at the
rows. What it misses has a note of its own, so that the numbers end up equal to the rows, in
whatever order things are written. `verify` proves it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from db import analytics as sql
from db import analytics_proof as proof
from db.engine import begin
from services.actors import System
from services.analytics.hours import WorkingHours, calendar
from services.permissions import Permission, requires

log = structlog.get_logger()

#: Of one step: clients whose exchanges are made anew, and days that are counted.
CLIENTS_AT_ONCE = 2_000
DAYS_AT_ONCE = 31
#: Before there is a clock of the organisation's own.
_ZONE = "Europe/Madrid"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison of all numbers with the rows found."""

    days: int
    #: metric, day, profile, whose, key, stored, counted: at most a hundred of each kind.
    differences: list[dict[str, Any]]
    wrong_exchanges: int

    @property
    def is_right(self) -> bool:
        return not self.differences and not self.wrong_exchanges


@requires(Permission.SYSTEM)
async def set_clock(actor: System, zone: ZoneInfo, hours: WorkingHours) -> bool:
    """Count by this clock. Where it is another than before everything is counted anew, people at
    once and the rest as the worker comes to it. Returns whether it is another."""
    async with begin(actor) as connection:
        await sql.wait_to_claim(connection)
        if await sql.rules(connection) == (zone.key, str(hours)):
            return False
        await sql.take_time(connection)
        days = [(d.day, d.opens_at, d.closes_at, d.seconds_before) for d in calendar(hours, zone)]
        await sql.set_rules(connection, zone.key, str(hours), days)
        await sql.recount_people(connection)
        log.info("analytics.clock_set")
        return True


def keep(zone: ZoneInfo, hours: WorkingHours) -> Callable[[System], Awaitable[int]]:
    """The worker's step: sees to the clock first, then counts."""
    is_set = False

    async def step(system: System) -> int:
        nonlocal is_set
        if not is_set:
            await set_clock(system, zone, hours)
            is_set = True
        return await count(system)

    return step


@requires(Permission.SYSTEM)
async def count(actor: System, *, now: datetime | None = None) -> int:
    """Do one step of what waits to be counted. Returns 0 once all that was noted is counted, so
    that the worker rests, and what happens meanwhile is counted together."""
    async with begin(actor) as connection:
        if not await sql.claim(connection):
            return 0
        zone, moment = await _zone(connection), now or datetime.now(UTC)
        changed, moved = await sql.take_clients(connection, CLIENTS_AT_ONCE)
        await sql.recount_exchanges(connection, changed, zone, moment)
        await sql.queue_days_of(connection, moved)
        await sql.note_missed(connection, moment)
        days = await sql.take_days(connection, DAYS_AT_ONCE)
        await sql.recount_days(connection, days, zone)
        await sql.fold(connection)
        return int(len(changed) + len(moved) > 0 or len(days) == DAYS_AT_ONCE)


@requires(Permission.SYSTEM)
async def rebuild(actor: System, *, now: datetime | None = None) -> None:
    """Count everything anew, now and in one go: after a restore, or when a number is doubted."""
    async with begin(actor) as connection:
        await sql.take_time(connection)
        await sql.wait_to_claim(connection)
        zone = await _zone(connection)
        await sql.recount_all_exchanges(connection, zone, now or datetime.now(UTC))
        await sql.recount_days(connection, await sql.all_days(connection), zone)
        await sql.recount_people(connection)


@requires(Permission.SYSTEM)
async def verify(actor: System, *, now: datetime | None = None) -> Verification:
    """Count what waits, then compare every number with the rows that it tells of.

    The app may go on meanwhile: what is noted as changed in the very snapshot that is compared is
    not held against a number.
    """
    moment = now or datetime.now(UTC)
    while await count(actor, now=now):
        pass
    async with begin(actor) as connection:
        await sql.take_time(connection)
        zone = await _zone(connection)
        days = await sql.all_days(connection)
        found = await proof.differences_of_people(connection)
        for start in range(0, len(days), DAYS_AT_ONCE):
            found += await proof.differences(connection, days[start : start + DAYS_AT_ONCE], zone)
        wrong = await proof.wrong_exchanges(connection, zone, moment)
        return Verification(len(days), found, wrong)


async def _zone(connection: AsyncConnection) -> str:
    rules = await sql.rules(connection)
    return rules[0] if rules else _ZONE
