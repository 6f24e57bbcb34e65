"""News reach every process with the commit, and never without it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from db.engine import begin
from services.changes import MAX_IDS, ClientChange, Listener, announce, announce_sessions
from tests.support import SYSTEM, Postgres


class Heard:
    def __init__(self) -> None:
        self.changes: asyncio.Queue[ClientChange] = asyncio.Queue()
        self.people: asyncio.Queue[UUID] = asyncio.Queue()
        self.gaps = 0

    async def change(self, change: ClientChange) -> None:
        if change.client_id == UUID(int=13):
            raise RuntimeError("a page that cannot be updated")
        await self.changes.put(change)

    async def gap(self) -> None:
        self.gaps += 1

    async def sessions(self, staff_id: UUID) -> None:
        await self.people.put(staff_id)

    async def next(self) -> ClientChange:
        return await asyncio.wait_for(self.changes.get(), 10)


@pytest.fixture
async def listeners(database: Postgres) -> AsyncIterator[list[tuple[Listener, Heard]]]:
    made = []
    for _ in range(2):
        heard = Heard()
        made.append((Listener(database.runtime, heard.change, heard.gap, heard.sessions), heard))
    tasks = [asyncio.create_task(listener.run()) for listener, _ in made]
    await _connected(made)
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _connected(made: list[tuple[Listener, Heard]]) -> None:
    async with asyncio.timeout(10):
        while not all(listener.connected for listener, _ in made):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def tell(client: UUID, *messages: UUID) -> None:
    async with begin(SYSTEM) as connection:
        await announce(connection, {client: messages})


async def test_every_process_hears_it(listeners: list[tuple[Listener, Heard]]) -> None:
    client, message = uuid4(), uuid4()
    await tell(client, message)
    for _, heard in listeners:
        assert await heard.next() == ClientChange(client, [message])


async def test_what_was_rolled_back_was_never_said(
    listeners: list[tuple[Listener, Heard]],
) -> None:
    async def fails() -> None:
        async with begin(SYSTEM) as connection:
            await announce(connection, {uuid4(): []})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    after = uuid4()
    await tell(after)
    assert (await listeners[0][1].next()).client_id == after


async def test_every_process_hears_whose_sessions_to_look_at_once_it_is_committed(
    listeners: list[tuple[Listener, Heard]],
) -> None:
    async def fails() -> None:
        async with begin(SYSTEM) as connection:
            await announce_sessions(connection, uuid4())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    person = uuid4()
    async with begin(SYSTEM) as connection:
        await announce_sessions(connection, person)
    for _, heard in listeners:
        assert await asyncio.wait_for(heard.people.get(), 10) == person


async def test_too_many_ids_become_look_again(listeners: list[tuple[Listener, Heard]]) -> None:
    await tell(uuid4(), *(uuid4() for _ in range(MAX_IDS + 1)))
    assert (await listeners[0][1].next()).message_ids == []
    await tell(uuid4(), *(uuid4() for _ in range(MAX_IDS)))
    assert len((await listeners[0][1].next()).message_ids) == MAX_IDS


async def test_a_page_that_fails_does_not_silence_the_others(
    listeners: list[tuple[Listener, Heard]],
) -> None:
    after = uuid4()
    await tell(UUID(int=13))
    await tell(after)
    assert (await listeners[0][1].next()).client_id == after


async def test_noise_on_the_channel_is_ignored(
    listeners: list[tuple[Listener, Heard]], database: Postgres
) -> None:
    with database.connect() as connection:
        for noise in ("", "not json", "[]", '{"c": "x", "m": []}', '{"c": 7}', '{"s": 7}'):
            connection.execute("select pg_notify('acogida', %s)", (noise,))
    after = uuid4()
    await tell(after)
    assert (await listeners[0][1].next()).client_id == after


async def test_after_a_lost_connection_it_listens_again_and_says_that_it_missed_something(
    listeners: list[tuple[Listener, Heard]], database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'acogida-listen' and datname = current_database()"
        )
    async with asyncio.timeout(10):
        while not all(heard.gaps for _, heard in listeners):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    client = uuid4()
    await tell(client)
    assert (await listeners[1][1].next()).client_id == client
