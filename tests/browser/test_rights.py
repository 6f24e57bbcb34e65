"""A person's rights in a browser: a copy that downloads, an erasure that ends with its proof."""

import itertools
import re
import zipfile
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

# One browser at a time: two would only wait for each other.
_numbers = itertools.count(34_622_000_001)


@pytest.fixture
def amina(running_app: RunningApp) -> Sender:
    """Somebody new in each test, who has written."""
    sender = Sender(wa_id=str(next(_numbers)), profile_name="Amina Bennani")
    message = bodies.text(sender, "Quiero pedir asilo")
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, sender, message))
    return sender


def test_a_copy_is_prepared_before_ones_eyes_and_downloads(
    page: Page, amina: Sender, tmp_path: Path
) -> None:
    sign_in(page, "Lucía")
    open_rights(page, amina)
    page.get_by_role("button", name="Preparar una copia").click()
    download = page.get_by_role("button", name="Descargar")
    expect(download).to_be_visible()
    with page.expect_download() as coming:
        download.click()
    coming.value.save_as(tmp_path / "copy.zip")
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        assert "Quiero pedir asilo" in archive.read("conversation.html").decode()


def test_the_conversation_of_a_copy_shows_itself_and_runs_nothing(
    page: Page, running_app: RunningApp, tmp_path: Path
) -> None:
    planted = Sender(wa_id=str(next(_numbers)), profile_name="<img src=x onerror=alert(1)>")
    words = "<script>document.body.remove()</script> ¿hola?"
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, planted, bodies.text(planted, words)))
    sign_in(page, "Lucía")
    open_rights(page, planted)
    page.get_by_role("button", name="Preparar una copia").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Descargar").click()
    coming.value.save_as(tmp_path / "copy.zip")
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        archive.extract("conversation.html", tmp_path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "conversation.html").as_uri())
    expect(page.locator("article")).to_contain_text(words)
    assert [url for url in asked if not url.startswith("file:")] == []


def test_an_erasure_closes_every_open_page_and_ends_with_its_proof(
    page: Page, amina: Sender
) -> None:
    sign_in(page, "Lucía")
    address = open_rights(page, amina)
    other = page.context.new_page()
    other.goto(address)
    expect(other.get_by_role("heading", name="Amina Bennani")).to_be_visible()
    page.get_by_role("button", name="Borrar a esta persona").click()
    confirmation = page.get_by_label("Para confirmar")
    confirmation.fill("Amina")
    confirmation.press("Enter")
    expect(page.get_by_text("No se ha borrado nada")).to_be_visible()
    confirmation.fill("amina bennani")
    confirmation.press("Enter")
    page.wait_for_url("**/settings/privacy#erasure-*")
    card = page.locator("article:target")
    expect(card).to_be_in_viewport()
    expect(card.get_by_text("Comprobado")).to_be_visible()
    expect(other.get_by_role("heading", name="Amina Bennani")).to_have_count(0)
    assert amina.wa_id is not None
    assert amina.wa_id[-4:] not in page.locator(".ac-privacy").inner_text()
    other.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_everybody_can_use_it(page: Page, amina: Sender, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    sign_in(page, "Lucía")
    open_rights(page, amina, width=width)
    page.get_by_role("button", name="Borrar a esta persona").click()
    expect(page.get_by_text("Se queda:")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    page.goto("/settings/privacy")
    rule = page.locator("article", has_text="Expedientes archivados")
    rule.get_by_role("button", name="Ver qué se borraría").click()
    expect(rule.get_by_text("Esta noche")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def open_rights(page: Page, sender: Sender, *, width: int = 1440) -> str:
    """Unfold the section beside somebody's file; returns the file's address."""
    page.goto(f"/clients?search={sender.wa_id}")
    page.locator("tr.ac-row a").first.click()
    page.wait_for_url(re.compile("/clients/[0-9a-f-]{36}"))
    page.set_viewport_size({"width": width, "height": 900})
    if width < 500:
        page.get_by_role("button", name="Expediente").click()
    page.get_by_text("Derechos y conservación").click()
    expect(page.get_by_role("button", name="Preparar una copia")).to_be_visible()
    return page.url
