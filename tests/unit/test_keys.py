"""What only this installation can make and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import keys

SECRET = "a secret of the tests, long enough for anyone"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_secret", SECRET.encode())


def test_a_digest_is_the_same_for_the_same_and_tells_nothing_of_it() -> None:
    digest = keys.digest("address", "198.51.100.7")
    assert digest == keys.digest("address", "198.51.100.7")
    assert len(digest) == 32
    assert b"198.51" not in digest


def test_each_purpose_has_a_key_of_its_own() -> None:
    assert keys.digest("one", "x") != keys.digest("another", "x")
    with pytest.raises(keys.Undecipherable):
        keys.decrypt("another", keys.encrypt("one", b"x"))


def test_another_installation_makes_other_digests_and_reads_nothing() -> None:
    digest, sealed = keys.digest("one", "x"), keys.encrypt("one", b"x")
    keys.use_secret("the secret of another installation")
    assert keys.digest("one", "x") != digest
    with pytest.raises(keys.Undecipherable):
        keys.decrypt("one", sealed)


@given(plain=st.binary(max_size=500))
def test_what_was_encrypted_can_be_read_again(plain: bytes) -> None:
    keys.use_secret(SECRET)
    assert keys.decrypt("one", keys.encrypt("one", plain)) == plain


def test_the_same_is_never_encrypted_to_the_same() -> None:
    assert keys.encrypt("one", b"token") != keys.encrypt("one", b"token")


@given(place=st.integers(0, 33), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(place: int, bit: int) -> None:
    keys.use_secret(SECRET)
    sealed = bytearray(keys.encrypt("one", b"token!"))
    sealed[place] ^= 1 << bit
    with pytest.raises(keys.Undecipherable):
        keys.decrypt("one", bytes(sealed))


@pytest.mark.parametrize("noise", [b"", b"x", b"x" * 12, b"x" * 27])
def test_what_is_too_short_to_be_anything_is_refused(noise: bytes) -> None:
    with pytest.raises(keys.Undecipherable):
        keys.decrypt("one", noise)


def test_without_a_secret_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_secret", None)
    with pytest.raises(RuntimeError, match="has not been set"):
        keys.digest("one", "x")
    with pytest.raises(RuntimeError, match="has not been set"):
        keys.encrypt("one", b"x")
