"""Building an access export: one snapshot of the database, then files, then storage.

The ZIPs go into storage under keys that were noted as the client's before: whoever erases the
client in the meantime finds them there, and the build finds its row gone.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import access_export_parts, access_exports
from services import export_archive, files
from services.actors import System
from services.permissions import Permission, requires

log = structlog.get_logger()

#: How long the files can be downloaded.
KEPT_FOR = "24 hours"
#: A build that has not been heard of for so long is taken up again.
LEASE = "3 minutes"
#: Seconds between two words about how far a build is.
_TELL_EVERY = 0.5

_export = access_exports.c


class Gone(Exception):
    """The export was removed, or another process has taken it up, while it was being built."""


@requires(Permission.SYSTEM)
async def build(actor: System, claimed: Row[Any], zone: ZoneInfo) -> None:
    """Build the export of a claimed row of `access_exports`, and note it as done.

    Raises Gone, NotFound when the client is gone, and StorageProblem; then nothing of it is kept.
    """
    tell = _Progress(actor, claimed)
    async with AsyncExitStack() as stack:
        copy = stack.enter_context(export_archive.Copy(claimed.client_id, zone, tell))
        # Not longer than it takes to read: Postgres ends a transaction that only waits.
        async with _snapshot(actor) as connection:
            await copy.read(connection)
        parts: list[dict[str, Any]] = []
        async for content in copy.parts():
            await tell.now()
            # Until the end of the stack it is nobody's: it goes if anything fails.
            stored = files.stored("exports", "zip", claimed.client_id, content, "application/zip")
            parts.append(
                {
                    "export_id": claimed.id,
                    "number": len(parts) + 1,
                    "client_id": claimed.client_id,
                    "storage_key": await stack.enter_async_context(stored),
                    "size": len(content),
                    "sha256": await asyncio.to_thread(_digest, content),
                }
            )
        await _finish(actor, claimed, parts, len(copy.missing))
    size = sum(part["size"] for part in parts)
    log.info("access_export.built", export_id=str(claimed.id), bytes=size, parts=len(parts))


async def _finish(
    actor: System, claimed: Row[Any], parts: list[dict[str, Any]], missing: int
) -> None:
    async with begin(actor) as connection:
        await _lock_own(connection, claimed)
        for part in parts:
            await files.keep(connection, part["storage_key"])
        await connection.execute(insert(access_export_parts), parts)
        await connection.execute(
            update(access_exports)
            .where(_export.id == claimed.id)
            .values(
                state="done",
                progress=1,
                leased_until=None,
                finished_at=func.now(),
                expires_at=func.now() + text(f"interval '{KEPT_FOR}'"),
                size=sum(part["size"] for part in parts),
                missing_documents=missing,
                problem=None,
            )
        )


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@asynccontextmanager
async def _snapshot(actor: System) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees the database as it is now, whatever is written meanwhile."""
    async with begin(actor) as connection:
        steady = connection.engine.execution_options(isolation_level="REPEATABLE READ")
    async with steady.begin() as connection:
        yield connection


async def _lock_own(connection: AsyncConnection, claimed: Row[Any]) -> None:
    """Hold the row of a build that is still ours. Raises Gone."""
    own = await connection.scalar(
        select(_export.id)
        .where(
            _export.id == claimed.id,
            _export.state == "running",
            _export.attempts == claimed.attempts,
        )
        .with_for_update()
    )
    if own is None:
        raise Gone


class _Progress:
    """Tells how far a build is, and keeps its lease."""

    def __init__(self, actor: System, claimed: Row[Any]) -> None:
        self._actor = actor
        self._claimed = claimed
        self._told_at = float("-inf")
        self._share = 0.0

    async def __call__(self, share: float) -> None:
        """`share`: 0..1. Raises Gone when nobody wants the export any more."""
        self._share = share
        if asyncio.get_running_loop().time() - self._told_at >= _TELL_EVERY:
            await self.now()

    async def now(self) -> None:
        """Say the last word again, so that the lease is new. Raises Gone."""
        self._told_at = asyncio.get_running_loop().time()
        async with begin(self._actor) as connection:
            await _lock_own(connection, self._claimed)
            await connection.execute(
                update(access_exports)
                .where(_export.id == self._claimed.id)
                .values(
                    progress=min(max(self._share, 0.0), 1.0),
                    leased_until=func.now() + text(f"interval '{LEASE}'"),
                )
            )
