"""The activity log in a browser: by mouse, keyboard and thumb, as a file, and for every reader."""

import csv
import itertools
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import PATIENCE, RunningApp, sign_in

# One browser at a time: two would only wait for each other.
PATH = "/settings/audit"
ADMIN = "Lucía Ferrer"
_numbers = itertools.count(34_633_000_001)


@pytest.fixture
def zoila(running_app: RunningApp) -> Sender:
    """Somebody who has just written."""
    sender = Sender(str(next(_numbers)), profile_name="Zoila Reyes")
    message = bodies.text(sender, "Buenos días")
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, sender, message))
    return sender


@pytest.fixture
def phone(browser: Browser, running_app: RunningApp) -> Iterator[Page]:
    context = browser.new_context(
        base_url=running_app.url,
        viewport={"width": 390, "height": 844},
        locale="es-ES",
        has_touch=True,
        is_mobile=True,
    )
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def open_client(page: Page, sender: Sender) -> None:
    page.goto(f"/clients?search={sender.wa_id}")
    page.get_by_role("link", name=re.compile("Zoila Reyes")).first.click()
    page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}$"))


def entries(page: Page) -> Locator:
    return page.locator(".ac-audit-entry")


def test_what_a_caseworker_did_is_in_the_admin_s_log(page: Page, zoila: Sender) -> None:
    sign_in(page, "Carmen Ortiz")
    open_client(page, zoila)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Zoila Reyes")
    page.context.clear_cookies()
    sign_in(page, ADMIN)
    page.goto(PATH)
    opened = entries(page).filter(has_text="Carmen Ortiz abrió el expediente de Zoila Reyes")
    expect(opened.first).to_be_visible()
    expect(opened.first).to_contain_text("127.0.0.1")


def test_filters_narrow_the_log_and_back_leads_to_the_question_before(
    page: Page, zoila: Sender
) -> None:
    sign_in(page, ADMIN)
    page.goto(PATH)
    page.get_by_role("combobox", name="Qué", exact=True).select_option("changes")
    page.get_by_role("combobox", name="Sobre", exact=True).select_option("clients")
    page.get_by_role("button", name="Filtrar").click()
    page.wait_for_url("**what=changes&table=clients**")
    expect(page.get_by_role("combobox", name="Qué", exact=True)).to_have_value("changes")
    expect(entries(page).first).to_contain_text("expediente de")
    expect(entries(page).filter(has_text="miró el registro")).to_have_count(0)
    page.get_by_role("link", name="Quitar filtros").click()
    page.wait_for_url(f"**{PATH}")
    page.go_back()
    page.wait_for_url("**what=changes&table=clients**")


def test_an_entry_unfolds_by_keyboard(page: Page, zoila: Sender) -> None:
    sign_in(page, ADMIN)
    page.goto(f"{PATH}?what=changes&table=clients")
    opener = entries(page).first.get_by_role("button")
    opener.focus()
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    values = entries(page).first.get_by_role("table")
    expect(values).to_contain_text("Zoila Reyes")
    page.keyboard.press("Enter")
    expect(values).to_have_count(0)


def test_an_admin_verifies_the_log(page: Page, zoila: Sender) -> None:
    sign_in(page, ADMIN)
    page.goto(PATH)
    page.get_by_role("button", name="Comprobar ahora").click()
    expect(page.get_by_role("status").filter(has_text="íntegro")).to_be_visible()


def test_the_log_is_downloaded_as_a_file(page: Page, zoila: Sender) -> None:
    sign_in(page, ADMIN)
    page.goto(f"{PATH}?table=clients")
    with page.expect_download() as download:
        page.get_by_role("button", name="Exportar como CSV").click()
    assert re.fullmatch(r"audit-\d{8}-\d{6}\.csv", download.value.suggested_filename)
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["table"] for row in rows} == {"clients"}


def test_a_client_s_page_tells_its_history_when_it_is_asked(page: Page, zoila: Sender) -> None:
    sign_in(page)
    open_client(page, zoila)
    expect(entries(page)).to_have_count(0)
    page.get_by_text("Quién hizo qué").click()
    opened = entries(page).filter(has_text="Omar Benali abrió el expediente")
    expect(opened.first).to_be_visible()
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_size_in_either_theme(
    page: Page, phone: Page, zoila: Sender, scheme: str
) -> None:
    for here in (page, phone):
        here.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        sign_in(here, ADMIN)
        here.goto(f"{PATH}?what=changes&table=clients")
        entries(here).first.get_by_role("button").click()
        expect(entries(here).first.get_by_role("table")).to_be_visible()
        assert Axe().run(here).response["violations"] == []
        assert here.evaluate("document.documentElement.scrollWidth <= innerWidth")
