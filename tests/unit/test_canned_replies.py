"""Replies fill themselves in, in the person's language, and close up where there is no name."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actors import Staff
from services.canned_replies import CannedReply, fill, filled, search, unknown_variables

OMAR = Staff(UUID(int=1), UUID(int=2), "omar@example.org", "Omar Benali", "caseworker")


@dataclass(frozen=True)
class Person:
    name: str | None


def reply(shortcut: str, title: str, **texts: str) -> CannedReply:
    return CannedReply(UUID(int=3), shortcut, title, texts, datetime(2026, 11, 1, tzinfo=UTC))


HELLO = reply(
    "hola",
    "Saludo",
    es="Hola {{nombre}}, soy {{mi_nombre}}.",
    fr="Bonjour {{ nombre_completo }}, je suis {{mi_nombre_completo}}.",
    ar="مرحبا {{nombre}}",
)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "Hola Amina, soy Omar."),
        ("fr", "Bonjour Amina Béjaïa, je suis Omar Benali."),
        ("fr-FR", "Bonjour Amina Béjaïa, je suis Omar Benali."),
        ("ar_MA", "مرحبا Amina"),
        ("uk", "Hola Amina, soy Omar."),
        (None, "Hola Amina, soy Omar."),
    ],
)
def test_it_speaks_the_persons_language_or_spanish(language: str | None, said: str) -> None:
    assert filled(HELLO, Person("Amina Béjaïa"), OMAR, language) == said


def test_without_spanish_there_is_still_a_text() -> None:
    assert filled(reply("x", "X", en="Hello"), Person(None), OMAR, "fr") == "Hello"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hola {{nombre}}:", "Hola:"),
        ("Hola, {{nombre}}. Siga", "Hola,. Siga"),
        ("{{nombre}}, le escribo", "le escribo"),
        ("Uno\n{{nombre}}: dos", "Uno\ndos"),
    ],
)
def test_without_a_name_the_place_closes_up(text: str, said: str) -> None:
    assert fill(text, None, "Omar") == said


def test_a_name_is_no_place_to_fill_and_turns_nothing_around() -> None:
    assert fill("Hola {{nombre}}", "{{mi_nombre}}\u202e x", "Omar") == "Hola {mi_nombre}"


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Hola {{nombre}} {{ mi_nombre }}", []),
        ("Hola {{name}} y {{name}}", ["name"]),
        ("Hola {{}}", [""]),
        ("Hola {{nombre", ["{{"]),
        ("Hola nombre}}", ["{{"]),
        ("{nombre}", []),
    ],
)
def test_unknown_places_are_found(text: str, unknown: list[str]) -> None:
    assert unknown_variables(text) == unknown


def test_search_puts_the_shortcut_first_and_ignores_accents() -> None:
    replies = [
        reply("adios", "Despedida", es="Hola y adiós"),
        reply("hola", "Saludo", es="x"),
        reply("cita", "Holanda", es="x"),
        reply("doc", "Documentación", es="Traiga el pasaporte"),
    ]
    assert [r.shortcut for r in search(replies, "/hola")] == ["hola", "cita", "adios"]
    assert [r.shortcut for r in search(replies, "DOCUMENTACION")] == ["doc"]
    assert [r.shortcut for r in search(replies, "pasaporte traiga")] == ["doc"]
    assert search(replies, "nada") == []
    assert search(replies, " ") == replies


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_name_ever_leaves_a_place_unfilled(around: str, name: str) -> None:
    said = fill(around.replace("{", "") + "{{nombre}}", name, "Omar")
    assert "{{nombre}}" not in said
