"""A client opened where a page wants it: it listens while it is open, and not a moment longer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from nicegui import context, ui
from nicegui.testing import User

from services import clients
from services.actors import Staff
from services.changes import ClientChange
from services.clients import ClientSummary, list_clients
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import deliver

MAIN = Path(__file__).parent / "simulated_main.py"
PEOPLE = (
    Sender("34600111222", profile_name="Amina Haddad"),
    Sender("34600333444", profile_name="Yusuf Demir"),
)
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture
async def omar(caseworker: Staff) -> AsyncIterator[User]:
    async with browser_of(caseworker, MAIN) as user:
        yield user


async def two_clients(staff: Staff) -> list[ClientSummary]:
    for sender in PEOPLE:
        await deliver(bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, "Hola", at=NOW)))
    return (await list_clients(staff)).items


async def test_one_after_the_other_in_the_same_place(omar: User, caseworker: Staff) -> None:
    from ui import live
    from ui.components.open_client import OpenClient, open_client, prepare_page
    from ui.layout import frame

    first, second = await two_clients(caseworker)
    panes: list[ui.element] = []
    opened: list[OpenClient | None] = []

    @ui.page("/desk")
    async def desk() -> None:
        prepare_page()
        with frame("Desk", heading=False):
            panes.append(ui.element("div"))
            with panes[0]:
                opened.append(await open_client(first.id, back="/desk"))

    #: Pages of earlier tests, whose simulated browsers never closed them.
    others = set(live._topics)
    await omar.open("/desk")
    page = opened[0]
    assert page is not None
    [shown] = with_class(omar, "ac-client")
    with omar:
        handlers = len(context.client.delete_handlers)
        elements = len(context.client.elements)
        for id in (second.id, first.id) * 5:
            page.close()
            with panes[0]:
                page = await open_client(id, back="/desk")
            assert page is not None
            assert set(live._topics) == others | {id}
        assert len(context.client.delete_handlers) == handlers
        assert len(context.client.elements) == elements
    assert shown.is_deleted
    await clients.decide_profile(caseworker, first.id, "ASYLUM")
    await live.dispatch(ClientChange(first.id))  # the open one still hears
    await eventually(lambda: "Decidido por el equipo" in markup(omar))
    with omar:
        page.close()
    assert set(live._topics) == others


async def test_nobody_is_not_opened(omar: User) -> None:
    from ui.components.open_client import open_client

    answers = []

    @ui.page("/desk")
    async def desk() -> None:
        answers.append(await open_client(uuid4()))

    await omar.open("/desk")
    assert answers == [None]
    assert not with_class(omar, "ac-client")


async def test_two_files_with_one_number_are_told_apart_and_that_is_taken_back(
    omar: User, caseworker: Staff
) -> None:
    first = Sender("34600111222", bsuid="ES.amina", profile_name="Amina Haddad")
    second = Sender("34600111222", bsuid="ES.yusuf", profile_name="Yusuf Demir")
    for sender in (first, second):
        await deliver(bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, "Hola", at=NOW)))
    client = (await list_clients(caseworker)).items[0]
    await omar.open(f"/clients/{client.id}")
    await eventually(lambda: bool(with_class(omar, "ac-client-apart")))
    assert "Puede que sea la misma persona" in markup(omar)
    [apart] = with_class(omar, "ac-client-apart")
    report(omar, apart, "click")
    await eventually(lambda: bool(with_class(omar, "ac-toast-button")))
    assert "Puede que sea la misma persona" not in markup(omar)
    assert not apart.visible
    [undo] = with_class(omar, "ac-toast-button")
    report(omar, undo, "click")
    await eventually(lambda: apart.visible)
    assert "Puede que sea la misma persona" in markup(omar)
