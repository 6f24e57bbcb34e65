"""How fast the organisation answers, in working time, and what it missed.

Times are read off a histogram (`db/analytics.py` has its steps): to the minute below an hour, then
to five minutes, half an hour, a working day. The step's beginning is told.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import numbers
from services.analytics.numbers import Compared
from services.analytics.scope import Scope


@dataclass(frozen=True, slots=True)
class Times:
    """How long answers took: half of them at most the median, nine of ten at most `p90`."""

    answers: int
    #: Working minutes; None without an answer.
    median: int | None
    p90: int | None


@dataclass(frozen=True, slots=True)
class Answers:
    """Of the answers given in the period."""

    #: To people who were answered for the first time.
    first: Times
    first_before: Times
    all: Times
    all_before: Times
    #: Windows that closed in the period, 24 hours after a message that nobody had answered.
    missed: Compared


async def read(connection: AsyncConnection, scope: Scope) -> Answers:
    """Answers of the period and of the one before."""
    found = await numbers.by_key(connection, scope, ("answer", "first_answer", "missed"))
    return Answers(
        first=times((key, n.now) for key, n in found["first_answer"].items()),
        first_before=times((key, n.before) for key, n in found["first_answer"].items()),
        all=times((key, n.now) for key, n in found["answer"].items()),
        all_before=times((key, n.before) for key, n in found["answer"].items()),
        missed=found["missed"].get("", Compared(0, 0)),
    )


def times(histogram: Iterable[tuple[str, int]]) -> Times:
    """Read a histogram of working minutes: (where a step begins, how many answers)."""
    steps = sorted((int(key), n) for key, n in histogram if n)
    running = list(accumulate(n for _, n in steps))
    total = running[-1] if running else 0
    if not total:
        return Times(0, None, None)
    return Times(total, *(steps[bisect_left(running, total * p)][0] for p in (0.5, 0.9)))


def times_of(histogram: Mapping[int, int]) -> Times:
    """The same of a mapping."""
    return times((str(key), n) for key, n in histogram.items())
