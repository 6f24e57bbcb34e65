"""Whether WhatsApp lets us in, what it says of our numbers, and what everybody has to know."""

from datetime import UTC, datetime, timedelta

import pytest

from services import channel_checks, channel_health, template_sync
from services.actors import Staff
from services.channel_checks import EVERY, EVERY_WITH_PROBLEM
from services.errors import Forbidden
from services.events import Json
from tests.integration.test_channel_news import status, told
from tests.integration.test_templates import Meta, read, template
from tests.support import SYSTEM, Postgres, deliver

OUR_NUMBER = "106540352242922"


class Silence(Exception):
    """As the adapter says that nothing came back."""


class Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Numbers:
    """What the Graph API would say of our number."""

    phone_number_id = OUR_NUMBER

    def __init__(self, **said: object) -> None:
        self.said: Json = {
            "verified_name": "Acogida",
            "quality_rating": "GREEN",
            "messaging_limit_tier": "TIER_1K",
            "throughput": {"level": "STANDARD"},
            "status": "CONNECTED",
            **said,
        }
        self.error: Exception | None = None
        self.asked: list[str | None] = []

    async def phone_number(self, phone_number_id: str | None = None) -> Json:
        self.asked.append(phone_number_id)
        if self.error is not None:
            raise self.error
        return self.said


async def ask(meta: Numbers) -> None:
    """As the worker does: what is known first, then what is due."""
    await channel_checks.check_due(SYSTEM, meta)
    while await channel_checks.check_due(SYSTEM, meta):
        pass


def due_again(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("update channel_checks set next_check_at = now()")


def number_delivered(database: Postgres, ago: timedelta) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into whatsapp_numbers (phone_number_id, display_phone_number, last_delivery_at)"
            " values (%s, '15550783881', %s) on conflict (phone_number_id)"
            " do update set last_delivery_at = excluded.last_delivery_at",
            [OUR_NUMBER, datetime.now(UTC) - ago],
        )


async def kinds() -> list[str]:
    return [ill.kind for ill in await channel_checks.ills(SYSTEM)]


class TestChecks:
    async def test_our_number_is_asked_about_every_few_minutes(
        self, admin: Staff, database: Postgres
    ) -> None:
        meta = Numbers()
        await ask(meta)
        assert meta.asked == [OUR_NUMBER]
        [number] = (await channel_health.health(admin)).numbers
        assert (number.verified_name, number.quality, number.messaging_limit) == (
            "Acogida",
            "GREEN",
            "TIER_1K",
        )
        assert (number.throughput, number.status, number.problem) == ("STANDARD", "CONNECTED", None)
        assert number.answered_at is not None
        with database.connect() as connection:
            [(wait,)] = connection.execute(
                "select extract(epoch from next_check_at - now()) from channel_checks"
            ).fetchall()
        assert EVERY - 30 < float(str(wait)) <= EVERY

    async def test_an_admin_has_it_asked_now(self, admin: Staff, caseworker: Staff) -> None:
        meta = Numbers()
        await ask(meta)
        with pytest.raises(Forbidden):
            await channel_checks.request_check(caseworker)
        await channel_checks.request_check(admin)
        await ask(meta)
        assert len(meta.asked) == 2

    async def test_a_number_that_deliveries_name_is_asked_about_too(
        self, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute("insert into whatsapp_numbers (phone_number_id) values ('77')")
        meta = Numbers()
        await ask(meta)
        assert sorted(map(str, meta.asked)) == sorted([OUR_NUMBER, "77"])

    async def test_a_refused_token_is_told_to_everybody_until_it_is_good_again(
        self, admin: Staff, database: Postgres
    ) -> None:
        meta = Numbers()
        await ask(meta)
        assert await kinds() == []
        meta.error = Refused(190)
        due_again(database)
        await ask(meta)
        [ill] = await channel_checks.ills(SYSTEM)
        assert (ill.kind, ill.code) == ("token", 190)
        [number] = (await channel_health.health(admin)).numbers
        # What was known stays in sight.
        assert (number.problem, number.quality) == ("190", "GREEN")
        with database.connect() as connection:
            [(wait,)] = connection.execute(
                "select extract(epoch from next_check_at - now()) from channel_checks"
            ).fetchall()
        assert float(str(wait)) <= EVERY_WITH_PROBLEM
        due_again(database)
        await ask(meta)
        assert (await channel_checks.ills(SYSTEM))[0].since == ill.since
        meta.error = None
        due_again(database)
        await ask(meta)
        assert await kinds() == []

    @pytest.mark.parametrize("error", [Silence(), Refused(100), Refused(2)])
    async def test_other_problems_are_for_the_admins_page(
        self, admin: Staff, error: Exception
    ) -> None:
        meta = Numbers()
        meta.error = error
        await ask(meta)
        assert await kinds() == []
        [number] = (await channel_health.health(admin)).numbers
        assert number.problem == (str(error.code) if isinstance(error, Refused) else "Silence")

    async def test_words_that_are_none_are_left_out(self, admin: Staff) -> None:
        await ask(Numbers(quality_rating=7, throughput="x\0", status=None, verified_name="y" * 999))
        [number] = (await channel_health.health(admin)).numbers
        assert (number.quality, number.throughput, number.status) == (None, "x", None)
        assert len(number.verified_name or "") == 200


class TestQuiet:
    async def test_what_is_usual_is_no_news(self, database: Postgres) -> None:
        number_delivered(database, timedelta(hours=11))
        assert await kinds() == []
        number_delivered(database, timedelta(hours=13))
        assert await kinds() == ["quiet"]

    async def test_a_number_with_long_pauses_is_given_time(self, database: Postgres) -> None:
        number_delivered(database, timedelta(hours=70))
        meta = Numbers()
        await ask(meta)
        # Then somebody writes: the pause was one of forty hours.
        number_delivered(database, timedelta(hours=30))
        due_again(database)
        await ask(meta)
        assert await kinds() == []
        with database.connect() as connection:
            connection.execute("update channel_checks set usual_pause = 3600")
        assert await kinds() == ["quiet"]

    async def test_however_long_the_pauses_are_three_days_are_news(
        self, database: Postgres
    ) -> None:
        number_delivered(database, timedelta(hours=73))
        with database.connect() as connection:
            connection.execute(
                "insert into channel_checks (phone_number_id, usual_pause) values (%s, 9e6)",
                [OUR_NUMBER],
            )
        assert await kinds() == ["quiet"]

    async def test_where_nothing_ever_came_nothing_is_missed(self, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute("insert into whatsapp_numbers (phone_number_id) values ('77')")
        assert await kinds() == []


class TestStopped:
    async def test_a_stop_is_told_with_what_waits_and_a_token_not_twice(
        self, database: Postgres, admin: Staff
    ) -> None:
        number_delivered(database, timedelta())
        meta = Numbers()
        meta.error = Refused(190)
        await ask(meta)
        with database.connect() as connection:
            connection.execute("insert into clients (name) values ('Amina')")
            connection.execute(
                "with m as (insert into messages (client_id, phone_number_id, direction, type,"
                "  sent_at, status) select id, %(n)s, 'outbound', 'text', now(), 'queued'"
                "  from clients returning id, client_id)"
                " insert into message_sends (message_id, client_id, phone_number_id, request)"
                " select id, client_id, %(n)s, '{}' from m",
                {"n": OUR_NUMBER},
            )
            connection.execute(
                "update whatsapp_numbers set stopped_at = now(), stop_code = 190"
                " where phone_number_id = %s",
                [OUR_NUMBER],
            )
        [ill] = await channel_checks.ills(SYSTEM)
        assert (ill.kind, ill.code, ill.queued) == ("stopped", 190, 1)
        found = await channel_health.health(admin)
        assert found.stop is not None
        assert (found.queued, found.stop.queued) == (1, 1)
        assert found.oldest_queued_at is not None


class TestHealth:
    async def test_it_is_for_admins(self, caseworker: Staff) -> None:
        with pytest.raises(Forbidden):
            await channel_health.health(caseworker)

    async def test_it_tells_what_whatsapp_told_newest_first(self, admin: Staff) -> None:
        await deliver(told("account_update", event="ACCOUNT_VIOLATION"))
        await deliver(status("PAUSED"))
        await deliver(told("user_preferences", user_preferences=[]))
        found = await channel_health.health(admin)
        assert [news.kind for news in found.news] == [
            "message_template_status_update",
            "account_update",
        ]
        assert found.news[1].payload["event"] == "ACCOUNT_VIOLATION"

    async def test_it_counts_templates_with_a_problem(self, admin: Staff) -> None:
        red = {"score": "RED"}
        await read(
            template("1", "a", status="REJECTED"),
            template("2", "b", status="REJECTED", quality_score=red),
            template("3", "c"),
            template("4", "d", status="PENDING"),
        )
        found = await channel_health.health(admin)
        assert found.templates == {"RED": 1, "REJECTED": 2}
        assert found.sync.total == 4

    async def test_it_counts_files_that_are_lost(self, admin: Staff, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute("insert into clients (name) values ('Amina')")
            connection.execute(
                "with m as (insert into messages (client_id, phone_number_id, whatsapp_id,"
                "  direction, type, sent_at, status) select c.id, '1', 'w' || s.n, 'inbound',"
                "  'image', now(), 'received' from clients c, generate_series(1, 3) s (n)"
                "  returning id, client_id, whatsapp_id)"
                " insert into message_media (message_id, client_id, state) select id, client_id,"
                "  case whatsapp_id when 'w1' then 'expired' when 'w2' then 'failed'"
                "  else 'pending' end from m"
            )
        files = (await channel_health.health(admin)).files
        assert (files.expired, files.failed, files.refused, files.pending) == (1, 1, 0, 1)

    async def test_it_says_that_the_list_could_not_be_read(self, admin: Staff) -> None:
        meta = Meta()
        meta.error = Refused(200)
        await template_sync.sync_due(SYSTEM, meta)
        assert (await channel_health.health(admin)).sync.problem == "200"
