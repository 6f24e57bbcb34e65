"""What did not arrive, by the organisation's own days."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services import undelivered
from services.actors import Staff
from tests.support import OUTSIDER, Postgres

MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture
async def client(database: Postgres) -> UUID:
    with database.connect() as connection:
        row = connection.execute(
            "insert into clients (name, last_inbound_at) values ('Amina', now()) returning id"
        ).fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


def sent(
    database: Postgres,
    client: UUID,
    status: str,
    at: datetime,
    *,
    type: str = "text",
    code: int | None = None,
    historical: bool = False,
    ours: bool = True,
    retry_of: UUID | None = None,
    held: str | None = None,
) -> UUID:
    with database.connect() as connection:
        row = connection.execute(
            "insert into messages (client_id, phone_number_id, direction, type, text, sent_at,"
            " status, error, historical) values (%s, '1', 'outbound', %s, 'Hola', %s, %s,"
            " case when %s::int is not null then jsonb_build_object('code', %s::int,"
            "  'title', 'x') end, %s) returning id",
            [client, type, at, status, code, code, historical],
        ).fetchone()
        assert row is not None
        if ours:
            connection.execute(
                "insert into message_sends (message_id, client_id, phone_number_id, request,"
                " finished_at, retry_of, held) values (%s, %s, '1', '{}', now(), %s, %s)",
                [row[0], client, retry_of, held],
            )
    assert isinstance(row[0], UUID)
    return row[0]


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def day_of(moment: datetime) -> date:
    return moment.astimezone(MADRID).date()


class TestCounts:
    async def test_each_day_counts_by_what_went_wrong(
        self, viewer: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(3)
        for status in ("failed", "failed", "unknown", "sent", "accepted", "delivered", "read"):
            sent(database, client, status, then)
        sent(database, client, "accepted", then, held="paused")
        # Of this one more was heard since.
        sent(database, client, "delivered", then, held="paused")
        sent(database, client, "failed", days_ago(5))
        found = await undelivered.counts(viewer, MADRID)
        assert [(c.day, c.failed, c.unknown, c.held, c.silent) for c in found] == [
            (day_of(then), 2, 1, 1, 2),
            (day_of(days_ago(5)), 1, 0, 0, 0),
        ]
        assert found[0].total == 6

    async def test_what_is_still_under_way_is_not_missing(
        self, viewer: Staff, client: UUID, database: Postgres
    ) -> None:
        sent(database, client, "sent", days_ago(0.9))
        sent(database, client, "queued", days_ago(2))
        # Of these WhatsApp never says more.
        sent(database, client, "sent", days_ago(2), type="reaction")
        sent(database, client, "sent", days_ago(2), historical=True, ours=False)
        sent(database, client, "failed", days_ago(40))
        assert await undelivered.counts(viewer, MADRID) == []

    async def test_a_day_begins_at_midnight_of_the_organisation(
        self, viewer: Staff, client: UUID, database: Postgres
    ) -> None:
        at = datetime.combine(day_of(days_ago(4)), datetime.min.time(), MADRID)
        sent(database, client, "failed", at.astimezone(UTC))
        [count] = await undelivered.counts(viewer, MADRID)
        assert count.day == at.date()
        assert len(await undelivered.of_day(viewer, at.date(), MADRID)) == 1
        before = at.date() - timedelta(days=1)
        assert await undelivered.of_day(viewer, before, MADRID) == []

    async def test_the_first_of_the_days_is_counted_whole(
        self, viewer: Staff, client: UUID, database: Postgres
    ) -> None:
        day = day_of(datetime.now(UTC)) - timedelta(days=undelivered.DAYS)
        midnight = datetime.combine(day, datetime.min.time(), MADRID)
        for at in (midnight, midnight + timedelta(hours=23, minutes=59)):
            sent(database, client, "failed", at.astimezone(UTC))
        [count] = await undelivered.counts(viewer, MADRID)
        assert count.total == len(await undelivered.of_day(viewer, day, MADRID)) == 2

    async def test_an_outsider_sees_none(self, client: UUID, database: Postgres) -> None:
        sent(database, client, "failed", days_ago(1))
        assert await undelivered.counts(OUTSIDER, MADRID) == []


class TestOfADay:
    async def test_each_says_to_whom_and_why_and_what_can_be_done(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(2)
        failed = sent(database, client, "failed", then, code=131026)
        unknown = sent(database, client, "unknown", then - timedelta(seconds=1))
        silent = sent(database, client, "sent", then - timedelta(seconds=2))
        foreign = sent(database, client, "failed", then - timedelta(seconds=3), ours=False)
        found = await undelivered.of_day(caseworker, day_of(then), MADRID)
        assert [(m.id, m.why, m.remedy, m.can_settle) for m in found] == [
            (failed, "failed", "again", False),
            (unknown, "unknown", None, True),
            (silent, "silent", None, False),
            (foreign, "failed", None, False),
        ]
        assert found[0].error is not None
        assert (found[0].error.code, found[0].client_name) == (131026, "Amina")

    async def test_after_the_window_only_a_template_can_be_sent_again(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(2)
        sent(database, client, "failed", then)
        sent(database, client, "failed", then - timedelta(seconds=1), type="template")
        with database.connect() as connection:
            connection.execute("update clients set last_inbound_at = now() - interval '25 hours'")
        found = await undelivered.of_day(caseworker, day_of(then), MADRID)
        assert [m.remedy for m in found] == ["template", "again"]

    async def test_what_came_too_late_can_be_sent_again_once_they_have_written(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(2)
        sent(database, client, "failed", then, code=131047)
        closed = "update clients set window_closed_at = now() + interval '1 second'"
        with database.connect() as connection:
            connection.execute(closed.encode())
        [found] = await undelivered.of_day(caseworker, day_of(then), MADRID)
        assert found.remedy == "template"
        with database.connect() as connection:
            connection.execute("update clients set window_closed_at = now() - interval '1 hour'")
        [found] = await undelivered.of_day(caseworker, day_of(then), MADRID)
        assert found.remedy == "again"

    async def test_what_would_be_refused_again_is_not_offered(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(0.5)
        for n, code in enumerate((131026, 131050, 132001, 131049)):
            at = then - timedelta(seconds=n)
            sent(database, client, "failed", at, code=code, type="template")
        found = await undelivered.of_day(caseworker, day_of(then), MADRID)
        found += await undelivered.of_day(caseworker, day_of(then) - timedelta(days=1), MADRID)
        offered = {m.error.code: m.remedy for m in found if m.error}
        assert offered == {131026: "again", 131050: None, 132001: None, 131049: None}

    async def test_what_was_sent_again_is_said_and_not_offered(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(2)
        failed = sent(database, client, "failed", then)
        sent(database, client, "delivered", days_ago(1), retry_of=failed)
        [found] = await undelivered.of_day(caseworker, day_of(then), MADRID)
        assert (found.retried, found.remedy) == (True, None)

    async def test_the_look_is_in_each_clients_history(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        then = days_ago(1)
        sent(database, client, "failed", then)
        await undelivered.of_day(caseworker, day_of(then), MADRID)
        await undelivered.of_day(caseworker, day_of(then), MADRID, again=True)
        with database.connect() as connection:
            told = connection.execute(
                "select details from audit_log where action = 'view' and table_name = 'messages'"
            ).fetchall()
        assert told == [({"shown": [str(client)]},)]
