"""Finding what was said, as a caseworker types it."""

from collections.abc import Collection
from uuid import UUID

import pytest
from sqlalchemy import TextClause

from services import audit_reading, message_search
from services.actors import Staff
from services.message_search import Question, search_messages
from tests.support import Postgres

SAID = {
    1: "Buenos días, quería pedir cita para el arraigo social",
    2: "Mañana llevo el pasaporte y la TASA 790",
    3: "مرحبا، أريد تجديد جواز السفر",
    4: "Здравствуйте, мне нужна помощь с документами",
    5: "<img src=x onerror=alert(1)> don't & l'été",
    6: "el dia de la cita llega tarde; social",
}

PEOPLE = """
insert into clients (id, name) values ('00000000-0000-0000-0000-00000000000a', 'Amina');
"""


@pytest.fixture
async def said(database: Postgres, caseworker: Staff) -> None:
    with database.connect() as connection:
        connection.execute(PEOPLE)
        for n, words in SAID.items():
            connection.execute(
                "insert into messages (id, client_id, phone_number_id, whatsapp_id, direction,"
                " type, text, sent_at, status) values (%s, %s, '1', %s, 'inbound', 'text', %s,"
                " now() - %s * interval '1 hour', 'received')",
                [UUID(int=n), UUID(int=10), f"w{n}", words, n],
            )
        connection.execute(
            "insert into client_notes (id, client_id, author_id, body) values (%s, %s, %s, %s)",
            [UUID(int=100), UUID(int=10), caseworker.id, "Falta el pasaporte de la madre"],
        )


async def found(staff: Staff, words: str) -> list[int]:
    return [item.id.int for item in (await search_messages(staff, words)).items]


@pytest.mark.usefixtures("said")
class TestSearch:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("dias", [1]),
            ("DÍAS", [1]),
            ("manana", [2]),
            ("cita social", [1, 6]),
            ('"cita para"', [1]),
            ("“cita para” arraigo", [1]),
            ('"para cita"', []),
            ('"arraigo soc', []),
            ("arraigo soc", [1]),
            ("arraigo soc ", []),
            ("pasaporte", [100, 2]),
            ("pasap", [100, 2]),
            ("tasa 790", [2]),
            ("جواز", [3]),
            ("جواز السفر", [3]),
            ("документами", [4]),
            ("ДОКУМЕНТ", [4]),
            ("ete", [5]),
            ("don't", [5]),
            ("l'été", [5]),
            ("'", []),
            ("\\", []),
            (":* & | !", []),
            ("' or 1=1 --", []),
            ('"', []),
            ("", []),
            ("   ", []),
            ("nadie", []),
            ("a\0b", []),
            ("x" * 1000, []),
            ("nadie " * 100 + "dia", []),
        ],
    )
    async def test_finds(self, viewer: Staff, words: str, expected: list[int]) -> None:
        assert await found(viewer, words) == expected

    async def test_shows_what_was_found_and_where(self, viewer: Staff) -> None:
        [item] = (await search_messages(viewer, "arraigo")).items
        assert [piece.words for piece in item.snippet if piece.is_found] == ["arraigo"]
        assert "".join(piece.words for piece in item.snippet) == SAID[1]
        assert (item.kind, item.client_name, item.direction) == ("message", "Amina", "inbound")
        note = (await search_messages(viewer, "madre")).items[0]
        assert (note.kind, note.author, note.direction) == ("note", "Omar Benali", None)

    async def test_a_snippet_is_words_and_no_markup(self, viewer: Staff) -> None:
        [item] = (await search_messages(viewer, "été")).items
        assert "<img" not in "".join(p.words for p in item.snippet if p.is_found)
        assert [p.words for p in item.snippet if p.is_found] == ["été"]

    async def test_walks_where_much_is_found(
        self, viewer: Staff, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gathered = await found(viewer, "pasaporte")
        monkeypatch.setattr(message_search, "_GATHER", 0)
        assert await found(viewer, "pasaporte") == gathered == [100, 2]

    @pytest.mark.parametrize(("gathered", "walked"), [(3, "message"), (1, "message, note")])
    async def test_walks_only_through_the_kind_that_holds_much(
        self,
        viewer: Staff,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
        gathered: int,
        walked: str,
    ) -> None:
        """Six messages and two notes hold the word."""
        with database.connect() as connection:
            connection.execute(
                "insert into messages (client_id, phone_number_id, whatsapp_id, direction, type,"
                " text, sent_at, status) select id, '1', 'p' || n, 'inbound', 'text', 'pasaporte',"
                " now() - n * interval '3 minutes', 'received'"
                " from clients, generate_series(1, 5) n"
            )
            connection.execute(
                "insert into client_notes (client_id, body, created_at)"
                " select id, 'pasaporte', now() - interval '7 minutes' from clients"
            )
        everything = await found(viewer, "pasaporte")
        assert len(everything) == 8
        seen: list[str] = []
        statement = message_search._statement

        def noted(question: Question, kinds: Collection[message_search.Kind]) -> TextClause:
            seen.append(", ".join(kinds))
            return statement(question, kinds)

        monkeypatch.setattr(message_search, "_statement", noted)
        monkeypatch.setattr(message_search, "_GATHER", gathered)
        assert await found(viewer, "pasaporte") == everything
        assert seen == ["", walked]

    async def test_comes_in_pages(self, viewer: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(message_search, "PAGE", 1)
        first = await search_messages(viewer, "pasaporte")
        second = await search_messages(viewer, "pasaporte", page=2)
        assert (first.more, second.more) == (True, False)
        assert [p.items[0].id.int for p in (first, second)] == [100, 2]

    async def test_is_audited_with_whom_it_showed(self, viewer: Staff, admin: Staff) -> None:
        await search_messages(viewer, "arraigo")
        log = await audit_reading.read_log(admin, audit_reading.Filters())
        [entry] = [e for e in log.entries if e.action == "search"]
        assert entry.table == "messages"
        assert "arraigo" not in repr(entry)
        assert str(UUID(int=10)) in repr(entry.details)

    async def test_of_an_edited_message_leads_to_the_message(
        self, viewer: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into messages (client_id, phone_number_id, whatsapp_id, direction, type,"
                " text, sent_at, status, target_id) values (%s, '1', 'w9', 'inbound', 'edit',"
                " 'corregido', now(), 'received', 'w1')",
                [UUID(int=10)],
            )
        assert await found(viewer, "corregido") == [1]


def test_a_question_is_read_in_parts() -> None:
    assert Question.of('uno "dos tres" cua').parts == (
        ("uno", "words"),
        ("dos tres", "phrase"),
        ("cua", "start"),
    )
