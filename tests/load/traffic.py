"""What WhatsApp would send on a bad day, and the truth about it, to compare the database with."""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from services.events import Json
from services.simulator.bodies import (
    DEMO_NUMBER,
    Sender,
    batch,
    echo,
    echoes,
    encode,
    envelope,
    from_sender,
    new_wamid,
    status,
    text,
)

SENTENCES = (
    "Buenos días, quería saber si ya tienen mi cita",
    "Llevo tres años empadronada y quiero pedir el arraigo social",
    "Gracias, mañana les mando la foto 🙏",
    "Tengo la tarjeta roja de solicitante de asilo",
    "السلام عليكم، أحتاج مساعدة من فضلكم",
    "Je suis arrivé au mois de mars",
    "ok",
)
#: In the order in which they happen; they arrive in any.
STATUSES = ("sent", "delivered", "read")
COPIES = 50


@dataclass(slots=True)
class Truth:
    """Everything that was ever sent. Keys are WhatsApp's message ids; people are numbered."""

    #: (person, direction, text) of each message.
    messages: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    #: Statuses of the organisation's messages.
    statuses: dict[str, list[str]] = field(default_factory=dict)
    #: SHA-256 of every body that was answered with 200.
    accepted: set[str] = field(default_factory=set)
    #: SHA-256 of every body that was ever sent.
    sent: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"accepted": sorted(self.accepted), "sent": sorted(self.sent)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Truth":
        return cls(
            messages={id: (p, d, t) for id, (p, d, t) in content["messages"].items()},
            statuses=content["statuses"],
            accepted=set(content["accepted"]),
            sent=set(content["sent"]),
        )


@dataclass(frozen=True, slots=True)
class Post:
    """A body to be posted, `copies` times at once, until each was answered with 200."""

    body: bytes
    copies: int = 1


class World:
    """People who write, and an organisation that answers. Every call makes new traffic."""

    def __init__(self, people: int, seed: int) -> None:
        self.truth = Truth()
        self._random = Random(seed)
        self._people = people
        self._numbers = count(1)
        self._start = datetime.now(UTC) - timedelta(days=3)
        self._earlier: deque[bytes] = deque(maxlen=5_000)
        self._kinds: dict[Callable[[], list[Post]], int] = {
            self.one_message: 60,
            self.a_batch: 6,
            self.an_answer: 10,
            self.an_earlier_body: 10,
            self.one_message_in_two_bodies: 6,
            self.out_of_order: 6,
            self.copies_at_once: 2,
        }

    def next(self) -> list[Post]:
        """Some traffic of any kind, to be posted one after the other."""
        kinds, weights = list(self._kinds), list(self._kinds.values())
        posts = self._random.choices(kinds, weights)[0]()
        for post in posts:
            self.truth.sent.add(digest(post.body))
            self._earlier.append(post.body)
        return posts

    def one_message(self) -> list[Post]:
        person = self._person()
        return [self._post(from_sender(DEMO_NUMBER, *self._written(person)))]

    def a_batch(self) -> list[Post]:
        """Messages of several people, and a status, in one body of several entries."""
        bodies = [
            from_sender(DEMO_NUMBER, *self._written(self._person()))
            for _ in range(self._random.choice((2, 5, 20, 100)))
        ]
        return [self._post(batch(*bodies))]

    def an_answer(self) -> list[Post]:
        """What the organisation wrote on its own phone, among its statuses in any order."""
        # Half of the people are never answered: their unread messages can be counted.
        person = self._random.randrange(0, self._people, 2)
        sender = self._names(person)
        answer = echo(DEMO_NUMBER, sender, self._message(person, sender, "outbound"))
        words = STATUSES[: self._random.randint(1, len(STATUSES))]
        self.truth.statuses[answer["id"]] = list(words)
        posts = [self._post(echoes(DEMO_NUMBER, answer))]
        for n, word in enumerate(words):
            at = self._time() + timedelta(seconds=n)
            change = status(sender, answer["id"], word, at=at)
            posts.append(self._post(envelope(DEMO_NUMBER, statuses=[change])))
        self._random.shuffle(posts)
        return posts

    def an_earlier_body(self) -> list[Post]:
        if not self._earlier:
            return self.one_message()
        return [Post(self._random.choice(self._earlier))]

    def one_message_in_two_bodies(self) -> list[Post]:
        person = self._person()
        sender, message = self._written(person)
        alone = from_sender(DEMO_NUMBER, sender, message)
        among = batch(from_sender(DEMO_NUMBER, *self._written(self._person())), alone)
        posts = [self._post(alone), self._post(among)]
        self._random.shuffle(posts)
        return posts

    def out_of_order(self) -> list[Post]:
        person = self._person()
        posts = [
            self._post(from_sender(DEMO_NUMBER, *self._written(person)))
            for _ in range(self._random.randint(2, 5))
        ]
        self._random.shuffle(posts)
        return posts

    def copies_at_once(self) -> list[Post]:
        person = self._person()
        body = encode(from_sender(DEMO_NUMBER, *self._written(person)))
        return [Post(body, COPIES)]

    def _written(self, person: int) -> tuple[Sender, Json]:
        sender = self._names(person)
        return sender, self._message(person, sender, "inbound")

    def _message(self, person: int, sender: Sender, direction: str) -> Json:
        words = f"{self._random.choice(SENTENCES)} #{next(self._numbers)}"
        wamid = new_wamid(sender.user, outgoing=direction == "outbound", random=self._random)
        self.truth.messages[wamid] = (person, direction, words)
        return text(sender, words, at=self._time(), wamid=wamid)

    def _names(self, person: int) -> Sender:
        """The person, by such names as WhatsApp would show this time; always enough to tell."""
        bsuid = f"ES.{person:016}"
        name = f"Persona {person}"
        match person % 10:
            case 0 | 1:  # hides the number
                return Sender(bsuid=bsuid, profile_name=name, username=f"persona.{person}")
            case 2:  # Brazil: with and without the ninth digit
                local = f"{80000000 + person}"
                return Sender(self._random.choice((f"55119{local}", f"5511{local}")), None, name)
            case 3:  # Mexico: with and without the 1
                local = f"55{10000000 + person}"
                return Sender(self._random.choice((f"521{local}", f"52{local}")), None, name)
            case _:
                seen = self._random.choice((None, bsuid))
                return Sender(f"346{10000000 + person}", seen, name)

    def _person(self) -> int:
        return self._random.randrange(self._people)

    def _time(self) -> datetime:
        return self._start + timedelta(seconds=self._random.randrange(2 * 86_400))

    @staticmethod
    def _post(body: Json) -> Post:
        return Post(encode(body))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def people(truth: Truth) -> Sequence[int]:
    """Everybody who should be a client."""
    return sorted({person for person, _, _ in truth.messages.values()})
