"""Applying what WhatsApp delivered: clients, messages, statuses, proposals.

One path for a live message, a retry, a batch of a thousand and a replay. Applying the same events
again changes nothing; applying them in another order ends in the same state, but for the number of
unread messages, which counts by arrival: what came late was not seen yet.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db import inbound as sql
from db import sending as sending_sql
from services import (
    changes,
    channel_news,
    classification,
    erasures,
    graph_errors,
    keyword_settings,
)
from services.classification import BUILT_IN
from services.events import Event, Message, Notice, Person, Quarantined, StatusUpdate
from services.identities import Directory, open_directory
from services.keywords import Vocabulary

log = structlog.get_logger()

PREVIEW_LENGTH = 160
#: A status older than this stops no sending.
_NEWS = timedelta(minutes=10)

#: They belong to another message and are no news of their own.
_ANNOTATIONS = {"reaction", "edit", "revoke"}
#: Their content lies with WhatsApp for a week and has to be fetched (`services.media_fetching`).
_WITH_FILE = {"image", "video", "audio", "document", "sticker"}
#: WhatsApp does not say that these open the 24-hour window, so we do not count on it.
_WINDOW_CLOSED_FOR = _ANNOTATIONS | {"system", "unsupported", "unknown"}


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event with the delivery that brought it."""

    event: Event
    delivery_id: int
    received_at: datetime


#: An event with the identities of whom it tells.
_Named = tuple[Arrived, Message | StatusUpdate, set[tuple[str, str]]]


@dataclass(slots=True)
class Outcome:
    """What became of a batch, for logs."""

    messages: int = 0
    statuses: int = 0
    noted: int = 0
    quarantined: int = 0


@dataclass(slots=True)
class _Activity:
    """What a batch changes beside one client."""

    unread: int = 0
    #: The organisation answered, so what had arrived before was read.
    answered: bool = False
    newest: RowMapping | None = None
    inbound_at: datetime | None = None
    #: The person's first message after the organisation's last, and that last.
    waiting_at: datetime | None = None
    answered_at: datetime | None = None
    named_at: datetime | None = None
    profile_name: str | None = None
    username: str | None = None
    message_ids: list[UUID] = field(default_factory=list)
    evidence: list[classification.Evidence] = field(default_factory=list)


async def apply(connection: AsyncConnection, arrived: Sequence[Arrived]) -> Outcome:
    """Apply these events within the caller's transaction: all of them, or an error."""
    messages = [(a, a.event) for a in arrived if isinstance(a.event, Message)]
    statuses = [(a, a.event) for a in arrived if isinstance(a.event, StatusUpdate)]
    kept = [a for a in arrived if isinstance(a.event, Notice | Quarantined)]

    # A status and its message may be applied by two processes at once; without a lock each could
    # miss the other, and nobody would look again.
    sent = [("message", f"{s.phone_number_id}:{s.whatsapp_id}") for _, s in statuses]
    sent += [
        ("message", f"{m.phone_number_id}:{m.whatsapp_id}")
        for _, m in messages
        if m.direction == "outbound"
    ]
    fresh, directory = await _unknown_yet(connection, messages, sent)
    fresh, statuses = await _without_erased(connection, fresh, statuses)
    items = [_item_row(a) for a in kept]
    rows: list[dict[str, Any]] = []
    people: dict[UUID, list[tuple[datetime, Person]]] = defaultdict(list)
    for a, message in fresh:
        when = message.sent_at or a.received_at
        client_id = _client_of(directory, message, when)
        if client_id is None:
            items.append(_nobody_row(a, message))
            continue
        people[client_id].append((when, message.person))
        rows.append(_message_row(len(rows), a, message, client_id, when))
    await directory.write(connection)

    inserted = await sql.insert_messages(connection, rows) if rows else []
    await sql.await_media(connection, [r["id"] for r in inserted if r["type"] in _WITH_FILE])
    await sql.insert_statuses(connection, [_status_row(a, status) for a, status in statuses])
    await sql.insert_items(connection, items)
    owned = await _own(connection, [status for _, status in statuses])
    raised = [*owned, *await _raise_statuses(connection, statuses, inserted)]
    needless = await sending_sql.take_back_retries(connection, [row["id"] for row in owned])
    await channel_news.apply(
        connection, [(a.event, a.received_at) for a in kept if isinstance(a.event, Notice)]
    )
    await _note_numbers(connection, [m for _, m in messages] + [s for _, s in statuses])
    await _heed_errors(connection, statuses)

    is_said = any(row["text"] for row in inserted)
    vocabulary = await keyword_settings.vocabulary_in(connection) if is_said else BUILT_IN
    activity = _activity(inserted, people, vocabulary)
    await sql.touch_clients(connection, [_touch_row(id, a) for id, a in activity.items()])
    await _propose(connection, activity)
    # Of what was taken back nothing is left to tell of but whose it was.
    gone: dict[UUID, list[UUID]] = {row["client_id"]: [] for row in needless}
    await changes.announce(connection, gone | _news(activity, raised))
    return Outcome(
        messages=len(inserted),
        statuses=len(statuses),
        noted=sum(row["state"] == "noted" for row in items),
        quarantined=sum(row["state"] == "quarantined" for row in items),
    )


async def _unknown_yet(
    connection: AsyncConnection,
    messages: list[tuple[Arrived, Message]],
    also_locked: list[tuple[str, str]],
) -> tuple[list[tuple[Arrived, Message]], Directory]:
    """The messages that are not in the database, once each, and the directory of their people.

    The question is asked under the identities' locks: whoever else holds this very message waits.
    """
    everybody = [person for _, message in messages for person in _people(message)]
    directory = await open_directory(connection, everybody, also_locked)
    keys = {(m.phone_number_id, m.whatsapp_id) for _, m in messages}
    known = await sql.known_messages(connection, sorted(keys)) if keys else set()
    fresh: list[tuple[Arrived, Message]] = []
    for a, message in messages:
        key = (message.phone_number_id, message.whatsapp_id)
        if key not in known:
            known.add(key)
            fresh.append((a, message))
    # People are recognised in the order of what happened, as far as this batch knows it.
    fresh.sort(key=lambda pair: pair[1].sent_at or pair[0].received_at)
    return fresh, directory


async def _without_erased(
    connection: AsyncConnection,
    messages: list[tuple[Arrived, Message]],
    statuses: list[tuple[Arrived, StatusUpdate]],
) -> tuple[list[tuple[Arrived, Message]], list[tuple[Arrived, StatusUpdate]]]:
    """Leave out what only tells of somebody who has been erased: what became of messages to them,
    and that their number is another now. What they write themselves makes a new client.

    Under the locks of `_unknown_yet`: a client who is made meanwhile is one here, too.
    """
    named: list[_Named] = [(a, status, _recipient_keys(status)) for a, status in statuses]
    told: list[_Named] = [(a, m, _keys(_people(m))) for a, m in messages if m.type == "system"]
    everybody = sorted({key for _, _, found in (*named, *told) for key in found})
    if not everybody or not await sql.is_anybody_erased(connection):
        return messages, statuses
    digests = {key: erasures.digest_of(*key) for key in everybody}
    erased, borne = await sql.erased_and_borne(connection, everybody, list(digests.values()))
    late = [
        (a, event, found)
        for a, event, found in (*named, *told)
        if found & erased and not found & borne
    ]
    sent = [(event.phone_number_id, event.whatsapp_id) for _, event, _ in late]
    known = await sql.known_messages(connection, sent) if sent else set()
    late = [row for row in late if (row[1].phone_number_id, row[1].whatsapp_id) not in known]
    if not late:
        return messages, statuses
    await sql.leave_to_erasures(
        connection,
        [digests[key] for key in sorted({key for *_, found in late for key in found & erased})],
        sorted({a.delivery_id for a, *_ in late}),
    )
    dropped = {id(event) for _, event, _ in late}
    return (
        [pair for pair in messages if id(pair[1]) not in dropped],
        [pair for pair in statuses if id(pair[1]) not in dropped],
    )


def _recipient_keys(status: StatusUpdate) -> set[tuple[str, str]]:
    found = {
        ("wa_id", status.payload.get("recipient_id")),
        ("bsuid", status.payload.get("recipient_user_id")),
    }
    return {(kind, value) for kind, value in found if isinstance(value, str) and value}


def _keys(people: Sequence[Person]) -> set[tuple[str, str]]:
    found = {
        key
        for p in people
        for key in (("wa_id", p.wa_id), ("bsuid", p.bsuid), ("parent_bsuid", p.parent_bsuid))
    }
    return {(kind, value) for kind, value in found if value}


def _people(message: Message) -> list[Person]:
    if message.identity_change is None:
        return [message.person]
    change = message.identity_change
    return [message.person, change.previous, change.current]


def _client_of(directory: Directory, message: Message, when: datetime) -> UUID | None:
    if message.identity_change is not None:
        return directory.move(message.identity_change, when)
    if message.type == "system":
        # News about somebody who never wrote makes no client.
        return directory.existing(message.person, when)
    return directory.client_of(message.person, when)


def _message_row(
    n: int, a: Arrived, message: Message, client_id: UUID, when: datetime
) -> dict[str, Any]:
    return {
        "n": n,
        "client_id": str(client_id),
        "phone_number_id": message.phone_number_id,
        "whatsapp_id": message.whatsapp_id,
        "direction": message.direction,
        "type": message.type,
        "text": message.text,
        "payload": message.payload,
        "sent_at": when.isoformat(),
        "received_at": a.received_at.isoformat(),
        # What the organisation sent from its own phone has left it.
        "status": "received" if message.direction == "inbound" else "sent",
        "error": None,
        "quoted_id": message.quoted_id,
        "target_id": message.target_id,
        "historical": message.historical,
        "delivery_id": a.delivery_id,
    }


def _status_row(a: Arrived, status: StatusUpdate) -> dict[str, Any]:
    return {
        "phone_number_id": status.phone_number_id,
        "whatsapp_id": status.whatsapp_id,
        "status": status.status,
        "occurred_at": status.occurred_at.isoformat() if status.occurred_at else None,
        "callback_data": status.callback_data,
        "error": asdict(status.error) if status.error else None,
        "payload": status.payload,
        "delivery_id": a.delivery_id,
    }


def _item_row(a: Arrived) -> dict[str, Any]:
    event = a.event
    row = {"delivery_id": a.delivery_id, "position": event.position}
    if isinstance(event, Quarantined):
        return row | {
            "field": event.field,
            "state": "quarantined",
            "code": event.code,
            "reason": event.reason,
            "raw": event.raw,
        }
    assert isinstance(event, Notice)
    return row | {
        "field": event.field,
        "state": "noted",
        "code": event.kind,
        "reason": None,
        "raw": json.dumps(event.payload),
    }


def _nobody_row(a: Arrived, message: Message) -> dict[str, Any]:
    return {
        "delivery_id": a.delivery_id,
        "position": message.position,
        "field": "messages",
        "state": "noted",
        "code": "system_without_client",
        "reason": "A system message about somebody who is no client.",
        "raw": json.dumps(message.payload),
    }


async def _own(
    connection: AsyncConnection, statuses: Sequence[StatusUpdate]
) -> Sequence[RowMapping]:
    """Messages of ours whose answer never came, or is slower than their status: it names them."""
    rows = [
        {"id": id, "phone_number_id": s.phone_number_id, "whatsapp_id": s.whatsapp_id}
        for s in statuses
        if s.callback_data is not None and (id := _own_id(s.callback_data)) is not None
    ]
    return await sending_sql.own(connection, rows) if rows else []


def _own_id(callback_data: str) -> str | None:
    try:
        return str(UUID(callback_data))
    except ValueError:
        return None


async def _heed_errors(
    connection: AsyncConnection, statuses: Sequence[tuple[Arrived, StatusUpdate]]
) -> None:
    """WhatsApp may take a message and refuse it afterwards: what it says of the 24 hours, or of the
    account, holds for what comes next, too."""
    closed = []
    for a, status in statuses:
        code = status.error.code if status.error else None
        if code is None or status.status != "failed":
            continue
        when = status.occurred_at or a.received_at
        if code == graph_errors.WINDOW_CLOSED:
            closed.append(
                {
                    "phone_number_id": status.phone_number_id,
                    "whatsapp_id": status.whatsapp_id,
                    "at": when.isoformat(),
                }
            )
        elif graph_errors.verdict(code).action is graph_errors.Action.STOP and not _is_old(a, when):
            details = status.error.details if status.error else None
            if await sending_sql.stop(connection, status.phone_number_id, code, details):
                log.error("sending.stopped", code=code)
                await changes.announce_channel(connection)
    await sending_sql.close_window(connection, closed)


def _is_old(a: Arrived, when: datetime) -> bool:
    """News from before says nothing of now, whether WhatsApp retries it or a person replays it."""
    return a.received_at - when > _NEWS or datetime.now(UTC) - a.received_at > _NEWS


async def _raise_statuses(
    connection: AsyncConnection,
    statuses: list[tuple[Arrived, StatusUpdate]],
    inserted: Sequence[RowMapping],
) -> Sequence[RowMapping]:
    """Statuses meet their messages, whichever of the two came first."""
    keys = {(s.phone_number_id, s.whatsapp_id) for _, s in statuses}
    keys |= {
        (row["phone_number_id"], row["whatsapp_id"])
        for row in inserted
        if row["direction"] == "outbound"
    }
    return await sql.apply_statuses(connection, sorted(keys)) if keys else []


async def _note_numbers(
    connection: AsyncConnection, events: Sequence[Message | StatusUpdate]
) -> None:
    numbers: dict[str, str | None] = {}
    for event in events:
        display = event.display_phone_number if isinstance(event, Message) else None
        numbers[event.phone_number_id] = display or numbers.get(event.phone_number_id)
    if not numbers:
        return
    rows = [{"phone_number_id": id, "display_phone_number": d} for id, d in numbers.items()]
    for row in await sql.note_numbers(connection, rows):
        if row["is_new"]:
            log.info("whatsapp_number.first_seen", phone_number_id=row["phone_number_id"])


def _activity(
    inserted: Sequence[RowMapping],
    people: dict[UUID, list[tuple[datetime, Person]]],
    vocabulary: Vocabulary,
) -> dict[UUID, _Activity]:
    activity: dict[UUID, _Activity] = defaultdict(_Activity)
    for row in inserted:
        a = activity[row["client_id"]]
        a.message_ids.append(row["id"])
        if row["type"] in _ANNOTATIONS:
            continue
        if a.newest is None or row["sent_at"] >= a.newest["sent_at"]:
            a.newest = row
        if row["direction"] != "inbound":
            if not row["historical"]:
                a.unread, a.answered = 0, True
                a.answered_at = max(a.answered_at or row["sent_at"], row["sent_at"])
                if a.waiting_at is not None and a.waiting_at <= row["sent_at"]:
                    a.waiting_at = None
            continue
        if row["type"] not in _WINDOW_CLOSED_FOR:
            a.inbound_at = max(a.inbound_at or row["sent_at"], row["sent_at"])
        if row["historical"]:
            continue
        if row["type"] != "system":
            a.unread += 1
            if a.answered_at is None or row["sent_at"] > a.answered_at:
                a.waiting_at = min(a.waiting_at or row["sent_at"], row["sent_at"])
        if row["text"]:
            a.evidence += classification.find_evidence(row["text"], vocabulary)
    for client_id, seen in people.items():
        a = activity[client_id]
        for when, person in seen:
            if person.profile_name or person.username:
                a.named_at = when  # the latest, because they come in that order
                a.profile_name = person.profile_name or a.profile_name
                a.username = person.username or a.username
    return activity


def _touch_row(client_id: UUID, a: _Activity) -> dict[str, Any]:
    newest = a.newest
    return {
        "client_id": str(client_id),
        "unread": a.unread,
        "answered": a.answered,
        "last_at": newest["sent_at"].isoformat() if newest else None,
        "direction": newest["direction"] if newest else None,
        "type": newest["type"] if newest else None,
        "preview": newest["text"][:PREVIEW_LENGTH] if newest and newest["text"] else None,
        "inbound_at": a.inbound_at.isoformat() if a.inbound_at else None,
        "waiting_at": a.waiting_at.isoformat() if a.waiting_at else None,
        "answered_at": a.answered_at.isoformat() if a.answered_at else None,
        "profile_name": a.profile_name,
        "username": a.username,
        "named_at": a.named_at.isoformat() if a.named_at else None,
    }


async def _propose(connection: AsyncConnection, activity: dict[UUID, _Activity]) -> None:
    """Let the classifier judge again where it found something new and no person has decided."""
    found = {id: a.evidence for id, a in activity.items() if a.evidence}
    if not found:
        return
    rows = []
    for row in await sql.profiles(connection, list(found)):
        earlier = [classification.Evidence.from_json(e) for e in row["profile_evidence"]]
        evidence = classification.merge(earlier, found[row["id"]])
        proposal = classification.propose(evidence)
        rows.append(
            {
                "client_id": str(row["id"]),
                "profile_type": proposal.profile_type,
                "confidence": proposal.confidence,
                "evidence": [e.as_json() for e in proposal.evidence],
            }
        )
    await sql.propose_profiles(connection, rows)


def _news(activity: dict[UUID, _Activity], raised: Sequence[RowMapping]) -> dict[UUID, list[UUID]]:
    news: dict[UUID, list[UUID]] = {id: list(a.message_ids) for id, a in activity.items()}
    for row in raised:
        ids = news.setdefault(row["client_id"], [])
        if row["id"] not in ids:
            ids.append(row["id"])
    return news
