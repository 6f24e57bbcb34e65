"""What every test may use: a real Postgres, one database a worker, empty at the start of a test."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db import embedded, engine, migrate
from services import keys, sessions
from services import staff as staff_service
from services.actors import Staff
from tests.support import (
    SYSTEM,
    TEST_SECRET,
    Postgres,
    empty,
    fresh_database,
    one_at_a_time,
    sign_in_demo,
)

# Two busy cores are no reason to fail; an example that never ends still meets pytest's timeout.
hypothesis.settings.register_profile("acogida", deadline=None)
hypothesis.settings.load_profile("acogida")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """The owner's login on a cluster that all workers share: TEST_DATABASE_URL, or our own."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given)
        return
    server, url = embedded.start(_shared(tmp_path_factory) / "data")
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        # What a test wrote need not survive a power cut.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"alter system set {setting} = off".encode())
        connection.execute("select pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgres(cluster: URL, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Postgres:
    """This worker's own migrated database."""
    with one_at_a_time(_shared(tmp_path_factory)):
        owner = fresh_database(cluster, f"test_{worker_id}")
        migrate.upgrade(owner)
        return Postgres(owner, migrate.runtime_login(owner, TEST_SECRET))


@pytest.fixture(scope="session")
def statements_compiled_once() -> Iterator[None]:
    """One engine an address for all tests of this worker; each has its own pool.

    What an engine keeps beside its pool are compiled statements, and compiling them anew would
    take most of a test's time.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "create_async_engine", _engine_of())
        yield


def _engine_of() -> Callable[..., AsyncEngine]:
    engines: dict[tuple[URL, int], AsyncEngine] = {}

    def create(url: URL, **options: Any) -> AsyncEngine:
        key = (url, options["pool_size"])
        if key not in engines:
            engines[key] = create_async_engine(url, **options)
        return engines[key]

    return create


@pytest.fixture
async def database(postgres: Postgres, statements_compiled_once: None) -> AsyncIterator[Postgres]:
    """An empty database with the app's connection pool on it."""
    with postgres.connect() as connection:
        empty(connection)
    keys.use_secret(TEST_SECRET)
    engine.start(postgres.runtime, pool_size=5)
    yield postgres
    await engine.stop()


@pytest.fixture
async def people(database: Postgres) -> dict[str, Staff]:
    """The demo's members of staff by role: admin, caseworker, viewer."""
    await staff_service.add_demo_staff(SYSTEM)
    found: dict[str, Staff] = {}
    for email, _, role in staff_service.DEMO_STAFF:
        token = await sign_in_demo(email)
        assert token is not None
        staff = await sessions.staff_of(token)
        assert staff is not None
        found.setdefault(role, staff)
    return found


@pytest.fixture
def admin(people: dict[str, Staff]) -> Staff:
    return people["admin"]


@pytest.fixture
def caseworker(people: dict[str, Staff]) -> Staff:
    return people["caseworker"]


@pytest.fixture
def viewer(people: dict[str, Staff]) -> Staff:
    return people["viewer"]


def _shared(factory: pytest.TempPathFactory) -> Path:
    base = factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
