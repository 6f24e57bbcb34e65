"""Who is behind the sessions of open pages, read together.

A piece of news makes every open page ask at the same moment whether its person is still there: one
look at the database answers all of them.
"""

import asyncio

from nicegui import background_tasks

from services import sessions
from services.actors import Staff

#: What is asked within this time is asked together (seconds).
_GATHER = 0.01

_asked: set[str] = set()
_answer: asyncio.Task[dict[str, Staff]] | None = None


async def staff_behind(token: str) -> Staff | None:
    """Whose session this is, read after it was asked for, and without a sign of life."""
    global _answer
    _asked.add(token)
    answer = _answer
    # Of one that was cancelled, or that another loop left behind, nothing is to be expected.
    loop = asyncio.get_running_loop()
    if answer is None or answer.done() or answer.get_loop() is not loop:
        answer = _answer = background_tasks.create(
            _read(), name="session checks", handle_exceptions=False
        )
    # Shielded: a page that goes away must not take the others' answer with it.
    return (await asyncio.shield(answer)).get(token)


async def _read() -> dict[str, Staff]:
    global _answer
    await asyncio.sleep(_GATHER)
    tokens = list(_asked)
    _asked.clear()
    _answer = None
    return await sessions.staff_of_all(tokens)
