"""The simulator: what is done on the phone reaches the webhook and becomes a conversation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nicegui import ElementFilter, ui
from nicegui.testing import User

from services import conversations, unprocessed
from services.actors import Staff
from services.changes import ClientChange
from services.clients import ClientDetail, get_client, list_clients
from services.conversations import TimelineMessage
from services.settings import Settings
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from services.simulator.people import client_of, demo_people, others
from tests.local_webhook import LINE, webhook_running
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import Postgres, deliver

FATIMA = next(person for person in demo_people() if person.key == "fatima")
HAMZA = next(person for person in demo_people() if person.key == "hamza")
MAIN = Path(__file__).parent / "simulated_simulator.py"


@pytest.fixture
async def omar(people: dict[str, Staff]) -> AsyncIterator[User]:
    """Omar's browser, with the webhook at the other end of the line."""
    async with webhook_running(), browser_of(people["caseworker"], MAIN) as user:
        yield user


async def conversation(staff: Staff, sender: Sender, count: int) -> list[TimelineMessage]:
    """The messages of a person, once there are so many."""
    for _ in range(100):
        client_id = await client_of(staff, sender)
        if client_id is not None:
            page = await conversations.timeline(staff, client_id)
            if len(page.messages) >= count:
                return page.messages
        await asyncio.sleep(0.05)
    raise AssertionError(f"there are no {count} messages")


async def only_client(staff: Staff) -> ClientDetail:
    [summary] = (await list_clients(staff)).items
    client = await get_client(staff, summary.id)
    assert client is not None
    return client


def one(user: User, name: str) -> Any:
    """The element of a class."""
    [element] = with_class(user, name)
    return element


def screen(user: User) -> str:
    """The markup of the phone's conversation."""
    return str(one(user, "ac-phone-screen").content)


def verdict(user: User) -> str:
    """What the page says of the last trial."""
    return " ".join(child.content for child in one(user, "ac-sim-verdict"))


def write(user: User, words: str) -> None:
    """Type words and press Enter."""
    user.find(ui.textarea).trigger("keydown.enter", words)


def choose(user: User, message: TimelineMessage) -> None:
    """Press the button of a message on the phone."""
    report(user, one(user, "ac-phone-screen"), "click", str(message.id))


def menu_items(user: User) -> list[ui.menu_item]:
    """What the button beside the field offers."""
    with user:
        return list(ElementFilter(kind=ui.menu_item, local_scope=False))


async def test_what_is_written_on_the_phone_arrives(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Bonjour, j'ai une question")
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    assert (message.direction, message.text) == ("inbound", "Bonjour, j'ai une question")
    await eventually(lambda: "ac-phone-unsettled" not in screen(omar))
    assert "Bonjour, j&#x27;ai une question" in screen(omar)
    await omar.should_see("200 recibida")


async def test_what_arrives_after_the_page_was_opened_is_shown(
    omar: User, caseworker: Staff
) -> None:
    await omar.open("/simulator?person=fatima")
    await eventually(lambda: "Nada todavía" in screen(omar))
    hello = bodies.text(FATIMA.sender, "Bonjour")
    await deliver(bodies.from_sender(DEMO_NUMBER, FATIMA.sender, hello))
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    # Pages are loaded anew for each simulation.
    from ui import live

    await live.dispatch(ClientChange(message.client_id))
    await eventually(lambda: "Bonjour" in screen(omar))


async def test_what_is_typed_fast_arrives_in_order(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    words = [f"Mensaje {n}" for n in range(8)]
    for each in words:
        write(omar, each)
    arrived = await conversation(caseworker, FATIMA.sender, 8)
    assert [message.text for message in arrived] == words


async def test_blanks_alone_are_not_sent(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "  \n ")
    write(omar, "Hola")
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    assert message.text == "Hola"


async def test_before_somebody_is_chosen_nothing_can_be_sent(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator")
    await omar.should_see("¿Quién quieres ser?")
    omar.find("Con una firma falsa").click()
    await eventually(lambda: "Primero elige a alguien" in verdict(omar))
    assert (await list_clients(caseworker)).items == []


async def test_somebody_made_up_becomes_a_client_with_the_first_message(
    omar: User, caseworker: Staff
) -> None:
    await omar.open("/simulator")
    omar.find("Inventar a alguien").click()
    name, number, _ = fields(omar)
    name.value, number.value = "Noor Prueba", "+34 600 00 77 88"
    submit(omar)
    await eventually(lambda: "Nada todavía" in screen(omar))
    assert (await list_clients(caseworker)).items == []
    write(omar, "Hola")
    await conversation(caseworker, Sender(wa_id="34600007788"), 1)
    client = await only_client(caseworker)
    assert (client.summary.name, client.summary.phone) == ("Noor Prueba", "+34600007788")
    link = one(omar, "ac-sim-open")
    await eventually(lambda: link.props.get("href") == f"/clients/{client.summary.id}")
    assert link.visible


async def test_somebody_made_up_can_hide_the_number(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator")
    omar.find("Inventar a alguien").click()
    name, _, username = fields(omar)
    [hides] = omar.find(ui.checkbox).elements
    hides.value = True
    name.value, username.value = "Noor Prueba", "@noor.bcn"
    submit(omar)
    await eventually(lambda: "Nada todavía" in screen(omar))
    write(omar, "Hola")
    await eventually(lambda: "ac-phone-unsettled" not in screen(omar) and "Hola" in screen(omar))
    client = await only_client(caseworker)
    assert (client.summary.phone, client.summary.username) == (None, "noor.bcn")


async def test_the_form_says_at_the_field_what_whatsapp_would_not_have(omar: User) -> None:
    await omar.open("/simulator")
    omar.find("Inventar a alguien").click()
    name, number, _ = fields(omar)
    submit(omar)
    await eventually(lambda: name.error is not None)
    name.value, number.value = "Noor", "600"
    submit(omar)
    await eventually(lambda: number.error is not None)
    assert name.error is None


async def test_each_attachment_arrives_as_what_it_is(omar: User, caseworker: Staff) -> None:
    from ui.components.phone_words import ATTACHMENTS

    await omar.open("/simulator?person=hamza")
    for item in menu_items(omar)[: len(ATTACHMENTS)]:
        report(omar, item, "click")
    arrived = await conversation(caseworker, HAMZA.sender, len(ATTACHMENTS))
    assert sorted(m.type for m in arrived) == sorted(a.type for a in ATTACHMENTS)
    await eventually(lambda: "ac-phone-unsettled" not in screen(omar))


async def test_the_words_in_the_field_become_the_caption(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=hamza")
    [field] = omar.find(ui.textarea).elements
    field.value = "Mi pasaporte"
    report(omar, menu_items(omar)[0], "click")
    [message] = await conversation(caseworker, HAMZA.sender, 1)
    assert (message.type, message.text) == ("image", "Mi pasaporte")
    assert field.value == ""


async def test_an_answer_can_be_quoted_reacted_to_and_read(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Hola")
    await conversation(caseworker, FATIMA.sender, 1)
    await answer(omar, "¿En qué podemos ayudarte?")
    _, theirs = await conversation(caseworker, FATIMA.sender, 2)
    assert theirs.direction == "outbound"
    await eventually(lambda: str(theirs.id) in screen(omar))

    choose(omar, theirs)
    await press(omar, "❤️")
    await eventually(lambda: "ac-phone-reactions" in screen(omar))

    choose(omar, theirs)
    await press(omar, "Leído")
    await eventually(lambda: "leído" in screen(omar))

    choose(omar, theirs)
    await press(omar, "Responder")
    await omar.should_see("Respuesta a:")
    write(omar, "Una cita, por favor")
    *_, reply = await conversation(caseworker, FATIMA.sender, 3)
    assert reply.quote is not None
    assert (reply.text, reply.quote.whatsapp_id) == ("Una cita, por favor", theirs.whatsapp_id)


async def test_an_answer_can_fail_with_a_reason(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Hola")
    await conversation(caseworker, FATIMA.sender, 1)
    await answer(omar, "Buenos días")
    _, theirs = await conversation(caseworker, FATIMA.sender, 2)
    await eventually(lambda: str(theirs.id) in screen(omar))
    choose(omar, theirs)
    await press(omar, "pasadas 24 horas")
    await eventually(lambda: "no entregado" in screen(omar))
    _, theirs = await conversation(caseworker, FATIMA.sender, 2)
    assert theirs.error is not None
    assert (theirs.status, theirs.error.code) == ("failed", 131047)


async def test_an_own_message_can_be_corrected_and_deleted(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Me llamo Fatma")
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    await eventually(lambda: str(message.id) in screen(omar))
    choose(omar, message)
    await press(omar, "Corregir")
    await omar.should_see("Corregir:")
    write(omar, "Me llamo Fatima")
    await eventually(lambda: "Me llamo Fatima" in screen(omar))
    choose(omar, message)
    await press(omar, "Eliminar")
    await eventually(lambda: "Eliminado" in screen(omar))
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    assert (message.edited, message.revoked) == (True, True)


async def test_the_same_delivery_again_doubles_nothing(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Hola")
    await conversation(caseworker, FATIMA.sender, 1)
    omar.find("La última entrega otra vez").click()
    await eventually(lambda: "nada se ha duplicado" in verdict(omar))
    assert len(await conversation(caseworker, FATIMA.sender, 1)) == 1


async def test_twenty_at_once_each_twice_arrive_once_and_in_order(
    omar: User, caseworker: Staff
) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Hola")
    await conversation(caseworker, FATIMA.sender, 1)
    await eventually(lambda: "ac-phone-unsettled" not in screen(omar))
    omar.find("20 a la vez").click()
    await eventually(lambda: "Están los 20 mensajes" in verdict(omar))
    arrived = await conversation(caseworker, FATIMA.sender, 21)
    expected = ["Hola", *(f"Mensaje {n} de 20" for n in range(1, 21))]
    assert [message.text for message in arrived] == expected


async def test_a_broken_message_does_not_take_its_neighbour_along(omar: User, admin: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    omar.find("Uno bueno y uno roto").click()
    await eventually(lambda: "El mensaje bueno ha llegado" in verdict(omar))
    found = await unprocessed.overview(admin)
    assert [item.code for item in found.quarantined] == ["missing_id"]


async def test_a_torn_delivery_is_kept(omar: User, admin: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    for expected in (1, 2):
        omar.find("Cortada por el final").click()
        await eventually(lambda: "Guardada tal como llegó" in verdict(omar))
        for _ in range(100):
            found = await unprocessed.overview(admin)
            if len(found.unreadable) == expected:
                break
            await asyncio.sleep(0.05)
        assert len(found.unreadable) == expected


async def test_what_somebody_else_signed_is_refused(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    omar.find("Con una firma falsa").click()
    await eventually(lambda: "Rechazada, como debe ser" in verdict(omar))
    await omar.should_see("401 rechazada")
    # It cannot be sent again with the right signature by mistake.
    await omar.should_not_see("Enviar otra vez")
    assert (await list_clients(caseworker)).items == []


async def test_what_the_webhook_does_not_take_is_said(
    omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await omar.open("/simulator?person=fatima")
    monkeypatch.setattr(LINE, "app", None)
    write(omar, "¿Hay alguien?")
    await eventually(lambda: "No recibido" in screen(omar))
    assert "El webhook no ha contestado" in verdict(omar)
    await omar.should_see("Sin respuesta")


async def test_what_the_organisation_writes_appears_by_itself(
    omar: User, caseworker: Staff
) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "Hola")
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    await eventually(lambda: str(message.id) in screen(omar))
    echo = bodies.echo(DEMO_NUMBER, FATIMA.sender, bodies.text(FATIMA.sender, "Ya está tu cita"))
    await deliver(bodies.echoes(DEMO_NUMBER, echo))
    from ui import live

    await live.dispatch(ClientChange(message.client_id))
    await eventually(lambda: "Ya está tu cita" in screen(omar))


async def test_who_wrote_before_can_be_played_on(omar: User, caseworker: Staff) -> None:
    stranger = Sender("34600999888", bsuid="ES.1234567890", profile_name="Samira Prueba")
    await deliver(bodies.from_sender(DEMO_NUMBER, stranger, bodies.text(stranger, "Hola")))
    [known] = await others(caseworker)
    await omar.open(f"/simulator?person={known.key}")
    write(omar, "Soy yo otra vez")
    first, second = await conversation(caseworker, stranger, 2)
    assert (first.text, second.text) == ("Hola", "Soy yo otra vez")
    assert len((await list_clients(caseworker)).items) == 1


async def test_words_are_never_markup(omar: User, caseworker: Staff) -> None:
    await omar.open("/simulator?person=fatima")
    write(omar, "<img src=x onerror=alert(1)>")
    [message] = await conversation(caseworker, FATIMA.sender, 1)
    await eventually(lambda: str(message.id) in screen(omar))
    assert "<img" not in screen(omar)
    assert "onerror" in markup(omar)
    assert "<img" not in markup(omar)


async def test_whoever_is_deactivated_cannot_write_any_more(
    omar: User, database: Postgres, caseworker: Staff, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    await omar.open("/simulator?person=fatima")
    with database.connect() as connection:
        connection.execute("update staff set active = false where id = %s", [caseworker.id])
    write(omar, "Hola")
    await eventually(lambda: led_to == ["/login?next=/simulator%3Fperson%3Dfatima"])
    assert (await list_clients(admin)).items == []


async def test_news_do_not_reach_whoever_is_no_longer_signed_in(
    omar: User, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    from ui import live

    # The pages of earlier tests were never closed.
    live.clients_changed.callbacks.clear()
    await omar.open("/simulator")
    with database.connect() as connection:
        connection.execute("update staff_sessions set ended_at = now()")
    stranger = Sender("34600777888", profile_name="Stranger of the other tab")
    await deliver(
        bodies.from_sender(DEMO_NUMBER, stranger, bodies.text(stranger, "¿Me oye alguien?"))
    )
    await live.dispatch_gap()
    # By each part of the page that hears news.
    await eventually(lambda: set(led_to) == {"/login?next=/simulator"})
    assert "Stranger of the other tab" not in markup(omar)


async def test_in_real_mode_there_is_no_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import simulator

    pages: list[str] = []
    monkeypatch.setattr("ui.simulator.ui.page", pages.append)
    simulator.register(Settings.model_construct(app_mode="real"))
    assert pages == []


def fields(user: User) -> list[ui.input]:
    """The form's name, number and username."""
    form = one(user, "ac-dialog-form")
    return [element for element in form.descendants() if isinstance(element, ui.input)]


def submit(user: User) -> None:
    report(user, one(user, "ac-dialog-form"), "submit.prevent")


async def answer(user: User, words: str) -> None:
    """Let the organisation answer from its own phone."""
    form = one(user, "ac-sim-answer")
    [field] = [e for e in form.descendants() if isinstance(e, ui.input)]
    field.value = words
    report(user, form, "submit.prevent")


async def press(user: User, words: str) -> None:
    """Press the one chip that says these words."""

    def found() -> list[Any]:
        return [e for e in with_class(user, "ac-chip") if f">{words}<" in e.content]

    await eventually(lambda: len(found()) == 1)
    report(user, found()[0], "click")
