"""The way from a phone that is played to the app's webhook, and how a hard day there looks."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import httpx

from services.simulator import bodies, sender
from services.simulator.wire import Number, Sender, new_wamid

#: Seconds before each attempt: somebody waits in front of the screen.
DELAYS = (0.0, 0.3, 1.0)
#: Seconds that an answer may take.
PATIENCE = 10.0
#: How many messages a burst has.
BURST = 20

_FORGED = "the secret of somebody else"


@dataclass(frozen=True, slots=True)
class Posted:
    """A delivery, and what the webhook said to it."""

    body: bytes
    at: datetime
    #: None when nobody answered.
    status: int | None
    #: From the first byte sent to the answer, attempts included.
    milliseconds: float

    @property
    def accepted(self) -> bool:
        return self.status == httpx.codes.OK


class Webhook:
    """Posts deliveries to one address, signed as Meta signs them. Close it after use."""

    def __init__(
        self, url: str, secret: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        self._secret = secret
        # The webhook is this very app: no proxy of the environment stands in between.
        self._client = httpx.AsyncClient(timeout=PATIENCE, trust_env=False, transport=transport)

    async def deliver(self, body: bytes) -> Posted:
        """Post a delivery; try again as Meta does, only sooner."""
        return await self._post(body, self._secret, DELAYS)

    async def forge(self, body: bytes) -> Posted:
        """Post a delivery that is signed by somebody else, once."""
        return await self._post(body, _FORGED, DELAYS[:1])

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, body: bytes, secret: str, delays: Sequence[float]) -> Posted:
        at, started = datetime.now(UTC), time.perf_counter()
        try:
            response = await sender.post(self._client, self._url, secret, body, delays=delays)
            status: int | None = response.status_code
        except httpx.TransportError:
            status = None
        return Posted(body, at, status, (time.perf_counter() - started) * 1000)


@dataclass(frozen=True, slots=True)
class Burst:
    """Messages that arrive all at once: each twice, in no order."""

    #: In the order in which the person wrote them.
    wamids: tuple[str, ...]
    deliveries: tuple[bytes, ...]


def burst(
    number: Number,
    person: Sender,
    texts: Sequence[str],
    after: datetime | None,
    random: Random,
) -> Burst:
    """Let a person have written `texts`, one a second, ending now; none before `after`."""
    wamids = [new_wamid(person.user) for _ in texts]
    second = timedelta(seconds=1)
    first = datetime.now(UTC) - second * (len(texts) - 1)
    if after is not None:
        first = max(first, after + second)
    written = [
        bodies.encode(
            bodies.from_sender(
                number,
                person,
                bodies.text(person, words, wamid=wamid, at=first + second * n),
            )
        )
        for n, (words, wamid) in enumerate(zip(texts, wamids, strict=True))
    ]
    twice = [*written, *written]
    random.shuffle(twice)
    return Burst(tuple(wamids), tuple(twice))


def half_broken(number: Number, person: Sender, words: str) -> tuple[str, bytes]:
    """Return a delivery of a good message and one without an id; the id of the good one."""
    good, bad = bodies.text(person, words), bodies.text(person, words)
    wamid = good["id"]
    del bad["id"]
    return wamid, bodies.encode(bodies.from_sender(number, person, bad, good))


def torn(number: Number, person: Sender, words: str) -> bytes:
    """Return a delivery whose end is missing."""
    whole = bodies.encode(bodies.from_sender(number, person, bodies.text(person, words)))
    # The message's id is still in it, so that no two of these are the same bytes.
    return whole[:-20]


def readable(body: bytes) -> object:
    """What a delivery of ours says, for showing it; the words themselves when it is torn."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("ascii", "backslashreplace")
