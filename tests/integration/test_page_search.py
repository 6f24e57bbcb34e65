"""The search in all that was said, the labels' page, and what is told to whom it is meant for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from db.engine import begin
from db.tables import clients as clients_table
from services import assignments, desk_settings, labels, notes, receipts, sending, whatsapp
from services.actors import Staff
from services.changes import PersonTold
from services.desk_settings import DeskSettings
from services.errors import Forbidden
from services.outgoing import Text
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.pages import browser_of, eventually, markup
from tests.support import Postgres, deliver

MAIN = Path(__file__).parent / "simulated_main.py"
AMINA = Sender("34600111222", profile_name="Amina Haddad")


@pytest.fixture
async def amina(database: Postgres) -> UUID:
    at = datetime.now(UTC) - timedelta(minutes=5)
    words = "Necesito <b>cita</b> para el arraigo"
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, words, at=at)))
    with database.connect() as connection:
        row = connection.execute("select id from clients").fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


async def test_leads_to_the_place_in_the_conversation(
    caseworker: Staff, amina: UUID, database: Postgres
) -> None:
    note = await notes.add_note(caseworker, amina, "Falta la cita")
    with database.connect() as connection:
        row = connection.execute("select id from messages").fetchone()
    assert row is not None
    async with browser_of(caseworker, MAIN) as omar:
        await omar.open("/search?q=CITA&page=x")
        shown = markup(omar)
        assert f"/clients/{amina}?at={row[0]}" in shown
        assert f"/clients/{amina}?at={note.id}" in shown
        assert "<mark>cita</mark>" in shown
        assert "<b>" not in shown
        assert "Nota de Omar Benali" in shown
        await omar.open("/search?q=nadie")
        assert "Nadie ha dicho eso" in markup(omar)
        await omar.open("/search")
        assert "De qué se hablaba" in markup(omar)


async def test_a_note_between_many_messages_is_where_the_conversation_opens(
    caseworker: Staff, amina: UUID, database: Postgres
) -> None:
    note = await notes.add_note(caseworker, amina, "Falta el padrón")
    with database.connect() as connection:
        connection.execute("update client_notes set created_at = now() - interval '1 day'")
    for days in (2, 0.5):
        at = datetime.now(UTC) - timedelta(days=days)
        said = [bodies.text(AMINA, "Hola", at=at + timedelta(seconds=n)) for n in range(70)]
        await deliver(bodies.envelope(DEMO_NUMBER, messages=said, contacts=[AMINA]))
    async with browser_of(caseworker, MAIN) as omar:
        from ui.components.conversation_view import ConversationView

        await omar.open(f"/clients/{amina}?at={note.id}")
        assert omar.client is not None
        [view] = [e for e in omar.client.elements.values() if isinstance(e, ConversationView)]
        assert view.props["target"] == f"n-{note.id}"
        assert view.props["has-older"]
        assert view.props["has-newer"]
        above, _, below = view.props["initial"].partition(f'id="n-{note.id}"')
        assert "Falta el padrón" in below
        assert above.count("<article") - 1 == below.count("<article") == 25
        # Of somebody else, or nobody: the end.
        await omar.open(f"/clients/{amina}?at={amina}")
        assert omar.client is not None
        [view] = [e for e in omar.client.elements.values() if isinstance(e, ConversationView)]
        assert (view.props["target"], view.props["has-newer"]) == ("", False)


async def test_labels_are_shown_with_their_use(caseworker: Staff, amina: UUID) -> None:
    label = await labels.create_label(caseworker, name="<i>Cita", colour="rose")
    await labels.put_label(caseworker, amina, label.id)
    async with browser_of(caseworker, MAIN) as omar:
        await omar.open("/settings/desk")
        shown = markup(omar)
        assert "&lt;i&gt;Cita" in shown
        assert "en 1 conversación" in shown
        assert "Qué ven de nosotros en WhatsApp" not in shown


async def test_whoever_gets_a_conversation_is_told_on_the_page_they_are_on(
    caseworker: Staff, admin: Staff, amina: UUID
) -> None:
    async with browser_of(caseworker, MAIN) as omar:
        from ui import live

        await omar.open("/clients")
        await assignments.assign(admin, amina, caseworker.id)
        await live.dispatch_person(PersonTold(admin.id, amina, "assigned"))
        await live.dispatch_person(PersonTold(caseworker.id, amina, "assigned"))
        told = "Te han pasado una conversación: Amina Haddad"
        await eventually(lambda: told in omar.notify.messages)
        assert omar.notify.messages.count(told) == 1


class Graph:
    """Hears what WhatsApp would be told."""

    def __init__(self) -> None:
        self.read: list[tuple[str, bool]] = []

    async def mark_read(
        self, wamid: str, typing: bool = False, *, phone_number_id: str | None = None
    ) -> None:
        assert phone_number_id == DEMO_NUMBER.phone_number_id
        self.read.append((wamid, typing))


async def test_receipts_are_sent_where_an_admin_wants_them(
    admin: Staff, caseworker: Staff, viewer: Staff, amina: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph()
    monkeypatch.setattr(whatsapp, "_graph", graph)
    assert not await receipts.tell_read(caseworker, amina)
    await desk_settings.change_settings(admin, DeskSettings(read_receipts=True))
    assert await receipts.tell_read(caseworker, amina)
    assert not await receipts.tell_typing(caseworker, amina)
    await desk_settings.change_settings(admin, DeskSettings(True, True))
    assert await receipts.tell_typing(caseworker, amina)
    with pytest.raises(Forbidden):
        await receipts.tell_read(viewer, amina)
    assert [typing for _, typing in graph.read] == [False, True]


async def test_an_answer_takes_what_was_nobodys_and_nobody_waits(
    caseworker: Staff, amina: UUID, database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute("update clients set woken_at = now()")
    await sending.send(caseworker, amina, Text("Buenos días"))
    async with begin(caseworker) as connection:
        found = await connection.execute(
            select(clients_table.c.assigned_to, clients_table.c.due_since)
        )
    assert found.one() == (caseworker.id, None)
    [told] = await assignments.history(caseworker, amina)
    assert told.by_answering
