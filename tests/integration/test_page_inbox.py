"""The inbox on a page: it answers questions, keeps itself true, and lets go in time."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from nicegui import Client, ElementFilter
from nicegui.testing import User

from services import assignments, clients, inbox, labels, triage
from services.actors import Staff
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import Postgres, deliver

MAIN = Path(__file__).parent / "simulated_main.py"
AMINA = Sender("34600111222", profile_name="Amina Haddad")
YUSUF = Sender("34600333444", profile_name="Yusuf Demir")
PLANTED = Sender("34600555666", profile_name="<img src=x onerror=alert(1)>")


@pytest.fixture
async def omar(caseworker: Staff) -> AsyncIterator[User]:
    async with browser_of(caseworker, MAIN) as user:
        from ui import live

        # Pages of earlier tests, whose simulated browsers never closed them, hear nothing.
        live.clients_changed.callbacks.clear()
        yield user


async def writes(sender: Sender, words: str = "Hola", *, minutes: float = 5) -> UUID:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    message = bodies.text(sender, words, at=at)
    await deliver(bodies.from_sender(DEMO_NUMBER, sender, message))
    return await _client(sender)


async def _client(sender: Sender) -> UUID:
    from tests.support import SYSTEM

    [found] = (await clients.list_clients(SYSTEM, search=sender.wa_id or "")).items
    return found.id


def the_list(user: User) -> Any:
    with user:
        [found] = [e for e in ElementFilter(local_scope=False) if type(e).__name__ == "InboxList"]
    return found


def opened_with(user: User) -> list[str]:
    """Names in the markup that the page opened with."""
    found = re.findall(r'class="ac-inbox-name"[^>]*>([^<]*)<', the_list(user)._props["initial"])
    return [str(name) for name in found]


def told(user: User) -> list[tuple[str, tuple[Any, ...]]]:
    """What the list has been told since `listen`."""
    return list(the_list(user).told)


def listen(user: User) -> None:
    element = the_list(user)
    element.told = []
    element.run_method = lambda name, *args: element.told.append((name, args))


async def tell(*ids: UUID) -> None:
    from services.changes import ClientChange
    from ui import live

    for id in ids:
        await live.dispatch(ClientChange(id))


async def test_shows_who_waits_longest_first(omar: User) -> None:
    await writes(AMINA, minutes=5)
    await writes(YUSUF, minutes=50)
    await omar.open("/")
    assert opened_with(omar) == ["Yusuf Demir", "Amina Haddad"]
    assert "Nos esperan" in markup(omar)


async def test_names_are_words_and_no_markup(omar: User) -> None:
    await writes(PLANTED, "<script>alert(1)</script>")
    await omar.open("/?search=<script>")
    await omar.open("/")
    initial = the_list(omar)._props["initial"]
    assert "<img src=x" not in initial
    assert "<script" not in initial


async def test_a_message_comes_into_the_list_by_itself(omar: User) -> None:
    await omar.open("/")
    assert "Nadie está esperando" in markup(omar)
    listen(omar)
    client = await writes(AMINA)
    await tell(client)
    await eventually(lambda: bool(told(omar)))
    [(method, (html, gone, said))] = told(omar)
    assert method == "change"
    assert "Amina Haddad" in html
    assert (gone, said) == ([], "La lista ha cambiado.")
    await eventually(lambda: "Nadie está esperando" not in markup(omar))


async def test_what_leaves_the_view_leaves_the_list(omar: User, caseworker: Staff) -> None:
    client = await writes(AMINA)
    await omar.open("/")
    listen(omar)
    await triage.archive(caseworker, client)
    await tell(client)
    await eventually(lambda: ("change", ("", [str(client)], "")) in told(omar))
    await eventually(lambda: "Nadie está esperando" in markup(omar))


async def test_the_same_news_twice_is_told_once(omar: User) -> None:
    client = await writes(AMINA)
    await omar.open("/")
    listen(omar)
    await tell(client)
    await tell(client)
    other = await writes(YUSUF)
    await tell(other)
    await eventually(lambda: bool(told(omar)))
    assert [args[0].count("<li") for _, args in told(omar)] == [1]


async def test_opens_a_conversation_beside_the_list(omar: User, caseworker: Staff) -> None:
    client = await writes(AMINA, "¿Hay alguien?")
    await assignments.assign(caseworker, client, None)
    await omar.open("/")
    assert "Elige una conversación" in markup(omar)
    report(omar, the_list(omar), "open", str(client))
    await eventually(lambda: bool(with_class(omar, "ac-client")))
    assert "Sin asignar" in markup(omar)
    report(omar, the_list(omar), "open", "no id")
    report(omar, the_list(omar), "open", str(client))
    assert len(with_class(omar, "ac-client")) == 1


async def test_a_slow_answer_finds_an_outline_in_its_place(
    omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await writes(AMINA)
    read, may_answer = inbox.read_inbox, asyncio.Event()

    async def slow(*args: Any, **named: Any) -> inbox.InboxPage:
        await may_answer.wait()
        return await read(*args, **named)

    monkeypatch.setattr(inbox, "read_inbox", slow)
    await omar.open(f"/?view=all&client={client}")
    assert "Cargando conversaciones" in markup(omar)
    may_answer.set()
    await eventually(lambda: bool(with_class(omar, "ac-client")))
    assert opened_with(omar) == ["Amina Haddad"]
    assert "Cargando conversaciones" not in markup(omar)


async def test_a_page_that_was_left_before_its_answer_is_left_alone(
    omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer = asyncio.Event()
    read = inbox.count_views

    async def slow(*args: Any) -> inbox.Counts:
        await may_answer.wait()
        return await read(*args)

    monkeypatch.setattr(inbox, "count_views", slow)
    await omar.open("/")
    [page] = [c for c in Client.instances.values() if c.has_socket_connection]
    page.delete()
    may_answer.set()
    await eventually(lambda: not any("first answer" in t.get_name() for t in asyncio.all_tasks()))
    assert not [e for e in page.elements.values() if type(e).__name__ == "InboxList"]


async def test_the_address_opens_it_too(omar: User) -> None:
    client = await writes(AMINA)
    await omar.open(f"/?view=all&client={client}")
    assert len(with_class(omar, "ac-client")) == 1
    await omar.open("/?client=00000000-0000-0000-0000-000000000000&view=x&label=x&assignee=x")
    assert not with_class(omar, "ac-client")


async def test_a_view_and_a_label_narrow_it(omar: User, caseworker: Staff) -> None:
    client = await writes(AMINA)
    await writes(YUSUF)
    label = await labels.create_label(caseworker, name="Cita", colour="blue")
    await labels.put_label(caseworker, client, label.id)
    await assignments.assign(caseworker, client, caseworker.id)
    await omar.open(f"/?label={label.id}")
    assert opened_with(omar) == ["Amina Haddad"]
    await omar.open("/?view=mine")
    assert opened_with(omar) == ["Amina Haddad"]
    await omar.open("/?view=unassigned")
    assert opened_with(omar) == ["Yusuf Demir"]
    await omar.open("/?search=yusuf")
    assert opened_with(omar) == ["Yusuf Demir"]


async def test_a_viewer_looks_and_changes_nothing(viewer: Staff, database: Postgres) -> None:
    client = await writes(AMINA)
    async with browser_of(viewer, MAIN) as pau:
        await pau.open(f"/?client={client}")
        assert opened_with(pau) == ["Amina Haddad"]
        assert not with_class(pau, "ac-desk-presses")
        assert "Sin asignar" in markup(pau)
