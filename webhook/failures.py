"""Who keeps sending requests that fail, and how long they have to wait.

Only failures are counted: a delivery with the right signature never comes by here. Each process
counts in its own memory and answers by that at once; about once a second it adds what is new to the
counts that all processes share, in one statement however many there were. So a flood costs the
database nothing, and an address that one process refuses is refused by the others a second later.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from services import limits
from services.actors import System

SYSTEM = System("webhook")

#: Addresses kept in memory. A flood from more of them forgets the oldest.
MOST_KEPT = 20_000
#: Addresses told to Postgres at a time.
MOST_SHARED = 500


@dataclass(slots=True)
class _Window:
    ends: float
    failures: int = 0
    #: Over the limit in this process or, as the others found, in all together.
    is_over: bool = False
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to answer to a failure."""

    #: Seconds to stay away; None while the address is within the limit.
    wait: float | None
    #: Whether this is the first one over the limit: worth a line in the log, the rest are not.
    is_first: bool = False


class Failures:
    """Counts failed requests by address. `clock` gives seconds."""

    def __init__(
        self,
        limit: limits.Limit = limits.WEBHOOK_FAILURES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._unshared: Counter[str] = Counter()

    def count(self, address: str | None) -> Verdict:
        """Count one failure of this address."""
        key, now = limits.by_address(address), self._clock()
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            self._windows.pop(key, None)
            while len(self._windows) >= MOST_KEPT:
                self._windows.pop(next(iter(self._windows)))
            window = self._windows[key] = _Window(now + self._limit.seconds)
        window.failures += 1
        if window.failures > self._limit.most or window.is_over:
            is_first = not window.is_told
            window.is_over = window.is_told = True
            return Verdict(max(window.ends - now, 1.0), is_first)
        if key in self._unshared or len(self._unshared) < MOST_KEPT:
            self._unshared[key] += 1
        return Verdict(None)

    async def share(self) -> None:
        """Tell the other processes, and hear of them. What is not told now is told later."""
        batch = dict(self._unshared.most_common(MOST_SHARED))
        over = await limits.hit_many(SYSTEM, self._limit, batch)
        self._unshared -= Counter(batch)
        for key, wait in over.items():
            ends = self._clock() + wait
            window = self._windows.setdefault(key, _Window(ends))
            window.ends, window.is_over = max(ends, window.ends), True
