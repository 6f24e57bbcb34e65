"""Kept numbers, read and added up: what every family of numbers is made from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics.scope import NOW, Period, Scope

#: Changes that are noted and not added yet count, too: numbers of people are right at once.
_ROWS = """(
  select metric, day, profile, whose, key, n from analytics_days
  union all select metric, day, profile, whose, key, n from analytics_deltas) rows"""


@dataclass(frozen=True, slots=True)
class Compared:
    """A number of the period, and of the one before."""

    now: int
    before: int


async def by_day(
    connection: AsyncConnection, scope: Scope, metrics: Iterable[str]
) -> dict[str, dict[date, int]]:
    """Metric -> day -> number, of the period alone. Days without are left out."""
    rows = await connection.execute(
        text(
            f"select metric, day, sum(n)::bigint as n from {_ROWS}"  # noqa: S608
            " where metric = any (:metrics) and profile = :profile and whose = :whose"
            " and day between :since and :until group by 1, 2 having sum(n) <> 0"
        ),
        {**_parameters(scope), "metrics": list(metrics)},
    )
    found: dict[str, dict[date, int]] = {metric: {} for metric in metrics}
    for metric, day, n in rows:
        found[metric][day] = n
    return found


async def by_key(
    connection: AsyncConnection, scope: Scope, metrics: Iterable[str]
) -> dict[str, dict[str, Compared]]:
    """Metric -> key -> number in the period and in the one before."""
    rows = await connection.execute(
        text(
            f"select metric, key, (sum(n) filter (where day >= :since))::bigint as now,"  # noqa: S608
            f" (sum(n) filter (where day < :since))::bigint as before from {_ROWS}"
            " where metric = any (:metrics) and profile = :profile and whose = :whose"
            " and day between :since_before and :until group by 1, 2"
        ),
        {
            **_parameters(scope),
            "since_before": scope.period.before.since,
            "metrics": list(metrics),
        },
    )
    found: dict[str, dict[str, Compared]] = {metric: {} for metric in metrics}
    # In order here: Postgres would sort every day's row for it.
    for metric, key, now, before in sorted(rows, key=lambda row: (row.metric, row.key)):
        found[metric][key] = Compared(now or 0, before or 0)
    return found


async def of_now(
    connection: AsyncConnection, scope: Scope, metrics: Iterable[str]
) -> dict[str, dict[tuple[str, str], int]]:
    """Metric -> (profile or `all`, key) -> how many there are now. Narrowed to a profile there is
    only that one."""
    return await _by_profile(connection, scope, metrics, (NOW, NOW))


async def by_profile(
    connection: AsyncConnection, scope: Scope, metrics: Iterable[str]
) -> dict[str, dict[tuple[str, str], int]]:
    """The same for numbers of the period."""
    return await _by_profile(connection, scope, metrics, (scope.period.since, scope.period.until))


async def on_days(
    connection: AsyncConnection, scope: Scope, wanted: Mapping[str, Period]
) -> dict[str, int]:
    """Metric -> its number in a period of its own."""
    names = list(wanted)
    rows = await connection.execute(
        text(
            f"select metric, sum(n)::bigint as n from {_ROWS}"  # noqa: S608
            " join unnest(cast(:metrics as text[]), cast(:sinces as date[]),"
            "  cast(:untils as date[])) w (metric, since, until) using (metric)"
            " where profile = :profile and whose = :whose and day between since and until"
            " and metric = any (:metrics) group by 1"
        ),
        {
            **scope.kept_under,
            "metrics": names,
            "sinces": [wanted[name].since for name in names],
            "untils": [wanted[name].until for name in names],
        },
    )
    found = {metric: int(n) for metric, n in rows}
    return {name: found.get(name, 0) for name in names}


async def _by_profile(
    connection: AsyncConnection,
    scope: Scope,
    metrics: Iterable[str],
    days: tuple[date, date],
) -> dict[str, dict[tuple[str, str], int]]:
    rows = await connection.execute(
        text(
            f"select metric, profile, key, sum(n)::bigint as n from {_ROWS}"  # noqa: S608
            " where metric = any (:metrics) and whose = :whose and day between :since and :until"
            " and (profile = :profile or :profile = 'all') group by 1, 2, 3 having sum(n) <> 0"
            " order by 1, 2, 3"
        ),
        {**scope.kept_under, "metrics": list(metrics), "since": days[0], "until": days[1]},
    )
    found: dict[str, dict[tuple[str, str], int]] = {metric: {} for metric in metrics}
    for metric, profile, key, n in rows:
        found[metric][profile, key] = n
    return found


def _parameters(scope: Scope) -> dict[str, Any]:
    return {**scope.kept_under, "since": scope.period.since, "until": scope.period.until}
