"""News for open pages: who changed, told through Postgres to every process of the installation.

A writer calls `announce` inside its transaction, so that the news arrives with the commit and
never without it. So does `announce_sessions` whoever ends somebody's sessions. Each process runs
one `Listener`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import KEEPALIVE

CHANNEL = "acogida"
#: A NOTIFY payload holds 8,000 bytes; beyond this many ids a page reads its newest messages anew.
MAX_IDS = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClientChange:
    """Something about a client changed. Without message ids it is the file, or many messages."""

    client_id: UUID
    message_ids: list[UUID] = field(default_factory=list)


#: `assigned`: a conversation became theirs by somebody else's hand; `mentioned`: in a note.
WhyTold = Literal["assigned", "mentioned"]


@dataclass(frozen=True, slots=True)
class PersonTold:
    """Something of a client is meant for one member of staff."""

    staff_id: UUID
    client_id: UUID
    why: WhyTold


async def announce(connection: AsyncConnection, changes: Mapping[UUID, Sequence[UUID]]) -> None:
    """Tell every process, once this transaction commits, which clients and messages changed."""
    if not changes:
        return
    payloads = [
        json.dumps(
            {"c": str(client), "m": [str(id) for id in ids] if len(ids) <= MAX_IDS else []},
            separators=(",", ":"),
        )
        for client, ids in changes.items()
    ]
    await connection.execute(
        text("select pg_notify(:channel, payload) from unnest(cast(:payloads as text[])) payload"),
        {"channel": CHANNEL, "payloads": payloads},
    )


async def announce_sessions(connection: AsyncConnection, staff_id: UUID) -> None:
    """Tell every process, once this transaction commits, to look at this person's sessions again.

    For whoever ends sessions, deactivates somebody or changes what they may do: their open pages
    close, or load anew, within about a second.
    """
    await _notify(connection, {"s": str(staff_id)})


async def announce_presence(connection: AsyncConnection, client_id: UUID) -> None:
    """Tell every process, once this transaction commits, that others look at this client now."""
    await _notify(connection, {"v": str(client_id)})


async def tell_person(
    connection: AsyncConnection, staff_id: UUID, client_id: UUID, why: WhyTold
) -> None:
    """Tell one member of staff, on all their open pages, once this transaction commits."""
    await _notify(connection, {"p": str(staff_id), "c": str(client_id), "w": why})


async def _notify(connection: AsyncConnection, note: Mapping[str, str]) -> None:
    await connection.execute(
        text("select pg_notify(:channel, :payload)"),
        {"channel": CHANNEL, "payload": json.dumps(note, separators=(",", ":"))},
    )


async def announce_channel(connection: AsyncConnection) -> None:
    """Tell every process, once this transaction commits, that the connection to WhatsApp changed.

    For whoever stops or resumes sending, finds the token invalid or well again, or reads templates:
    the banner on every page and the pages about the channel look again.
    """
    await connection.execute(
        text("select pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": '{"h":1}'}
    )


async def _nobody(_: object) -> None:
    """For a listener that shows no pages of staff."""


async def _nothing() -> None:
    """For a listener that shows no pages of staff."""


class Listener:
    """Hears the news of all processes over a connection of its own and hands it on.

    `url` must not lead through a transaction pooler. `on_sessions` is told whose sessions or rights
    may have changed, `on_channel` that the connection to WhatsApp has, `on_presence` that others
    look at a client now, `on_person` that something is meant for one member of staff. After a lost
    connection `on_gap` is called: what was said meanwhile is unknown, so pages should look again.
    """

    def __init__(
        self,
        url: URL,
        on_change: Callable[[ClientChange], Awaitable[None]],
        on_gap: Callable[[], Awaitable[None]],
        on_sessions: Callable[[UUID], Awaitable[None]] = _nobody,
        on_channel: Callable[[], Awaitable[None]] = _nothing,
        on_presence: Callable[[UUID], Awaitable[None]] = _nobody,
        on_person: Callable[[PersonTold], Awaitable[None]] = _nobody,
    ) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._on_change = on_change
        self._on_gap = on_gap
        self._on_sessions = on_sessions
        self._on_channel = on_channel
        self._on_presence = on_presence
        self._on_person = on_person
        self.connected = False

    async def run(self) -> None:
        """Listen until cancelled; reconnect with growing patience."""
        patience = 0.2
        first = True
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=5,
                    application_name="acogida-listen",
                    **cast(Any, KEEPALIVE),
                ) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self.connected, patience = True, 0.2
                    if not first:
                        await self._on_gap()
                    first = False
                    async for note in connection.notifies():
                        await self._hand_on(note.payload)
            except psycopg.Error as error:
                log.warning("listener.lost", error=type(error).__name__)
            finally:
                self.connected = False
            await asyncio.sleep(patience)
            patience = min(patience * 2, 5.0)

    async def _hand_on(self, payload: str) -> None:
        try:
            tell = self._read(json.loads(payload))
        except (ValueError, KeyError, TypeError):
            log.warning("listener.unreadable")
            return
        try:
            await tell()
        except Exception:
            # One page that cannot be updated must not cut off all the others.
            log.exception("listener.handler_failed")

    def _read(self, note: Any) -> Callable[[], Awaitable[None]]:
        """What to do about a note. Raises ValueError, KeyError or TypeError when it is none."""
        if "s" in note:
            staff_id = UUID(str(note["s"]))
            return lambda: self._on_sessions(staff_id)
        if "h" in note:
            return self._on_channel
        if "v" in note:
            looked_at = UUID(str(note["v"]))
            return lambda: self._on_presence(looked_at)
        if "p" in note:
            if note["w"] not in get_args(WhyTold):
                raise ValueError
            told = PersonTold(UUID(str(note["p"])), UUID(str(note["c"])), note["w"])
            return lambda: self._on_person(told)
        change = ClientChange(UUID(str(note["c"])), [UUID(str(id)) for id in note["m"]])
        return lambda: self._on_change(change)
