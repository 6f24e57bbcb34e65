"""The signature of a delivery, against vectors computed elsewhere."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.signature import is_valid, sign

COMPACT = b'{"object":"whatsapp_business_account","entry":[]}'
SPACED = b'{"object": "whatsapp_business_account", "entry": []}'

VECTORS = [
    (
        "test_app_secret",
        COMPACT,
        "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756",
    ),
    (
        "test_app_secret",
        SPACED,
        "sha256=56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a",
    ),
    (
        "otro_secreto",
        COMPACT,
        "sha256=769b03d8c2ae6498f2d1e1f7299c0ba55448c69d741e7b0bb243d852d8a8d8c7",
    ),
]
GOOD = VECTORS[0][2]


@pytest.mark.parametrize(("secret", "body", "header"), VECTORS)
def test_signing_gives_the_known_signature(secret: str, body: bytes, header: str) -> None:
    assert sign(secret, body) == header


@pytest.mark.parametrize(("secret", "body", "header"), VECTORS)
def test_a_known_signature_is_valid_as_text_and_as_bytes(
    secret: str, body: bytes, header: str
) -> None:
    assert is_valid([secret], body, header)
    assert is_valid([secret], body, header.encode())


def test_the_same_json_written_with_other_spaces_is_not_what_was_signed() -> None:
    assert not is_valid(["test_app_secret"], SPACED, GOOD)


def test_another_secret_does_not_validate() -> None:
    assert not is_valid(["otro_secreto"], COMPACT, GOOD)


def test_during_a_rotation_both_the_old_and_the_new_secret_validate() -> None:
    secrets = ["test_app_secret", "otro_secreto"]
    assert is_valid(secrets, COMPACT, sign("test_app_secret", COMPACT))
    assert is_valid(secrets, COMPACT, sign("otro_secreto", COMPACT))
    assert not is_valid(secrets, COMPACT, sign("a third one", COMPACT))


def test_without_secrets_nothing_is_valid() -> None:
    assert not is_valid([], COMPACT, GOOD)


def test_an_empty_secret_signs_nothing_and_validates_nothing() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        sign("", COMPACT)
    with_the_empty_key = hmac.new(b"", COMPACT, hashlib.sha256).hexdigest()
    assert not is_valid([""], COMPACT, f"sha256={with_the_empty_key}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        b"",
        "sha256=",
        GOOD.removeprefix("sha256="),
        GOOD.replace("sha256=", "sha1="),
        GOOD.replace("sha256=", "SHA256="),
        "sha256=" + GOOD.removeprefix("sha256=").upper(),
        GOOD[:-1],
        GOOD + "0",
        GOOD + "\n",
        " " + GOOD,
        f"{GOOD}, {GOOD}",
        GOOD[:-1] + "é",
        GOOD[:-1] + "\udce9",
        GOOD[:-1] + "٣",
        GOOD.encode()[:-1] + b"\xff",
    ],
)
def test_a_header_of_another_shape_is_refused_without_an_error(header: bytes | str | None) -> None:
    assert not is_valid(["test_app_secret"], COMPACT, header)


@given(body=st.binary(max_size=200), secret=st.text(min_size=1).filter(str.isprintable))
def test_what_was_signed_is_valid_whatever_the_bytes(body: bytes, secret: str) -> None:
    assert is_valid([secret], body, sign(secret, body))
    assert not is_valid([secret], body + b" ", sign(secret, body))


@given(header=st.binary(max_size=100) | st.text(max_size=100))
def test_no_header_whatever_makes_checking_fail_with_an_error(header: bytes | str) -> None:
    assert not is_valid(["test_app_secret"], COMPACT, header)
