"""Whom a message is from: numbers, business-scoped ids, profiles, and how they change."""

from typing import Any

import pytest

from services.events import IdentityChange, Json, Message, Person, Quarantined
from tests.unit.payload_examples import (
    AMINA,
    AMINA_CONTACT,
    AMINA_ID,
    AMINA_PARENT,
    BASHIR,
    all_as,
    as_message,
    as_quarantined,
    body,
    events_in,
    message,
    read_message,
    text_message,
    value,
)

NEW_NUMBER = "34600999888"
NEW_ID = "ES.99991208655302749999"


def person_of(item: Json, **parts: Any) -> Person:
    return read_message(item, **parts).person


# --- ids --------------------------------------------------------------------------------------


def test_a_person_who_shows_the_number_has_number_id_and_profile() -> None:
    assert person_of(text_message()) == Person(
        wa_id=AMINA, bsuid=AMINA_ID, profile_name="Amina D.", username="amina.d"
    )


def test_a_person_who_hides_the_number_has_the_id_alone() -> None:
    contact = {"profile": {"name": "Amina D.", "username": "@amina.d"}, "user_id": AMINA_ID}
    person = person_of(text_message(from_=None), contacts=[contact])
    assert person == Person(bsuid=AMINA_ID, profile_name="Amina D.", username="amina.d")


def test_an_empty_number_is_a_hidden_number() -> None:
    contact = AMINA_CONTACT | {"wa_id": ""}
    assert person_of(text_message(from_=""), contacts=[contact]).wa_id is None


@pytest.mark.parametrize(
    "written", ["+34600111222", "+34 600 111 222", "\u202a34600111222\u202c", 34600111222]
)
def test_a_number_is_digits_however_it_is_written(written: Any) -> None:
    contact = AMINA_CONTACT | {"wa_id": "+34 600-111-222", "user_id": None}
    person = person_of(text_message(from_=written, from_user_id=None), contacts=[contact])
    assert (person.wa_id, person.profile_name) == (AMINA, "Amina D.")


def test_an_id_where_the_number_used_to_be_is_recognised_by_its_form() -> None:
    person = person_of(text_message(from_=AMINA_ID, from_user_id=None), contacts=None)
    assert person == Person(bsuid=AMINA_ID)


def test_the_id_shared_by_linked_organisations_is_kept_apart() -> None:
    person = person_of(text_message(from_parent_user_id=AMINA_PARENT))
    assert (person.bsuid, person.parent_bsuid) == (AMINA_ID, AMINA_PARENT)


def test_the_shared_id_alone_stands_for_both_until_the_contact_says_more() -> None:
    alone = text_message(from_=AMINA_PARENT, from_user_id=None)
    assert person_of(alone, contacts=None) == Person(bsuid=AMINA_PARENT, parent_bsuid=AMINA_PARENT)
    contact = AMINA_CONTACT | {"parent_user_id": AMINA_PARENT}
    person = person_of(alone, contacts=[contact])
    assert (person.wa_id, person.bsuid, person.parent_bsuid) == (AMINA, AMINA_ID, AMINA_PARENT)


@pytest.mark.parametrize(
    "unusable", ["12ab", "1" * 21, "123", "es.lower", "ES.", "user.9373", {"a": 1}, True, 1.5, []]
)
def test_an_unusable_name_is_ignored_if_there_is_another(unusable: Any) -> None:
    assert person_of(text_message(from_=unusable), contacts=None) == Person(bsuid=AMINA_ID)
    by_number = text_message(from_user_id=unusable)
    assert person_of(by_number, contacts=None) == Person(wa_id=AMINA)


@pytest.mark.parametrize("names", [{}, {"from": ""}, {"from": "12ab", "from_user_id": "ES."}])
def test_a_message_from_nobody_is_quarantined(names: Json) -> None:
    item = text_message(from_=None, from_user_id=None) | names
    assert as_quarantined(body(value(item))).code == "no_sender"


# --- contacts ---------------------------------------------------------------------------------


def test_contacts_are_matched_by_id_and_never_by_place() -> None:
    bashir = {"profile": {"name": "Bashir"}, "wa_id": BASHIR}
    items = [text_message(id="1"), text_message(id="2", from_=BASHIR, from_user_id=None)]
    read = all_as(Message, events_in(body(value(*items, contacts=[bashir, AMINA_CONTACT]))))
    assert [item.person.profile_name for item in read] == ["Amina D.", "Bashir"]


def test_a_contact_adds_the_id_that_the_message_leaves_out() -> None:
    assert person_of(text_message(from_user_id=None)).bsuid == AMINA_ID
    assert person_of(text_message(from_=None)).wa_id == AMINA


def test_the_only_contact_names_the_only_sender() -> None:
    contact = {"profile": {"name": "Amina D.", "username": "amina.d"}, "user_id": AMINA_ID}
    person = person_of(text_message(from_user_id=None), contacts=[contact])
    assert person == Person(wa_id=AMINA, profile_name="Amina D.")


def test_the_only_contact_names_nobody_among_several_senders() -> None:
    contact = {"profile": {"name": "Amina D."}, "user_id": AMINA_ID}
    items = [text_message(id="1", from_user_id=None), text_message(id="2", from_=BASHIR)]
    read = all_as(Message, events_in(body(value(*items, contacts=[contact]))))
    assert read[0].person == Person(wa_id=AMINA)


def test_the_only_contact_names_nobody_whose_ids_say_otherwise() -> None:
    item = text_message(from_=BASHIR, from_user_id=None)
    assert person_of(item) == Person(wa_id=BASHIR)


def test_a_number_that_now_belongs_to_another_id_lends_no_profile() -> None:
    assert person_of(text_message(from_user_id=NEW_ID)) == Person(wa_id=AMINA, bsuid=NEW_ID)


@pytest.mark.parametrize(
    ("contact", "place"),
    [
        ("Amina", ""),
        (AMINA_CONTACT | {"profile": "Amina"}, ".profile"),
        (AMINA_CONTACT | {"profile": {"name": 5}}, ".profile.name"),
    ],
)
def test_a_bad_contact_is_quarantined_and_its_message_read_without_it(
    contact: Any, place: str
) -> None:
    bad, good = _bad_contact_and_its_message(contact)
    assert bad.code == "wrong_type"
    assert bad.reason.startswith(f"entry[0].changes[0].value.contacts[0]{place} ")
    assert good.person == Person(wa_id=AMINA, bsuid=AMINA_ID)


def test_a_name_too_long_to_keep_is_quarantined_and_not_cut() -> None:
    contact = AMINA_CONTACT | {"profile": {"name": "A" * 513}}
    bad, good = _bad_contact_and_its_message(contact)
    assert bad.code == "too_long"
    assert good.person.profile_name is None


def _bad_contact_and_its_message(contact: Any) -> tuple[Quarantined, Message]:
    bad, good = events_in(body(value(text_message(), contacts=[contact])))
    assert isinstance(bad, Quarantined)
    assert isinstance(good, Message)
    return bad, good


# --- shared numbers ---------------------------------------------------------------------------


def phones_of(*cards: Json) -> tuple[str, ...]:
    return person_of(message("contacts", list(cards))).attested_phones


def test_a_number_shared_on_request_is_the_sender_s_own() -> None:
    card = {"origin": "contact_request", "phones": [{"phone": "+34 600 111 222", "wa_id": AMINA}]}
    assert phones_of(card) == ("+34600111222",)
    without_wa_id = {"origin": "contact_request", "phones": [{"phone": "+34 600 111 222"}]}
    assert phones_of(without_wa_id) == ("+34600111222",)


@pytest.mark.parametrize("origin", ["other", None, "contact_request "])
def test_any_other_card_is_about_somebody(origin: str | None) -> None:
    assert phones_of({"origin": origin, "phones": [{"phone": "+34600111222"}]}) == ()


@pytest.mark.parametrize(
    "phone",
    [
        {"phone": "600111222"},
        {"phone": "+34123"},
        {"wa_id": "999999999999"},
        {"phone": "+"},
        {},
    ],
)
def test_what_is_no_valid_number_in_the_world_is_not_attested(phone: Json) -> None:
    assert phones_of({"origin": "contact_request", "phones": [phone]}) == ()


def test_a_number_is_attested_for_who_shared_it_and_never_for_who_received_it() -> None:
    card = {"origin": "contact_request", "phones": [{"wa_id": AMINA}]}
    echo = message("contacts", [card], from_=BASHIR, from_user_id=None, to=AMINA)
    assert as_message(body(value(message_echoes=[echo]))).person.attested_phones == ()


# --- changes of identity ----------------------------------------------------------------------


def system(own: Json, **changes: Any) -> Json:
    return body(
        value(message("system", own, from_user_id=None, **changes), contacts=None), "messages"
    )


def test_a_changed_number_moves_the_number_and_the_ids() -> None:
    own = {
        "type": "user_changed_number",
        "body": f"User Amina changed from {AMINA} to {NEW_NUMBER}",
        "wa_id": NEW_NUMBER,
        "user_id": NEW_ID,
        "previous_user_id": AMINA_ID,
        "parent_user_id": "ES.ENT.2",
        "previous_parent_user_id": "ES.ENT.1",
    }
    read = as_message(system(own))
    previous = Person(wa_id=AMINA, bsuid=AMINA_ID, parent_bsuid="ES.ENT.1")
    current = Person(wa_id=NEW_NUMBER, bsuid=NEW_ID, parent_bsuid="ES.ENT.2")
    assert read.identity_change == IdentityChange(previous, current)
    assert read.person == previous
    assert read.text == own["body"]


def test_a_changed_id_names_the_person_by_the_old_one() -> None:
    own = {"type": "user_changed_user_id", "user_id": NEW_ID, "previous_user_id": AMINA_ID}
    read = as_message(system(own, from_=None))
    assert read.person == Person(bsuid=AMINA_ID)
    change = IdentityChange(Person(bsuid=AMINA_ID), Person(bsuid=NEW_ID))
    assert read.identity_change == change


@pytest.mark.parametrize("repeated", [{}, {"wa_id": AMINA}])
def test_a_changed_id_leaves_the_number_with_the_person(repeated: Json) -> None:
    own = {"type": "user_changed_user_id", "user_id": NEW_ID, "previous_user_id": AMINA_ID}
    change = IdentityChange(Person(wa_id=AMINA, bsuid=AMINA_ID), Person(wa_id=AMINA, bsuid=NEW_ID))
    assert as_message(system(own | repeated)).identity_change == change


@pytest.mark.parametrize(
    "own",
    [
        {"type": "customer_changed_number", "customer": AMINA, "wa_id": NEW_NUMBER},
        {"type": "customer_changed_number", "new_wa_id": NEW_NUMBER},
        {"type": "user_changed_number", "new_wa_id": f"+{NEW_NUMBER}"},
    ],
)
def test_older_forms_of_a_changed_number_are_understood(own: Json) -> None:
    change = IdentityChange(Person(wa_id=AMINA), Person(wa_id=NEW_NUMBER))
    assert as_message(system(own)).identity_change == change


def test_the_old_number_may_stand_in_customer_and_the_new_one_in_from() -> None:
    own = {"type": "customer_changed_number", "customer": AMINA, "wa_id": NEW_NUMBER}
    change = IdentityChange(Person(wa_id=AMINA), Person(wa_id=NEW_NUMBER))
    assert as_message(system(own, from_=NEW_NUMBER)).identity_change == change


@pytest.mark.parametrize("end", ["", "."])
def test_an_old_id_that_only_the_sentence_tells_is_read_from_its_end(end: str) -> None:
    sentence = f"User Amina changed from {AMINA_ID} to {NEW_ID}{end}"
    own = {"type": "user_changed_user_id", "user_id": NEW_ID, "body": sentence}
    change = IdentityChange(Person(bsuid=AMINA_ID), Person(bsuid=NEW_ID))
    assert as_message(system(own, from_=None)).identity_change == change


@pytest.mark.parametrize(
    "sentence",
    [
        f"User x changed from {AMINA_ID} to {NEW_ID} changed her mind",
        f"User Amina changed from {AMINA_ID} to ES.SOMEBODY",
        f"User Amina changed from es.lower to {NEW_ID}",
        f"User Amina changed from {AMINA_ID}! to {NEW_ID}",
        f"{AMINA_ID}",
        "User changed their user ID",
        None,
    ],
)
def test_a_sentence_that_does_not_end_in_exactly_both_ids_moves_nobody(
    sentence: str | None,
) -> None:
    own = {"type": "user_changed_user_id", "user_id": NEW_ID, "body": sentence}
    read = as_message(system(own, from_=None))
    assert read.identity_change is None
    assert read.person == Person(bsuid=NEW_ID)


def test_a_profile_name_that_imitates_the_sentence_moves_nobody_else() -> None:
    name = f"x changed from ES.VICTIM to {NEW_ID}"
    sentence = f"User {name} changed from {AMINA_ID} to {NEW_ID}"
    own = {"type": "user_changed_user_id", "user_id": NEW_ID, "body": sentence}
    change = as_message(system(own, from_=None)).identity_change
    assert change is not None
    assert change.previous == Person(bsuid=AMINA_ID)


@pytest.mark.parametrize(
    "own",
    [
        {"type": "customer_identity_changed", "wa_id": AMINA, "identity": "hash"},
        {"type": "customer_identity_changed", "customer": AMINA},
        {"type": "user_changed_number", "wa_id": AMINA},
        {"type": "user_changed_number", "body": "no ids at all"},
        {"type": "something_new", "user_id": NEW_ID, "wa_id": NEW_NUMBER},
        {},
    ],
)
def test_a_system_message_that_tells_of_no_new_name_moves_nobody(own: Json) -> None:
    read = as_message(system(own))
    assert read.identity_change is None
    assert read.person == Person(wa_id=AMINA)


def test_a_system_message_about_nobody_is_quarantined() -> None:
    own = {"type": "user_changed_user_id", "body": "?"}
    assert as_quarantined(system(own, from_=None)).code == "no_sender"
