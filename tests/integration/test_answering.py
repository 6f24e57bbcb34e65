"""The field for answers on a client's page: what becomes of what is written in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from nicegui.testing import User

from services import client_edits, clients, conversations, drafts, notes, sending
from services import staff as staff_service
from services.actors import Staff
from services.clients import ClientSummary
from services.conversations import TimelineMessage
from services.outgoing import Text
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.pages import browser_of, eventually, markup, report
from tests.support import Postgres, deliver

MAIN = Path(__file__).parent / "simulated_main.py"
AMINA = Sender("34600111222", profile_name="Amina Haddad")


@pytest.fixture
async def omar(caseworker: Staff) -> AsyncIterator[User]:
    async with browser_of(caseworker, MAIN) as user:
        yield user


@pytest.fixture
async def amina(caseworker: Staff) -> ClientSummary:
    """Somebody who wrote a minute ago."""
    return await wrote(caseworker, datetime.now(UTC) - timedelta(minutes=1))


async def wrote(staff: Staff, at: datetime) -> ClientSummary:
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola", at=at)))
    [client] = (await clients.list_clients(staff)).items
    return client


class Field:
    """The field on somebody's page, and what it was told to do."""

    def __init__(self, user: User) -> None:
        from ui.components.composer import ComposerField
        from ui.components.conversation_view import ConversationView

        self._user = user
        assert user.client is not None
        elements = list(user.client.elements.values())
        [self.element] = [e for e in elements if isinstance(e, ComposerField)]
        [self.view] = [e for e in elements if isinstance(e, ConversationView)]
        self.told: list[tuple[Any, ...]] = []
        for element in (self.element, self.view):
            element.run_method = self._note  # type: ignore[method-assign]

    def _note(self, *told: Any, **_: object) -> Any:
        self.told.append(told)

    def emit(self, event: str, **told: object) -> None:
        report(self._user, self.element, event, told)

    def act(self, act: str, message_id: UUID, value: str | None = None) -> None:
        report(self._user, self.view, "act", {"act": act, "id": str(message_id), "value": value})

    async def hears(self, name: str) -> tuple[Any, ...]:
        """What it was told under a name, once it was."""
        await eventually(lambda: any(told[0] == name for told in self.told))
        return next(told for told in self.told if told[0] == name)


async def opened(user: User, client: ClientSummary) -> Field:
    await user.open(f"/clients/{client.id}")
    return Field(user)


async def said(staff: Staff, client: ClientSummary) -> list[TimelineMessage]:
    page = await conversations.timeline(staff, client.id)
    return [m for m in page.messages if m.direction == "outbound"]


async def test_enter_does_in_the_field_what_its_writer_prefers(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    props = (await opened(omar, amina)).element.props
    assert props["enter-sends"] is True
    assert props["labels"]["sendKey"] == "Intro envía, Mayús+Intro empieza otra línea"
    await staff_service.set_preferences(caseworker, enter_sends=False)
    props = (await opened(omar, amina)).element.props
    assert props["enter-sends"] is False
    assert props["labels"]["sendKey"] == "Mayús+Intro envía, Intro empieza otra línea"


async def test_an_answer_is_queued_once_however_often_it_is_pressed(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    field = await opened(omar, amina)
    key = str(uuid4())
    field.emit("draft", kind="answer", text="Hola Am", quoting=None, number=1)
    assert await field.hears("saved") == ("saved", "answer", 1)
    for _ in range(2):
        field.emit("send", key=key, text="Hola Amina", quoting=None)
    assert await field.hears("settled") == ("settled", key)
    [message] = await said(caseworker, amina)
    assert (message.text, message.status) == ("Hola Amina", "queued")
    assert message.sending is not None
    assert message.sending.author == "Omar Benali"
    _, shown = await field.hears("put")
    assert "Hola Amina" in shown
    await eventually(lambda: len([t for t in field.told if t[0] == "settled"]) == 2)
    assert await drafts.drafts_of(caseworker, amina.id) == {}


async def test_an_answer_can_quote(omar: User, caseworker: Staff, amina: ClientSummary) -> None:
    field = await opened(omar, amina)
    [theirs] = (await conversations.timeline(caseworker, amina.id)).messages
    field.act("reply", theirs.id)
    _, quoted = await field.hears("quote")
    assert quoted == {"id": str(theirs.id), "who": "La persona", "words": "hola"}
    field.emit("send", key=str(uuid4()), text="Dime", quoting=quoted["id"])
    await field.hears("settled")
    [message] = await said(caseworker, amina)
    assert message.quote is not None
    assert message.quote.text == "hola"


async def test_after_the_24_hours_the_words_come_back_with_the_reason(
    omar: User, caseworker: Staff
) -> None:
    client = await wrote(caseworker, datetime.now(UTC) - timedelta(hours=25))
    field = await opened(omar, client)
    assert field.element._props["window"]["open"] is False
    key = str(uuid4())
    field.emit("send", key=key, text="Hola", quoting=None)
    name, refused_key, why = await field.hears("refused")
    assert (name, refused_key) == ("refused", key)
    assert "solo se puede enviar una plantilla" in why
    assert await said(caseworker, client) == []


async def test_nonsense_from_the_browser_sends_nothing(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    field = await opened(omar, amina)
    field.emit("send", key="x", text="Hola", quoting=None)
    field.emit("send", key=str(uuid4()), text=" \n", quoting="x")
    field.emit("send", key=str(uuid4()), text="a" * 5000, quoting=None)
    field.emit("draft", kind="letter", text="Hola", number=1)
    field.emit("open", what="everything")
    field.act("shout", uuid4())
    field.act("retry", uuid4())
    await eventually(lambda: len([t for t in field.told if t[0] == "refused"]) == 2)
    await field.hears("say")
    assert await said(caseworker, amina) == []
    assert await drafts.drafts_of(caseworker, amina.id) == {}


async def test_what_waits_is_taken_back_and_its_words_return(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    message = await sending.send(caseworker, amina.id, Text("Demasiado pronto"))
    field = await opened(omar, amina)
    field.act("cancel", message.id)
    assert await field.hears("takeAway") == ("takeAway", [f"m-{message.id}"])
    assert await field.hears("insert") == ("insert", "Demasiado pronto")
    assert await said(caseworker, amina) == []


async def test_what_failed_is_tried_again_and_the_old_one_stays(
    omar: User, caseworker: Staff, amina: ClientSummary, database: Postgres
) -> None:
    message = await sending.send(caseworker, amina.id, Text("Hola"))
    state(database, message, "failed")
    field = await opened(omar, amina)
    field.act("retry", message.id)
    await field.hears("put")
    old, new = await said(caseworker, amina)
    assert (old.status, new.status) == ("failed", "queued")
    assert old.sending is not None
    assert new.sending is not None
    assert (old.sending.retried, new.sending.retry_of) == (True, old.id)


async def test_what_came_too_late_offers_a_template_until_they_write(
    omar: User, caseworker: Staff, amina: ClientSummary, database: Postgres
) -> None:
    message = await sending.send(caseworker, amina.id, Text("Hola"))
    state(database, message, "failed", code=131047)
    with database.connect() as connection:
        connection.execute("update clients set window_closed_at = now() - interval '30 seconds'")
    field = await opened(omar, amina)
    assert 'data-act="template"' in field.view.props["initial"]
    assert 'data-act="retry"' not in field.view.props["initial"]
    field.act("template", message.id)
    await omar.should_see("No hay plantillas que se puedan enviar")
    await wrote(caseworker, datetime.now(UTC))
    from services.changes import ClientChange
    from ui import live

    newest = (await conversations.timeline(caseworker, amina.id)).messages[-1]
    await live.dispatch(ClientChange(amina.id, [newest.id]))

    def is_offered_again() -> bool:
        return any(t[0] == "put" and 'data-act="retry"' in t[1] for t in field.told)

    await eventually(is_offered_again)


@pytest.mark.parametrize(
    ("act", "states"), [("arrived", ["delivered"]), ("again", ["failed", "queued"])]
)
async def test_what_is_unknown_is_settled_by_a_person(
    omar: User,
    caseworker: Staff,
    amina: ClientSummary,
    database: Postgres,
    act: str,
    states: list[str],
) -> None:
    message = await sending.send(caseworker, amina.id, Text("Hola"))
    state(database, message, "unknown")
    field = await opened(omar, amina)
    field.act(act, message.id)

    async def found() -> list[str]:
        return [m.status for m in await said(caseworker, amina)]

    for _ in range(100):
        if await found() == states:
            break
        await field_pause()
    assert await found() == states


async def field_pause() -> None:
    import asyncio

    await asyncio.sleep(0.05)


async def test_a_note_stays_inside(omar: User, caseworker: Staff, amina: ClientSummary) -> None:
    field = await opened(omar, amina)
    key = str(uuid4())
    field.emit("note", key=key, text="Llamar mañana")
    assert await field.hears("settled") == ("settled", key)
    [note] = await notes.notes_of(caseworker, amina.id)
    assert note.body == "Llamar mañana"
    assert await said(caseworker, amina) == []
    _, shown = await field.hears("put")
    assert "Solo lo ve el equipo" in shown


async def test_quick_replies_come_filled_in(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    from services.canned_replies import create_canned

    await create_canned(
        caseworker,
        shortcut="hola",
        title="Saludo",
        texts={"es": "Hola {{nombre}}, soy {{mi_nombre}}"},
    )
    field = await opened(omar, amina)
    field.emit("canned")
    assert await field.hears("offer") == (
        "offer",
        [{"shortcut": "hola", "title": "Saludo", "text": "Hola Amina, soy Omar"}],
    )


async def test_a_draft_is_there_again_on_another_page(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    await drafts.save_draft(caseworker, amina.id, "answer", "A medias")
    field = await opened(omar, amina)
    assert field.element._props["drafts"] == {"answer": "A medias"}


async def test_a_file_is_taken_or_told_what_is_wrong_with_it(
    omar: User, caseworker: Staff, amina: ClientSummary, tmp_path: Path
) -> None:
    from services import files
    from services.adapters.local_storage import LocalStorage

    storage = LocalStorage(tmp_path / "files", "http://127.0.0.1:8000")
    await storage.ensure()
    files.use(storage)
    field = await opened(omar, amina)

    async def post(kind: str, name: str, content: bytes) -> Any:
        answer = await omar.http_client.post(
            field.element._props["uploads"],
            data={"key": str(uuid4()), "kind": kind, "caption": "Aquí está", "quoting": ""},
            files={"file": (name, content)},
            headers={"Origin": "http://test"},
        )
        assert answer.status_code == httpx.codes.OK
        return answer.json()

    try:
        assert await post("document", "carta.txt", b"Estimada Amina") == {
            "problem": None,
            "as_document": False,
        }
        [message] = await said(caseworker, amina)
        assert (message.type, message.text) == ("document", "Aquí está")
        refused = await post("image", "foto.jpg", b"no photo")
        assert "dañado" in refused["problem"] or "nombre" in refused["problem"]
        assert await post("program", "x.exe", b"MZ") == {}
        assert len(await said(caseworker, amina)) == 1
    finally:
        files.use(None)


async def test_a_viewer_reads_and_is_told_why_there_is_no_field(
    viewer: Staff, caseworker: Staff, amina: ClientSummary
) -> None:
    async with browser_of(viewer, MAIN) as user:
        await user.open(f"/clients/{amina.id}")
        assert "Puedes leer esta conversación" in markup(user)
        with pytest.raises(ValueError, match="unpack"):
            Field(user)


async def test_it_opens_at_a_message(omar: User, caseworker: Staff) -> None:
    start = datetime.now(UTC) - timedelta(hours=5)
    messages = [
        bodies.text(AMINA, f"mensaje {n}", at=start + timedelta(minutes=n)) for n in range(120)
    ]
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, *messages))
    [client] = (await clients.list_clients(caseworker)).items
    first = (await conversations.timeline(caseworker, client.id, limit=500)).messages[0]
    await omar.open(f"/clients/{client.id}?at={first.id}")
    field = Field(omar)
    assert field.view._props["target"] == f"m-{first.id}"
    assert field.view._props["has-newer"] is True
    assert "mensaje 0<" in field.view._props["initial"]
    assert "mensaje 119" not in field.view._props["initial"]
    for _ in range(2):
        report(omar, field.view, "newer")
        await field.hears("append")
        await eventually(lambda: len(field.told) > 0)
    report(omar, field.view, "newest")
    _, newest, *_rest = await field.hears("reset")
    assert "mensaje 119" in newest
    await omar.open(f"/clients/{client.id}?at={uuid4()}")
    assert Field(omar).view._props["target"] == ""


async def test_a_name_that_changes_is_told_beside_the_button(
    omar: User, caseworker: Staff, amina: ClientSummary
) -> None:
    field = await opened(omar, amina)
    assert field.element._props["labels"]["to"] == "Para Amina Haddad"
    await client_edits.update_client(caseworker, amina.id, {"name": "Amina H."})
    from services.changes import ClientChange
    from ui import live

    await live.dispatch(ClientChange(amina.id))
    await eventually(lambda: field.element._props["labels"]["to"] == "Para Amina H.")


async def test_without_messages_with_buttons_the_dialog_leads_to_where_they_are_made(
    omar: User, amina: ClientSummary
) -> None:
    field = await opened(omar, amina)
    field.emit("open", what="structured")
    await eventually(lambda: "Todavía no hay ninguno" in markup(omar))
    assert 'href="/settings/canned-replies"' in markup(omar).partition("Todavía no hay ninguno")[2]


def state(database: Postgres, message: TimelineMessage, status: str, *, code: int = 131026) -> None:
    """Let a message be what sending would have made of it."""
    with database.connect() as connection:
        connection.execute(
            "update messages set status = %s, error = case %s when 'failed' then"
            " jsonb_build_object('code', %s::int, 'title', 'x', 'details', null) end where id = %s",
            [status, status, code, message.id],
        )
        connection.execute(
            "update message_sends set finished_at = now(), attempts = 1 where message_id = %s",
            [message.id],
        )
