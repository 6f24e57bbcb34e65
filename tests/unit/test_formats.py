"""Dates, numbers and phone numbers as people in Spain read them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ui import formats
from ui.i18n import speaking

#: Monday, 10:42 in Madrid.
NOW = datetime(2026, 11, 23, 9, 42, 7, tzinfo=UTC)


@pytest.fixture
def english() -> Iterator[None]:
    with speaking("en"):
        yield


def test_a_date_has_day_month_and_time() -> None:
    assert formats.day_and_time(NOW, now=NOW) == "lun 23 nov, 10:42"


@pytest.mark.usefixtures("english")
def test_a_date_in_english() -> None:
    assert formats.day_and_time(NOW, now=NOW) == "Mon 23 Nov, 10:42"
    assert formats.exact(NOW) == "Monday 23 November 2026, 10:42:07"


def test_another_year_is_said() -> None:
    assert formats.day_and_time(NOW - timedelta(days=365), now=NOW) == "dom 23 nov 2025, 10:42"


def test_the_year_turns_when_it_turns_in_madrid() -> None:
    new_year = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert formats.day_and_time(new_year, now=NOW) == "jue 1 ene, 00:30"


def test_the_exact_moment_is_written_out() -> None:
    assert formats.exact(NOW) == "lunes 23 de noviembre de 2026, 10:42:07"


def test_summer_time_is_two_hours_ahead() -> None:
    assert formats.time_of_day(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "00:30"


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-30), "ahora"),
        (timedelta(seconds=59), "ahora"),
        (timedelta(seconds=60), "hace 1 min"),
        (timedelta(minutes=59, seconds=59), "hace 59 min"),
        (timedelta(hours=1), "hace 1 h"),
        (timedelta(hours=10), "hace 10 h"),
        (timedelta(hours=11), "ayer"),
        (timedelta(days=1), "ayer"),
        (timedelta(days=3), "vie 20 nov"),
        (timedelta(days=365), "dom 23 nov 2025"),
    ],
)
def test_time_ago_is_short(age: timedelta, said: str) -> None:
    assert formats.relative(NOW - age, now=NOW) == said


def test_shortly_after_midnight_last_evening_is_still_hours_ago() -> None:
    midnight = datetime(2026, 11, 22, 23, 10, tzinfo=UTC)
    assert formats.relative(midnight - timedelta(hours=2), now=midnight) == "hace 2 h"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, "Hoy"),
        (1, "Ayer"),
        (2, "sábado 21 de noviembre"),
        (365, "domingo 23 de noviembre de 2025"),
    ],
)
def test_the_days_of_a_conversation_have_headings(days: int, said: str) -> None:
    assert formats.day_heading(NOW - timedelta(days=days), now=NOW) == said


@pytest.mark.usefixtures("english")
def test_headings_in_english() -> None:
    assert formats.day_heading(NOW, now=NOW) == "Today"
    assert formats.day_heading(NOW - timedelta(days=2), now=NOW) == "Saturday 21 November"
    assert formats.day_heading(NOW - timedelta(days=365), now=NOW) == "Sunday 23 November 2025"


def test_numbers_have_points_between_thousands() -> None:
    assert formats.number(1234) == "1.234"
    assert formats.percent(0.87).replace("\N{NO-BREAK SPACE}", " ") == "87 %"


@pytest.mark.usefixtures("english")
def test_numbers_in_english() -> None:
    assert formats.number(1234) == "1,234"
    assert formats.percent(0.87) == "87%"


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+34612345678", "+34 612 34 56 78"),
        ("+212612345678", "+212 6 12 34 56 78"),
        ("no number", "no number"),
        ("", ""),
        ("<b>+34", "<b>+34"),
    ],
)
def test_phone_numbers_are_grouped_as_in_their_country(e164: str, shown: str) -> None:
    assert formats.phone(e164) == shown


def test_the_zone_can_be_another_one() -> None:
    before = formats.zone()
    try:
        formats.use_zone("Atlantic/Canary")
        assert formats.time_of_day(NOW) == "09:42"
    finally:
        formats.use_zone(before.key)
