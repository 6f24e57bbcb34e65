"""The demo: invented people, and weeks of conversation with them that end just now.

The same person and line always get the same message id, whenever the demo is told, so telling it
again adds nothing. Times move along with `now`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import httpx
import structlog
from sqlalchemy import exists, select

from db.engine import begin
from db.tables import webhook_deliveries
from services.actors import System
from services.events import Json
from services.simulator import bodies, sender
from services.simulator.facts import enter_facts
from services.simulator.graph_problems import DETAILS
from services.simulator.replies import enter_replies
from services.simulator.script import Line, Script, scripts
from services.simulator.wire import DEMO_NUMBER, Number, Sender

log = structlog.get_logger()

_MADRID = ZoneInfo("Europe/Madrid")
_DATE = re.compile(r"\{([+-]\d+)\}")


class SeedingError(Exception):
    """The webhook did not take a delivery of the demo."""


def demo_bodies(now: datetime, number: Number) -> Iterator[bytes]:
    """Yield the demo as webhook bodies, oldest first. `now` is aware; nothing lies after it."""
    updates = [update for script in scripts() for update in _told(script, now, number)]
    for update in sorted(updates, key=lambda update: update.at):
        yield bodies.encode(update.body)


async def seed(
    client: httpx.AsyncClient, url: str, secret: str, number: Number, now: datetime
) -> int:
    """Post the demo to the webhook at `url`, in order; return the number of deliveries.

    SeedingError, after Meta's patience, if one is answered with anything but 200.
    """
    count = 0
    for body in demo_bodies(now, number):
        response = await sender.post(client, url, secret, body)
        if response.status_code != httpx.codes.OK:
            raise SeedingError(f"the webhook answered {response.status_code}")
        count += 1
    return count


async def seed_app(url: str, secret: str) -> int:
    """Tell the demo to the app at `url` by its own webhook; return the number of deliveries."""
    async with httpx.AsyncClient(timeout=30) as client:
        count = await seed(client, f"{url}/webhook", secret, DEMO_NUMBER, datetime.now(UTC))
    log.info("demo.seeded", deliveries=count)
    return count


async def seed_app_when_empty(url: str, secret: str) -> None:
    """Do so unless something was ever delivered: a demo that people played with stays theirs."""
    async with begin(System("command")) as connection:
        if await connection.scalar(select(exists().select_from(webhook_deliveries))):
            return
    await seed_app(url, secret)
    await enter_facts(System("command"))
    await enter_replies(System("command"))


@dataclass(frozen=True, slots=True)
class _Update:
    at: datetime
    body: Json


def _told(script: Script, now: datetime, number: Number) -> Iterator[_Update]:
    """Yield the deliveries of one conversation: its messages, and what became of our answers."""
    person = script.sender
    times = _times(script, now)
    #: Label of a line -> its message id, and the number of its author unless hidden.
    named: dict[str, tuple[str, str | None]] = {}
    for index, line in enumerate(script.lines):
        at = times[index]
        ours = line.author == "we"
        wamid = new_id(script, index)
        options = bodies.Options(at=at, wamid=wamid, context=_context(line, named))
        if line.name:
            named[line.name] = (wamid, number.digits if ours else person.wa_id)
        if line.kind == "number_change":
            moved = replace(person, wa_id=line.wa_id, bsuid=line.bsuid)
            note = bodies.number_change(person, moved, at=at, wamid=wamid)
            yield _Update(at, bodies.envelope(number, messages=[note]))
            person = moved
            continue
        message = _message(person, line, _dated(line.words, now), named, options)
        if not ours:
            yield _Update(at, bodies.from_sender(number, person, message))
            continue
        yield _Update(at, bodies.echoes(number, bodies.echo(number, person, message)))
        replied = next(
            (times[i] for i in range(index + 1, len(times)) if script.lines[i].author == "they"),
            now,
        )
        yield from _statuses(number, person, line, wamid, at, min(replied, now))


def new_id(script: Script, index: int) -> str:
    """Return the message id of a line, the same whenever the demo is told."""
    return bodies.new_wamid(
        script.sender.user,
        outgoing=script.lines[index].author == "we",
        random=Random(f"{script.key}/{index}"),
    )


def _message(
    person: Sender,
    line: Line,
    words: str,
    named: dict[str, tuple[str, str | None]],
    options: bodies.Options,
) -> Json:
    target = named[line.to][0] if line.to else ""
    match line.kind:
        case "image":
            return bodies.image(person, words or None, **options)
        case "video":
            return bodies.video(person, words or None, **options)
        case "voice":
            return bodies.audio(person, **options)
        case "document":
            return bodies.document(person, line.file, words or None, **options)
        case "sticker":
            return bodies.sticker(person, **options)
        case "location":
            return bodies.location(
                person, line.latitude, line.longitude, name=words, address=line.address, **options
            )
        case "contacts":
            return bodies.contacts(person, bodies.card(words, line.phone or ""), **options)
        case "own_number":
            return bodies.contacts(person, bodies.own_card(person, line.phone or ""), **options)
        case "reaction":
            return bodies.reaction(person, target, words or None, **options)
        case "button":
            return bodies.button(person, words, **options)
        case "edit":
            return bodies.edit(person, target, words, **options)
        case "delete":
            return bodies.revoke(person, target, **options)
        case "unsupported":
            return bodies.unsupported(person, words, **options)
        case _:
            return bodies.text(person, words, **options)


def _statuses(
    number: Number, person: Sender, line: Line, wamid: str, at: datetime, replied: datetime
) -> Iterator[_Update]:
    """Yield what became of an answer of ours, up to the state that the line tells.

    The echo itself says that it was sent.
    """
    if line.state == "failed":
        when = at + timedelta(seconds=2)
        code = line.error or 131047
        status = bodies.failed(person, wamid, code, DETAILS[code], at=when)
        yield _Update(when, bodies.envelope(number, statuses=[status]))
        return
    delivered = at + timedelta(seconds=2)
    # Read within twenty minutes, at the latest when the person writes again.
    read = max(
        delivered, min(replied, delivered + timedelta(seconds=Random(wamid).randrange(1200)))
    )
    steps = [("sent", at), ("delivered", delivered), ("read", read)]
    reached = [word for word, _ in steps].index(line.state)
    for word, when in steps[1 : reached + 1]:
        status = bodies.status(person, wamid, word, at=when)
        yield _Update(when, bodies.envelope(number, statuses=[status], contacts=[person]))


def _context(line: Line, named: dict[str, tuple[str, str | None]]) -> Json | None:
    if line.quotes:
        return bodies.quoting(*named[line.quotes])
    return bodies.forwarded() if line.forwarded else None


def _times(script: Script, now: datetime) -> list[datetime]:
    """Return when each line was written (UTC, whole seconds), each after the one before it."""
    today = now.astimezone(_MADRID).date()
    times: list[datetime] = []
    for index, line in enumerate(script.lines):
        if line.minutes is not None:
            at = now - timedelta(minutes=line.minutes)
        else:
            assert line.at is not None  # `script` refuses a line with neither
            at = datetime.combine(working_day(today, -line.ago), line.at, tzinfo=_MADRID)
        at += timedelta(seconds=Random(f"{script.key}/{index}/second").randrange(55))
        at = at.astimezone(UTC).replace(microsecond=0)
        times.append(max(at, times[-1] + timedelta(seconds=3)) if times else at)
    return times


def working_day(today: date, offset: int) -> date:
    """Return the day so many Mondays to Fridays from `today`; holidays are not known here."""
    day = today
    for _ in range(abs(offset)):
        day += timedelta(days=1 if offset > 0 else -1)
        while day.weekday() >= 5:
            day += timedelta(days=1 if offset > 0 else -1)
    return day


def _dated(words: str, now: datetime) -> str:
    today = now.astimezone(_MADRID).date()

    def written(match: re.Match[str]) -> str:
        day = working_day(today, int(match[1]))
        return f"{day.day}/{day.month}"

    return _DATE.sub(written, words)
