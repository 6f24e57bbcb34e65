"""A day at the desk in a real browser: people write, the team answers, things go wrong."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

# One browser at a time: two would only wait for each other.
#: Milliseconds for something to come back from WhatsApp; what is promised is less.
SOON = 20_000
_numbers = itertools.count(34_622_000_001)


@pytest.fixture
def amina() -> Sender:
    """Somebody new in each test."""
    return Sender(wa_id=str(next(_numbers)), profile_name="Amina Bennani")


@pytest.fixture(autouse=True)
def _no_faults(running_app: RunningApp) -> Iterator[None]:
    yield
    fault(running_app, None)


def test_enter_begins_a_new_line_for_who_prefers_that(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Buenos días"))
    sign_in(page)
    page.goto("/settings/account")
    choice = page.get_by_role("button", name="Empieza otra línea")
    choice.click()
    expect(choice).to_have_attribute("aria-pressed", "true")
    try:
        open_conversation(page, amina)
        field = answer_field(page)
        field.fill("Buenos días, Amina.")
        page.keyboard.press("Enter")
        page.keyboard.type("El pasaporte.")
        expect(field).to_have_value("Buenos días, Amina.\nEl pasaporte.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("article.ac-out")).to_contain_text("El pasaporte.")
    finally:
        page.goto("/settings/account")
        page.get_by_role("button", name="Envía").click()


def test_who_else_is_writing_is_said_beside_the_button_that_sends(
    page: Page, browser: Browser, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Buenos días"))
    open_conversation(page, amina)
    answer_field(page).fill("Buenos días, Amina.")
    notice = page.locator(".ac-composer-writing")
    expect(notice).to_have_count(0)
    context = browser.new_context(base_url=running_app.url, locale="es-ES")
    lucia = context.new_page()
    open_conversation(lucia, amina, "Lucía Ferrer")
    answer_field(lucia).press_sequentially("Buenos")
    expect(notice).to_have_text("Lucía Ferrer también está escribiendo")
    expect(answer_field(page)).to_have_value("Buenos días, Amina.")
    # A note for the team is in nobody's way.
    page.get_by_title("Escribir una nota para el equipo (n)").click()
    expect(notice).to_have_count(0)
    page.get_by_title("Escribir a la persona (r)").click()
    answer_field(lucia).press_sequentially(" días")
    expect(notice).to_be_visible()
    context.close()
    expect(notice).to_have_count(0, timeout=SOON)


def test_a_colleague_is_called_in_a_note_by_a_few_letters(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Buenos días"))
    open_conversation(page, amina)
    page.keyboard.press("n")
    note = page.get_by_role("textbox", name="Nota para el equipo")
    expect(note).to_be_focused()
    page.keyboard.type("¿Lo miras, @luci")
    menu = page.get_by_role("listbox", name="Compañeros a los que avisar")
    expect(menu.get_by_role("option")).to_have_text(["@Lucía Ferrer"])
    page.keyboard.press("Enter")
    expect(note).to_have_value("¿Lo miras, @Lucía Ferrer ")
    expect(menu).to_have_count(0)
    page.keyboard.type("por favor?")
    expect(menu).to_have_count(0)
    page.keyboard.press("Enter")
    called = page.locator("article.ac-note .ac-note-called")
    expect(called).to_have_text("Lucía Ferrer")


def test_from_the_first_message_to_the_answer(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Buenos días, ¿qué papeles necesito?"))
    open_conversation(page, amina)
    field = answer_field(page)
    expect(page.locator(".ac-composer-window")).to_contain_text("Se cierra en 23 h")
    expect(page.locator(".ac-composer-to")).to_have_text("Para Amina Bennani")
    expect(send_button(page)).to_be_disabled()
    field.fill("   ")
    expect(send_button(page)).to_be_disabled()
    field.fill("Buenos días, Amina.")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("El pasaporte y el padrón.")
    page.keyboard.press("Enter")
    ours = page.locator("article.ac-out")
    expect(ours).to_have_count(1)
    expect(ours).to_contain_text("El pasaporte y el padrón.")
    expect(ours).to_contain_text("Omar Benali")
    expect(ours.locator(".ac-state-delivered, .ac-state-read")).to_be_visible(timeout=SOON)
    expect(field).to_be_focused()
    expect(field).to_have_value("")

    # A photo and a voice note arrive; the photo is answered.
    say(running_app, amina, bodies.image(amina, caption="Mi pasaporte"), bodies.audio(amina))
    photo = page.locator("article.ac-in", has_text="Mi pasaporte")
    expect(photo).to_be_visible(timeout=SOON)
    expect(
        page.locator("article.ac-in", has_text="Nota de voz")
        .or_(page.locator("article.ac-in:has(audio)"))
        .first
    ).to_be_visible(timeout=SOON)
    photo.locator(".ac-bubble").hover()
    page.get_by_role("button", name="Responder a este mensaje").click()
    expect(page.locator(".ac-composer-quote")).to_contain_text("Mi pasaporte")
    page.keyboard.type("Se lee bien, gracias")
    page.keyboard.press("Control+Enter")
    answer = ours.filter(has_text="Se lee bien, gracias")
    expect(answer.locator(".ac-quote")).to_contain_text("Mi pasaporte")
    # It leaves a moment after it is on screen.
    expect(answer.locator(".ac-state-delivered, .ac-state-read")).to_be_visible(timeout=SOON)
    expect(ours.last).to_contain_text("Se lee bien, gracias")
    [*_, sent] = httpx.get(f"{running_app.url}/simulator/graph/_simulator/sent").json()
    assert "context" in sent["body"]
    assert sent["complaints"] == []


def test_two_browsers_see_each_others_work_within_a_second(
    page: Page, browser: Browser, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    context = browser.new_context(base_url=running_app.url, locale="es-ES")
    other = context.new_page()
    open_conversation(other, amina, "Carmen Ortiz")
    times = []
    for n in range(5):
        answer_field(page).fill(f"respuesta {n}")
        start = time.monotonic()
        page.keyboard.press("Enter")
        other.locator("article.ac-out", has_text=f"respuesta {n}").wait_for()
        times.append(time.monotonic() - start)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Nota", exact=True).click()
    page.keyboard.type("Pide cita antes del viernes")
    page.keyboard.press("Enter")
    note = other.locator("article.ac-note", has_text="Pide cita antes del viernes")
    expect(note).to_contain_text("Solo lo ve el equipo")
    context.close()
    assert min(times) < 1.0, times
    assert len(httpx.get(f"{running_app.url}/simulator/graph/_simulator/sent").json()) >= 5


def test_after_the_24_hours_a_template_reopens_the_conversation(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    yesterday = datetime.now(UTC) - timedelta(hours=26)
    say(running_app, amina, bodies.text(amina, "¿Hay novedades?", at=yesterday))
    open_conversation(page, amina)
    expect(page.locator(".ac-composer-window")).to_have_text("Han pasado las 24 horas")
    expect(page.get_by_text("WhatsApp solo nos deja enviar una plantilla")).to_be_visible()
    expect(page.locator(".ac-composer textarea")).to_have_count(0)
    choose = page.get_by_role("button", name="Elegir una plantilla")
    expect(page.locator(".ac-pick-row").or_(choose).first).to_be_visible()
    choose.click()
    rows, search = page.locator(".ac-pick-row"), page.get_by_label("Buscar plantillas")
    rows.first.wait_for()
    everything = rows.all_inner_texts()
    search.fill("no hay ninguna")
    expect(page.get_by_text("Ninguna plantilla tiene esas palabras.")).to_be_visible()
    search.fill("recordatorio")
    reminder = rows.filter(has_text="Recordatorio cita")
    expect(rows).to_have_count(3)
    search.fill("")
    expect(rows).to_have_text(everything, use_inner_text=True)
    search.fill("recordatorio")
    reminder.filter(has_text="español").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Nombre")).to_have_value("Amina")
    dialog.get_by_role("button", name="Enviar", exact=True).click()
    expect(dialog.get_by_text("Todavía está vacío.").first).to_be_visible()
    for name, value in {
        "Fecha": "12 de diciembre",
        "Hora": "10:30",
        "Lugar": "Calle Mayor 1",
    }.items():
        dialog.get_by_label(name, exact=True).fill(value)
    expect(dialog.locator(".ac-pick-preview")).to_contain_text("12 de diciembre a las 10:30")
    dialog.get_by_role("button", name="Enviar", exact=True).click()
    ours = page.locator("article.ac-out")
    expect(ours).to_contain_text("12 de diciembre", timeout=SOON)
    expect(dialog).to_have_count(0)
    say(running_app, amina, bodies.text(amina, "Allí estaré"))
    expect(page.locator(".ac-composer textarea")).to_be_visible(timeout=SOON)


def test_what_failed_says_why_and_is_sent_once_more(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    fault(running_app, "undeliverable")
    answer(page, "¿Puedes venir mañana?")
    ours = page.locator("article.ac-out")
    expect(ours).to_contain_text("WhatsApp no ha podido entregarlo", timeout=SOON)
    ours.get_by_role("button", name="Enviar otra vez").click()
    expect(ours).to_have_count(2)
    expect(ours.first).to_contain_text("Se envió otra vez, más abajo.")
    expect(ours.last).to_contain_text("Enviado otra vez")
    expect(ours.last.locator(".ac-state-delivered, .ac-state-read")).to_be_visible(timeout=SOON)


def test_whatsapps_word_closes_the_window_on_the_open_page(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    fault(running_app, "window_closed")
    answer(page, "¿Sigues ahí?")
    expect(page.locator(".ac-composer-window--closed")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("button", name="Elegir una plantilla")).to_be_visible()
    failed = page.locator("article.ac-out").first
    failed.get_by_role("button", name="Una plantilla en su lugar").click()
    expect(page.get_by_role("dialog", name="Enviar una plantilla")).to_be_visible()
    page.keyboard.press("Escape")
    say(running_app, amina, bodies.text(amina, "Aquí sigo"))
    failed.get_by_role("button", name="Enviar otra vez").click(timeout=SOON)
    expect(page.locator("article.ac-out")).to_have_count(2)
    expect(failed).to_contain_text("Se envió otra vez, más abajo.")


def test_what_waits_is_taken_back_and_can_be_written_otherwise(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    fault(running_app, "rate_limit", times=None)
    answer(page, "Mañana a las 9")
    ours = page.locator("article.ac-out")
    ours.get_by_role("button", name="Retirar").click()
    expect(ours).to_have_count(0)
    expect(answer_field(page)).to_have_value("Mañana a las 9")


def test_nothing_that_is_typed_is_lost(page: Page, running_app: RunningApp, amina: Sender) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    answer_field(page).fill("A medio escribir")
    page.reload()  # before the pause in which it is saved is over
    expect(answer_field(page)).to_have_value("A medio escribir")
    expect(page.locator(".ac-composer-mark")).to_have_text("Borrador")
    page.wait_for_timeout(2_000)
    context = page.context.browser.new_context(base_url=running_app.url, locale="es-ES")  # type: ignore[union-attr]
    elsewhere = context.new_page()
    open_conversation(elsewhere, amina)
    expect(answer_field(elsewhere)).to_have_value("A medio escribir")
    context.close()
    page.context.set_offline(True)
    answer_field(page).fill("Sin conexión")
    page.context.set_offline(False)
    page.reload()
    expect(answer_field(page)).to_have_value("Sin conexión")


def test_files_are_dropped_pasted_and_chosen_and_a_bad_one_says_why(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    page.locator(".ac-composer input[type=file]").set_input_files(
        [
            FilePayload(name="carta.txt", mimeType="text/plain", buffer=b"Estimada Amina"),
            FilePayload(name="foto.jpg", mimeType="image/jpeg", buffer=b"no photo at all"),
        ]
    )
    files = page.locator(".ac-composer-file")
    expect(files).to_have_count(2)
    page.get_by_label("Texto debajo de carta.txt").fill("La carta")
    send_button(page).click()
    expect(page.locator("article.ac-out", has_text="La carta")).to_be_visible(timeout=SOON)
    expect(files).to_have_count(1)
    expect(files.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Quitar foto.jpg").click()
    expect(files).to_have_count(0)
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["Otra carta"], "otra.txt", { type: "text/plain" }));
          document.querySelector(".ac-composer").dispatchEvent(
            new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(files).to_contain_text("otra.txt")


def test_the_page_opens_at_a_message_and_marks_it(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    start = datetime.now(UTC) - timedelta(hours=10)
    texts = [
        bodies.text(amina, f"mensaje {n}", at=start + timedelta(minutes=n)) for n in range(180)
    ]
    say(running_app, amina, *texts)
    open_conversation(page, amina)
    page.get_by_role("region", name="Conversación").focus()
    first = page.locator("article", has=page.get_by_text("mensaje 0", exact=True))
    for _ in range(40):
        if first.count():
            break
        page.locator(".ac-scroller").evaluate("(place) => place.scrollTo(0, 0)")
        page.wait_for_timeout(200)
    id = first.first.get_attribute("id")
    assert id
    page.goto(f"{page.url.split('?')[0]}?at={id.removeprefix('m-')}")
    expect(page.locator(f"#{id}")).to_be_in_viewport()
    expect(page.locator("article", has_text="mensaje 179")).to_have_count(0)
    page.get_by_role("button", name="Ir al último mensaje").click()
    expect(page.locator("article", has_text="mensaje 179")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_while_somebody_answers(
    browser: Browser, running_app: RunningApp, scheme: str, width: int
) -> None:
    sender = Sender(wa_id=str(next(_numbers)), profile_name="Oleksandra Шевченко de la Fuente")
    say(running_app, sender, bodies.text(sender, "Hola"))
    context = browser.new_context(
        base_url=running_app.url,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="es-ES",
    )
    page = context.new_page()
    open_conversation(page, sender)
    answer(page, "Hola, te leemos")
    page.locator("article.ac-out").wait_for()
    page.keyboard.type("/")
    page.locator(".ac-composer-menu").wait_for()
    assert problems(page) == []
    page.keyboard.press("Escape")
    answer_field(page).fill("")
    page.get_by_role("button", name="Nota", exact=True).click()
    page.keyboard.type("Una nota")
    page.keyboard.press("Enter")
    page.locator("article.ac-note").wait_for()
    assert problems(page) == []
    page.get_by_role("button", name="Responder", exact=True).click()
    page.get_by_role("button", name="Enviar una plantilla").click()
    page.locator(".ac-pick-row").first.wait_for()
    page.wait_for_timeout(400)
    assert problems(page) == []
    page.locator(".ac-pick-row", has_text="español").nth(2).click()
    page.locator(".ac-pick-preview").wait_for()
    assert problems(page) == []
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "the page scrolls sideways"
    context.close()


# --- helpers ------------------------------------------------------------------------------------


def say(app: RunningApp, sender: Sender, *messages: object) -> None:
    app.deliver(bodies.from_sender(DEMO_NUMBER, sender, *messages))  # type: ignore[arg-type]


def fault(app: RunningApp, name: str | None, **more: object) -> None:
    """Let something go wrong at WhatsApp from the next message on; None: nothing any more."""
    asked = {"name": name, **more} if name else {}
    httpx.post(f"{app.url}/simulator/graph/_simulator/faults", json=asked).raise_for_status()


def open_conversation(page: Page, sender: Sender, who: str = "Omar Benali") -> None:
    if "acogida" not in "".join(c["name"] for c in page.context.cookies()):
        sign_in(page, who)
    for _ in range(50):
        page.goto(f"/clients?search={sender.wa_id}")
        link = page.locator("[data-ac-row]").first
        try:
            link.wait_for(timeout=1_000)
            break
        except Exception as error:
            if "Timeout" not in type(error).__name__:
                raise
    link.click()
    page.wait_for_url("**/clients/*-*")
    page.locator("article.ac-msg").last.wait_for()
    page.locator(".ac-composer").wait_for()


def answer_field(page: Page) -> Locator:
    return page.locator(".ac-composer textarea")


def send_button(page: Page) -> Locator:
    return page.locator(".ac-composer-send")


def answer(page: Page, words: str) -> None:
    answer_field(page).fill(words)
    page.keyboard.press("Enter")


def problems(page: Page) -> list[object]:
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found]
