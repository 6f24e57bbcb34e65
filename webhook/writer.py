"""Durable accept: a delivery is on disk before WhatsApp hears that we have it.

Deliveries that arrive while a commit is under way share the next one. One commit for a hundred
bodies costs about as much as one for one, which is what lets a single process keep up with
everything WhatsApp can send.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

from services import deliveries
from services.actors import System
from webhook.failures import Failures

log = structlog.get_logger()

SYSTEM = System("webhook")

#: What one commit carries at most.
BATCH = 500
BATCH_BYTES = 16_000_000
#: Seconds that a commit may take before WhatsApp is told to come again.
PATIENCE = 8.0


class CannotStoreError(Exception):
    """The delivery is not safe: WhatsApp must send it again."""


#: A body, and who waits for it to be safe.
_Waiting = tuple[bytes, asyncio.Future[None]]


class Writer:
    """Stores deliveries in shared commits. `on_stored` is called after each."""

    def __init__(self, on_stored: Callable[[], None]) -> None:
        self._on_stored = on_stored
        self._waiting: list[_Waiting] = []
        self._bell = asyncio.Event()
        self._refused: Counter[str] = Counter()
        self.failures = Failures()

    async def store(self, body: bytes) -> None:
        """Return once `body` is committed. Raises CannotStoreError when it is not in time."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, stored))
        self._bell.set()
        await stored

    def refuse(self, reason: str) -> None:
        """Count a request that was turned away."""
        self._refused[reason] += 1

    async def run(self) -> None:
        """Commit what waits, until cancelled."""
        while True:
            await self._bell.wait()
            batch = self._next_batch()
            if batch:
                await self._commit(batch)

    async def count_refusals(self) -> int:
        """Write the counts of turned-away requests, and whose they were for the other processes.

        Returns 0: there is nothing to do again at once, however many there were.
        """
        counts, self._refused = self._refused, Counter()
        if counts:
            try:
                await deliveries.count_refusals(SYSTEM, dict(counts))
            except Exception:
                self._refused.update(counts)  # told when the database is back
                raise
        await self.failures.share()
        return 0

    def _next_batch(self) -> list[_Waiting]:
        size = taken = 0
        for body, _stored in self._waiting:
            if taken == BATCH or (taken and size + len(body) > BATCH_BYTES):
                break
            size += len(body)
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        if not self._waiting:
            self._bell.clear()
        # Whoever gave up waiting was told to come again, and will.
        return [entry for entry in batch if not entry[1].done()]

    async def _commit(self, batch: list[_Waiting]) -> None:
        bodies = [body for body, _ in batch]
        try:
            async with asyncio.timeout(PATIENCE):
                await self._store(bodies)
        except Exception as error:  # noqa: BLE001 - whatever it was, WhatsApp must come again
            log.error("delivery.not_stored", deliveries=len(batch), error=type(error).__name__)
            for _, stored in batch:
                if not stored.done():
                    stored.set_exception(CannotStoreError())
            return
        for _, stored in batch:
            if not stored.done():
                stored.set_result(None)
        self._on_stored()

    @staticmethod
    async def _store(bodies: list[bytes]) -> None:
        try:
            await deliveries.store(bodies)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The pool held connections to a Postgres that has since restarted.
            await deliveries.store(bodies)
