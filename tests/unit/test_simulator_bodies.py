"""The simulator's bodies have the shape that WhatsApp documents."""

import base64
import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator import bodies
from services.simulator.bodies import Number, Sender

NUMBER = Number("106540352242922", "+1 555-078-3881", "102290129340398")
AMINA = Sender("34600000199", "MA.13491208655302741918", "Amina Prueba")
HIDDEN = Sender(None, "MA.99991208655302741918", "Nadie", username="nadie.prueba")
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ID = "wamid.HBgLMzQ2MDAwMDAxOTkA"
HEAD = {
    "from": "34600000199",
    "from_user_id": "MA.13491208655302741918",
    "id": ID,
    "timestamp": "1795426200",
}


def built(builder: Any, *args: Any, **options: Any) -> dict[str, Any]:
    """What a builder adds to the head that every message has."""
    message = builder(AMINA, *args, at=AT, wamid=ID, **options)
    assert {key: message.pop(key) for key in HEAD} == HEAD
    return dict(message)


# Deliveries


def test_a_delivery_has_metas_envelope() -> None:
    message = bodies.text(AMINA, "hola", at=AT, wamid=ID)
    assert bodies.from_sender(NUMBER, AMINA, message) == {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": "102290129340398",
                "changes": [
                    {
                        "field": "messages",
                        "value": {
                            "messaging_product": "whatsapp",
                            "metadata": {
                                "display_phone_number": "+1 555-078-3881",
                                "phone_number_id": "106540352242922",
                            },
                            "contacts": [
                                {
                                    "profile": {"name": "Amina Prueba"},
                                    "wa_id": "34600000199",
                                    "user_id": "MA.13491208655302741918",
                                }
                            ],
                            "messages": [HEAD | {"type": "text", "text": {"body": "hola"}}],
                        },
                    }
                ],
            }
        ],
    }


def test_parts_that_are_empty_are_absent() -> None:
    [entry] = bodies.envelope(NUMBER)["entry"]
    assert entry["changes"][0]["value"].keys() == {"messaging_product", "metadata"}


def test_a_delivery_may_hold_messages_statuses_and_errors_at_once() -> None:
    body = bodies.envelope(
        NUMBER,
        messages=[bodies.text(AMINA, "hola")],
        statuses=[bodies.status(AMINA, ID, "read")],
        contacts=[AMINA],
        errors=[bodies.error(131000, "details")],
    )
    value = body["entry"][0]["changes"][0]["value"]
    assert value.keys() > {"messages", "statuses", "contacts", "errors"}


def test_a_hidden_number_is_left_out_and_the_username_shown() -> None:
    message = bodies.text(HIDDEN, "hola")
    assert "from" not in message
    assert message["from_user_id"] == HIDDEN.bsuid
    assert bodies.contact(HIDDEN) == {
        "profile": {"name": "Nadie", "username": "nadie.prueba"},
        "user_id": HIDDEN.bsuid,
    }


def test_a_batch_holds_every_delivery() -> None:
    one = bodies.from_sender(NUMBER, AMINA, bodies.text(AMINA, "uno"))
    two = bodies.from_sender(NUMBER, HIDDEN, bodies.text(HIDDEN, "dos"))
    assert bodies.batch(one, two)["entry"] == one["entry"] + two["entry"]


def test_an_account_notice_has_a_numeric_time_and_no_metadata() -> None:
    body = bodies.notice(NUMBER, "account_update", {"event": "ACCOUNT_VIOLATION"}, at=AT)
    [entry] = body["entry"]
    assert entry["time"] == 1795426200
    assert entry["changes"] == [
        {"field": "account_update", "value": {"event": "ACCOUNT_VIOLATION"}}
    ]


def test_an_echo_names_the_organisation_as_sender_and_the_person_as_recipient() -> None:
    message = bodies.echo(NUMBER, AMINA, bodies.text(AMINA, "Buenos días", at=AT, wamid=ID))
    [change] = bodies.echoes(NUMBER, message)["entry"][0]["changes"]
    assert change["field"] == "smb_message_echoes"
    assert change["value"]["message_echoes"] == [
        {
            "from": "15550783881",
            "to": "34600000199",
            "to_user_id": "MA.13491208655302741918",
            "id": ID,
            "timestamp": "1795426200",
            "type": "text",
            "text": {"body": "Buenos días"},
        }
    ]


# How they are written


def test_bodies_are_written_in_ascii_with_slashes_escaped_like_metas() -> None:
    written = bodies.encode({"a": "mañana 😊 1/2"})
    assert written == b'{"a":"ma\\u00f1ana \\ud83d\\ude0a 1\\/2"}'


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        bodies.encode({"a": float("nan")})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(body=st.dictionaries(st.text(), JSON, max_size=5))
def test_what_was_written_reads_back_the_same(body: dict[str, Any]) -> None:
    written = bodies.encode(body)
    assert written.isascii()
    assert json.loads(written) == body


# Message ids


def test_a_message_id_looks_like_whatsapps_and_names_the_person() -> None:
    wamid = bodies.new_wamid("34600000199")
    assert wamid.startswith("wamid.HBg")
    assert b"34600000199" in base64.b64decode(wamid.removeprefix("wamid."), validate=True)


def test_message_ids_differ_and_come_again_only_from_the_same_random() -> None:
    assert len({bodies.new_wamid("1") for _ in range(1000)}) == 1000
    assert bodies.new_wamid("1", random=Random(7)) == bodies.new_wamid("1", random=Random(7))
    assert bodies.new_wamid("1", random=Random(7)) != bodies.new_wamid("1", random=Random(8))
    assert bodies.new_wamid("1", random=Random(7)) != bodies.new_wamid(
        "1", random=Random(7), outgoing=True
    )


def test_a_message_id_can_be_made_for_the_longest_business_scoped_id() -> None:
    assert bodies.new_wamid("MA.ENT." + "a" * 128).startswith("wamid.")


# Messages


def test_text() -> None:
    assert built(bodies.text, "hola") == {"type": "text", "text": {"body": "hola"}}


def test_messages_get_an_id_and_the_time_when_none_is_given() -> None:
    before = int(datetime.now(UTC).timestamp())
    one, two = bodies.text(AMINA, "hola"), bodies.text(AMINA, "hola")
    assert one["id"] != two["id"]
    assert before <= int(one["timestamp"]) <= datetime.now(UTC).timestamp()


@pytest.mark.parametrize(
    ("builder", "kind", "mime_type"),
    [(bodies.image, "image", "image/jpeg"), (bodies.video, "video", "video/mp4")],
)
def test_pictures_have_a_media_id_a_hash_and_maybe_a_caption(
    builder: Any, kind: str, mime_type: str
) -> None:
    bare = built(builder)[kind]
    assert bare.keys() == {"id", "mime_type", "sha256"}
    assert bare["id"].isdigit()
    assert len(base64.b64decode(bare["sha256"], validate=True)) == 32
    assert bare["mime_type"] == mime_type
    full = built(builder, "mi NIE", media_id="7", sha256="c2hh", url="https://example.org/x")
    assert full == {
        "type": kind,
        kind: {
            "caption": "mi NIE",
            "mime_type": mime_type,
            "sha256": "c2hh",
            "id": "7",
            "url": "https://example.org/x",
        },
    }


def test_a_media_id_follows_from_the_message_id() -> None:
    assert built(bodies.image) == built(bodies.image)
    assert bodies.image(AMINA)["image"]["id"] != bodies.image(AMINA)["image"]["id"]


def test_a_voice_note_says_so() -> None:
    voice = built(bodies.audio, media_id="7", sha256="c2hh")
    assert voice == {
        "type": "audio",
        "audio": {
            "voice": True,
            "mime_type": "audio/ogg; codecs=opus",
            "sha256": "c2hh",
            "id": "7",
        },
    }
    assert built(bodies.audio, voice=False, mime_type="audio/mpeg")["audio"]["voice"] is False


def test_a_document_has_its_file_name() -> None:
    message = built(bodies.document, "padrón.pdf", "el padrón", media_id="7", sha256="c2hh")
    assert message == {
        "type": "document",
        "document": {
            "filename": "padrón.pdf",
            "caption": "el padrón",
            "mime_type": "application/pdf",
            "sha256": "c2hh",
            "id": "7",
        },
    }


def test_a_sticker() -> None:
    sticker = built(bodies.sticker)["sticker"]
    assert sticker.keys() == {"animated", "mime_type", "sha256", "id"}
    assert sticker["mime_type"] == "image/webp"


def test_a_location_may_have_a_name_and_an_address() -> None:
    assert built(bodies.location, 40.4168, -3.7038) == {
        "type": "location",
        "location": {"latitude": 40.4168, "longitude": -3.7038},
    }
    named = built(bodies.location, 40.4168, -3.7038, name="Sol", address="Madrid")["location"]
    assert (named["name"], named["address"]) == ("Sol", "Madrid")


def test_a_card_of_somebody_else_has_a_vcard() -> None:
    message = built(bodies.contacts, bodies.card("Paula Prueba", "+34600000118"))
    [card] = message["contacts"]
    assert message["type"] == "contacts"
    assert card["name"] == {"formatted_name": "Paula Prueba", "first_name": "Paula"}
    assert card["phones"] == [{"phone": "+34600000118", "wa_id": "34600000118", "type": "CELL"}]
    assert card["origin"] == "other"
    assert "TEL;TYPE=CELL:+34600000118" in card["vcard"]


def test_the_persons_own_number_on_request_has_no_vcard() -> None:
    [card] = built(bodies.contacts, bodies.own_card(AMINA, "+34600000199"))["contacts"]
    assert card["origin"] == "contact_request"
    assert card["phones"][0]["wa_id"] == "34600000199"
    assert "vcard" not in card


def test_a_reaction_and_its_removal() -> None:
    assert built(bodies.reaction, "wamid.x", "👍") == {
        "type": "reaction",
        "reaction": {"message_id": "wamid.x", "emoji": "👍"},
    }
    assert built(bodies.reaction, "wamid.x", None) == {
        "type": "reaction",
        "reaction": {"message_id": "wamid.x"},
    }


def test_replies_to_interactive_messages() -> None:
    assert built(bodies.button_reply, "Sí", button_id="si")["interactive"] == {
        "type": "button_reply",
        "button_reply": {"id": "si", "title": "Sí"},
    }
    assert built(bodies.list_reply, "Asilo", row_id="a", description="d")["interactive"] == {
        "type": "list_reply",
        "list_reply": {"id": "a", "title": "Asilo", "description": "d"},
    }
    assert built(bodies.flow_reply, {"flow_token": "t"})["interactive"] == {
        "type": "nfm_reply",
        "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"flow_token": "t"}'},
    }


def test_the_button_of_a_template_may_quote_it() -> None:
    context = bodies.quoting("wamid.x", "15550783881")
    assert built(bodies.button, "Confirmo", payload="OK", context=context) == {
        "context": {"from": "15550783881", "id": "wamid.x"},
        "type": "button",
        "button": {"payload": "OK", "text": "Confirmo"},
    }


def test_an_order() -> None:
    assert built(bodies.order, body="gracias")["order"] == {
        "catalog_id": "catalog-1",
        "text": "gracias",
        "product_items": [
            {
                "product_retailer_id": "product-1",
                "quantity": 1,
                "item_price": 10,
                "currency": "EUR",
            }
        ],
    }


def test_a_change_of_number_names_the_old_phone_and_both_ids() -> None:
    moved = Sender("34600000200", "MA.2", "Amina Prueba")
    assert bodies.number_change(AMINA, moved, at=AT, wamid=ID) == {
        "from": "34600000199",
        "id": ID,
        "timestamp": "1795426200",
        "type": "system",
        "system": {
            "body": "User Amina Prueba changed from 34600000199 to 34600000200",
            "wa_id": "34600000200",
            "user_id": "MA.2",
            "previous_user_id": "MA.13491208655302741918",
            "type": "user_changed_number",
        },
    }


def test_a_change_of_the_business_scoped_id_alone_names_no_phone() -> None:
    moved = Sender(None, "MA.2", "Nadie")
    assert bodies.number_change(HIDDEN, moved, at=AT, wamid=ID) == {
        "id": ID,
        "timestamp": "1795426200",
        "type": "system",
        "system": {
            "body": f"User Nadie changed from {HIDDEN.bsuid} to MA.2",
            "user_id": "MA.2",
            "previous_user_id": HIDDEN.bsuid,
            "type": "user_changed_user_id",
        },
    }


def test_an_unsupported_message_carries_its_error() -> None:
    message = built(bodies.unsupported, "poll_creation")
    assert message["type"] == "unsupported"
    assert message["unsupported"] == {"type": "poll_creation"}
    [error] = message["errors"]
    assert (error["code"], error["title"]) == (131051, "Message type unknown")
    assert error["error_data"]["details"]


def test_an_edit_and_a_revocation_name_the_original() -> None:
    assert built(bodies.edit, "wamid.x", "corregido") == {
        "type": "edit",
        "edit": {
            "original_message_id": "wamid.x",
            "message": {
                "context": {"id": "M0"},
                "type": "text",
                "text": {"body": "corregido"},
            },
        },
    }
    assert built(bodies.revoke, "wamid.x") == {
        "type": "revoke",
        "revoke": {"original_message_id": "wamid.x"},
    }


def test_a_forwarded_message_has_a_context_without_an_id() -> None:
    assert bodies.text(AMINA, "hola", context=bodies.forwarded())["context"] == {"forwarded": True}
    assert bodies.forwarded(frequently=True) == {"frequently_forwarded": True}


def test_a_reply_to_somebody_with_a_hidden_number_has_no_author() -> None:
    assert bodies.quoting("wamid.x", None) == {"id": "wamid.x"}


def test_an_advertisement_names_its_source() -> None:
    assert bodies.referral().keys() >= {"source_url", "source_id", "source_type", "headline"}


# Statuses


@pytest.mark.parametrize("word", ["sent", "delivered", "read", "played"])
def test_a_status_names_the_message_and_the_recipient(word: str) -> None:
    assert bodies.status(AMINA, "wamid.x", word, at=AT) == {
        "id": "wamid.x",
        "status": word,
        "timestamp": "1795426200",
        "recipient_id": "34600000199",
        "recipient_user_id": "MA.13491208655302741918",
    }


def test_a_status_may_carry_our_own_id_and_the_price() -> None:
    status = bodies.status(
        HIDDEN, "wamid.x", "sent", callback_data="our-id", pricing=bodies.service_pricing()
    )
    assert status["biz_opaque_callback_data"] == "our-id"
    assert status["pricing"] == {
        "billable": True,
        "pricing_model": "PMP",
        "type": "regular",
        "category": "service",
    }
    assert "recipient_id" not in status
    assert status["recipient_user_id"] == HIDDEN.bsuid


def test_a_failure_to_a_phone_has_an_error_and_no_business_scoped_id() -> None:
    status = bodies.failed(AMINA, "wamid.x", 131047, "24 hours", at=AT)
    assert "recipient_user_id" not in status
    assert status["status"] == "failed"
    [error] = status["errors"]
    assert error["code"] == 131047
    assert error["title"] == error["message"] == "Re-engagement message"
    assert error["error_data"] == {"details": "24 hours"}


def test_a_failure_to_a_hidden_number_names_the_business_scoped_id() -> None:
    assert bodies.failed(HIDDEN, "wamid.x")["recipient_user_id"] == HIDDEN.bsuid
