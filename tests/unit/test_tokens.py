"""The look is written down once, and can be read by everybody in both themes."""

import re
from pathlib import Path

import pytest

from ui.assets import FOLDER
from ui.components.icons import icon
from ui.components.preferences import THEMES
from ui.components.tags import PROFILES, STATUSES
from ui.rail import SECTIONS

TOKENS = (FOLDER / "tokens.css").read_text("utf-8")
SHEETS = sorted(FOLDER.glob("*.css"))
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--ac-([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TOKENS
    )
}
SURFACES = ("bg", "surface", "surface-raised", "surface-sunken", "hover", "selected")
PROFILE_COLOURS = ("asylum", "arraigo", "student", "irregular", "other")
STATES = ("ok", "warn", "danger", "info")
TEXT = 4.5
SHAPE = 3.0


def luminance(colour: str) -> float:
    """The relative luminance that WCAG defines."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def combinations() -> list[tuple[str, str, float]]:
    """(foreground, background, how much they must differ) of all that the pages put together."""
    found: list[tuple[str, str, float]] = []
    coloured = ("accent", *STATES, *PROFILE_COLOURS)
    for surface in SURFACES:
        found += [(words, surface, TEXT) for words in ("text", "text-muted", "text-faint")]
        found += [(f"{colour}-text", surface, TEXT) for colour in coloured]
        found += [(colour, surface, SHAPE) for colour in (*coloured, "border-strong")]
    found += [(f"{colour}-text", f"{colour}-soft", TEXT) for colour in coloured]
    found += [(f"on-{colour}", colour, TEXT) for colour in ("accent", *STATES)]
    found += [("on-accent", "accent-hover", TEXT), ("text", "accent-soft", TEXT)]
    found += [(f"{words}", "chat", TEXT) for words in ("text", "text-muted", "text-faint")]
    for bubble in ("bubble-in", "bubble-out", "bubble-note"):
        found += [(f"{bubble}-text", bubble, TEXT), (f"{bubble}-muted", bubble, TEXT)]
    found += [(f"tint-{n}-text", f"tint-{n}", TEXT) for n in range(1, 7)]
    found += [("on-door", "door", TEXT), ("on-door", "door-light", TEXT)]
    found += [("tick-read", "bubble-out", SHAPE), ("danger-text", "bubble-out", TEXT)]
    return found


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_what_is_put_together_can_be_told_apart(theme: int) -> None:
    too_weak = [
        (front, back, round(contrast(PAIRS[front][theme], PAIRS[back][theme]), 2))
        for front, back, least in combinations()
        if contrast(PAIRS[front][theme], PAIRS[back][theme]) < least
    ]
    assert too_weak == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_colours_and_sizes_are_written_in_the_tokens_only(sheet: Path) -> None:
    if sheet == FOLDER / "tokens.css":
        return
    rules = re.sub(r"/\*.*?\*/|@media[^{]*|@container[^{]*", "", _read(sheet), flags=re.DOTALL)
    magic = r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|\b\d*\.?\d+px\b"
    assert re.findall(magic, rules) == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_every_token_that_is_used_exists(sheet: Path) -> None:
    known = set(re.findall(r"(--ac-[\w-]+):", TOKENS))
    here = set(re.findall(r"(--ac-[\w-]+):", _read(sheet)))
    used = set(re.findall(r"var\((--ac-[\w-]+)", _read(sheet)))
    assert used - known - here == set()


def test_every_profile_type_and_status_has_a_colour() -> None:
    for colour in {entry[0] for entry in (*PROFILES.values(), *STATUSES.values())}:
        assert {colour, f"{colour}-soft", f"{colour}-text"} <= PAIRS.keys()
        assert f".ac-tag--{colour} " in _read(FOLDER / "parts.css")


def test_every_icon_that_the_code_names_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', _read(FOLDER / "icons.svg")))
    named = {section.icon for section in SECTIONS} | {symbol for _, symbol in THEMES.values()}
    named |= {symbol for _, symbol, _ in STATUSES.values()}
    for path in FOLDER.parent.rglob("*.py"):
        named |= set(re.findall(r'\b(?:icon|icon_address)\("([\w-]+)"', path.read_text("utf-8")))
    assert named - drawn == set()


def test_an_icon_is_decoration_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in str(icon("search"))
    assert "<title>Buscar &amp; más</title>" in str(icon("search", label="Buscar & más"))


def _read(path: Path) -> str:
    return path.read_text("utf-8")
