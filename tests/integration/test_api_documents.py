"""Documents through the API: the same rights, limits and links, told in JSON."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from api import documents as documents_api
from api import files as files_api
from api.routes import add_api
from services import documents, files, removals
from services.actors import Staff
from services.adapters.local_storage import LocalStorage
from services.adapters.supabase_storage import SupabaseStorage
from services.file_types import MAX_FILE_BYTES
from services.tokens import LocalTokens, Tokens
from tests.supabase_storage import SERVICE_KEY, URL, FakeSupabaseStorage
from tests.support import OUTSIDER, SYSTEM, Postgres
from tests.unit.test_file_types import DOCX, PDF

PUBLIC_URL = "http://app.test"
API_KEY = "sb_secret_for_programs_of_ours"


@dataclass
class Api:
    """The API as programs reach it, and who they can be."""

    http: httpx.AsyncClient
    tokens: LocalTokens

    async def ask(
        self, method: str, path: str, actor: Staff | UUID | str, **more: Any
    ) -> httpx.Response:
        if isinstance(actor, Staff):
            actor = actor.user_id
        token = self.tokens.sign(actor) if isinstance(actor, UUID) else actor
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.http.request(method, path, headers=headers, **more)

    async def add(
        self,
        actor: Staff | UUID | str,
        client: UUID,
        name: str = "pasaporte.pdf",
        content: bytes = PDF,
        media_type: str = "application/pdf",
    ) -> httpx.Response:
        path = f"/api/clients/{client}/documents"
        return await self.ask("POST", path, actor, files={"file": (name, content, media_type)})


@pytest.fixture
async def server() -> FakeSupabaseStorage:
    return FakeSupabaseStorage()


@pytest.fixture
async def supabase(server: FakeSupabaseStorage) -> AsyncIterator[SupabaseStorage]:
    """In place of the local storage."""
    http = httpx.AsyncClient(transport=server.transport)
    storage = SupabaseStorage(URL, SERVICE_KEY, "documents", http=http)
    yield storage
    await storage.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
async def api(database: Postgres, folder: Path) -> AsyncIterator[Api]:
    storage = LocalStorage(folder, PUBLIC_URL)
    await storage.ensure()
    files.use(storage)
    local = LocalTokens(PUBLIC_URL)
    app = FastAPI(openapi_url=None)
    add_api(
        app,
        tokens=Tokens(local.verifier(), service_key=API_KEY),
        requests_per_minute=1000,
        more=[documents_api.router()],
    )
    app.include_router(files_api.router(storage))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http:
        yield Api(http, local)
    files.use(None)


@pytest.fixture
def client(database: Postgres) -> UUID:
    with database.connect() as connection:
        query = "insert into clients (name) values ('Amina') returning id"
        (found,) = connection.execute(query).fetchone() or ()
    assert isinstance(found, UUID)
    return found


def code(answer: httpx.Response) -> tuple[int, str, dict[str, str] | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("fields")


async def test_a_document_is_added_listed_downloaded_and_deleted(
    api: Api, caseworker: Staff, viewer: Staff, client: UUID, folder: Path
) -> None:
    added = await api.add(caseworker, client, "Pasaporte ñ.pdf")
    assert added.status_code == 201
    document = added.json()
    assert document | {"id": "", "created_at": ""} == {
        "id": "",
        "client_id": str(client),
        "name": "Pasaporte ñ.pdf",
        "media_type": "application/pdf",
        "size": len(PDF),
        "uploaded_by": caseworker.name,
        "created_at": "",
        "state": "new",
        "reviewed_by": None,
        "reviewed_at": None,
        "review_reason": None,
        "message_id": None,
    }
    listed = await api.ask("GET", f"/api/clients/{client}/documents", viewer)
    assert (listed.status_code, listed.json()) == (200, {"items": [document]})

    link = await api.ask("GET", f"/api/documents/{document['id']}/download", viewer)
    assert link.status_code == 200
    assert link.json().keys() == {"url", "expires_in"}
    assert link.json()["expires_in"] == 60
    assert link.headers["cache-control"] == "no-store"
    content = await api.http.get(link.json()["url"])
    assert content.content == PDF

    gone = await api.ask("DELETE", f"/api/documents/{document['id']}", caseworker)
    assert (gone.status_code, gone.content) == (204, b"")
    while await removals.remove_waiting(SYSTEM):
        pass
    assert (await api.http.get(link.json()["url"])).status_code == 404
    again = await api.ask("DELETE", f"/api/documents/{document['id']}", caseworker)
    assert code(again) == (404, "not_found", None)


async def test_a_program_with_the_service_key_adds_in_nobody_s_name(api: Api, client: UUID) -> None:
    added = await api.add(API_KEY, client)
    assert (added.status_code, added.json()["uploaded_by"]) == (201, None)


async def test_a_viewer_reads_and_changes_nothing(
    api: Api, caseworker: Staff, viewer: Staff, client: UUID
) -> None:
    row = await documents.add_document(caseworker, client, name="a.pdf", content=PDF)
    assert code(await api.add(viewer, client))[0] == 403
    assert code(await api.ask("DELETE", f"/api/documents/{row.id}", viewer))[0] == 403
    listed = await api.ask("GET", f"/api/clients/{client}/documents", viewer)
    assert len(listed.json()["items"]) == 1


async def test_somebody_who_is_not_on_the_staff_finds_nothing(
    api: Api, caseworker: Staff, client: UUID
) -> None:
    row = await documents.add_document(caseworker, client, name="a.pdf", content=PDF)
    nobody = OUTSIDER.user_id
    assert code(await api.ask("GET", f"/api/clients/{client}/documents", nobody))[0] == 404
    assert code(await api.ask("GET", f"/api/documents/{row.id}/download", nobody))[0] == 404
    assert code(await api.add(nobody, client))[0] == 403
    assert code(await api.ask("DELETE", f"/api/documents/{row.id}", nobody))[0] == 403


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
async def test_without_a_valid_token_there_is_nothing(
    api: Api, caseworker: Staff, client: UUID, token: str
) -> None:
    row = await documents.add_document(caseworker, client, name="a.pdf", content=PDF)
    for method, path in (
        ("GET", f"/api/clients/{client}/documents"),
        ("POST", f"/api/clients/{client}/documents"),
        ("GET", f"/api/documents/{row.id}/download"),
        ("DELETE", f"/api/documents/{row.id}"),
    ):
        assert (await api.ask(method, path, token)).status_code == 401
    assert await documents.list_documents(caseworker, client) == [row]


async def test_what_is_not_there(api: Api, caseworker: Staff) -> None:
    assert code(await api.ask("GET", f"/api/clients/{uuid4()}/documents", caseworker))[0] == 404
    assert code(await api.add(caseworker, uuid4()))[0] == 404
    assert code(await api.ask("GET", f"/api/documents/{uuid4()}/download", caseworker))[0] == 404
    answer = await api.ask("GET", "/api/documents/1/download", caseworker)
    assert code(answer) == (422, "invalid", {"document_id": "not_a_uuid"})


@pytest.mark.parametrize(
    ("name", "content", "media_type", "problem"),
    [
        ("a.pdf", b"", "application/pdf", "empty"),
        ("a.exe", PDF, "application/pdf", "type_not_allowed"),
        ("a.svg", b"<svg/>", "image/svg+xml", "type_not_allowed"),
        ("a.pdf", DOCX, "application/pdf", "type_mismatch"),
        ("a.pdf", PDF, "text/html", "type_mismatch"),
        ("a.pdf", PDF[:20], "application/pdf", "damaged"),
        ("a.pdf", b"%PDF-1.4 <html> %%EOF", "application/pdf", "active_content"),
    ],
)
async def test_a_file_that_is_refused_says_why(
    api: Api,
    caseworker: Staff,
    client: UUID,
    name: str,
    content: bytes,
    media_type: str,
    problem: str,
) -> None:
    answer = await api.add(caseworker, client, name, content, media_type)
    assert code(answer) == (422, "invalid", {"file": problem})
    assert await documents.list_documents(caseworker, client) == []


async def test_a_form_that_holds_no_file(api: Api, caseworker: Staff, client: UUID) -> None:
    path = f"/api/clients/{client}/documents"
    bodies: list[dict[str, Any]] = [
        {"data": {"file": "text"}},
        {"files": {"other": ("a.pdf", PDF)}},
        {"json": {}},
    ]
    for body in bodies:
        answer = await api.ask("POST", path, caseworker, **body)
        assert (code(answer)[0], list(code(answer)[2] or ())) == (422, ["file"])


async def test_too_much_is_refused(api: Api, caseworker: Staff, client: UUID, folder: Path) -> None:
    answer = await api.add(caseworker, client, content=bytes(MAX_FILE_BYTES + 1))
    assert code(answer) == (413, "too_large", None)
    assert [path for path in folder.rglob("*") if path.is_file()] == []  # noqa: ASYNC240


async def test_a_body_without_an_end_is_cut_off(api: Api, caseworker: Staff, client: UUID) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        while True:
            sent += 1024 * 1024
            yield bytes(1024 * 1024)

    path = f"/api/clients/{client}/documents"
    answer = await api.http.post(
        path,
        content=endless(),
        headers={
            "Authorization": f"Bearer {api.tokens.sign(caseworker.user_id)}",
            "Content-Type": "multipart/form-data; boundary=x",
        },
    )
    assert code(answer) == (413, "too_large", None)
    assert sent < 4 * MAX_FILE_BYTES


async def test_supabase_s_link_is_handed_on(
    api: Api,
    caseworker: Staff,
    client: UUID,
    supabase: SupabaseStorage,
    server: FakeSupabaseStorage,
) -> None:
    files.use(supabase)
    document = (await api.add(caseworker, client, "Pasaporte ñ.pdf")).json()
    link = await api.ask("GET", f"/api/documents/{document['id']}/download", caseworker)
    assert link.json()["url"].startswith(f"{URL}/storage/v1/object/sign/documents/documents/")
    async with httpx.AsyncClient(transport=server.transport) as browser:
        assert (await browser.get(link.json()["url"])).content == PDF


async def test_storage_that_is_down_is_a_503_and_nothing_is_lost(
    api: Api,
    caseworker: Staff,
    client: UUID,
    supabase: SupabaseStorage,
    server: FakeSupabaseStorage,
) -> None:
    files.use(supabase)
    document = (await api.add(caseworker, client)).json()
    for method, path, more in (
        ("POST", f"/api/clients/{client}/documents", {"files": {"file": ("a.pdf", PDF)}}),
        ("GET", f"/api/documents/{document['id']}/download", {}),
    ):
        server.instead = [httpx.ConnectError("down")]
        answer = await api.ask(method, path, caseworker, **more)
        assert code(answer) == (503, "unavailable", None)
        assert answer.headers["retry-after"]
    # Deleting does not wait for storage.
    server.instead = [httpx.ConnectError("down")]
    listed = await api.ask("GET", f"/api/clients/{client}/documents", caseworker)
    assert listed.json()["items"] == [document]
    gone = await api.ask("DELETE", f"/api/documents/{document['id']}", caseworker)
    assert gone.status_code == 204
    while await removals.remove_waiting(SYSTEM):
        pass
    assert len(server.buckets["documents"].objects) == 1


async def test_a_document_is_reviewed(
    api: Api, caseworker: Staff, viewer: Staff, client: UUID
) -> None:
    document = (await api.add(caseworker, client)).json()
    path = f"/api/documents/{document['id']}"
    rejected = await api.ask(
        "PATCH", path, caseworker, json={"state": "rejected", "reason": "no se lee"}
    )
    assert rejected.status_code == 200
    assert rejected.json() | {"reviewed_at": ""} == document | {
        "state": "rejected",
        "reviewed_by": caseworker.name,
        "reviewed_at": "",
        "review_reason": "no se lee",
    }
    accepted = await api.ask("PATCH", path, API_KEY, json={"state": "accepted"})
    assert (accepted.json()["state"], accepted.json()["reviewed_by"]) == ("accepted", None)
    refused = await api.ask("PATCH", path, viewer, json={"state": "new"})
    assert refused.status_code == 403
    nothing = await api.ask("PATCH", f"/api/documents/{uuid4()}", caseworker, json={"state": "new"})
    assert nothing.status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"state": "rejected"}, {"reason": "required"}),
        ({"state": "accepted", "reason": "x"}, {"reason": "not_wanted"}),
    ],
)
async def test_a_review_that_says_too_little_or_too_much_is_refused(
    api: Api, caseworker: Staff, client: UUID, body: dict[str, str], fields: dict[str, str]
) -> None:
    document = (await api.add(caseworker, client)).json()
    answer = await api.ask("PATCH", f"/api/documents/{document['id']}", caseworker, json=body)
    assert code(answer) == (422, "invalid", fields)


@pytest.mark.parametrize(
    "body", [{}, {"state": "good"}, {"state": "new", "name": "other.pdf"}, {"state": None}]
)
async def test_nothing_else_of_a_document_can_be_changed(
    api: Api, caseworker: Staff, client: UUID, body: dict[str, Any]
) -> None:
    document = (await api.add(caseworker, client)).json()
    answer = await api.ask("PATCH", f"/api/documents/{document['id']}", caseworker, json=body)
    assert answer.status_code == 422
