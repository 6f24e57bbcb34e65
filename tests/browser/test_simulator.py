"""Playing a person in a real browser: a desk with three panes, a phone with one at a time."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import RunningApp, sign_in


# One browser at a time: two would only wait for each other.
def open_simulator(page: Page, person: str) -> None:
    """Take the phone of somebody of the demo."""
    sign_in(page)
    page.goto("/simulator")
    page.get_by_role("button", name=person).click()
    page.wait_for_url("**/simulator?person=*")


def test_what_is_written_arrives_at_the_caseworker(page: Page) -> None:
    open_simulator(page, "Aïssata")
    field = page.get_by_role("textbox", name="Mensaje")
    page.keyboard.press("r")
    page.keyboard.type("Bonjour,")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("vous m'entendez ?")
    page.keyboard.press("Enter")
    page.keyboard.type("encore")
    screen = page.get_by_role("region", name="Conversación en el teléfono")
    expect(screen.get_by_text("vous m'entendez ?")).to_be_visible()
    # What was typed while the message was on its way is still there.
    expect(field).to_have_value("encore")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Abrir su expediente").click()
    expect(opened.value.get_by_text("vous m'entendez ?")).to_be_visible()


def test_a_message_is_chosen_reacted_to_and_let_go(page: Page) -> None:
    open_simulator(page, "Bilal")
    page.get_by_role("textbox", name="Mensaje").fill("Good morning")
    page.keyboard.press("Enter")
    screen = page.get_by_role("region", name="Conversación en el teléfono")
    more = screen.get_by_role("button", name="Qué hacer con: Good morning")
    more.press("Enter")
    expect(page.get_by_role("button", name="Responder")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Responder")).to_be_hidden()
    more.press("Enter")
    page.get_by_role("button", name="🙏", exact=True).click()
    expect(screen.locator("article").get_by_text("🙏")).to_be_visible()


@pytest.fixture
def phone(browser: Browser, running_app: RunningApp) -> Iterator[Page]:
    """A page on a phone of our own."""
    context = browser.new_context(
        base_url=running_app.url,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        locale="es-ES",
    )
    yield context.new_page()
    context.close()


def test_a_phone_shows_one_pane_and_the_way_back(phone: Page) -> None:
    open_simulator(phone, "Mamadou")
    people = phone.get_by_role("navigation", name="Personas")
    composer = phone.get_by_role("textbox", name="Mensaje")
    backstage = phone.get_by_role("complementary", name="Entre bastidores")
    expect(composer).to_be_visible()
    expect(people).to_be_hidden()
    phone.get_by_role("button", name="Entre bastidores").tap()
    expect(backstage).to_be_visible()
    expect(composer).to_be_hidden()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    phone.get_by_role("button", name="Cerrar").tap()
    phone.get_by_role("button", name="Volver a las personas").tap()
    expect(people).to_be_visible()
    expect(composer).to_be_hidden()
