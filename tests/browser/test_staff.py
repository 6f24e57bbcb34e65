"""The team's page in a real browser: what people see, with keyboard, thumb and screen reader."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import sign_in

PATH = "/settings/staff"


def open_team(page: Page) -> None:
    sign_in(page, "Lucía Ferrer")
    page.goto(PATH)
    expect(page.locator(".ac-staff-row").first).to_be_visible()


def row_of(page: Page, name: str) -> Locator:
    return page.locator(".ac-staff-row").filter(has_text=name)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_team(page)
    row_of(page, "Omar").get_by_role("button", name="Gestionar").click()
    page.get_by_role("button", name="Desactivar").click()
    expect(page.get_by_role("button", name="Dejarlo como está")).to_be_focused()
    page.get_by_role("button", name="Invitar a alguien").click()
    expect(page.get_by_label("Nombre y apellidos")).to_be_focused()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def test_what_was_typed_stays_when_something_is_wrong(page: Page) -> None:
    open_team(page)
    page.get_by_role("button", name="Invitar a alguien").click()
    page.get_by_label("Nombre y apellidos").fill("Nora Ruiz")
    page.get_by_label("Correo").fill("nora@example")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No es una dirección de correo completa")).to_be_visible()
    expect(page.get_by_label("Correo")).to_be_focused()
    expect(page.get_by_label("Nombre y apellidos")).to_have_value("Nora Ruiz")
    page.get_by_label("Correo").fill("nora@example.org")
    page.keyboard.press("Enter")
    expect(row_of(page, "Nora Ruiz")).to_be_visible()
    expect(page.get_by_label("Correo")).to_be_hidden()


def manage(page: Page, name: str) -> Locator:
    """Open what can be decided about somebody; their row."""
    row = row_of(page, name)
    row.get_by_role("button", name="Gestionar").click()
    return row


def test_the_select_shows_what_is_so_when_a_role_was_not_given(page: Page) -> None:
    open_team(page)
    me = manage(page, "Lucía")
    me.get_by_role("combobox").select_option("viewer")
    me.get_by_role("button", name="Guardar el rol").click()
    page.get_by_role("button", name="Sí, cambiar mi rol").click()
    expect(me.get_by_text("nadie más del equipo")).to_be_visible()
    expect(me.get_by_role("combobox")).to_have_value("admin")


def test_a_role_is_given_once_it_is_saved_and_taken_back(page: Page) -> None:
    open_team(page)
    pau = manage(page, "Pau")
    pau.get_by_role("combobox").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(pau.get_by_text("decide y lleva sus expedientes")).to_be_visible()
    expect(pau.locator(".ac-staff-role-name")).to_have_text("Solo lectura")
    pau.get_by_role("button", name="Guardar el rol").click()
    expect(pau.locator(".ac-staff-role-name")).to_have_text("Atención social")
    expect(pau.get_by_role("button", name="Gestionar")).to_be_focused()
    page.get_by_role("button", name="Deshacer").click()
    expect(pau.locator(".ac-staff-role-name")).to_have_text("Solo lectura")
    expect(pau.get_by_role("button", name="Gestionar")).to_be_focused()


def test_enter_on_the_question_deactivates_nobody(page: Page) -> None:
    open_team(page)
    pau = manage(page, "Pau")
    pau.get_by_role("button", name="Desactivar").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dejarlo como está")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dejarlo como está")).to_be_hidden()
    expect(pau.get_by_role("button", name="Gestionar")).to_be_focused()
    expect(page.locator(".ac-staff-row--gone")).to_have_count(0)


def test_whoever_is_deactivated_leaves_an_open_page_at_once(page: Page) -> None:
    open_team(page)
    browser = page.context.browser
    assert browser is not None
    other = browser.new_context(base_url=re.sub(r"/settings.*", "", page.url), locale="es-ES")
    carmen = other.new_page()
    sign_in(carmen, "Carmen Ortiz")
    expect(carmen.get_by_role("heading", level=1)).to_be_visible()
    row_of(page, "Carmen").get_by_role("button", name="Gestionar").click()
    page.get_by_role("button", name="Desactivar").click()
    page.get_by_role("button", name="Sí, desactivar").click()
    carmen.wait_for_url("**/login**", timeout=5_000)
    expect(carmen.get_by_text("Tu acceso está desactivado")).to_be_visible()
    expect(row_of(page, "Carmen").get_by_role("button", name="Gestionar")).to_be_focused()
    other.close()


def test_the_keyboard_stays_where_a_session_was_ended(page: Page) -> None:
    open_team(page)
    browser = page.context.browser
    assert browser is not None
    other = browser.new_context(base_url=re.sub(r"/settings.*", "", page.url), locale="es-ES")
    omar = other.new_page()
    sign_in(omar, "Omar Benali")
    row = manage(page, "Omar")
    row.get_by_role("button", name="Cerrar: ").first.click()
    expect(row.get_by_role("heading", name="Sesiones abiertas")).to_be_focused()
    expect(row.get_by_text("1 sesión cerrada.")).to_be_visible()
    omar.wait_for_url("**/login**", timeout=5_000)
    expect(omar.get_by_text("se ha cerrado desde otro sitio")).to_be_visible()
    other.close()
