"""A person as a small disc: initials, in one of a few quiet tints that stays the same."""

import unicodedata
from hashlib import blake2s

from ui.components.icons import icon
from ui.components.markup import Html, tag

TINTS = 6


def avatar(name: str | None, *, seed: str) -> Html:
    """Show initials, or a figure for who has no name. `seed` decides the tint, the name does not:
    a person who is renamed keeps it."""
    letters = initials(name)
    return tag(
        "span",
        letters or icon("person"),
        class_=f"ac-avatar ac-avatar--{tint(seed)}",
        aria_hidden="true",
    )


def initials(name: str | None) -> str:
    """The first letters of the first and the last word that start with one.

    One letter only in scripts that join letters or write words with one sign: two of them side by
    side would read as a word.
    """
    words = [word for word in (name or "").split() if _is_letter(word[0])]
    if not words:
        return ""
    first = words[0][0]
    if len(words) < 2 or not (_stands_alone(first) and _stands_alone(words[-1][0])):
        return first.upper()
    return (first + words[-1][0]).upper()[:2]


def tint(seed: str) -> int:
    """1 to TINTS, evenly over all seeds."""
    return blake2s(seed.encode("utf-8", "replace"), digest_size=2).digest()[0] % TINTS + 1


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] == "L"


def _stands_alone(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN", "CYRILLIC", "GREEK", "ARMENIAN"))
