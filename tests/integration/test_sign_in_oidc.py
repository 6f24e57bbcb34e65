"""Staff sign in through a standard OpenID Connect provider; this one is certified."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services import sessions, staff
from services.actors import Staff
from services.adapters.oidc import OpenIdConnect
from services.sign_in import (
    CALLBACK_PATH,
    Browser,
    Departure,
    Opened,
    ProviderUnavailable,
    SignIn,
    SignInRefused,
)
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, running
from tests.servers import free_port
from tests.support import SYSTEM, Postgres

PUBLIC_URL = "http://acogida.example"
DESK = Browser("192.0.2.7", "A browser on a desk")
OMAR = "omar.benali@acogida.example"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running(PUBLIC_URL + CALLBACK_PATH) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def reticent_issuer() -> Iterator[str]:
    """One that keeps the address out of the ID token."""
    with running(PUBLIC_URL + CALLBACK_PATH, claims_at_userinfo=True) as issuer:
        yield issuer


@pytest.fixture
async def door(issuer: str, database: Postgres) -> SignIn:
    await staff.add_demo_staff(SYSTEM)
    return door_of(OpenIdConnect(issuer, CLIENT_ID, CLIENT_SECRET, "Ongs"))


def door_of(provider: OpenIdConnect, **settings: Any) -> SignIn:
    return SignIn(public_url=PUBLIC_URL, redirects={"oidc": provider}, **settings)


async def visit(url: str, name: str, password: str, code: str = "") -> dict[str, str]:
    """Go through the provider's pages as a browser does; the query it comes back with."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(url)
        while True:
            if answer.is_redirect:
                url = str(answer.url.join(answer.headers["location"]))
                if url.startswith(PUBLIC_URL):
                    return dict(parse_qsl(urlsplit(url).query))
                answer = await browser.get(url)
            else:
                assert "<form" in answer.text, answer.text
                form = {"login": name, "password": password, "code": code}
                answer = await browser.post(answer.url, data=form)


async def arrive(door: SignIn, name: str, *, code: str = "") -> Opened:
    departure = await door.begin_redirect("oidc", "/", DESK)
    query = await visit(departure.url, name, name[::-1], code)
    return (await door.finish_redirect(query, departure.browser_token, DESK))[0]


async def owner(opened: Opened) -> Staff:
    found = await sessions.staff_of(opened.token)
    assert found is not None
    return found


async def refused(attempt: Any) -> str:
    with pytest.raises(SignInRefused) as caught:
        await attempt
    return caught.value.code


class TestWithACertifiedProvider:
    async def test_the_round_trip_opens_a_session_and_leads_on(self, door: SignIn) -> None:
        assert (await door.options()).redirects == [("oidc", "Ongs")]
        departure = await door.begin_redirect("oidc", "/clients?page=2", DESK)
        query = await visit(departure.url, "omar", "ramo")
        opened, wanted = await door.finish_redirect(query, departure.browser_token, DESK)
        assert wanted == "/clients?page=2"
        assert (await owner(opened)).email == OMAR

    async def test_it_asks_for_a_code_with_pkce_and_a_nonce(self, door: SignIn) -> None:
        asked = parse_qs(urlsplit((await door.begin_redirect("oidc", "/", DESK)).url).query)
        assert asked["response_type"] == ["code"]
        assert asked["code_challenge_method"] == ["S256"]
        assert len(asked["nonce"][0]) >= 20
        assert len(asked["state"][0]) >= 43
        assert asked["scope"] == ["openid email profile"]

    async def test_the_second_time_only_the_subject_counts(
        self, door: SignIn, database: Postgres
    ) -> None:
        first = await owner(await arrive(door, "omar"))
        with database.connect() as connection:
            connection.execute(
                "update staff set email = 'o.benali@new.example' where id = %s", (first.id,)
            )
            assert (await owner(await arrive(door, "omar"))).id == first.id
            linked = connection.execute(
                "select subject from staff_identities where staff_id = %s", (first.id,)
            ).fetchall()
        assert linked == [("omar",)]

    async def test_it_keeps_no_tokens(self, door: SignIn, database: Postgres) -> None:
        opened = await arrive(door, "omar")
        with database.connect() as connection:
            row = connection.execute(
                "select provider, tokens is null, assurance from staff_sessions"
            ).fetchone()
        assert row == ("oidc", True, 1)
        await door.sign_out(opened.token)
        assert await sessions.staff_of(opened.token) is None

    async def test_what_keeps_the_address_for_its_userinfo_is_asked_there(
        self, reticent_issuer: str, database: Postgres
    ) -> None:
        await staff.add_demo_staff(SYSTEM)
        provider = OpenIdConnect(reticent_issuer, CLIENT_ID, CLIENT_SECRET, "Ongs")
        assert (await owner(await arrive(door_of(provider), "omar"))).email == OMAR

    @pytest.mark.parametrize("name", ["lucia", "stranger"])
    async def test_an_unverified_address_and_a_stranger_stay_outside(
        self, door: SignIn, name: str
    ) -> None:
        assert await refused(arrive(door, name)) == "not_staff"

    async def test_a_wrong_password_is_the_providers_word(
        self, door: SignIn, database: Postgres
    ) -> None:
        departure = await door.begin_redirect("oidc", "/", DESK)
        query = await visit(departure.url, "omar", "wrong")
        assert query["error"] == "access_denied"
        attempt = door.finish_redirect(query, departure.browser_token, DESK)
        assert await refused(attempt) == "cancelled"
        with database.connect() as connection:
            row = connection.execute(
                "select details from audit_log where action = 'refuse'"
            ).fetchone()
        assert row == ({"reason": "cancelled", "provider": "oidc"},)

    async def test_a_forged_state_a_replay_and_another_browser_open_nothing(
        self, door: SignIn
    ) -> None:
        departure = await door.begin_redirect("oidc", "/", DESK)
        query = await visit(departure.url, "omar", "ramo")
        forged = {**query, "state": "forged"}
        attempt = door.finish_redirect(forged, departure.browser_token, DESK)
        assert await refused(attempt) == "mismatch"
        await door.finish_redirect(query, departure.browser_token, DESK)
        again = door.finish_redirect(query, departure.browser_token, DESK)
        assert await refused(again) == "mismatch"
        departure = await door.begin_redirect("oidc", "/", DESK)
        query = await visit(departure.url, "omar", "ramo")
        assert await refused(door.finish_redirect(query, "another's", DESK)) == "mismatch"

    async def test_a_code_of_another_round_trip_is_worth_nothing(self, door: SignIn) -> None:
        theirs = await visit((await door.begin_redirect("oidc", "/", DESK)).url, "omar", "ramo")
        mine = await door.begin_redirect("oidc", "/", DESK)
        query = await visit(mine.url, "omar", "ramo")
        attempt = door.finish_redirect({**query, "code": theirs["code"]}, mine.browser_token, DESK)
        assert await refused(attempt) == "refused"

    async def test_an_answer_of_another_issuer_is_not_taken(self, door: SignIn) -> None:
        departure = await door.begin_redirect("oidc", "/", DESK)
        query = await visit(departure.url, "omar", "ramo")
        mixed_up = {**query, "iss": "https://evil.example"}
        attempt = door.finish_redirect(mixed_up, departure.browser_token, DESK)
        assert await refused(attempt) == "mismatch"

    async def test_a_wrong_client_secret_is_nobodys_failed_attempt(
        self, issuer: str, database: Postgres
    ) -> None:
        await staff.add_demo_staff(SYSTEM)
        door = door_of(OpenIdConnect(issuer, CLIENT_ID, "another secret", "Ongs"))
        with pytest.raises(ProviderUnavailable):
            await arrive(door, "omar")


class ForgingProvider:
    """A provider whose ID tokens a test writes itself; everything else is in order."""

    issuer = "https://idp.example"

    def __init__(self, **wrong: Any) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.wrong = wrong
        self.nonce = ""
        self.alg = wrong.pop("alg", "RS256")
        self.signed_with = RSAKey.generate_key(2048, {"kid": "1"}) if "sig" in wrong else self.key
        wrong.pop("sig", None)
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            metadata = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
            return httpx.Response(200, json=metadata)
        if request.url.path == "/jwks":
            return httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
        return httpx.Response(
            200, json={"access_token": "a", "token_type": "Bearer", "id_token": self._id_token()}
        )

    def _id_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "omar",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": OMAR,
            "email_verified": True,
            **self.wrong,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.alg == "none":
            return unsigned(claims)
        return jwt.encode({"alg": self.alg, "kid": "1"}, claims, self.signed_with)

    async def arrive(self, **settings: Any) -> Opened:
        provider = OpenIdConnect(
            self.issuer, CLIENT_ID, CLIENT_SECRET, "X", http={"transport": self.transport}
        )
        door = door_of(provider, **settings)
        departure: Departure = await door.begin_redirect("oidc", "/", DESK)
        asked = parse_qs(urlsplit(departure.url).query)
        self.nonce = asked["nonce"][0]
        query = {"state": asked["state"][0], "code": "c"}
        return (await door.finish_redirect(query, departure.browser_token, DESK))[0]


def unsigned(claims: dict[str, Any]) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'kid': '1'})}.{part(claims)}."


class TestIdTokens:
    async def test_one_that_is_in_order_opens_a_session(self, database: Postgres) -> None:
        await staff.add_demo_staff(SYSTEM)
        assert (await owner(await ForgingProvider().arrive())).email == OMAR

    @pytest.mark.parametrize(
        "wrong",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"aud": "another"},
            {"aud": ["another"], "azp": CLIENT_ID},
            {"iss": "https://evil.example"},
            {"exp": 1},
            {"sub": None},
            {"sub": ""},
            {"sig": "another key"},
            {"alg": "none"},
        ],
        ids=str,
    )
    async def test_one_that_is_not_opens_nothing(
        self, database: Postgres, wrong: dict[str, Any]
    ) -> None:
        await staff.add_demo_staff(SYSTEM)
        assert await refused(ForgingProvider(**wrong).arrive()) == "refused"

    @pytest.mark.parametrize("verified", [False, None, "false", 1, "yes"])
    async def test_an_address_is_verified_or_it_is_none(
        self, database: Postgres, verified: Any
    ) -> None:
        await staff.add_demo_staff(SYSTEM)
        provider = ForgingProvider(email_verified=verified)
        assert await refused(provider.arrive()) == "not_staff"

    async def test_a_second_factor_is_taken_on_the_providers_word(self, database: Postgres) -> None:
        await staff.add_demo_staff(SYSTEM)
        once = ForgingProvider(amr=["pwd"])
        assert await refused(once.arrive(second_factor="everybody")) == "second_factor_required"
        twice = ForgingProvider(amr=["pwd", "otp", "mfa"])
        opened = await twice.arrive(second_factor="everybody")
        session = await sessions.find(opened.token)
        assert session is not None
        assert session.assurance == 2


class TestWhenTheProviderIsNotItself:
    async def test_one_may_try_again_later(self, database: Postgres) -> None:
        nowhere = f"http://127.0.0.1:{free_port()}"
        door = door_of(OpenIdConnect(nowhere, CLIENT_ID, CLIENT_SECRET, "X"))
        with pytest.raises(ProviderUnavailable):
            await door.begin_redirect("oidc", "/", DESK)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, html="<h1>Welcome</h1>"),
            httpx.Response(500),
            httpx.Response(200, json={"issuer": "https://evil.example"}),
        ],
        ids=["a page", "an error", "another issuer"],
    )
    async def test_nor_is_another_ones_word_taken(
        self, database: Postgres, answer: httpx.Response
    ) -> None:
        transport = httpx.MockTransport(lambda request: answer)
        provider = OpenIdConnect(
            "https://idp.example", CLIENT_ID, CLIENT_SECRET, "X", http={"transport": transport}
        )
        for _ in range(2):
            with pytest.raises(ProviderUnavailable):
                await door_of(provider).begin_redirect("oidc", "/", DESK)
