"""What a conversation looks like, and that nothing a person writes can become markup."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.conversations import (
    MessageError,
    MessageStatus,
    Quote,
    Reaction,
    TimelineMessage,
)
from services.events import MessageType
from ui.components.message_words import error_meaning, status_name, type_name
from ui.components.timeline import first_unread, render
from ui.components.whatsapp_text import formatted
from ui.i18n import speaking

MONDAY = datetime(2026, 11, 23, 9, 42, 7, tzinfo=UTC)
PLANTED = "<img src=x onerror=alert(1)>"
RLO = "\u202e"
TYPES: tuple[MessageType, ...] = get_args(MessageType)
STATUSES: tuple[MessageStatus, ...] = get_args(MessageStatus)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with speaking("en"):
        yield


# --- days and groups --------------------------------------------------------------------------


def test_each_day_begins_with_its_date_on_the_organisations_clock() -> None:
    late = message(sent_at=datetime(2026, 11, 22, 22, 30, tzinfo=UTC))  # 23:30 in Madrid
    after_midnight = message(sent_at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))  # 00:30
    page = read([late, after_midnight, message()])
    assert [day.text for day in page.all("ac-day")] == ["Sun 22 Nov", "Mon 23 Nov"]
    assert [day["data-day"] for day in page.all("ac-day")] == ["2026-11-22", "2026-11-23"]


def test_bubbles_of_one_sender_within_five_minutes_stand_together() -> None:
    page = read(
        [
            message(sent_at=MONDAY),
            message(sent_at=MONDAY + timedelta(minutes=5)),
            message(sent_at=MONDAY + timedelta(minutes=10, seconds=1)),
            message(sent_at=MONDAY + timedelta(minutes=11), direction="outbound"),
        ]
    )
    assert ["ac-first" in bubble.classes for bubble in page.messages] == [True, False, True, True]


def test_a_new_day_begins_a_new_group() -> None:
    midnight = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    page = read([message(sent_at=midnight - timedelta(seconds=1)), message(sent_at=midnight)])
    assert ["ac-first" in bubble.classes for bubble in page.messages] == [True, True]


def test_the_time_is_short_and_exact_on_hover() -> None:
    moment = read([message()]).one("time", by="tag")
    assert moment.text == "10:42"
    assert moment["title"] == "Monday 23 November 2026, 10:42:07"
    assert moment["datetime"] == "2026-11-23T09:42:07+00:00"


def test_places_of_messages_compare_as_text_by_time_and_then_by_arrival() -> None:
    in_order = [
        message(sent_at=datetime(1960, 1, 1, tzinfo=UTC), seq=9),
        message(sent_at=MONDAY, seq=9),
        message(sent_at=MONDAY, seq=10),
        message(sent_at=MONDAY + timedelta(microseconds=1), seq=1),
        message(sent_at=datetime(2287, 1, 1, tzinfo=UTC), seq=1),
    ]
    places = [bubble["data-at"] for bubble in read(in_order).messages]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


def test_each_message_has_an_id_to_be_replaced_by() -> None:
    one = message()
    assert read([one]).messages[0]["id"] == f"m-{one.id}"


# --- what is new ------------------------------------------------------------------------------


def test_the_line_stands_above_the_first_message_nobody_has_read() -> None:
    seen, new = message(text="seen"), message(text="new")
    page = read([seen, new], new_from=new.id)
    assert page.order("ac-new", "ac-msg") == ["ac-msg", "ac-new", "ac-msg"]
    assert "ac-first" in page.messages[1].classes


def test_the_first_unread_is_counted_back_over_what_the_person_wrote() -> None:
    old, first = message(), message()
    ours = message(direction="outbound")
    reaction, system = message(type="reaction"), message(type="system")
    history, last = message(historical=True), message()
    page = [old, first, ours, reaction, system, history, last]
    assert first_unread(page, 2) == (first.id, 0)


def test_unread_messages_beyond_the_page_are_looked_for_further_up() -> None:
    assert first_unread([message(), message(direction="outbound"), message()], 5) == (None, 3)
    assert first_unread([message()], 0) == (None, 0)


# --- delivery ---------------------------------------------------------------------------------


def test_every_state_of_a_sent_message_has_words() -> None:
    for status in STATUSES:
        page = read([message(direction="outbound", status=status)])
        states = page.all(f"ac-state-{status}")
        if status == "received":
            assert states == []
        else:
            assert states[0].text == status_name(status) == states[0]["title"]


def test_a_failed_message_says_why_in_plain_words_and_keeps_those_of_whatsapp() -> None:
    error = MessageError(131047, "Re-engagement message", "More than 24 hours have passed.")
    page = read([message(direction="outbound", status="failed", error=error)])
    assert "nothing but templates" in page.one("ac-error-words").text
    assert "Error 131047: Re-engagement message" in page.one("details", by="tag").text
    assert "More than 24 hours have passed." in page.one("details", by="tag").text


@given(st.none() | st.integers())
def test_every_error_has_a_meaning(code: int | None) -> None:
    assert error_meaning(MessageError(code, "title", None))


def test_an_error_that_came_with_a_message_of_the_person_is_shown_too() -> None:
    errors = [{"code": 131052, "title": "Download", "error_data": {"details": "Too large"}}]
    page = read([message(type="image", payload={"image": {}, "errors": errors})])
    assert "Ask the person to send it again" in page.one("ac-error-words").text
    assert "Too large" in page.one("details", by="tag").text


# --- what belongs to another message ----------------------------------------------------------


def test_a_quote_leads_to_its_message() -> None:
    quoted = message(whatsapp_id="wamid.A", text="When?")
    answer = message(quote=Quote("wamid.A", "inbound", "text", "When?"))
    page = read([quoted, answer])
    quote = page.one("ac-quote")
    assert quote.tag == "button"
    assert "When?" in quote.text
    assert quote["data-jump"] == page.messages[0]["data-ref"]


def test_a_whatsapp_id_holds_a_phone_number_and_stays_out_of_the_page() -> None:
    wamid = "wamid.HBgLMzQ2MDAwMDAxMjM="
    source = render([message(whatsapp_id=wamid, quote=Quote(wamid, "inbound", "text", "x"))])
    assert "HBgLMzQ2" not in source


def test_a_quote_of_a_photo_without_words_names_it() -> None:
    page = read([message(quote=Quote("wamid.A", "outbound", "image", None))])
    assert page.one("ac-quote-words").text == "Photo"
    assert page.one("ac-quote-who").text == "Us"


def test_a_quote_of_a_message_we_never_saw_says_so_and_leads_nowhere() -> None:
    quote = read([message(quote=Quote("wamid.A", None, None, None))]).one("ac-quote")
    assert "We never received this message" in quote.text
    assert quote.tag == "div"
    assert "data-jump" not in quote.attributes


def test_reactions_are_badges_that_say_whose_they_are() -> None:
    reactions = [Reaction("👍", "inbound"), Reaction("❤️", "outbound")]
    page = read([message(reactions=reactions)])
    badges = page.one("ac-reactions").children
    assert [(badge.text, badge["title"]) for badge in badges] == [
        ("👍", "The person"),
        ("❤️", "Us"),
    ]


def test_an_edited_message_shows_the_new_text_and_on_demand_the_old_one() -> None:
    page = read([message(text="Tuesday", edited=True, original_text="Monday")])
    assert "edited" in page.one("ac-footer").text
    original = page.one("ac-original")
    assert original.tag == "details"
    assert "open" not in original.attributes
    assert "Monday" in original.text


def test_a_message_the_person_deleted_is_kept_and_marked() -> None:
    page = read([message(text="for my sister", revoked=True)])
    assert "The person deleted this; kept here" in page.text
    assert "for my sister" in page.text


@pytest.mark.parametrize(
    ("kind", "payload", "text", "said"),
    [
        ("reaction", {"reaction": {"emoji": "🙏"}}, "🙏", "Reacted to a message we do not have"),
        ("reaction", {"reaction": {}}, None, "Took back a reaction"),
        ("edit", {"edit": {}}, "on Tuesday", "Corrected a message we do not have"),
        ("revoke", {"revoke": {}}, None, "Deleted a message we do not have"),
    ],
)
def test_what_belongs_to_a_message_we_never_saw_stands_by_itself(
    kind: MessageType, payload: dict[str, Any], text: str | None, said: str
) -> None:
    page = read([message(type=kind, payload=payload, text=text)])
    assert said in page.text
    assert (text or "") in page.text


def test_a_forwarded_message_says_so() -> None:
    assert "Forwarded" in read([message(payload={"context": {"forwarded": True}})]).text
    often = {"context": {"forwarded": True, "frequently_forwarded": True}}
    assert "Forwarded many times" in read([message(payload=often)]).text


def test_who_comes_through_an_advertisement_is_known_by_it() -> None:
    page = read([message(payload={"referral": {"headline": "Papers?", "source_url": "x"}})])
    assert "Came through an advertisement: Papers?" in page.text


# --- types ------------------------------------------------------------------------------------


def test_every_type_has_a_name_and_a_bubble_that_is_not_empty() -> None:
    for kind in TYPES:
        assert type_name(kind)
        page = read([message(type=kind, text=None, payload={})])
        assert len(page.messages[0].text) > len("10:42"), kind


def test_a_caption_stands_under_its_photo() -> None:
    payload = {"image": {"id": "1", "mime_type": "image/jpeg"}}
    page = read([message(type="image", text="My passport", payload=payload)])
    assert page.one("ac-file-name").text == "Photo"
    assert page.one("ac-file-kind").text == "JPEG · WhatsApp sent no file with it"
    assert page.one("ac-text").text == "My passport"


def test_a_document_shows_its_name_and_kind() -> None:
    payload = {"document": {"filename": "padrón.pdf", "mime_type": "application/pdf"}}
    page = read([message(type="document", text=None, payload=payload)])
    assert page.one("ac-file-name").text == "padrón.pdf"
    assert page.one("ac-file-kind").text == "Document · PDF · WhatsApp sent no file with it"


@pytest.mark.parametrize(("voice", "name"), [(True, "Voice note"), (False, "Audio")])
def test_a_voice_note_is_told_from_a_sound_file(voice: bool, name: str) -> None:
    payload = {"audio": {"voice": voice, "mime_type": "audio/ogg; codecs=opus"}}
    page = read([message(type="audio", text=None, payload=payload)])
    assert page.one("ac-file-name").text == name
    assert "OGG" in page.one("ac-file-kind").text


def test_a_file_name_cannot_turn_its_ending_around() -> None:
    payload = {"document": {"filename": f"photo{RLO}gpj.exe"}}
    page = read([message(type="document", text=None, payload=payload)])
    assert page.one("ac-file-name").children[0].tag == "bdi"
    assert page.one("ac-file-name").text == "photogpj.exe"
    assert "EXE" in page.one("ac-file-kind").text


def test_a_place_shows_words_and_coordinates_and_tells_nobody_else() -> None:
    place = {"latitude": 40.3912345, "longitude": -3.7, "name": "Office", "address": "Street 1"}
    page = read([message(type="location", text=None, payload={"location": place})])
    assert page.one("ac-file-name").text == "Office"
    assert "Street 1" in page.text
    assert page.one("ac-value").text == "40.39123, -3.70000"
    assert page.one("ac-copy")["data-copy"] == "40.39123, -3.70000"
    assert page.tags().isdisjoint({"a", "img", "iframe"})


@pytest.mark.parametrize("latitude", ["x", None, float("nan"), float("inf"), [], 10**400])
def test_coordinates_that_are_none_are_left_out(latitude: Any) -> None:
    place = {"latitude": latitude, "longitude": 2}
    page = read([message(type="location", text=None, payload={"location": place})])
    assert page.all("ac-value") == []


def test_a_contact_card_is_marked_as_somebody_elses() -> None:
    card = {
        "name": {"formatted_name": "Lucía"},
        "phones": [
            {"phone": "+34600000123"},
            {"wa_id": "34600000124"},
            {"phone": "+34 600 00 01 25, ask for Ana"},
        ],
        "origin": "other",
    }
    page = read([message(type="contacts", text="Lucía", payload={"contacts": [card]})])
    assert "Somebody else's card" in page.text
    assert [value.text for value in page.all("ac-value")] == [
        "+34 600 00 01 23",
        "34600000124",
        "+34 600 00 01 25, ask for Ana",
    ]
    assert page.all("ac-copy")[0]["data-copy"] == "+34600000123"


def test_a_number_asked_for_through_whatsapp_is_the_persons_own() -> None:
    card = {"phones": [{"phone": "+34 600 00 01 23"}], "origin": "contact_request"}
    page = read([message(type="contacts", text=None, payload={"contacts": [card]})])
    assert "Their own number, confirmed by WhatsApp" in page.text
    assert "Somebody else's card" not in page.text


def test_of_a_whole_address_book_only_the_first_cards_are_drawn() -> None:
    cards = [{"name": {"formatted_name": f"Person {n}"}} for n in range(500)]
    page = read([message(type="contacts", text=None, payload={"contacts": cards})])
    assert len(page.all("ac-contact")) == 20
    assert "And 480 more" in page.text


@pytest.mark.parametrize(
    ("kind", "payload", "shown"),
    [
        (
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}},
            ["Pressed the button", "Yes"],
        ),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"title": "Padrón", "description": "At the hall"}},
            ["Chose from the list", "Padrón", "At the hall"],
        ),
        (
            "interactive",
            {"type": "nfm_reply", "nfm_reply": {"response_json": '{"flow_token": "t", "age": 30}'}},
            ["Filled in a form", "age", "30"],
        ),
        (
            "interactive",
            {"type": "nfm_reply", "nfm_reply": {"response_json": "[not json"}},
            ["Filled in a form", "[not json"],
        ),
        (
            "interactive",
            {"type": "call_permission_reply", "call_permission_reply": {"response": "reject"}},
            ["Does not want calls from us"],
        ),
        ("interactive", {"type": "hologram", "x": 1}, ["Answer with a button", "hologram"]),
        ("button", {"payload": "p", "text": "I want to"}, ["Pressed the button", "I want to"]),
    ],
)
def test_answers_with_buttons_lists_and_forms_show_what_was_chosen(
    kind: MessageType, payload: dict[str, Any], shown: list[str]
) -> None:
    page = read([message(type=kind, text=None, payload={kind: payload})])
    for words in shown:
        assert words in page.text


def test_an_order_lists_what_was_ordered() -> None:
    item = {"product_retailer_id": "book", "quantity": 2, "item_price": 12.5, "currency": "EUR"}
    payload = {"order": {"text": "for tomorrow", "product_items": [item]}}
    page = read([message(type="order", text="for tomorrow\n2 × book", payload=payload)])
    assert page.one("ac-order").text == "2 × book · 12.5 EUR"
    assert page.one("ac-text").text == "for tomorrow"


def test_a_notice_of_whatsapp_stands_in_the_middle_in_our_words() -> None:
    payload = {"system": {"type": "user_changed_number", "body": "User A changed from 1 to 2"}}
    page = read([message(type="system", payload=payload)])
    assert "ac-system" in page.messages[0].classes
    assert "This person changed their WhatsApp number" in page.text
    assert "User A" not in page.text


def test_what_whatsapp_does_not_pass_on_is_named_with_what_to_do() -> None:
    errors = [{"code": 131051, "title": "Message type unknown"}]
    payload = {"unsupported": {"type": "poll_creation"}, "errors": errors}
    page = read([message(type="unsupported", text=None, payload=payload)])
    assert "WhatsApp did not pass this message on: a poll" in page.text
    assert "ask the person to send it in another way" in page.text
    assert "Error 131051: Message type unknown" in page.text


def test_an_unknown_kind_is_shown_with_its_data_folded_away_and_harmless() -> None:
    payload = {"type": "hologram", "hologram": {"x": PLANTED}}
    page = read([message(type="unknown", text=None, payload=payload)])
    assert "does not know yet: hologram" in page.text
    assert page.one("ac-raw").tag == "details"
    assert PLANTED in page.one("ac-raw").text
    assert "img" not in page.tags()


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("*bold*", "<strong>bold</strong>"),
        ("_italic_", "<em>italic</em>"),
        ("~gone~", "<s>gone</s>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("so *bold*, yes", "so <strong>bold</strong>, yes"),
        ("```2 * 3 * 4```", '<code class="ac-mono">2 * 3 * 4</code>'),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name", "snake_case_name"),
        ("* a list\n* of two", "* a list\n* of two"),
        ("*not\nbold*", "*not\nbold*"),
        ("*open", "*open"),
        ("**", "**"),
        ("```open", "```open"),
        ("*a _b* c_", "<strong>a _b</strong> c_"),
    ],
)
def test_formatting_is_that_of_whatsapp(text: str, markup: str) -> None:
    assert formatted(text).source == markup


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("see https://example.org/a_b_c?x=1&y=2.", ["https://example.org/a_b_c?x=1&y=2"]),
        ("(https://example.org/a_(b))", ["https://example.org/a_(b)"]),
        ("HTTP://example.org", ["HTTP://example.org"]),
        ("*https://example.org*", ["https://example.org"]),
        ("javascript:alert(1) data:text/html,x vbscript:x", []),
        ("java\nscript:alert(1)", []),
        ("https://bank.example@evil.example/", []),
        ("https://", []),
        ("http://[", []),
        (f"https://example.org/{RLO}gro", ["https://example.org/"]),
        ('https://example.org/"onclick="x', ["https://example.org/"]),
    ],
)
def test_only_plain_web_addresses_become_links(text: str, addresses: list[str]) -> None:
    links = [node for node in parse(formatted(text).source) if node.tag == "a"]
    assert [link["href"] for link in links] == addresses
    for link in links:
        assert link.text == link["href"]
        assert link["rel"] == "noopener noreferrer nofollow"
        assert link["target"] == "_blank"


def test_text_of_any_script_stands_in_its_own_direction() -> None:
    page = read([message(text="مرحبا، عندي موعد"), message(text="Добрый день")])
    assert [text["dir"] for text in page.all("ac-text")] == ["auto", "auto"]


def test_an_emoji_alone_is_larger() -> None:
    assert read([message(text="👍🏽")]).all("ac-only-emoji")
    assert not read([message(text="ok 👍🏽")]).all("ac-only-emoji")


@pytest.mark.parametrize("text", ["*a " * 20_000, "_*~" * 20_000, "https://a/" + "(" * 60_000])
def test_no_text_takes_long_to_format(text: str) -> None:
    begun = datetime.now(UTC)
    formatted(text)
    assert datetime.now(UTC) - begun < timedelta(seconds=2)


# --- hostile words ----------------------------------------------------------------------------

#: Every place where somebody else's words enter the page.
HOSTILE = '"><script>alert(1)</script>' + PLANTED + "' onmouseover='x' &lt; </article></div>"


def hostile_messages(words: str) -> list[TimelineMessage]:
    card = {
        "name": {"formatted_name": words},
        "phones": [{"phone": words}],
        "emails": [{"email": words}],
        "org": {"company": words},
    }
    item = {"product_retailer_id": words, "quantity": words, "currency": words}
    place = {"latitude": 1, "longitude": 1, "name": words, "address": words}
    reply = {"title": words, "description": words}
    payloads: dict[MessageType, list[Any]] = {
        "document": [{"filename": words, "mime_type": words}],
        "location": [place],
        "contacts": [[card]],
        "interactive": [
            {"type": "button_reply", "button_reply": reply},
            {"type": "list_reply", "list_reply": reply},
            {"type": "nfm_reply", "nfm_reply": {"response_json": words}},
            {"type": "call_permission_reply", "call_permission_reply": {"response": words}},
            {"type": words},
        ],
        "button": [{"text": words}],
        "order": [{"text": words, "product_items": [item]}],
        "system": [{"type": words, "body": words}],
        "unsupported": [{"type": words}],
        "reaction": [{"emoji": words}],
    }
    around = {"context": {"forwarded": True}, "referral": {"headline": words}, "type": words}
    found = [
        message(
            type=kind,
            text=words,
            payload={kind: own, **around},
            error=MessageError(1, words, words),
            quote=Quote(words, "inbound", "text", words),
            reactions=[Reaction(words, "inbound")],
            edited=True,
            original_text=words,
            whatsapp_id=words,
        )
        for kind in TYPES
        for own in payloads.get(kind, [{}])
    ]
    return [*found, message(text=words, quote=Quote(words, None, None, words))]


def test_planted_markup_stays_words_everywhere() -> None:
    harmless = structure(render(hostile_messages("words")))
    assert structure(render(hostile_messages(HOSTILE))) == harmless


@settings(max_examples=40)  # each draws a page with every type
@given(st.text())
def test_no_text_changes_the_structure_of_the_page(text: str) -> None:
    for node in parse(render(hostile_messages(text))):
        assert node.tag in ALLOWED_TAGS
        assert not [name for name in node.attributes if name.startswith("on") or name == "style"]
        assert node.tag != "a" or node["href"].lower().startswith(("http://", "https://"))


def test_what_no_page_can_hold_is_replaced() -> None:
    page = read([message(text="a\0b\ud800c")])
    assert page.one("ac-text").text == "a\ufffdb?c"


@given(st.text(alphabet="*_~`\n ah:/.()<>&\"'\u202e") | st.text())
def test_formatting_loses_no_word(text: str) -> None:
    (paragraph, *_marks) = parse(f"<p>{formatted(text).source}</p>")
    assert without_marks(paragraph.text) == without_marks(text.replace("\0", "\ufffd"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
KNOWN_KEYS = """
    type name phones phone emails org origin button_reply list_reply nfm_reply response_json title
    product_items latitude longitude filename mime_type voice emoji body context referral headline
    errors code error_data
"""
known_keys = st.sampled_from(KNOWN_KEYS.split())
payload_parts = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known_keys, inner, max_size=6),
    max_leaves=12,
)


@given(
    kind=st.sampled_from(TYPES),
    own=payload_parts,
    around=st.dictionaries(known_keys, payload_parts, max_size=4),
)
def test_a_payload_of_any_shape_is_shown(
    kind: MessageType, own: Any, around: dict[str, Any]
) -> None:
    assert read([message(type=kind, text=None, payload={**around, kind: own})]).messages


def test_data_nested_too_deeply_to_print_does_not_break_the_page() -> None:
    nested: dict[str, Any] = {}
    for _ in range(50_000):
        nested = {"x": nested}
    page = read([message(type="unknown", text=None, payload=nested)])
    assert "nested too deeply" in page.one("ac-raw").text


# --- building and reading ---------------------------------------------------------------------

ALLOWED_TAGS = frozenset(
    """
    article div span bdi button svg use time h2 p a strong em s code details summary pre ul li
    dl dt dd wbr
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
_seq = iter(range(1, 10**9))


def message(**fields: Any) -> TimelineMessage:
    direction = fields.get("direction", "inbound")
    defaults: dict[str, Any] = {
        "id": uuid4(),
        "client_id": UUID(int=1),
        "seq": next(_seq),
        "direction": "inbound",
        "type": "text",
        "text": "Buenos días",
        "payload": {},
        "sent_at": MONDAY,
        "received_at": MONDAY,
        "status": "received" if direction == "inbound" else "sent",
        "error": None,
        "whatsapp_id": f"wamid.{uuid4()}",
    }
    return TimelineMessage(**(defaults | fields))


@dataclass
class Node:
    tag: str
    attributes: dict[str, str | None]
    children: list["Node"] = field(default_factory=list)
    #: All words within, in their order.
    text: str = ""

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()

    def __getitem__(self, name: str) -> str:
        return self.attributes[name] or ""


class Reader(HTMLParser):
    """Reads markup strictly: every element is closed, and in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Node] = []
        self.nodes: list[Node] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        node = Node(tag, dict(attrs))
        if self.open:
            self.open[-1].children.append(node)
        self.nodes.append(node)
        if tag != "wbr":  # has no end
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for node in self.open:
            node.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("a processing instruction")


def parse(markup: str) -> list[Node]:
    reader = Reader()
    reader.feed(f"<div>{markup}</div>")
    reader.close()
    assert not reader.open
    return reader.nodes[1:]


def structure(markup: str) -> list[tuple[str, list[str], list[str]]]:
    return [(node.tag, sorted(node.attributes), node.classes) for node in parse(markup)]


def without_marks(text: str) -> str:
    return "".join(character for character in text if character not in "*_~`\r\n")


@dataclass
class Page:
    nodes: list[Node]

    @property
    def messages(self) -> list[Node]:
        return [node for node in self.nodes if node.tag == "article"]

    @property
    def text(self) -> str:
        return " ".join(node.text for node in self.messages)

    def all(self, name: str, *, by: str = "class") -> list[Node]:
        return [
            node for node in self.nodes if name in (node.classes if by == "class" else [node.tag])
        ]

    def one(self, name: str, *, by: str = "class") -> Node:
        (found,) = self.all(name, by=by)
        return found

    def order(self, *names: str) -> list[str]:
        return [name for node in self.nodes for name in names if name in node.classes]

    def tags(self) -> set[str]:
        return {node.tag for node in self.nodes}


def read(messages: list[TimelineMessage], *, new_from: UUID | None = None) -> Page:
    return Page(parse(render(messages, new_from=new_from)))
