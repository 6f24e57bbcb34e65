"""Programs import lists: judged, or written, and asked how far they are."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api import imports
from api.routes import add_api
from services import client_edits
from services.actors import Staff
from services.imports import run
from services.tokens import Tokens, Verifier
from tests.imports_support import people, work
from tests.support import SYSTEM, Postgres
from tests.tokens import ISSUER, LEGACY_SECRET, SERVICE_KEY, calling, staff_token

LIST = "name;phone;email;profileType\nAmina;600111222;amina@example.org;ASYLUM\n"


@pytest.fixture
def app(database: Postgres) -> FastAPI:
    app = FastAPI(title="Acogida", version="1")
    verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
    tokens = Tokens(verifier, service_key=SERVICE_KEY)
    add_api(app, tokens=tokens, requests_per_minute=100_000, more=[imports.router()])
    return app


@pytest.fixture
async def client(app: FastAPI, admin: Staff) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app, staff_token(admin)) as client:
        yield client


async def post(client: httpx.AsyncClient, content: str | bytes, **params: str) -> httpx.Response:
    return await client.post(
        "/api/imports", files={"file": ("people.csv", content, "text/csv")}, params=params
    )


async def test_a_dry_run_judges_and_writes_nothing(
    client: httpx.AsyncClient, database: Postgres
) -> None:
    answer = await post(client, LIST + "Fatou;3.46E+10;;\n", dry_run="true")
    assert answer.status_code == 202
    told = answer.json()
    assert (told["state"], told["dry_run"], told["errors"]) == ("judging", True, [])
    await work()
    told = (await client.get(f"/api/imports/{told['id']}")).json()
    assert told["state"] == "judged"
    assert told["counts"] == {
        "rows": 2,
        "new": 1,
        "updated": 0,
        "unchanged": 0,
        "duplicate_in_file": 0,
        "duplicate_in_database": 0,
        "invalid": 1,
    }
    [error] = told["errors"]
    assert error.pop("message")
    assert error == {"row": 3, "column": "phone", "code": "digits_lost"}
    assert people(database) == []


async def test_without_one_it_goes_on_by_itself(
    client: httpx.AsyncClient, database: Postgres
) -> None:
    told = (await post(client, LIST)).json()
    await work()
    assert (await client.get(f"/api/imports/{told['id']}")).json()["state"] == "done"
    assert [row[:5] for row in people(database)] == [
        ("Amina", "+34600111222", "amina@example.org", "ASYLUM", "import")
    ]


async def test_it_goes_on_by_itself_although_somebody_was_added_since_it_was_judged(
    client: httpx.AsyncClient, admin: Staff, database: Postgres
) -> None:
    told = (await post(client, LIST + "Zoe;600111333;;\n")).json()
    assert await run.work(SYSTEM)
    assert (await client.get(f"/api/imports/{told['id']}")).json()["state"] == "importing"
    await client_edits.create_client(admin, name="Zoe", phone="600111333")
    await work()
    found = (await client.get(f"/api/imports/{told['id']}")).json()
    assert (found["state"], found["dry_run"], found["problem"]) == ("done", False, None)
    assert (found["counts"]["new"], found["counts"]["unchanged"]) == (1, 1)
    assert [row[0] for row in people(database)] == ["Amina", "Zoe"]


async def test_what_changes_again_and_again_is_left_to_somebody_and_says_so(
    client: httpx.AsyncClient, admin: Staff, database: Postgres
) -> None:
    told = (await post(client, LIST + "Zoe;600111333;;\nLi;600111444;;\n")).json()
    for phone in ("600111333", "600111444"):
        assert await run.work(SYSTEM)
        await client_edits.create_client(admin, name="Antes", phone=phone)
        assert await run.work(SYSTEM)
    await work()
    found = (await client.get(f"/api/imports/{told['id']}")).json()
    assert (found["state"], found["dry_run"]) == ("judged", True)
    assert found["problem"] == "changed_meanwhile"
    assert [row[0] for row in people(database)] == ["Antes", "Antes"]


async def test_all_or_nothing_unless_it_says_so(
    client: httpx.AsyncClient, database: Postgres
) -> None:
    content = LIST + "Fatou;12;;\n"
    told = (await post(client, content)).json()
    await work()
    told = (await client.get(f"/api/imports/{told['id']}")).json()
    assert (told["state"], told["problem"]) == ("failed", "invalid_rows")
    assert people(database) == []
    told = (await post(client, content, only_valid="true")).json()
    await work()
    assert (await client.get(f"/api/imports/{told['id']}")).json()["state"] == "done"
    assert len(people(database)) == 1


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty"), (b"%PDF-1.7", "is_pdf"), (b"\0\1\2" * 400, "not_a_table")]
)
async def test_a_file_that_is_no_table_is_refused_with_the_reason(
    client: httpx.AsyncClient, content: bytes, code: str
) -> None:
    answer = await post(client, content)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == {"file": code}


async def test_a_table_of_nobody_is_refused(client: httpx.AsyncClient) -> None:
    answer = await post(client, "x;y\n1;2\n")
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == {"columns": "nobody_known"}


async def test_a_service_key_imports_as_the_system(app: FastAPI, database: Postgres) -> None:
    async with calling(app, SERVICE_KEY) as client:
        told = (await post(client, LIST)).json()
        await work()
        assert (await client.get(f"/api/imports/{told['id']}")).json()["state"] == "done"
    assert len(people(database)) == 1
