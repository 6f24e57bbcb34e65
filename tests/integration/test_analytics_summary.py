"""What the dashboard and the API are told, and the lists behind it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from db.engine import begin
from services.actors import Staff
from services.analytics import counting
from services.analytics.answers import Times
from services.analytics.hours import WorkingHours
from services.analytics.numbers import Compared
from services.analytics.people import Week
from services.analytics.summary import Summary, summary
from services.clients import list_clients
from services.errors import Forbidden, Invalid
from services.inbox import count_views
from services.narrowing import Narrowing
from tests.analytics import MADRID, Desk
from tests.support import SYSTEM, Postgres
from tests.tokens import api_app, calling, staff_token

#: Nine in the morning of a Monday.
MONDAY = datetime(2026, 11, 16, 9, tzinfo=MADRID)
WEEK: dict[str, Any] = {"since": date(2026, 11, 16), "until": date(2026, 11, 22)}


@pytest.fixture
async def desk(database: Postgres) -> Any:
    await counting.set_clock(SYSTEM, MADRID, WorkingHours())
    with database.connect() as connection:
        yield Desk(connection)


@pytest.fixture
async def people_and_clients(desk: Desk, people: dict[str, Staff]) -> dict[str, UUID]:
    """Amina is the caseworker's, Bilal the admin's, Chen nobody's."""
    evidence = psycopg.types.json.Jsonb(
        [
            {
                "keyword": "asilo",
                "profile_type": "ASYLUM",
                "language": "es",
                "weight": 0.9,
                "negated": False,
                "found": "asilo",
            }
        ]
    )
    decided = {"profile_source": "staff", "profile_evidence": evidence, "created_at": MONDAY}
    found = {
        "Amina": desk.client(
            name="Amina",
            profile_type="ASYLUM",
            assigned_to=people["caseworker"].id,
            language="ar",
            **decided,
        ),
        "Bilal": desk.client(
            name="Bilal", profile_type="STUDENT", assigned_to=people["admin"].id, **decided
        ),
        "Chen": desk.client(name="Chen", created_at=MONDAY - timedelta(days=3)),
    }
    for n, client in enumerate(found.values()):
        desk.message(client, "inbound", MONDAY + timedelta(hours=n))
    desk.message(found["Amina"], "outbound", MONDAY + timedelta(minutes=7))
    # A colleague's answer.
    late = MONDAY + timedelta(hours=4)
    desk.message(found["Bilal"], "outbound", late, by=people["caseworker"].id)
    desk.message(
        found["Bilal"], "outbound", MONDAY + timedelta(hours=5), status="failed", code=131047
    )
    desk.document(found["Amina"], MONDAY, "accepted")
    desk.document(found["Chen"], MONDAY - timedelta(days=2), "rejected")
    while await counting.count(SYSTEM):
        pass
    return found


class TestNumbers:
    async def test_of_everybody(self, people_and_clients: Any, admin: Staff) -> None:
        found = await summary(admin, **WEEK)
        assert found.people.by_profile == {
            "ASYLUM": 1,
            "ARRAIGO": 0,
            "STUDENT": 1,
            "IRREGULAR": 0,
            "OTHER": 1,
        }
        assert found.people.by_status == {"active": 3, "inactive": 0, "archived": 0}
        assert found.people.by_language == {"": 2, "ar": 1}
        assert found.people.new == Compared(2, 1)
        assert found.people.new_by_week == (Week(date(2026, 11, 16), date(2026, 11, 22), 2),)
        assert (found.messages.inbound, found.messages.outbound) == (Compared(3, 0), Compared(2, 0))
        assert found.messages.failed == {"131047": Compared(1, 0)}
        assert [day.inbound for day in found.messages.days] == [3, 0, 0, 0, 0, 0, 0]
        assert found.documents.by_state == {
            "new": Compared(0, 0),
            "accepted": Compared(1, 0),
            "rejected": Compared(0, 1),
        }
        assert found.answers.all == Times(2, 7, 180)
        assert found.answers.first_before == Times(0, None, None)
        # Chen's window closed on Tuesday.
        assert found.answers.missed == Compared(1, 0)
        assert found.agreement.pairs == {("ASYLUM", "ASYLUM"): 1, ("ASYLUM", "STUDENT"): 1}
        assert (found.agreement.same, found.agreement.decided) == (1, 2)
        assert not found.is_counting

    async def test_narrowed_to_a_profile(self, people_and_clients: Any, admin: Staff) -> None:
        found = await summary(admin, **WEEK, profile="STUDENT")
        assert found.people.by_profile == {"STUDENT": 1}
        assert found.messages.inbound == Compared(1, 0)
        assert found.answers.all == Times(1, 180, 180)
        assert found.answers.missed == Compared(0, 0)

    async def test_narrowed_to_nobodys(self, people_and_clients: Any, admin: Staff) -> None:
        found = await summary(admin, **WEEK, whose="nobody")
        assert found.people.total == 1
        assert found.answers.missed == Compared(1, 0)

    async def test_without_a_period_it_is_the_last_thirty_days(
        self, desk: Desk, admin: Staff
    ) -> None:
        found = (await summary(admin)).scope.period
        assert found.days == 30
        assert found.until == datetime.now(MADRID).date()
        one = (await summary(admin, since=date(2026, 1, 1))).scope.period
        assert one.since == date(2026, 1, 1)
        other = (await summary(admin, until=date(2026, 1, 30))).scope.period
        assert (other.since, other.until) == (date(2026, 1, 1), date(2026, 1, 30))

    async def test_of_today(self, desk: Desk, admin: Staff) -> None:
        now = datetime.now(UTC)
        # Seen from now: one window closes in an hour, one in twelve, one has closed.
        for hours, waits in ((23, True), (12, True), (30, True), (2, False)):
            wrote = now - timedelta(hours=hours)
            client = desk.client(waiting_since=now if waits else None, last_inbound_at=wrote)
            desk.message(client, "inbound", wrote)
            if not waits:
                desk.message(client, "outbound", now - timedelta(hours=1))
        desk.message(client, "outbound", now, status="failed")
        while await counting.count(SYSTEM):
            pass
        today = (await summary(admin)).today
        assert (today.waiting, today.closing, today.failed) == (3, 1, 1)
        assert today.new_this_week == 4

    async def test_people_count_before_the_worker_comes_to_it(
        self, desk: Desk, admin: Staff
    ) -> None:
        desk.client(profile_type="ASYLUM")
        assert (await summary(admin)).people.by_profile["ASYLUM"] == 1

    async def test_days_that_are_no_period(self, desk: Desk, admin: Staff) -> None:
        with pytest.raises(Invalid):
            await summary(admin, since=date(2026, 2, 1), until=date(2026, 1, 1))


class TestWorkload:
    async def test_an_admin_sees_everybodys(
        self, people_and_clients: Any, people: dict[str, Staff]
    ) -> None:
        found = {w.staff_id: w for w in (await summary(people["admin"], **WEEK)).workload}
        assert set(found) == {people["admin"].id, people["caseworker"].id, None}
        assert found[people["admin"].id].answers == Times(1, 180, 180)
        assert found[people["caseworker"].id].name == people["caseworker"].name
        assert found[None].missed == 1

    async def test_what_somebody_sends_is_theirs_whoever_the_person_is_assigned_to(
        self, people_and_clients: Any, people: dict[str, Staff]
    ) -> None:
        admin, caseworker = people["admin"], people["caseworker"]
        found = {w.staff_id: w.sent for w in (await summary(admin, **WEEK)).workload}
        assert found == {admin.id: 0, caseworker.id: 1, None: 0}
        asylum = await summary(admin, **WEEK, profile="ASYLUM")
        assert not any(w.sent for w in asylum.workload)
        for sender, names in ((caseworker, ["Bilal"]), (admin, [])):
            narrowing = Narrowing(behind="sent_by", key=str(sender.id))
            assert [c.name for c in (await list_clients(admin, narrowing=narrowing)).items] == names

    async def test_a_caseworker_sees_their_own_and_nobodys(
        self, people_and_clients: Any, caseworker: Staff
    ) -> None:
        found = (await summary(caseworker, **WEEK)).workload
        assert {w.staff_id for w in found} == {caseworker.id, None}

    async def test_a_colleagues_alone_are_refused(
        self, people_and_clients: Any, people: dict[str, Staff]
    ) -> None:
        with pytest.raises(Forbidden):
            await summary(people["caseworker"], whose=people["admin"].id)
        own = await summary(people["caseworker"], **WEEK, whose=people["caseworker"].id)
        assert own.people.total == 1
        assert (await summary(people["admin"], **WEEK, whose=people["caseworker"].id)) is not None

    async def test_the_database_itself_keeps_them_apart(
        self, people_and_clients: Any, people: dict[str, Staff]
    ) -> None:
        async with begin(people["caseworker"]) as connection:
            seen = set(
                (
                    await connection.execute(text("select distinct whose from analytics_days"))
                ).scalars()
            )
        assert seen == {"all", "nobody", str(people["caseworker"].id)}


class TestTheLog:
    async def test_a_look_is_told_once(self, desk: Desk, admin: Staff) -> None:
        await summary(admin, **WEEK, profile="ASYLUM")
        await summary(admin, **WEEK, again=True)
        rows = desk.owner.execute(
            "select action, details from audit_log where table_name = 'analytics_days'"
        ).fetchall()
        told = {"from": "2026-11-16", "to": "2026-11-22", "profile": "ASYLUM"}
        assert rows == [("view", told)]


class TestLists:
    async def names(self, actor: Staff, **narrowing: Any) -> list[str | None]:
        found = await list_clients(
            actor, narrowing=Narrowing(**narrowing), sort="name", descending=False
        )
        return [client.name for client in found.items]

    @pytest.mark.parametrize(
        ("narrowing", "names"),
        [
            ({"created_since": MONDAY}, ["Amina", "Bilal"]),
            ({"created_until": MONDAY}, ["Chen"]),
            ({"assigned_to": "nobody"}, ["Chen"]),
            ({"language": "ar"}, ["Amina"]),
            ({"language": ""}, ["Bilal", "Chen"]),
            ({"behind": "waiting"}, ["Chen"]),
            ({"behind": "inbound"}, ["Amina", "Bilal", "Chen"]),
            ({"behind": "inbound", "until": MONDAY + timedelta(minutes=1)}, ["Amina"]),
            ({"behind": "outbound"}, ["Amina", "Bilal"]),
            ({"behind": "sent_by"}, ["Bilal"]),
            ({"behind": "sent_by", "key": "nonsense"}, []),
            ({"behind": "failed"}, ["Bilal"]),
            ({"behind": "failed", "key": "131047"}, ["Bilal"]),
            ({"behind": "failed", "key": "131026"}, []),
            ({"behind": "document"}, ["Amina", "Chen"]),
            ({"behind": "document", "key": "accepted"}, ["Amina"]),
            ({"behind": "answered"}, ["Amina", "Bilal"]),
            ({"behind": "answered", "key": "180"}, ["Bilal"]),
            ({"behind": "answered", "key": "x"}, ["Amina", "Bilal"]),
            ({"behind": "first_answered", "key": "8"}, ["Bilal"]),
            ({"behind": "missed"}, ["Chen"]),
            ({"behind": "missed", "until": MONDAY}, []),
            ({"behind": "decided"}, ["Amina", "Bilal"]),
            ({"behind": "decided", "key": "ASYLUM"}, ["Amina", "Bilal"]),
            ({"behind": "decided", "key": "OTHER"}, []),
            ({"behind": "nonsense"}, ["Amina", "Bilal", "Chen"]),
            ({"behind": "missed", "created_since": MONDAY}, []),
        ],
        ids=str,
    )
    async def test_each_number_has_its_people(
        self,
        desk: Desk,
        people_and_clients: dict[str, UUID],
        caseworker: Staff,
        narrowing: dict[str, Any],
        names: list[str],
    ) -> None:
        desk.owner.execute("update clients set waiting_since = now() where name = 'Chen'")
        assert await self.names(caseworker, **narrowing) == names

    async def test_whose_window_closes_soon(self, desk: Desk, caseworker: Staff) -> None:
        now = datetime.now(UTC)
        for name, hours in (("Soon", 22), ("Later", 12), ("Gone", 30)):
            wrote = now - timedelta(hours=hours)
            desk.client(name=name, waiting_since=now, last_inbound_at=wrote)
        assert await self.names(caseworker, behind="closing") == ["Soon"]

    async def test_the_window_that_closes_soon_is_the_last_one_as_in_the_inbox(
        self, desk: Desk, caseworker: Staff
    ) -> None:
        now = datetime.now(UTC)
        wrote = now - timedelta(hours=22)
        # Once before, without an answer within the 24 hours, and then again.
        amina = desk.client(
            name="Amina", waiting_since=now - timedelta(hours=50), last_inbound_at=wrote
        )
        desk.message(amina, "inbound", now - timedelta(hours=50))
        desk.message(amina, "inbound", wrote)
        # WhatsApp says that it is closed already.
        bilal = desk.client(
            name="Bilal", waiting_since=wrote, last_inbound_at=wrote, window_closed_at=now
        )
        desk.message(bilal, "inbound", wrote)
        while await counting.count(SYSTEM):
            pass
        assert await self.names(caseworker, behind="closing") == ["Amina"]
        assert (await summary(caseworker)).today.closing == 1
        assert (await count_views(caseworker)).of["closing"] == 1

    async def test_the_list_is_as_long_as_the_number(
        self, people_and_clients: dict[str, UUID], admin: Staff
    ) -> None:
        found: Summary = await summary(admin, **WEEK)
        missed = await self.names(admin, behind="missed", since=MONDAY)
        assert len(missed) == found.answers.missed.now


class TestApi:
    async def test_the_same_numbers(self, people_and_clients: Any, admin: Staff) -> None:
        async with calling(api_app(), staff_token(admin)) as client:
            answer = await client.get("/api/analytics/summary?from=2026-11-16&to=2026-11-22")
        assert answer.status_code == 200
        found = answer.json()
        assert (found["from"], found["to"]) == ("2026-11-16", "2026-11-22")
        assert found["new_people"] == {"now": 2, "before": 1}
        assert found["answers"]["all"] == {"answers": 2, "median": 7, "p90": 180}
        assert found["new_people_by_week"] == [{"from": "2026-11-16", "to": "2026-11-22", "new": 2}]

    async def test_what_is_no_period(self, desk: Desk, admin: Staff) -> None:
        async with calling(api_app(), staff_token(admin)) as client:
            answer = await client.get("/api/analytics/summary?from=2026-11-16&to=2026-11-01")
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"] == {"to": "before_from"}

    @pytest.mark.parametrize("day", ["6227020800", "2026-11-1", "20261116", "mañana", ""])
    async def test_what_is_no_day(self, desk: Desk, admin: Staff, day: str) -> None:
        async with calling(api_app(), staff_token(admin)) as client:
            answer = await client.get("/api/analytics/summary", params={"to": day})
        assert answer.status_code == 422
        assert "to" in answer.json()["error"]["fields"]

    @pytest.mark.parametrize("days", ["to=0001-01-01", "to=1999-12-31", "from=0001-01-01"])
    async def test_days_before_all_numbers(self, desk: Desk, admin: Staff, days: str) -> None:
        async with calling(api_app(), staff_token(admin)) as client:
            answer = await client.get(f"/api/analytics/summary?{days}")
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"] == {"to": "no_such_day"}

    async def test_a_colleagues_numbers_are_an_admins(
        self, desk: Desk, people: dict[str, Staff]
    ) -> None:
        asked = {"assigned_to": str(people["admin"].id)}
        async with calling(api_app(), staff_token(people["caseworker"])) as client:
            answer = await client.get("/api/analytics/summary", params=asked)
        assert answer.status_code == 403
