"""A client as a row of the list, in words."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from services.clients import ClientPage, ClientSummary
from services.events import MessageType
from ui.components.avatars import TINTS, initials, tint
from ui.components.client_table import row_of
from ui.components.pager import range_of, total_of

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)


def client(**changes: Any) -> ClientSummary:
    usual: dict[str, Any] = {
        "id": UUID(int=7),
        "name": "Amina Haddad",
        "phone": "+34612345678",
        "username": None,
        "email": None,
        "profile_type": "ASYLUM",
        "profile_confidence": 0.87,
        "profile_source": "classifier",
        "status": "active",
        "unread_count": 0,
        "last_message_at": NOW - timedelta(minutes=5),
        "last_message_direction": "inbound",
        "last_message_type": "text",
        "last_message_preview": "Hola",
        "created_at": NOW,
    }
    return ClientSummary(**usual | changes)


def test_who_hides_the_number_is_told_by_the_user_name() -> None:
    assert row_of(client(phone=None, username="amina.h"))["phone"] == "@amina.h"
    assert row_of(client(username="amina.h"))["phone"] != "@amina.h"


def test_a_row_leads_to_the_client() -> None:
    assert row_of(client())["href"] == "/clients/00000000-0000-0000-0000-000000000007"


def test_who_has_no_name_and_no_number_is_still_somebody() -> None:
    for nobody in (None, "", "   "):
        row = row_of(client(name=nobody, phone=None))
        assert (row["name"], row["named"]) == ("Sin nombre", False)
        assert row["phone"] == "Número oculto por WhatsApp"


def test_a_message_is_told_with_its_time() -> None:
    row = row_of(client(), now=NOW)
    assert (row["preview"], row["when"]) == ("Hola", "hace 5 min")
    assert row["exact"] == "lunes 23 de noviembre de 2026, 10:37:00"
    assert row["direction_label"] == "Recibido"


def test_a_photo_without_words_is_called_one() -> None:
    row = row_of(client(last_message_type="image", last_message_preview=None))
    assert (row["preview"], row["type_label"]) == ("Foto", "Foto")


@pytest.mark.parametrize("kind", [*get_args(MessageType), "of tomorrow", None])
def test_every_kind_of_message_has_a_preview(kind: str | None) -> None:
    assert row_of(client(last_message_type=kind, last_message_preview=None))["preview"]


def test_who_has_not_written_yet_has_no_time() -> None:
    row = row_of(client(last_message_at=None, last_message_type=None))
    assert (row["preview"], row["when"]) == ("Todavía no hay mensajes", "")


@pytest.mark.parametrize(
    ("count", "shown", "said"),
    [
        (0, "", "0 mensajes sin leer"),
        (1, 1, "1 mensaje sin leer"),
        (1200, "99+", "1.200 mensajes sin leer"),
    ],
)
def test_unread_messages_are_counted(count: int, shown: str, said: str) -> None:
    row = row_of(client(unread_count=count))
    assert (row["unread"], row["unread_label"]) == (shown, said)


def test_a_proposal_says_how_sure_it_is_and_a_decision_who_took_it() -> None:
    proposed = row_of(client())
    assert proposed["confidence"].replace("\N{NO-BREAK SPACE}", " ") == "87 %"
    assert not proposed["decided"]
    decided = row_of(client(profile_source="staff", profile_confidence=None))
    assert (decided["confidence"], decided["decided"]) == ("", True)
    assert decided["basis"] == "Decidido por el equipo"


def test_what_people_write_stays_words() -> None:
    planted = "<img src=x onerror=alert(1)>{{7*7}}"
    row = row_of(client(name=planted, last_message_preview=planted))
    assert (row["name"], row["preview"]) == (planted, planted)
    assert "v-html" not in repr(row)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Amina Haddad", "AH"),
        ("  josé   de la  cruz ", "JC"),
        ("Олена Шевченко", "ОШ"),
        ("Yulimar ✨ Contreras", "YC"),
        ("Cher", "C"),
        ("أحمد الخطيب", "أ"),
        ("李薇 Li Wei", "李"),
        ("<b>x", ""),
        ("😀", ""),
        ("", ""),
        (None, ""),
        ("ß ŉ", "SS"),
    ],
)
def test_initials(name: str | None, letters: str) -> None:
    assert initials(name) == letters


def test_the_tint_of_a_person_stays_the_same() -> None:
    seeds = [str(UUID(int=n)) for n in range(200)]
    assert {tint(seed) for seed in seeds} == set(range(1, TINTS + 1))
    assert tint("\ud800") == tint("\ud800")


def page(**changes: Any) -> ClientPage:
    usual: dict[str, Any] = {
        "items": [],
        "total": 1234,
        "total_is_exact": True,
        "page": 2,
        "limit": 25,
    }
    return ClientPage(**usual | changes)


def test_a_page_says_where_it_stands() -> None:
    assert range_of(page()) == "26–50 de 1.234"


def test_the_last_page_ends_with_the_last_client() -> None:
    assert range_of(page(page=50)) == "1.226–1.234 de 1.234"


def test_a_list_that_was_not_counted_to_its_end_says_so() -> None:
    endless = page(total=10_000, total_is_exact=False)
    assert total_of(endless) == "más de 10.000"
    assert range_of(endless) == "26–50 de más de 10.000"
