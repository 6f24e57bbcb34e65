"""The organisation's working hours, and the days on which nobody works.

An answer is measured in working time: what somebody writes on Friday night and is answered on
Monday at ten has waited an hour. Opening hours are local time, so that days of 23 or 25 hours are
as long as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

#: Days for which there is a calendar: a message from before or after is counted without a time.
FIRST_DAY, LAST_DAY = date(2015, 1, 1), date(2040, 12, 31)

#: Month and day of Spain's national holidays that are on the same date each year.
_FIXED = (
    *((1, 1), (1, 6), (5, 1), (8, 15), (10, 12)),
    *((11, 1), (12, 6), (12, 8), (12, 25)),
)


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When the organisation works: the same hours on each working day."""

    #: 1 is Monday.
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    opens: time = time(9)
    #: Midnight stands for the end of the day.
    closes: time = time(18)
    #: Whether Spain's national holidays are days off.
    holidays: bool = False

    @classmethod
    def read(cls, weekdays: tuple[int, ...], hours: str, *, holidays: bool) -> Self:
        """From settings that have been checked: `09:00-18:00`."""
        opens, closes = hours.replace("24:00", "00:00").split("-")
        return cls(weekdays, time.fromisoformat(opens), time.fromisoformat(closes), holidays)

    def __str__(self) -> str:
        days = "".join(str(day) for day in self.weekdays)
        off = " holidays-off" if self.holidays else ""
        return f"{days} {self.opens:%H:%M}-{self.closes:%H:%M}{off}"


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; on a day off it opens and closes at its beginning."""

    day: date
    opens_at: datetime
    closes_at: datetime
    #: Working seconds of all days before.
    seconds_before: int


def calendar(
    hours: WorkingHours, zone: ZoneInfo, first: date = FIRST_DAY, last: date = LAST_DAY
) -> Iterator[Day]:
    """Every day from `first` to `last`, in order."""
    seconds = 0
    day = first
    while day <= last:
        opens = closes = _moment(day, time(), zone)
        if _is_worked(day, hours):
            opens = _moment(day, hours.opens, zone)
            ends_at_midnight = hours.closes == time()
            closes = _moment(day + timedelta(days=ends_at_midnight), hours.closes, zone)
        yield Day(day, opens, closes, seconds)
        seconds += int((closes - opens).total_seconds())
        day += timedelta(days=1)


def national_holidays(year: int) -> frozenset[date]:
    """Spain's national holidays of a year, Good Friday among them."""
    return frozenset({*(date(year, m, d) for m, d in _FIXED), _easter(year) - timedelta(days=2)})


def _is_worked(day: date, hours: WorkingHours) -> bool:
    if day.isoweekday() not in hours.weekdays:
        return False
    return not (hours.holidays and day in national_holidays(day.year))


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _easter(year: int) -> date:
    """Easter Sunday by the Gregorian computus."""
    golden = year % 19
    century, rest = divmod(year, 100)
    skipped = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)
