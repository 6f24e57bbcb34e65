"""The numbers as a file: one row a number, for a spreadsheet or another program."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal
from uuid import UUID

import pandas as pd

from db.engine import begin
from services import audit
from services.actors import Actor
from services.analytics.answers import Times
from services.analytics.summary import Summary, summary, told
from services.permissions import Permission, requires

COLUMNS = ("table", "name", "from", "to", "now", "before")

#: What makes a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = tuple[str, str, date | None, date | None, Any, Any]


@requires(Permission.READ_ANALYTICS)
async def export(
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    profile: str | None = None,
    whose: UUID | Literal["nobody"] | None = None,
) -> bytes:
    """The numbers of a period as CSV, in UTF-8 with a mark that Excel needs. Audited as an export.

    Raises what `summary` raises.
    """
    found = await summary(actor, since=since, until=until, profile=profile, whose=whose, again=True)
    async with begin(actor) as connection:
        details = told(found.scope)
        await audit.record(connection, "export", table="analytics_days", details=details)
    return written(found)


def written(found: Summary) -> bytes:
    """All numbers of a summary, one a row."""
    frame = pd.DataFrame(rows(found), columns=list(COLUMNS), dtype=object)
    for column in ("table", "name"):
        frame[column] = frame[column].map(harmless)
    lines = str(frame.to_csv(index=False, lineterminator="\r\n"))
    return b"\xef\xbb\xbf" + lines.encode()


def harmless(words: str) -> str:
    """Words that no spreadsheet takes for a formula, whoever chose them."""
    return f"'{words}" if words.startswith(_FORMULA) else words


def rows(found: Summary) -> Iterator[Row]:
    """Table, name, days, number in the period, number in the one before."""
    period = found.scope.period
    day = found.today.day

    def of_period(table: str, name: str, now: Any, before: Any = None) -> Row:
        return table, name, period.since, period.until, now, before

    for name in ("waiting", "closing", "failed", "missed", "new_this_week"):
        yield "today", name, day, day, getattr(found.today, name), None
    people = found.people
    for table, counted in (
        ("people_by_profile", people.by_profile),
        ("people_by_status", people.by_status),
        ("people_by_language", people.by_language),
    ):
        for name, n in counted.items():
            yield table, name or "unknown", day, day, n, None
    yield of_period("people", "new", people.new.now, people.new.before)
    for week in people.new_by_week:
        yield "new_people_by_week", "new", week.since, week.until, week.n, None
    messages = found.messages
    for name in ("inbound", "outbound"):
        both = getattr(messages, name)
        yield of_period("messages", name, both.now, both.before)
    for of_day in messages.days:
        yield "messages_by_day", "inbound", of_day.day, of_day.day, of_day.inbound, None
        yield "messages_by_day", "outbound", of_day.day, of_day.day, of_day.outbound, None
    for code, both in messages.failed.items():
        yield of_period("failed_messages", code or "unknown", both.now, both.before)
    for state, both in found.documents.by_state.items():
        yield of_period("documents", state, both.now, both.before)
    answers = found.answers
    yield from _times("first_answer", answers.first, answers.first_before, of_period)
    yield from _times("answer", answers.all, answers.all_before, of_period)
    yield of_period("answers", "missed_windows", answers.missed.now, answers.missed.before)
    for (proposed, decided), n in found.agreement.pairs.items():
        yield of_period("classifier", f"proposed {proposed}, decided {decided}", n)
    for load in found.workload:
        name = load.name or "nobody"
        for what, value in (
            ("people", load.people),
            ("waiting", load.waiting),
            ("answers", load.answers.answers),
            ("median_working_minutes", load.answers.median),
            ("p90_working_minutes", load.answers.p90),
            ("missed_windows", load.missed),
            ("messages_sent", load.sent),
        ):
            yield of_period(f"workload_{what}", name, value)


def _times(name: str, now: Times, before: Times, of_period: Any) -> Iterator[Row]:
    yield of_period("answers", f"{name}_count", now.answers, before.answers)
    yield of_period("answers", f"{name}_median_working_minutes", now.median, before.median)
    yield of_period("answers", f"{name}_p90_working_minutes", now.p90, before.p90)
