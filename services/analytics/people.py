"""Who comes: people by profile type, state and language, and how many are new each week."""

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import numbers
from services.analytics.numbers import Compared
from services.analytics.scope import Period, Scope
from services.clients import CLIENT_STATUSES, PROFILE_TYPES


@dataclass(frozen=True, slots=True)
class Week:
    """The days of a week, from Monday, that are in the period."""

    since: date
    until: date
    n: int


@dataclass(frozen=True, slots=True)
class People:
    """Those of now are without the archived ones, except by status."""

    by_profile: dict[str, int]
    by_status: dict[str, int]
    #: Two letters, or "" where nobody has noted one; the most first.
    by_language: dict[str, int]
    new: Compared
    new_by_week: tuple[Week, ...]

    @property
    def total(self) -> int:
        return sum(self.by_profile.values())


async def read(connection: AsyncConnection, scope: Scope) -> People:
    """Numbers of now, narrowed but for the period, and of who is new in it."""
    now = await numbers.of_now(connection, scope, ("people", "language"))
    new = await numbers.by_key(connection, scope, ("new",))
    days = await numbers.by_day(connection, scope, ("new",))
    people = now["people"]
    asked = scope.profile or "all"
    languages = {key: n for (profile, key), n in now["language"].items() if profile == asked}
    return People(
        by_profile={
            profile: sum(
                n for (p, status), n in people.items() if p == profile and status != "archived"
            )
            for profile in ([scope.profile] if scope.profile else PROFILE_TYPES)
        },
        by_status={status: people.get((asked, status), 0) for status in CLIENT_STATUSES},
        by_language=dict(sorted(languages.items(), key=lambda pair: (-pair[1], pair[0]))),
        new=new["new"].get("", Compared(0, 0)),
        new_by_week=weeks(days["new"], scope.period),
    )


def weeks(by_day: dict[date, int], period: Period) -> tuple[Week, ...]:
    """Add up days by week; the first and the last may be short."""
    days = pd.date_range(period.since, period.until, freq="D")
    counted = pd.Series({pd.Timestamp(day): n for day, n in by_day.items()}, dtype="int64")
    by_week = counted.reindex(days, fill_value=0).resample("W-SUN", label="right").sum()
    return tuple(
        Week(
            max(period.since, (sunday - timedelta(days=6)).date()),
            min(period.until, sunday.date()),
            int(n),
        )
        for sunday, n in by_week.items()
    )
