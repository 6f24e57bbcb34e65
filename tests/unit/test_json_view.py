"""JSON of unknown origin on screen: readable, and unable to pretend."""

import html
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.components.json_view import MOST, json_text_view, json_view, visible
from ui.i18n import speaking

TAG = re.compile(r"<(/?)(pre|bdi)\b[^>]*>")


def text_of(markup: str) -> str:
    """What a reader sees."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def test_words_are_never_markup() -> None:
    shown = json_view({"<b>": "<img src=x onerror=alert(1)>"}).source
    assert "<img" not in shown
    assert "<b>" not in shown
    assert '"<img src=x onerror=alert(1)>"' in text_of(shown)


def test_every_string_stands_in_an_isolation_of_its_own() -> None:
    shown = json_view({"name": "محمد", "from": "Ana"}).source
    assert '<bdi class="ac-json-string">&quot;محمد&quot;</bdi>' in shown
    assert '<bdi class="ac-json-key">&quot;name&quot;</bdi>' in shown


@pytest.mark.parametrize("control", ["\u202e", "\u2066", "\u200f", "\u200b", "\x07", "\u2028"])
def test_what_cannot_be_seen_is_written_out(control: str) -> None:
    shown = json_view({"file": f"photo{control}gpj.exe"}).source
    assert control not in shown
    assert f"\\u{ord(control):04x}" in text_of(shown)


def test_an_unseen_character_beyond_the_first_plane_is_written_out_too() -> None:
    assert visible("a\U000e0041b") == "a\\U000e0041b"


def test_raw_text_that_is_json_is_indented() -> None:
    assert text_of(json_text_view('{"a":[1]}').source) == '{\n  "a": [\n    1\n  ]\n}'


def test_raw_text_that_is_no_json_is_shown_as_it_is() -> None:
    assert text_of(json_text_view('{"a": <torn').source) == '{"a": <torn'


def test_a_number_of_thousands_of_digits_is_shown_as_text() -> None:
    assert "1111" in json_text_view("1" * 5000).source


def test_what_is_too_deep_is_not_shown_but_said() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with speaking("en"):
        assert "nested too deeply" in json_view(deep).source


def test_what_is_too_long_is_cut() -> None:
    assert len(text_of(json_view("x" * 10 * MOST).source)) < MOST + 10


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_anything_is_shown_in_full_and_well_formed(value: object) -> None:
    shown = json_view(value).source
    assert [TAG.sub("", piece) for piece in re.findall(r"<[^>]*>", shown)] == [""] * shown.count(
        "<"
    )
    expected = json.dumps(value, ensure_ascii=False, indent=2)
    assert text_of(shown) == visible(expected).encode("utf-8", "replace").decode()[: MOST + 2]


@given(st.text())
def test_nothing_unseen_is_left(words: str) -> None:
    left = {unicodedata.category(c) for c in visible(words) if c != "\n"}
    assert left.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
