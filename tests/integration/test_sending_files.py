"""Files and templates that we send: checked, stored first, handed to WhatsApp when they leave."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from services import files, sending, template_sync
from services.actors import Staff
from services.adapters.local_storage import LocalStorage
from services.errors import Conflict, Invalid
from services.outgoing import Content, File, TemplateMessage
from tests.fake_graph import FakeGraph, error, graph_server, plain
from tests.sending import Desk, desk
from tests.servers import simulated_graph
from tests.support import SYSTEM, Postgres

MEDIA = Path(__file__).parents[2] / "services" / "simulator" / "media"


def picture(form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3), "green").save(content, form)
    return content.getvalue()


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
VOICE = (MEDIA / "voice_note_1.ogg").read_bytes()
FILM = (MEDIA / "video.mp4").read_bytes()


@pytest.fixture
async def storage(database: Postgres, tmp_path: Path) -> AsyncIterator[LocalStorage]:
    found = LocalStorage(tmp_path / "files", "http://app")
    await found.ensure()
    files.use(found)
    yield found
    files.use(None)


@pytest.fixture
async def fake(storage: LocalStorage) -> AsyncIterator[FakeGraph]:
    async with graph_server() as server:
        yield server


KINDS = [
    pytest.param(File("image", "a.png", picture(), "Mire"), id="image"),
    pytest.param(File("document", "Cita.pdf", PDF, "Su cita"), id="document"),
    pytest.param(File("audio", "nota.ogg", VOICE, voice=True), id="voice note"),
    pytest.param(File("audio", "nota.ogg", VOICE), id="audio"),
    pytest.param(File("video", "a.mp4", FILM, "Un minuto"), id="video"),
]


@pytest.mark.parametrize("file", KINDS)
async def test_a_file_arrives_as_it_is(
    caseworker: Staff, database: Postgres, storage: LocalStorage, file: File
) -> None:
    with simulated_graph() as graph:
        async with desk(caseworker, database, graph.url, token=graph.token) as amina:
            sent = await amina.say(file)
            assert (sent.type, sent.text) == (file.kind, file.caption)
            [(state, name)] = amina.sql("select state, file_name from message_media")
            assert (state, name) == ("stored", file.name)
            await amina.send()
            assert (await amina.now(sent)).status == "accepted"
            assert graph.complaints == []
            part = graph.sent[0].payload
            assert part.get("caption") == file.caption
            assert part.get("filename") == (file.name if file.kind == "document" else None)
            assert part.get("voice") == (True if file.voice else None)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (File("image", "a.webp", picture("WEBP")), "type_not_allowed"),
        (File("image", "a.png", b"GIF89a"), "type_mismatch"),
        (File("image", "a.png", picture() + b"\0" * 6_000_000), "too_large_to_send"),
        (File("document", "a.exe", b"MZ"), "type_not_allowed"),
        (File("audio", "a.ogg", PDF), "type_not_allowed"),
        (File("audio", "a.mp3", b"ID3" + b"\0" * 50, voice=True), "not_a_voice_note"),
        (File("video", "a.mp4", VOICE), "type_not_allowed"),
    ],
)
async def test_what_whatsapp_does_not_take_is_not_even_stored(
    amina: Desk, file: File, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await amina.say(file)
    assert refused.value.fields == {"file": code}
    assert amina.sql("select count(*) from storage_removals") == [(0,)]


async def test_nothing_is_stored_for_a_closed_window(amina: Desk) -> None:
    amina.sql("update clients set last_inbound_at = now() - interval '2 days'")
    with pytest.raises(Conflict, match="window_closed"):
        await amina.say(File("document", "a.pdf", PDF))
    assert amina.sql("select count(*) from storage_removals") == [(0,)]


async def test_pressed_twice_it_is_one_file(amina: Desk, fake: FakeGraph) -> None:
    press = uuid4()
    for _ in range(2):
        await amina.say(File("document", "a.pdf", PDF), key=press)
    await amina.send()
    assert (len(fake.uploads), len(fake.sent)) == (1, 1)


@pytest.mark.parametrize("fault", [plain(500, b"<html>"), plain(502), lambda _: None])
async def test_handing_it_over_may_fail_as_often_as_it_likes(
    amina: Desk, fake: FakeGraph, fault: object
) -> None:
    """Nothing was said to anybody by that, so it is done again."""
    fake.upload_faults = [fault, fault]  # type: ignore[list-item]
    sent = await amina.say(File("document", "a.pdf", PDF))
    for _ in range(3):
        await amina.send()
        amina.skip_waiting()
    assert (await amina.now(sent)).status == "accepted"
    assert (len(fake.uploads), len(fake.sent)) == (3, 1)


async def test_it_is_handed_over_once_for_several_tries(amina: Desk, fake: FakeGraph) -> None:
    fake.faults = [error(131000, status=500)]
    await amina.say(File("document", "a.pdf", PDF))
    await amina.send()
    amina.skip_waiting()
    await amina.send()
    assert (len(fake.uploads), len(fake.sent)) == (1, 2)


async def test_a_refused_file_is_told(amina: Desk, fake: FakeGraph) -> None:
    fake.upload_faults = [error(100), error(100)]
    sent = await amina.say(File("document", "a.pdf", PDF))
    await amina.send()
    assert (await amina.now(sent)).status == "failed"
    assert fake.sent == []
    # Tried again it has a file of its own.
    fake.upload_faults = []
    await sending.retry(amina.staff, sent.id)
    await amina.send()
    assert [status for _, status in await amina.texts()] == ["failed", "accepted"]
    assert amina.sql("select count(distinct storage_key) from message_media") == [(2,)]


async def test_a_file_that_is_gone_fails(amina: Desk, storage: LocalStorage) -> None:
    sent = await amina.say(File("document", "a.pdf", PDF))
    [(key,)] = amina.sql("select storage_key from message_media")
    await storage.remove(key)
    await amina.send()
    now = await amina.now(sent)
    assert now.error is not None
    assert (now.status, now.error.title) == ("failed", "file_gone")
    with pytest.raises(Conflict, match="file_gone"):
        await sending.retry(amina.staff, sent.id)


class TestTemplates:
    """As the simulated WhatsApp has them, and after the 24 hours."""

    @pytest.fixture
    async def late(
        self, caseworker: Staff, database: Postgres, storage: LocalStorage
    ) -> AsyncIterator[tuple[Desk, object]]:
        with simulated_graph() as graph:
            async with desk(caseworker, database, graph.url, token=graph.token) as amina:
                amina.sql("update clients set last_inbound_at = now() - interval '3 days'")
                await template_sync.sync_due(SYSTEM, amina.graph, hours=0)
                yield amina, graph

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (TemplateMessage("retomar_conversacion", "es", {"1": "Amina"}), "Hola, Amina."),
            (
                TemplateMessage(
                    "recordatorio_cita",
                    "es",
                    {"nombre": "Amina", "fecha": "martes", "hora": "10:00", "lugar": "la sede"},
                ),
                "Su cita\nHola, Amina.",
            ),
            (TemplateMessage("hello_world", "en-us", {}), "Hello World\nWelcome"),
            (
                TemplateMessage(
                    "resguardo_presentado",
                    "es",
                    {"1": "Amina", "2": "77"},
                    File("document", "Resguardo.pdf", PDF),
                ),
                "Hola, Amina.",
            ),
            (
                TemplateMessage(
                    "como_llegar",
                    "es",
                    {"1": "Amina", "2": "Omar", "button:0": "x"},
                    File("image", "puerta.png", picture()),
                ),
                "Hola, Amina.",
            ),
        ],
        ids=["by position", "by name", "no places", "a document above", "a picture above"],
    )
    async def test_it_arrives_filled_in(
        self, late: tuple[Desk, object], content: TemplateMessage, words: str
    ) -> None:
        amina, graph = late
        sent = await amina.say(content)
        assert sent.text is not None
        assert sent.text.startswith(words)
        await amina.send()
        assert (await amina.now(sent)).status == "accepted"
        assert graph.complaints == []  # type: ignore[attr-defined]
        assert graph.sent[0].shown is not None  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (TemplateMessage("nada", "es", {}), "template_gone"),
            (TemplateMessage("encuesta_satisfaccion", "es", {"1": "A"}), "template_not_approved"),
            (TemplateMessage("retomar_conversacion", "es", {}), {"values.1": "required"}),
            (
                TemplateMessage("retomar_conversacion", "es", {"1": "A", "2": "B"}),
                {"values.2": "unknown_field"},
            ),
            (
                TemplateMessage("resguardo_presentado", "es", {"1": "A", "2": "B"}),
                {"header": "required"},
            ),
            (
                TemplateMessage(
                    "resguardo_presentado",
                    "es",
                    {"1": "A", "2": "B"},
                    File("image", "a.png", picture()),
                ),
                {"header": "type_not_allowed"},
            ),
        ],
    )
    async def test_what_would_be_refused_is_refused(
        self, late: tuple[Desk, object], content: Content, problem: object
    ) -> None:
        amina, _ = late
        found: object = None
        try:
            await amina.say(content)
        except Conflict as conflict:
            found = conflict.code
        except Invalid as invalid:
            found = invalid.fields
        assert found == problem

    @pytest.mark.parametrize(
        ("since_then", "problem"),
        [
            (
                "insert into marketing_choices (client_id, wants, said_at)"
                " select id, false, now() from clients",
                "marketing_stopped",
            ),
            ("update message_templates set status = 'PAUSED'", "template_not_approved"),
            ("update message_templates set gone_at = now()", "template_gone"),
        ],
    )
    async def test_tried_again_it_is_sent_only_if_it_still_may_be(
        self, late: tuple[Desk, object], since_then: str, problem: str
    ) -> None:
        amina, graph = late
        sent = await amina.say(
            TemplateMessage("taller_informativo", "es", {"nombre": "Amina", "fecha": "lunes"})
        )
        amina.sql("update message_sends set finished_at = now()")
        amina.sql("update messages set status = 'failed' where id = %s", sent.id)
        amina.sql(since_then)
        with pytest.raises(Conflict, match=problem):
            await sending.retry(amina.staff, sent.id)
        await amina.send()
        assert graph.sent == []  # type: ignore[attr-defined]
