"""What several tests need and what is no fixture."""

import asyncio
import fcntl
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.errors import DeadlockDetected
from sqlalchemy import URL, text

from db.engine import begin
from db.tables import metadata
from services import deliveries
from services.actors import Outsider, Staff, System
from services.adapters.local_identity import LocalIdentity
from services.events import Json
from services.sign_in import Browser, SignIn, SignInRefused
from services.simulator import bodies
from webhook import payloads as payloads_reader

TEST_SECRET = "a secret of the tests, long enough for anyone"


@dataclass(frozen=True)
class Postgres:
    """A migrated database: the owner's login, and the runtime's."""

    owner: URL
    runtime: URL

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection as the owner, for looking behind the app's back."""
        url = self.owner.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True)


SYSTEM = System("test")

STRANGER = Staff(
    id=UUID(int=1),
    user_id=UUID(int=2),
    email="stranger@example.org",
    name="A Supabase user who is nobody on the staff",
    role="admin",
)


OUTSIDER = Outsider(user_id=UUID(int=3))


async def sign_in_demo(
    email: str, *, address: str = "127.0.0.1", user_agent: str = "test"
) -> str | None:
    """Choose a person of the demo's staff; the token of their session, or None when refused."""
    door = SignIn(public_url="http://127.0.0.1:8000", demo=LocalIdentity())
    try:
        return (await door.as_demo(email, Browser(address, user_agent))).token
    except SignInRefused:
        return None


class one_at_a_time:  # noqa: N801 - reads as a phrase where it is used
    """Roles belong to the whole cluster: workers make their databases one after the other."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def fresh_database(cluster: URL, name: str) -> URL:
    """An empty database of that name on the cluster; whatever bore the name before is dropped."""
    url = cluster.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)'.encode())
        connection.execute(f'create database "{name}" template template0'.encode())
    return cluster.set(database=name)


#: Not even their owner empties these, in the app; a test begins anew.
APPEND_ONLY = ("audit_log", "audit_seals")


def empty(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Remove every row, and let every key begin at 1 again.

    Only where there is something: emptying a table costs as much as making it, and most tests touch
    a few of them. Whatever the app still does in the background may hold rows, and is waited for.
    """
    for _ in range(20):
        try:
            _empty(connection)
        except DeadlockDetected:
            time.sleep(0.1)
        else:
            return
    _empty(connection)


def _empty(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    # First: what somebody still writes meanwhile is numbered anew, and removed below.
    connection.execute(
        "select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
        " from pg_sequences where last_value is not null"
    )
    asked = " union all ".join(
        f"select '{name}' where exists (select from public.{name})"  # noqa: S608 - our own tables
        for name in metadata.tables
    )
    filled = [str(name) for (name,) in connection.execute(asked.encode())]
    for table in set(filled) & set(APPEND_ONLY):
        connection.execute(f"alter table {table} disable trigger user".encode())
    if filled:
        tables = ", ".join(f"public.{name}" for name in filled)
        connection.execute(f"truncate {tables} restart identity cascade".encode())
    for table in set(filled) & set(APPEND_ONLY):
        connection.execute(f"alter table {table} enable trigger user".encode())


async def deliver(*payloads: Json | bytes) -> int:
    """Store each delivery and apply everything that waits; how many were new."""
    stored = 0
    for payload in payloads:
        body = payload if isinstance(payload, bytes) else bodies.encode(payload)
        stored += await deliveries.store([body])
    await drain()
    return stored


async def drain() -> None:
    """Apply everything that waits, also what a worker beside the test has just taken."""
    for _ in range(2000):
        if not await deliveries.process(SYSTEM, payloads_reader.read) and not await _waits():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("deliveries still wait")


async def _waits() -> bool:
    async with begin(SYSTEM) as connection:
        found = await connection.scalar(
            text(
                "select exists (select from webhook_deliveries"
                " where state = 'pending' and next_attempt_at <= now())"
            )
        )
    return bool(found)
