"""What is begun and not sent: kept for its writer, wherever they sign in, and for nobody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from services import clients, conversations
from services.actors import Staff
from services.clients import ClientSummary
from services.drafts import (
    MAX_CHARACTERS,
    clients_with_drafts,
    drafts_of,
    save_draft,
)
from services.errors import Invalid, NotFound
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina Haddad")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture
async def amina(caseworker: Staff) -> ClientSummary:
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola", at=NOW)))
    [client] = (await clients.list_clients(caseworker)).items
    return client


@pytest.fixture
async def news(database: Postgres) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection that hears what is announced."""
    url = database.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("listen acogida")
        yield connection


async def heard(connection: psycopg.AsyncConnection) -> int:
    return len([note async for note in connection.notifies(timeout=0.2)])


async def test_it_is_there_again_until_nothing_is_left_of_it(
    caseworker: Staff, amina: ClientSummary
) -> None:
    [message] = (await conversations.timeline(caseworker, amina.id)).messages
    await save_draft(caseworker, amina.id, "answer", "Hola Ami", quoting=message.id)
    await save_draft(caseworker, amina.id, "answer", "Hola Amina,\n", quoting=message.id)
    await save_draft(caseworker, amina.id, "note", "Llamar mañana")
    found = await drafts_of(caseworker, amina.id)
    assert {kind: (d.text, d.quoting) for kind, d in found.items()} == {
        "answer": ("Hola Amina,\n", message.id),
        "note": ("Llamar mañana", None),
    }
    assert await clients_with_drafts(caseworker, [amina.id, uuid4()]) == {amina.id}
    await save_draft(caseworker, amina.id, "answer", " \n")
    await save_draft(caseworker, amina.id, "note", "")
    assert await drafts_of(caseworker, amina.id) == {}
    assert await clients_with_drafts(caseworker, [amina.id]) == frozenset()
    assert await clients_with_drafts(caseworker, []) == frozenset()


async def test_it_is_nobody_elses(caseworker: Staff, admin: Staff, amina: ClientSummary) -> None:
    await save_draft(caseworker, amina.id, "answer", "Hola")
    await save_draft(admin, amina.id, "answer", "Buenos días")
    assert (await drafts_of(caseworker, amina.id))["answer"].text == "Hola"
    assert (await drafts_of(admin, amina.id))["answer"].text == "Buenos días"


async def test_lists_hear_that_one_begins_and_ends_and_nothing_between(
    caseworker: Staff, amina: ClientSummary, news: psycopg.AsyncConnection
) -> None:
    await save_draft(caseworker, amina.id, "answer", "H")
    assert await heard(news) == 1
    await save_draft(caseworker, amina.id, "answer", "Hola")
    assert await heard(news) == 0
    await save_draft(caseworker, amina.id, "answer", "")
    assert await heard(news) == 1
    await save_draft(caseworker, amina.id, "answer", "")
    assert await heard(news) == 0


async def test_what_cannot_be_kept_is_refused(caseworker: Staff, amina: ClientSummary) -> None:
    with pytest.raises(Invalid) as refused:
        await save_draft(caseworker, amina.id, "letter", "Hola")
    assert refused.value.fields == {"kind": "unknown"}
    with pytest.raises(Invalid) as refused:
        await save_draft(caseworker, amina.id, "answer", "x" * (MAX_CHARACTERS + 1))
    assert refused.value.fields == {"text": "too_long"}
    with pytest.raises(NotFound):
        await save_draft(caseworker, uuid4(), "answer", "Hola")
    await save_draft(caseworker, amina.id, "answer", "a\0b", quoting=uuid4())
    [kept] = (await drafts_of(caseworker, amina.id)).values()
    assert (kept.text, kept.quoting) == ("a\ufffdb", None)
