"""Limits hold for all processes together, forget when they should, and never let anybody by."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from db import engine
from services import limits
from services.errors import Forbidden, TooMany
from services.limits import Limit
from tests.support import STRANGER, SYSTEM, TEST_SECRET, Postgres

ROOT = Path(__file__).parents[2]
FIVE = Limit("test.five", 5, 60)


async def allowed(limit: Limit, key: str) -> bool:
    try:
        await limits.hit(limit, key)
    except TooMany:
        return False
    return True


def let_pass(database: Postgres, seconds: int) -> None:
    """Time goes by."""
    with database.connect() as connection:
        connection.execute(
            "update rate_limits set window_started_at = window_started_at"
            " - make_interval(secs => %s)",
            (seconds,),
        )


async def test_the_limit_is_reached_exactly(database: Postgres) -> None:
    assert [await allowed(FIVE, "ana") for _ in range(7)] == [True] * 5 + [False] * 2


async def test_each_hit_tells_how_many_are_left(database: Postgres) -> None:
    standing = [await limits.hit(FIVE, "ana") for _ in range(5)]
    assert [now.left for now in standing] == [4, 3, 2, 1, 0]
    assert all(59 < now.seconds <= 60 for now in standing)


async def test_whoever_is_over_it_hears_how_long_to_wait(database: Postgres) -> None:
    for _ in range(5):
        await limits.hit(FIVE, "ana")
    let_pass(database, 20)
    with pytest.raises(TooMany) as refusal:
        await limits.hit(FIVE, "ana")
    assert 35 < refusal.value.retry_after <= 40


async def test_one_person_and_one_rule_never_use_up_anothers(database: Postgres) -> None:
    for _ in range(6):
        await allowed(FIVE, "ana")
    assert await allowed(FIVE, "leo")
    assert await allowed(Limit("test.other", 5, 60), "ana")


async def test_a_window_ends_though_hits_go_on(database: Postgres) -> None:
    for _ in range(6):
        await allowed(FIVE, "ana")
    let_pass(database, 59)
    assert not await allowed(FIVE, "ana")
    let_pass(database, 2)
    assert [await allowed(FIVE, "ana") for _ in range(6)] == [True] * 5 + [False]


async def test_fifty_at_once_let_only_as_many_through_as_allowed(database: Postgres) -> None:
    results = await asyncio.gather(*(allowed(FIVE, "ana") for _ in range(50)))
    assert sum(results) == 5


HITTER = """
import asyncio, sys
from sqlalchemy import make_url
from db import engine
from services import keys, limits
from services.errors import TooMany

async def main():
    keys.use_secret(sys.argv[2])
    engine.start(make_url(sys.argv[1]), pool_size=5)
    async def allowed():
        try:
            await limits.hit(limits.Limit("test.many", 30, 60), "ana")
        except TooMany:
            return False
        return True
    print(sum(await asyncio.gather(*(allowed() for _ in range(25)))))
    await engine.stop()

asyncio.run(main())
"""


async def test_two_processes_share_one_count(database: Postgres) -> None:
    url = database.runtime.render_as_string(hide_password=False)
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", HITTER, url, TEST_SECRET),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    answers = await asyncio.gather(*(process.communicate() for process in processes))
    assert sum(int(out) for out, _ in answers) == 30


async def test_what_was_none_is_given_back(database: Postgres) -> None:
    for _ in range(10):
        await limits.hit(FIVE, "ana")
        await limits.give_back(FIVE, "ana")
    await limits.give_back(FIVE, "ana")
    assert [await allowed(FIVE, "ana") for _ in range(6)] == [True] * 5 + [False]


async def test_what_is_settled_is_forgotten(database: Postgres) -> None:
    for _ in range(5):
        await limits.hit(FIVE, "ana")
    await limits.forget(FIVE, "ana")
    assert await allowed(FIVE, "ana")


async def test_the_database_knows_nobodys_address(database: Postgres) -> None:
    await limits.hit(limits.SIGN_IN_ACCOUNT, "ana@acogida.example")
    await limits.hit(limits.SIGN_IN_ADDRESS, "198.51.100.7")
    with database.connect() as connection:
        rows = connection.execute("select r::text, key_sha256 from rate_limits r").fetchall()
    assert len(rows) == 2
    for text, digest in rows:
        assert "ana" not in str(text)
        assert "198.51" not in str(text)
        assert isinstance(digest, bytes)
        assert len(digest) == 32


async def test_while_the_database_is_away_nobody_gets_by(database: Postgres) -> None:
    await engine.stop()
    engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
    with pytest.raises(OperationalError):
        await limits.hit(FIVE, "ana")
    with pytest.raises(OperationalError):
        await limits.give_back(FIVE, "ana")


class TestManyAtOnce:
    async def test_what_was_gathered_counts_like_single_hits(self, database: Postgres) -> None:
        await limits.hit(FIVE, "ana")
        over = await limits.hit_many(SYSTEM, FIVE, {"ana": 4, "leo": 4})
        assert list(over) == ["ana"]
        assert 59 < over["ana"] <= 60
        assert not await allowed(FIVE, "ana")
        assert await allowed(FIVE, "leo")

    async def test_nothing_gathered_is_no_statement(self) -> None:
        assert await limits.hit_many(SYSTEM, FIVE, {}) == {}

    async def test_processes_that_tell_the_same_addresses_never_lock_each_other_up(
        self, database: Postgres
    ) -> None:
        everybody = {f"10.0.0.{n}": 1 for n in range(100)}
        reverse = dict(reversed(everybody.items()))
        many = Limit("test.many", 1000, 60)
        await asyncio.gather(
            *(limits.hit_many(SYSTEM, many, everybody if n % 2 else reverse) for n in range(10))
        )
        with database.connect() as connection:
            counted = connection.execute("select count(*), min(hits), max(hits) from rate_limits")
            assert counted.fetchone() == (100, 10, 10)

    async def test_only_the_software_itself_gathers(self, database: Postgres) -> None:
        with pytest.raises(Forbidden):
            await limits.hit_many(STRANGER, FIVE, {"ana": 4})  # type: ignore[arg-type]


async def test_counts_cost_no_write_ahead_log(database: Postgres) -> None:
    with database.connect() as connection:
        kind = connection.execute(
            "select relpersistence::text from pg_class where oid = 'rate_limits'::regclass"
        ).fetchone()
    assert kind == ("u",)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        (None, "unknown"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_is_one_household(address: str | None, key: str) -> None:
    assert limits.by_address(address) == key


@pytest.mark.parametrize(
    "spelling",
    [
        " IVAN@acogida.example ",
        "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}van@acogida.example",
        "\N{FULLWIDTH LATIN SMALL LETTER I}van@acogida.example",
        "ivan@aco\N{LATIN CAPITAL LETTER G}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}da.example",
    ],
)
def test_an_account_is_one_however_it_is_spelt(spelling: str) -> None:
    assert limits.by_account(spelling) == limits.by_account("ivan@acogida.example")
    assert limits.by_account(spelling) != limits.by_account("ivana@acogida.example")
