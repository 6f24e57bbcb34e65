"""Reading a conversation in a browser: where it opens, what stays in place, what arrives."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from services.events import Json
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

# One browser at a time: two would only wait for each other.
PAGE = 50
A_MOMENT = 600  # milliseconds; longer than it takes until what is in view counts as seen
_numbers = itertools.count(34_611_000_001)


@pytest.fixture
def amina() -> Sender:
    """Somebody new in each test."""
    return Sender(wa_id=str(next(_numbers)), profile_name="Amina Bennani")


@pytest.fixture
def phone(browser: Browser, running_app: RunningApp) -> Iterator[Page]:
    context = browser.new_context(
        base_url=running_app.url,
        viewport={"width": 390, "height": 844},
        locale="es-ES",
        has_touch=True,
        is_mobile=True,
    )
    yield context.new_page()
    context.close()


def test_few_new_messages_are_read_at_a_glance(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=3)
    open_conversation(page, amina)
    expect(messages(page).last).to_be_in_viewport()
    expect(page.locator(".ac-new + article")).to_contain_text("mensaje 1")
    expect_unread(page, amina, 0)
    open_conversation(page, amina)
    expect(messages(page)).to_have_count(3)
    expect(page.locator(".ac-new")).to_have_count(0)


def test_many_new_messages_are_read_from_the_first_and_stay_unread_until_the_last(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=70)
    open_conversation(page, amina)
    first = page.locator(".ac-new + article")
    expect(first).to_contain_text("mensaje 1")
    expect(first).to_be_in_viewport()
    expect(messages(page)).to_have_count(70)
    expect(messages(page).last).not_to_be_in_viewport()
    say(running_app, amina, bodies.text(amina, "¿Hay alguien?"))
    expect(messages(page)).to_have_count(71)
    expect(first).to_be_in_viewport()
    page.wait_for_timeout(A_MOMENT)
    expect_unread(page, amina, 71)
    page.get_by_role("button", name="Mensajes nuevos").click()
    expect(messages(page).last).to_be_in_viewport()
    expect_unread(page, amina, 0)


def test_unread_messages_too_far_up_to_open_there_are_a_press_away(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=260)
    open_conversation(page, amina)
    above = page.get_by_role("button", name="sin leer más arriba")
    expect(messages(page).last).not_to_be_in_viewport()
    above.click()
    expect(page.locator(".ac-new + article")).to_be_in_viewport()
    expect(page.locator(".ac-new + article")).to_contain_text("mensaje 1")
    expect(above).to_have_count(0)
    page.wait_for_timeout(A_MOMENT)
    expect_unread(page, amina, 260)


def test_what_arrives_while_nobody_looks_stays_unread_until_somebody_does(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    expect_unread(page, amina, 0)
    page.evaluate("document.hasFocus = () => false")
    tell(running_app, amina, count=30, after=timedelta(minutes=2))
    expect(messages(page)).to_have_count(31)
    expect(page.locator(".ac-new + article")).to_be_in_viewport()
    page.wait_for_timeout(A_MOMENT)
    expect_unread(page, amina, 30)
    page.evaluate("delete document.hasFocus; window.dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(A_MOMENT)
    expect_unread(page, amina, 30)  # the end is not in view yet
    page.get_by_role("button", name="Ir al último mensaje").click()
    expect_unread(page, amina, 0)


def test_the_end_in_a_window_without_focus_is_read_when_the_focus_comes(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    page.add_init_script("document.hasFocus = () => false")
    tell(running_app, amina, count=3)
    open_conversation(page, amina)
    expect(messages(page).last).to_be_in_viewport()
    page.wait_for_timeout(A_MOMENT)
    expect_unread(page, amina, 3)
    page.evaluate("delete document.hasFocus; window.dispatchEvent(new Event('focus'))")
    expect_unread(page, amina, 0)


def test_the_way_back_leads_to_the_list_as_it_was_after_a_reload_too(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina)
    page.reload()
    page.goto(page.url)  # as a change of theme or language: nothing says where one came from
    expect(messages(page).first).to_be_attached()
    page.get_by_role("link", name="Volver a la lista").click()
    page.wait_for_url(f"**/clients?search={amina.wa_id}")


def test_older_messages_appear_on_the_way_up_and_what_one_reads_stays_in_place(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=120)
    open_read_conversation(page, amina)
    expect(messages(page)).to_have_count(PAGE)
    for loaded in (100, 120):
        first = messages(page).first
        name = first.get_attribute("id")
        first.scroll_into_view_if_needed()
        where = bottom_of(page.locator(f"#{name}"))
        expect(messages(page)).to_have_count(loaded)
        assert abs(bottom_of(page.locator(f"#{name}")) - where) < 2
    expect(page.get_by_text("La conversación empieza aquí")).to_be_attached()
    days = page.locator(".ac-day").evaluate_all("days => days.map((day) => day.dataset.day)")
    assert days == sorted(set(days))
    places = messages(page).evaluate_all("all => all.map((message) => message.dataset.at)")
    assert places == sorted(places)


def test_the_way_to_older_messages_is_a_button_too(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=60)
    open_read_conversation(page, amina)
    page.get_by_role("button", name="Mensajes anteriores").press("Enter")
    expect(messages(page)).to_have_count(60)


def test_a_message_that_arrives_is_followed_by_whoever_reads_the_end(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=30)
    open_read_conversation(page, amina)
    say(running_app, amina, bodies.text(amina, "¿Hay alguien?"))
    expect(page.get_by_text("¿Hay alguien?")).to_be_in_viewport()


def test_whoever_reads_further_up_is_told_and_not_moved(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=40)
    open_read_conversation(page, amina)
    read = page.get_by_text("mensaje 10", exact=True)
    read.scroll_into_view_if_needed()
    where = bottom_of(read)
    say(running_app, amina, bodies.text(amina, "¿Hay alguien?"))
    pill = page.get_by_role("button", name="Mensajes nuevos")
    expect(pill).to_contain_text("1")
    assert abs(bottom_of(read) - where) < 2
    pill.click()
    expect(page.get_by_text("¿Hay alguien?")).to_be_in_viewport()
    expect(pill).to_have_count(0)


def test_a_late_message_stands_where_it_was_written(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    say(running_app, amina, bodies.text(amina, "primero", at=yesterday))
    say(running_app, amina, bodies.text(amina, "tercero"))
    open_conversation(page, amina)
    late = yesterday + timedelta(seconds=30)
    say(running_app, amina, bodies.text(amina, "segundo", at=late))
    expect(messages(page)).to_have_count(3)
    expect(messages(page)).to_contain_text(["primero", "segundo", "tercero"])
    expect(page.locator(".ac-day")).to_have_count(2)


def test_a_corrected_message_changes_where_it_stands_and_keeps_the_old_text(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    said = bodies.text(amina, "El lunes")
    say(running_app, amina, said)
    say(running_app, amina, bodies.text(amina, "Gracias"))
    open_conversation(page, amina)
    say(running_app, amina, bodies.edit(amina, said["id"], "El martes"))
    expect(messages(page).first).to_contain_text("El martes")
    expect(messages(page)).to_have_count(2)
    page.get_by_text("Ver el texto antes de editarlo").click()
    expect(page.get_by_text("El lunes")).to_be_visible()
    say(running_app, amina, bodies.edit(amina, said["id"], "El miércoles"))
    expect(messages(page).first).to_contain_text("El miércoles")
    expect(page.get_by_text("El lunes")).to_be_visible()  # still unfolded


def test_a_quote_leads_to_its_message_however_far_up(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    asked = bodies.text(amina, "¿Dónde está la oficina?", at=long_ago)
    say(running_app, amina, asked)
    tell(running_app, amina, count=110)
    answer = bodies.text(amina, "Ya lo sé", context=bodies.quoting(asked["id"], amina.wa_id))
    say(running_app, amina, answer)
    open_read_conversation(page, amina)
    page.locator("button.ac-quote").click()
    target = messages(page).filter(has_text="¿Dónde está la oficina?").first
    expect(target).to_be_in_viewport()
    expect(target).to_be_focused()


def test_nothing_a_person_writes_runs(page: Page, running_app: RunningApp, amina: Sender) -> None:
    planted = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    say(running_app, amina, bodies.text(amina, planted))
    say(running_app, amina, bodies.document(amina, planted, planted))
    open_conversation(page, amina)
    say(running_app, amina, bodies.text(amina, planted))
    expect(messages(page)).to_have_count(3)
    assert page.locator("article img, article script").count() == 0
    assert page.title() != "1"


def test_a_profile_type_is_decided_and_the_decision_taken_back(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Quiero pedir asilo"))
    open_conversation(page, amina)
    shown = page.get_by_title("Por qué este perfil")
    expect(shown).to_contain_text("Asilo")
    shown.click()
    expect(page.locator(".ac-evidence-word").first).to_be_visible()
    page.locator(".ac-choice", has_text="Arraigo").click()
    expect(shown).to_contain_text("Arraigo")
    undo = page.get_by_role("button", name="Deshacer")
    newest = messages(page).last.bounding_box()
    toast = undo.bounding_box()
    assert newest
    assert toast
    assert toast["y"] + toast["height"] < newest["y"], "it hides the newest message"
    undo.click()
    expect(shown).to_contain_text("Asilo")


def test_a_decision_that_somebody_else_changed_is_not_taken_back(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Quiero pedir asilo"))
    open_conversation(page, amina)
    page.get_by_title("Por qué este perfil").click()
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_title("Por qué este perfil").click()
    page.bring_to_front()
    page.locator(".ac-choice", has_text="Arraigo").click()
    undo = page.get_by_role("button", name="Deshacer")
    expect(undo).to_be_visible()
    other.bring_to_front()
    other.locator(".ac-choice", has_text="Estudios").click()
    shown = page.get_by_title("Por qué este perfil")
    expect(shown).to_contain_text("Estudios")
    page.bring_to_front()
    undo.click()
    expect(page.get_by_text("Mientras tanto, otra persona lo ha cambiado.")).to_be_visible()
    expect(shown).to_contain_text("Estudios")


def test_whoever_may_only_read_is_offered_no_decision(
    page: Page, running_app: RunningApp, amina: Sender
) -> None:
    say(running_app, amina, bodies.text(amina, "Hola"))
    open_conversation(page, amina, reader="Pau Vidal")
    page.locator(".ac-client-profile").click()
    expect(page.locator(".ac-choice")).to_have_count(0)


def test_a_phone_shows_the_conversation_or_the_file_and_the_way_back(
    phone: Page, running_app: RunningApp, amina: Sender
) -> None:
    tell(running_app, amina, count=5)
    open_conversation(phone, amina)
    file = phone.get_by_role("complementary", name="Expediente")
    expect(messages(phone).last).to_be_in_viewport()
    expect(file).to_be_hidden()
    phone.get_by_role("button", name="Expediente").click()
    expect(file).to_be_visible()
    expect(messages(phone).last).to_be_hidden()
    phone.get_by_role("button", name="Conversación").click()
    expect(messages(phone).last).to_be_in_viewport()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    phone.get_by_role("link", name="Volver a la lista").click()
    phone.wait_for_url(re.compile(r"/clients(\?.*)?$"))


@pytest.mark.parametrize("address", ["nobody", "00000000-0000-0000-0000-000000000000"])
def test_an_address_of_nobody_leads_to_the_page_for_what_is_not_there(
    context_page: Page, address: str
) -> None:
    sign_in(context_page)
    answer = context_page.goto(f"/clients/{address}")
    assert answer is not None
    assert answer.status == 404
    expect(context_page.get_by_text("Esta página no existe")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it(
    browser: Browser, running_app: RunningApp, amina: Sender, theme: str
) -> None:
    answered = bodies.text(amina, "Pregunta")
    card = bodies.card("Lucía", "+34600000123")
    say(running_app, amina, answered)
    for message in (
        bodies.text(amina, "Respuesta", context=bodies.quoting(answered["id"], amina.wa_id)),
        bodies.document(amina, "padrón.pdf", "El padrón"),
        bodies.audio(amina),
        bodies.location(amina, 40.4, -3.7, name="Oficina"),
        bodies.contacts(amina, card),
        bodies.button_reply(amina, "Sí"),
        bodies.unsupported(amina),
        bodies.revoke(amina, answered["id"]),
    ):
        say(running_app, amina, message)
    context = browser.new_context(
        base_url=running_app.url,
        locale="es-ES",
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    open_conversation(page, amina)
    expect(messages(page)).to_have_count(8)
    page.locator(".ac-client-profile").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()


# --- telling and looking ----------------------------------------------------------------------


@pytest.fixture
def context_page(browser: Browser, running_app: RunningApp) -> Iterator[Page]:
    """A page that may report the 404 in its console."""
    context = browser.new_context(base_url=running_app.url, locale="es-ES")
    yield context.new_page()
    context.close()


def say(running_app: RunningApp, sender: Sender, message: Json) -> None:
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, sender, message))


def tell(
    running_app: RunningApp, sender: Sender, *, count: int, after: timedelta | None = None
) -> None:
    """So many messages, the last of them a minute ago, one every two hours; or all `after` now."""
    newest = datetime.now(UTC) + (after or timedelta(minutes=-1))
    apart = timedelta(seconds=1) if after else timedelta(hours=2)
    told = [
        bodies.text(sender, f"mensaje {n}", at=newest - apart * (count - n))
        for n in range(1, count + 1)
    ]
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, sender, *told))


def open_conversation(page: Page, sender: Sender, *, reader: str = "Omar Benali") -> None:
    sign_in(page, reader)
    page.goto(f"/clients?search={sender.wa_id}")
    page.locator("a.ac-row-link").first.click()
    expect(messages(page).first).to_be_attached()


def open_read_conversation(page: Page, sender: Sender) -> None:
    """Open a conversation that has been read to its end."""
    open_conversation(page, sender)
    page.get_by_role("button", name="Ir al último mensaje").click()
    expect_unread(page, sender, 0)
    open_conversation(page, sender)
    expect(messages(page).last).to_be_in_viewport()


def expect_unread(page: Page, sender: Sender, count: int) -> None:
    """Look at the list in a tab of its own: it keeps itself up to date."""
    tab = page.context.new_page()
    tab.goto(f"/clients?search={sender.wa_id}")
    row = tab.locator("tr.ac-row")
    expect(row).to_have_count(1)
    badge = row.locator(".ac-cell--unread")
    expect(badge).to_have_text("" if not count else re.compile(f"{min(count, 99)}.*{count}"))
    tab.close()
    page.bring_to_front()


def messages(page: Page) -> Locator:
    return page.locator("article")


def bottom_of(element: Locator) -> float:
    bottom: float = element.evaluate("element => element.getBoundingClientRect().bottom")
    return bottom
