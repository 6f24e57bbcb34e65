"""Unprocessed deliveries on a page: why, since when, try again, close."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nicegui import ElementFilter, ui
from nicegui.testing import User

from services import deliveries, unprocessed
from services.actors import Staff
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from services.worker import Worker
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import SYSTEM, Postgres, deliver
from webhook import payloads

MAIN = Path(__file__).parent / "simulated_main.py"
PATH = "/settings/deliveries"
PLANTED = Sender("34600111222", profile_name="<img src=x onerror=alert(1)>\u202egpj.exe")


@pytest.fixture
async def lucia(admin: Staff) -> AsyncIterator[User]:
    """Lucía's browser, with the worker that processes deliveries running."""
    worker = Worker("deliveries", lambda: deliveries.process(SYSTEM, payloads.read))
    task = asyncio.create_task(worker.run())
    async with browser_of(admin, MAIN) as user:
        yield user
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def quarantine(sender: Sender = PLANTED) -> None:
    """Deliver a message without an id."""
    message = bodies.text(sender, "¿Me oye alguien?")
    del message["id"]
    await deliver(bodies.from_sender(DEMO_NUMBER, sender, message))


def cards(user: User) -> list[Any]:
    return with_class(user, "ac-delivery")


def words(element: ui.element) -> str:
    """All markup that is visible below an element."""
    below = [e for e in element.descendants(include_self=True) if isinstance(e, ui.html)]
    return " ".join(e.content for e in below if e.visible)


def press(user: User, place: ui.element, label: str) -> None:
    """Press the one button below an element that says this."""
    [found] = [
        e
        for e in place.descendants()
        if isinstance(e, ui.html) and e.props.get("type") == "button" and label in e.content
    ]
    report(user, found, "click")


def unfold(user: User, place: ui.element) -> None:
    """Unfold everything below an element."""
    for element in list(place.descendants()):
        if element.tag == "details":
            report(user, element, "toggle")


async def test_when_all_is_well_the_page_says_so(lucia: User) -> None:
    await deliver(
        bodies.from_sender(DEMO_NUMBER, PLANTED, bodies.text(PLANTED, "Todo bien, gracias"))
    )
    await lucia.open(PATH)
    await lucia.should_see("Todo en orden")
    assert cards(lucia) == []


async def test_an_item_says_why_in_plain_words_and_what_to_do(lucia: User) -> None:
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    assert "Sin identificador" in words(card)
    assert "si alguien espera respuesta, escríbele" in words(card)
    await lucia.should_not_see("Todo en orden")


async def test_nobody_sees_the_data_before_asking_for_it(lucia: User) -> None:
    await quarantine()
    page = await lucia.http_client.get(PATH)
    assert "oye alguien" not in page.text
    await lucia.open(PATH)
    [card] = cards(lucia)
    assert "oye alguien" not in words(card)
    unfold(lucia, card)
    await eventually(lambda: "¿Me oye alguien?" in words(card))
    assert "messages[0].id is missing or empty" in words(card)


async def test_the_data_is_neither_markup_nor_turned_around(lucia: User) -> None:
    await quarantine(PLANTED)
    await lucia.open(PATH)
    [card] = cards(lucia)
    unfold(lucia, card)
    await eventually(lambda: "onerror" in words(card))
    assert "<img" not in words(card)
    assert "\u202e" not in words(card)
    assert "\\u202egpj.exe" in words(card)


async def test_what_still_fails_after_another_try_says_so(lucia: User, admin: Staff) -> None:
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    press(lucia, card, "Volver a intentarlo")
    await eventually(lambda: "sigue sin poder procesarse" in words(card))
    await eventually(lambda: "reintentado una vez" in words(card))
    [item] = (await unprocessed.overview(admin)).quarantined
    assert item.attempts == 1
    press(lucia, card, "Volver a intentarlo")
    await eventually(lambda: "reintentado 2 veces" in words(card))


async def test_what_works_at_another_try_says_so_and_stays_in_sight(
    lucia: User, admin: Staff, database: Postgres
) -> None:
    await quarantine()
    await mend(database)
    await lucia.open(PATH)
    [card] = cards(lucia)
    press(lucia, card, "Volver a intentarlo")
    await eventually(lambda: "Su contenido ya está en su sitio" in words(card))
    assert (await unprocessed.overview(admin)).quarantined == []
    assert cards(lucia) == [card]
    await lucia.should_see("Todo en orden")


async def test_all_items_of_a_delivery_are_tried_together(lucia: User, database: Postgres) -> None:
    messages = [bodies.text(PLANTED, "Uno"), bodies.text(PLANTED, "Dos")]
    for message in messages:
        del message["id"]
    await deliver(bodies.from_sender(DEMO_NUMBER, PLANTED, *messages))
    await lucia.open(PATH)
    first, second = cards(lucia)
    press(lucia, first, "Volver a intentarlo")
    await eventually(lambda: "sigue sin poder procesarse" in words(first))
    assert "sigue sin poder procesarse" in words(second)


async def test_a_delivery_that_is_no_longer_kept_cannot_be_tried_again(
    lucia: User, database: Postgres
) -> None:
    await quarantine()
    await lucia.open(PATH)
    with database.connect() as connection:
        connection.execute("delete from webhook_deliveries")
    [card] = cards(lucia)
    press(lucia, card, "Volver a intentarlo")
    await eventually(lambda: "ya no se conserva" in words(card))


async def test_an_item_is_closed_after_a_question(
    lucia: User, admin: Staff, database: Postgres
) -> None:
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    press(lucia, card, "Cerrar")
    await eventually(lambda: "¿Cerrarlo del todo?" in words(card))
    press(lucia, card, "Dejarlo")
    await eventually(lambda: "¿Cerrarlo del todo?" not in words(card))
    assert len((await unprocessed.overview(admin)).quarantined) == 1
    press(lucia, card, "Cerrar")
    await eventually(lambda: "Sí, cerrarlo" in words(card))
    press(lucia, card, "Sí, cerrarlo")
    await eventually(lambda: "Cerrado." in words(card))
    assert (await unprocessed.overview(admin)).quarantined == []
    with database.connect() as connection:
        [row] = connection.execute("select state, closed_by from webhook_items").fetchall()
    assert row == ("closed", admin.id)


async def test_what_a_colleague_closed_meanwhile_is_said(lucia: User, admin: Staff) -> None:
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    press(lucia, card, "Cerrar")
    await eventually(lambda: "Sí, cerrarlo" in words(card))
    [item] = (await unprocessed.overview(admin)).quarantined
    assert await unprocessed.close_item(admin, item.id)
    press(lucia, card, "Sí, cerrarlo")
    await eventually(lambda: "otra persona se ha ocupado" in words(card))


async def test_an_unreadable_delivery_shows_its_size_and_how_it_begins(lucia: User) -> None:
    await deliver(b'{"object": "<b>whatsapp\xff\x00')
    await lucia.open(PATH)
    [card] = cards(lucia)
    assert "25 bytes" in words(card)
    assert "Las letras están estropeadas" in words(card)
    unfold(lucia, card)
    await eventually(lambda: "&lt;b&gt;whatsapp\\xff\\x00" in words(card))
    press(lucia, card, "Volver a intentarlo")
    await eventually(lambda: "sigue sin poder procesarse" in words(card))


async def test_notices_and_refusals_are_there_on_demand(lucia: User) -> None:
    await deliver(bodies.notice(DEMO_NUMBER, "account_update", {"event": "VERIFIED_ACCOUNT"}))
    await deliveries.count_refusals(SYSTEM, {"bad_signature": 1234, "no_signature": 3})
    await lucia.open(PATH)
    assert "VERIFIED_ACCOUNT" not in markup(lucia)
    await lucia.should_see("1.237")
    with lucia:
        [record] = [e for e in ElementFilter(kind=ui.element, local_scope=False) if _is_record(e)]
    unfold(lucia, record)
    await eventually(lambda: "VERIFIED_ACCOUNT" in markup(lucia))
    assert "Aviso sobre la cuenta de la entidad" in markup(lucia)
    assert "Con una firma incorrecta" in markup(lucia)
    assert "1.234" in markup(lucia)


async def test_news_do_not_disturb_what_is_unfolded(lucia: User) -> None:
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    unfold(lucia, card)
    await eventually(lambda: "¿Me oye alguien?" in words(card))
    await quarantine(Sender("34600333444", profile_name="Yusuf"))
    lucia.find("Volver a mirar").click()
    await eventually(lambda: len(cards(lucia)) == 2)
    newer, older = in_order(lucia)
    assert older is card
    assert "¿Me oye alguien?" in words(card)
    assert "¿Me oye alguien?" not in words(newer)


async def test_whoever_is_no_admin_is_told_politely(caseworker: Staff) -> None:
    await quarantine()
    async with browser_of(caseworker, MAIN) as omar:
        answer = await omar.http_client.get(PATH)
        assert answer.status_code == 403
        assert "No tienes permiso" in answer.text
        assert "Sin identificador" not in answer.text


async def test_whoever_is_deactivated_can_close_nothing(
    lucia: User, admin: Staff, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    with database.connect() as connection:
        connection.execute("update staff set active = false where id = %s", [admin.id])
    press(lucia, card, "Volver a intentarlo")
    await eventually(lambda: len(led_to) == 1)
    with database.connect() as connection:
        [row] = connection.execute("select state, attempts from webhook_items").fetchall()
    assert row == ("quarantined", 0)


DEMOTION = "update staff set role = 'caseworker' where id = %s"


@pytest.mark.parametrize("action", ["look again", "try again", "close", "wait"])
async def test_whoever_is_no_longer_admin_is_not_told_that_all_is_well(
    lucia: User,
    admin: Staff,
    database: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
) -> None:
    reloads: list[bool] = []
    monkeypatch.setattr(ui.navigate, "reload", lambda: reloads.append(True))
    await quarantine()
    await lucia.open(PATH)
    [card] = cards(lucia)
    if action == "close":
        press(lucia, card, "Cerrar")
        await eventually(lambda: "Sí, cerrar" in words(card))
    with database.connect() as connection:
        connection.execute(DEMOTION, [admin.id])
    match action:
        case "look again":
            [head] = with_class(lucia, "ac-head")
            press(lucia, head, "Volver a mirar")
        case "try again":
            press(lucia, card, "Volver a intentarlo")
        case "close":
            press(lucia, card, "Sí, cerrar")
        case "wait":
            with lucia:
                [timer] = ElementFilter(kind=ui.timer, local_scope=False)
                assert timer.callback is not None
                await timer.callback()
    await eventually(lambda: reloads == [True])
    assert "Sin identificador" in words(card)
    assert "Otra persona" not in words(card)
    await lucia.should_not_see("Todo en orden")


async def test_to_leave_the_page_open_is_no_sign_of_life(
    lucia: User, admin: Staff, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    await quarantine()
    await lucia.open(PATH)
    with lucia:
        [timer] = ElementFilter(kind=ui.timer, local_scope=False)
    assert timer.callback is not None
    with database.connect() as connection:
        connection.execute("update staff_sessions set last_seen_at = now() - interval '100 min'")
        with lucia:
            await timer.callback()
        row = connection.execute(
            "select bool_and(now() - last_seen_at > interval '99 min') from staff_sessions"
        ).fetchone()
        assert row == (True,)
        assert led_to == []
        connection.execute("update staff_sessions set last_seen_at = now() - interval '121 min'")
    with lucia:
        await timer.callback()
    assert led_to == [f"/login?next={PATH}"]


async def mend(database: Postgres) -> None:
    """Let what could not be read be readable, as after an update of the program."""
    good = bodies.encode(
        bodies.from_sender(DEMO_NUMBER, PLANTED, bodies.text(PLANTED, "¿Me oye alguien?"))
    )
    with database.connect() as connection:
        connection.execute("update webhook_deliveries set body = %s", [good])


def in_order(user: User) -> list[Any]:
    """The cards as they stand on the page."""
    [place] = {card.parent_slot.parent for card in cards(user) if card.parent_slot}
    return [child for child in place if "ac-delivery" in child.classes]


def _is_record(element: ui.element) -> bool:
    return element.tag == "section" and any(child.tag == "details" for child in element)
