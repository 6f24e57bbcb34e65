"""Dates, numbers and phone numbers as people read them, in the page's language.

Everything comes in UTC and is shown in the organisation's time zone.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent

from ui.i18n import _, language

_zone = ZoneInfo("Europe/Madrid")


def use_zone(name: str) -> None:
    """Show times in another zone than Europe/Madrid."""
    global _zone
    _zone = ZoneInfo(name)


def zone() -> ZoneInfo:
    """The zone in which times are shown."""
    return _zone


def local(moment: datetime) -> datetime:
    """The same moment on the organisation's clock."""
    return moment.astimezone(_zone)


def time_of_day(moment: datetime) -> str:
    """`10:42`."""
    return format_datetime(moment, "HH:mm", tzinfo=_zone, locale=language())


def day(moment: datetime, *, now: datetime | None = None) -> str:
    """`lun 23 nov`, with the year where it is not this one."""
    pattern = "EEE d MMM" if _this_year(moment, now) else "EEE d MMM y"
    return format_datetime(moment, pattern, tzinfo=_zone, locale=language())


def day_and_time(moment: datetime, *, now: datetime | None = None) -> str:
    """`lun 23 nov, 10:42`, with the year where it is not this one."""
    pattern = "EEE d MMM, HH:mm" if _this_year(moment, now) else "EEE d MMM y, HH:mm"
    return format_datetime(moment, pattern, tzinfo=_zone, locale=language())


def exact(moment: datetime) -> str:
    """`lunes 23 de noviembre de 2026, 10:42:07`: what stands behind a shorter form, on hover."""
    pattern = (
        "EEEE d 'de' MMMM 'de' y, HH:mm:ss" if language() == "es" else "EEEE d MMMM y, HH:mm:ss"
    )
    return format_datetime(moment, pattern, tzinfo=_zone, locale=language())


def day_heading(moment: datetime, *, now: datetime | None = None) -> str:
    """`Hoy`, `Ayer` or `lunes 23 de noviembre`: what separates the days of a conversation."""
    days = _days_ago(moment, now)
    if days == 0:
        return _("Today")
    if days == 1:
        return _("Yesterday")
    year = "" if _this_year(moment, now) else " 'de' y" if language() == "es" else " y"
    pattern = f"EEEE d 'de' MMMM{year}" if language() == "es" else f"EEEE d MMMM{year}"
    return format_datetime(moment, pattern, tzinfo=_zone, locale=language())


def relative(moment: datetime, *, now: datetime | None = None) -> str:
    """How long ago, short: `ahora`, `hace 5 min`, `hace 3 h`, `ayer`, then the date.

    Show `exact` on hover beside it. A moment in the future (clocks differ) reads as now.
    """
    age = (now or datetime.now(UTC)) - moment
    if age < timedelta(minutes=1):
        return _("now")
    days = _days_ago(moment, now)
    if days == 0 or age < timedelta(hours=6):
        hours = age // timedelta(hours=1)
        if hours:
            return _("{n} h ago", n=hours)
        return _("{n} min ago", n=age // timedelta(minutes=1))
    if days == 1:
        return _("yesterday")
    return day(moment, now=now)


def short_day(day: date) -> str:
    """`23 nov` of a day of the calendar."""
    return format_date(day, "d MMM", locale=language())


def long_day(day: date) -> str:
    """`23 nov 2026` of a day of the calendar."""
    return format_date(day, "d MMM y", locale=language())


def working_time(minutes: int) -> str:
    """`42 min`, `3 h 10 min`, `2,5 días`: of working hours, a day being nine of them."""
    if minutes < 60:
        return _("{n} min", n=minutes)
    if minutes < 2 * 540:
        hours, rest = divmod(minutes, 60)
        return _("{h} h {m} min", h=hours, m=rest) if rest else _("{h} h", h=hours)
    return _("{n} working days", n=format_decimal(minutes / 540, "0.#", locale=language()))


def number(value: int | float) -> str:
    """`1.234` or `1,234`."""
    return format_decimal(value, locale=language())


def percent(share: float) -> str:
    """`87 %` of 0.87."""
    return format_percent(share, format=None, locale=language())


def phone(e164: str) -> str:
    """`+34 612 34 56 78`; what is no phone number stays as it is."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _days_ago(moment: datetime, now: datetime | None) -> int:
    return (local(now or datetime.now(UTC)).date() - local(moment).date()).days


def _this_year(moment: datetime, now: datetime | None) -> bool:
    return local(moment).year == local(now or datetime.now(UTC)).year
