"""Documents: who may, what is kept, and that no crash leaves a file without its document."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError, ProgrammingError
from structlog.testing import capture_logs

from db.engine import begin
from services import documents, erasures, files, removals
from services.actors import Outsider, Staff
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import StorageProblem
from services.errors import Conflict, Forbidden, Invalid, NotFound
from tests.support import OUTSIDER, STRANGER, SYSTEM, TEST_SECRET, Postgres
from tests.unit.test_file_types import DOCX, JPEG, PDF

PUBLIC_URL = "http://127.0.0.1:8000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
async def storage(database: Postgres, folder: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(folder, PUBLIC_URL)
    await storage.ensure()
    files.use(storage)
    yield storage
    files.use(None)


@pytest.fixture
def client(database: Postgres, storage: LocalStorage) -> UUID:
    return _new_client(database)


async def add(actor: Staff, client: UUID, name: str = "pasaporte.pdf") -> documents.DocumentRow:
    return await documents.add_document(actor, client, name=name, content=PDF)


async def download(actor: Staff, storage: LocalStorage, document: UUID) -> tuple[str, bytes]:
    link = await documents.link_to(actor, document)
    file = await storage.follow(link.url.rpartition("/")[2])
    return file.name, file.path.read_bytes()


class TestKeeping:
    async def test_what_was_added_is_listed_and_comes_back(
        self, caseworker: Staff, viewer: Staff, client: UUID, storage: LocalStorage
    ) -> None:
        row = await documents.add_document(
            caseworker, client, name="Pasaporte ñ.pdf", content=PDF, media_type="application/pdf"
        )
        assert (row.client_id, row.name, row.media_type, row.size, row.uploaded_by) == (
            client,
            "Pasaporte ñ.pdf",
            "application/pdf",
            len(PDF),
            caseworker.name,
        )
        assert await documents.list_documents(viewer, client) == [row]
        link = await documents.link_to(viewer, row.id)
        assert link.expires_in == 60
        assert link.url.startswith(f"{PUBLIC_URL}/files/")
        assert await download(viewer, storage, row.id) == ("Pasaporte ñ.pdf", PDF)

    async def test_the_newest_comes_first_and_one_client_s_are_not_another_s(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        first = await add(caseworker, client)
        second = await documents.add_document(caseworker, client, name="foto.jpg", content=JPEG)
        await add(caseworker, _new_client(database))
        assert await documents.list_documents(caseworker, client) == [second, first]

    async def test_the_same_name_twice_is_two_documents(
        self, caseworker: Staff, client: UUID, folder: Path
    ) -> None:
        one, two = await asyncio.gather(add(caseworker, client), add(caseworker, client))
        assert one.id != two.id
        assert len(_files(folder)) == 2
        await documents.delete_document(caseworker, one.id)
        assert await documents.list_documents(caseworker, client) == [two]

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("جواز سفر.pdf", "جواز سفر.pdf"),
            ('Amina "la mayor".pdf', 'Amina "la mayor".pdf'),
            ("../../../etc/passwd.pdf", "passwd.pdf"),
            ("n" * 300 + ".pdf", "n" * 146 + ".pdf"),
            ("scan\u202efdp.pdf", "scanfdp.pdf"),
            ("a\r\nX-Evil: b.pdf", "aX-Evil: b.pdf"),
            ("'; drop table documents; --.pdf", "'; drop table documents; --.pdf"),
        ],
    )
    async def test_any_name(
        self, caseworker: Staff, client: UUID, storage: LocalStorage, name: str, kept: str
    ) -> None:
        row = await add(caseworker, client, name)
        assert row.name == kept
        assert (await download(caseworker, storage, row.id))[0] == kept

    async def test_where_it_lies_says_nothing_about_anybody(
        self, caseworker: Staff, client: UUID, folder: Path
    ) -> None:
        await add(caseworker, client, "Amina.pdf")
        (path,) = _files(folder)
        kind, name = path.split("/")
        assert kind == "documents"
        assert str(UUID(name.removesuffix(".pdf"))) + ".pdf" == name
        assert str(client) not in path

    async def test_what_is_no_document_is_refused_and_not_stored(
        self, caseworker: Staff, client: UUID, folder: Path, database: Postgres
    ) -> None:
        for name, content, code in (
            ("a.pdf", b"", "empty"),
            ("a.exe", PDF, "type_not_allowed"),
            ("", PDF, "type_not_allowed"),
            ("a.pdf", DOCX, "type_mismatch"),
            ("a.pdf", b"%PDF-1.4\n<script>alert(1)</script>\n%%EOF", "active_content"),
        ):
            with pytest.raises(Invalid) as caught:
                await documents.add_document(caseworker, client, name=name, content=content)
            assert caught.value.fields == {"file": code}
        with database.connect() as connection:
            noted = connection.execute("select storage_key from storage_removals").fetchall()
        assert (_files(folder), noted) == ([], [])

    async def test_a_file_holds_only_so_many(
        self, caseworker: Staff, client: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(documents, "MAX_DOCUMENTS", 1)
        await add(caseworker, client)
        with pytest.raises(Conflict, match="too_many_documents"):
            await add(caseworker, client)

    async def test_nobody_s_file(self, caseworker: Staff, client: UUID, folder: Path) -> None:
        with pytest.raises(NotFound):
            await add(caseworker, uuid4())
        with pytest.raises(NotFound):
            await documents.list_documents(caseworker, uuid4())
        with pytest.raises(NotFound):
            await documents.link_to(caseworker, uuid4())
        with pytest.raises(NotFound):
            await documents.delete_document(caseworker, uuid4())
        assert _files(folder) == []


class TestWhoMay:
    async def test_a_viewer_reads_and_neither_adds_nor_deletes(
        self, caseworker: Staff, viewer: Staff, client: UUID
    ) -> None:
        row = await add(caseworker, client)
        with pytest.raises(Forbidden):
            await add(viewer, client)
        with pytest.raises(Forbidden):
            await documents.delete_document(viewer, row.id)
        assert await documents.list_documents(viewer, client) == [row]

    @pytest.mark.parametrize("nobody", [OUTSIDER, STRANGER])
    async def test_who_is_not_on_the_staff_finds_nothing(
        self, caseworker: Staff, client: UUID, nobody: Staff | Outsider
    ) -> None:
        row = await add(caseworker, client)
        with pytest.raises(NotFound):
            await documents.list_documents(nobody, client)
        with pytest.raises(NotFound):
            await documents.link_to(nobody, row.id)
        with pytest.raises((NotFound, Forbidden)):
            await documents.add_document(nobody, client, name="a.pdf", content=PDF)
        with pytest.raises((NotFound, Forbidden)):
            await documents.delete_document(nobody, row.id)
        assert await documents.list_documents(caseworker, client) == [row]

    async def test_somebody_deactivated_finds_nothing_from_then_on(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        with database.connect() as connection:
            connection.execute("update staff set active = false where id = %s", (caseworker.id,))
        with pytest.raises(NotFound):
            await documents.link_to(caseworker, row.id)
        with pytest.raises(NotFound):
            await documents.delete_document(caseworker, row.id)

    async def test_postgres_itself_says_so(
        self, caseworker: Staff, viewer: Staff, admin: Staff, client: UUID
    ) -> None:
        await add(caseworker, client)
        insert = f"""
            insert into documents
              (client_id, storage_key, name, media_type, size, sha256, uploaded_by)
            values ('{client}', 'k', 'n', 'm', 1, sha256(''), '{admin.id}')
        """  # noqa: S608 - ids of ours
        for actor, statement in (
            (viewer, insert),
            # In somebody else's name.
            (caseworker, insert),
            (caseworker, "update documents set storage_key = 'exports/of-somebody-else.zip'"),
            (caseworker, "select 1 from storage_removals"),
            (caseworker, "select app_private.keep_stored_file('k')"),
        ):
            with pytest.raises(ProgrammingError):
                async with begin(actor) as connection:
                    await connection.exec_driver_sql(statement)
        async with begin(viewer) as connection:
            assert (await connection.exec_driver_sql("delete from documents")).rowcount == 0


class TestAudit:
    async def test_who_added_downloaded_and_deleted_is_told_without_names_or_links(
        self, caseworker: Staff, viewer: Staff, client: UUID, database: Postgres
    ) -> None:
        with capture_logs() as logs:
            row = await add(caseworker, client, "Amina Benali.pdf")
            link = await documents.link_to(viewer, row.id)
            await documents.delete_document(caseworker, row.id)
        with database.connect() as connection:
            entries = connection.execute(
                "select action, actor_id, client_id, row_id from audit_log"
                " where row_id = %s or action = 'download' order by id",
                (str(row.id),),
            ).fetchall()
            whole = connection.execute("select json_agg(audit_log)::text from audit_log").fetchone()
        ids = (client, str(row.id))
        assert entries == [
            ("insert", caseworker.id, *ids),
            ("download", viewer.id, *ids),
            ("delete", caseworker.id, *ids),
        ]
        for text in (str(whole), str(logs)):
            assert "Amina" not in text
            assert link.url.rpartition("/")[2] not in text

    async def test_without_its_entry_there_is_no_link(
        self, caseworker: Staff, client: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = await add(caseworker, client)

        async def fails(*_: object, **__: object) -> None:
            raise OSError("no log")

        monkeypatch.setattr("services.audit.record_alone", fails)
        with pytest.raises(OSError, match="no log"):
            await documents.link_to(caseworker, row.id)


class TestDeleting:
    async def test_the_file_goes_too(
        self, caseworker: Staff, client: UUID, folder: Path, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        await documents.delete_document(caseworker, row.id)
        assert await documents.list_documents(caseworker, client) == []
        with pytest.raises(NotFound):
            await documents.link_to(caseworker, row.id)
        await _remove_all(database)
        assert _files(folder) == []

    async def test_an_open_link_ends_with_the_file(
        self, caseworker: Staff, client: UUID, storage: LocalStorage, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        token = (await documents.link_to(caseworker, row.id)).url.rpartition("/")[2]
        await documents.delete_document(caseworker, row.id)
        await _remove_all(database)
        with pytest.raises(NotFound):
            await storage.follow(token)

    async def test_a_client_s_files_go_with_the_client(
        self, caseworker: Staff, client: UUID, folder: Path, database: Postgres
    ) -> None:
        await add(caseworker, client)
        await add(caseworker, client)
        with database.connect() as connection:
            connection.execute("delete from clients where id = %s", (client,))
        await _remove_all(database)
        assert _files(folder) == []

    async def test_a_legal_hold_keeps_everything(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        with database.connect() as connection:
            connection.execute("update clients set legal_hold = 'Juzgado 3'")
        with pytest.raises(Conflict, match="legal_hold"):
            await documents.delete_document(caseworker, row.id)
        assert await documents.list_documents(caseworker, client) == [row]

    async def test_a_hold_that_is_being_set_is_waited_for(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        with database.connect() as connection, connection.transaction():
            connection.execute("update clients set legal_hold = 'Juzgado 3'")
            deleting = asyncio.create_task(documents.delete_document(caseworker, row.id))
            done, _ = await asyncio.wait([deleting], timeout=0.5)
            assert not done
        with pytest.raises(Conflict, match="legal_hold"):
            await deleting
        assert await documents.list_documents(caseworker, client) == [row]

    async def test_whose_file_it_was_is_known_until_it_is_gone(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        await documents.delete_document(caseworker, (await add(caseworker, client)).id)
        with database.connect() as connection:
            query = "select client_id from storage_removals"
            assert connection.execute(query).fetchall() == [(client,)]
            await removals.remove_waiting(SYSTEM)
            assert connection.execute(query).fetchall() == [(None,)]


class TestTrouble:
    async def test_storage_that_is_down_is_told_and_loses_nothing(
        self, caseworker: Staff, client: UUID, folder: Path
    ) -> None:
        kept = await add(caseworker, client)
        with _unmounted(folder):
            with pytest.raises(StorageProblem, match="unavailable"):
                await add(caseworker, client)
            with pytest.raises(StorageProblem, match="unavailable"):
                await documents.link_to(caseworker, kept.id)
        assert await documents.list_documents(caseworker, client) == [kept]
        assert (await documents.link_to(caseworker, kept.id)).url

    async def test_a_file_that_somebody_took_away_is_told(
        self, caseworker: Staff, client: UUID, folder: Path
    ) -> None:
        row = await add(caseworker, client)
        for path in _files(folder):
            (folder / path).unlink()
        with pytest.raises(StorageProblem, match="missing"):
            await documents.link_to(caseworker, row.id)

    async def test_a_client_who_is_erased_while_a_file_is_on_its_way(
        self,
        caseworker: Staff,
        client: UUID,
        storage: LocalStorage,
        folder: Path,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        put = storage.put

        async def meanwhile(key: str, content: bytes, media_type: str) -> None:
            await put(key, content, media_type)
            with database.connect() as connection:
                connection.execute("delete from clients")

        monkeypatch.setattr(storage, "put", meanwhile)
        with pytest.raises(NotFound):
            await add(caseworker, client)
        # At once, and not when the time for storing is over.
        assert await removals.remove_waiting(SYSTEM) == 1
        assert _files(folder) == []
        with database.connect() as connection:
            noted = connection.execute("select client_id, removed_at is null from storage_removals")
            assert noted.fetchall() == [(None, False)]

    async def test_an_erasure_is_not_proved_while_a_file_is_on_its_way(
        self,
        admin: Staff,
        caseworker: Staff,
        client: UUID,
        storage: LocalStorage,
        folder: Path,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        put = storage.put

        async def meanwhile(key: str, content: bytes, media_type: str) -> None:
            await erasures.erase(admin, client, reason="request")
            assert await removals.remove_waiting(SYSTEM) == 1
            await erasures.prove_next(SYSTEM)
            assert not _are_files_verified(database)
            await put(key, content, media_type)

        monkeypatch.setattr(storage, "put", meanwhile)
        with pytest.raises(NotFound):
            await add(caseworker, client)
        await erasures.prove_next(SYSTEM)
        assert not _are_files_verified(database)
        assert await removals.remove_waiting(SYSTEM) == 1
        assert _files(folder) == []
        await erasures.prove_next(SYSTEM)
        assert _are_files_verified(database)

    async def test_a_client_who_is_gone_gets_no_file(
        self,
        caseworker: Staff,
        client: UUID,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        database: Postgres,
    ) -> None:
        reserve = files.reserve

        async def too_late(kind: str, extension: str, client_id: UUID) -> str:
            with database.connect() as connection:
                connection.execute("delete from clients")
            return await reserve(kind, extension, client_id)

        monkeypatch.setattr(files, "reserve", too_late)
        with pytest.raises(NotFound):
            await add(caseworker, client)
        assert _files(folder) == []

    async def test_a_document_whose_file_is_being_removed_is_not_made(
        self,
        caseworker: Staff,
        client: UUID,
        storage: LocalStorage,
        folder: Path,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        put = storage.put

        async def slowly(key: str, content: bytes, media_type: str) -> None:
            await put(key, content, media_type)
            await _remove_all(database)

        monkeypatch.setattr(storage, "put", slowly)
        with pytest.raises(DBAPIError, match="the file is being removed"):
            await add(caseworker, client)
        assert await documents.list_documents(caseworker, client) == []
        assert _files(folder) == []


#: Adds a document and dies, as of kill -9, when it comes to the step named.
KILLED = """
import asyncio, importlib, json, os, signal, sys
from pathlib import Path
from uuid import UUID
from sqlalchemy import make_url
from db import engine
from services import documents, files, keys
from services.actors import Staff
from services.adapters.local_storage import LocalStorage

runtime, secret, folder, staff, client, module, name, content = json.loads(sys.stdin.read())

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    keys.use_secret(secret)
    engine.start(make_url(runtime))
    storage = LocalStorage(Path(folder), "http://127.0.0.1:8000")
    await storage.ensure()
    files.use(storage)
    if module:
        setattr(importlib.import_module(module), name, die)
    actor = Staff(id=UUID(staff[0]), user_id=UUID(staff[1]), email="", name="", role="caseworker")
    await documents.add_document(
        actor, UUID(client), name="a.pdf", content=content.encode("latin-1")
    )
    die()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("step", "is_kept"),
    [
        ("services.files.new_key", False),
        ("services.adapters.local_storage._write", False),
        ("os.link", False),
        ("services.adapters.local_storage._sync", False),
        ("services.changes.announce", False),
        ("", True),
    ],
)
async def test_killed_at_any_step_there_is_a_document_with_its_file_or_neither(
    caseworker: Staff,
    client: UUID,
    storage: LocalStorage,
    folder: Path,
    database: Postgres,
    step: str,
    is_kept: bool,
) -> None:
    module, _, name = step.rpartition(".")
    told = [
        database.runtime.render_as_string(hide_password=False),
        TEST_SECRET,
        str(folder),
        [str(caseworker.id), str(caseworker.user_id)],
        str(client),
        module,
        name,
        PDF.decode("latin-1"),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        stdin=asyncio.subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
    )
    await process.communicate(json.dumps(told).encode())
    assert process.returncode == -signal.SIGKILL
    await _remove_all(database)
    kept = await documents.list_documents(caseworker, client)
    assert (len(kept), len(_files(folder))) == ((1, 1) if is_kept else (0, 0))
    for row in kept:
        assert await download(caseworker, storage, row.id) == ("a.pdf", PDF)


def _new_client(database: Postgres) -> UUID:
    with database.connect() as connection:
        row = connection.execute("insert into clients (name) values ('Amina') returning id")
        (found,) = row.fetchone() or ()
    assert isinstance(found, UUID)
    return found


def _are_files_verified(database: Postgres) -> bool:
    with database.connect() as connection:
        [(when,)] = connection.execute("select files_verified_at from erasures").fetchall()
    return when is not None


async def _remove_all(database: Postgres) -> None:
    """An hour later."""
    with database.connect() as connection:
        connection.execute("update storage_removals set next_attempt_at = now()")
    while await removals.remove_waiting(SYSTEM):
        pass


@contextmanager
def _unmounted(folder: Path) -> Iterator[None]:
    moved = folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a disk that is not there")
    yield
    folder.unlink()
    moved.rename(folder)


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


class TestRenaming:
    @pytest.mark.parametrize(
        ("typed", "called"),
        [
            ("Pasaporte de Amina", "Pasaporte de Amina.pdf"),
            ("  NIE\n de Amina.PDF ", "NIE de Amina.pdf"),
            ("contrato.docx", "contrato.docx.pdf"),
            ("a/b/../c", "c.pdf"),
            ("\u202efdp.exe", "fdp.exe.pdf"),
            ("x" * 300, "x" * 146 + ".pdf"),
        ],
    )
    async def test_a_name_is_what_somebody_calls_it_and_the_ending_what_it_is(
        self, caseworker: Staff, client: UUID, storage: LocalStorage, typed: str, called: str
    ) -> None:
        row = await add(caseworker, client)
        renamed = await documents.rename_document(caseworker, row.id, typed)
        assert renamed.name == called
        assert await documents.list_documents(caseworker, client) == [renamed]
        assert await download(caseworker, storage, row.id) == (called, PDF)

    @pytest.mark.parametrize("typed", ["", " \n", "\0", "..", "/"])
    async def test_without_a_name_it_keeps_its_own(
        self, caseworker: Staff, client: UUID, typed: str
    ) -> None:
        row = await add(caseworker, client)
        with pytest.raises(Invalid) as refused:
            await documents.rename_document(caseworker, row.id, typed)
        assert refused.value.fields == {"name": "required"}
        assert await documents.list_documents(caseworker, client) == [row]

    async def test_who_only_reads_renames_nothing(
        self, caseworker: Staff, viewer: Staff, client: UUID, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        with pytest.raises(Forbidden):
            await documents.rename_document(viewer, row.id, "otro")
        with pytest.raises(NotFound):
            await documents.rename_document(caseworker, uuid4(), "otro")
        with database.connect() as connection:
            told = connection.execute(
                "select count(*) from audit_log where table_name = 'documents'"
                " and action = 'update'"
            ).fetchone()
            assert told == (0,)
            await documents.rename_document(caseworker, row.id, "otro")
            changed = connection.execute(
                "select client_id from audit_log where table_name = 'documents'"
                " and action = 'update'"
            ).fetchall()
        assert changed == [(client,)]


class TestReviewing:
    async def test_a_document_is_new_until_somebody_says_what_it_is_worth(
        self, caseworker: Staff, client: UUID
    ) -> None:
        row = await add(caseworker, client)
        assert row.state == "new"
        assert (row.reviewed_by, row.reviewed_at, row.review_reason) == (None, None, None)
        accepted = await documents.review_document(caseworker, row.id, "accepted")
        assert (accepted.state, accepted.reviewed_by) == ("accepted", caseworker.name)
        assert accepted.reviewed_at is not None
        rejected = await documents.review_document(
            caseworker, row.id, "rejected", reason="  no se \n lee  "
        )
        assert (rejected.state, rejected.review_reason) == ("rejected", "no se lee")
        anew = await documents.review_document(caseworker, row.id, "new")
        assert (anew.state, anew.reviewed_by, anew.review_reason) == ("new", None, None)
        [listed] = await documents.list_documents(caseworker, client)
        assert listed == anew

    @pytest.mark.parametrize(
        ("state", "reason", "code"),
        [
            ("rejected", None, "required"),
            ("rejected", " \n ", "required"),
            ("rejected", "x" * (documents.MAX_REASON + 1), "too_long"),
            ("accepted", "because", "not_wanted"),
            ("new", "because", "not_wanted"),
        ],
    )
    async def test_a_rejection_needs_a_reason_and_nothing_else_has_one(
        self,
        caseworker: Staff,
        client: UUID,
        state: documents.DocumentState,
        reason: str | None,
        code: str,
    ) -> None:
        row = await add(caseworker, client)
        with pytest.raises(Invalid) as refused:
            await documents.review_document(caseworker, row.id, state, reason=reason)
        assert refused.value.fields == {"reason": code}
        assert (await documents.document(caseworker, row.id)).state == "new"

    async def test_who_only_reads_may_not_and_who_is_nobody_finds_nothing(
        self, caseworker: Staff, viewer: Staff, client: UUID
    ) -> None:
        row = await add(caseworker, client)
        with pytest.raises(Forbidden):
            await documents.review_document(viewer, row.id, "accepted")
        with pytest.raises(NotFound):
            await documents.review_document(STRANGER, row.id, "accepted")
        with pytest.raises(NotFound):
            await documents.review_document(caseworker, uuid4(), "accepted")

    async def test_the_log_tells_who_said_what(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        row = await add(caseworker, client)
        await documents.review_document(caseworker, row.id, "rejected", reason="no se lee")
        with database.connect() as connection:
            told = connection.execute(
                "select l.actor_id, v.new_values ->> 'state', v.new_values ->> 'review_reason'"
                " from audit_log l join audit_values v on v.entry_id = l.id"
                " where l.table_name = 'documents' and l.action = 'update'"
            ).fetchall()
        assert told == [(caseworker.id, "rejected", "no se lee")]
