"""The kept numbers are what the rows say, whatever is written, moved and erased."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from services.actors import Staff
from services.analytics import counting
from services.analytics.hours import WorkingHours
from services.classification import Evidence, propose
from services.keywords import KEYWORD_TYPES
from tests.analytics import MADRID, Desk, by_hand
from tests.support import SYSTEM, Postgres

#: A Monday, in winter time.
MONDAY = datetime(2026, 11, 16, 9, tzinfo=MADRID)


@pytest.fixture
async def desk(database: Postgres) -> Any:
    await counting.set_clock(SYSTEM, MADRID, WorkingHours())
    with database.connect() as connection:
        yield Desk(connection)


async def counted(desk: Desk, now: datetime | None = None) -> None:
    """Count what waits, and prove it in two ways."""
    now = now or datetime.now(UTC)
    found = await counting.verify(SYSTEM, now=now)
    assert found.is_right, found
    assert desk.kept() == by_hand(desk.owner, now)


class TestADay:
    async def test_a_conversation_by_hand(self, desk: Desk) -> None:
        amina = desk.client(name="Amina", profile_type="ASYLUM", created_at=MONDAY)
        # Friday evening, answered on Monday at half past ten: an hour and a half of work.
        desk.message(amina, "inbound", "2026-11-13 20:00+01")
        desk.message(amina, "outbound", "2026-11-16 10:30+01")
        # Two messages, answered twice: one exchange, from the first to the first.
        desk.message(amina, "inbound", "2026-11-16 11:00+01")
        desk.message(amina, "inbound", "2026-11-16 11:20+01")
        desk.message(amina, "outbound", "2026-11-16 11:42+01")
        desk.message(amina, "outbound", "2026-11-16 11:50+01")
        # What failed answers nobody, nor does a reaction; what waits is not sent.
        desk.message(amina, "inbound", "2026-11-16 12:00+01")
        desk.message(amina, "outbound", "2026-11-16 12:01+01", status="failed", code=131026)
        desk.message(amina, "outbound", "2026-11-16 12:02+01", type="reaction")
        desk.message(amina, "outbound", "2026-11-16 12:03+01", status="queued")
        desk.document(amina, "2026-11-16 12:00+01", "accepted")
        await counted(desk, datetime(2026, 11, 16, 13, tzinfo=MADRID))
        asylum = {
            (metric, day, key): n
            for (metric, day, profile, whose, key), n in desk.kept().items()
            if (profile, whose) == ("ASYLUM", "nobody")
        }
        assert asylum == {
            ("people", "1970-01-01", "active"): 1,
            ("language", "1970-01-01", ""): 1,
            ("new", "2026-11-16", ""): 1,
            ("inbound", "2026-11-13", ""): 1,
            ("inbound", "2026-11-16", ""): 3,
            ("outbound", "2026-11-16", ""): 3,
            ("failed", "2026-11-16", "131026"): 1,
            ("document", "2026-11-16", "accepted"): 1,
            ("answer", "2026-11-16", "90"): 1,
            ("first_answer", "2026-11-16", "90"): 1,
            ("answer", "2026-11-16", "42"): 1,
            # The window of Friday's message closed on Saturday at eight.
            ("missed", "2026-11-14", ""): 1,
        }

    async def test_a_window_that_closes_is_missed_without_anything_being_written(
        self, desk: Desk
    ) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", MONDAY)
        await counted(desk, MONDAY + timedelta(hours=23, minutes=59))
        assert ("missed", "2026-11-17", "all", "all", "") not in desk.kept()
        await counted(desk, MONDAY + timedelta(hours=24))
        assert desk.kept()["missed", "2026-11-17", "all", "all", ""] == 1

    async def test_a_message_that_comes_late_changes_what_was_counted(self, desk: Desk) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", MONDAY)
        desk.message(amina, "outbound", MONDAY + timedelta(hours=3))
        await counted(desk)
        assert desk.kept()["answer", "2026-11-16", "all", "all", "180"] == 1
        desk.message(amina, "outbound", MONDAY + timedelta(minutes=10))
        await counted(desk)
        assert desk.kept()["answer", "2026-11-16", "all", "all", "10"] == 1

    async def test_a_send_that_failed_later_is_no_answer_any_more(self, desk: Desk) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", MONDAY)
        sent = desk.message(amina, "outbound", MONDAY + timedelta(hours=1))
        await counted(desk)
        desk.owner.execute("update messages set status = 'failed' where id = %s", [sent])
        await counted(desk)
        kept = desk.kept()
        assert kept["failed", "2026-11-16", "all", "all", ""] == 1
        assert not any(metric == "answer" for metric, *_ in kept)

    @pytest.mark.parametrize(
        ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-16", 24)]
    )
    async def test_days_are_as_long_as_the_clock_makes_them(
        self, desk: Desk, day: str, hours: int
    ) -> None:
        midnight = datetime.fromisoformat(day).replace(tzinfo=MADRID).astimezone(UTC)
        amina = desk.client()
        for hour in range(-2, 28):
            desk.message(amina, "inbound", midnight + timedelta(hours=hour))
        await counted(desk)
        assert desk.kept()["inbound", day, "all", "all", ""] == hours


class TestMoving:
    async def test_another_profile_takes_all_of_a_person_along(
        self, desk: Desk, admin: Staff
    ) -> None:
        amina = desk.client(profile_type="OTHER")
        desk.message(amina, "inbound", MONDAY)
        desk.message(amina, "outbound", MONDAY + timedelta(days=3))
        desk.document(amina, MONDAY)
        await counted(desk)
        desk.owner.execute(
            "update clients set profile_type = 'STUDENT', assigned_to = %s", [admin.id]
        )
        await counted(desk)
        kept = desk.kept()
        assert {profile for _, _, profile, _, _ in kept} == {"STUDENT", "all"}
        assert {whose for _, _, _, whose, _ in kept} == {str(admin.id), "all"}

    async def test_many_people_who_come_and_go_at_once_are_each_counted(
        self, desk: Desk, caseworker: Staff
    ) -> None:
        asylum = Evidence("asilo", "ASYLUM", "es", 0.5, negated=False).as_json()
        desk.owner.execute(
            "insert into clients (profile_type, status, language, profile_source, assigned_to,"
            " profile_evidence, created_at, waiting_since) select t, s, l, p, a, e, d, w"
            " from unnest(array['ASYLUM', 'ARRAIGO', 'OTHER']) t,"
            " unnest(array['active', 'archived']) s, unnest(array['ar', null]) l,"
            " unnest(array['staff', 'classifier', null]) p, unnest(array[%s, null]::uuid[]) a,"
            " unnest(array['[]', %s]::jsonb[]) e, unnest(array[%s, %s]) d,"
            " unnest(array[now(), null]) w, generate_series(1, 2)",
            # Either side of midnight.
            [caseworker.id, Jsonb([asylum]), MONDAY, MONDAY - timedelta(hours=10)],
        )
        await counted(desk)
        assert desk.kept()["people", "1970-01-01", "all", "all", "active"] == 576
        desk.owner.execute("delete from clients where language is null")
        await counted(desk)
        desk.owner.execute("delete from clients")
        await counted(desk)
        assert desk.kept() == {}

    async def test_whoever_is_erased_is_in_no_number(self, desk: Desk) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", MONDAY)
        desk.message(amina, "outbound", MONDAY + timedelta(days=3))
        desk.document(amina, MONDAY)
        await counted(desk)
        desk.message(amina, "inbound", MONDAY + timedelta(days=4))
        desk.owner.execute("delete from clients where id = %s", [amina])
        await counted(desk)
        assert desk.kept() == {}
        waiting = desk.owner.execute("select count(*) from analytics_queue")
        assert waiting.fetchone() == (0,)


class TestTheClock:
    async def test_another_zone_counts_everything_anew(self, desk: Desk) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", "2026-11-16 23:30+01")
        await counted(desk)
        assert await counting.set_clock(SYSTEM, ZoneInfo("Atlantic/Canary"), WorkingHours())
        found = await counting.verify(SYSTEM)
        assert found.is_right
        assert ("inbound", "2026-11-16", "all", "all", "") in desk.kept()
        assert not await counting.set_clock(SYSTEM, ZoneInfo("Atlantic/Canary"), WorkingHours())

    async def test_other_hours_measure_answers_anew(self, desk: Desk) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", "2026-11-14 10:00+01")
        desk.message(amina, "outbound", "2026-11-14 12:00+01")
        await counted(desk)
        assert desk.kept()["answer", "2026-11-14", "all", "all", "0"] == 1
        await counting.set_clock(SYSTEM, MADRID, WorkingHours(weekdays=(1, 2, 3, 4, 5, 6)))
        assert (await counting.verify(SYSTEM)).is_right
        assert desk.kept()["answer", "2026-11-14", "all", "all", "120"] == 1


class TestProof:
    async def test_a_number_that_is_not_what_the_rows_say_is_found(self, desk: Desk) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", MONDAY)
        await counted(desk)
        for statement in (
            "update analytics_days set n = n + 1 where metric = 'inbound' and profile = 'all'",
            "update analytics_days set n = n + 1 where metric = 'people' and profile = 'all'",
            "update exchanges set lapses_at = null, missed = false",
            "delete from exchanges",
        ):
            desk.owner.execute(statement.encode())
            assert not (await counting.verify(SYSTEM)).is_right, statement
            await counting.rebuild(SYSTEM)
            await counted(desk)

    async def test_what_waits_to_be_counted_is_not_held_against_a_number(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        amina = desk.client()
        desk.message(amina, "inbound", MONDAY)

        async def nothing(*_: object, **__: object) -> int:
            return 0

        monkeypatch.setattr(counting, "count", nothing)
        assert (await counting.verify(SYSTEM)).is_right


EVIDENCE = st.lists(
    st.builds(
        Evidence,
        keyword=st.sampled_from(["a", "b", "c"]),
        profile_type=st.sampled_from(sorted(KEYWORD_TYPES)),
        language=st.just("es"),
        weight=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]),
        negated=st.booleans(),
    ),
    max_size=8,
)


class TestProposals:
    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(evidence=EVIDENCE)
    def test_the_database_proposes_what_the_classifier_does(
        self, postgres: Postgres, evidence: list[Evidence]
    ) -> None:
        with postgres.connect() as connection:
            stored = Jsonb([piece.as_json() for piece in evidence])
            found = connection.execute("select app_private.proposal_of(%s)", [stored]).fetchone()
        assert found == (propose(evidence).profile_type,)


#: Each step of a story: what is done, to which of three people, when, and how.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("write", "write", "answer", "answer", "fail", "react", "queue"),
                *("status", "shift", "delete_message", "document", "review", "profile"),
                *("assign", "archive", "wait", "language", "decide", "erase", "count"),
            ]
        ),
        st.integers(0, 2),
        # Around the day of 25 hours, in steps that meet it.
        st.integers(0, 400),
        st.integers(0, 4),
    ),
    max_size=25,
)
SUNDAY = datetime(2026, 10, 22, 6, 17, tzinfo=UTC)


class TestAnything:
    @settings(
        max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(steps=STEPS)
    async def test_whatever_happens_the_numbers_are_what_the_rows_say(
        self, desk: Desk, admin: Staff, steps: list[tuple[str, int, int, int]]
    ) -> None:
        desk.owner.execute("select set_config('acogida.origin', '', false)")
        desk.owner.execute("delete from clients")
        story = _Story(desk, admin)
        for step in steps:
            if step[0] == "count":
                await counting.count(SYSTEM, now=story.moment(step[2]))
            else:
                story.tell(*step)
        await counted(desk, story.moment(300))


class _Story:
    def __init__(self, desk: Desk, admin: Staff) -> None:
        self._desk, self._admin = desk, admin
        self._people: dict[int, UUID] = {}

    def moment(self, n: int) -> datetime:
        return SUNDAY + timedelta(minutes=23 * n)

    def tell(self, what: str, who: int, when: int, how: int) -> None:
        run = self._desk.owner.execute
        if who not in self._people:
            self._people[who] = self._desk.client(created_at=self.moment(when))
        client, at = self._people[who], self.moment(when)
        mine = "id in (select id from messages where client_id = %s order by seq limit 2)"
        match what:
            case "write":
                self._desk.message(client, "inbound", at)
            case "answer":
                by = self._admin.id if how else None
                self._desk.message(client, "outbound", at, by=by)
            case "fail":
                self._desk.message(client, "outbound", at, status="failed", code=how or None)
            case "react":
                self._desk.message(client, "inbound", at, type="reaction")
            case "queue":
                self._desk.message(client, "outbound", at, status="queued")
            case "status":
                status = ("failed", "sent", "read", "unknown", "queued")[how]
                run(
                    f"update messages set status = %s where direction = 'outbound' and {mine}",  # noqa: S608
                    [status, client],
                )
            case "shift":
                run(f"update messages set sent_at = %s where {mine}", [at, client])  # noqa: S608
            case "delete_message":
                run(f"delete from messages where {mine}", [client])  # noqa: S608
            case "document":
                self._desk.document(client, at)
            case "review":
                state = ("new", "accepted", "rejected")[how % 3]
                run("update documents set state = %s where client_id = %s", [state, client])
            case "erase":
                run("delete from clients where id = %s", [client])
                del self._people[who]
            case _:
                self._change(what, client, at, how)

    def _change(self, what: str, client: UUID, at: datetime, how: int) -> None:
        types = ("ASYLUM", "ARRAIGO", "STUDENT", "IRREGULAR", "OTHER")
        evidence = Evidence("asilo", "ASYLUM", "es", 0.9).as_json()
        changes: dict[str, dict[str, Any]] = {
            "profile": {"profile_type": types[how]},
            "assign": {"assigned_to": self._admin.id if how % 2 else None},
            "archive": {"status": "archived" if how % 2 else "active"},
            "wait": {"waiting_since": at if how % 2 else None},
            "language": {"language": "ar" if how % 2 else None},
            "decide": {
                "profile_source": "staff" if how % 2 else "classifier",
                "profile_evidence": Jsonb([evidence] if how > 1 else []),
            },
        }
        columns = changes[what]
        assigned = ", ".join(f"{name} = %s" for name in columns)
        self._desk.owner.execute(
            f"update clients set {assigned} where id = %s".encode(),  # noqa: S608
            [*columns.values(), client],
        )
