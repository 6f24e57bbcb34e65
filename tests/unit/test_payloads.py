"""The way through a body: what is read, in which order, and what is set aside."""

import codecs
import time
from typing import Any

import pytest

from services.events import Json, Message, Quarantined, StatusUpdate
from tests.unit.payload_examples import (
    METADATA,
    NOW,
    NUMBER_ID,
    all_as,
    as_notice,
    body,
    delivery,
    encoded,
    events_in,
    history,
    message,
    read_message,
    status,
    text_message,
    value,
)
from webhook import safe_json, walk
from webhook.payloads import read

# --- bytes ------------------------------------------------------------------------------------

DEEP = 30_000
UNREADABLE: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "empty"),
    ("blanks", b" \r\n\t", "empty"),
    ("only a byte order mark", codecs.BOM_UTF8, "empty"),
    ("words", b"hola", "not_json"),
    ("half a body", b'{"object": "whatsapp', "not_json"),
    ("two bodies", b"{}{}", "not_json"),
    ("a raw NUL", b'{"a": "\0"}', "not_json"),
    ("invalid UTF-8", b'{"a": "\xff"}', "not_utf8"),
    ("an encoded surrogate", b'{"a": "\xed\xa0\x80"}', "not_utf8"),
    ("UTF-16 with mark", "{}".encode("utf-16"), "not_utf8"),
    ("UTF-16 without mark", "{}".encode("utf-16-le"), "not_json"),
    ("NaN", b'{"a": NaN}', "not_json"),
    ("Infinity", b'{"a": [-Infinity]}', "not_json"),
    ("deep lists", b"[" * DEEP + b"]" * DEEP, "too_deep"),
    ("deep objects", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "too_deep"),
    ("open lists", b"[" * DEEP, "too_deep"),
    # Depths that Python's parser itself would not mind.
    ("deep behind an escaped quote", b'["\\"",' + b"[" * 550 + b"]" * 550 + b"]", "too_deep"),
    ("deep behind a backslash", b'["\\\\",' + b"[" * 550 + b"]" * 550 + b"]", "too_deep"),
    ("deep between strings", b'[""' + b',["]"' * 550 + b"]" * 551, "too_deep"),
    ("a list", b"[]", "not_an_object"),
    ("null", b"null", "not_an_object"),
    ("no object", b"{}", "wrong_object"),
    ("another product", b'{"object": "page", "entry": []}', "wrong_object"),
    ("object of a wrong type", b'{"object": {}, "entry": []}', "wrong_object"),
]


@pytest.mark.parametrize(
    ("content", "code"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE]
)
def test_bytes_that_are_no_delivery_are_unreadable_with_a_reason(content: bytes, code: str) -> None:
    reading = read(content, now=NOW)
    assert reading.events == []
    assert reading.unreadable is not None
    assert reading.unreadable.startswith(f"{code}: ")
    assert reading.unreadable.endswith(".")


def test_a_parser_out_of_breath_is_no_reason_to_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_json, "MAX_BODY_DEPTH", 10 * DEEP)
    assert "too_deep" in str(read(b"[" * DEEP + b"]" * DEEP).unreadable)


def test_a_byte_order_mark_is_accepted() -> None:
    assert len(read(codecs.BOM_UTF8 + encoded(body(value(text_message()))), now=NOW).events) == 1


def test_brackets_inside_words_are_not_depth() -> None:
    words = '[{"' * 1000 + "\\"
    assert read_message(text_message(words)).text == words


def test_the_last_of_two_equal_keys_counts() -> None:
    content = encoded(body(value(text_message()))).replace(b'{"body"', b'{"body": "no", "body"')
    (event,) = read(content, now=NOW).events
    assert isinstance(event, Message)
    assert event.text == "Buenos días"


def test_the_items_of_two_equal_keys_are_all_read() -> None:
    first, second = text_message(id="wamid.first"), text_message(id="wamid.second")
    content = encoded(body(value(first) | {"also": [second]}))
    events = read(content.replace(b'"also"', b'"messages"'), now=NOW).events
    read_ids = [message.whatsapp_id for message in all_as(Message, events)]
    assert read_ids == ["wamid.first", "wamid.second"]


def test_a_key_that_is_there_a_hundred_thousand_times_takes_no_longer() -> None:
    start = time.perf_counter()
    content = b'{"object": "x"' + b', "entry": [1]' * 100_000 + b"}"
    assert read(content, now=NOW).unreadable
    assert time.perf_counter() - start < 2


def test_an_object_that_is_there_twice_is_quarantined_with_both() -> None:
    torn = text_message(id="wamid.torn", also={"body": "Me llamo Amina"})
    content = encoded(body(value(torn, text_message(id="wamid.whole"))))
    bad, good = read(content.replace(b'"also"', b'"text"'), now=NOW).events
    assert isinstance(bad, Quarantined)
    assert "Buenos d\\u00edas" in bad.raw
    assert "Me llamo Amina" in bad.raw
    assert isinstance(good, Message)
    assert good.whatsapp_id == "wamid.whole"


@pytest.mark.parametrize(
    ("escaped", "kept"),
    [
        (r"a\u0000b", "a\ufffdb"),
        (r"\ud800", "\ufffd"),
        (r"\udc00\ud800", "\ufffd\ufffd"),
        (r"\\ud83d\ude00", "\\ud83d\ufffd"),
        (r"\ud83d\ude00", "😀"),
        (r"\u202egpj.exe", "\u202egpj.exe"),
        (r"\ud83d\udc68\u200d\ud83d\udc69", "👨\u200d👩"),
    ],
)
def test_only_what_postgres_refuses_is_replaced(escaped: str, kept: str) -> None:
    item = text_message("WORDS", context={"KEY": "WORDS"})
    content = encoded(body(value(item))).decode().replace("WORDS", escaped).replace("KEY", escaped)
    (event,) = read(content.encode(), now=NOW).events
    assert isinstance(event, Message)
    assert event.text == kept
    assert event.payload["context"] == {kept: kept}


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, str(2**63)),
        (-(10**4000), str(-(10**4000))),
        (1e308, 1e308),
        (0.1, 0.1),
    ],
)
def test_a_number_beyond_64_bits_becomes_its_digits(number: float, kept: Any) -> None:
    notice = as_notice(body({"number": number}, "account_update"))
    assert notice.payload == {"number": kept}


# --- the way through --------------------------------------------------------------------------


def test_everything_in_a_delivery_is_read_in_order() -> None:
    tree = {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": "1",
                "changes": [
                    {
                        "field": "messages",
                        "value": value(
                            text_message(id="a"),
                            text_message(id="b"),
                            statuses=[status("sent", id="c"), status("read", id="d")],
                            errors=[{"code": 130429}, {"code": 131000}],
                        ),
                    },
                    {"field": "account_update", "value": {"event": "DISABLED_UPDATE"}},
                ],
            },
            {"id": "2", "changes": []},
            {"id": "3", "changes": [{"field": "messages", "value": value(text_message(id="e"))}]},
        ],
    }
    read_events = events_in(tree)
    seen = [getattr(e, "whatsapp_id", None) or getattr(e, "kind", None) for e in read_events]
    assert seen == ["a", "b", "c", "d", "errors", "errors", "account_update", "e"]
    assert [event.position for event in read_events] == list(range(8))
    assert read_events == events_in(tree)


def test_a_delivery_may_be_about_two_numbers() -> None:
    other = METADATA | {"phone_number_id": "100000000000099"}
    tree = delivery(
        {"field": "messages", "value": value(text_message(id="a"))},
        {"field": "messages", "value": value(text_message(id="a"), metadata=other)},
    )
    read_messages = all_as(Message, events_in(tree))
    assert [item.phone_number_id for item in read_messages] == [
        NUMBER_ID,
        "100000000000099",
    ]


@pytest.mark.parametrize(
    "tree",
    [
        {"object": "whatsapp_business_account", "entry": []},
        delivery(),
        body(value(messages=[])),
        body(value(statuses=[], errors=[])),
        body(history()),
    ],
)
def test_empty_lists_are_no_events(tree: Json) -> None:
    assert events_in(tree) == []


WRONG_PLACES: list[tuple[Json, str, str]] = [
    ({"object": "whatsapp_business_account"}, "wrong_type", "entry"),
    ({"object": "whatsapp_business_account", "entry": {}}, "wrong_type", "entry"),
    ({"object": "whatsapp_business_account", "entry": [7]}, "wrong_type", "entry[0]"),
    ({"object": "whatsapp_business_account", "entry": [{}]}, "wrong_type", "entry[0].changes"),
    (
        {"object": "whatsapp_business_account", "entry": [{"changes": None}]},
        "wrong_type",
        "entry[0].changes",
    ),
    (delivery("change"), "wrong_type", "entry[0].changes[0]"),
    (delivery({"value": value()}), "wrong_type", "entry[0].changes[0].field"),
    (body(value(), ["messages"]), "wrong_type", "entry[0].changes[0].field"),
    (body(value(), "f" * 65), "too_long", "entry[0].changes[0].field"),
    (body("value"), "wrong_type", "entry[0].changes[0].value"),
    (body(None, "account_update"), "wrong_type", "entry[0].changes[0].value"),
    (body(value(messages={})), "wrong_type", "entry[0].changes[0].value.messages"),
    (body(value(messages=["hola"])), "wrong_type", "entry[0].changes[0].value.messages[0]"),
    (body(value(statuses="sent")), "wrong_type", "entry[0].changes[0].value.statuses"),
    (body(value(statuses=[None])), "wrong_type", "entry[0].changes[0].value.statuses[0]"),
    (body(value(errors=[1])), "wrong_type", "entry[0].changes[0].value.errors[0]"),
    (body(value(contacts={})), "wrong_type", "entry[0].changes[0].value.contacts"),
    (body(value(message_echoes=1)), "wrong_type", "entry[0].changes[0].value.message_echoes"),
    (body(value(history=1), "history"), "wrong_type", "entry[0].changes[0].value.history"),
    (
        body(value(history=[{"threads": 1}]), "history"),
        "wrong_type",
        "entry[0].changes[0].value.history[0].threads",
    ),
    (
        body(value(history=[{"threads": [{}]}]), "history"),
        "wrong_type",
        "entry[0].changes[0].value.history[0].threads[0].messages",
    ),
    (
        body(history(message("text"))),
        "wrong_type",
        "entry[0].changes[0].value.history[0].threads[0].messages[0].text",
    ),
    (
        body(value(text_message() | {"id": 5})),
        "wrong_type",
        "entry[0].changes[0].value.messages[0].id",
    ),
    (body(value(calls=[1]), "calls"), "wrong_type", "entry[0].changes[0].value.calls[0]"),
    (
        body(value(text_message(), metadata="x")),
        "wrong_type",
        "entry[0].changes[0].value.metadata",
    ),
    (
        body(value(text_message(), metadata={"phone_number_id": 5})),
        "wrong_type",
        "entry[0].changes[0].value.metadata.phone_number_id",
    ),
    (
        body(value(text_message(), metadata={"phone_number_id": "1" * 65})),
        "too_long",
        "entry[0].changes[0].value.metadata.phone_number_id",
    ),
]


@pytest.mark.parametrize(("tree", "code", "place"), WRONG_PLACES)
def test_a_wrong_place_costs_that_place_alone(tree: Json, code: str, place: str) -> None:
    good = {"changes": [{"field": "messages", "value": value(text_message(id="good"))}]}
    if isinstance(tree.get("entry"), list):
        tree = tree | {"entry": [*tree["entry"], good]}
    bad, *rest = events_in(tree)
    assert isinstance(bad, Quarantined)
    assert (bad.code, bad.reason.split()[0]) == (code, place)
    expected = ["good"] if isinstance(tree.get("entry"), list) else []
    assert [item.whatsapp_id for item in all_as(Message, rest)] == expected


@pytest.mark.parametrize("metadata", [None, {}, {"phone_number_id": ""}, {"phone_number_id": None}])
def test_items_that_do_not_say_to_which_number_are_quarantined_one_by_one(
    metadata: Json | None,
) -> None:
    tree = body(value(text_message(), metadata=metadata, statuses=[status()]))
    codes = [event.code for event in all_as(Quarantined, events_in(tree))]
    assert codes == ["missing_phone_number_id"] * 2


def test_one_bad_message_does_not_take_the_others_along() -> None:
    items = [text_message(id=str(n)) for n in range(1000)]
    items[500] = items[500] | {"text": None}
    read_events = events_in(body(value(*items)))
    bad = [event for event in read_events if isinstance(event, Quarantined)]
    assert [event.position for event in bad] == [500]
    assert len(read_events) == 1000


def test_a_mistake_in_this_program_costs_one_item_and_tells_no_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(item: Json) -> None:
        raise KeyError(item["text"]["body"])

    monkeypatch.setattr(walk, "read_content", broken)
    read_events = events_in(body(value(text_message("secreto"), statuses=[status()])))
    assert isinstance(read_events[0], Quarantined)
    assert read_events[0].code == "unexpected"
    assert "secreto" not in read_events[0].reason
    assert isinstance(read_events[1], StatusUpdate)
