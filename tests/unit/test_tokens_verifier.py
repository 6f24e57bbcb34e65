"""Which tokens are believed, and what happens while the keys behind them cannot be had."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from services import keys, tokens
from services.tokens import InvalidToken, KeysUnavailable, LocalTokens, Verifier
from tests.tokens import (
    ISSUER,
    LEGACY_SECRET,
    KeyServer,
    claims_of,
    legacy,
    mint,
    new_key,
    published,
)

NADIA = UUID("6f1a1c2e-7d0b-4f57-9f39-0d6c0f5a8b11")


@pytest.fixture
def key() -> ECKey:
    return new_key()


@pytest.fixture
async def server(key: ECKey) -> AsyncIterator[KeyServer]:
    async with published(key) as running:
        yield running


@pytest.fixture
def verifier(server: KeyServer) -> Verifier:
    return Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url=server.url)


async def refused(verifier: Verifier, token: str) -> str:
    """Why the token is not believed."""
    with pytest.raises(InvalidToken) as caught:
        await verifier.verify(token)
    return caught.value.reason


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class TestBelieved:
    async def test_a_token_signed_with_the_legacy_secret(self, verifier: Verifier) -> None:
        assert (await verifier.verify(legacy(NADIA))).user_id == NADIA

    @pytest.mark.parametrize(
        ("algorithm", "made"),
        [
            ("ES256", lambda: ECKey.generate_key("P-256", auto_kid=True)),
            ("RS256", lambda: RSAKey.generate_key(2048, auto_kid=True)),
            ("EdDSA", lambda: OKPKey.generate_key("Ed25519", auto_kid=True)),
        ],
    )
    async def test_a_token_signed_with_a_published_key(
        self, server: KeyServer, verifier: Verifier, algorithm: str, made: Callable[[], Key]
    ) -> None:
        own = made()
        server.keys.append(own)
        assert (await verifier.verify(mint(claims_of(NADIA), own, algorithm))).user_id == NADIA

    async def test_a_token_that_names_no_key(self, verifier: Verifier, key: ECKey) -> None:
        token = mint(claims_of(NADIA), key, "ES256", kid=None)
        assert (await verifier.verify(token)).user_id == NADIA

    async def test_the_second_factor_is_told(self, verifier: Verifier) -> None:
        levels = [await verifier.verify(legacy(NADIA, aal=aal)) for aal in ("aal1", "aal2", None)]
        assert [level.assurance for level in levels] == [1, 2, 1]

    async def test_clocks_may_differ_by_some_seconds(self, verifier: Verifier) -> None:
        now = int(time.time())
        await verifier.verify(legacy(NADIA, exp=now - 5, iat=now + 5))

    async def test_one_audience_of_several(self, verifier: Verifier) -> None:
        await verifier.verify(legacy(NADIA, aud=["authenticated", "other"]))


class TestRefused:
    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"exp": int(time.time()) - 60}, "claims"),
            ({"exp": None}, "claims"),
            ({"exp": "tomorrow"}, "claims"),
            ({"exp": int(time.time()) + 400 * 24 * 3600}, "claims"),
            ({"exp": 10**400}, "claims"),
            ({"exp": float("inf")}, "claims"),
            ({"exp": float("nan")}, "claims"),
            ({"nbf": int(time.time()) + 3600}, "claims"),
            ({"iss": "https://other.supabase.example/auth/v1"}, "claims"),
            ({"iss": None}, "claims"),
            ({"iss": [ISSUER]}, "claims"),
            ({"aud": "anon"}, "claims"),
            ({"aud": None}, "claims"),
            ({"role": "anon"}, "claims"),
            ({"role": "service_role"}, "claims"),
            ({"role": ["authenticated"]}, "claims"),
            ({"role": None}, "claims"),
            ({"sub": None}, "claims"),
            ({"sub": "nadia"}, "claims"),
            ({"sub": 7}, "claims"),
            ({"sub": ""}, "claims"),
            ({"is_anonymous": True}, "anonymous"),
            ({"is_anonymous": "no"}, "anonymous"),
        ],
    )
    async def test_wrong_claims(
        self, verifier: Verifier, changed: dict[str, object], reason: str
    ) -> None:
        assert await refused(verifier, legacy(NADIA, **changed)) == reason

    @pytest.mark.parametrize("role", ["anon", "service_role"])
    async def test_the_projects_own_keys_are_nobody(self, verifier: Verifier, role: str) -> None:
        """Legacy keys are signed with the same secret, for ten years."""
        claims = {
            "iss": "supabase",
            "ref": "project",
            "role": role,
            "exp": int(time.time()) + 10**8,
        }
        key = mint(claims, OctKey.import_key(LEGACY_SECRET), "HS256")
        assert await refused(verifier, key) == "claims"
        assert await refused(verifier, f"sb_publishable_{role}") == "malformed"

    async def test_an_altered_token(self, verifier: Verifier, key: ECKey) -> None:
        header, _, signature = mint(claims_of(NADIA), key, "ES256").split(".")
        other = f"{header}.{part(claims_of(uuid4()))}.{signature}"
        assert await refused(verifier, other) == "signature"

    async def test_no_signature_at_all(self, verifier: Verifier) -> None:
        for alg in ("none", "None", "NONE", None, ["HS256"], 7):
            token = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims_of(NADIA))}."
            assert await refused(verifier, token) in ("algorithm", "malformed")

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    async def test_other_uses_of_the_secret(self, verifier: Verifier, algorithm: str) -> None:
        token = mint(claims_of(NADIA), OctKey.import_key(LEGACY_SECRET), algorithm)
        assert await refused(verifier, token) == "algorithm"

    async def test_a_key_of_somebody_else(self, verifier: Verifier, key: ECKey) -> None:
        own = new_key()
        claims = claims_of(NADIA)
        assert await refused(verifier, mint(claims, own, "ES256")) == "unknown_key"
        assert await refused(verifier, mint(claims, own, "ES256", kid=key.kid)) == "signature"
        assert await refused(verifier, mint(claims, own, "ES256", kid=None)) == "signature"

    async def test_the_public_key_taken_for_a_shared_secret(
        self, server: KeyServer, key: ECKey
    ) -> None:
        """The oldest trick: the public key is public, so anybody could sign with it."""
        verifier = Verifier(ISSUER, jwks_url=server.url)
        head = part({"alg": "HS256", "typ": "JWT", "kid": key.kid})
        signed = f"{head}.{part(claims_of(NADIA))}"
        for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode()):
            signature = part(hmac.digest(secret, signed.encode(), "sha256"))
            assert await refused(verifier, f"{signed}.{signature}") == "shared_secret_not_accepted"
            both = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url=server.url)
            assert await refused(both, f"{signed}.{signature}") == "signature"

    async def test_the_legacy_secret_once_it_is_not_configured(self, server: KeyServer) -> None:
        verifier = Verifier(ISSUER, jwks_url=server.url)
        assert await refused(verifier, legacy(NADIA)) == "shared_secret_not_accepted"

    async def test_a_secret_among_the_published_keys_is_no_key(
        self, server: KeyServer, verifier: Verifier
    ) -> None:
        shared = OctKey.generate_key(256, auto_kid=True)
        server.body = json.dumps({"keys": [shared.as_dict(private=True)]}).encode()
        token = mint(claims_of(NADIA), shared, "HS256")
        assert await refused(verifier, token) == "signature"

    async def test_a_header_with_demands_that_we_do_not_know(
        self, verifier: Verifier, key: ECKey
    ) -> None:
        head = part({"alg": "ES256", "kid": key.kid, "crit": ["b64"], "b64": False})
        assert await refused(verifier, f"{head}.{part(claims_of(NADIA))}.{part(b'x')}") in (
            "signature",
            "malformed",
        )

    @pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "x" * 20_000])
    async def test_garbage(self, verifier: Verifier, token: str) -> None:
        assert await refused(verifier, token) == "malformed"

    @given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
    def test_anything_else(self, token: str) -> None:
        verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
        assert asyncio.run(refused(verifier, token))

    @given(
        st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "x5u", "zip", "enc"]),
            st.none() | st.text(max_size=9) | st.integers() | st.lists(st.text(max_size=5)),
        )
    )
    def test_any_header(self, header: dict[str, object]) -> None:
        verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
        token = f"{part(header)}.{part(claims_of(NADIA))}.{part(b'signature')}"
        assert asyncio.run(refused(verifier, token))


class TestKeys:
    async def test_are_asked_for_once(self, server: KeyServer, verifier: Verifier) -> None:
        token = mint(claims_of(NADIA), server.keys[0], "ES256")
        await asyncio.gather(*(verifier.verify(token) for _ in range(20)))
        assert server.asked == 1

    async def test_a_new_one_is_found_and_a_revoked_one_forgotten(
        self, server: KeyServer, verifier: Verifier, clock: "Clock"
    ) -> None:
        (old,) = server.keys
        before = mint(claims_of(NADIA), old, "ES256")
        await verifier.verify(before)
        new = new_key()
        after = mint(claims_of(NADIA), new, "ES256")
        server.keys = [new]
        clock.now += tokens.KEYS_PATIENCE
        await verifier.verify(after)
        assert server.asked == 2
        assert await refused(verifier, before) == "unknown_key"

    async def test_are_not_believed_for_ever(
        self, server: KeyServer, verifier: Verifier, clock: "Clock"
    ) -> None:
        token = mint(claims_of(NADIA), server.keys[0], "ES256")
        await verifier.verify(token)
        server.keys = [new_key()]
        clock.now += tokens.KEYS_LIFETIME
        assert await refused(verifier, token) == "unknown_key"

    async def test_made_up_ids_ask_for_them_once_in_a_while(
        self, server: KeyServer, verifier: Verifier, clock: "Clock"
    ) -> None:
        async def try_ten() -> None:
            for _ in range(10):
                token = mint(claims_of(NADIA), new_key(), "ES256")
                assert await refused(verifier, token) == "unknown_key"

        await try_ten()
        assert server.asked == 1
        clock.now += tokens.KEYS_PATIENCE
        await try_ten()
        assert server.asked == 2

    @pytest.mark.parametrize(
        ("status", "body"),
        [(500, None), (404, None), (302, None), (200, b"<html>"), (200, b"[]"), (200, b'{"a":1}')],
    )
    async def test_that_cannot_be_had_are_no_fault_of_the_token(
        self, server: KeyServer, verifier: Verifier, status: int, body: bytes | None
    ) -> None:
        server.status, server.body = status, body
        with pytest.raises(KeysUnavailable):
            await verifier.verify(mint(claims_of(NADIA), server.keys[0], "ES256"))

    async def test_a_server_that_is_not_there(self, key: ECKey) -> None:
        verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="http://127.0.0.1:9/keys")
        with pytest.raises(KeysUnavailable):
            await verifier.verify(mint(claims_of(NADIA), key, "ES256"))
        # What needs no published key goes on.
        assert (await verifier.verify(legacy(NADIA))).user_id == NADIA

    async def test_a_slow_server_holds_nobody_up_for_long(
        self, server: KeyServer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "KEYS_TIMEOUT", 0.2)
        server.delay = 30
        token = mint(claims_of(NADIA), server.keys[0], "ES256")
        start = time.perf_counter()
        answers = await asyncio.gather(
            *(verifier.verify(token) for _ in range(10)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {KeysUnavailable}
        assert time.perf_counter() - start < 2
        assert server.asked == 1

    async def test_come_back_with_the_server(
        self, server: KeyServer, verifier: Verifier, clock: "Clock"
    ) -> None:
        token = mint(claims_of(NADIA), server.keys[0], "ES256")
        server.status = 503
        with pytest.raises(KeysUnavailable):
            await verifier.verify(token)
        server.status = 200
        with pytest.raises(KeysUnavailable):  # not asked again at once
            await verifier.verify(token)
        clock.now += tokens.KEYS_PAUSE
        assert (await verifier.verify(token)).user_id == NADIA

    async def test_one_that_we_do_not_know_spoils_no_other(
        self, server: KeyServer, verifier: Verifier
    ) -> None:
        (good,) = server.keys
        entries = [{"kty": "PQC"}, {"kty": "EC"}, 7, None, {"kty": "EC", "crv": "P-256", "x": 1}]
        encrypting = new_key().as_dict(private=False) | {"use": "enc"}
        server.body = json.dumps(
            {"keys": [*entries, encrypting, good.as_dict(private=False)]}
        ).encode()
        assert (await verifier.verify(mint(claims_of(NADIA), good, "ES256"))).user_id == NADIA


class Clock:
    """What `services.tokens` takes for the time that passes."""

    def __init__(self) -> None:
        self.now = 10_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("services.tokens.monotonic", lambda: made.now)
    return made


class TestMockMode:
    @pytest.fixture(autouse=True)
    def secret(self) -> None:
        keys.use_secret("the session secret of an installation")

    async def test_accepts_its_own_tokens(self) -> None:
        local = LocalTokens("http://127.0.0.1:8000/auth/v1")
        assert (await local.verifier().verify(local.sign(NADIA))).user_id == NADIA

    async def test_accepts_them_no_longer_than_they_say(self) -> None:
        local = LocalTokens("http://127.0.0.1:8000/auth/v1")
        assert await refused(local.verifier(), local.sign(NADIA, lifetime=-60)) == "claims"

    async def test_accepts_nobody_elses(self) -> None:
        local = LocalTokens("http://127.0.0.1:8000/auth/v1")
        other = LocalTokens("http://127.0.0.1:8001/auth/v1")
        assert await refused(local.verifier(), other.sign(NADIA)) == "signature"
        assert await refused(local.verifier(), legacy(NADIA)) == "signature"
        assert await refused(local.verifier(), mint(claims_of(NADIA), new_key(), "ES256")) == (
            "algorithm"
        )
