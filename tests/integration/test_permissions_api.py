"""Who may ask what of the API: every endpoint of its own description, with every kind of token.

A new endpoint fails until it is in `ENDPOINTS`.
"""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from PIL import Image

from api import documents, imports
from api.routes import add_api
from services import files
from services.actors import Staff
from services.adapters.local_storage import LocalStorage
from services.permissions import Permission
from services.tokens import Tokens, Verifier
from tests.expected_permissions import MATRIX
from tests.support import OUTSIDER, TEST_SECRET, Postgres
from tests.tokens import ISSUER, LEGACY_SECRET, SERVICE_KEY, calling, legacy, staff_token

ROOT = Path(__file__).parents[2]
CLIENT = UUID("c0ffee00-0000-4000-8000-000000000001")
DOCUMENT = UUID("c0ffee00-0000-4000-8000-000000000002")

IMPORT = UUID("c0ffee00-0000-4000-8000-000000000003")


def _photo() -> tuple[str, bytes, str]:
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    return "x.png", content.getvalue(), "image/png"


#: Method and path -> what it requires, and a request that is right in every way.
ENDPOINTS: dict[tuple[str, str], tuple[Permission, dict[str, Any]]] = {
    ("get", "/api/clients"): (Permission.READ_CLIENTS, {}),
    ("post", "/api/clients"): (Permission.CHANGE_CLIENTS, {"json": {"name": "Nadia"}}),
    ("get", "/api/clients/{client_id}"): (Permission.READ_CLIENTS, {}),
    ("patch", "/api/clients/{client_id}"): (Permission.CHANGE_CLIENTS, {"json": {"name": "N"}}),
    ("delete", "/api/clients/{client_id}"): (
        Permission.CHANGE_CLIENTS,
        {"params": {"confirm": "true"}},
    ),
    ("get", "/api/clients/{client_id}/messages"): (Permission.READ_CLIENTS, {}),
    ("post", "/api/clients/{client_id}/messages"): (
        Permission.CHANGE_CLIENTS,
        {"json": {"type": "text", "text": "Hola"}},
    ),
    ("get", "/api/clients/{client_id}/audit-log"): (Permission.READ_CLIENT_HISTORY, {}),
    ("get", "/api/clients/{client_id}/documents"): (Permission.READ_CLIENTS, {}),
    ("post", "/api/clients/{client_id}/documents"): (
        Permission.CHANGE_CLIENTS,
        {"files": {"file": _photo()}},
    ),
    ("get", "/api/documents/{document_id}/download"): (Permission.READ_CLIENTS, {}),
    ("delete", "/api/documents/{document_id}"): (Permission.CHANGE_CLIENTS, {}),
    ("get", "/api/analytics/summary"): (Permission.READ_ANALYTICS, {}),
    ("patch", "/api/documents/{document_id}"): (
        Permission.CHANGE_CLIENTS,
        {"json": {"state": "accepted"}},
    ),
    ("post", "/api/imports"): (
        Permission.IMPORT_CLIENTS,
        {"files": {"file": ("people.csv", b"name;phone\nAmina;600111222\n", "text/csv")}},
    ),
    ("get", "/api/imports/{import_id}"): (Permission.IMPORT_CLIENTS, {}),
}
#: The same address asks for more with another parameter.
HARD = {"params": {"confirm": "true", "hard": "true"}}


@pytest.fixture
async def app(database: Postgres, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """A root app with the whole API on it, and a folder for documents."""
    storage = LocalStorage(tmp_path / "documents", "http://app")
    await storage.ensure()
    files.use(storage)
    app = FastAPI(title="Acogida", version="1")
    verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
    add_api(
        app,
        tokens=Tokens(verifier, service_key=SERVICE_KEY),
        requests_per_minute=100_000,
        more=[documents.router(), imports.router()],
    )
    yield app
    files.use(None)


@pytest.fixture
async def tokens(people: dict[str, Staff], database: Postgres) -> dict[str, str]:
    """A right token of each, and a client to ask for."""
    with database.connect() as connection:
        connection.execute("insert into clients (id, name) values (%s, 'Amina')", [CLIENT])
    found = {role: staff_token(person) for role, person in people.items()}
    return {**found, "outsider": legacy(OUTSIDER.user_id), "system": SERVICE_KEY}


async def ask(
    app: FastAPI, token: str | None, operation: tuple[str, str], request: dict[str, Any]
) -> int:
    method, path = operation
    address = path.format(client_id=CLIENT, document_id=DOCUMENT, import_id=IMPORT)
    async with calling(app, token) as client:
        return (await client.request(method.upper(), address, **request)).status_code


async def test_every_endpoint_of_the_app_is_expected_to_be_something(
    database: Postgres, tmp_path: Path
) -> None:
    url = database.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    own = {"DATA_DIR": str(tmp_path), "DATABASE_URL": url, "SESSION_SECRET": TEST_SECRET}
    answer = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "main.py", "export-openapi"],
        cwd=ROOT,
        env=inherited | own,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    paths = json.loads(answer.stdout)["paths"]
    found = {(m, p) for p, methods in paths.items() if p.startswith("/api") for m in methods}
    assert found == set(ENDPOINTS)


@pytest.mark.parametrize("operation", ENDPOINTS, ids=" ".join)
class TestEndpoints:
    async def test_it_answers_whom_it_should_and_nobody_else(
        self, app: FastAPI, tokens: dict[str, str], operation: tuple[str, str], database: Postgres
    ) -> None:
        permission, request = ENDPOINTS[operation]
        for who, token in tokens.items():
            status = await ask(app, token, operation, request)
            if who in MATRIX[permission] | {"system"}:
                assert status not in (401, 403, 422), who
            else:
                assert status == 403, who
        with database.connect() as connection:
            refused = connection.execute(
                "select count(*) from audit_log where action = 'refuse'"
            ).fetchone()
        assert refused == (len(tokens.keys() - MATRIX[permission] - {"system"}),)

    async def test_without_a_right_token_nothing_is_said(
        self,
        app: FastAPI,
        tokens: dict[str, str],
        people: dict[str, Staff],
        database: Postgres,
        operation: tuple[str, str],
    ) -> None:
        _, request = ENDPOINTS[operation]
        admin = people["admin"]
        wrong = {
            "nobody": None,
            "nonsense": "nonsense",
            "expired": legacy(admin.user_id, exp=int(time.time()) - 60),
            "of another project": legacy(admin.user_id, iss="https://other.example"),
        }
        for who, token in wrong.items():
            assert await ask(app, token, operation, request) == 401, who

    async def test_somebody_deactivated_is_an_outsider_at_once(
        self, app: FastAPI, tokens: dict[str, str], database: Postgres, operation: tuple[str, str]
    ) -> None:
        permission, request = ENDPOINTS[operation]
        with database.connect() as connection:
            connection.execute("update staff set active = false")
        status = await ask(app, tokens["admin"], operation, request)
        if "outsider" in MATRIX[permission]:
            assert status in (200, 404)
        else:
            assert status == 403


async def test_erasing_is_for_admins(app: FastAPI, tokens: dict[str, str]) -> None:
    operation = ("delete", "/api/clients/{client_id}")
    for who in ("caseworker", "viewer", "outsider"):
        assert await ask(app, tokens[who], operation, HARD) == 403
    assert await ask(app, tokens["admin"], operation, HARD) == 200
