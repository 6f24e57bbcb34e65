"""How long what is kept: rules, what they would remove, and the night's work."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from services import clients, erasures, retention
from services.actors import Staff
from services.errors import Conflict, Forbidden, Invalid
from services.retention import MOST_DAYS_OF, Kind
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina")
YUSUF = Sender("34600333444", profile_name="Yusuf")
LONG_AGO = datetime.now(UTC) - timedelta(days=4000)
#: After the coming night, from which on a changed rule counts.
TOMORROW = datetime.now(UTC) + timedelta(days=1)


async def run(now: datetime | None = None) -> None:
    for _ in range(50):
        if not await retention.run_due(SYSTEM, now=now):
            return
    raise AssertionError("the night never ends")


async def deliveries_from_long_ago(database: Postgres) -> None:
    """One applied, one quarantined, one unreadable and one that waits, all of them old."""
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola")))
    quarantined = bodies.text(YUSUF, "sin id")
    del quarantined["id"]
    await deliver(bodies.from_sender(DEMO_NUMBER, YUSUF, quarantined))
    await deliver(b"{nothing")
    with database.connect() as connection:
        connection.execute(
            "insert into webhook_deliveries (body, sha256) values ('waits', sha256('waits'))"
        )
        connection.execute(
            "update webhook_deliveries set received_at = %(then)s,"
            " processed_at = case when state <> 'pending' then %(then)s end",
            {"then": LONG_AGO},
        )


async def archived(database: Postgres, *senders: Sender, hold: str | None = None) -> None:
    """People who last wrote, and whose files were archived, long ago."""
    for sender in senders:
        await deliver(
            bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, "hola", at=LONG_AGO))
        )
    with database.connect() as connection:
        connection.execute("update messages set received_at = %s", [LONG_AGO])
        connection.execute("update clients set status = 'archived', unread_count = 0")
        connection.execute("update clients set archived_at = %s, legal_hold = %s", [LONG_AGO, hold])


async def erase_old_files(admin: Staff) -> None:
    """Switch the rule on, and let the coming night pass."""
    await retention.set_rule(admin, "archived_clients", 1825, True)
    await run(TOMORROW)


async def names(admin: Staff) -> set[str | None]:
    found = await clients.list_clients(admin, statuses=clients.CLIENT_STATUSES)
    return {c.name for c in found.items}


class TestTheRules:
    async def test_those_that_remove_no_case_are_on_by_themselves(self, admin: Staff) -> None:
        found = {rule.kind: rule for rule in await retention.rules(admin)}
        assert {kind: (r.days, r.active, r.is_default) for kind, r in found.items()} == {
            "webhook_deliveries": (30, True, True),
            "archived_clients": (1825, False, True),
            "rejected_documents": (90, False, True),
            "message_media": (1825, False, True),
            "ended_sessions": (90, True, True),
            "rate_limits": (1, True, True),
            "imports": (30, True, True),
        }

    async def test_an_admin_changes_one_and_it_is_told_who(
        self, admin: Staff, database: Postgres
    ) -> None:
        await retention.set_rule(admin, "archived_clients", 730, True)
        await retention.set_rule(admin, "archived_clients", 800, True)
        rule = {r.kind: r for r in await retention.rules(admin)}["archived_clients"]
        assert (rule.days, rule.active, rule.is_default) == (800, True, False)
        assert rule.updated_by == admin.name
        with database.connect() as connection:
            told = connection.execute(
                "select action, row_id, actor_id from audit_log"
                " where table_name = 'retention_rules' order by id"
            ).fetchall()
        assert told == [
            ("insert", "archived_clients", admin.id),
            ("update", "archived_clients", admin.id),
        ]

    @pytest.mark.parametrize(
        ("kind", "days", "code"),
        [
            ("archived_clients", 29, "too_few"),
            ("webhook_deliveries", 6, "too_few"),
            ("ended_sessions", 0, "too_few"),
            ("rate_limits", 36_501, "too_many"),
        ],
    )
    async def test_days_that_make_no_sense_are_refused(
        self, kind: Kind, days: int, code: str, admin: Staff
    ) -> None:
        for attempt in (
            retention.set_rule(admin, kind, days, True),
            retention.preview(admin, kind, days),
        ):
            with pytest.raises(Invalid) as refused:
                await attempt
            assert refused.value.fields == {"days": code}

    @pytest.mark.parametrize("role", ["caseworker", "viewer"])
    async def test_are_the_admins_alone(self, role: str, people: dict[str, Staff]) -> None:
        for attempt in (
            retention.rules(people[role]),
            retention.set_rule(people[role], "rate_limits", 2, True),
            retention.preview(people[role], "rate_limits", 2),
        ):
            with pytest.raises(Forbidden):
                await attempt


class TestAPreview:
    async def test_says_who_would_go_and_who_is_held(
        self, admin: Staff, database: Postgres
    ) -> None:
        await archived(database, AMINA, YUSUF)
        with database.connect() as connection:
            connection.execute(
                "update clients set legal_hold = 'juzgado' where profile_name = 'Yusuf'"
            )
        found = await retention.preview(admin, "archived_clients", 1825)
        assert (found.count, found.held) == (1, 1)
        assert [example.name for example in found.examples] == ["Amina"]
        assert found.oldest is not None
        assert abs(found.oldest - LONG_AGO) < timedelta(seconds=2)

    async def test_removes_nothing(self, admin: Staff, database: Postgres) -> None:
        await archived(database, AMINA)
        for kind in get_args(Kind):
            await retention.preview(admin, kind, MOST_DAYS_OF.get(kind, 1825))
        assert await names(admin) == {"Amina"}

    async def test_of_nothing_is_empty(self, admin: Staff) -> None:
        for kind in get_args(Kind):
            found = await retention.preview(admin, kind, MOST_DAYS_OF.get(kind, 400))
            assert (found.count, found.held, found.oldest, found.examples) == (0, 0, None, [])


class TestTheNight:
    async def test_empties_old_deliveries_and_leaves_what_waits_for_a_person(
        self, admin: Staff, database: Postgres
    ) -> None:
        await deliveries_from_long_ago(database)
        assert (await retention.preview(admin, "webhook_deliveries", 30)).count == 1
        await run()
        with database.connect() as connection:
            states = connection.execute(
                "select state, body = '', body_removed_at is not null, items_quarantined"
                " from webhook_deliveries order by id"
            ).fetchall()
            items = connection.execute("select state, raw <> '' from webhook_items").fetchall()
        assert states == [
            ("done", True, True, 0),
            ("done", False, False, 1),
            ("unreadable", False, False, 0),
            ("pending", False, False, None),
        ]
        assert items == [("quarantined", True)]

    async def test_leaves_archived_files_alone_unless_somebody_said_otherwise(
        self, admin: Staff, database: Postgres
    ) -> None:
        await archived(database, AMINA)
        await run()
        assert await names(admin) == {"Amina"}
        await erase_old_files(admin)
        assert await names(admin) == set()
        [erasure] = await erasures.list_erasures(admin)
        assert (erasure.reason, erasure.requested_by) == ("retention", None)

    async def test_leaves_who_is_held_and_who_wrote_since(
        self, admin: Staff, database: Postgres
    ) -> None:
        await archived(database, AMINA, hold="juzgado")
        await deliver(bodies.from_sender(DEMO_NUMBER, YUSUF, bodies.text(YUSUF, "hola")))
        with database.connect() as connection:
            connection.execute(
                "update clients set status = 'archived' where profile_name = 'Yusuf'"
            )
            connection.execute("update clients set archived_at = %s", [LONG_AGO])
        await erase_old_files(admin)
        assert await names(admin) == {"Amina", "Yusuf"}

    async def test_who_cannot_go_for_now_keeps_nobody_else(
        self, admin: Staff, database: Postgres
    ) -> None:
        await archived(database, AMINA, YUSUF)
        with database.connect() as connection:
            connection.execute(
                "insert into webhook_deliveries (body, sha256)"
                " values (convert_to(%s, 'UTF8'), sha256('x'))",
                [AMINA.wa_id],
            )
        await erase_old_files(admin)
        assert await names(admin) == {"Amina"}

    async def test_a_rule_that_somebody_changed_waits_for_the_coming_night(
        self, admin: Staff, database: Postgres
    ) -> None:
        await archived(database, AMINA)
        await run()
        await retention.set_rule(admin, "archived_clients", 1825, True)
        await run(datetime.now(UTC))
        assert await names(admin) == {"Amina"}
        await run(TOMORROW)
        assert await names(admin) == set()

    async def test_who_wrote_since_stays_whatever_time_whatsapp_gave_the_message(
        self, admin: Staff, database: Postgres
    ) -> None:
        await archived(database, AMINA, YUSUF)
        for sender in (AMINA, YUSUF):
            late = bodies.text(sender, "he vuelto", at=LONG_AGO + timedelta(days=1))
            await deliver(bodies.from_sender(DEMO_NUMBER, sender, late))
        with database.connect() as connection:
            # Amina's was read and came yesterday; Yusuf's came long ago and nobody has read it.
            connection.execute("update clients set unread_count = 0 where profile_name = 'Amina'")
            connection.execute(
                "update messages m set received_at = %s from clients c"
                " where c.id = m.client_id and c.profile_name = 'Yusuf'",
                [LONG_AGO],
            )
        assert (await retention.preview(admin, "archived_clients", 1825)).count == 0
        await erase_old_files(admin)
        assert await names(admin) == {"Amina", "Yusuf"}

    async def test_a_file_that_is_taken_up_again_while_others_are_erased_stays(
        self, admin: Staff, database: Postgres
    ) -> None:
        """It was due when the night looked; whoever restores it holds it at that moment."""
        await archived(database, AMINA)
        [client] = (await clients.list_clients(admin, statuses=clients.CLIENT_STATUSES)).items
        with database.connect() as connection, connection.transaction():
            connection.execute("update clients set status = 'active'")
            erasing = asyncio.create_task(
                erasures.erase(
                    SYSTEM,
                    client.id,
                    reason="retention",
                    only_if_due_before=datetime.now(UTC) - timedelta(days=1825),
                )
            )
            await asyncio.sleep(0.3)
            assert not erasing.done()
        with pytest.raises(Conflict, match="not_due"):
            await erasing
        assert await names(admin) == {"Amina"}

    async def test_is_stopped_by_switching_the_rule_off(
        self, admin: Staff, database: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await archived(database, AMINA, YUSUF)
        erase = erasures.erase

        async def erase_and_be_stopped(*given: Any, **named: Any) -> erasures.Erasure:
            erasure = await erase(*given, **named)
            await retention.set_rule(admin, "archived_clients", 1825, False)
            return erasure

        monkeypatch.setattr(erasures, "erase", erase_and_be_stopped)
        await asyncio.wait_for(erase_old_files(admin), timeout=10)
        assert len(await names(admin)) == 1

    async def test_tells_how_many_files_it_erased(self, admin: Staff, database: Postgres) -> None:
        await archived(database, AMINA, YUSUF)
        await erase_old_files(admin)
        rule = {r.kind: r for r in await retention.rules(admin)}["archived_clients"]
        assert (rule.last_removed, rule.last_run_at) == (2, TOMORROW)
        with database.connect() as connection:
            told = connection.execute(
                "select details from audit_log where action = 'retention'"
                " and row_id = 'archived_clients'"
            ).fetchall()
        assert told == [({"kind": "archived_clients", "days": 1825, "removed": 2},)]

    async def test_works_in_batches_and_tells_the_whole_number(
        self, admin: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into webhook_deliveries (body, sha256, state, processed_at)"
                " select 'x', sha256(n::text::bytea), 'done', %s from generate_series(1, 1203) n",
                [LONG_AGO],
            )
        for kind in ("ended_sessions", "rate_limits"):
            await retention.set_rule(admin, kind, 100, False)
        await retention.set_rule(admin, "imports", 30, False)
        assert [await retention.run_due(SYSTEM) for _ in range(4)] == [500, 500, 204, 0]
        rule = {r.kind: r for r in await retention.rules(admin)}["webhook_deliveries"]
        assert (rule.last_removed, rule.last_run_at is not None) == (1203, True)
        with database.connect() as connection:
            told = connection.execute(
                "select details ->> 'removed' from audit_log where action = 'retention' order by id"
            ).fetchall()
        assert told == [("500",), ("500",), ("203",)]

    async def test_comes_once_a_night(self, admin: Staff) -> None:
        evening = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
        await run(evening)
        assert await retention.run_due(SYSTEM, now=evening + timedelta(hours=3)) == 0
        assert await retention.run_due(SYSTEM, now=evening + timedelta(hours=4, minutes=1)) == 1

    async def test_ends_sessions_and_counts_of_long_ago(
        self, admin: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into staff_sessions (token_sha256, staff_id, address, user_agent,"
                " created_at, last_seen_at, ended_at) values"
                " (sha256('a'), %(staff)s, '', '', %(then)s, %(then)s, %(then)s),"
                " (sha256('b'), %(staff)s, '', '', %(then)s, %(then)s, null)",
                {"staff": admin.id, "then": LONG_AGO},
            )
            connection.execute(
                "insert into rate_limits values ('x', sha256('x'), %s, 1)", [LONG_AGO]
            )
            before = connection.execute("select count(*) from staff_sessions").fetchall()
            await run()
            after = connection.execute("select count(*) from staff_sessions").fetchall()
            limits = connection.execute(
                "select count(*) from rate_limits where rule = 'x'"
            ).fetchall()
        assert (before, after, limits) == ([(6,)], [(4,)], [(0,)])
