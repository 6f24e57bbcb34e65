"""All numbers of the dashboard, as of one moment."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from db import analytics as sql
from db.engine import begin
from services import audit
from services.actors import Actor, Staff, System
from services.analytics import agreement, answers, documents, messages, people, today, workload
from services.analytics.scope import Period, Scope
from services.errors import Forbidden
from services.permissions import Permission, may, requires

#: Days of the period when none is asked for.
USUAL_DAYS = 30
#: More than this waits to be counted only while everything is counted anew.
_BACKLOG = 5_000


@dataclass(frozen=True, slots=True)
class Summary:
    scope: Scope
    today: today.Today
    people: people.People
    messages: messages.Messages
    documents: documents.Documents
    answers: answers.Answers
    agreement: agreement.Agreement
    workload: tuple[workload.Workload, ...]
    #: Everything is being counted anew, and the numbers are not whole yet.
    is_counting: bool


@requires(Permission.READ_ANALYTICS)
async def summary(
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    profile: str | None = None,
    whose: UUID | Literal["nobody"] | None = None,
    again: bool = False,
) -> Summary:
    """The numbers of a period: the last 30 days, unless others are asked for.

    A colleague's people are for admins; caseworkers may ask for their own and nobody's. Audited as
    a view; `again` is for a page that brings itself up to date. Raises Invalid for days that are
    no period, and Forbidden.
    """
    if isinstance(actor, Staff) and not may_see(actor, whose):
        raise Forbidden(Permission.READ_ANALYTICS)
    async with begin(actor) as connection:
        day = await today.the_day(connection)
        scope = Scope(period_of(since, until, day), profile, whose)
        found = await _read(connection, scope, day)
        if not again:
            await audit.record(connection, "view", table="analytics_days", details=told(scope))
    async with begin(System("analytics")) as connection:
        counting = await sql.is_behind(connection, _BACKLOG)
    return Summary(scope=scope, is_counting=counting, **found)


def may_see(actor: Actor, whose: UUID | str | None) -> bool:
    """Whether the actor may see the numbers of these people alone."""
    if whose is None or whose == "nobody" or not isinstance(actor, Staff):
        return True
    return whose == actor.id or may(actor, Permission.MANAGE_STAFF)


def told(scope: Scope) -> dict[str, Any]:
    """What the audit log keeps of a question."""
    return {
        "from": scope.period.since.isoformat(),
        "to": scope.period.until.isoformat(),
        **{name: value for name, value in scope.kept_under.items() if value != "all"},
    }


def period_of(since: date | None, until: date | None, day: date) -> Period:
    """The period that is asked for on some day. Raises Invalid."""
    if since is None and until is None:
        return Period.last(USUAL_DAYS, day)
    if since is None or until is None:
        # One end is enough for as many days as usual.
        other = Period.last(USUAL_DAYS, until or day)
        return Period(since or min(other.since, other.until), until or max(day, since or day))
    return Period(since, until)


async def _read(connection: AsyncConnection, scope: Scope, day: date) -> dict[str, Any]:
    return {
        "today": await today.read(connection, scope, day),
        "people": await people.read(connection, scope),
        "messages": await messages.read(connection, scope),
        "documents": await documents.read(connection, scope),
        "answers": await answers.read(connection, scope),
        "agreement": await agreement.read(connection, scope),
        "workload": await workload.read(connection, scope),
    }
