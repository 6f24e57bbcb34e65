"""Files in a conversation, and the documents beside it, in a real browser."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import FilePayload, Page, expect

from services.events import Json
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests import media_examples as examples
from tests.browser.conftest import RunningApp, sign_in


@pytest.fixture
def amina(running_app: RunningApp) -> Sender:
    """Somebody who has sent two photos, a voice note and a PDF."""
    digits = str(uuid4().int)[:9]
    amina = Sender(f"346{digits}", profile_name=f"Amina {digits}")
    messages: list[Json] = [
        bodies.text(amina, "Le mando mis papeles"),
        bodies.image(amina, "Mi pasaporte"),
        bodies.image(amina, "El padrón"),
        bodies.audio(amina),
        bodies.document(amina, "Contrato de trabajo.pdf"),
    ]
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, amina, *messages))
    return amina


@pytest.fixture
def conversation(page: Page, amina: Sender) -> Page:
    sign_in(page)
    page.get_by_text(str(amina.profile_name)).first.click()
    page.wait_for_url("**/clients/*-*")
    expect(page.locator("[data-photo]")).to_have_count(2, timeout=30_000)
    return page


def test_a_photo_opens_large_with_the_keyboard_alone(conversation: Page) -> None:
    page = conversation
    first = page.locator("[data-photo]").first
    image = first.locator("img")
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0
    first.focus()
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog", name="Fotos de la conversación")
    expect(viewer).to_be_visible()
    expect(viewer.locator(".ac-viewer-caption")).to_contain_text("1 de 2")
    page.keyboard.press("ArrowRight")
    expect(viewer.locator(".ac-viewer-caption")).to_contain_text("2 de 2")
    before = viewer.locator("img").bounding_box()
    page.keyboard.press("+")
    after = viewer.locator("img").bounding_box()
    assert before
    assert after
    assert after["width"] > before["width"]
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page.locator("[data-photo]").nth(1)).to_be_focused()


def test_a_voice_note_plays_in_place_and_goes_on_while_news_arrive(
    conversation: Page, amina: Sender, running_app: RunningApp
) -> None:
    page = conversation
    player = page.locator(".ac-conversation audio")
    expect(player).to_have_count(1)
    expect(page.locator(".ac-sound .ac-label")).to_contain_text(
        re.compile(r"Nota de voz · \d+:\d\d")
    )
    played = player.evaluate(
        "async player => { await player.play(); return player.duration > 0 && !player.error; }"
    )
    assert played
    wamid = "wamid.reaction"
    running_app.deliver(
        bodies.from_sender(DEMO_NUMBER, amina, bodies.text(amina, "¿Lo ha oído?", wamid=wamid))
    )
    expect(page.get_by_text("¿Lo ha oído?")).to_be_visible()
    assert player.evaluate("player => !player.error && player.currentTime > 0")


def test_a_pdf_is_put_into_the_file_reviewed_and_taken_out_again(conversation: Page) -> None:
    page = conversation
    bubble = page.locator("article", has_text="Contrato de trabajo.pdf")
    bubble.get_by_role("button", name="Al expediente").click()
    expect(bubble.get_by_text("En el expediente")).to_be_visible()
    panel = page.locator(".ac-documents")
    row = panel.locator(".ac-document", has_text="Contrato de trabajo.pdf")
    expect(row.get_by_text("Por revisar")).to_be_visible()
    row.get_by_role("button", name="Rechazar").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Está caducado").click()
    dialog.get_by_role("button", name="Rechazar", exact=True).click()
    expect(row.get_by_text("Rechazado")).to_be_visible()
    expect(row.get_by_text("«Está caducado»")).to_be_visible()
    with page.expect_download() as download:
        row.get_by_role("button", name="Contrato de trabajo.pdf", exact=True).click()
    assert download.value.suggested_filename == "Contrato de trabajo.pdf"
    row.get_by_role("button", name=re.compile("^Cambiar nombre")).click()
    name = dialog.get_by_label("Nombre")
    expect(name).to_have_value("Contrato de trabajo")
    name.fill("Contrato firmado")
    name.press("Enter")
    row = panel.locator(".ac-document", has_text="Contrato firmado.pdf")
    expect(row).to_be_visible()
    row.get_by_role("button", name=re.compile("^Eliminar")).click()
    page.get_by_role("dialog").get_by_role("button", name="Eliminar", exact=True).click()
    expect(row).to_have_count(0)
    expect(bubble.get_by_role("button", name="Al expediente")).to_be_visible()


def test_a_pdf_is_looked_at_without_leaving_the_conversation(conversation: Page) -> None:
    page = conversation
    page.evaluate("Object.defineProperty(navigator, 'pdfViewerEnabled', { get: () => true })")
    bubble = page.locator("article", has_text="Contrato de trabajo.pdf")
    bubble.get_by_role("button", name="Al expediente").click()
    expect(bubble.get_by_text("En el expediente")).to_be_visible()
    row = page.locator(".ac-document", has_text="Contrato de trabajo.pdf")
    viewer = page.get_by_role("dialog", name="Vista del PDF")
    for link, path in (
        (bubble.get_by_role("link", name="Abrir"), "/media/"),
        (row.get_by_role("link", name="Abrir: Contrato de trabajo.pdf"), "/documents/"),
    ):
        with page.expect_response(lambda answer, path=path: path in answer.url) as answer:  # type: ignore[misc]
            link.click()
        assert answer.value.status == 200
        assert answer.value.headers["content-type"] == "application/pdf"
        assert "frame-ancestors 'self'" in answer.value.headers["content-security-policy"]
        assert answer.value.headers["x-frame-options"] == "SAMEORIGIN"
        expect(viewer).to_be_visible()
        expect(viewer).to_contain_text("Contrato de trabajo.pdf")
        viewer.get_by_role("button", name="Cerrar").click()
        expect(viewer).to_be_hidden()
        expect(link).to_be_focused()


def test_several_files_are_added_at_once_and_each_refusal_says_why(conversation: Page) -> None:
    page = conversation
    panel = page.locator(".ac-documents")
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Añadir").click()
    files: list[FilePayload] = [
        {"name": "dni.jpg", "mimeType": "image/jpeg", "buffer": examples.jpeg()},
        {"name": "falso.pdf", "mimeType": "application/pdf", "buffer": b"no es un PDF"},
        {"name": "nota.pdf", "mimeType": "application/pdf", "buffer": examples.pdf()},
    ]
    chooser.value.set_files(files)
    expect(panel.locator(".ac-document")).to_have_count(2)
    expect(panel.get_by_text("dni.jpg")).to_be_visible()
    refused = panel.locator(".ac-upload--failed", has_text="falso.pdf")
    expect(refused).to_contain_text("no es lo que dice el nombre")
    refused.get_by_role("button", name="Cerrar").click()
    expect(refused).to_have_count(0)


def test_files_are_dropped_on_the_panel(conversation: Page) -> None:
    page = conversation
    panel = page.locator(".ac-documents")
    transfer = page.evaluate_handle(
        """bytes => {
          const carried = new DataTransfer();
          const content = new Uint8Array(bytes);
          carried.items.add(new File([content], "suelto.pdf", { type: "application/pdf" }));
          return carried;
        }""",
        list(examples.pdf()),
    )
    panel.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(panel.get_by_text("Suelta aquí los archivos")).to_be_visible()
    panel.dispatch_event("drop", {"dataTransfer": transfer})
    expect(panel.get_by_text("suelto.pdf")).to_be_visible()
    expect(panel.get_by_text("Suelta aquí los archivos")).to_be_hidden()
