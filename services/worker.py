"""The loop behind work that can wait: take, do, rest, and get up again after any fault."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

#: Seconds between looks when nobody rings, so that a missed call delays work and never loses it.
POLL = 1.0
PATIENCE_MAX = 10.0


class Worker:
    """Runs `step` until there is nothing left, then waits to be rung or for a second.

    `step` does one bounded batch and returns how much it did. An error costs a growing pause,
    never the worker. The log tells that it fails, of each kind of error once, and that it is well
    again: a database that is away for an hour is a few lines.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[int]]) -> None:
        self.name = name
        self._step = step
        self._bell = asyncio.Event()
        self._last_success = time.monotonic()

    def ring(self) -> None:
        """There is work now."""
        self._bell.set()

    def healthy(self, *, within: float = 30.0) -> bool:
        """Whether a step ended well within the last seconds."""
        return time.monotonic() - self._last_success < within

    async def run(self) -> None:
        """Work until cancelled; an unfinished step is rolled back with its transaction."""
        patience = 0.2
        told: set[str] = set()
        while True:
            self._bell.clear()
            try:
                done = await self._step()
            except Exception as error:  # noqa: BLE001 - a worker outlives every fault of its work
                kind = type(error).__name__
                if kind not in told:
                    log.warning("worker.failed", worker=self.name, error=kind)
                    told.add(kind)
                await asyncio.sleep(patience)
                patience = min(patience * 2, PATIENCE_MAX)
                continue
            if told:
                log.info("worker.recovered", worker=self.name)
                told.clear()
            self._last_success, patience = time.monotonic(), 0.2
            if done == 0:
                try:
                    await asyncio.wait_for(self._bell.wait(), POLL)
                except TimeoutError:
                    continue
