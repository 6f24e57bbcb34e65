"""What the page of a client says about them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.clients import ClientDetail, ClientSummary, Identity
from ui.components.client_file import called, evidence, facts, notices, person, window_state
from ui.i18n import speaking

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
OTHER = UUID(int=2)

SUMMARY = ClientSummary(
    id=UUID(int=1),
    name="Amina Bennani",
    phone="+34600000123",
    username=None,
    email="amina@example.org",
    profile_type="ARRAIGO",
    profile_confidence=0.82,
    profile_source="classifier",
    status="active",
    unread_count=0,
    last_message_at=None,
    last_message_direction=None,
    last_message_type=None,
    last_message_preview=None,
    created_at=NOW,
)
DETAIL = ClientDetail(
    summary=SUMMARY,
    profile_name="Amina Bennani",
    passport_or_nie=None,
    notes=None,
    language="ar",
    updated_at=NOW,
    last_inbound_at=None,
    profile_evidence=[],
    identities=[],
    conflicting_clients=[],
)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with speaking("en"):
        yield


def test_a_client_is_called_by_name_else_by_number_else_says_so() -> None:
    assert called(SUMMARY) == "Amina Bennani"
    assert called(replace(SUMMARY, name=None)) == "+34 600 00 01 23"
    assert called(replace(SUMMARY, name=None, phone=None)) == "Without a name"


def test_no_name_is_shown_in_another_order_than_it_is_written() -> None:
    posing = replace(
        DETAIL, summary=replace(SUMMARY, name="\u202elive\u202c"), profile_name="\u2067evil"
    )
    assert called(posing.summary) == "live"
    assert called(replace(SUMMARY, name="\u202e")) == "+34 600 00 01 23"
    for markup in (person(posing), facts(posing)):
        assert "evil" in markup.source
        assert not set("\u202e\u202c\u2067") & set(markup.source)


def test_the_name_on_whatsapp_is_shown_where_it_differs() -> None:
    assert "~" not in person(DETAIL).source
    assert "<bdi>amina</bdi>" in person(replace(DETAIL, profile_name="amina")).source
    assert "Name on WhatsApp" not in facts(DETAIL).source
    assert "Name on WhatsApp" in facts(replace(DETAIL, profile_name="amina")).source


def test_a_hidden_number_is_said_to_be_hidden() -> None:
    hidden = replace(DETAIL, summary=replace(SUMMARY, phone=None))
    assert "Number hidden by WhatsApp" in person(hidden).source


def test_an_archived_client_is_marked_beside_the_name() -> None:
    assert "Archived" in person(replace(DETAIL, summary=replace(SUMMARY, status="archived"))).source
    assert "Active" not in person(DETAIL).source


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (None, "They have not written to us yet: only a template can be sent."),
        (timedelta(0), "We can answer freely until Tue 24 Nov, 10:42."),
        (timedelta(hours=22, minutes=30), "1 h 30 min left."),
        (timedelta(hours=23, minutes=59, seconds=59), "0 h 0 min left."),
        (timedelta(hours=24), "They last wrote more than 24 hours ago"),
    ],
)
def test_the_window_is_open_for_24_hours_after_the_person_wrote(
    age: timedelta | None, said: str
) -> None:
    assert said in window_state(NOW - age if age is not None else None, NOW).source


def test_a_conflict_leads_to_the_other_client() -> None:
    assert notices(DETAIL).source == ""
    found = notices(replace(DETAIL, conflicting_clients=[OTHER])).source
    assert f'href="/clients/{OTHER}"' in found


def test_the_reasons_name_the_words_and_what_was_denied() -> None:
    found = evidence(
        [
            piece(keyword="arraigo social", weight=0.8),
            piece(keyword="asilo", profile_type="ASYLUM", negated=True),
        ]
    ).source
    assert "arraigo social" in found
    assert "a strong sign · Spanish" in found
    assert "denied, does not count" in found
    assert "No word in the messages" in evidence([]).source


def test_the_words_are_quoted_as_the_person_wrote_them() -> None:
    found = evidence([piece(keyword="padrón", found="enpadronao")]).source
    assert '<q class="ac-evidence-word"><bdi>enpadronao</bdi></q>' in found
    assert "padrón" not in found
    # Of older messages we know our own spelling alone, which is nobody's words.
    assert "<q" not in evidence([piece(keyword="padrón")]).source


def test_identities_that_ended_are_marked() -> None:
    identities = [Identity("phone", "+34600000123", False), Identity("phone", "+34600000999", True)]
    found = facts(replace(DETAIL, identities=identities)).source
    assert found.count("no longer theirs") == 1
    # Among the ways to reach the person there is only the number that is still theirs.
    contact = found.partition("</section>")[0]
    assert "+34600000123" in contact
    assert "+34600000999" not in contact


def test_nothing_anybody_wrote_becomes_markup() -> None:
    planted = "<img src=x onerror=alert(1)>\"'"
    hostile = replace(
        DETAIL,
        summary=replace(SUMMARY, name=planted, email=planted, phone=planted, username=planted),
        profile_name=planted + "2",
        passport_or_nie=planted,
        notes=planted,
        language=planted,
        identities=[Identity(planted, planted, False)],
    )
    pieces = [
        piece(
            keyword=planted, found=planted, language=planted, profile_type=planted, weight=planted
        )
    ]
    for markup in (person(hostile), facts(hostile), notices(hostile), evidence(pieces)):
        assert "<img" not in markup.source
        assert "\"'" not in markup.source


def piece(**fields: Any) -> dict[str, Any]:
    return {
        "keyword": "arraigo",
        "profile_type": "ARRAIGO",
        "weight": 0.5,
        "language": "es",
        "negated": False,
    } | fields
