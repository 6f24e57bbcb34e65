"""News of conversations for open inboxes: read once a process, however many look.

What is kept here lasts for one piece of news and no longer: what is true is in the database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from nicegui import background_tasks

from services import inbox
from services.actors import System
from services.inbox import News, View

T = TypeVar("T")

_SYSTEM = System("inbox")
#: The last piece of news by itself, not by what is in it: the same again is something new.
_heard: frozenset[UUID] | None = None
_heard_at = 0.0
_news: asyncio.Task[dict[UUID, News]] | None = None
_counts: tuple[float, asyncio.Task[dict[View, int]]] | None = None


async def news_of(changed: frozenset[UUID]) -> dict[UUID, News]:
    """The conversations of a piece of news, as they are now."""
    global _heard, _heard_at, _news
    if _news is None or _heard is not changed:
        _heard, _heard_at = changed, time.monotonic()
        _news = _task(lambda: inbox.read_news(_SYSTEM, list(changed)))
    return await asyncio.shield(_news)


async def shared_counts() -> dict[View, int]:
    """How many stand in the views that show everybody the same, the last news counted in."""
    global _counts
    if _counts is None or _counts[0] < _heard_at or time.monotonic() - _counts[0] > 1:
        _counts = time.monotonic(), _task(lambda: inbox.count_shared(_SYSTEM))
    return await asyncio.shield(_counts[1])


def _task(read: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
    async def run() -> T:
        return await read()

    return background_tasks.create(run(), name="inbox news", handle_exceptions=False)
