"""Bodies that are too much: too many items, too long, too deep, numbers beyond all measure.

What is too much costs itself, never its neighbours, and never more room than it came with.
"""

import json
import time
from typing import Any

import pytest

from services.events import Json, Message, Notice, Quarantined
from tests.unit.payload_examples import (
    AMINA_CONTACT,
    METADATA,
    NOW,
    all_as,
    as_message,
    as_notice,
    as_quarantined,
    body,
    delivery,
    encoded,
    events_in,
    history,
    message,
    status,
    text_message,
    value,
)
from webhook import safe_json
from webhook.payloads import read

MOST_RAW = 65_536


def raw_of(event: Any) -> Json:
    assert isinstance(event, Quarantined)
    assert event.raw.isascii()
    assert len(event.raw) <= MOST_RAW
    raw: Json = json.loads(event.raw)
    assert raw.keys() == {"field", "place", "value_context", "item"}
    return raw


def nested(levels: int) -> Any:
    tree: Any = "core"
    for _ in range(levels):
        tree = [tree]
    return tree


def contacts(count: int, name: str = "n" * 500) -> list[Json]:
    return [{"wa_id": str(34_600_000_000 + n), "profile": {"name": name}} for n in range(count)]


# --- the room that what can't be read takes ---------------------------------------------------


def test_an_item_that_is_no_object_is_kept_without_the_contacts() -> None:
    raw = raw_of(as_quarantined(body(value("junk"))))
    assert raw["value_context"] == {"metadata": METADATA, "contacts": []}
    assert raw["item"] == "junk"


def test_a_list_that_is_none_is_kept_with_all_contacts() -> None:
    raw = raw_of(as_quarantined(body(value(messages="junk"))))
    assert raw["value_context"] == {"metadata": METADATA, "contacts": [AMINA_CONTACT]}


WRONG_ITEMS: dict[str, Json] = {
    "no objects": value(*[0] * 1000, contacts=contacts(1000)),
    "objects": value(*[{"from": "34600000001"}] * 1000, contacts=contacts(1000)),
    "a long contact": value(
        *[{"from": "34600000000"}] * 1000, contacts=[contacts(1)[0] | {"more": "m" * 500_000}]
    ),
    "a long number": value(*[0] * 1000, metadata=METADATA | {"more": "m" * 500_000}),
    "chats": value(
        history=[{"threads": [{"id": "1", "messages": 0}] * 1000}], contacts=contacts(1000)
    ),
    "a long chat": value(
        history=[{"threads": [{"context": {"more": "m" * 500_000}, "messages": [0] * 1000}]}]
    ),
    "pieces of history": value(history=[{"threads": 0}] * 1000, contacts=contacts(1000)),
}


@pytest.mark.parametrize("content", WRONG_ITEMS.values(), ids=list(WRONG_ITEMS))
def test_a_thousand_wrong_items_take_little_more_room_than_their_body(content: Json) -> None:
    tree = body(content)
    bad = all_as(Quarantined, events_in(tree))
    assert len(bad) == 1000
    assert len({raw_of(event)["place"] for event in bad}) == 1000
    assert sum(len(event.raw) for event in bad) < 3 * len(encoded(tree)) + 1_000_000


def test_surroundings_that_are_left_out_say_so() -> None:
    tree = body(value(*[0] * 1000, metadata=METADATA | {"more": "m" * 500_000}))
    first, *_, last = all_as(Quarantined, events_in(tree))
    assert raw_of(first)["value_context"]["truncated"].startswith('{"metadata":{"display_phone')
    assert raw_of(last)["value_context"] == {"left_out": True}


@pytest.mark.parametrize("letter", ["a", '"', "\\", "ñ", "😀"])
def test_of_a_long_item_the_start_is_kept(letter: str) -> None:
    item = text_message(letter * 200_000)
    raw = raw_of(as_quarantined(body(value(item))))
    assert raw["item"].keys() == {"truncated"}
    start = json.dumps(item, separators=(",", ":"))[:20_000]
    assert raw["item"]["truncated"].startswith(start)


def test_a_key_may_be_what_is_long() -> None:
    raw = raw_of(as_quarantined(body(value({"k" * 200_000: 1}))))
    assert raw["item"]["truncated"].startswith('{"kkk')


@pytest.mark.parametrize(
    "tree",
    [None, True, 1.5, "ñ\n", [], {}, [[], {}, [1, {"a": "b", "c": None}]], {"a": [], "b": {}}],
)
def test_what_fits_is_kept_as_it_came(tree: Any) -> None:
    assert safe_json.excerpt(tree, 100) == json.dumps(tree, separators=(",", ":"))


# --- too many items ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tree",
    [
        body(value(*[0] * 1_000_000)),
        body(value(*[{}] * 1_000_000)),
        body(value(text_message(id="a"), contacts=[{}] * 1_000_000)),
        {"object": "whatsapp_business_account", "entry": [0] * 1_000_000},
        {"object": "whatsapp_business_account", "entry": [{"changes": []}] * 250_000},
        delivery(*[{"field": "messages", "value": {"messages": 0, "statuses": 0}}] * 60_000),
    ],
    ids=["numbers", "objects", "contacts", "entries", "empty entries", "lists that are none"],
)
def test_of_a_million_junk_items_the_last_ones_are_one(tree: Json) -> None:
    content = encoded(tree)
    start = time.process_time()
    events = read(content, now=NOW).events
    assert time.process_time() - start < 5
    assert len(events) <= 50_001
    (rest,) = [
        event
        for event in events
        if isinstance(event, Quarantined) and event.code == "too_many_items"
    ]
    assert rest is events[-1]
    assert raw_of(rest)["place"] == rest.reason.split()[0]
    assert sum(len(event.raw) for event in events if isinstance(event, Quarantined)) < 20_000_000


def test_what_comes_before_too_many_items_is_read_and_the_first_unread_one_is_named() -> None:
    # The entry and the change are items, too.
    events = events_in(body(value(text_message(), contacts=None, statuses=[0] * 50_000)))
    assert isinstance(events[0], Message)
    assert [event.position for event in events] == list(range(49_999))
    rest = raw_of(events[-1])
    assert rest["place"] == "entry[0].changes[0].value.statuses[49997]"
    assert rest["item"] == [0, 0, 0]


def test_as_many_items_as_are_read_leave_no_rest() -> None:
    events = all_as(Quarantined, events_in(body(value(*[0] * 49_998, contacts=None))))
    assert {event.code for event in events} == {"wrong_type"}


# --- too deep ---------------------------------------------------------------------------------


def test_the_deepest_item_that_is_read_is_200_levels() -> None:
    deepest = {"a": nested(199)}
    assert as_notice(body(deepest, "account_update")).payload == deepest
    bad = as_quarantined(body({"a": nested(200)}, "account_update"))
    assert bad.code == "too_deep"
    assert bad.reason.split()[0] == "entry[0].changes[0].value"


@pytest.mark.parametrize("levels", [200, 490])
@pytest.mark.parametrize(
    "bad",
    [message("text", {"body": "a"}, id="deep"), message("hologram", {}, id="deep"), {}],
)
def test_an_item_that_is_too_deep_costs_itself_alone(levels: int, bad: Json) -> None:
    bad = bad | {"more": nested(levels)}
    events = events_in(body(value(text_message(id="a"), bad, text_message(id="b"))))
    assert [getattr(event, "whatsapp_id", None) for event in events] == ["a", None, "b"]
    assert isinstance(events[1], Quarantined)
    assert events[1].code == "too_deep"
    assert raw_of(events[1])["item"]["truncated"].endswith("[[[")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (value(statuses=[status(more=nested(300))]), "messages"),
        (value(errors=[{"more": nested(300)}]), "messages"),
        (value(calls=[{"more": nested(300)}]), "calls"),
        (value(contacts=[AMINA_CONTACT | {"more": nested(300)}]), "messages"),
        ({"holograms": nested(300)}, "messages"),
        ({"event": nested(300)}, "tomorrow"),
        (history(message("text", {"body": "a"}, more=nested(300))), "history"),
    ],
)
def test_every_kind_of_item_may_be_too_deep(content: Json, field: str) -> None:
    assert as_quarantined(body(content, field)).code == "too_deep"


def test_what_stands_around_an_item_may_be_too_deep() -> None:
    metadata = METADATA | {"more": nested(300)}
    assert as_message(body(value(text_message(), metadata=metadata))).text == "Buenos días"
    raw = raw_of(as_quarantined(body(value(0, metadata=metadata))))
    assert raw["value_context"].keys() == {"truncated"}
    chunk = {"threads": [{"id": "1", "context": nested(300), "messages": [0]}]}
    bad = as_quarantined(body(value(history=[chunk], contacts=None), "history"))
    assert raw_of(bad)["value_context"].keys() == {"truncated"}


@pytest.mark.parametrize("entry", [nested(400), {"changes": {"a": nested(400)}}])
def test_a_wrong_place_may_be_too_deep(entry: Any) -> None:
    tree = {"object": "whatsapp_business_account", "entry": [entry]}
    assert raw_of(as_quarantined(tree))["item"].keys() == {"truncated"}


def test_what_postgres_refuses_is_replaced_at_any_depth() -> None:
    bad = {"\0": ["\0", nested(450)], "id": "\ud800"}
    events = events_in(body(value(text_message("a\0b"), bad)))
    assert isinstance(events[0], Message)
    assert events[0].text == "a\ufffdb"
    start = raw_of(events[1])["item"]["truncated"]
    assert start.startswith('{"\\ufffd":["\\ufffd",[[[')


# --- numbers ----------------------------------------------------------------------------------

NUMBERS = ["1e999", "-1e999", "9" * 4301, "-" + "9" * 100_000, "9" * 5000 + ".5"]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:8])
def test_a_number_beyond_all_measure_is_kept_as_it_is_written(number: str) -> None:
    content = encoded(body({"number": "N"}, "account_update")).replace(b'"N"', number.encode())
    (event,) = read(content, now=NOW).events
    assert isinstance(event, Notice)
    assert event.payload == {"number": number}


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:8])
def test_a_number_beyond_all_measure_costs_its_item_at_most(number: str) -> None:
    place = message("location", {"latitude": "N", "longitude": 1})
    tree = body(value(text_message(id="a"), place, text_message(id="b")))
    events = read(encoded(tree).replace(b'"N"', number.encode()), now=NOW).events
    assert [type(event) for event in events] == [Message, Quarantined, Message]
    raw_of(events[1])
