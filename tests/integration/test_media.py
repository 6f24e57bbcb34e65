"""Files of messages: who gets them, in which form, and what becomes of them."""

import json
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from api import files as api_files
from services import (
    access_exports,
    conversations,
    documents,
    erasures,
    files,
    media,
    media_fetching,
    removals,
    retention,
    sessions,
)
from services.actors import Staff
from services.adapters.graph import Graph
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import StorageProblem
from services.errors import Conflict, Forbidden, NotFound
from services.media_rows import MediaFile
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests import media_examples as examples
from tests.fake_media import BASE_URL, TOKEN, VERSION, FakeMedia, Held
from tests.support import OUTSIDER, STRANGER, SYSTEM, Postgres, deliver, sign_in_demo
from tests.unit.test_file_types import DOCX
from ui import media as media_page

APP = "http://127.0.0.1:8000"
AMINA = Sender("34600111222", profile_name="Amina Béjaïa")
OMAR = "omar.benali@acogida.example"
DAY = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
VOICE = examples.voice_note(4.2) + bytes(3_000_000)


@pytest.fixture
async def storage(database: Postgres, tmp_path: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(tmp_path / "documents", APP)
    await storage.ensure()
    files.use(storage)
    yield storage
    files.use(None)


class Conversation:
    """One client, and the files she has sent."""

    def __init__(self, database: Postgres) -> None:
        self._database = database
        self._whatsapp = FakeMedia()
        self._sent = 0

    async def receives(self, content: bytes | None, kind: str = "image", **said: Any) -> UUID:
        """The message's id; its file has been fetched, if WhatsApp has it."""
        self._sent += 1
        name = f"file-{self._sent}"
        if content is not None:
            self._whatsapp.held[name] = Held(content)
        message = getattr(bodies, kind)(AMINA, media_id=name, **said)
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, message))
        await self.fetch()
        with self._database.connect() as connection:
            [found] = connection.execute(
                "select message_id from message_media where media_id = %s", [name]
            ).fetchone() or [None]
        assert isinstance(found, UUID)
        return found

    async def fetch(self) -> None:
        http = httpx.AsyncClient(transport=self._whatsapp)
        graph = Graph(
            BASE_URL, VERSION, TOKEN, phone_number_id="1", business_account_id="2", http=http
        )
        while await media_fetching.fetch_next(SYSTEM, graph, only_public=False):
            pass
        await graph.close()

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with self._database.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def client(self) -> UUID:
        [[found]] = self.ask("select id from clients")
        assert isinstance(found, UUID)
        return found

    async def shown(self, staff: Staff) -> MediaFile:
        """The file of the newest message, as the page gets it."""
        page = await conversations.timeline(staff, self.client)
        found = page.messages[-1].media
        assert found is not None
        return found

    def told(self) -> list[tuple[object, ...]]:
        return self.ask(
            "select action, row_id from audit_log where table_name = 'message_media' order by id"
        )


@pytest.fixture
def amina(storage: LocalStorage, database: Postgres) -> Conversation:
    return Conversation(database)


@pytest.fixture
async def browser(
    people: dict[str, Staff], storage: LocalStorage
) -> AsyncIterator[httpx.AsyncClient]:
    """Omar's, who is signed in."""
    app = FastAPI()
    app.include_router(media_page.router(APP))
    app.include_router(api_files.router(storage))
    token = await sign_in_demo(OMAR)
    assert token is not None
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=APP, cookies={sessions.COOKIE: token}
    ) as client:
        yield client


class TestWhatThePageIsTold:
    async def test_a_file_is_pending_and_then_here(self, amina: Conversation, admin: Staff) -> None:
        await amina.receives(None)
        waiting = await amina.shown(admin)
        assert (waiting.state, waiting.problem, waiting.attempts) == ("pending", "not_found", 1)
        await amina.receives(examples.jpeg())
        here = await amina.shown(admin)
        assert (here.state, here.kept_type) == ("stored", "image/jpeg")
        assert (here.width, here.height) == (64, 48)
        assert here.document_id is None

    async def test_a_voice_note_says_how_long_it_is(
        self, amina: Conversation, admin: Staff
    ) -> None:
        await amina.receives(examples.voice_note(12.5), "audio")
        assert (await amina.shown(admin)).seconds == 12.5


class TestWhoGetsIt:
    async def test_nobody_without_a_session(
        self, amina: Conversation, browser: httpx.AsyncClient
    ) -> None:
        message = await amina.receives(examples.jpeg())
        browser.cookies.clear()
        answer = await browser.get(f"/media/{message}")
        assert answer.status_code == 401
        assert answer.content == b"Not signed in"
        browser.cookies.set(sessions.COOKIE, "guessed")
        assert (await browser.get(f"/media/{message}")).status_code == 401

    async def test_no_page_of_another_site(
        self, amina: Conversation, browser: httpx.AsyncClient
    ) -> None:
        message = await amina.receives(examples.jpeg())
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://example.org"}):
            answer = await browser.get(f"/media/{message}", headers=headers)
            assert answer.status_code == 403
        own = {"sec-fetch-site": "same-origin"}
        assert (await browser.get(f"/media/{message}", headers=own)).status_code == 200

    async def test_nobody_who_was_deactivated(
        self, amina: Conversation, browser: httpx.AsyncClient
    ) -> None:
        message = await amina.receives(examples.jpeg())
        amina.ask(f"update staff set active = false where email = '{OMAR}'")  # noqa: S608
        assert (await browser.get(f"/media/{message}")).status_code == 401

    async def test_not_whoever_the_database_does_not_show_it_to(self, amina: Conversation) -> None:
        message = await amina.receives(examples.jpeg())
        for actor in (OUTSIDER, STRANGER):
            with pytest.raises(NotFound):
                await media.open_file(actor, message)

    @pytest.mark.parametrize(
        "path", ["nonsense", "7b6f4c1e-6c0a-4c53-9b8e-5b1f9a3c2d10", "../../etc/passwd", "%00"]
    )
    async def test_what_is_not_there_is_not_found(
        self, amina: Conversation, browser: httpx.AsyncClient, path: str
    ) -> None:
        assert (await browser.get(f"/media/{path}")).status_code == 404

    async def test_what_was_not_fetched_is_not_found(
        self, amina: Conversation, browser: httpx.AsyncClient
    ) -> None:
        message = await amina.receives(None)
        assert (await browser.get(f"/media/{message}")).status_code == 404

    async def test_storage_that_has_lost_it_says_try_again(
        self, amina: Conversation, browser: httpx.AsyncClient, storage: LocalStorage
    ) -> None:
        for content, kind in ((examples.jpeg(), "image"), (VOICE, "audio")):
            message = await amina.receives(content, kind)
            [[key]] = amina.ask(
                f"select storage_key from message_media where message_id = '{message}'"  # noqa: S608
            )
            await storage.remove(str(key))
            assert (await browser.get(f"/media/{message}")).status_code in (404, 503)


class TestDocuments:
    """Of the file beside the conversation: shown by the app, where a page may show them."""

    async def added(
        self, amina: Conversation, staff: Staff, content: bytes, name: str
    ) -> documents.DocumentRow:
        await amina.receives(None)
        [[client]] = amina.ask("select id from clients")
        assert isinstance(client, UUID)
        return await documents.add_document(staff, client, name=name, content=content)

    async def test_a_pdf_is_shown_within_our_own_pages_and_that_is_told(
        self, amina: Conversation, caseworker: Staff, browser: httpx.AsyncClient
    ) -> None:
        row = await self.added(amina, caseworker, examples.pdf(), "Contrato.pdf")
        answer = await browser.get(f"/documents/{row.id}")
        assert (answer.status_code, answer.content) == (200, examples.pdf())
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"].startswith("inline")
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert amina.ask(
            "select action, row_id from audit_log where table_name = 'documents' and action <>"
            " 'insert'"
        ) == [("view", str(row.id))]

    async def test_a_picture_leaves_its_notes_behind_and_is_framed_nowhere(
        self, amina: Conversation, caseworker: Staff, browser: httpx.AsyncClient
    ) -> None:
        row = await self.added(amina, caseworker, examples.jpeg(turn=6), "dni.jpg")
        answer = await browser.get(f"/documents/{row.id}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert b"40.4168" not in answer.content
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]

    async def test_nobody_else_gets_it_and_the_rest_is_only_downloaded(
        self, amina: Conversation, caseworker: Staff, browser: httpx.AsyncClient
    ) -> None:
        row = await self.added(amina, caseworker, examples.pdf(), "Contrato.pdf")
        word = await self.added(amina, caseworker, DOCX, "Contrato.docx")
        for path in (word.id, uuid4(), "nonsense"):
            assert (await browser.get(f"/documents/{path}")).status_code == 404
        foreign = {"sec-fetch-site": "cross-site"}
        assert (await browser.get(f"/documents/{row.id}", headers=foreign)).status_code == 403
        for actor in (OUTSIDER, STRANGER):
            with pytest.raises(NotFound):
                await media.open_document(actor, row.id)
        browser.cookies.clear()
        assert (await browser.get(f"/documents/{row.id}")).status_code == 401


class TestHowItIsGiven:
    async def test_a_photo_leaves_its_notes_behind_and_storage_keeps_them(
        self, amina: Conversation, browser: httpx.AsyncClient, storage: LocalStorage
    ) -> None:
        message = await amina.receives(examples.jpeg(turn=6))
        answer = await browser.get(f"/media/{message}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert b"40.4168" not in answer.content
        saved = await browser.get(f"/media/{message}?download")
        assert saved.content == answer.content
        assert saved.headers["content-disposition"].startswith("attachment")
        [[key]] = amina.ask("select storage_key from message_media")
        assert b"40.4168" in await storage.get(str(key))

    async def test_nothing_in_it_runs_and_nobody_keeps_it(
        self, amina: Conversation, browser: httpx.AsyncClient
    ) -> None:
        for content, kind in (
            (examples.jpeg(), "image"),
            (examples.voice_note(), "audio"),
            (examples.film(), "video"),
            (examples.pdf(), "document"),
        ):
            message = await amina.receives(content, kind)
            answer = await browser.get(f"/media/{message}")
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "private, no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert answer.headers["content-disposition"].startswith("inline; filename*=UTF-8''")
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert ("sandbox" in policy) == (kind != "document")

    @pytest.mark.parametrize(
        "content",
        [
            b"<!doctype html><script>alert(1)</script>",
            b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
            b"nobody knows what this is",
        ],
    )
    @pytest.mark.parametrize("question", ["", "?open", "?download"])
    async def test_a_page_or_a_drawing_is_saved_and_never_shown(
        self, amina: Conversation, browser: httpx.AsyncClient, content: bytes, question: str
    ) -> None:
        message = await amina.receives(content, mime_type="image/svg+xml")
        answer = await browser.get(f"/media/{message}{question}")
        assert answer.status_code == 303
        saved = await browser.get(answer.headers["location"])
        assert saved.content == content
        assert saved.headers["content-type"] == "application/octet-stream"
        assert saved.headers["content-disposition"].startswith("attachment")

    async def test_a_download_is_a_link_that_ends(
        self,
        amina: Conversation,
        browser: httpx.AsyncClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        message = await amina.receives(examples.pdf(), "document", filename="Pasaporte ñ.exe.pdf")
        answer = await browser.get(f"/media/{message}?download")
        link = answer.headers["location"]
        assert "Pasaporte" not in link
        saved = await browser.get(link)
        assert saved.content == examples.pdf()
        assert "Pasaporte%20%C3%B1.exe.pdf" in saved.headers["content-disposition"]
        from services.adapters import local_storage

        later = datetime.now(UTC) + timedelta(seconds=61)
        monkeypatch.setattr(local_storage, "_now", later.timestamp)
        assert (await browser.get(link)).status_code == 404
        monkeypatch.undo()
        assert (await browser.get(f"{link}x")).status_code == 404

    @pytest.mark.parametrize(
        ("asked", "status", "start", "end"),
        [
            (None, 200, 0, len(VOICE)),
            ("bytes=0-", 206, 0, len(VOICE)),
            ("bytes=0-99", 206, 0, 100),
            ("bytes=1048000-2097200", 206, 1048000, 2097201),
            (f"bytes={len(VOICE) - 1}-", 206, len(VOICE) - 1, len(VOICE)),
            ("bytes=-10", 206, len(VOICE) - 10, len(VOICE)),
            ("bytes=5-99999999999", 206, 5, len(VOICE)),
            ("bytes=0-1,5-9", 200, 0, len(VOICE)),
            ("lines=1-2", 200, 0, len(VOICE)),
        ],
    )
    async def test_a_player_gets_the_part_it_asks_for(
        self,
        amina: Conversation,
        browser: httpx.AsyncClient,
        asked: str | None,
        status: int,
        start: int,
        end: int,
    ) -> None:
        message = await amina.receives(VOICE, "audio")
        headers = {"range": asked} if asked else {}
        answer = await browser.get(f"/media/{message}", headers=headers)
        assert answer.status_code == status
        assert answer.content == VOICE[start:end]
        assert answer.headers["accept-ranges"] == "bytes"
        if status == 206:
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(VOICE)}"

    @pytest.mark.parametrize("asked", [f"bytes={len(VOICE)}-", "bytes=-0", "bytes=9-5"])
    async def test_a_part_beyond_the_end_is_refused(
        self, amina: Conversation, browser: httpx.AsyncClient, asked: str
    ) -> None:
        message = await amina.receives(VOICE, "audio")
        answer = await browser.get(f"/media/{message}", headers={"range": asked})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(VOICE)}"

    async def test_looking_belongs_to_the_conversation_and_taking_away_is_told(
        self, amina: Conversation, browser: httpx.AsyncClient
    ) -> None:
        message = await amina.receives(examples.pdf(), "document")
        await browser.get(f"/media/{message}")
        assert amina.told() == []
        await browser.get(f"/media/{message}?open")
        await browser.get(f"/media/{message}?download")
        assert amina.told() == [("view", str(message)), ("download", str(message))]


class TestAskingAgain:
    async def test_somebody_may_ask_for_what_was_given_up(
        self, amina: Conversation, caseworker: Staff
    ) -> None:
        message = await amina.receives(None)
        amina.ask("update message_media set state = 'failed', attempts = 6")
        await media.fetch_again(caseworker, message)
        assert amina.ask("select state, attempts from message_media") == [("pending", 0)]

    async def test_what_has_expired_gets_one_more_attempt(
        self, amina: Conversation, caseworker: Staff
    ) -> None:
        message = await amina.receives(None)
        amina.ask(
            "update message_media set state = 'expired', expires_at = now() - interval '1 day'"
        )
        await media.fetch_again(caseworker, message)
        assert await media_fetching.expire(SYSTEM) == 0
        await amina.fetch()
        assert amina.ask("select state, attempts from message_media") == [("expired", 1)]

    async def test_what_is_here_is_not_fetched_again(
        self, amina: Conversation, caseworker: Staff
    ) -> None:
        message = await amina.receives(examples.jpeg())
        with pytest.raises(Conflict, match="not_waiting"):
            await media.fetch_again(caseworker, message)
        with pytest.raises(NotFound):
            await media.fetch_again(caseworker, uuid4())

    async def test_who_only_reads_may_not(self, amina: Conversation, viewer: Staff) -> None:
        message = await amina.receives(None)
        with pytest.raises(Forbidden):
            await media.fetch_again(viewer, message)

    async def test_what_is_lost_is_listed_and_counted(
        self, amina: Conversation, admin: Staff
    ) -> None:
        lost = await amina.receives(None, "document")
        await amina.receives(examples.jpeg())
        amina.ask("update message_media set state = 'expired' where state = 'pending'")
        [found] = await media.lost_files(admin)
        assert (found.message_id, found.client, found.type) == (lost, "Amina Béjaïa", "document")
        assert await media.number_of_lost_files(admin) == 1


class TestPuttingIntoTheFile:
    async def test_a_photo_becomes_a_document_without_its_notes(
        self, amina: Conversation, caseworker: Staff, storage: LocalStorage
    ) -> None:
        message = await amina.receives(examples.jpeg())
        row, is_added = await media.put_into_file(caseworker, message, called="Foto de hoy")
        assert is_added
        assert (row.name, row.media_type, row.state) == ("Foto de hoy.jpg", "image/jpeg", "new")
        assert (row.message_id, row.uploaded_by) == (message, caseworker.name)
        link = await documents.link_to(caseworker, row.id)
        content = (await storage.follow(link.url.rpartition("/")[2])).path.read_bytes()
        assert content.startswith(b"\xff\xd8")
        assert b"40.4168" not in content
        assert (await amina.shown(caseworker)).document_id == row.id

    async def test_a_pdf_keeps_its_name_and_its_content(
        self, amina: Conversation, caseworker: Staff, storage: LocalStorage
    ) -> None:
        message = await amina.receives(examples.pdf(), "document", filename="Nómina marzo.PDF")
        row, _ = await media.put_into_file(caseworker, message, called="x")
        assert row.name == "Nómina marzo.pdf"
        link = await documents.link_to(caseworker, row.id)
        content = (await storage.follow(link.url.rpartition("/")[2])).path.read_bytes()
        assert content == examples.pdf()

    async def test_twice_is_once_and_undone_is_gone(
        self, amina: Conversation, caseworker: Staff
    ) -> None:
        message = await amina.receives(examples.pdf(), "document")
        first, _ = await media.put_into_file(caseworker, message, called="x")
        second, is_added = await media.put_into_file(caseworker, message, called="x")
        assert (second.id, is_added) == (first.id, False)
        await documents.delete_document(caseworker, first.id)
        assert (await amina.shown(caseworker)).document_id is None
        assert (await amina.shown(caseworker)).state == "stored"

    async def test_a_voice_note_is_no_document(
        self, amina: Conversation, caseworker: Staff
    ) -> None:
        message = await amina.receives(examples.voice_note(), "audio")
        with pytest.raises(Conflict, match="not_a_document"):
            await media.put_into_file(caseworker, message, called="x")

    async def test_who_only_reads_may_not(self, amina: Conversation, viewer: Staff) -> None:
        message = await amina.receives(examples.pdf(), "document")
        with pytest.raises(Forbidden):
            await media.put_into_file(viewer, message, called="x")

    async def test_a_file_that_storage_lost_is_no_document(
        self, amina: Conversation, caseworker: Staff, storage: LocalStorage
    ) -> None:
        message = await amina.receives(examples.pdf(), "document")
        [[key]] = amina.ask("select storage_key from message_media")
        await storage.remove(str(key))
        with pytest.raises(StorageProblem, match="missing"):
            await media.put_into_file(caseworker, message, called="x")
        assert amina.ask("select * from documents") == []


class TestAPersonsRights:
    async def test_their_copy_holds_the_files_of_the_conversation(
        self, amina: Conversation, admin: Staff, storage: LocalStorage
    ) -> None:
        photo = await amina.receives(examples.jpeg(), at=DAY)
        await amina.receives(examples.pdf(), "document", filename="../Contrato.pdf", at=DAY)
        await amina.receives(None, at=DAY)
        export = await access_exports.request_export(admin, amina.client)
        assert await access_exports.build_next(SYSTEM, zone=ZoneInfo("Europe/Madrid")) == 1
        link = await access_exports.link_to(admin, export.id, 1)
        path = (await storage.follow(link.rpartition("/")[2])).path
        with zipfile.ZipFile(path) as archive:
            files_of_messages = [n for n in archive.namelist() if n.startswith("media/")]
            assert files_of_messages == [
                "media/2026-11-20 WhatsApp.jpg",
                "media/2026-11-20 .._Contrato.pdf",
            ]
            # As it came: it is their own.
            assert archive.read(files_of_messages[0]) == examples.jpeg()
            told = json.loads(archive.read("client.json"))["files_of_messages"]
            assert [row["file"] for row in told] == files_of_messages
            assert told[0]["message_id"] == str(photo)
            assert "media/2026-11-20 WhatsApp.jpg" in archive.read("conversation.html").decode()

    async def test_erasure_takes_the_files_and_proves_it(
        self, amina: Conversation, admin: Staff, storage: LocalStorage
    ) -> None:
        await amina.receives(examples.jpeg())
        await amina.receives(None)
        [[key]] = amina.ask("select storage_key from message_media where storage_key is not null")
        erasure = await erasures.erase(admin, amina.client, reason="request")
        assert erasure.counts["message_media"] == 2
        assert erasure.counts["files"] == 1
        while await removals.remove_waiting(SYSTEM):
            pass
        assert not await storage.exists(str(key))
        while await erasures.prove_next(SYSTEM):
            pass
        proved = amina.ask(
            "select leftovers, files_verified_at is not null, rows_verified_at is not null"
            " from erasures"
        )
        assert proved == [({}, True, True)]

    @pytest.mark.parametrize("hold", [None, "a court"])
    async def test_old_files_go_where_somebody_said_so_and_no_hold_keeps_them(
        self, amina: Conversation, admin: Staff, storage: LocalStorage, hold: str | None
    ) -> None:
        kept = await amina.receives(examples.pdf(), "document")
        await media.put_into_file(admin, kept, called="x")
        await amina.receives(examples.jpeg())
        amina.ask("update message_media set stored_at = now() - interval '400 days'")
        await night()
        assert amina.ask("select state from message_media") == [("stored",)] * 2
        await retention.set_rule(admin, "message_media", 365, True)
        if hold:
            amina.ask(f"update clients set legal_hold = '{hold}'")  # noqa: S608
        await night()
        state = "stored" if hold else "removed"
        assert amina.ask("select state from message_media") == [(state,)] * 2
        while await removals.remove_waiting(SYSTEM):
            pass
        [document] = await documents.list_documents(admin, amina.client)
        link = await documents.link_to(admin, document.id)
        assert (await storage.follow(link.url.rpartition("/")[2])).path.exists()

    @pytest.mark.parametrize("hold", [None, "a court"])
    async def test_rejected_documents_go_where_somebody_said_so_and_no_hold_keeps_them(
        self, amina: Conversation, admin: Staff, hold: str | None
    ) -> None:
        for state in ("rejected", "accepted"):
            row, _ = await media.put_into_file(
                admin, await amina.receives(examples.pdf(), "document"), called="x"
            )
            why = "It cannot be read" if state == "rejected" else None
            await documents.review_document(admin, row.id, state, reason=why)
        amina.ask("update documents set reviewed_at = now() - interval '100 days'")
        await night()
        assert len(amina.ask("select id from documents")) == 2
        await retention.set_rule(admin, "rejected_documents", 90, True)
        if hold:
            amina.ask(f"update clients set legal_hold = '{hold}'")  # noqa: S608
        await night()
        states = [("accepted",), ("rejected",)] if hold else [("accepted",)]
        assert amina.ask("select state from documents order by 1") == states
        assert amina.ask("select state from message_media") == [("stored",)] * 2


async def night() -> None:
    """Everything that is due in the coming night is done."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for _ in range(50):
        if not await retention.run_due(SYSTEM, now=tomorrow):
            return
    raise AssertionError("the night never ends")


async def test_a_message_that_goes_takes_its_file_along(
    amina: Conversation, storage: LocalStorage
) -> None:
    await amina.receives(examples.jpeg())
    [[key]] = amina.ask("select storage_key from message_media")
    assert await storage.exists(str(key))
    amina.ask("delete from messages")
    while await removals.remove_waiting(SYSTEM):
        pass
    assert not await storage.exists(str(key))
