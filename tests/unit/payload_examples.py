"""Synthetic webhook bodies to vary, in the shapes that WhatsApp documents."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from services.events import Event, Json, Message, Notice, Quarantined, StatusUpdate
from webhook.payloads import read

Kind = TypeVar("Kind", bound=Event)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SENT_AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TIMESTAMP = str(int(SENT_AT.timestamp()))

NUMBER_ID = "100000000000034"
BUSINESS = "34600000000"
AMINA = "34600111222"
AMINA_ID = "ES.13491208655302741918"
AMINA_PARENT = "ES.ENT.11815799212886844830"
BASHIR = "447700900123"

METADATA: Json = {"display_phone_number": BUSINESS, "phone_number_id": NUMBER_ID}
AMINA_CONTACT: Json = {
    "profile": {"name": "Amina D.", "username": "amina.d"},
    "wa_id": AMINA,
    "user_id": AMINA_ID,
}


def text_message(words: str = "Buenos días", **changes: Any) -> Json:
    return message("text", {"body": words}, **changes)


def message(kind: str, own: Any = None, **changes: Any) -> Json:
    """A message of Amina's. Pass `name=None` to leave a key out."""
    base: Json = {
        "from": AMINA,
        "from_user_id": AMINA_ID,
        "id": f"wamid.{kind}",
        "timestamp": TIMESTAMP,
        "type": kind,
    }
    if own is not None:
        base[kind] = own
    base |= {"from" if key == "from_" else key: value for key, value in changes.items()}
    return {key: value for key, value in base.items() if value is not None}


def status(word: str = "delivered", **changes: Any) -> Json:
    base: Json = {
        "id": "wamid.ours",
        "status": word,
        "timestamp": TIMESTAMP,
        "recipient_id": AMINA,
    } | changes
    return {key: value for key, value in base.items() if value is not None}


def value(*messages: Any, **parts: Any) -> Json:
    base: Json = {
        "messaging_product": "whatsapp",
        "metadata": METADATA,
        "contacts": [AMINA_CONTACT],
        "messages": list(messages) if messages else None,
    } | parts
    return {key: part for key, part in base.items() if part is not None}


def history(*messages: Json, thread: str = AMINA, **parts: Any) -> Json:
    """The value of a `history` change with one chat."""
    chunk = {
        "metadata": {"phase": 0, "chunk_order": 1, "progress": 55},
        "threads": [{"id": thread, "messages": list(messages)}],
    }
    return value(history=[chunk], **({"contacts": None} | parts))


def body(content: Any, field: Any = "messages") -> Json:
    """A delivery of one value."""
    return delivery({"field": field, "value": content})


def delivery(*changes: Any) -> Json:
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "100000000000012", "changes": list(changes)}],
    }


def encoded(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def events_in(tree: Any) -> list[Event]:
    reading = read(encoded(tree), now=NOW)
    assert reading.unreadable is None
    return reading.events


def all_as(kind: type[Kind], events: Sequence[Event]) -> list[Kind]:
    """The events, which must all be of this kind."""
    assert [event for event in events if not isinstance(event, kind)] == []
    return [event for event in events if isinstance(event, kind)]


def as_message(tree: Any) -> Message:
    (event,) = all_as(Message, events_in(tree))
    return event


def as_status(tree: Any) -> StatusUpdate:
    (event,) = all_as(StatusUpdate, events_in(tree))
    return event


def as_notice(tree: Any) -> Notice:
    (event,) = all_as(Notice, events_in(tree))
    return event


def as_quarantined(tree: Any) -> Quarantined:
    (event,) = all_as(Quarantined, events_in(tree))
    return event


def read_message(item: Json, **parts: Any) -> Message:
    """What becomes of one message of Amina's."""
    return as_message(body(value(item, **parts)))
