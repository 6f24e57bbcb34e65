"""What matters today, whatever period is looked at."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import numbers
from services.analytics.scope import Period, Scope
from services.narrowing import CLOSING_SOON, WINDOW


@dataclass(frozen=True, slots=True)
class Today:
    day: date
    #: People whose last word nobody has answered.
    waiting: int
    #: Of these, whose window closes within the next hours.
    closing: int
    failed: int
    #: Windows that closed today without an answer.
    missed: int
    new_this_week: int
    new_last_week: int
    #: Monday of this week.
    monday: date


async def the_day(connection: AsyncConnection) -> date:
    """Which day it is for the organisation."""
    return date.fromisoformat(
        str(await connection.scalar(text("select app_private.local_day(now())::text")))
    )


async def read(connection: AsyncConnection, scope: Scope, day: date) -> Today:
    """Numbers of today, narrowed as the others are."""
    monday = day - timedelta(days=day.weekday())
    today = Period(day, day)
    wanted = {"failed": today, "missed": today, "new": Period(monday, day)}
    found = await numbers.on_days(connection, scope, wanted)
    last = {"new": Period(monday - timedelta(days=7), day - timedelta(days=7))}
    before = await numbers.on_days(connection, scope, last)
    waiting = await numbers.of_now(connection, scope, ("waiting",))
    return Today(
        day=day,
        waiting=waiting["waiting"].get((scope.profile or "all", ""), 0),
        closing=await _closing(connection, scope),
        failed=found["failed"],
        missed=found["missed"],
        new_this_week=found["new"],
        new_last_week=before["new"],
        monday=monday,
    )


async def _closing(connection: AsyncConnection, scope: Scope) -> int:
    return int(
        await connection.scalar(
            text(
                "select count(*) from clients c"
                " where c.waiting_since is not null and c.status <> 'archived'"
                " and c.last_inbound_at > now() - cast(:window as interval)"
                " and c.last_inbound_at"
                "  <= now() - cast(:window as interval) + cast(:soon as interval)"
                " and coalesce(c.window_closed_at < c.last_inbound_at, true)"
                " and :profile in (c.profile_type, 'all')"
                " and :whose in (coalesce(c.assigned_to::text, 'nobody'), 'all')"
            ),
            {**scope.kept_under, "window": WINDOW, "soon": CLOSING_SOON},
        )
        or 0
    )
