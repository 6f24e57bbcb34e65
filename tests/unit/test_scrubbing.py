"""What may be said of data: what betrays itself is masked, what operators need is left alone."""

import json

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scrubbing import describe, scrub, scrub_text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("34600111222", "[number]"),
        ("call 600-11-12-22 now", "call [number] now"),
        ("(+34) 600.111.222", "([number]"),
        ("٠١٢٣٤٥٦٧٨٩", "[number]"),
        ("X1234567L", "X[number]L"),
        ("to a.b+c@example.org.", "to [email]"),
        ("wamid.HBgLMzQ2MDAxMTEyMjI=", "[wamid]"),
        ("postgresql://app:pa:ss@db/x", "postgresql://[credentials]@db/x"),
        ("GET /clients?search=Yamileth HTTP/1.1", "GET /clients?[query] HTTP/1.1"),
        ("Bearer eyJhbGciOi.eyJzdWIi.c2ln", "Bearer [jwt]"),
    ],
)
def test_what_betrays_itself_is_masked(text: str, told: str) -> None:
    assert scrub_text(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "123e4567-e89b-12d3-a456-426614174000",
        "2026-11-23T10:11:12.123456+00:00",
        "192.168.100.200",
        "127.0.0.1:8000",
        "error 131047",
        "9f86d081884c7d659a2feaa0c55ad015",
        "why? because",
    ],
)
def test_what_operators_need_is_left_alone(text: str) -> None:
    assert scrub_text(text) == text


@given(st.text())
def test_any_text_ends_up_on_one_line(text: str) -> None:
    assert len(scrub_text(text).splitlines()) <= 1


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(_ANYTHING)
def test_any_value_becomes_plain_json(value: object) -> None:
    json.dumps(scrub(value))


@given(st.from_regex(r"[67][0-9]{8}", fullmatch=True), st.text(), st.text())
def test_a_telephone_number_is_masked_wherever_it_stands(
    phone: str, before: str, after: str
) -> None:
    assert phone not in scrub_text(f"{before} {phone} {after}")


def test_a_lost_database_is_told_with_its_reason_and_a_refused_row_without_its_values() -> None:
    lost = psycopg.OperationalError("connection to server at 127.0.0.1 failed\nmore")
    assert describe(lost) == "psycopg.OperationalError (connection to server at 127.0.0.1 failed)"
    refused = psycopg.errors.UniqueViolation("Key (email)=(yamileth@example.org) already exists")
    assert describe(refused) == "psycopg.errors.UniqueViolation (23505)"
