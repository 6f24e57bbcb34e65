"""A copy of somebody's data: complete, safe to unpack, and gone after a day."""

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from services import (
    access_exports,
    audit,
    clients,
    drafts,
    erasures,
    export_archive,
    files,
    removals,
)
from services.access_exports import AccessExport
from services.actors import Staff
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import StorageProblem, new_key
from services.clients import ClientSummary
from services.errors import Conflict, Forbidden, NotFound
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver
from ui.components import rights_words
from ui.i18n import speaking

AMINA = Sender("34600111222", profile_name="<script>alert(1)</script> Amina")
ARABIC = "مرحبا <b>كيف</b> الحال"
#: 23:30 on the 20th in UTC is the 21st in Madrid.
LATE = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


@pytest.fixture
async def storage(database: Postgres, tmp_path: Path) -> AsyncIterator[LocalStorage]:
    storage = LocalStorage(tmp_path / "files", "http://127.0.0.1:8000")
    await storage.ensure()
    files.use(storage)
    yield storage
    files.use(None)


@pytest.fixture
async def amina(admin: Staff, storage: LocalStorage) -> ClientSummary:
    echo = bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Le contestamos", at=LATE))
    await deliver(
        bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, ARABIC, at=LATE)),
        bodies.echoes(DEMO_NUMBER, echo),
        bodies.envelope(DEMO_NUMBER, statuses=[bodies.status(AMINA, echo["id"], "read", at=LATE)]),
    )
    [client] = (await clients.list_clients(admin)).items
    return client


async def keep_document(
    database: Postgres, storage: LocalStorage, client_id: UUID, name: str, content: bytes
) -> str:
    key = new_key("documents", "pdf")
    await storage.put(key, content, "application/pdf")
    with database.connect() as connection:
        connection.execute(
            "insert into documents (client_id, storage_key, name, media_type, size, sha256)"
            " values (%s, %s, %s, 'application/pdf', %s, %s)",
            [client_id, key, name, len(content), hashlib.sha256(content).digest()],
        )
    return key


async def built(admin: Staff, client_id: UUID) -> AccessExport:
    await access_exports.request_export(admin, client_id)
    assert await access_exports.build_next(SYSTEM) == 1
    [export, *_] = await access_exports.exports_of(admin, client_id)
    return export


async def parts_of(
    database: Postgres, storage: LocalStorage, export: AccessExport
) -> list[zipfile.ZipFile]:
    with database.connect() as connection:
        keys = connection.execute(
            "select storage_key from access_export_parts where export_id = %s order by number",
            [export.id],
        ).fetchall()
    contents = [await storage.get(str(key)) for (key,) in keys]
    assert [(len(c), hashlib.sha256(c).hexdigest()) for c in contents] == [
        (part.size, part.sha256) for part in export.parts
    ]
    assert sum(map(len, contents)) == export.size
    return [zipfile.ZipFile(io.BytesIO(content)) for content in contents]


async def opened(
    database: Postgres, storage: LocalStorage, export: AccessExport
) -> zipfile.ZipFile:
    [archive] = await parts_of(database, storage, export)
    return archive


class TestWhatIsInIt:
    async def test_everything_about_the_client_and_who_looked(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        with database.connect() as connection:
            connection.execute("update clients set notes = 'Vive en Burgos'")
        await drafts.save_draft(admin, amina.id, "note", "Parece cansada")
        await clients.get_client(admin, amina.id)
        archive = await opened(database, storage, await built(admin, amina.id))
        told = json.loads(archive.read("client.json"))
        assert told["client"]["notes"] == "Vive en Burgos"
        assert [draft["text"] for draft in told["drafts"]] == ["Parece cansada"]
        assert {i["value"] for i in told["identities"]} == {"34600111222", "+34600111222"}
        assert {m["text"] for m in told["messages"]} == {ARABIC, "Le contestamos"}
        [sent] = [m for m in told["messages"] if m["direction"] == "outbound"]
        assert [s["status"] for s in sent["statuses"]] == ["read"]
        viewed = [entry for entry in told["history"] if entry["action"] == "view"]
        assert {(entry["who"], entry["role"]) for entry in viewed} == {(admin.name, "admin")}
        assert "export" in [entry["action"] for entry in told["history"]]

    async def test_a_conversation_anybody_can_read_and_nothing_can_run(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        await access_exports.request_export(admin, amina.id)
        await access_exports.build_next(SYSTEM, zone=ZoneInfo("Europe/Madrid"))
        [export] = await access_exports.exports_of(admin, amina.id)
        page = (await opened(database, storage, export)).read("conversation.html").decode()
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; Amina" in page
        assert '<p dir="auto">مرحبا &lt;b&gt;' in page
        assert "sábado 21 de noviembre de 2026" in page
        assert "00:30" in page
        assert "leído" in page
        assert "default-src 'none'" in page
        assert "http" not in page.replace("http-equiv", "")

    async def test_places_and_names_of_files_stand_in_the_conversation(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        payloads = {
            "document": {"filename": "<NIE>.pdf"},
            "location": {"name": "Oficina", "latitude": 40.4, "longitude": -3.7},
            "contacts": [{"name": {"formatted_name": "Ali"}, "phones": [{"phone": "+34 6"}]}],
            "image": "nothing that WhatsApp would send",
        }
        with database.connect() as connection:
            for kind, payload in payloads.items():
                connection.execute(
                    "insert into messages (client_id, phone_number_id, direction, type, payload,"
                    " sent_at, status) values (%s, '1', 'inbound', %s, %s, now(), 'received')",
                    [amina.id, kind, json.dumps({kind: payload})],
                )
        archive = await opened(database, storage, await built(admin, amina.id))
        page = archive.read("conversation.html").decode()
        for words in ("&lt;NIE&gt;.pdf", "Oficina", "40.4, -3.7", "Ali · +34 6"):
            assert words in page

    async def test_the_documents_under_safe_names_with_their_digests(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        for name, content in (
            ("../../etc/passwd.pdf", b"one"),
            ("NIE.pdf", b"2"),
            ("nie.pdf", b"3"),
        ):
            await keep_document(database, storage, amina.id, name, content)
        archive = await opened(database, storage, await built(admin, amina.id))
        names = [n for n in archive.namelist() if n.startswith("documents/")]
        assert names == [
            "documents/.._.._etc_passwd.pdf".replace(".._.._", "_.._"),
            "documents/NIE.pdf",
            "documents/nie (2).pdf",
        ]
        assert archive.read("documents/nie (2).pdf") == b"3"
        manifest = json.loads(archive.read("manifest.json"))
        assert {f["path"]: f["sha256"] for f in manifest["files"]} == {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name != "manifest.json"
        }

    async def test_a_file_that_storage_has_lost_is_named(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        key = await keep_document(database, storage, amina.id, "perdido.pdf", b"x")
        await storage.remove(key)
        export = await built(admin, amina.id)
        assert (export.state, export.missing_documents) == ("done", 1)
        archive = await opened(database, storage, export)
        assert json.loads(archive.read("manifest.json"))["missing_documents"] == [
            "documents/perdido.pdf"
        ]
        assert "perdido.pdf" in archive.read("README.txt").decode()

    async def test_a_readme_in_both_languages(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        readme = (await opened(database, storage, await built(admin, amina.id))).read("README.txt")
        assert "Reglamento General" in readme.decode()
        assert "General Data Protection Regulation" in readme.decode()

    async def test_a_long_conversation_is_whole_and_in_order(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into messages (client_id, phone_number_id, direction, type, text, sent_at,"
                " status) select %s, '1', 'inbound', 'text', 'n' || n, timestamptz '2026-01-01'"
                " + n / 7 * interval '1 minute', 'received' from generate_series(1, 1000) n",
                [amina.id],
            )
        archive = await opened(database, storage, await built(admin, amina.id))
        texts = [m["text"] for m in json.loads(archive.read("client.json"))["messages"]]
        assert texts[:1000] == [f"n{n}" for n in range(1, 1001)]
        assert archive.read("conversation.html").count(b"<article") == 1002

    async def test_who_saw_the_person_in_a_list_and_what_the_file_said_before(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        await audit.record_alone(admin, "search", details={"shown": [str(amina.id)]})
        await audit.record_alone(admin, "search", details={"shown": [str(uuid4())]})
        with database.connect() as connection:
            connection.execute("update clients set notes = 'Antes'")
            connection.execute("update clients set notes = 'Ahora'")
        told = json.loads(
            (await opened(database, storage, await built(admin, amina.id))).read("client.json")
        )
        assert [e["who"] for e in told["history"] if e["action"] == "search"] == [admin.name]
        assert "Antes" in [entry.get("before", {}).get("notes") for entry in told["history"]]
        assert [copy["state"] for copy in told["copies"]] == ["running"]

    async def test_why_a_file_must_be_kept_is_not_handed_over(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        await erasures.set_legal_hold(admin, amina.id, "Denuncia de Yusuf")
        await erasures.set_legal_hold(admin, amina.id, "Denuncia de Omar")
        archive = await opened(database, storage, await built(admin, amina.id))
        assert b"Denuncia" not in archive.read("client.json")
        assert "no puede borrarse de momento" in archive.read("README.txt").decode()

    async def test_what_could_not_be_read_is_theirs_unless_it_is_others_too(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        mine = {"item": {"from": AMINA.wa_id, "id": 7, "text": {"body": "mi caso"}}}
        both = {"item": [{"from": AMINA.wa_id}, {"from": "34600333444", "text": "lo suyo"}]}
        about = {"item": {"from": "34600333444", "text": {"body": f"llama al {AMINA.wa_id}"}}}
        longer = {"item": {"from": f"{AMINA.wa_id}9", "text": {"body": "lo de otro"}}}
        cut = {"item": {"truncated": "lo de muchos"}, "value_context": {"wa_id": AMINA.wa_id}}
        with database.connect() as connection:
            for number, raw in enumerate((mine, both, about, longer, cut)):
                connection.execute(
                    "insert into webhook_items (delivery_id, position, field, state, code, raw)"
                    " values (1, %s, 'messages', 'quarantined', 'missing_id', %s)",
                    [number, json.dumps(raw)],
                )
        archive = await opened(database, storage, await built(admin, amina.id))
        told = json.loads(archive.read("client.json"))
        assert [item["content"] for item in told["unprocessed"]] == [mine]
        assert "no se incluyen: 2." in archive.read("README.txt").decode()

    async def test_an_identifier_that_somebody_else_claims_without_saying_who(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        with database.connect() as connection:
            other = connection.execute("insert into clients (name) values ('Omar') returning id")
            [(omar,)] = other.fetchall()
            connection.execute(
                "insert into identity_conflicts (client_id, other_client_id, kind, value)"
                " values (%s, %s, 'phone', '+34600111222')",
                [omar, amina.id],
            )
        content = (await opened(database, storage, await built(admin, amina.id))).read(
            "client.json"
        )
        [claimed] = json.loads(content)["identifiers_claimed_by_others"]
        assert (claimed["kind"], claimed["value"]) == ("phone", "+34600111222")
        assert str(omar).encode() not in content

    async def test_the_page_says_how_many_documents_are_not_in_it(
        self, admin: Staff, amina: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        with speaking("en"):
            said = rights_words.export_facts(await built(admin, amina.id)).source
        assert "not in it" not in said
        key = await keep_document(database, storage, amina.id, "perdido.pdf", b"x")
        await storage.remove(key)
        with speaking("en"):
            said = rights_words.export_facts(await built(admin, amina.id)).source
        assert "1 document is not in it" in said


class TestParts:
    @pytest.fixture
    async def large(
        self,
        amina: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> ClientSummary:
        """Somebody whose data does not fit into one part of a megabyte."""
        monkeypatch.setattr(export_archive, "PART_BYTES", 1_000_000)
        with database.connect() as connection:
            connection.execute(
                "insert into messages (client_id, phone_number_id, direction, type, text, sent_at,"
                " status) select %s, '1', 'inbound', 'text', 'n' || n || (select string_agg("
                "  md5(random()::text), '') from generate_series(n, n + 60)), now(), 'received'"
                " from generate_series(1, 1500) n",
                [amina.id],
            )
        for number in range(5):
            name = f"{number}.pdf"
            await keep_document(database, storage, amina.id, name, os.urandom(400_000))
        return amina

    async def test_what_does_not_fit_goes_on_in_the_next(
        self, admin: Staff, large: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        export = await built(admin, large.id)
        archives = await parts_of(database, storage, export)
        assert len(archives) > 3
        assert all(part.size <= 1_000_000 for part in export.parts)
        for number, archive in enumerate(archives, 1):
            assert archive.testzip() is None
            manifest = json.loads(archive.read("manifest.json"))
            assert (manifest["part"], manifest["is_last_part"]) == (number, number == len(archives))
            assert {f["path"]: f["sha256"] for f in manifest["files"]} == {
                name: hashlib.sha256(archive.read(name)).hexdigest()
                for name in archive.namelist()
                if name != "manifest.json"
            }
            assert f"parte {number}" in archive.read("README.txt").decode()
        whole = {
            name: archive.read(name)
            for archive in archives
            for name in archive.namelist()
            if name not in ("README.txt", "manifest.json")
        }
        assert {name for name in whole if name.startswith("documents/")} == {
            f"documents/{number}.pdf" for number in range(5)
        }
        told, name = [], "client.json"
        while name:
            read = json.loads(whole[name])
            told += [message["text"] for message in read["messages"]]
            assert (name == "client.json") == ("client" in read)
            name = read.get("continued_in")
        expected = [f"n{number}" for number in range(1, 1501)]
        assert [text.partition(text[-61 * 32 :])[0] for text in told if text[0] == "n"] == expected
        pages = [content for name, content in whole.items() if name.endswith(".html")]
        assert len(pages) > 1
        assert sum(page.count(b"<article") for page in pages) == 1502
        assert all(page.rstrip().endswith(b"</html>") for page in pages)

    async def test_each_is_downloaded_and_all_go_together(
        self, admin: Staff, large: ClientSummary, database: Postgres, storage: LocalStorage
    ) -> None:
        export = await built(admin, large.id)
        number = len(export.parts)
        link = await access_exports.link_to(admin, export.id, number)
        file = await storage.follow(link.rpartition("/")[2])
        assert file.name.endswith(f"-{number}.zip")
        assert len(file.path.read_bytes()) == export.parts[-1].size
        with pytest.raises(NotFound):
            await access_exports.link_to(admin, export.id, number + 1)
        with database.connect() as connection:
            connection.execute("update access_exports set expires_at = now()")
        assert await access_exports.expire(SYSTEM) == number
        assert _queued(database) == number

    async def test_when_the_last_does_not_get_into_storage_the_others_go(
        self,
        admin: Staff,
        large: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        put, tried = storage.put, []

        async def full(key: str, content: bytes, media_type: str) -> None:
            tried.append(key)
            if len(tried) == 3:
                raise StorageProblem("unavailable")
            await put(key, content, media_type)

        monkeypatch.setattr(storage, "put", full)
        await access_exports.request_export(admin, large.id)
        await access_exports.build_next(SYSTEM)
        assert _queued(database) == 2
        while await removals.remove_waiting(SYSTEM):
            pass
        assert [key for key in tried if await storage.exists(key)] == []


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("/etc/passwd", "_etc_passwd"),
        ("..", "document"),
        ("", "document"),
        ("C:\\a\\b.pdf", "C__a_b.pdf"),
        ("con.pdf", "_con.pdf"),
        ("a\x00b\u202egpj.exe", "a b gpj.exe"),
        ("شهادة.pdf", "شهادة.pdf"),
        ("é" * 300 + ".pdf", "é" * 73 + ".pdf"),
    ],
)
def test_a_name_can_be_unpacked_anywhere(given: str, safe: str) -> None:
    assert export_archive.safe_names([given]) == [safe]


class TestItsLife:
    async def test_it_is_linked_for_a_minute_and_the_download_is_audited(
        self, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        export = await built(admin, amina.id)
        assert (export.state, export.requested_by, export.progress) == ("done", admin.name, 1)
        link = await access_exports.link_to(admin, export.id)
        assert "mina" not in link
        with database.connect() as connection:
            told = connection.execute(
                "select client_id, row_id, actor_id from audit_log where action = 'download'"
            ).fetchall()
        assert told == [(amina.id, str(export.id), admin.id)]

    async def test_asking_twice_builds_one(self, admin: Staff, amina: ClientSummary) -> None:
        one = await access_exports.request_export(admin, amina.id)
        two = await access_exports.request_export(admin, amina.id)
        assert one == two
        with pytest.raises(Conflict, match="export_not_ready"):
            await access_exports.link_to(admin, one.id)

    async def test_after_its_time_the_file_goes_and_the_row_tells(
        self, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        export = await built(admin, amina.id)
        assert await access_exports.expire(SYSTEM) == 0
        with database.connect() as connection:
            connection.execute("update access_exports set expires_at = now()")
        with pytest.raises(Conflict, match="export_expired"):
            await access_exports.link_to(admin, export.id)
        assert await access_exports.expire(SYSTEM) == 1
        assert [e.state for e in await access_exports.list_exports(admin)] == ["expired"]
        assert _queued(database) == 1

    async def test_deleting_it_queues_the_file(
        self, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        export = await built(admin, amina.id)
        await access_exports.remove_export(admin, export.id)
        assert await access_exports.exports_of(admin, amina.id) == []
        assert _queued(database) == 1
        with pytest.raises(NotFound):
            await access_exports.remove_export(admin, export.id)

    async def test_erasing_the_client_takes_its_file_along(
        self, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        await built(admin, amina.id)
        erasure = await erasures.erase(admin, amina.id, reason="request")
        assert erasure.counts["files"] == 1
        assert _queued(database) == 1


class TestWhenSomethingGoesWrong:
    async def test_a_crash_is_taken_up_again_after_the_lease(
        self, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        await access_exports.request_export(admin, amina.id)
        with database.connect() as connection:
            connection.execute(
                "update access_exports set state = 'running', attempts = 1,"
                " leased_until = now() + interval '1 minute'"
            )
            assert await access_exports.build_next(SYSTEM) == 0
            connection.execute("update access_exports set leased_until = now()")
        assert await access_exports.build_next(SYSTEM) == 1
        [export] = await access_exports.exports_of(admin, amina.id)
        assert export.state == "done"

    async def test_three_failures_are_told_with_a_code_and_leave_no_file(
        self,
        admin: Staff,
        amina: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def full(*_: object) -> None:
            raise StorageProblem("too_large")

        monkeypatch.setattr(storage, "put", full)
        await access_exports.request_export(admin, amina.id)
        states = []
        for _ in range(3):
            assert await access_exports.build_next(SYSTEM) == 1
            [export] = await access_exports.exports_of(admin, amina.id)
            states.append(export.state)
            assert await access_exports.build_next(SYSTEM) == 0
            with database.connect() as connection:
                connection.execute("update access_exports set leased_until = now()")
        assert states == ["queued", "queued", "failed"]
        assert export.problem == "storage_too_large"
        assert await access_exports.build_next(SYSTEM) == 0
        again = await access_exports.request_export(admin, amina.id)
        assert (again.id != export.id, again.state) == (True, "queued")

    async def test_a_process_that_died_three_times_is_not_tried_for_ever(
        self, admin: Staff, amina: ClientSummary, database: Postgres
    ) -> None:
        await access_exports.request_export(admin, amina.id)
        with database.connect() as connection:
            connection.execute("update access_exports set state = 'running', attempts = 3")
        assert await access_exports.build_next(SYSTEM) == 1
        [export] = await access_exports.exports_of(admin, amina.id)
        assert (export.state, export.problem) == ("failed", "interrupted")

    @pytest.mark.parametrize("at", ["get", "put"])
    async def test_who_is_erased_while_it_is_built_leaves_no_file(
        self,
        admin: Staff,
        amina: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        at: str,
    ) -> None:
        await keep_document(database, storage, amina.id, "NIE.pdf", b"x")
        real, erased = getattr(storage, at), []

        async def meanwhile(*arguments: object) -> object:
            erased.append(await erasures.erase(admin, amina.id, reason="request"))
            # Before it has come to storage.
            while await removals.remove_waiting(SYSTEM):
                pass
            return await real(*arguments)

        monkeypatch.setattr(storage, at, meanwhile)
        await access_exports.request_export(admin, amina.id)
        assert await access_exports.build_next(SYSTEM) == 1
        assert len(erased) == 1
        while await removals.remove_waiting(SYSTEM):
            pass
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
        assert await access_exports.build_next(SYSTEM) == 0

    async def test_no_transaction_waits_for_storage(
        self,
        admin: Staff,
        amina: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Postgres ends those that wait for a minute, and a row that is held is held up."""
        await keep_document(database, storage, amina.id, "NIE.pdf", b"x")
        waiting: list[object] = []

        def asked(real: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
            async def ask(*arguments: object) -> object:
                with database.connect() as connection:
                    waiting.extend(
                        connection.execute(
                            "select state from pg_stat_activity where datname = current_database()"
                            " and state like 'idle in transaction%'"
                        ).fetchall()
                    )
                return await real(*arguments)

            return ask

        monkeypatch.setattr(storage, "get", asked(storage.get))
        monkeypatch.setattr(storage, "put", asked(storage.put))
        assert (await built(admin, amina.id)).state == "done"
        assert waiting == []

    async def test_whatever_kills_the_process_nothing_stays_on_its_disk(
        self,
        admin: Staff,
        amina: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        disk = tmp_path / "tmp"
        disk.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        await keep_document(database, storage, amina.id, "NIE.pdf", b"x")
        get, seen = storage.get, []

        async def looks(key: str) -> bytes:
            seen.append(list(disk.iterdir()))
            return await get(key)

        monkeypatch.setattr(storage, "get", looks)
        await built(admin, amina.id)
        assert seen == [[]]

    async def test_it_shows_the_file_as_it_was_at_one_moment(
        self,
        admin: Staff,
        amina: ClientSummary,
        database: Postgres,
        storage: LocalStorage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = export_archive.Copy._write_conversation

        async def write(*arguments: object) -> None:
            late = bodies.text(AMINA, "ahora mismo")
            await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, late))
            await real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(export_archive.Copy, "_write_conversation", write)
        archive = await opened(database, storage, await built(admin, amina.id))
        assert "ahora mismo" not in archive.read("conversation.html").decode()


@pytest.mark.parametrize("role", ["caseworker", "viewer"])
async def test_only_admins_export(
    role: str, people: dict[str, Staff], amina: ClientSummary
) -> None:
    staff = people[role]
    for attempt in (
        access_exports.request_export(staff, amina.id),
        access_exports.exports_of(staff, amina.id),
        access_exports.list_exports(staff),
        access_exports.link_to(staff, uuid4()),
        access_exports.remove_export(staff, uuid4()),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_of_nobody_there_is_no_export(admin: Staff, storage: LocalStorage) -> None:
    with pytest.raises(NotFound):
        await access_exports.request_export(admin, UUID(int=9))
    with pytest.raises(NotFound):
        await access_exports.link_to(admin, UUID(int=9))
    assert await access_exports.build_next(SYSTEM) == 0


def _queued(database: Postgres) -> int:
    """Files of exports that wait to be removed."""
    with database.connect() as connection:
        [(count,)] = connection.execute(
            "select count(*) from storage_removals where storage_key like 'exports/%'"
            " and next_attempt_at <= now()"
        ).fetchall()
    assert isinstance(count, int)
    return count
