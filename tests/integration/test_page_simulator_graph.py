"""The other direction on the simulator's page: what the organisation sent, seen and pressed."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from nicegui.testing import User

from api import simulated_graph
from services.actors import Staff
from services.changes import ClientChange
from services.events import Json
from services.simulator import bodies, graph
from services.simulator.bodies import DEMO_NUMBER
from services.simulator.graph import SimulatedGraph
from services.simulator.people import demo_people
from tests.integration.test_page_simulator import conversation, one, screen
from tests.local_webhook import webhook_running
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import Postgres, deliver

FATIMA = next(person for person in demo_people() if person.key == "fatima").sender
MAIN = Path(__file__).parent / "simulated_simulator.py"

Send = Callable[[str, Json], Awaitable[str]]
News = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
async def omar(people: dict[str, Staff]) -> AsyncIterator[User]:
    """Omar's browser with Fatima's phone, which has written just now."""
    async with webhook_running(), browser_of(people["caseworker"], MAIN) as user:
        from ui import live, simulator

        # The pages of earlier tests were never closed.
        live.clients_changed.callbacks.clear()
        simulator.graph_changed.callbacks.clear()
        hello = bodies.text(FATIMA, "Bonjour", at=datetime.now(UTC) - timedelta(minutes=10))
        await deliver(bodies.from_sender(DEMO_NUMBER, FATIMA, hello))
        await user.open("/simulator?person=fatima")
        await eventually(lambda: "Bonjour" in screen(user))
        yield user
        graph.use(None)


def meta() -> SimulatedGraph:
    """The WhatsApp of this process."""
    current = graph.current()
    assert current is not None
    return current


@pytest.fixture
def send(database: Postgres, caseworker: Staff, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Send a message as the app does: stored first, then handed to WhatsApp. Its WhatsApp id."""

    async def sending(kind: str, content: Json) -> str:
        from ui import live

        client_id = (await conversation(caseworker, FATIMA, 1))[0].client_id
        wamid = bodies.new_wamid(FATIMA.user, outgoing=True)
        store(database, client_id, wamid, kind, content)
        monkeypatch.setattr("services.simulator.graph.new_wamid", lambda *_, **__: wamid)
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": f"+{FATIMA.wa_id}",
            "type": kind,
            kind: content,
            "biz_opaque_callback_data": str(uuid4()),
        }
        faults = meta().faults.take("messages")
        await meta().send(DEMO_NUMBER.phone_number_id, body, faults)
        await meta().phones.settle()
        await live.dispatch(ClientChange(client_id))
        return wamid

    return sending


def store(database: Postgres, client_id: UUID, wamid: str, kind: str, content: Json) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into messages (client_id, phone_number_id, whatsapp_id, direction, type,"
            " payload, sent_at, status) values (%s, %s, %s, 'outbound', %s, %s,"
            " now() - interval '2 seconds', 'accepted')",
            [client_id, DEMO_NUMBER.phone_number_id, wamid, kind, json.dumps({kind: content})],
        )


@pytest.fixture
def news(caseworker: Staff) -> News:
    """Tell the page that something changed, as the database does, until something is so."""

    async def telling(holds: Callable[[], bool]) -> None:
        from ui import live

        client_id = (await conversation(caseworker, FATIMA, 1))[0].client_id
        for _ in range(100):
            await live.dispatch(ClientChange(client_id))
            await asyncio.sleep(0.2)
            if holds():
                return
        assert holds()

    return telling


def press_on_screen(user: User, place: int, found: str) -> None:
    """Press a button of the message whose markup names it."""
    before = screen(user).split(found)[0]
    named = before.rsplit('data-press="', 1)[1].split("/")[0]
    report(user, one(user, "ac-phone-screen"), "click", f"{named}/{place}")


def chip(user: User, words: str) -> Any:
    [found] = [e for e in with_class(user, "ac-chip") if f">{words}<" in e.content]
    return found


TEMPLATE: Json = {
    "name": "documentos_pendientes",
    "language": {"code": "fr"},
    "components": [
        {
            "type": "body",
            "parameters": [
                {"type": "text", "text": words}
                for words in ("Fatima", "arraigo", "le passeport", "15/12")
            ],
        }
    ],
}
BUTTONS: Json = {
    "type": "button",
    "body": {"text": "Vous venez ?"},
    "action": {"buttons": [{"type": "reply", "reply": {"id": "oui", "title": "Oui"}}]},
}
LIST: Json = {
    "type": "list",
    "body": {"text": "Quand ?"},
    "action": {
        "button": "Horaires",
        "sections": [{"rows": [{"id": "r1", "title": "10:30"}, {"id": "r2", "title": "12:00"}]}],
    },
}


async def test_a_template_can_be_read_and_answered(
    omar: User, caseworker: Staff, send: Send
) -> None:
    wamid = await send("template", TEMPLATE)
    await eventually(lambda: "Pour déposer votre demande de arraigo" in screen(omar))
    press_on_screen(omar, 0, "Je l’envoie")
    *_, answer = await conversation(caseworker, FATIMA, 3)
    assert (answer.type, answer.text) == ("button", "Je l’envoie")
    assert answer.payload["button"] == {"payload": "Je l’envoie", "text": "Je l’envoie"}
    assert answer.quote is not None
    assert answer.quote.whatsapp_id == wamid
    await eventually(lambda: "ac-phone-unsettled" not in screen(omar))


async def test_buttons_and_rows_send_their_ids(omar: User, caseworker: Staff, send: Send) -> None:
    await send("interactive", BUTTONS)
    await eventually(lambda: "Oui" in screen(omar))
    press_on_screen(omar, 0, "Oui")
    *_, answer = await conversation(caseworker, FATIMA, 3)
    assert answer.payload["interactive"]["button_reply"] == {"id": "oui", "title": "Oui"}
    await send("interactive", LIST)
    await eventually(lambda: "Horaires" in screen(omar))
    press_on_screen(omar, 1, "12:00")
    *_, answer = await conversation(caseworker, FATIMA, 5)
    assert answer.payload["interactive"]["list_reply"] == {"id": "r2", "title": "12:00"}


@pytest.mark.parametrize("place", ["7", "-1", "٠"])
async def test_a_press_on_nothing_sends_nothing(
    omar: User, caseworker: Staff, send: Send, place: str
) -> None:
    await send("interactive", BUTTONS)
    await eventually(lambda: "Oui" in screen(omar))
    _, message = await conversation(caseworker, FATIMA, 2)
    report(omar, one(omar, "ac-phone-screen"), "click", f"{message.id}/{place}")
    await send("interactive", LIST)
    await eventually(lambda: "Horaires" in screen(omar))
    assert len(await conversation(caseworker, FATIMA, 3)) == 3


async def test_an_open_chat_reads_and_a_pocket_does_not(
    omar: User, caseworker: Staff, send: Send, news: News
) -> None:
    await send("text", {"body": "Un"})
    await news(lambda: "leído" in screen(omar))
    report(omar, chip(omar, "En el bolsillo"), "click")
    await eventually(lambda: chip(omar, "En el bolsillo").props.get("aria-pressed") == "true")
    await send("text", {"body": "Deux"})
    await news(lambda: "entregado" in screen(omar))
    first, second = (await conversation(caseworker, FATIMA, 3))[1:]
    assert (first.status, second.status) == ("read", "delivered")
    report(omar, chip(omar, "Chat abierto"), "click")
    await news(lambda: "entregado" not in screen(omar))


async def test_a_phone_that_is_off_gets_it_later(
    omar: User, caseworker: Staff, send: Send, news: News
) -> None:
    report(omar, chip(omar, "Apagado"), "click")
    await eventually(lambda: chip(omar, "Apagado").props.get("aria-pressed") == "true")
    wamid = await send("interactive", BUTTONS)
    await news(lambda: "1 mensaje espera" in screen(omar))
    assert "Vous venez" not in screen(omar)
    assert "Bonjour" in screen(omar)
    report(omar, chip(omar, "En el bolsillo"), "click")
    await news(lambda: "Vous venez" in screen(omar) and "espera" not in screen(omar))
    assert meta().phones.waiting(FATIMA.user) == []
    assert (await conversation(caseworker, FATIMA, 2))[1].whatsapp_id == wamid


async def test_a_fault_is_switched_on_used_up_and_switched_off(omar: User, send: Send) -> None:
    report(omar, chip(omar, "Aceptado y se corta"), "click")
    await eventually(lambda: meta().faults.active == {"cut": 1})
    assert chip(omar, "Aceptado y se corta").props["aria-pressed"] == "true"
    meta().faults.take("messages")
    await send("text", {"body": "Bien"})
    await eventually(lambda: chip(omar, "Aceptado y se corta").props["aria-pressed"] == "false")
    report(omar, chip(omar, "Cuenta bloqueada"), "click")
    await eventually(lambda: "locked" in meta().faults.active)
    report(omar, chip(omar, "Cuenta bloqueada"), "click")
    await eventually(lambda: meta().faults.active == {})


async def test_a_template_that_is_held_back_can_be_sent_on(omar: User, send: Send) -> None:
    report(omar, chip(omar, "Plantilla retenida para revisarla"), "click")
    await eventually(lambda: "held" in meta().faults.active)
    template = {"name": "hello_world", "language": {"code": "en_US"}}
    wamid = await send("template", template)
    assert [message.wamid for message in meta().held] == [wamid]
    await eventually(lambda: "WhatsApp retiene 1 mensaje." in markup(omar))
    assert "Welcome and congratulations" not in screen(omar)
    report(omar, chip(omar, "Dejar salir"), "click")
    await eventually(lambda: "Welcome and congratulations" in screen(omar))
    assert meta().held == []
    await meta().phones.settle()
    told = [json.loads(body) for body in meta().phones.deliveries]
    words = [d["entry"][0]["changes"][0]["value"]["statuses"][0]["status"] for d in told]
    assert words == ["sent", "read"]  # the chat is open on the page


async def test_every_switch_is_a_fault_that_there_is() -> None:
    from services.simulator.graph_faults import FAULTS
    from ui.components import phone_faults

    offered = [name for _, faults in phone_faults._GROUPS for name, *_ in faults]
    assert len(set(offered)) == len(offered)
    assert set(offered) <= set(FAULTS)


async def test_the_person_sees_that_they_are_read_and_answered(
    omar: User, caseworker: Staff
) -> None:
    [message] = await conversation(caseworker, FATIMA, 1)
    assert "Leído por la entidad" not in screen(omar)
    mark = {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": message.whatsapp_id,
        "typing_indicator": {"type": "text"},
    }
    await meta().send(DEMO_NUMBER.phone_number_id, mark)
    await eventually(lambda: "Leído por la entidad" in screen(omar))
    assert "La entidad está escribiendo" in screen(omar)


async def test_pictures_are_shown_where_whatsapp_has_them(omar: User, send: Send) -> None:
    medium = meta().media.add("image/png", b"\x89PNG invented")
    await send("image", {"id": medium.id, "caption": "Le plan"})
    await eventually(lambda: f'src="/simulator/media/{medium.id}"' in screen(omar))
    meta().media.forget(medium.id)
    await send("text", {"body": "Voilà"})
    await eventually(lambda: "/simulator/media/" not in screen(omar))


async def test_pictures_are_for_whoever_is_signed_in() -> None:
    simulated = SimulatedGraph()
    medium = simulated.media.add("image/png", b"\x89PNG invented")

    async def allowed(request: Request) -> bool:
        return request.cookies.get("session") == "omar"

    app = FastAPI()
    app.include_router(simulated_graph.media_router(simulated, allowed=allowed))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        path = f"/simulator/media/{medium.id}"
        assert (await client.get(path)).status_code == 401
        client.cookies.set("session", "omar")
        found = await client.get(path)
        assert (found.content, found.headers["content-type"]) == (medium.content, "image/png")
        assert (await client.get("/simulator/media/7")).status_code == 404
