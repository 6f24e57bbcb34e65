"""What the API says to whom, in one shape: tokens, limits, and everything that can go wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from structlog.testing import capture_logs

from api import access
from api.routes import add_api
from db import engine
from services import keys, limits
from services.actors import Staff
from services.logs import RequestId
from services.tokens import LocalTokens, Tokens, Verifier
from tests.support import TEST_SECRET, Postgres
from tests.tokens import (
    ISSUER,
    LEGACY_SECRET,
    SERVICE_KEY,
    api_app,
    calling,
    claims_of,
    legacy,
    mint,
    new_key,
    published,
    staff_token,
)

WRONG = {
    "nothing": None,
    "empty": "",
    "garbage": "not a token",
    "publishable key": "sb_publishable_0123456789",
    "anon key": legacy(None, iss="supabase", aud=None, role="anon"),
    "service role key of another project": legacy(None, iss="supabase", role="service_role"),
    "expired": legacy(UUID(int=7), exp=1_700_000_000),
    "wrong audience": legacy(UUID(int=7), aud="anon"),
    "wrong issuer": legacy(UUID(int=7), iss="https://elsewhere.example/auth/v1"),
    "unknown key": mint(claims_of(UUID(int=7)), new_key(), "ES256"),
    "altered": legacy(UUID(int=7))[:-4] + "AAAA",
}


@pytest.fixture
async def api(caseworker: Staff) -> AsyncIterator[httpx.AsyncClient]:
    """A program that acts as a caseworker."""
    async with calling(api_app(), staff_token(caseworker)) as client:
        yield client


def code(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"code", "message", "fields"}
    assert body["error"]["message"]
    return answer.status_code, body["error"]["code"]


class TestTokens:
    @pytest.mark.parametrize("kind", WRONG)
    async def test_that_are_not_right_open_nothing(self, kind: str, database: Postgres) -> None:
        token = WRONG[kind]
        async with calling(api_app(), token) as client:
            answer = await client.get("/api/clients")
        missing = kind in ("nothing", "empty")
        assert code(answer) == (401, "unauthenticated" if missing else "invalid_token")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="acogida"')
        assert ('error="invalid_token"' in challenge) is not missing

    @pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Token x", SERVICE_KEY])
    async def test_come_as_bearer_and_in_no_other_way(
        self, header: str, database: Postgres
    ) -> None:
        async with calling(api_app()) as client:
            for name in ("Authorization", "apikey", "X-Api-Key"):
                answer = await client.get("/api/clients", headers={name: header})
                assert code(answer) == (401, "unauthenticated")
            answer = await client.get("/api/clients", params={"access_token": SERVICE_KEY})
            assert answer.status_code == 401

    async def test_two_at_once_are_none(self, caseworker: Staff) -> None:
        header = ("Authorization", f"Bearer {staff_token(caseworker)}")
        async with calling(api_app()) as client:
            assert (await client.get("/api/clients", headers=[header])).status_code == 200
            assert (await client.get("/api/clients", headers=[header, header])).status_code == 401

    async def test_are_asked_for_before_anything_is_read(self, database: Postgres) -> None:
        async with calling(api_app()) as client:
            for path in ("/api/clients", "/api/nowhere", "/api", "/api/clients/x"):
                assert (await client.post(path, content=b"{")).status_code == 401

    async def test_without_the_issuers_keys_it_is_nobodys_fault(self, caseworker: Staff) -> None:
        key = new_key()
        async with published(key) as server:
            server.status = 500
            app = api_app(tokens=Tokens(Verifier(ISSUER, jwks_url=server.url)))
            token = mint(claims_of(caseworker.user_id), key, "ES256")
            async with calling(app, token) as client:
                answer = await client.get("/api/clients")
        assert code(answer) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"

    async def test_a_second_factor_is_asked_for(self, admin: Staff) -> None:
        verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
        app = api_app(tokens=Tokens(verifier, second_factor="admins"))
        async with calling(app, staff_token(admin)) as client:
            answer = await client.get("/api/clients")
        assert code(answer) == (401, "second_factor_required")
        assert "insufficient_user_authentication" in answer.headers["www-authenticate"]

    async def test_whoever_is_deactivated_is_out_at_once(
        self, api: httpx.AsyncClient, caseworker: Staff, database: Postgres
    ) -> None:
        assert (await api.post("/api/clients", json={"name": "Nadia"})).status_code == 201
        with database.connect() as connection:
            connection.execute("update staff set active = false where id = %s", [caseworker.id])
        assert (await api.get("/api/clients")).json()["items"] == []
        assert code(await api.post("/api/clients", json={"name": "x"})) == (403, "forbidden")

    async def test_and_who_asks_are_not_logged(self, api: httpx.AsyncClient) -> None:
        with capture_logs() as lines:
            await api.get("/api/clients", params={"search": "Nadia"})
            for token in WRONG.values():
                await api.get("/api/clients", headers={"Authorization": f"Bearer {token}"})
        assert {line["event"] for line in lines} == {"api.unauthenticated"}
        told = str(lines)
        assert not any(token and token in told for token in WRONG.values())
        assert "Nadia" not in told

    async def test_that_were_refused_are_told_to_the_audit_log_but_not_each(
        self, database: Postgres
    ) -> None:
        for address in ("203.0.113.7", "198.51.100.9"):
            async with calling(api_app(), "not a token", address=address) as client:
                for _ in range(access.FAILURES.most + 5):
                    await client.get("/api/clients")
        with database.connect() as connection:
            told = connection.execute(
                "select actor_kind, actor_part, details from audit_log where action = 'refuse'"
                " order by id"
            ).fetchall()
        counts = (1, access.FAILURES.most, 1, access.FAILURES.most)
        assert told == [
            ("system", "api", {"reason": "malformed", "attempts": attempts}) for attempts in counts
        ]

    async def test_that_come_from_everywhere_do_not_fill_the_audit_log(
        self, database: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access, "TOLD", limits.Limit("api.failures.told", 3, 60))
        for number in range(6):
            async with calling(api_app(), "x", address=f"203.0.113.{number}") as client:
                assert (await client.get("/api/clients")).status_code == 401
        with database.connect() as connection:
            told = connection.execute("select from audit_log where action = 'refuse'").rowcount
        assert told == 3


class TestProblems:
    async def test_an_address_that_is_none(self, api: httpx.AsyncClient) -> None:
        for path in ("/api", "/api/", "/api/nowhere", "/api/clients/", "/api/clients/x/y/z"):
            assert code(await api.get(path)) == (404, "not_found")

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("PUT", "/api/clients", {"GET", "POST"}),
            ("OPTIONS", "/api/clients", {"GET", "POST"}),
            ("HEAD", "/api/clients", {"GET", "POST"}),
            ("TRACE", "/api/clients", {"GET", "POST"}),
            ("POST", f"/api/clients/{UUID(int=1)}", {"GET", "PATCH", "DELETE"}),
            ("DELETE", f"/api/clients/{UUID(int=1)}/messages", {"GET"}),
        ],
    )
    async def test_a_method_that_is_none(
        self, api: httpx.AsyncClient, method: str, path: str, allowed: set[str]
    ) -> None:
        answer = await api.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) <= allowed
        if method != "HEAD":
            assert code(answer) == (405, "method_not_allowed")

    @pytest.mark.parametrize(
        "body",
        [b"{", b"", b"nul", b"\xff\xfe{", b'{"name": "\xe9"}', b"[" * 100_000, b'{"a":' * 50_000],
    )
    async def test_a_body_that_is_no_json(self, api: httpx.AsyncClient, body: bytes) -> None:
        answer = await api.post(
            "/api/clients", content=body, headers={"Content-Type": "application/json"}
        )
        expected = (422, "invalid") if not body else (400, code(answer)[1])
        assert code(answer) == expected
        assert code(answer)[1] in ("malformed_json", "bad_request", "invalid")

    async def test_a_number_that_no_computer_holds(self, api: httpx.AsyncClient) -> None:
        answer = await api.post(
            "/api/clients",
            content=b'{"name": ' + b"9" * 5_000 + b"}",
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (400, 422)
        code(answer)

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "a"])
    async def test_a_body_that_is_something_else(self, api: httpx.AsyncClient, kind: str) -> None:
        answer = await api.post(
            "/api/clients", content=b'{"name": "x"}', headers={"Content-Type": kind}
        )
        assert code(answer) == (415, "unsupported_media_type")

    async def test_a_body_that_is_too_large(self, api: httpx.AsyncClient) -> None:
        body = b'{"name": "' + b"x" * access.MAX_BODY + b'"}'

        async def piecemeal() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 64 * 1024):
                yield body[start : start + 64 * 1024]

        headers = {"Content-Type": "application/json"}
        for content in (body, piecemeal()):
            answer = await api.post("/api/clients", content=content, headers=headers)
            assert code(answer) == (413, "too_large")

    async def test_a_database_that_is_not_there(
        self, api: httpx.AsyncClient, database: Postgres
    ) -> None:
        await engine.stop()
        engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
        answer = await api.get("/api/clients")
        assert code(answer) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"

    async def test_what_nobody_foresaw(self, database: Postgres) -> None:
        routes = APIRouter()

        @routes.get("/api/broken")
        async def broken() -> None:
            raise RuntimeError("a secret of somebody's")

        app = FastAPI()
        tokens = Tokens(Verifier(ISSUER, jwks_url=""), service_key=SERVICE_KEY)
        add_api(app, tokens=tokens, requests_per_minute=100, more=[routes])
        with capture_logs() as lines:
            async with calling(app, SERVICE_KEY) as client:
                answer = await client.get("/api/broken")
        assert code(answer) == (500, "internal_error")
        assert "secret" not in answer.text
        assert [line["event"] for line in lines] == ["api.failed"]

    @pytest.mark.parametrize("path", ["/api/clients", "/api/nowhere", "/api/clients/x"])
    async def test_no_answer_is_kept_or_taken_for_something_else(
        self, api: httpx.AsyncClient, path: str
    ) -> None:
        for headers in ({}, {"Authorization": "Bearer x"}):
            answer = await api.get(path, headers=headers)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "access-control-allow-origin" not in answer.headers

    async def test_the_request_is_named(self, caseworker: Staff) -> None:
        app = api_app()
        app.add_middleware(RequestId)
        async with calling(app, staff_token(caseworker)) as client:
            for path in ("/api/clients", "/api/nowhere"):
                assert len((await client.get(path)).headers["x-request-id"]) == 16


class TestLimits:
    async def test_are_told_with_every_answer(self, caseworker: Staff) -> None:
        async with calling(api_app(requests_per_minute=3), staff_token(caseworker)) as client:
            answers = [await client.get(path) for path in ("/api/clients", "/api/nowhere")]
        assert [a.headers["ratelimit-policy"] for a in answers] == ['"minute";q=3;w=60'] * 2
        left = [a.headers["ratelimit"].split(";")[1] for a in answers]
        assert left == ["r=2", "r=1"]

    async def test_stop_one_person_and_nobody_else(self, caseworker: Staff, viewer: Staff) -> None:
        app = api_app(requests_per_minute=3)
        async with calling(app, staff_token(caseworker)) as client:
            answers = await asyncio.gather(*(client.get("/api/clients") for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 3
        stopped = next(answer for answer in answers if answer.status_code == 429)
        assert code(stopped) == (429, "too_many_requests")
        assert 1 <= int(stopped.headers["retry-after"]) <= 60
        assert stopped.headers["ratelimit"].startswith('"minute";r=0;t=')
        for token in (staff_token(viewer), SERVICE_KEY, legacy(uuid4())):
            async with calling(app, token) as client:
                assert (await client.get("/api/clients")).status_code == 200

    async def test_a_new_token_is_no_new_person(self, caseworker: Staff) -> None:
        app = api_app(requests_per_minute=2)
        statuses = []
        for level in ("aal1", "aal2", "aal1"):
            async with calling(app, legacy(caseworker.user_id, aal=level)) as client:
                statuses.append((await client.get("/api/clients")).status_code)
        assert statuses == [200, 200, 429]

    async def test_wrong_tokens_are_counted_by_address(self, caseworker: Staff) -> None:
        app = api_app()
        async with calling(app, "wrong", address="203.0.113.9") as client:
            statuses = [
                (await client.get("/api/clients")).status_code
                for _ in range(access.FAILURES.most + 2)
            ]
        assert statuses == [401] * access.FAILURES.most + [429] * 2
        async with calling(app, "wrong", address="203.0.113.10") as client:
            assert (await client.get("/api/clients")).status_code == 401
        # An office shares its address: who has a right token is let in.
        async with calling(app, staff_token(caseworker), address="203.0.113.9") as client:
            assert (await client.get("/api/clients")).status_code == 200


class TestMockAuth:
    @pytest.fixture
    def app(self) -> FastAPI:
        keys.use_secret(TEST_SECRET)
        local = LocalTokens("http://127.0.0.1:8000/auth/v1")
        return api_app(tokens=Tokens(local.verifier()), mock=local)

    async def test_lets_a_demo_person_in(self, app: FastAPI, caseworker: Staff) -> None:
        async with calling(app) as client:
            answer = await client.post("/mock-auth", json={"email": caseworker.email})
            body: dict[str, Any] = answer.json()
            assert answer.status_code == 200
            assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
            headers = {"Authorization": f"Bearer {body['access_token']}"}
            answer = await client.post("/api/clients", json={"name": "Nadia"}, headers=headers)
            assert answer.status_code == 201

    async def test_and_nobody_else(self, app: FastAPI, people: dict[str, Staff]) -> None:
        async with calling(app) as client:
            answer = await client.post("/mock-auth", json={"email": "nobody@example.org"})
            assert code(answer) == (401, "nobody")
            for body in ({}, {"email": "\0"}, {"email": 7}, {"email": "x" * 400}):
                assert code(await client.post("/mock-auth", json=body)) == (422, "invalid")
            answer = await client.post("/mock-auth", content=b"email=x")
            assert answer.status_code in (415, 422)
            assert code(await client.get("/mock-auth")) == (405, "method_not_allowed")

    async def test_is_not_there_in_real_mode(self, people: dict[str, Staff]) -> None:
        async with calling(api_app()) as client:
            email = {"email": people["admin"].email}
            assert code(await client.post("/mock-auth", json=email)) == (404, "not_found")
            assert code(await client.get("/mock-auth")) == (404, "not_found")
