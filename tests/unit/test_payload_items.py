"""Times, statuses, echoes, history and notices: what stands beside live messages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.events import DeliveryError, Json, Message, Notice, Person, StatusUpdate
from tests.unit.payload_examples import (
    AMINA,
    AMINA_ID,
    BASHIR,
    BUSINESS,
    METADATA,
    NOW,
    NUMBER_ID,
    SENT_AT,
    TIMESTAMP,
    all_as,
    as_message,
    as_notice,
    as_quarantined,
    as_status,
    body,
    encoded,
    events_in,
    history,
    message,
    read_message,
    status,
    text_message,
    value,
)
from webhook.payloads import read

# --- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [TIMESTAMP, int(TIMESTAMP), int(TIMESTAMP) * 1000])
def test_a_time_is_seconds_or_by_mistake_milliseconds(written: Any) -> None:
    assert read_message(text_message(timestamp=written)).sent_at == SENT_AT


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "0",
        0,
        -1,
        "-1795341600",
        "ayer",
        "1795341600.5",
        1795341600.5,
        True,
        {},
        "١٧٩٥٣٤١٦٠٠",
        "9" * 30,
        10**18,
        10**30,
        1_230_767_999,
        int((NOW + timedelta(days=2)).timestamp()) + 1,
    ],
)
def test_an_unusable_time_is_no_time(written: Any) -> None:
    item = text_message() | {"timestamp": written}
    assert read_message(item).sent_at is None
    assert as_status(body(value(statuses=[status(timestamp=written)]))).occurred_at is None


def test_a_clock_a_day_ahead_is_believed() -> None:
    ahead = NOW + timedelta(days=1)
    assert read_message(text_message(timestamp=str(int(ahead.timestamp())))).sent_at == ahead


def test_now_is_the_clock_s_unless_given() -> None:
    just_now = datetime.now(UTC).replace(microsecond=0)
    item = text_message(timestamp=int(just_now.timestamp()))
    (event,) = read(encoded(body(value(item)))).events
    assert isinstance(event, Message)
    assert event.sent_at == just_now


# --- statuses ---------------------------------------------------------------------------------


def test_a_status_says_what_became_of_which_message() -> None:
    item = status("delivered", biz_opaque_callback_data="our-id", pricing={"type": "regular"})
    assert as_status(body(value(statuses=[item]))) == StatusUpdate(
        position=0,
        phone_number_id=NUMBER_ID,
        whatsapp_id="wamid.ours",
        status="delivered",
        occurred_at=SENT_AT,
        callback_data="our-id",
        error=None,
        payload=item,
    )


@pytest.mark.parametrize(("word", "kept"), [("READ", "read"), ("warning", "warning")])
def test_any_word_is_kept_in_lower_case(word: str, kept: str) -> None:
    assert as_status(body(value(statuses=[status(word)]))).status == kept


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (
            {"code": 131047, "title": "Re-engagement", "error_data": {"details": "24 hours"}},
            DeliveryError(131047, "Re-engagement", "24 hours"),
        ),
        (
            {"code": 131026, "title": "Undeliverable", "error_data": "not on WhatsApp"},
            DeliveryError(131026, "Undeliverable", "not on WhatsApp"),
        ),
        ({"code": "131026", "message": "Undeliverable"}, DeliveryError(131026, "Undeliverable")),
        ({"code": None, "title": "?"}, DeliveryError(None, "?")),
        ({"code": 2**31}, DeliveryError(None, "")),
        ({"code": True, "error_data": {}}, DeliveryError(None, "")),
    ],
)
def test_the_first_error_of_a_failure_is_its_reason(error: Json, kept: DeliveryError) -> None:
    item = status("failed", errors=[error, {"code": 1}])
    assert as_status(body(value(statuses=[item], contacts=None))).error == kept


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"id": None}, "missing_id", "id"),
        ({"id": ""}, "missing_id", "id"),
        ({"id": "w" * 513}, "too_long", "id"),
        ({"status": 5}, "wrong_type", "status"),
        ({"status": None}, "wrong_type", "status"),
        ({"status": "s" * 65}, "too_long", "status"),
        ({"status": "İ" * 40}, "too_long", "status"),
        ({"biz_opaque_callback_data": "c" * 513}, "too_long", "biz_opaque_callback_data"),
        ({"biz_opaque_callback_data": {}}, "wrong_type", "biz_opaque_callback_data"),
        ({"errors": "failed"}, "wrong_type", "errors"),
        ({"errors": ["failed"]}, "wrong_type", "errors[0]"),
        ({"errors": [{"error_data": []}]}, "wrong_type", "errors[0].error_data"),
        ({"errors": [{"title": 1}]}, "wrong_type", "errors[0].title"),
    ],
)
def test_a_status_that_can_t_be_read_is_quarantined(changes: Json, code: str, place: str) -> None:
    bad = as_quarantined(body(value(statuses=[status() | changes])))
    assert bad.code == code
    assert bad.reason.split()[0] == f"entry[0].changes[0].value.statuses[0].{place}"


# --- echoes and history -----------------------------------------------------------------------


@pytest.mark.parametrize("names", [{"to": AMINA, "to_user_id": AMINA_ID}, {"to": AMINA_ID}])
def test_an_echo_is_what_the_organisation_wrote_on_its_phone(names: Json) -> None:
    item = text_message("Venga a las diez", from_=BUSINESS, from_user_id=None, **names)
    read_event = as_message(body(value(message_echoes=[item]), "smb_message_echoes"))
    assert (read_event.direction, read_event.historical) == ("outbound", False)
    assert read_event.person.bsuid == AMINA_ID
    assert read_event.person.profile_name == "Amina D."


def test_an_echo_listed_as_a_message_is_still_an_echo() -> None:
    item = text_message(from_=BUSINESS, from_user_id=None, to=AMINA)
    read_event = as_message(body(value(item), "smb_message_echoes"))
    assert (read_event.direction, read_event.person.wa_id) == ("outbound", AMINA)


def test_an_echo_to_nobody_is_quarantined() -> None:
    item = text_message(from_=BUSINESS, from_user_id=None)
    bad = as_quarantined(body(value(message_echoes=[item]), "smb_message_echoes"))
    assert bad.code == "no_sender"


def test_the_history_tells_who_wrote_by_the_organisation_s_own_number() -> None:
    spaced = METADATA | {"display_phone_number": "+34 600 000 000"}
    theirs = text_message("Hola", id="1", from_user_id=None)
    ours = text_message("Dígame", id="2", from_=BUSINESS, from_user_id=None)
    tree = body(history(theirs, ours, metadata=spaced), "history")
    assert [(m.direction, m.historical, m.person) for m in all_as(Message, events_in(tree))] == [
        ("inbound", True, Person(wa_id=AMINA)),
        ("outbound", True, Person(wa_id=AMINA)),
    ]


def test_the_chat_of_the_history_adds_the_id_it_knows() -> None:
    item = text_message(from_user_id=None)
    chunk = {"threads": [{"id": AMINA, "context": {"user_id": AMINA_ID}, "messages": [item]}]}
    read_event = as_message(body(value(history=[chunk], contacts=None), "history"))
    assert read_event.person == Person(wa_id=AMINA, bsuid=AMINA_ID)


def test_the_chat_does_not_add_to_a_message_from_somebody_else() -> None:
    item = text_message(from_=BASHIR, from_user_id=None)
    chunk = {"threads": [{"id": AMINA, "context": {"user_id": AMINA_ID}, "messages": [item]}]}
    read_event = as_message(body(value(history=[chunk], contacts=None), "history"))
    assert read_event.person == Person(wa_id=BASHIR)


def test_without_the_number_on_display_only_what_names_a_recipient_is_ours() -> None:
    metadata = {"phone_number_id": NUMBER_ID}
    theirs = text_message(id="1")
    ours = text_message(id="2", from_=BUSINESS, from_user_id=None, to=AMINA)
    tree = body(history(theirs, ours, metadata=metadata), "history")
    directions = [item.direction for item in all_as(Message, events_in(tree))]
    assert directions == ["inbound", "outbound"]


def test_media_of_the_history_that_come_later_are_history_too() -> None:
    item = message("image", {"id": "990011"})
    read_event = as_message(body(value(item), "history"))
    assert (read_event.historical, read_event.direction) == (True, "inbound")


def test_a_declined_history_is_a_notice() -> None:
    error = {"code": 2593109, "title": "History sharing declined"}
    notice = as_notice(body(value(history=[{"errors": [error]}], contacts=None), "history"))
    assert (notice.field, notice.kind, notice.payload) == ("history", "errors", error)


# --- notices ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("account_update", "account_update"),
        ("message_template_status_update", "message_template_status_update"),
        ("phone_number_quality_update", "phone_number_quality_update"),
        ("user_preferences", "user_preferences"),
        ("smb_app_state_sync", "smb_app_state_sync"),
        ("standby", "standby"),
        ("user_id_update", "user_id_update"),
        ("tomorrow", "unknown_field"),
    ],
)
def test_a_field_that_is_no_conversation_is_kept_as_a_notice(field: str, kind: str) -> None:
    assert as_notice(body({"event": "X"}, field)) == Notice(0, field, kind, {"event": "X"})


def test_a_conversation_with_nothing_we_know_in_it_is_kept_as_a_notice() -> None:
    content = {"metadata": METADATA, "holograms": [1]}
    assert as_notice(body(content)) == Notice(0, "messages", "unknown_content", content)


@pytest.mark.parametrize("group", [{"group_id": "g-1"}, {"recipient_type": "group"}])
def test_what_was_said_in_a_group_is_never_put_into_a_person_s_conversation(group: Json) -> None:
    said, became = text_message() | group, status() | group
    read_events = events_in(body(value(said, statuses=[became])))
    assert read_events == [
        Notice(0, "messages", "group_message", said),
        Notice(1, "messages", "group_message", became),
    ]


def test_calls_and_what_became_of_them_are_notices() -> None:
    call = {"id": "wacid.1", "event": "connect"}
    ringing = {"type": "call", "id": "wacid.1", "status": "RINGING"}
    notices = all_as(Notice, events_in(body(value(calls=[call], statuses=[ringing]), "calls")))
    assert [(n.kind, n.payload) for n in notices] == [("call", call), ("call", ringing)]
    assert as_notice(body(value(statuses=[ringing]))).kind == "call"
