"""Of what the numbers are asked: which days, which people, whose."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self
from uuid import UUID

from services.clients import PROFILE_TYPES
from services.errors import Invalid

#: Of the longest period: three years and a bit.
MOST_DAYS = 1_100
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)

#: What a number of now is kept under, whichever day it began.
NOW = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the organisation's calendar, both included."""

    since: date
    until: date

    def __post_init__(self) -> None:
        if not FIRST_DAY <= self.since <= self.until <= LAST_DAY:
            raise Invalid({"to": "before_from" if self.until < self.since else "no_such_day"})
        if self.days > MOST_DAYS:
            raise Invalid({"from": "too_long"})

    @classmethod
    def last(cls, days: int, today: date) -> Self:
        """The last `days` days, today included."""
        if today <= FIRST_DAY:
            # Days before the first are none, and before the calendar's own cannot be said.
            return cls(today, today)
        return cls(max(FIRST_DAY, today - timedelta(days=days - 1)), today)

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def before(self) -> "Period":
        """As many days, directly before."""
        if self.since - timedelta(days=self.days) < FIRST_DAY:
            return Period(FIRST_DAY, max(FIRST_DAY, self.since - timedelta(days=1)))
        return Period(self.since - timedelta(days=self.days), self.since - timedelta(days=1))

    def whole_months(self) -> "Period":
        """The calendar months that these days are in."""
        after = self.until.replace(day=1) + timedelta(days=32)
        return Period(self.since.replace(day=1), after.replace(day=1) - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Scope:
    """A period, and what narrows its numbers."""

    period: Period
    #: One profile type, or None for all.
    profile: str | None = None
    #: Whose people: a member of staff's, nobody's yet, or None for all.
    whose: UUID | Literal["nobody"] | None = None

    def __post_init__(self) -> None:
        if self.profile is not None and self.profile not in PROFILE_TYPES:
            raise Invalid({"profile": "unknown"})

    @property
    def kept_under(self) -> dict[str, str]:
        """How the numbers' rows name it."""
        return {"profile": self.profile or "all", "whose": str(self.whose or "all")}
