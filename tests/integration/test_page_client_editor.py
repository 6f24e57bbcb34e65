"""What staff write into a file themselves: somebody new, and an open file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User

from services import client_edits
from services.actors import Staff
from services.clients import get_client, list_clients
from tests.pages import browser_of, eventually, markup, report, with_class

MAIN = Path(__file__).with_name("simulated_main.py")


@pytest.fixture
async def omar(caseworker: Staff) -> AsyncIterator[User]:
    async with browser_of(caseworker, MAIN) as user:
        yield user


def field(user: User, label: str) -> ui.input:
    [found] = [e for e in user.find(ui.input).elements if e.props.get("aria-label") == label]
    return found


def press(user: User, name: str) -> None:
    [button] = with_class(user, name)
    report(user, button, "click")


def save(user: User) -> None:
    report(user, with_class(user, "ac-dialog-form")[0], "submit.prevent")


async def test_somebody_new_gets_a_file_which_opens(
    omar: User, caseworker: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to: list[str] = []
    await omar.open("/clients")
    press(omar, "ac-new-client")
    await eventually(lambda: len(omar.find(ui.input).elements) > 3)
    field(omar, "Nombre y apellidos").value = "Aminata Ndiaye"
    field(omar, "Teléfono").value = "600 000 001"
    monkeypatch.setattr(ui.navigate, "to", led_to.append)
    save(omar)
    await eventually(lambda: bool(led_to))
    [client] = (await list_clients(caseworker)).items
    assert (client.name, client.phone) == ("Aminata Ndiaye", "+34600000001")
    assert led_to == [f"/clients/{client.id}"]


async def test_what_cannot_be_used_is_said_beside_its_field_and_nothing_is_lost(
    omar: User, caseworker: Staff
) -> None:
    await client_edits.create_client(caseworker, name="Otra", email="una@example.org")
    await omar.open("/clients")
    press(omar, "ac-new-client")
    await eventually(lambda: len(omar.find(ui.input).elements) > 3)
    field(omar, "Nombre y apellidos").value = "Aminata"
    field(omar, "Teléfono").value = "12"
    field(omar, "Correo").value = "UNA@example.org"
    save(omar)
    await eventually(lambda: field(omar, "Teléfono").error is not None)
    assert "+34 600 000 001" in str(field(omar, "Teléfono").error)
    field(omar, "Teléfono").value = ""
    save(omar)
    await eventually(lambda: field(omar, "Correo").error is not None)
    assert field(omar, "Correo").error == "Otra persona tiene esta dirección."
    assert field(omar, "Nombre y apellidos").value == "Aminata"
    assert (await list_clients(caseworker)).total == 1


async def test_an_open_file_is_edited_unless_a_colleague_was_faster(
    omar: User, caseworker: Staff
) -> None:
    client = await client_edits.create_client(caseworker, name="Aminata")
    id = client.summary.id
    await omar.open(f"/clients/{id}")
    press(omar, "ac-client-edit")
    await eventually(lambda: field(omar, "Nombre y apellidos").value == "Aminata")
    field(omar, "Nombre y apellidos").value = "Aminata Ndiaye"
    save(omar)
    await eventually(lambda: "Aminata Ndiaye</bdi>" in markup(omar))
    press(omar, "ac-client-edit")
    await client_edits.update_client(caseworker, id, {"name": "A. Ndiaye"})
    field(omar, "Nombre y apellidos").value = "Otro nombre"
    save(omar)
    await omar.should_see("Otra persona ha cambiado este expediente")
    assert "A. Ndiaye" in str(field(omar, "Nombre y apellidos").error)
    assert field(omar, "Nombre y apellidos").value == "Otro nombre"
    after = await get_client(caseworker, id)
    assert after is not None
    assert after.staff_name == "A. Ndiaye"
    save(omar)
    await eventually(lambda: "Otro nombre</bdi>" in markup(omar))


async def test_a_viewer_is_offered_neither(viewer: Staff, caseworker: Staff) -> None:
    client = await client_edits.create_client(caseworker, name="Aminata")
    async with browser_of(viewer, MAIN) as pau:
        await pau.open("/clients")
        assert with_class(pau, "ac-new-client") == []
        await pau.open(f"/clients/{client.summary.id}")
        assert with_class(pau, "ac-client-edit") == []


async def test_what_a_colleague_left_alone_is_saved_beside_their_change(
    omar: User, caseworker: Staff
) -> None:
    client = await client_edits.create_client(caseworker, name="Aminata")
    await omar.open(f"/clients/{client.summary.id}")
    press(omar, "ac-client-edit")
    await client_edits.update_client(caseworker, client.summary.id, {"email": "a@example.org"})
    field(omar, "Nombre y apellidos").value = "Aminata Ndiaye"
    save(omar)
    await eventually(lambda: "Aminata Ndiaye</bdi>" in markup(omar))
    after = await get_client(caseworker, client.summary.id)
    assert after is not None
    assert (after.staff_name, after.summary.email) == ("Aminata Ndiaye", "a@example.org")


async def test_what_was_typed_is_there_again_when_the_dialog_was_closed(
    omar: User, caseworker: Staff
) -> None:
    client = await client_edits.create_client(caseworker, name="Aminata")
    await omar.open(f"/clients/{client.summary.id}")
    press(omar, "ac-client-edit")
    field(omar, "Notas").value = "diez minutos de notas"
    omar.find("Cancelar").click()
    press(omar, "ac-client-edit")
    await omar.should_see("Aquí está de nuevo")
    assert field(omar, "Notas").value == "diez minutos de notas"
    omar.find("Empezar de nuevo").click()
    await eventually(lambda: field(omar, "Notas").value == "")


async def test_a_number_that_is_taken_leads_to_the_file_that_has_it(
    omar: User, caseworker: Staff
) -> None:
    other = await client_edits.create_client(caseworker, name="Otra", phone="+34600000002")
    await client_edits.archive_client(caseworker, other.summary.id)
    await omar.open("/clients")
    press(omar, "ac-new-client")
    await eventually(lambda: len(omar.find(ui.input).elements) > 3)
    field(omar, "Teléfono").value = "+34 600 000 002"
    save(omar)
    await eventually(lambda: f'href="/clients/{other.summary.id}"' in markup(omar))
