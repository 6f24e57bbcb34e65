"""What is read out of a message of every type."""

from typing import Any

import pytest

from services.events import Json, Message
from tests.unit.payload_examples import (
    AMINA,
    AMINA_ID,
    BUSINESS,
    NUMBER_ID,
    SENT_AT,
    as_quarantined,
    body,
    message,
    read_message,
    text_message,
    value,
)

MEDIA: Json = {"id": "990011", "mime_type": "image/jpeg", "sha256": "c29tZSBoYXNo"}
CARD: Json = {"name": {"formatted_name": "Oficina de Extranjería"}, "phones": []}

#: type, its own object, the words a person reads
EXAMPLES: list[tuple[str, Any, str | None]] = [
    ("text", {"body": "Tengo cita el lunes 😀"}, "Tengo cita el lunes 😀"),
    ("text", {"body": "مرحبا، أحتاج مساعدة"}, "مرحبا، أحتاج مساعدة"),
    ("text", {"body": ""}, None),
    ("image", MEDIA | {"caption": "Mi pasaporte"}, "Mi pasaporte"),
    ("image", MEDIA | {"url": "https://media.example/1"}, None),
    ("video", MEDIA | {"mime_type": "video/mp4", "caption": "La casa"}, "La casa"),
    ("audio", MEDIA | {"mime_type": "audio/ogg; codecs=opus", "voice": True}, None),
    ("document", MEDIA | {"filename": "tasa.pdf", "caption": "La tasa"}, "La tasa"),
    ("document", MEDIA | {"filename": "tasa.pdf"}, None),
    ("sticker", MEDIA | {"mime_type": "image/webp", "animated": False}, None),
    ("location", {"latitude": 40.4168, "longitude": -3.7038}, None),
    (
        "location",
        {"latitude": 40, "longitude": -3, "name": "Comisaría", "address": "Calle Mayor 1"},
        "Comisaría\nCalle Mayor 1",
    ),
    (
        "contacts",
        [CARD, {"phones": [{"phone": "+34 600 333 444"}]}],
        "Oficina de Extranjería, +34 600 333 444",
    ),
    ("contacts", [], None),
    ("reaction", {"message_id": "wamid.theirs", "emoji": "👍🏽"}, "👍🏽"),
    (
        "interactive",
        {"type": "button_reply", "button_reply": {"id": "yes", "title": "Sí, quiero"}},
        "Sí, quiero",
    ),
    (
        "interactive",
        {"type": "list_reply", "list_reply": {"id": "a", "title": "Arraigo"}},
        "Arraigo",
    ),
    (
        "interactive",
        {
            "type": "list_reply",
            "list_reply": {"id": "a", "title": "Arraigo", "description": "Tres años en España"},
        },
        "Arraigo\nTres años en España",
    ),
    (
        "interactive",
        {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "[1"}},
        "Sent",
    ),
    (
        "interactive",
        {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}},
        None,
    ),
    ("interactive", {"type": "payment_method", "payment_method": {"amount": 3}}, None),
    ("interactive", {"type": "button", "body": {"text": "¿Vienes?"}, "action": {}}, "¿Vienes?"),
    ("button", {"payload": "YES", "text": "Sí"}, "Sí"),
    ("button", {"payload": "YES"}, "YES"),
    (
        "order",
        {
            "catalog_id": "1",
            "text": "Para mañana",
            "product_items": [
                {
                    "product_retailer_id": "copias",
                    "quantity": 3,
                    "item_price": 0.5,
                    "currency": "EUR",
                },
                {"quantity": {"odd": 1}},
            ],
        },
        "Para mañana\n3 × copias, 0.5 EUR\n? × ?",
    ),
    ("order", {"catalog_id": "1", "text": ""}, None),
    ("system", {"type": "customer_identity_changed", "body": "Amina reinstaló"}, "Amina reinstaló"),
    ("revoke", {"original_message_id": "wamid.theirs"}, None),
    ("unsupported", {"type": "poll_creation"}, None),
]


@pytest.mark.parametrize(("kind", "own", "words"), EXAMPLES)
def test_every_type_keeps_its_own_object_and_gives_its_words(
    kind: str, own: Any, words: str | None
) -> None:
    read = read_message(message(kind, own))
    assert (read.type, read.text) == (kind, words)
    assert read.payload == {kind: own}


def test_a_message_says_who_when_and_to_which_number() -> None:
    read = read_message(text_message())
    assert read.whatsapp_id == "wamid.text"
    assert (read.phone_number_id, read.display_phone_number) == (NUMBER_ID, BUSINESS)
    assert (read.person.wa_id, read.person.bsuid) == (AMINA, AMINA_ID)
    assert (read.direction, read.historical, read.sent_at) == ("inbound", False, SENT_AT)
    assert (read.quoted_id, read.target_id, read.identity_change) == (None, None, None)


def test_an_old_voice_message_is_audio_with_the_mark_of_a_voice_note() -> None:
    read = read_message(message("voice", MEDIA))
    assert read.type == "audio"
    assert read.payload == {"audio": MEDIA | {"voice": True}}


@pytest.mark.parametrize("emoji", [{}, {"emoji": ""}, {"emoji": None}])
def test_a_reaction_without_emoji_takes_an_earlier_one_back(emoji: Json) -> None:
    read = read_message(message("reaction", {"message_id": "wamid.theirs"} | emoji))
    assert (read.type, read.text, read.target_id) == ("reaction", None, "wamid.theirs")


def test_an_edit_gives_the_new_text_and_quotes_nothing() -> None:
    changed = {"context": {"id": "M0"}, "type": "text", "text": {"body": "A las diez"}}
    own = {"original_message_id": "wamid.first", "message": changed}
    read = read_message(message("edit", own))
    assert (read.type, read.text) == ("edit", "A las diez")
    assert (read.target_id, read.quoted_id) == ("wamid.first", None)
    assert read.payload == {"edit": own}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"type": "image", "image": MEDIA | {"caption": "La buena"}}, "La buena"),
        ({"type": "image", "image": MEDIA}, None),
        ({"type": "hologram", "hologram": {}}, None),
        ({"type": "edit", "edit": {"original_message_id": "a"}}, None),
    ],
)
def test_an_edit_of_something_else_gives_its_caption_if_any(
    changed: Json, words: str | None
) -> None:
    read = read_message(message("edit", {"original_message_id": "wamid.first", "message": changed}))
    assert (read.type, read.text) == ("edit", words)


def test_an_edited_answer_still_quotes_what_it_answers() -> None:
    changed = {"context": {"id": "wamid.question"}, "type": "text", "text": {"body": "No"}}
    own = {"original_message_id": "wamid.first", "message": changed}
    assert read_message(message("edit", own)).quoted_id == "wamid.question"


def test_a_revocation_names_its_target() -> None:
    read = read_message(message("revoke", {"original_message_id": "wamid.first"}))
    assert (read.type, read.target_id, read.text) == ("revoke", "wamid.first", None)


def test_an_unsupported_message_keeps_the_reason_even_without_an_object_of_its_own() -> None:
    errors = [{"code": 131051, "title": "Message type unknown"}]
    read = read_message(message("unsupported", errors=errors))
    assert (read.type, read.payload) == ("unsupported", {"errors": errors})


@pytest.mark.parametrize("kind", ["unknown", "request_welcome", "hologram", "media_placeholder"])
def test_a_type_from_the_future_is_unknown_and_kept_whole(kind: str) -> None:
    item = message(kind, {"depth": 3}, novelty=[1])
    read = read_message(item)
    assert (read.type, read.text) == ("unknown", None)
    assert read.payload == item
    assert read.payload["type"] == kind


@pytest.mark.parametrize(
    ("context", "quoted"),
    [
        ({"from": BUSINESS, "id": "wamid.ours"}, "wamid.ours"),
        ({"forwarded": True}, None),
        ({"frequently_forwarded": True}, None),
        ({"id": "M0"}, None),
        ({"id": ""}, None),
        ({"id": None}, None),
        (
            {"from": BUSINESS, "id": "wamid.ours", "referred_product": {"catalog_id": "1"}},
            "wamid.ours",
        ),
    ],
)
def test_only_a_reply_quotes(context: Json, quoted: str | None) -> None:
    read = read_message(text_message(context=context))
    assert read.quoted_id == quoted
    assert read.payload == {"text": {"body": "Buenos días"}, "context": context}


def test_the_pressed_button_of_a_template_may_come_without_context() -> None:
    read = read_message(message("button", {"payload": "YES", "text": "Sí"}))
    assert read.quoted_id is None
    assert read.text == "Sí"


def test_an_advertisement_rides_on_any_type() -> None:
    referral = {"source_type": "ad", "headline": "Información sobre arraigo"}
    read = read_message(message("image", MEDIA, referral=referral))
    assert read.payload == {"image": MEDIA, "referral": referral}


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ({"name": {"formatted_name": "Luz Vega", "first_name": "Luz"}}, "Luz Vega"),
        ({"name": {"first_name": "Luz", "last_name": "Vega"}}, "Luz Vega"),
        ({"org": {"company": "Cruz Roja"}}, "Cruz Roja"),
        ({"name": None, "phones": [{}, {"phone": "600 333 444"}]}, "600 333 444"),
        ({"emails": [{"email": "luz@example.org"}]}, None),
    ],
)
def test_a_contact_card_is_called_by_the_best_name_it_has(card: Json, name: str | None) -> None:
    assert read_message(message("contacts", [card])).text == name


# --- what can't be read -----------------------------------------------------------------------

WRONG: list[tuple[str, Any, str]] = [
    ("text", None, "text"),
    ("text", "Buenos días", "text"),
    ("text", {}, "text.body"),
    ("text", {"body": 5}, "text.body"),
    ("image", [], "image"),
    ("image", {"id": 990011}, "image.id"),
    ("document", {"filename": ["a"]}, "document.filename"),
    ("audio", {"caption": {}}, "audio.caption"),
    ("voice", None, "voice"),
    ("location", {"latitude": 1}, "location.longitude"),
    ("location", {"latitude": "norte", "longitude": 1}, "location.latitude"),
    ("location", {"latitude": True, "longitude": 1}, "location.latitude"),
    ("contacts", {"name": {}}, "contacts"),
    ("contacts", None, "contacts"),
    ("contacts", [CARD, "Luz"], "contacts[1]"),
    ("contacts", [{"name": "Luz"}], "contacts[0].name"),
    ("contacts", [CARD, {"name": {"formatted_name": 7}}], "contacts[1].name.formatted_name"),
    ("contacts", [{"phones": "600"}], "contacts[0].phones"),
    ("reaction", {"message_id": "a", "emoji": 128077}, "reaction.emoji"),
    ("interactive", {}, "interactive.type"),
    ("interactive", {"type": "button_reply"}, "interactive.button_reply"),
    ("interactive", {"type": "list_reply", "list_reply": []}, "interactive.list_reply"),
    ("interactive", {"type": "nfm_reply", "nfm_reply": "{}"}, "interactive.nfm_reply"),
    ("button", "Sí", "button"),
    ("order", {"product_items": {}}, "order.product_items"),
    ("order", {"product_items": [1]}, "order.product_items[0]"),
    ("system", {"body": 1}, "system.body"),
    ("system", {"type": ["user_changed_number"]}, "system.type"),
    ("edit", {"original_message_id": "a"}, "edit.message"),
    ("edit", {"original_message_id": "a", "message": {"type": "text"}}, "edit.message.text"),
    ("edit", {"original_message_id": "a", "message": {}}, "edit.message.type"),
    ("unsupported", "poll", "unsupported"),
]


@pytest.mark.parametrize(("kind", "own", "place"), WRONG)
def test_a_wrong_type_is_named_by_its_place(kind: str, own: Any, place: str) -> None:
    read = as_quarantined(body(value(message(kind, own))))
    assert read.code == "wrong_type"
    where = f"entry[0].changes[0].value.messages[0].{place}"
    assert read.reason == f"{where} is missing or not of the expected type."


def test_a_type_that_is_no_word_is_quarantined_too() -> None:
    read = as_quarantined(body(value(text_message() | {"type": 5})))
    assert (read.code, read.reason.split()[0]) == (
        "wrong_type",
        "entry[0].changes[0].value.messages[0].type",
    )


@pytest.mark.parametrize("odd", ["bad", 5, True, ["bad"], {"id": 5}, {"id": "w" * 513}])
@pytest.mark.parametrize("key", ["context", "errors", "referral"])
def test_an_odd_part_beside_the_content_is_kept_and_costs_nothing(key: str, odd: Any) -> None:
    read = read_message(text_message() | {key: odd})
    assert (read.text, read.quoted_id) == ("Buenos días", None)
    assert read.payload == {"text": {"body": "Buenos días"}, key: odd}


def test_an_unsupported_message_with_odd_errors_is_kept() -> None:
    read = read_message(message("unsupported", errors="oops"))
    assert (read.type, read.payload) == ("unsupported", {"errors": "oops"})


def test_an_edit_with_an_odd_context_is_kept() -> None:
    changed = {"context": "bad", "type": "text", "text": {"body": "A las diez"}}
    own = {"original_message_id": "wamid.first", "message": changed}
    read = read_message(message("edit", own))
    assert (read.text, read.quoted_id, read.payload) == ("A las diez", None, {"edit": own})


def test_the_reason_never_tells_the_content() -> None:
    read = as_quarantined(body(value(message("text", "mi número secreto"))))
    assert "secreto" not in read.reason


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("reaction", {"emoji": "👍"}),
        ("reaction", {"message_id": ""}),
        ("edit", {"message": {"type": "text", "text": {"body": "a"}}}),
        ("revoke", {}),
    ],
)
def test_what_points_at_no_message_is_missing_an_id(kind: str, own: Json) -> None:
    assert as_quarantined(body(value(message(kind, own)))).code == "missing_id"


@pytest.mark.parametrize("own_id", [None, ""])
def test_a_message_without_id_is_missing_it(own_id: str | None) -> None:
    item = text_message() | {"id": own_id}
    assert as_quarantined(body(value(item))).code == "missing_id"


@pytest.mark.parametrize(
    "item",
    [
        text_message(id="w" * 513),
        text_message("a" * 65_537),
        message("image", {"caption": "a" * 65_537}),
        message("reaction", {"message_id": "w" * 513, "emoji": "👍"}),
        message("contacts", [{"name": {"formatted_name": "a" * 40_000}}] * 2),
    ],
    ids=["id", "text", "caption", "target id", "names together"],
)
def test_nothing_is_cut_short_what_is_too_long_waits_for_a_person(item: Json) -> None:
    assert as_quarantined(body(value(item))).code == "too_long"


def test_the_longest_id_and_text_that_are_kept_are_kept_whole() -> None:
    read: Message = read_message(text_message("a" * 65_536, id="w" * 512))
    assert (len(read.text or ""), len(read.whatsapp_id)) == (65_536, 512)
