"""Phone numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import phones


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("600 000 042", "+34600000042"),
        ("600-000-042", "+34600000042"),
        ("+34 600 000 042", "+34600000042"),
        ("0034 600000042", "+34600000042"),
        (" (+212) 612-345678 ", "+212612345678"),
        ("+٣٤٦٠٠٠٠٠٠٤٢", "+34600000042"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+52 1 55 1234 5678", "+525512345678"),
    ],
)
def test_are_stored_in_one_spelling(written: str, number: str) -> None:
    assert phones.parse(written) == number


@pytest.mark.parametrize(
    "written", ["", "12", "call me", "600 CALLME", "+", "600000042 ext 7", "1" * 41, "+34 6", "\0"]
)
def test_that_are_none(written: str) -> None:
    assert phones.parse(written) is None


@given(st.text(max_size=60) | st.from_regex(r"[+0-9 ().-]{0,45}", fullmatch=True))
def test_what_is_stored_reads_as_itself(written: str) -> None:
    number = phones.parse(written)
    assert number is None or phones.parse(number) == number
