"""What a page does while its first answer takes long."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from nicegui import background_tasks, context

#: A page waits this long for what it shows before it is sent without it (seconds).
_PATIENCE = 0.4

Answer = TypeVar("Answer")


async def patiently(work: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer that the page under construction needs.

    If it is slow, the page is sent as it stands, which should be with a skeleton, and the rest
    follows through its socket. NiceGUI would give up a page that takes longer than three seconds.
    """
    client = context.client
    waiting = background_tasks.create(
        work, name="first answer", handle_exceptions=False, context=client
    )
    await asyncio.wait({waiting}, timeout=_PATIENCE)
    if not waiting.done():
        await client.connected()
    answer: Answer = await waiting
    return answer
