"""Working hours, periods and percentiles, on paper."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from services.analytics.answers import Times, times
from services.analytics.hours import WorkingHours, calendar, national_holidays
from services.analytics.messages import MessageDay, every_day
from services.analytics.people import Week, weeks
from services.analytics.scope import Period, Scope
from services.analytics.summary import period_of
from services.errors import Invalid

MADRID = ZoneInfo("Europe/Madrid")


class TestWorkingHours:
    def test_a_working_day_is_local_time(self) -> None:
        days = list(calendar(WorkingHours(), MADRID, date(2026, 3, 27), date(2026, 3, 30)))
        friday, saturday, sunday, monday = days
        assert friday.opens_at == datetime(2026, 3, 27, 8, tzinfo=UTC)
        assert friday.closes_at == datetime(2026, 3, 27, 17, tzinfo=UTC)
        assert saturday.opens_at == saturday.closes_at
        assert sunday.opens_at == sunday.closes_at
        # Summer time began on Sunday.
        assert monday.opens_at == datetime(2026, 3, 30, 7, tzinfo=UTC)
        assert [day.seconds_before for day in days] == [0, 9 * 3600, 9 * 3600, 9 * 3600]

    @pytest.mark.parametrize(
        ("day", "hours"),
        [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 1, 1), 24)],
    )
    def test_whoever_never_closes_works_as_long_as_the_day_is(self, day: date, hours: int) -> None:
        always = WorkingHours((1, 2, 3, 4, 5, 6, 7), time(), time())
        (found,) = calendar(always, MADRID, day, day)
        assert (found.closes_at - found.opens_at).total_seconds() == hours * 3600

    def test_on_national_holidays_nobody_works_if_so_said(self) -> None:
        good_friday = date(2026, 4, 3)
        (off,) = calendar(WorkingHours(holidays=True), MADRID, good_friday, good_friday)
        (on,) = calendar(WorkingHours(), MADRID, good_friday, good_friday)
        assert off.opens_at == off.closes_at
        assert on.opens_at < on.closes_at

    @pytest.mark.parametrize(
        ("year", "good_friday"),
        [(2024, (3, 29)), (2025, (4, 18)), (2026, (4, 3)), (2027, (3, 26)), (2038, (4, 23))],
    )
    def test_good_friday_moves(self, year: int, good_friday: tuple[int, int]) -> None:
        found = national_holidays(year)
        assert date(year, *good_friday) in found
        assert {date(year, 1, 6), date(year, 12, 6)} <= found
        assert len(found) == 10

    def test_settings_are_read(self) -> None:
        hours = WorkingHours.read((1, 7), "08:30-24:00", holidays=True)
        assert hours == WorkingHours((1, 7), time(8, 30), time(), holidays=True)
        assert str(hours) == "17 08:30-00:00 holidays-off"


class TestPeriods:
    def test_the_one_before_is_as_long(self) -> None:
        period = Period(date(2026, 11, 1), date(2026, 11, 30))
        assert period.days == 30
        assert period.before == Period(date(2026, 10, 2), date(2026, 10, 31))

    def test_whole_months(self) -> None:
        period = Period(date(2026, 1, 15), date(2026, 12, 3))
        assert period.whole_months() == Period(date(2026, 1, 1), date(2026, 12, 31))

    @pytest.mark.parametrize(
        ("since", "until", "fields"),
        [
            (date(2026, 11, 2), date(2026, 11, 1), {"to": "before_from"}),
            (date(1999, 12, 31), date(2000, 1, 1), {"to": "no_such_day"}),
            (date(2020, 1, 1), date(2026, 1, 1), {"from": "too_long"}),
        ],
    )
    def test_what_is_no_period_is_refused(
        self, since: date, until: date, fields: dict[str, str]
    ) -> None:
        with pytest.raises(Invalid) as refused:
            Period(since, until)
        assert refused.value.fields == fields

    def test_the_first_day_of_all_has_something_before(self) -> None:
        assert Period(date(2000, 1, 1), date(2000, 1, 9)).before.since == date(2000, 1, 1)

    def test_one_end_is_enough(self) -> None:
        today = date(2026, 11, 30)
        assert period_of(None, None, today) == Period(date(2026, 11, 1), today)
        assert period_of(date(2026, 11, 20), None, today) == Period(date(2026, 11, 20), today)
        early = date(2000, 1, 5)
        assert period_of(None, early, today) == Period(date(2000, 1, 1), early)
        late = date(2030, 1, 1)
        assert period_of(late, None, today) == Period(late, late)

    def test_a_scope_knows_its_profile_types(self) -> None:
        with pytest.raises(Invalid):
            Scope(Period(date(2026, 1, 1), date(2026, 1, 2)), profile="WITCH")


class TestTimes:
    def test_nobody_was_answered(self) -> None:
        assert times([]) == Times(0, None, None)
        assert times([("5", 0)]) == Times(0, None, None)

    def test_half_took_at_most_the_median(self) -> None:
        assert times([("3", 1)]) == Times(1, 3, 3)
        assert times([("60", 1), ("3", 1)]) == Times(2, 3, 60)
        assert times([(str(n), 1) for n in range(1, 11)]) == Times(10, 5, 9)
        assert times([("0", 90), ("600", 10)]) == Times(100, 0, 0)
        assert times([("0", 89), ("600", 11)]) == Times(100, 0, 600)


class TestShapes:
    def test_every_day_is_there(self) -> None:
        period = Period(date(2026, 10, 24), date(2026, 10, 26))
        assert every_day({date(2026, 10, 25): 3}, {}, period) == (
            MessageDay(date(2026, 10, 24), 0, 0),
            MessageDay(date(2026, 10, 25), 3, 0),
            MessageDay(date(2026, 10, 26), 0, 0),
        )

    def test_weeks_begin_on_monday_and_are_cut_by_the_period(self) -> None:
        period = Period(date(2026, 11, 4), date(2026, 11, 17))
        days = {date(2026, 11, 4): 1, date(2026, 11, 8): 2, date(2026, 11, 9): 4}
        assert weeks(days, period) == (
            Week(date(2026, 11, 4), date(2026, 11, 8), 3),
            Week(date(2026, 11, 9), date(2026, 11, 15), 4),
            Week(date(2026, 11, 16), date(2026, 11, 17), 0),
        )

    def test_a_single_day(self) -> None:
        day = date(2026, 11, 4)
        assert weeks({}, Period(day, day)) == (Week(day, day, 0),)
