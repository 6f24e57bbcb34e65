"""What holds for any bytes and any distortion of a body."""

import copy
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.events import Message, Quarantined, StatusUpdate
from tests.unit.payload_examples import (
    AMINA,
    AMINA_CONTACT,
    BASHIR,
    BUSINESS,
    METADATA,
    NOW,
    delivery,
    encoded,
    history,
    message,
    status,
    text_message,
    value,
)
from webhook.payloads import read

MEDIA = {"id": "990011", "mime_type": "image/jpeg", "caption": "Mi pasaporte"}
EDITED = {"type": "text", "text": {"body": "A las diez"}, "context": {"id": "M0"}}
OWN_OBJECTS: dict[str, Any] = {
    "text": {"body": "Buenos días"},
    "image": MEDIA,
    "voice": MEDIA,
    "location": {"latitude": 40.4, "longitude": -3.7, "name": "Comisaría"},
    "contacts": [
        {
            "name": {"formatted_name": "Luz", "first_name": "Luz"},
            "org": {"company": "Cruz Roja"},
            "origin": "contact_request",
            "phones": [{"phone": "+34600111222", "wa_id": AMINA}],
        }
    ],
    "reaction": {"message_id": "wamid.1", "emoji": "👍"},
    "interactive": {"type": "list_reply", "list_reply": {"title": "A", "description": "B"}},
    "button": {"payload": "YES", "text": "Sí"},
    "order": {"text": "", "product_items": [{"quantity": 3, "item_price": 30}]},
    "system": {
        "type": "user_changed_number",
        "body": "User A changed from ES.1 to ES.2",
        "wa_id": "34600999888",
        "user_id": "ES.2",
        "previous_user_id": "ES.1",
    },
    "edit": {"original_message_id": "wamid.1", "message": EDITED},
    "revoke": {"original_message_id": "wamid.1"},
    "unsupported": {"type": "poll_creation"},
    "hologram": {"depth": [1, 2]},
}
EXTRAS = {
    "context": {"from": BUSINESS, "id": "wamid.0"},
    "referral": {"source_type": "ad"},
    "errors": [{"code": 131051, "error_data": {"details": "?"}}],
}
FAILED = status(
    "failed",
    biz_opaque_callback_data="ours",
    errors=[{"code": 131047, "title": "T", "error_data": {"details": "D"}}],
)
#: Everything we know how to read, one of each.
RICH = delivery(
    {
        "field": "messages",
        "value": value(
            *(message(kind, own, **EXTRAS) for kind, own in OWN_OBJECTS.items()),
            statuses=[FAILED, status("read")],
            errors=[{"code": 130429}],
        ),
    },
    {
        "field": "smb_message_echoes",
        "value": value(message_echoes=[text_message(from_=BUSINESS, to=AMINA)]),
    },
    {
        "field": "history",
        "value": history(text_message(), text_message(from_=BUSINESS, to=AMINA)),
    },
    {"field": "calls", "value": value(calls=[{"id": "c"}], statuses=[{"type": "call"}])},
    {"field": "account_update", "value": {"event": "X"}},
    {"field": "tomorrow", "value": {}},
)

#: Text as hostile as JSON can carry it: NUL and lone surrogates included.
any_text = st.text(st.characters(exclude_categories=()), max_size=12)
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text
    | st.sampled_from(["", "M0", AMINA, BASHIR, "ES.1", "wamid.1", "text", "group", "edit"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=10,
)

Path = tuple[str | int, ...]


def paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a tree below its root."""
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


@st.composite
def distorted(draw: st.DrawFn, tree: Any, below: Path = ()) -> Any:
    """The tree with up to three places deleted, replaced or given company."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        choices = [path for path in paths(tree) if path[: len(below)] == below]
        if not choices:
            break
        *way, last = draw(st.sampled_from(choices))
        holder = tree
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["delete", "replace", "insert"])):
            case "delete":
                del holder[last]
            case "replace":
                holder[last] = draw(any_json)
            case _ if isinstance(holder, list):
                holder.insert(int(last), draw(any_json))
            case _:
                holder[draw(any_text)] = draw(any_json)
    return tree


def strings_in(thing: Any) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from strings_in(getattr(thing, field.name))
    elif isinstance(thing, dict):
        for key, inner in thing.items():
            yield from strings_in(key)
            yield from strings_in(inner)
    elif isinstance(thing, list | tuple):
        for inner in thing:
            yield from strings_in(inner)


def numbers_in(thing: Any) -> Iterator[int | float]:
    if isinstance(thing, int | float):
        yield thing
    elif isinstance(thing, dict):
        for inner in thing.values():
            yield from numbers_in(inner)
    elif isinstance(thing, list):
        for inner in thing:
            yield from numbers_in(inner)


def check(content: bytes) -> None:
    """All that must be true of the reading of any bytes."""
    reading = read(content, now=NOW)
    assert reading == read(content, now=NOW)
    for string in strings_in(reading):
        string.encode()
        assert "\0" not in string
    assert [event.position for event in reading.events] == list(range(len(reading.events)))
    for event in reading.events:
        if isinstance(event, Quarantined):
            assert event.code != "unexpected"
            assert event.raw.isascii()
            assert len(event.raw) <= 65_536
            assert json.loads(event.raw).keys() == {"field", "place", "value_context", "item"}
            continue
        for number in numbers_in(event.payload):
            assert -(2**63) <= number < 2**63 or isinstance(number, float)
        json.dumps(event.payload, allow_nan=False)
        if isinstance(event, Message):
            assert event.person.wa_id or event.person.bsuid
            assert 0 < len(event.whatsapp_id) <= 512
            assert len(event.text or "") <= 65_536
        if isinstance(event, StatusUpdate):
            assert 0 < len(event.whatsapp_id) <= 512
            assert event.status == event.status.lower()


def test_the_body_that_is_distorted_below_is_read_whole() -> None:
    events = read(encoded(RICH), now=NOW).events
    assert len(events) == len(OWN_OBJECTS) + 2 + 1 + 1 + 2 + 2 + 2
    assert not [event for event in events if isinstance(event, Quarantined)]


@given(st.binary(max_size=400))
def test_no_bytes_are_too_strange(content: bytes) -> None:
    check(content)


@given(any_json)
def test_no_json_is_too_strange(tree: Any) -> None:
    check(encoded(tree))
    check(encoded({"object": "whatsapp_business_account", "entry": tree}))


@given(st.data())
def test_no_bytes_between_good_ones_are_too_strange(data: st.DataObject) -> None:
    content = encoded(RICH)
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    check(content[:start] + data.draw(st.binary(max_size=20)) + content[end:])


@settings(max_examples=300)
@given(distorted(RICH))
def test_no_distortion_of_a_body_is_too_strange(tree: Any) -> None:
    check(encoded(tree))


@settings(max_examples=300)
@given(
    st.sampled_from(list(OWN_OBJECTS.items())).flatmap(
        lambda kind: distorted(message(kind[0], kind[1], **EXTRAS, id="wamid.distorted"))
    )
)
def test_a_distorted_message_never_takes_its_neighbours_along(item: Any) -> None:
    before, after = text_message(id="wamid.before"), text_message(id="wamid.after")
    good = value(before, after, statuses=[FAILED])
    bad = value(before, item, after, statuses=[FAILED])
    expected = read(encoded(delivery({"field": "messages", "value": good})), now=NOW).events
    content = encoded(delivery({"field": "messages", "value": bad}))
    check(content)
    events = read(content, now=NOW).events
    assert len(events) == 4
    del events[1]
    assert [replace(event, position=0) for event in events] == [
        replace(event, position=0) for event in expected
    ]


@settings(max_examples=200)
@given(distorted(FAILED))
def test_a_distorted_status_never_takes_its_neighbours_along(item: Any) -> None:
    content = encoded(
        delivery({"field": "messages", "value": value(statuses=[FAILED, item, FAILED])})
    )
    check(content)
    events = read(content, now=NOW).events
    assert [type(event) for event in (events[0], events[2])] == [StatusUpdate, StatusUpdate]
    assert len(events) == 3


@settings(max_examples=200)
@given(distorted(RICH["entry"][0]["changes"][0]))
def test_a_distorted_change_never_takes_the_next_one_along(change: Any) -> None:
    bashir = {"profile": {"name": "Bashir"}, "wa_id": BASHIR}
    item = text_message(id="wamid.next", from_=BASHIR, from_user_id=None)
    following = {"field": "messages", "value": value(item, contacts=[bashir])}
    content = encoded(delivery(change, following))
    check(content)
    last = read(content, now=NOW).events[-1]
    assert isinstance(last, Message)
    assert (last.whatsapp_id, last.person.profile_name) == ("wamid.next", "Bashir")


@settings(max_examples=200)
@given(distorted({"metadata": METADATA, "contacts": [AMINA_CONTACT]}))
def test_a_distorted_surrounding_loses_no_message(surrounding: Any) -> None:
    items = [text_message(id="wamid.1"), text_message(id="wamid.2")]
    content = encoded(delivery({"field": "messages", "value": {"messages": items} | surrounding}))
    check(content)
    if "messages" in surrounding:
        return
    found = [
        event
        for event in read(content, now=NOW).events
        if isinstance(event, Message)
        or (isinstance(event, Quarantined) and ".messages[" in json.loads(event.raw)["place"])
    ]
    assert len(found) == 2
