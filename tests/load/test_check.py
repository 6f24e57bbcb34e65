"""The load test's judgement: what it must notice, and that right traffic passes it."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import pytest

from services import deliveries
from tests.load.check import WATCH, Check, compare
from tests.load.traffic import Truth, World, digest
from tests.support import Postgres, drain

UNWATCH = """
drop trigger load_watch on public.messages;
drop function public.load_watch();
drop table public.load_regressions;
"""


@dataclass
class Told:
    """A database to which everything has been told, and the truth about it."""

    postgres: Postgres
    truth: Truth

    def wrong(self) -> set[str]:
        url = self.postgres.owner.set(drivername="postgresql")
        return _wrong(compare(url.render_as_string(hide_password=False), self.truth))

    def run(self, statement: str) -> None:
        with self.postgres.connect() as connection:
            connection.execute(statement.encode())


@pytest.fixture
async def told(database: Postgres) -> AsyncIterator[Told]:
    world = World(people=20, seed=3)
    told = Told(database, world.truth)
    posts = [post for _ in range(150) for post in world.next()]
    told.run(WATCH)
    try:
        await deliveries.store([post.body for post in posts])
        await drain()
        world.truth.accepted |= {digest(post.body) for post in posts}
        yield told
    finally:
        told.run(UNWATCH)


async def test_traffic_in_any_order_ends_as_it_was_sent(told: Told) -> None:
    assert told.truth.statuses
    assert told.wrong() == set()


async def test_a_lost_message_is_noticed(told: Told) -> None:
    told.run("delete from messages where seq = (select min(seq) from messages)")
    assert {"messages", "messages lost"} <= told.wrong()


async def test_a_body_that_was_answered_but_not_kept_is_noticed(told: Told) -> None:
    told.run("delete from webhook_deliveries where id = (select min(id) from webhook_deliveries)")
    assert told.wrong() == {"bodies answered 200, but not stored"}


async def test_a_body_that_was_never_answered_is_noticed(told: Told) -> None:
    told.truth.accepted.pop()
    assert told.wrong() == {"bodies never answered 200"}


async def test_a_person_who_became_two_clients_is_noticed(told: Told) -> None:
    told.run(
        "with twin as (insert into clients (profile_name) values ('Twin') returning id)"
        " update messages set client_id = (select id from twin)"
        " where seq = (select max(seq) from messages)"
    )
    assert {"clients", "people split"} <= told.wrong()


async def test_two_people_who_became_one_client_are_noticed(told: Told) -> None:
    told.run("update messages set client_id = (select min(client_id::text)::uuid from messages)")
    assert "people merged" in told.wrong()


async def test_a_message_that_was_counted_twice_is_noticed(told: Told) -> None:
    told.run("update clients set unread_count = unread_count + 1")
    assert told.wrong() == {"clients with a wrong number of unread messages"}


async def test_a_status_that_goes_backwards_is_noticed(told: Told) -> None:
    told.run("update messages set status = 'queued' where direction = 'outbound'")
    assert told.wrong() == {"messages changed", "statuses gone backwards"}


async def test_a_delivery_that_still_waits_is_noticed(told: Told) -> None:
    told.run("update webhook_deliveries set state = 'pending'")
    assert told.wrong() == {"deliveries waiting"}


def _wrong(checks: Iterable[Check]) -> set[str]:
    return {check.name for check in checks if not check.good}
