"""The API is as its OpenAPI document says, whatever is asked of it; and people can read that."""

import base64
import hashlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api import access
from api.routes import add_api
from db import engine
from services import keys
from services.limits import Limit
from services.tokens import Tokens, Verifier
from tests.support import TEST_SECRET, Postgres, empty
from tests.tokens import ISSUER, api_app, calling, legacy

PREFIX = "/api/"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith(PREFIX):
                yield method, path, operation


class TestDocument:
    @pytest.fixture
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(api_app().openapi()))
        return found

    def test_tells_of_every_operation(self, document: dict[str, Any]) -> None:
        assert {(method, path) for method, path, _ in operations(document)} == {
            ("get", "/api/clients"),
            ("post", "/api/clients"),
            ("get", "/api/clients/{client_id}"),
            ("patch", "/api/clients/{client_id}"),
            ("delete", "/api/clients/{client_id}"),
            ("get", "/api/clients/{client_id}/messages"),
            ("post", "/api/clients/{client_id}/messages"),
            ("get", "/api/clients/{client_id}/audit-log"),
            ("get", "/api/analytics/summary"),
        }

    def test_tells_of_the_token_and_of_what_can_go_wrong(self, document: dict[str, Any]) -> None:
        assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for method, path, operation in operations(document):
            assert operation["security"] == [{"bearer": []}], (method, path)
            assert operation["summary"]
            assert operation["description"]
            problems = {s: a for s, a in operation["responses"].items() if int(s) >= 400}
            assert {"401", "403", "422", "429", "503"} <= set(problems)
            for answer in problems.values():
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problems"}
                assert content["example"]["error"]["code"]
        assert "HTTPValidationError" not in json.dumps(document)

    def test_has_examples(self, document: dict[str, Any]) -> None:
        assert document["components"]["schemas"]["Client"]["examples"]
        for name in ("NewClient", "ClientChanges"):
            properties = document["components"]["schemas"][name]["properties"]
            assert properties["email"]["examples"] == ["nadia@example.org"]
            assert "default" not in properties["email"]

    def test_keeps_what_the_root_app_has(self) -> None:
        app = FastAPI()

        @app.get("/health")
        async def health() -> dict[str, str]:
            return {}

        add_api(app, tokens=Tokens(Verifier(ISSUER, jwks_url="")), requests_per_minute=1)
        assert {"/health", "/api/clients"} <= set(app.openapi()["paths"])


NADIA = UUID("7b6f4c1e-6c0a-4c53-9b8e-5b1f9a3c2d10")
PEOPLE = """
insert into staff (user_id, email, name, role) values
  ('00000000-0000-0000-0000-00000000000a', 'admin@example.org', 'A', 'admin'),
  ('00000000-0000-0000-0000-00000000000b', 'viewer@example.org', 'B', 'viewer');
insert into clients (id, name, email) values
  ('7b6f4c1e-6c0a-4c53-9b8e-5b1f9a3c2d10', 'Nadia', 'nadia@example.org');
insert into client_identities (client_id, kind, value) values
  ('7b6f4c1e-6c0a-4c53-9b8e-5b1f9a3c2d10', 'phone', '+34600000042');
insert into messages (client_id, phone_number_id, whatsapp_id, direction, type, text, sent_at,
  status)
select '7b6f4c1e-6c0a-4c53-9b8e-5b1f9a3c2d10', '1', 'wamid.' || n, 'inbound', 'text', 'Hola',
  now(), 'received' from generate_series(1, 3) n;
"""
TOKENS = {"admin": legacy(UUID(int=10)), "viewer": legacy(UUID(int=11))}


@pytest.fixture
def base_url(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The API behind a server of its own, with a client in it."""
    # Each operation is also asked without a token, from one address.
    monkeypatch.setattr(access, "FAILURES", Limit("api.failures", 100_000, 60))
    with postgres.connect() as connection:
        empty(connection)
        connection.execute(PEOPLE.encode())
    keys.use_secret(TEST_SECRET)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start(postgres.runtime, pool_size=5)
        yield
        await engine.stop()

    app = api_app()
    app.router.lifespan_context = lifespan
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


#: A schema cannot say all of what the service refuses: a number that is none, a page beyond the
#: ten thousandth client, control characters. Right input is taken in `test_api_clients`.
EXCLUDED: list[schemathesis.CheckFunction] = [positive_data_acceptance]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("role", TOKENS)
def test_whatever_is_asked_is_answered_as_described(
    base_url: str, role: str, mode: GenerationMode
) -> None:
    document = api_app().openapi()
    if mode is GenerationMode.NEGATIVE:
        # Or a token that is there would be taken for one that was left out.
        for _, _, described in operations(document):
            del described["security"]
    schema = schemathesis.openapi.from_dict(document)
    asked: Counter[str] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if not operation.path.startswith(PREFIX):
            continue

        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
        def ask(case: schemathesis.Case[Any], known: bool) -> None:
            if known and case.path_parameters and mode is GenerationMode.POSITIVE:
                case.path_parameters["client_id"] = str(NADIA)
            answer = case.call_and_validate(
                base_url=base_url,
                headers={"Authorization": f"Bearer {TOKENS[role]}"},
                excluded_checks=EXCLUDED,
                timeout=30,
            )
            asked[f"{answer.status_code // 100}xx"] += 1

        ask()
    # The answers were not all of one kind, or little would have been tried.
    assert asked["4xx"] > 0
    assert asked["2xx"] > 0 or mode is GenerationMode.NEGATIVE


class TestReference:
    """`/docs` and `/redoc` are one page of our own."""

    @pytest.mark.parametrize("path", ["/docs", "/redoc"])
    async def test_tells_of_everything_and_loads_nothing(self, path: str) -> None:
        async with calling(api_app()) as client:
            answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        for text in ("/api/clients/{client_id}", "PATCH", "expected_updated_at", "ClientChanges"):
            assert text in answer.text
        outline = Outline(answer.text)
        assert outline.loaded == []
        assert outline.links <= {*(f"#{id}" for id in outline.ids), "/openapi.json"}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]

    async def test_the_document_itself(self) -> None:
        async with calling(api_app()) as client:
            answer = await client.get("/openapi.json")
        assert answer.json()["paths"].keys() >= {"/api/clients"}

    async def test_is_for_those_who_may_read_it(self) -> None:
        async def nobody(_: Request) -> bool:
            return False

        async with calling(api_app(allowed=nobody)) as client:
            for path in ("/docs", "/redoc"):
                answer = await client.get(path)
                assert (answer.status_code, answer.headers["location"]) == (
                    303,
                    f"/login?next={path}",
                )
            answer = await client.get("/openapi.json")
            assert answer.status_code == 401
            assert "paths" not in answer.json()


class Outline(HTMLParser):
    """What a page loads, where it leads, and which parts of it have names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "link", "img", "iframe") or "src" in given:
            self.loaded.append(tag)
        if tag == "a":
            self.links.add(str(given.get("href")))
        if given.get("id"):
            self.ids.add(str(given["id"]))
