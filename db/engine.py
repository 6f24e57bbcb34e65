"""The connection pool of this process, and transactions that happen as somebody.

One engine a process, started and stopped by the composition root. The pool logs in as
`app_backend`, which owns nothing and cannot bypass row-level security. A transaction for a member
of staff becomes `authenticated` with that person's claims for its duration only, so the policies
decide what it sees, and nothing leaks back into the pool or through a transaction pooler.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

#: A database that vanished without a word is noticed in seconds, not hours.
KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

_engine: AsyncEngine | None = None

# psycopg's own statements: every transaction begins with one, and SQLAlchemy's text() would take as
# long again as the database does.
_BECOME = (
    "select set_config('role', 'authenticated', true),"
    " set_config('request.jwt.claims', %(claims)s, true),"
    " set_config('acogida.origin', %(origin)s, true)"
)
_STAY = "select set_config('acogida.origin', %(origin)s, true)"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where what happens now was asked for: the audit log tells it."""

    address: str | None = None
    request_id: str | None = None


_NOWHERE = Origin()
#: Set by whoever takes a request in; without one it is the software's own doing.
ORIGIN: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


class Actor(Protocol):
    """What a transaction needs to know of whoever acts."""

    @property
    def claims(self) -> dict[str, Any] | None:
        """JWT claims of a person, or None for the system itself."""

    @property
    def part(self) -> str | None:
        """Which part of the software the system's actor is; None for a person."""


def start(url: URL, *, pool_size: int = 10) -> None:
    """Open the pool, lazily. `url` logs in as the runtime role."""
    global _engine
    _engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=5,
        pool_pre_ping=False,
        pool_recycle=1800,
        # A failing statement's values are people's names and words: never in an error's text.
        hide_parameters=True,
        connect_args={
            # Prepared statements break behind a transaction pooler.
            "prepare_threshold": None,
            "connect_timeout": 5,
            "application_name": "acogida",
            **KEEPALIVE,
        },
    )


async def stop() -> None:
    """Close every connection of the pool."""
    global _engine
    if _engine is not None:
        await _engine.dispose()
    _engine = None


@asynccontextmanager
async def begin(actor: Actor) -> AsyncIterator[AsyncConnection]:
    """A transaction as `actor`: committed at the end of the block, rolled back on an error."""
    if _engine is None:
        raise RuntimeError("the database has not been started")
    async with _engine.connect() as connection:
        claims, origin = actor.claims, _origin_of(actor)
        if claims is not None:
            await connection.exec_driver_sql(
                _BECOME, {"claims": json.dumps(claims), "origin": origin}
            )
        else:
            await connection.exec_driver_sql(_STAY, {"origin": origin})
        yield connection
        # On an error, closing the connection rolls back what it began by itself.
        await connection.commit()


async def execute_alone(statement: str, parameters: dict[str, Any]) -> int:
    """One statement of the system that is its own transaction; how many rows it wrote.

    Without BEGIN and COMMIT around it, it costs one round trip in place of three. The statement is
    psycopg's own, with `%(name)s`, or `%(name)b` where a value travels in binary.
    """
    if _engine is None:
        raise RuntimeError("the database has not been started")
    async with _engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        result = await connection.exec_driver_sql(statement, parameters)
        return result.rowcount


async def fetch_alone(statement: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    """The same for a statement that answers with one row, or none."""
    if _engine is None:
        raise RuntimeError("the database has not been started")
    async with _engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        row = (await connection.exec_driver_sql(statement, parameters)).one_or_none()
        return None if row is None else tuple(row)


def _origin_of(actor: Actor) -> str:
    origin = ORIGIN.get()
    told = {"part": actor.part, "address": origin.address, "request_id": origin.request_id}
    return json.dumps({name: value for name, value in told.items() if value is not None})
