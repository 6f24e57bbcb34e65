"""What tests of pages share: a signed-in browser, waiting, and events of a single element."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nicegui import Client, ElementFilter, events, ui
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from services import sessions
from services.actors import Staff
from tests.support import sign_in_demo

# A third of a second, as NiceGUI has it, is too short for a busy machine: twenty, as `eventually`.
assert User.should_see.__kwdefaults__ is not None
User.should_see.__kwdefaults__["retries"] = 200


@asynccontextmanager
async def browser_of(staff: Staff, main: Path) -> AsyncIterator[User]:
    """Somebody's browser, signed in, before the pages that `main` registers."""
    token = await sign_in_demo(staff.email)
    assert token is not None
    # NiceGUI forgets the modules of pages after each simulation, and not the one that registers
    # them: it would go on with the pages of the simulation before.
    sys.modules.pop("ui.register", None)
    async with user_simulation(main_file=main) as user:
        user.http_client.cookies.set(sessions.COOKIE, token)
        try:
            yield user
        finally:
            # As when a browser is closed: what follows news lets go of it.
            for client in list(Client.instances.values()):
                client.delete()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something is so, at most twenty seconds: a busy machine is no failure."""
    for _ in range(400):
        if holds():
            return
        await asyncio.sleep(0.05)
    assert holds()


def with_class(user: User, name: str) -> list[Any]:
    """The elements of a class, shown or not."""
    with user:
        return [e for e in ElementFilter(local_scope=False) if name in e.classes]


def markup(user: User) -> str:
    """Everything that the page holds of our own markup, shown or not."""
    with user:
        return " ".join(e.content for e in ElementFilter(kind=ui.html, local_scope=False))


def report(user: User, element: ui.element, name: str, args: Any = None) -> None:
    """Let the browser report an event of one element."""
    with user:
        for listener in list(element._event_listeners.values()):
            if listener.type == name and listener.element_id == element.id:
                assert listener.handler is not None
                arguments = events.GenericEventArguments(
                    sender=element, client=element.client, args=args
                )
                events.handle_event(listener.handler, arguments)
