"""News for open pages, fanned out by key.

Every process hears all news once (`services.changes`) and hands each to the pages that show that
client. A page subscribes while it is built; NiceGUI ends the subscription with the page.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec
from uuid import UUID

from nicegui import Event, background_tasks, context

from services.changes import ClientChange, PersonTold
from ui import open_pages

P = ParamSpec("P")

#: Seconds during which news for lists is gathered, so that a burst costs each list one query.
GATHER = 0.2

#: Some clients changed; for pages that show many. Carries which ones.
clients_changed: Event[frozenset[UUID]] = Event()

#: The connection to WhatsApp changed: sending, the token, templates.
channel_changed: Event[[]] = Event()

#: Others look at a client now, or write; carries which one.
presence_changed: Event[UUID] = Event()

#: Something is meant for one member of staff.
person_told: Event[PersonTold] = Event()

_topics: dict[UUID, Event[ClientChange]] = {}
_gathered: set[UUID] = set()
_gathering: asyncio.Task[None] | None = None


def client_topic(client_id: UUID) -> Event[ClientChange]:
    """News of one client, for a page that shows it. Call it while the page is built."""
    topic = _topics.setdefault(client_id, Event())
    context.client.on_delete(lambda: _release(client_id))
    return topic


def follow_client(
    client_id: UUID, tell: Callable[[ClientChange], Awaitable[None]]
) -> Callable[[], None]:
    """Tell a part of a page the news of one client, until the page ends or the answer is called.

    For parts that come and go while the page stays: nothing of them is kept afterwards.
    """
    return follow(
        _topics.setdefault(client_id, Event()), tell, afterwards=lambda: _release(client_id)
    )


def follow(
    topic: Event[P],
    tell: Callable[P, Awaitable[None]],
    *,
    afterwards: Callable[[], None] = lambda: None,
) -> Callable[[], None]:
    """The same of any topic; `afterwards` is called when it ends."""
    page = context.client
    topic.subscribe(tell, unsubscribe_on_delete=False)

    def stop() -> None:
        topic.unsubscribe(tell)
        afterwards()
        if stop in page.delete_handlers:
            page.delete_handlers.remove(stop)

    page.on_delete(stop)
    return stop


async def dispatch(change: ClientChange) -> None:
    """Hand news on to the pages of this process."""
    global _gathering
    if (topic := _topics.get(change.client_id)) is not None:
        topic.emit(change)
    if clients_changed.callbacks:
        _gathered.add(change.client_id)
        if _gathering is None or _gathering.done():
            _gathering = background_tasks.create(_tell_lists(), name="tell lists")


async def dispatch_sessions(staff_id: UUID) -> None:
    """Somebody's sessions or rights may have changed: their pages of this process are checked."""
    await open_pages.check_person(staff_id)


async def dispatch_channel() -> None:
    """The connection to WhatsApp changed: the pages of this process look again."""
    channel_changed.emit()


async def dispatch_presence(client_id: UUID) -> None:
    """Others look at a client now: the pages that show it ask who."""
    presence_changed.emit(client_id)


async def dispatch_person(told: PersonTold) -> None:
    """Something is meant for somebody: their pages of this process say so."""
    person_told.emit(told)


async def dispatch_gap() -> None:
    """News may have been missed: every open page looks again."""
    for client_id in list(_topics):
        await dispatch(ClientChange(client_id))
    clients_changed.emit(frozenset())
    channel_changed.emit()
    await open_pages.check_all()


async def _tell_lists() -> None:
    await asyncio.sleep(GATHER)
    changed = frozenset(_gathered)
    _gathered.clear()
    clients_changed.emit(changed)


def _release(client_id: UUID) -> None:
    topic = _topics.get(client_id)
    if topic is not None and not topic.callbacks:
        del _topics[client_id]
