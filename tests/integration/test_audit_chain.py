"""The seals on the audit log: nothing below them changes without the chain telling."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from db.engine import begin
from services import audit, audit_verify, clients, erasures
from services.actors import Staff, System
from services.audit_verify import DailyVerification, Problem, Verification
from services.errors import Forbidden
from tests.support import SYSTEM, Postgres


@pytest.fixture
async def sealed(database: Postgres) -> None:
    """Three seals with three entries and their values each."""
    for seal in range(3):
        for number in range(3):
            await add_client(f"N{seal}{number}")
        assert await audit_verify.seal(SYSTEM) == 3


async def add_client(name: str) -> None:
    async with begin(SYSTEM) as connection:
        await connection.execute(text("insert into clients (name) values (:name)"), {"name": name})


@contextmanager
def tampering(database: Postgres) -> Iterator[Callable[..., Any]]:
    """What somebody can do who owns the database server: no trigger and no key stops them."""
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        yield lambda statement: connection.execute(statement.encode())


async def found() -> list[tuple[str, int | None]]:
    return [(p.code, p.seal) for p in (await audit_verify.verify(SYSTEM)).problems]


async def test_an_untouched_log_is_intact(sealed: None) -> None:
    outcome = await audit_verify.verify(SYSTEM)
    assert outcome.intact
    assert (outcome.entries, outcome.seals, outcome.unsealed) == (9, 3, 0)
    assert len(outcome.head) == 64


async def test_an_empty_log_is_intact(database: Postgres) -> None:
    assert await audit_verify.verify(SYSTEM) == Verification(0, 0, 0, [], "")


@pytest.mark.parametrize(
    ("tamper", "problems"),
    [
        ("update audit_log set address = '192.0.2.1' where id = 5", {("entries_altered", 2)}),
        (
            "update audit_log set occurred_at = occurred_at + interval '1 microsecond'"
            " where id = 5",
            {("entries_altered", 2)},
        ),
        ("update audit_log set actor_part = null where id = 9", {("entries_altered", 3)}),
        ("update audit_log set fields = '{notes}' where id = 1", {("entries_altered", 1)}),
        (
            "update audit_log set values_sha256 = null where id = 5",
            {("entries_altered", 2), ("values_altered", 2)},
        ),
        ("delete from audit_log where id = 5", {("entries_altered", 2)}),
        ("delete from audit_log where seal = 2", {("entries_altered", 2)}),
        (
            "insert into audit_log (actor_kind, action, seal) values ('system', 'view', 2)",
            {("entries_altered", 2)},
        ),
        (
            "update audit_log set seal = 3 where id = 5",
            {("entries_altered", 2), ("entries_altered", 3)},
        ),
        ("update audit_log set seal = null where id = 5", {("entries_altered", 2)}),
        (
            'update audit_values set new_values = \'{"name": "X"}\' where entry_id = 5',
            {("values_altered", 2)},
        ),
        (
            "update audit_values set salt = gen_random_uuid() where entry_id = 5",
            {("values_altered", 2)},
        ),
        (
            "update audit_values set client_id = gen_random_uuid() where entry_id = 5",
            {("values_altered", 2)},
        ),
        ("delete from audit_values where entry_id = 5", {("values_missing", 2)}),
        (
            "update audit_seals set hash = sha256('x') where id = 2",
            {("entries_altered", 2), ("chain_broken", 3)},
        ),
        (
            "update audit_seals set previous = sha256('x') where id = 2",
            {("entries_altered", 2), ("chain_broken", 2)},
        ),
        ("update audit_seals set entries = 4 where id = 2", {("entries_altered", 2)}),
        (
            "update audit_seals set sealed_at = sealed_at - interval '1 day' where id = 2",
            {("entries_altered", 2)},
        ),
        ("delete from audit_seals where id = 1", {("seal_missing", 1), ("chain_broken", 2)}),
        ("delete from audit_seals where id = 2", {("seal_missing", 2), ("chain_broken", 3)}),
        ("delete from audit_seals where id = 3", {("seal_missing", 3)}),
        (
            "update audit_seals set id = case id when 1 then -2 else -1 end where id < 3;"
            " update audit_seals set id = -id where id < 0",
            {
                ("chain_broken", 1),
                ("chain_broken", 2),
                ("chain_broken", 3),
                ("entries_altered", 1),
                ("entries_altered", 2),
            },
        ),
    ],
)
async def test_whoever_tampers_is_found_out(
    sealed: None, database: Postgres, tamper: str, problems: set[tuple[str, int]]
) -> None:
    with tampering(database) as run:
        run(tamper)
    outcome = await audit_verify.verify(SYSTEM)
    assert not outcome.intact
    assert {(p.code, p.seal) for p in outcome.problems} == problems


async def test_values_name_their_entry(sealed: None, database: Postgres) -> None:
    with tampering(database) as run:
        run("update audit_values set old_values = '{}' where entry_id = 5")
    [problem] = (await audit_verify.verify(SYSTEM)).problems
    assert problem == Problem("values_altered", 2, 5)


async def test_a_chain_that_was_made_anew_does_not_have_the_head_that_was_noted(
    sealed: None, database: Postgres
) -> None:
    head = (await audit_verify.verify(SYSTEM)).head
    await add_client("Later")
    await audit_verify.seal(SYSTEM)
    assert (await audit_verify.verify(SYSTEM, noted_head=head)).intact
    with tampering(database) as run:
        run("delete from audit_values where entry_id > 6")
        run("delete from audit_log where id > 6")
        run("delete from audit_seals where id > 2")
    assert (await audit_verify.verify(SYSTEM)).intact
    outcome = await audit_verify.verify(SYSTEM, noted_head=head)
    assert [p.code for p in outcome.problems] == ["head_missing"]
    nonsense = await audit_verify.verify(SYSTEM, noted_head="no hash at all")
    assert [p.code for p in nonsense.problems] == ["head_missing"]


async def test_an_erasure_leaves_the_chain_valid(sealed: None, database: Postgres) -> None:
    with database.connect() as connection:
        row = connection.execute("select id from clients where name = 'N11'").fetchone()
        assert row
        await erasures.erase(SYSTEM, row[0], reason="request")  # type: ignore[arg-type]
        left = connection.execute(
            "select count(*) from audit_values where client_id = %s", row
        ).fetchone()
    assert left == (0,)
    await audit_verify.seal(SYSTEM)
    assert (await audit_verify.verify(SYSTEM)).intact


async def test_a_client_who_is_gone_without_an_erasure_explains_no_missing_values(
    sealed: None, database: Postgres
) -> None:
    with database.connect() as connection:
        row = connection.execute("delete from clients where name = 'N11' returning id").fetchone()
        assert row
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            connection.execute("select app_private.erase_audit_values(%s)", row)
        with connection.transaction():
            connection.execute("set local session_replication_role = replica")
            connection.execute("delete from audit_values where client_id = %s", row)
    await audit_verify.seal(SYSTEM)
    assert await found() == [("values_missing", 2), ("values_missing", 4)]


async def test_a_log_that_was_emptied_is_missed(sealed: None, database: Postgres) -> None:
    with tampering(database) as run:
        run("delete from audit_values; delete from audit_log; delete from audit_seals")
    assert await found() == [("log_missing", None)]


async def test_what_waits_for_its_seal_is_counted(sealed: None) -> None:
    await add_client("Now")
    outcome = await audit_verify.verify(SYSTEM)
    assert (outcome.entries, outcome.unsealed) == (9, 1)


class TestSealing:
    async def test_more_than_one_batch_of_entries_is_sealed_in_turns(
        self, database: Postgres
    ) -> None:
        async with begin(SYSTEM) as connection:
            await connection.execute(
                text("insert into clients (name) select 'N' || g from generate_series(1, 5200) g")
            )
        assert await audit_verify.seal(SYSTEM) == 5_000
        assert await audit_verify.seal(SYSTEM) == 200
        assert await audit_verify.seal(SYSTEM) == 0
        outcome = await audit_verify.verify(SYSTEM)
        assert outcome.intact
        assert (outcome.entries, outcome.seals) == (5_200, 2)

    async def test_few_entries_wait_for_company(self, database: Postgres) -> None:
        await add_client("N")
        assert await audit_verify.seal(SYSTEM, patience=60) == 0
        assert await audit_verify.seal(SYSTEM, most=1, patience=60) == 1
        await add_client("N")
        assert await audit_verify.seal(SYSTEM, patience=0.0001) == 1

    @pytest.mark.parametrize("person", ["viewer", "admin"])
    async def test_nobody_who_only_reads_can_hold_it_up(
        self, people: dict[str, Staff], person: str
    ) -> None:
        await add_client("N")
        with pytest.raises(DBAPIError, match="permission denied"):
            async with begin(people[person]) as connection:
                await connection.execute(text("lock table audit_seals in share row exclusive mode"))
        async with begin(people[person]) as connection:
            await connection.execute(text("select pg_advisory_xact_lock(7230114056)"))
            await connection.execute(text("select id from audit_seals"))
            async with asyncio.timeout(5):
                assert await audit_verify.seal(SYSTEM) > 0

    async def test_an_entry_that_is_committed_after_later_ones_is_sealed_afterwards(
        self, database: Postgres
    ) -> None:
        async with begin(SYSTEM) as slow:
            await slow.execute(text("insert into clients (name) values ('Slow')"))
            await add_client("Quick")
            assert await audit_verify.seal(SYSTEM) == 1
        assert await audit_verify.seal(SYSTEM) == 1
        assert (await audit_verify.verify(SYSTEM)).intact

    async def test_writers_and_two_sealers_at_once_leave_one_chain(
        self, database: Postgres
    ) -> None:
        writing = True

        async def write(name: str) -> None:
            for number in range(25):
                await add_client(f"{name}{number}")

        async def keep_sealing() -> int:
            count = 0
            while writing:
                count += await audit_verify.seal(SYSTEM, most=7)
            return count

        sealers = [asyncio.create_task(keep_sealing()) for _ in range(2)]
        await asyncio.gather(write("a"), write("b"), write("c"))
        writing = False
        count = sum(await asyncio.gather(*sealers))
        while more := await audit_verify.seal(SYSTEM, most=7):
            count += more
        outcome = await audit_verify.verify(SYSTEM)
        assert outcome.intact
        assert count == outcome.entries == 75

    async def test_a_change_that_is_rolled_back_leaves_a_gap_that_is_no_problem(
        self, database: Postgres
    ) -> None:
        with database.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute("insert into clients (name) values ('Gone')")
        await add_client("N")
        await audit_verify.seal(SYSTEM)
        assert (await audit_verify.verify(SYSTEM)).intact


class TestTelling:
    async def test_an_admin_verifies_and_the_log_tells_it(
        self, sealed: None, admin: Staff, caseworker: Staff
    ) -> None:
        assert await audit_verify.last_verification(admin) is None
        steps: list[float] = []
        outcome = await audit_verify.verify_now(admin, progress=steps.append)
        assert outcome.intact
        assert steps[-1] == 1.0
        last = await audit_verify.last_verification(admin)
        assert last is not None
        assert (last.entries, last.problems) == (outcome.entries, 0)
        with pytest.raises(Forbidden):
            await audit_verify.verify_now(caseworker)

    async def test_that_an_admin_asked_is_told_as_theirs(
        self, sealed: None, database: Postgres, admin: Staff
    ) -> None:
        await audit_verify.verify_now(admin)
        with database.connect() as connection:
            told = connection.execute(
                "select action, table_name, actor_id, actor_part from audit_log"
                " where table_name like 'audit%' order by id"
            ).fetchall()
        assert told == [
            ("view", "audit_seals", admin.id, None),
            ("verify", "audit_log", None, "audit"),
        ]

    async def test_nobody_but_the_software_can_say_that_it_was_verified(
        self, sealed: None, people: dict[str, Staff], database: Postgres
    ) -> None:
        for person in people.values():
            with pytest.raises(DBAPIError, match="only the software"):
                await audit.record_alone(person, "verify", table="audit_log")
        with database.connect() as connection:
            connection.execute(
                "insert into audit_log (actor_kind, actor_id, action)"
                " values ('staff', gen_random_uuid(), 'verify')"
            )
        assert await audit_verify.last_verification(people["admin"]) is None
        assert await DailyVerification(SYSTEM).step() == 1

    async def test_a_verification_without_numbers_can_be_read(
        self, admin: Staff, database: Postgres
    ) -> None:
        await audit.record_alone(SYSTEM, "verify")
        last = await audit_verify.last_verification(admin)
        assert last is not None
        assert (last.entries, last.problems) == (0, 0)

    async def test_the_head_is_told_once_a_day_by_whichever_process_comes_first(
        self, sealed: None, database: Postgres
    ) -> None:
        first, second = DailyVerification(SYSTEM), DailyVerification(System("another process"))
        with capture_logs() as lines:
            assert [await first.step(), await first.step(), await second.step()] == [1, 0, 0]
        [line] = [line for line in lines if line["event"] == "audit.head"]
        assert len(line["head"]) == 64

    async def test_a_problem_is_an_error_in_the_log_lines(
        self, sealed: None, database: Postgres
    ) -> None:
        with tampering(database) as run:
            run("delete from audit_log where id = 5")
        with capture_logs() as lines:
            await audit_verify.verify(SYSTEM)
        [line] = [line for line in lines if line["event"] == "audit.tampered"]
        assert (line["log_level"], line["codes"]) == ("error", ["entries_altered"])


async def test_many_seals_are_verified_in_several_statements(
    database: Postgres, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_verify, "_CHUNK_SEALS", 2)
    while await audit_verify.seal(SYSTEM):
        pass
    for number in range(7):
        await add_client(f"N{number}")
        await audit_verify.seal(SYSTEM)
    steps: list[float] = []
    assert (await audit_verify.verify(SYSTEM, progress=steps.append)).intact
    assert len(steps) == 4
    with tampering(database) as run:
        run("delete from audit_seals where id in (3, 8)")
    assert await found() == [("seal_missing", 3), ("chain_broken", 4), ("seal_missing", 8)]


async def test_a_view_is_sealed_like_a_change(database: Postgres, admin: Staff) -> None:
    with database.connect() as connection:
        row = connection.execute("insert into clients (name) values ('N') returning id").fetchone()
    assert row is not None
    await clients.get_client(admin, row[0])  # type: ignore[arg-type]
    await audit.record_alone(admin, "download")
    await audit_verify.seal(SYSTEM)
    with tampering(database) as run:
        run("delete from audit_log where action = 'view'")
    assert await found() == [("entries_altered", 1)]


def test_a_table_s_owner_needs_to_be_a_superuser_to_pass_the_triggers(postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("set role service_role")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("set session_replication_role = replica")
