"""Who has how many people, and how it goes: a colleague's is for admins, one's own for oneself."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import staff
from services.actors import Actor, Staff
from services.analytics.answers import Times, times_of
from services.analytics.scope import NOW, Scope
from services.permissions import Permission, may, requires


@dataclass(frozen=True, slots=True)
class Workload:
    """Of the people who are assigned to one member of staff now; and what they have sent."""

    #: None: of people who are assigned to nobody.
    staff_id: UUID | None
    name: str | None
    people: int
    waiting: int
    #: Answers of the period to these people, whoever gave them.
    answers: Times
    missed: int
    #: Messages of the period that this member of staff has sent, to whomever.
    sent: int = 0


@requires(Permission.READ_ANALYTICS)
async def caseworkers(actor: Actor) -> list[tuple[UUID, str]]:
    """Whose numbers the actor may ask for alone: everybody's for admins, else one's own."""
    query = select(staff.c.id, staff.c.name).where(staff.c.active).order_by(staff.c.name)
    if isinstance(actor, Staff) and not may(actor, Permission.MANAGE_STAFF):
        query = query.where(staff.c.id == actor.id)
    async with begin(actor) as connection:
        return [(id, name) for id, name in await connection.execute(query)]


async def read(connection: AsyncConnection, scope: Scope) -> tuple[Workload, ...]:
    """Row-level security leaves out what the actor may not see; who has most comes first."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    histograms: dict[str, dict[int, int]] = defaultdict(dict)
    rows = await connection.execute(
        text(
            "select whose, metric, case when metric = 'answer' then key else '' end as key,"
            " sum(n)::bigint as n from ("
            "  select metric, day, profile, whose, key, n from analytics_days"
            "  union all select metric, day, profile, whose, key, n from analytics_deltas) rows"
            " where profile = :profile and whose <> 'all' and (:whose in (whose, 'all'))"
            " and ((metric in ('waiting', 'people') and day = :now and key <> 'archived')"
            "  or (metric in ('answer', 'missed', 'sent') and day between :since and :until))"
            " group by 1, 2, 3 having sum(n) <> 0"
        ),
        {
            **scope.kept_under,
            "now": NOW,
            "since": scope.period.since,
            "until": scope.period.until,
        },
    )
    for whose, metric, key, n in rows:
        if metric == "answer":
            histograms[whose][int(key)] = n
        else:
            sums[whose][metric] += n
    names = {
        str(id): name for id, name in await connection.execute(select(staff.c.id, staff.c.name))
    }
    found = [
        Workload(
            staff_id=None if whose == "nobody" else UUID(whose),
            name=names.get(whose),
            people=sums[whose]["people"],
            waiting=sums[whose]["waiting"],
            answers=times_of(histograms[whose]),
            missed=sums[whose]["missed"],
            sent=sums[whose]["sent"],
        )
        for whose in {*sums, *histograms}
    ]
    return tuple(sorted(found, key=lambda w: (w.staff_id is None, -w.people, w.name or "")))
