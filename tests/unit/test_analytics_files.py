"""Numbers for strangers and for spreadsheets: what is hidden, and what is no formula."""

import csv
import io
import itertools
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from services.analytics.agreement import Agreement
from services.analytics.answers import Answers, Times
from services.analytics.documents import Documents
from services.analytics.messages import MessageDay, Messages
from services.analytics.numbers import Compared
from services.analytics.people import People, Week
from services.analytics.scope import Period, Scope
from services.analytics.summary import Summary
from services.analytics.suppression import SHOWN_FROM, hide, hide_one, hide_together
from services.analytics.tables import COLUMNS, harmless, written
from services.analytics.today import Today
from services.analytics.workload import Workload
from ui.client_query import ClientQuery
from ui.dashboard_query import DashboardQuery, Links

DAY = date(2026, 11, 16)
NONE = Times(0, None, None)


def summary(name: str, code: str = "131047") -> Summary:
    """A summary in which one colleague bears this name."""
    return Summary(
        scope=Scope(Period(DAY, DAY)),
        today=Today(DAY, 1, 0, 0, 0, 2, 1, DAY),
        people=People({"ASYLUM": 7}, {"active": 7}, {"": 7}, Compared(2, 1), (Week(DAY, DAY, 2),)),
        messages=Messages(
            (MessageDay(DAY, 3, 1),), Compared(3, 0), Compared(1, 0), {code: Compared(1, 0)}
        ),
        documents=Documents({"new": Compared(1, 0)}),
        answers=Answers(Times(1, 5, 5), NONE, Times(1, 5, 5), NONE, Compared(0, 0)),
        agreement=Agreement({("ASYLUM", "STUDENT"): 1}),
        workload=(Workload(None, name, 7, 1, Times(1, 5, 5), 0),),
        is_counting=False,
    )


class TestCsv:
    def test_one_row_a_number(self) -> None:
        content = written(summary("Omar"))
        assert content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        assert tuple(rows[0]) == COLUMNS
        assert ["messages", "inbound", "2026-11-16", "2026-11-16", "3", "0"] in rows
        assert ["workload_people", "Omar", "2026-11-16", "2026-11-16", "7", ""] in rows
        assert ["answers", "answer_p90_working_minutes", str(DAY), str(DAY), "5", ""] in rows

    @pytest.mark.parametrize(
        "name", ["=1+1", "+34", "-2", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")']
    )
    def test_no_name_is_a_formula(self, name: str) -> None:
        rows = csv.reader(io.StringIO(written(summary(name, name)).decode("utf-8-sig"), newline=""))
        cells = [cell for row in rows for cell in row]
        assert f"'{name}" in cells
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)

    @given(st.text())
    def test_words_are_changed_in_no_other_way(self, words: str) -> None:
        assert harmless(words).removeprefix("'") in (words, words.removeprefix("'"))


class TestSuppression:
    def test_what_is_large_enough_is_shown(self) -> None:
        assert hide({"a": 5, "b": 0, "c": 40}).cells == {"a": 5, "b": 0, "c": 40}
        assert hide({"a": 5, "b": 0}).is_whole

    def test_a_small_one_takes_the_smallest_of_the_others_along(self) -> None:
        found = hide({"a": 3, "b": 40, "c": 9, "d": 0})
        assert found.cells == {"a": None, "b": 40, "c": None, "d": 0}
        assert found.total == 52

    def test_two_small_ones_whose_sum_gives_them_away(self) -> None:
        assert hide({"a": 1, "b": 1, "c": 9}).cells == {"a": None, "b": None, "c": None}

    def test_a_small_total_hides_everything(self) -> None:
        found = hide({"a": 1, "b": 2, "c": 0})
        assert (found.cells, found.total) == ({"a": None, "b": None, "c": None}, None)

    def test_no_other_table_of_the_same_people_tells_a_hidden_total(self) -> None:
        of_five = dict.fromkeys("abcde", 1)
        assert hide({"es": 5}).total == 5
        profiles, languages = hide_together(of_five, {"es": 5, "": 0})
        assert profiles.cells == dict.fromkeys("abcde")
        assert (profiles.total, languages.total) == (None, None)
        assert languages.cells == {"es": None, "": None}
        whole = hide_together({"a": 9}, {"es": 9})
        assert [table.total for table in whole] == [9, 9]

    def test_a_single_number(self) -> None:
        assert [hide_one(n) for n in (0, 1, 4, 5)] == [0, None, None, 5]

    def test_nothing_at_all(self) -> None:
        assert hide({}).total == 0

    @given(st.dictionaries(st.integers(), st.integers(0, 60), max_size=7))
    def test_no_hidden_number_can_be_told_from_what_is_shown(self, cells: dict[int, int]) -> None:
        found = hide(cells)
        assert all(n is None or n == cells[key] for key, n in found.cells.items())
        assert not any(n is not None and 0 < n < SHOWN_FROM for n in found.cells.values())
        hidden = [key for key, n in found.cells.items() if n is None]
        if not hidden or found.total is None:
            return
        left = found.total - sum(n for n in found.cells.values() if n is not None)
        # Whoever knows the sum of the hidden ones, and that none is zero, finds at least five
        # numbers that each could be.
        assert len(hidden) > 1
        most = left - (len(hidden) - 1)
        assert most >= SHOWN_FROM

    def test_all_small_tables_by_looking_at_every_one(self) -> None:
        for cells in itertools.product(range(8), repeat=3):
            found = hide(dict(enumerate(cells)))
            if found.total is not None:
                assert list(found.cells.values()).count(None) != 1


class TestAddresses:
    @pytest.mark.parametrize(
        ("query", "address"),
        [
            ("", "/dashboard"),
            ("from=2026-11-01&to=2026-11-30", "/dashboard?from=2026-11-01&to=2026-11-30"),
            ("profile=WITCH&assigned=somebody&from=yesterday", "/dashboard"),
            ("profile=ASYLUM&assigned=nobody", "/dashboard?profile=ASYLUM&assigned=nobody"),
        ],
    )
    def test_what_cannot_be_read_is_left_out(self, query: str, address: str) -> None:
        assert DashboardQuery.read(QueryParams(query)).address == address

    def test_the_page_for_paper_takes_days_alone(self) -> None:
        query = DashboardQuery(DAY, DAY, "ASYLUM", "nobody")
        assert query.print_address == "/dashboard/print?from=2026-11-16&to=2026-11-16"

    @pytest.mark.parametrize(
        ("since", "until", "problem"),
        [
            (DAY, DAY, None),
            (date(2999, 12, 31), None, None),
            (date(2001, 1, 1), None, "too_long"),
            (DAY, date(2026, 11, 15), "backwards"),
            (date(2020, 1, 1), DAY, "too_long"),
        ],
    )
    def test_days_that_are_no_period(
        self, since: date, until: date | None, problem: str | None
    ) -> None:
        assert DashboardQuery(since, until).problem == problem

    def test_whom_somebody_has_written_to_is_whoever_they_are_assigned_to(self) -> None:
        links = Links(Scope(Period(DAY, DAY), "STUDENT", UUID(int=2)), DAY)
        query = ClientQuery.read(QueryParams(links.sent_by(str(UUID(int=1))).partition("?")[2]))
        assert query.narrowing.assigned_to is None
        assert (query.behind, query.key) == ("sent_by", str(UUID(int=1)))
        assert query.profiles == ("STUDENT",)

    def test_every_link_leads_to_a_list_that_reads_it(self) -> None:
        links = Links(Scope(Period(DAY, DAY), "STUDENT", "nobody"), DAY)
        for address in (
            links.people("ASYLUM"),
            links.language(""),
            links.waiting(),
            links.closing(),
            links.new(),
            links.wrote("inbound"),
            links.failed(""),
            links.failed("131047", DAY),
            links.documents("new"),
            links.missed("nobody"),
            links.answered(first=True, at_least=90),
            links.decided("ASYLUM", "OTHER"),
            links.assigned("nobody"),
        ):
            query = ClientQuery.read(QueryParams(address.partition("?")[2]))
            assert query.address == address
            assert query.is_narrowed
            assert query.narrowing.assigned_to == "nobody"
            assert not query.without_narrowing().is_narrowed

    def test_days_are_the_organisations(self) -> None:
        links = Links(Scope(Period(date(2026, 10, 25), date(2026, 10, 25))), DAY)
        query = ClientQuery.read(QueryParams(links.wrote("inbound").partition("?")[2]))
        since, until = query.narrowing.since, query.narrowing.until
        assert since is not None
        assert until is not None
        assert (until - since).total_seconds() == 25 * 3600
