"""Files to which nothing refers are removed, however often it takes, and only then struck off."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from db.engine import begin
from services import files, removals
from services.actors import Staff
from services.adapters.supabase_storage import SupabaseStorage
from services.errors import Forbidden, NotFound
from tests.supabase_storage import SERVICE_KEY, URL, FakeSupabaseStorage
from tests.support import SYSTEM, Postgres

PDF = "application/pdf"
AMINA = uuid4()


@pytest.fixture
async def server(database: Postgres) -> AsyncIterator[FakeSupabaseStorage]:
    server = FakeSupabaseStorage()
    http = httpx.AsyncClient(transport=server.transport)
    storage = SupabaseStorage(URL, SERVICE_KEY, "documents", http=http)
    await storage.ensure()
    files.use(storage)
    yield server
    files.use(None)
    await storage.close()


@pytest.fixture(autouse=True)
def client(database: Postgres) -> UUID:
    with database.connect() as connection:
        row = connection.execute("insert into clients (id) values (%s) returning id", [AMINA])
        [(found,)] = row.fetchall()
    assert found == AMINA
    return AMINA


async def stored(*, due: Postgres | None = None) -> str:
    """A file whose key was noted; `due`: and then nothing came to refer to it."""
    key = await files.reserve("documents", "pdf", AMINA)
    await files.storage().put(key, b"content", PDF)
    if due is not None:
        later(due)
    return key


def later(database: Postgres) -> None:
    """After the time for storing, or after a pause."""
    with database.connect() as connection:
        connection.execute("update storage_removals set next_attempt_at = now()")
        connection.execute("update storage_removals set reserved_until = now()")


def hurry(database: Postgres) -> None:
    """As an erasure does."""
    with database.connect() as connection:
        connection.execute("update storage_removals set next_attempt_at = now()")


def rows(database: Postgres, columns: str) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        query = f"select {columns} from storage_removals order by id"  # noqa: S608
        return connection.execute(query.encode()).fetchall()


async def test_what_nothing_refers_to_is_removed_once_it_is_due(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    await stored()
    assert await removals.remove_waiting(SYSTEM) == 0
    assert len(server.buckets["documents"].objects) == 1
    [(minutes,)] = rows(database, "round(extract(epoch from next_attempt_at - now()) / 60)::int")
    assert minutes == 60
    later(database)
    assert await removals.remove_waiting(SYSTEM) == 1
    assert await removals.remove_waiting(SYSTEM) == 0
    assert server.buckets["documents"].objects == {}
    assert rows(database, "removed_at is not null, attempts, problem") == [(True, 1, None)]


async def test_what_was_kept_is_left_alone(server: FakeSupabaseStorage, database: Postgres) -> None:
    key = await stored(due=database)
    async with begin(SYSTEM) as connection:
        await files.keep(connection, key)
    assert rows(database, "id") == []
    assert await removals.remove_waiting(SYSTEM) == 0
    assert await files.storage().exists(key)


async def test_what_a_failed_transaction_kept_is_removed(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    key = await stored(due=database)

    async def fail() -> None:
        async with begin(SYSTEM) as connection:
            await files.keep(connection, key)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await removals.remove_waiting(SYSTEM) == 1
    assert not await files.storage().exists(key)


async def test_a_key_whose_object_was_never_stored(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    await files.reserve("documents", "pdf", AMINA)
    later(database)
    assert await removals.remove_waiting(SYSTEM) == 1
    assert rows(database, "removed_at is not null") == [(True,)]


async def test_what_an_erasure_hurries_may_still_be_on_its_way(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    key = await files.reserve("documents", "pdf", AMINA)
    hurry(database)
    assert await removals.remove_waiting(SYSTEM) == 1
    assert rows(database, "removed_at, client_id") == [(None, AMINA)]
    assert await removals.remove_waiting(SYSTEM) == 0
    # Whoever was storing it died just afterwards.
    await files.storage().put(key, b"content", PDF)
    later(database)
    assert await removals.remove_waiting(SYSTEM) == 1
    assert not await files.storage().exists(key)
    assert rows(database, "removed_at is not null, client_id") == [(True, None)]


async def test_what_comes_and_is_given_back_while_it_is_looked_for_is_looked_for_again(
    server: FakeSupabaseStorage, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = files.storage().exists
    looked: list[str] = []

    async def comes_now(key: str) -> bool:
        found = await exists(key)
        looked.append(key)
        uploaded.set()
        await given_back.wait()
        return found

    uploaded, given_back = asyncio.Event(), asyncio.Event()
    put = files.storage().put

    async def slow(key: str, content: bytes, media_type: str) -> None:
        hurry(database)
        removing.append(asyncio.create_task(removals.remove_waiting(SYSTEM)))
        await uploaded.wait()
        await put(key, content, media_type)

    removing: list[asyncio.Task[int]] = []
    monkeypatch.setattr(files.storage(), "exists", comes_now)
    monkeypatch.setattr(files.storage(), "put", slow)
    with pytest.raises(LookupError):
        async with files.stored("documents", "pdf", AMINA, b"content", PDF):
            raise LookupError
    given_back.set()
    assert await removing[0] == 1
    assert await exists(looked[0])
    assert await removals.remove_waiting(SYSTEM) == 1
    assert not await exists(looked[0])


async def test_nobody_has_no_files(server: FakeSupabaseStorage, database: Postgres) -> None:
    with pytest.raises(NotFound):
        await files.reserve("documents", "pdf", uuid4())
    assert rows(database, "id") == []


async def test_a_storage_that_is_down_is_tried_again_ever_later(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    await stored(due=database)
    waits = []
    for _ in range(9):
        server.instead = [httpx.ConnectError("down")]
        with capture_logs() as logs:
            assert await removals.remove_waiting(SYSTEM) == 1
        assert ("file.not_removed", "unavailable") in [
            (entry["event"], entry.get("code")) for entry in logs
        ]
        # Not before its time.
        assert await removals.remove_waiting(SYSTEM) == 0
        seconds = "round(extract(epoch from next_attempt_at - now()) / 60)::int"
        [(minutes, problem, removed_at)] = rows(database, f"{seconds}, problem, removed_at")
        assert (problem, removed_at) == ("unavailable", None)
        waits.append(minutes)
        later(database)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert await removals.remove_waiting(SYSTEM) == 1
    assert server.buckets["documents"].objects == {}
    assert rows(database, "removed_at is not null, attempts, problem") == [(True, 10, None)]


async def test_a_yes_that_was_none_is_not_believed(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    await stored(due=database)
    server.keeps_everything = True
    assert await removals.remove_waiting(SYSTEM) == 1
    assert rows(database, "removed_at, problem") == [(None, "not_removed")]


async def test_storage_is_asked_afresh_whether_the_object_is_gone(
    server: FakeSupabaseStorage, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(due=database)

    async def says_yes(key: str) -> None:
        """As if somebody had put it there again."""

    monkeypatch.setattr(files.storage(), "remove", says_yes)
    assert await removals.remove_waiting(SYSTEM) == 1
    assert rows(database, "removed_at, problem") == [(None, "not_removed")]


async def test_one_file_that_does_not_go_holds_up_no_other(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    await stored()
    await stored(due=database)
    server.instead = [httpx.ConnectError("down")]
    while await removals.remove_waiting(SYSTEM):
        pass
    assert rows(database, "removed_at is not null") == [(False,), (True,)]


async def test_two_processes_take_different_files(
    server: FakeSupabaseStorage, database: Postgres
) -> None:
    for _ in range(4):
        await stored()
    later(database)
    done = await asyncio.gather(*(removals.remove_waiting(SYSTEM) for _ in range(5)))
    assert sum(done) == 4
    assert rows(database, "attempts, removed_at is not null") == [(1, True)] * 4
    assert len([path for method, path in server.requests if method == "DELETE"]) == 4


async def test_killed_in_the_middle_it_is_taken_up_again(
    server: FakeSupabaseStorage, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await stored(due=database)

    async def dies(_: str) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(files.storage(), "remove", dies)
        with pytest.raises(asyncio.CancelledError):
            await removals.remove_waiting(SYSTEM)
    assert rows(database, "attempts, removed_at") == [(1, None)]
    later(database)
    assert await removals.remove_waiting(SYSTEM) == 1
    assert not await files.storage().exists(key)


async def test_it_is_the_software_s_own_work(server: FakeSupabaseStorage, admin: Staff) -> None:
    with pytest.raises(Forbidden):
        await removals.remove_waiting(admin)  # type: ignore[arg-type]


async def test_no_storage_is_no_storage(database: Postgres) -> None:
    with pytest.raises(RuntimeError, match="not been started"):
        files.storage()
    with pytest.raises(ValueError, match="no key"):
        await files.reserve("documents", "exe", AMINA)


async def test_a_log_line_holds_no_key(server: FakeSupabaseStorage, database: Postgres) -> None:
    key = await stored(due=database)
    with capture_logs() as logs:
        await removals.remove_waiting(SYSTEM)
    assert [entry["event"] for entry in logs] == ["file.removed"]
    assert key not in str(logs)
