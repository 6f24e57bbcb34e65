"""Whom the simulator can play, and whom WhatsApp would not have."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.phones import from_wa_id
from services.simulator.people import MAX_NAME, NotAPerson, demo_people, invent
from services.simulator.script import scripts


def test_everybody_of_the_demo_can_be_played() -> None:
    assert [person.key for person in demo_people()] == [script.key for script in scripts()]


def test_whoever_changed_the_number_has_the_new_one() -> None:
    keyla = next(person for person in demo_people() if person.key == "keyla")
    before = next(script for script in scripts() if script.key == "keyla").sender
    assert before.wa_id == "50499990109"
    assert keyla.sender.wa_id == "34600000109"
    assert keyla.sender.bsuid != before.bsuid
    assert keyla.sender.profile_name == before.profile_name


@pytest.mark.parametrize("number", ["+34 600 00 00 01", "0034600000001", "34-600-000-001"])
def test_a_number_may_be_written_in_any_way(number: str) -> None:
    sender = invent("Noor", number=number, random=Random(1))
    assert (sender.wa_id, sender.username) == ("34600000001", None)
    assert sender.bsuid


def test_without_a_number_a_username_hides_it() -> None:
    sender = invent("  Noor   Prueba ", number=None, username="@Noor.Bcn", random=Random(1))
    assert (sender.wa_id, sender.username, sender.profile_name) == (
        None,
        "noor.bcn",
        "Noor Prueba",
    )
    assert sender.bsuid


def test_two_who_are_made_up_are_two() -> None:
    random = Random(1)
    one, other = (invent("Noor", number=None, username="noor", random=random) for _ in range(2))
    assert one.bsuid != other.bsuid


@pytest.mark.parametrize(
    ("name", "number", "username", "field"),
    [
        ("", "+34600000001", "", "name"),
        (" \n ", "+34600000001", "", "name"),
        ("x" * (MAX_NAME + 1), "+34600000001", "", "name"),
        ("Noor", "", "", "number"),
        ("Noor", "600", "", "number"),
        ("Noor", "+34 seiscientos", "", "number"),
        ("Noor", "٣٤٦٠٠٠٠٠٠٠١", "", "number"),
        ("Noor", None, "", "username"),
        ("Noor", None, "no", "username"),
        ("Noor", None, ".noor", "username"),
        ("Noor", None, "noor prueba", "username"),
        ("Noor", None, "نور", "username"),
    ],
)
def test_what_whatsapp_would_not_have_is_named(
    name: str, number: str | None, username: str, field: str
) -> None:
    with pytest.raises(NotAPerson) as problem:
        invent(name, number=number, username=username, random=Random(1))
    assert problem.value.field == field


@given(st.text(), st.none() | st.text(), st.text())
def test_whatever_is_typed_makes_a_person_or_a_reason(
    name: str, number: str | None, username: str
) -> None:
    try:
        sender = invent(name, number=number, username=username, random=Random(1))
    except NotAPerson:
        return
    assert sender.profile_name
    assert len(sender.profile_name) <= MAX_NAME
    assert sender.wa_id is None or from_wa_id(sender.wa_id)
    assert sender.wa_id or sender.username
