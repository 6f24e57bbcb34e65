"""Until when a conversation can be put off with one press."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ui.i18n import N_

#: When the working day begins.
_MORNING = time(9, 0)
#: Later than this there is no "later today".
_LAST_TODAY = time(18, 0)
_LATER = timedelta(hours=3)


def snooze_times(now: datetime, zone: ZoneInfo) -> list[tuple[str, datetime]]:
    """What is offered, as (what it is called, until when), on the organisation's clock."""
    local = now.astimezone(zone)
    later = (local + _LATER).replace(minute=0, second=0, microsecond=0)
    offered: list[tuple[str, datetime]] = []
    if local.time() < _LAST_TODAY and later.date() == local.date():
        offered.append((N_("Later today"), later))
    tomorrow = local.date() + timedelta(days=1)
    offered.append((N_("Tomorrow"), morning(tomorrow, zone)))
    monday = local.date() + timedelta(days=7 - local.weekday())
    if monday != tomorrow:
        offered.append((N_("Next Monday"), morning(monday, zone)))
    return offered


def morning(day: date, zone: ZoneInfo) -> datetime:
    """When work begins on a day."""
    return datetime.combine(day, _MORNING, tzinfo=zone)
