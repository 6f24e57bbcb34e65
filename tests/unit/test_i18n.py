"""Every word on screen is there in Spanish, and everybody reads in their own language."""

import re

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from ui.catalogue import TRANSLATED, extracted, merged
from ui.i18n import (
    LOCALE_FOLDER,
    N_,
    Language,
    _,
    known_language,
    language,
    ngettext,
    preferred_language,
    speaking,
)

PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def forms(message: Message) -> list[tuple[str, str]]:
    """(English, translation) of each form of a message."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string or ""))]
    translations = message.string if isinstance(message.string, tuple) else ("", "")
    return list(zip(message.id, translations, strict=True))


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_message_is_translated(code: str) -> None:
    missing = [
        english
        for message in merged(code)
        if message.id
        for english, translation in forms(message)
        if not translation.strip()
    ]
    assert missing == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_is_uncertain_or_left_over(code: str) -> None:
    wanted = {message.id for message in extracted()}
    for path in (LOCALE_FOLDER / code).glob("*.po"):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=code)
        assert [m.id for m in catalogue if m.id and m.fuzzy] == []
        assert [m.id for m in catalogue if m.id and m.id not in wanted] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_keeps_the_placeholders(code: str) -> None:
    wrong = [
        (english, translation)
        for message in merged(code)
        if message.id
        for english, translation in forms(message)
        if set(PLACEHOLDER.findall(english)) != set(PLACEHOLDER.findall(translation))
    ]
    assert wrong == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_ends_as_the_message_does(code: str) -> None:
    wrong = [
        (english, translation)
        for message in merged(code)
        if message.id
        for english, translation in forms(message)
        if english[-1:] in ".…:" and english[-1:] != translation[-1:]
    ]
    assert wrong == []


def test_outside_of_a_page_it_is_spanish() -> None:
    assert language() == "es"
    assert _("Sign out") == "Salir"


def test_a_language_can_be_chosen_for_a_while() -> None:
    with speaking("en"):
        assert _("Sign out") == "Sign out"
        with speaking("es"):
            assert _("Sign out") == "Salir"
    assert language() == "es"


def test_values_are_filled_in_by_name() -> None:
    assert _("{n} min ago", n=5) == "hace 5 min"


def test_values_that_look_like_placeholders_stay_as_they_are() -> None:
    assert _("{n} min ago", n="{n}") == "hace {n} min"


@pytest.mark.parametrize(("n", "spanish"), [(0, "0 mensajes"), (1, "1 mensaje"), (7, "7 mensajes")])
def test_words_that_count_follow_the_number(n: int, spanish: str) -> None:
    said = ngettext("{count} unread message", "{count} unread messages", n, count=n)
    assert said.startswith(f"{spanish} sin leer")


def test_what_has_no_translation_is_shown_in_english() -> None:
    unknown = "Words nobody" + " has translated"
    assert _(unknown) == unknown
    assert ngettext(unknown, "{n} of them", 2) == "2 of them"


def test_a_constant_is_translated_where_it_is_shown() -> None:
    label = N_("Search")
    assert label == "Search"
    assert _(label) == "Buscar"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("es-ES,es;q=0.9,en;q=0.8", "es"),
        ("en-GB", "en"),
        ("fr,en;q=0.5,es;q=0.6", "es"),
        ("ar", "es"),
        ("", "es"),
        ("en;q=0,es", "es"),
        ("en;q=nonsense", "es"),
        ("," * 5000 + "en", "es"),
    ],
)
def test_the_browser_says_which_language_it_prefers(header: str, expected: Language) -> None:
    assert preferred_language(header) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("es", "es"), ("EN_gb", "en"), ("de", None), ("", None), (None, None)]
)
def test_a_language_from_outside_is_known_or_ignored(name: str | None, expected: str) -> None:
    assert known_language(name) == expected
