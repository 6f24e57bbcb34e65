# ruff: noqa: S608 - all that becomes SQL is written in this file
"""The proof that the kept numbers are what the rows say.

Each comparison is one statement, and so of one snapshot. What a trigger has noted in that snapshot
as changed, and the worker has not counted yet, is not held against a number.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.analytics import EXCHANGES, FACTS, OF_PEOPLE

#: Noted as changed: days, and every day of a client who counts elsewhere now.
_QUEUED_DAYS = """
  select day from analytics_queue where day is not null
  union select app_private.local_day(moment) from (
    select sent_at as moment, client_id from messages
    union all select created_at, client_id from documents
    union all select answered_at, client_id from exchanges
    union all select lapses_at, client_id from exchanges
  ) moments
  where moment is not null
    and client_id in (select client_id from analytics_queue where moved)"""


async def differences(
    connection: AsyncConnection, days: Sequence[date], zone: str
) -> list[dict[str, Any]]:
    """Where the numbers of these days are not what the rows say: (..., stored, counted)."""
    rows = await connection.execute(
        text(
            f"{FACTS}, stored as (select * from analytics_days"
            f"  where day = any (cast(:days as date[])) and metric not in {OF_PEOPLE})"
            " select metric, day, profile, whose, key, coalesce(s.n, 0) as stored,"
            "  coalesce(f.n, 0) as counted"
            " from stored s full join fresh f using (metric, day, profile, whose, key)"
            f" where s.n is distinct from f.n and day not in ({_QUEUED_DAYS})"
            " order by 1, 2, 3, 4, 5 limit 100"
        ),
        {"days": list(days), "zone": zone},
    )
    return [dict(row) for row in rows.mappings()]


async def differences_of_people(connection: AsyncConnection) -> list[dict[str, Any]]:
    """The same for the numbers of people, with the changes that are noted and not added yet."""
    rows = await connection.execute(
        text(
            "with fresh as (select f.metric, f.day, f.profile, f.whose, f.key, count(*) as n"
            "  from clients c cross join lateral"
            "   app_private.people_facts(c, app_private.timezone()) f group by 1, 2, 3, 4, 5),"
            " stored as (select metric, day, profile, whose, key, sum(n) as n from ("
            "   select metric, day, profile, whose, key, n from analytics_days"
            f"   where metric in {OF_PEOPLE}"
            "   union all select metric, day, profile, whose, key, n from analytics_deltas) noted"
            "  group by 1, 2, 3, 4, 5 having sum(n) <> 0)"
            " select metric, day, profile, whose, key, coalesce(s.n, 0) as stored,"
            "  coalesce(f.n, 0) as counted"
            " from stored s full join fresh f using (metric, day, profile, whose, key)"
            " where s.n is distinct from f.n order by 1, 2, 3, 4, 5 limit 100"
        )
    )
    return [dict(row) for row in rows.mappings()]


async def wrong_exchanges(connection: AsyncConnection, zone: str, now: datetime) -> int:
    """How many exchanges are not what the messages say."""
    fresh = EXCHANGES.format(wanted="true")
    return int(
        await connection.scalar(
            text(
                f"{fresh} select count(*) from exchanges e full join fresh f"
                " using (client_id, number)"
                " where client_id not in"
                "   (select client_id from analytics_queue where client_id is not null)"
                " and ((e.started_at, e.answered_at, e.working_seconds, e.lapses_at)"
                "   is distinct from (f.started_at, f.answered_at, f.working_seconds, f.lapses_at)"
                # A window that has closed since is not counted against us.
                "  or e.missed is distinct from f.missed and f.lapses_at <= :now)"
            ),
            {"zone": zone, "now": now},
        )
        or 0
    )
