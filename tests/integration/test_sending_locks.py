"""Somebody takes a message back, or erases whom it is for, when something becomes of it.

Both touch the message and its place in the queue. Whoever comes second waits for the first, and
then finds how it ended; never do the two wait for each other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import sending as sql
from db.engine import begin
from services import erasures, sending
from services.conversations import TimelineMessage
from services.simulator.bodies import DEMO_NUMBER
from tests.pages import eventually
from tests.sending import Desk
from tests.support import SYSTEM

#: What becomes of a message that a dispatcher has taken; whether it became that.
Deed = Callable[[AsyncConnection, UUID, UUID], Awaitable[bool]]


async def leaves(connection: AsyncConnection, message_id: UUID, owner: UUID) -> bool:
    return await sql.mark_sending(connection, message_id, owner, 60)


async def is_put_off(connection: AsyncConnection, message_id: UUID, owner: UUID) -> bool:
    return await sql.postpone(connection, message_id, owner, wait=60, problem="storage")


async def fails(connection: AsyncConnection, message_id: UUID, _owner: UUID) -> bool:
    await sql.fail(connection, message_id, {"code": None, "title": "no_address", "details": None})
    return True


async def had_arrived(connection: AsyncConnection, message_id: UUID, _owner: UUID) -> bool:
    """A status names a message that waits to be tried again."""
    number = DEMO_NUMBER.phone_number_id
    row = {"id": str(message_id), "phone_number_id": number, "whatsapp_id": "wamid.1"}
    return bool(await sql.own(connection, [row]))


async def is_read(connection: AsyncConnection, message_id: UUID, _owner: UUID) -> bool:
    """A status of a message that has left already."""
    await connection.execute(
        text("update messages set status = 'read', status_at = now() where id = :id"),
        {"id": message_id},
    )
    return True


DEEDS = [leaves, is_put_off, fails, had_arrived]


@pytest.fixture
async def taken(amina: Desk) -> tuple[TimelineMessage, UUID]:
    """A message that a dispatcher is about to send, and who that is."""
    message, owner = await amina.say(), uuid4()
    amina.sql(
        "update message_sends set owner = %s, attempts = 1,"
        " leased_until = now() + interval '1 minute'",
        owner,
    )
    return message, owner


async def do(deed: Deed, message_id: UUID, owner: UUID) -> bool:
    async with begin(SYSTEM) as connection:
        return await deed(connection, message_id, owner)


@contextmanager
def kept_waiting(amina: Desk, message_id: UUID) -> Iterator[None]:
    """Nobody gets at the message before the end: who came first is first then."""
    with amina.database.connect() as connection, connection.transaction():
        connection.execute("select from messages where id = %s for update", [message_id])
        yield


async def until_waiting(amina: Desk, how_many: int) -> None:
    """So many transactions wait for another."""
    waiting = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    )
    await eventually(lambda: amina.sql(waiting) == [(how_many,)])


@pytest.mark.parametrize("deed", DEEDS)
async def test_taken_back_first_nothing_becomes_of_it(
    amina: Desk, taken: tuple[TimelineMessage, UUID], deed: Deed
) -> None:
    message, owner = taken
    with kept_waiting(amina, message.id):
        first = asyncio.create_task(sending.cancel(amina.staff, message.id))
        await until_waiting(amina, 1)
        second = asyncio.create_task(do(deed, message.id, owner))
        await until_waiting(amina, 2)
    assert await first
    assert await second is (deed is fails)
    assert await amina.texts() == []


@pytest.mark.parametrize("deed", [*DEEDS, is_read])
async def test_erased_first_nothing_becomes_of_it(
    amina: Desk, taken: tuple[TimelineMessage, UUID], deed: Deed
) -> None:
    message, owner = taken
    with kept_waiting(amina, message.id):
        first = asyncio.create_task(erasures.erase(SYSTEM, amina.client_id, reason="request"))
        await until_waiting(amina, 1)
        second = asyncio.create_task(do(deed, message.id, owner))
        await until_waiting(amina, 2)
    assert (await first).counts["messages"] == 2
    assert await second is (deed in (fails, is_read))
    assert amina.sql("select from messages union all select from clients") == []


@pytest.mark.parametrize("deed", [*DEEDS, is_read])
async def test_erased_afterwards_it_is_gone_all_the_same(
    amina: Desk, taken: tuple[TimelineMessage, UUID], deed: Deed
) -> None:
    message, owner = taken
    with kept_waiting(amina, message.id):
        first = asyncio.create_task(do(deed, message.id, owner))
        await until_waiting(amina, 1)
        second = asyncio.create_task(erasures.erase(SYSTEM, amina.client_id, reason="request"))
        await until_waiting(amina, 2)
    assert await first
    assert (await second).counts["messages"] == 2
    assert amina.sql("select from messages union all select from clients") == []


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_became_of_it_first_stands(
    amina: Desk, taken: tuple[TimelineMessage, UUID], deed: Deed
) -> None:
    message, owner = taken
    with kept_waiting(amina, message.id):
        first = asyncio.create_task(do(deed, message.id, owner))
        await until_waiting(amina, 1)
        second = asyncio.create_task(sending.cancel(amina.staff, message.id))
        await until_waiting(amina, 2)
    assert await first
    # Put off, it waits as before.
    assert await second is (deed is is_put_off)
    expected = {leaves: "sending", fails: "failed", had_arrived: "accepted"}
    assert [status for _, status in await amina.texts()] == [
        expected[deed] for deed in [deed] if deed in expected
    ]


async def test_taken_back_by_two_it_is_taken_back_once(
    amina: Desk, taken: tuple[TimelineMessage, UUID]
) -> None:
    message, _ = taken
    with kept_waiting(amina, message.id):
        both = [asyncio.create_task(sending.cancel(amina.staff, message.id)) for _ in range(2)]
        await until_waiting(amina, 2)
    assert sorted(await asyncio.gather(*both)) == [False, True]
