"""The list of clients in a browser: by mouse, keyboard and thumb, live, and for every reader."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

# One browser at a time: two would only wait for each other.
_numbers = itertools.count(34_622_000_001)
#: A message every ten seconds, all of them this last hour: the order is never in doubt.
_times = (datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=10 * n) for n in range(300))


@pytest.fixture
def three(running_app: RunningApp) -> list[Sender]:
    """Three people who have just written, the last of them on top of the list."""
    names = ("Zoila Reyes", "Mbaye Sow", "Irina Lupu")
    people = [Sender(str(next(_numbers)), profile_name=name) for name in names]
    write(running_app, *people)
    return people


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


def test_the_search_narrows_the_list_and_is_in_the_address(page: Page, three: list[Sender]) -> None:
    sign_in(page)
    page.keyboard.press("/")
    page.keyboard.type(number_of(three[1]))
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Mbaye Sow")
    page.wait_for_url(f"**/clients?search={number_of(three[1])}")
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(search(page)).to_have_value(number_of(three[1]))
    page.get_by_role("button", name="Quitar filtros").click()
    expect(rows(page).nth(1)).to_be_visible()
    expect(search(page)).to_have_value("")


def test_the_keyboard_leads_into_a_conversation_and_back(page: Page, three: list[Sender]) -> None:
    sign_in(page)
    expect(rows(page).nth(2)).to_be_visible()
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    expect(rows(page).nth(0).get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Irina Lupu")
    page.go_back()
    expect(rows(page).nth(0)).to_contain_text("Irina Lupu")


def test_a_row_is_a_link_all_over(page: Page, three: list[Sender]) -> None:
    sign_in(page)
    row = rows(page).nth(0)
    expect(row).to_be_visible()
    place = row.get_by_role("cell").last.bounding_box()
    assert place
    middle = (place["x"] + place["width"] - 8, place["y"] + place["height"] / 2)
    with page.context.expect_page() as opened:
        page.mouse.click(*middle, button="middle")
    expect(opened.value).to_have_url(re.compile(r"/clients/[0-9a-f-]{36}$"))
    row.locator("time").click()
    page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}$"))


def test_whoever_writes_rises_and_the_focus_stays_with_its_person(
    page: Page, running_app: RunningApp, three: list[Sender]
) -> None:
    sign_in(page)
    expect(rows(page).nth(2)).to_contain_text("Zoila Reyes")
    rows(page).nth(1).get_by_role("link").focus()
    write(running_app, three[0], words="¿Me oyen?")
    expect(rows(page).nth(0)).to_contain_text("¿Me oyen?")
    expect(rows(page).nth(0)).to_have_class(re.compile("ac-flash"))
    expect(rows(page).nth(0)).to_contain_text("2 mensajes sin leer")
    focused = page.locator(":focus")
    expect(focused).to_contain_text("Mbaye Sow")


def test_a_head_sorts_by_its_column(page: Page, three: list[Sender]) -> None:
    sign_in(page)
    head = page.get_by_role("columnheader", name="Persona")
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.wait_for_url("**/clients?sort=name")
    expect(page.get_by_label("Ordenar por")).to_have_value("name False")
    page.get_by_label("Ordenar por").select_option("Nombre, de la Z a la A")
    expect(head).to_have_attribute("aria-sort", "descending")


def test_hostile_names_are_shown_and_not_obeyed(page: Page, running_app: RunningApp) -> None:
    names = [
        "<img src=x onerror=alert(1)>",
        '{{ constructor.constructor("alert(1)")() }}',
        "W" * 200,
        "عبد الرحمن " * 20,
    ]
    people = [Sender(str(next(_numbers)), profile_name=name) for name in names]
    write(running_app, *people, words=names[0])
    sign_in(page)
    for name in names[:2]:
        expect(rows(page).filter(has_text=name).first).to_be_visible()
    assert no_sideways_scrolling(page)
    heights = rows(page).evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert len(set(heights)) == 1


def test_on_a_phone_there_is_one_column_and_a_bar_below(phone: Page, three: list[Sender]) -> None:
    sign_in(phone)
    expect(rows(phone).nth(2)).to_be_visible()
    assert no_sideways_scrolling(phone)
    expect(phone.get_by_role("button", name="Asilo")).to_be_hidden()
    phone.get_by_role("button", name="Filtros").tap()
    phone.get_by_role("button", name="Archivado").tap()
    expect(phone.get_by_role("heading", name="No coincide nadie")).to_be_visible()
    phone.get_by_role("button", name="Filtros (1)").tap()
    for thing in (phone.get_by_role("link", name="Personas"), search(phone)):
        box = thing.bounding_box()
        assert box
        assert box["height"] >= 24
    assert no_sideways_scrolling(phone)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_reader_can_use_the_list(page: Page, three: list[Sender], theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    page.goto("/login")
    assert violations(page) == []
    sign_in(page)
    expect(rows(page).nth(2)).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Archivado").click()
    expect(page.get_by_role("heading", name="No coincide nadie")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Atajos de teclado")).to_be_visible()
    assert violations(page) == []


def test_every_reader_can_use_the_list_on_a_phone(phone: Page, three: list[Sender]) -> None:
    sign_in(phone)
    expect(rows(phone).nth(2)).to_be_visible()
    phone.get_by_role("button", name="Filtros").tap()
    assert violations(phone) == []


def test_a_person_s_language_theme_and_narrow_menu_stay(page: Page) -> None:
    sign_in(page, "Carmen Ortiz")
    page.get_by_role("button", name="Contraer el menú").click()
    expect(page.locator(".ac-frame--folded")).to_be_visible()
    page.get_by_role("button", name="Carmen Ortiz").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Clients")
    page.get_by_role("button", name="Carmen Ortiz").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))
    expect(page.locator(".ac-frame--folded")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en-GB"
    page.get_by_role("button", name="Carmen Ortiz").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    page.goto("/clients")
    page.wait_for_url("**/login?next=/clients")


def test_back_leads_through_the_questions_and_not_out_of_the_list(
    page: Page, three: list[Sender]
) -> None:
    sign_in(page)
    expect(rows(page).nth(2)).to_be_visible()
    page.get_by_role("button", name="Archivado").click()
    page.wait_for_url("**/clients?status=archived")
    page.get_by_label("Ordenar por").select_option("Nombre, de la A a la Z")
    page.wait_for_url("**/clients?status=archived&sort=name")
    page.go_back()
    page.wait_for_url("**/clients?status=archived")
    expect(page.get_by_label("Ordenar por")).to_have_value("last_message True")
    expect(page.get_by_role("button", name="Archivado")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    page.wait_for_url("**/clients")
    expect(rows(page).nth(2)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="No coincide nadie")).to_be_visible()


def test_to_skip_to_the_content_asks_nothing_anew(page: Page, three: list[Sender]) -> None:
    sign_in(page)
    expect(rows(page).nth(2)).to_be_visible()
    page.evaluate("window.untouched = true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/clients#*")
    page.go_back()
    page.wait_for_url("**/clients")
    assert page.evaluate("window.untouched")


def to_the_bottom(page: Page) -> None:
    """Scroll a full list to its end. News may replace its rows at any moment, so no row is held."""
    expect(rows(page)).to_have_count(50)
    page.wait_for_function(
        "() => { const rows = document.querySelectorAll('tr.ac-row');"
        " rows[rows.length - 1]?.scrollIntoView();"
        " return rows.length && rows[rows.length - 1].getBoundingClientRect().bottom"
        " <= innerHeight + 1; }"
    )


def test_another_page_of_the_list_begins_at_its_top(page: Page, running_app: RunningApp) -> None:
    write(running_app, *(Sender(str(next(_numbers))) for _ in range(110)))
    sign_in(page)
    to_the_bottom(page)
    page.get_by_role("button", name="Página siguiente").click()
    page.wait_for_url("**/clients?page=2")
    expect(rows(page).first).to_be_in_viewport(ratio=1)
    to_the_bottom(page)
    page.get_by_label("Ordenar por").select_option("Mensaje más antiguo primero")
    page.wait_for_url("**/clients?dir=asc")
    expect(rows(page).first).to_be_in_viewport(ratio=1)


def test_enter_opens_the_only_hit(page: Page, three: list[Sender]) -> None:
    sign_in(page)
    page.keyboard.press("/")
    page.keyboard.type(number_of(three[1]))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mbaye Sow")


def test_a_language_is_no_place_to_go_back_to(page: Page, three: list[Sender]) -> None:
    sign_in(page, "Carmen Ortiz")
    before = page.evaluate("history.length")
    now, other = ("Español", "English")
    if page.evaluate("document.documentElement.lang") != "es":
        now, other = other, now
    for language in (other, now):
        page.get_by_role("button", name="Carmen Ortiz").click()
        page.get_by_role("button", name=language).click()
        chosen = "es" if language == "Español" else "en-GB"
        expect(page.locator("html")).to_have_attribute("lang", chosen)
    assert page.evaluate("history.length") == before


def test_whoever_signs_out_in_another_tab_sees_nothing_new(
    page: Page, running_app: RunningApp, three: list[Sender]
) -> None:
    sign_in(page)
    expect(rows(page).nth(2)).to_be_visible()
    other = page.context.new_page()
    other.goto("/clients")
    other.get_by_role("button", name="Omar Benali").click()
    other.get_by_role("button", name="Salir").click()
    other.wait_for_url("**/login")
    write(running_app, three[0], words="Only for who is signed in")
    page.wait_for_url("**/login?next=/clients")
    expect(page.get_by_text("Only for who is signed in")).to_have_count(0)


def write(running_app: RunningApp, *senders: Sender, words: str = "Buenos días") -> None:
    for sender in senders:
        message = bodies.text(sender, words, at=next(_times))
        running_app.deliver(bodies.envelope(DEMO_NUMBER, messages=[message], contacts=[sender]))


def rows(page: Page) -> Locator:
    return page.locator(".ac-row")


def search(page: Page) -> Locator:
    return page.get_by_label("Buscar personas")


def number_of(sender: Sender) -> str:
    assert sender.wa_id
    return sender.wa_id


def no_sideways_scrolling(page: Page) -> bool:
    fits: bool = page.evaluate(
        "[document.documentElement, document.querySelector('.q-table__middle')]"
        ".every((element) => element.scrollWidth <= element.clientWidth)"
    )
    return fits


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {node['html']}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize("locale", ["es-ES", "en-GB"])
def test_a_thumb_hits_and_reads_every_entry_of_an_admins_bar(
    browser: Browser, running_app: RunningApp, locale: str
) -> None:
    context = browser.new_context(
        base_url=running_app.url, viewport={"width": 390, "height": 844}, locale=locale
    )
    page = context.new_page()
    sign_in(page, "Lucía Ferrer")
    targets = page.locator(".ac-rail .ac-rail-link:visible")
    expect(targets.first).to_be_visible()
    sizes = [target.bounding_box() for target in targets.all()]
    assert len(sizes) == 6
    assert all(size and min(size["width"], size["height"]) >= 44 for size in sizes)
    labels = page.locator(".ac-rail .ac-rail-label:visible")
    assert len(labels.all()) == 6
    assert all(label.evaluate("e => e.scrollWidth <= e.clientWidth") for label in labels.all())
    page.locator("[popovertarget=ac-settings-menu]").click()
    expect(page.locator("#ac-settings-menu a:visible")).to_have_count(11)
    page.locator("#ac-settings-menu a[href='/settings/staff']").click()
    page.wait_for_url("**/settings/staff")
    context.close()


def test_an_admins_rail_is_short_and_groups_the_settings(
    browser: Browser, running_app: RunningApp
) -> None:
    context = browser.new_context(
        base_url=running_app.url, viewport={"width": 1440, "height": 900}, locale="es-ES"
    )
    page = context.new_page()
    sign_in(page, "Lucía Ferrer")
    links = page.locator(".ac-rail-body > ul > li > :is(a, button)")
    expect(links).to_have_text(
        ["Bandeja", "Personas", "Panel", "Simulador", "No entregado", "Ajustes"]
    )
    page.get_by_role("button", name="Ajustes").click()
    menu = page.locator("#ac-settings-menu")
    expect(menu.get_by_role("heading")).to_have_text(
        ["Mensajes", "Organización", "Protección de datos", "WhatsApp"]
    )
    expect(menu.locator("a:visible")).to_have_count(10)  # what is on the rail is not here as well
    assert violations(page) == []
    menu.get_by_role("link", name="Registro de actividad").click()
    page.wait_for_url("**/settings/audit")
    expect(links.last).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Ajustes").click()
    expect(menu.locator("[aria-current=page]")).to_have_text("Registro de actividad")
    context.close()
