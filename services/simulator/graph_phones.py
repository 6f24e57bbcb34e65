"""The people's phones: whether they are on, whether the chat is open, and what waits for them.

What becomes of a message follows from that, and is told as Meta tells it, by signed deliveries to
the webhook: `sent` at once, `delivered` when the phone is on, `read` when the chat is open (and
then often without `delivered` before it), `played` when a voice note is played.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import structlog

from services.events import Json
from services.simulator import bodies
from services.simulator.wire import Number, Sender

log = structlog.get_logger()

#: Posts one delivery to the webhook.
Post = Callable[[bytes], Awaitable[object]]

#: Seconds before each word, at the pace of life.
_DELAYS = {"sent": (0.2, 0.6), "failed": (0.4, 1.0), "delivered": (0.3, 1.4), "read": (0.4, 1.2)}


@dataclass(slots=True)
class Phone:
    """One person's phone. It delivers; nobody looks at it until the chat is opened."""

    on: bool = True
    chat_open: bool = False
    #: Some people have switched off that others see what they read.
    receipts: bool = True


@dataclass(slots=True)
class Travelling:
    """A message on its way to a phone."""

    wamid: str
    #: As statuses name the person; `user` is whose phone it is.
    recipient: Sender
    user: str
    type: str
    at: datetime
    callback_data: str | None = None
    pricing: Json | None = None
    #: Meta's code for why it will not arrive.
    failure: int | None = None
    failure_details: str | None = None
    silent: bool = False
    twice: bool = False
    disorder: bool = False
    told: list[str] = field(default_factory=list)


class Phones:
    """Carries messages to phones and tells what became of them. `close` it at the end.

    `pace` stretches the delays: 1 as in life, 0 without any.
    """

    def __init__(self, number: Number, post: Post | None, *, pace: float = 1.0) -> None:
        self._number = number
        self._post = post
        self.pace = pace
        self._phones: dict[str, Phone] = {}
        self._waiting: dict[str, list[Travelling]] = {}
        self._arrived: dict[str, list[Travelling]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._random = Random()
        #: Every delivery that was told, in order.
        self.deliveries: list[bytes] = []

    def of(self, user: str) -> Phone:
        """The phone of whoever has this wa_id or business-scoped id."""
        return self._phones.setdefault(user, Phone())

    def carry(self, message: Travelling) -> None:
        """Send a message on its way; what becomes of it is told as it happens."""
        self._start(self._journey(message))

    async def tell_sent(self, message: Travelling) -> None:
        """Say now that it was sent, before anything else does."""
        await self._tell(message, "sent")

    def switch(self, user: str, *, on: bool) -> None:
        """Switch a phone on or off. What waited for it arrives."""
        self.of(user).on = on
        if on:
            for message in self._waiting.pop(user, []):
                self._start(self._arrival(message))

    def open_chat(self, user: str, *, is_open: bool = True) -> None:
        """Open or leave the chat. What had arrived is read."""
        phone = self.of(user)
        phone.chat_open = is_open
        if is_open and phone.on and phone.receipts:
            unread = [m for m in self._arrived.get(user, []) if "read" not in m.told]
            for message in unread:
                self._start(self._later(message, "read"))

    def waiting(self, user: str) -> list[str]:
        """Ids of the messages that wait until this phone is on."""
        return [message.wamid for message in self._waiting.get(user, [])]

    def play(self, user: str, wamid: str) -> None:
        """Play a voice note for the first time."""
        for message in self._arrived.get(user, []):
            if message.wamid == wamid and "played" not in message.told:
                self._start(self._later(message, "played"))

    async def settle(self) -> None:
        """Wait until everything that is under way is told; what waits for a phone stays."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- a message's way ------------------------------------------------------------------------

    async def _journey(self, message: Travelling) -> None:
        if message.silent:
            return
        if message.failure is not None:
            await self._later(message, "failed")
            return
        if message.disorder:
            await self._backwards(message)
            return
        if "sent" not in message.told:
            await self._later(message, "sent")
        if message.type == "reaction":
            return  # of a reaction nothing more is heard
        if not self.of(message.user).on:
            self._waiting.setdefault(message.user, []).append(message)
            return
        await self._arrival(message)

    async def _arrival(self, message: Travelling) -> None:
        phone = self.of(message.user)
        self._arrived.setdefault(message.user, []).append(message)
        reads = phone.chat_open and phone.receipts
        await self._later(message, "read" if reads else "delivered")

    async def _backwards(self, message: Travelling) -> None:
        """Tell everything from the end to the beginning, each with the time at which it was."""
        self._arrived.setdefault(message.user, []).append(message)
        reads = self.of(message.user).chat_open
        for word in ("read", "delivered", "sent") if reads else ("delivered", "sent"):
            await self._later(message, word)

    async def _later(self, message: Travelling, word: str) -> None:
        shortest, longest = _DELAYS.get(word, (0.0, 0.2))
        await asyncio.sleep(self._random.uniform(shortest, longest) * self.pace)
        if word not in message.told:
            await self._tell(message, word)

    async def _tell(self, message: Travelling, word: str) -> None:
        message.told.append(word)
        person, now = message.recipient, datetime.now(UTC)
        callback = message.callback_data
        if word == "failed":
            status = bodies.failed(
                person,
                message.wamid,
                message.failure or 131000,
                message.failure_details or "Message undeliverable.",
                at=now,
                callback_data=callback,
            )
            body = bodies.envelope(self._number, statuses=[status])
        else:
            pricing = message.pricing if word in ("sent", "delivered") else None
            at = message.at if word == "sent" else now
            status = bodies.status(
                person, message.wamid, word, at=at, callback_data=callback, pricing=pricing
            )
            body = bodies.envelope(self._number, statuses=[status], contacts=[person])
        encoded = bodies.encode(body)
        for _ in range(2 if message.twice else 1):
            self.deliveries.append(encoded)
            if self._post is not None:
                await self._post(encoded)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("simulator.status_lost", error=type(error).__name__)
