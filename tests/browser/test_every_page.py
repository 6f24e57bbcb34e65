"""Every page in a real browser, by day on a desk and by night on a phone.

On each of them axe finds nothing, nothing has to be scrolled sideways, and the console is silent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in
from ui.rail import SECTIONS

Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", 1440), ("dark", 390))
PEOPLE = (
    Sender("34600111002", profile_name="Rosa María de los Ángeles Huamán Quispe de Villanueva"),
    Sender("34600111003", profile_name="أحمد الخطيب"),
    Sender("34600111001", profile_name="Amina Bennani"),
)
#: What the menu leads to, and what else there is. In braces: ids of what this app has.
PAGES = (
    *(section.path for section in SECTIONS),
    "/?client={amina}",
    "/clients?search=nobody",
    "/clients/{amina}",
    "/dashboard/print",
    "/import/{list}",
    "/search?q=asilo",
    "/search?q=nobody",
    "/settings/account",
    "/simulator?person={amina}",
)
#: Seen by who has not signed in.
DOORS = ("/login",)
#: What stands where data is on its way.
PENDING = ".ac-bone:visible, [aria-busy=true]"


@dataclass(frozen=True, slots=True)
class Known:
    """The ids of somebody and of an uploaded list, and the cookies of an admin."""

    ids: dict[str, str]
    signed_in: StorageState


@pytest.fixture(scope="module")
def context(browser: Browser, running_app: RunningApp) -> Iterator[BrowserContext]:
    """One for all of them, so that scripts and styles are fetched once."""
    context = browser.new_context(base_url=running_app.url, locale="es-ES")
    yield context
    context.close()


@pytest.fixture(scope="module")
def known(running_app: RunningApp, context: BrowserContext) -> Known:
    for sender in PEOPLE:
        asks = bodies.text(sender, "Quiero pedir asilo, tengo mucho miedo de volver a mi país")
        photo = bodies.image(sender, caption="Mi carta")
        running_app.deliver(
            bodies.from_sender(DEMO_NUMBER, sender, asks, photo, bodies.audio(sender))
        )
    page = context.new_page()
    sign_in(page, "Lucía")
    page.get_by_role("link", name=re.compile("Amina")).click()
    amina = _id_after(page, "/clients/")
    page.goto("/import")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Elegir un fichero").click()
    rows = "Nombre;Teléfono\r\nBegoña Núñez;600 123 001\r\nJosé;3,46E+10".encode("cp1252")
    file = {"name": "personas.csv", "mimeType": "text/csv", "buffer": rows}
    chooser.value.set_files(file)  # type: ignore[arg-type]
    ids = {"amina": amina, "list": _id_after(page, "/import/")}
    page.close()
    return Known(ids, context.storage_state())


@pytest.mark.parametrize("path", PAGES)
def test_anybody_can_use(page: Page, known: Known, path: str) -> None:
    page.context.add_cookies(known.signed_in["cookies"])  # type: ignore[arg-type]
    _look_at(page, path.format(**known.ids))


@pytest.mark.parametrize("path", DOORS)
def test_anybody_can_come_in(page: Page, path: str) -> None:
    page.context.clear_cookies()
    _look_at(page, path)


def _look_at(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("h1").first).to_be_attached()
    expect(page.locator(PENDING)).to_have_count(0)
    if path == "/dashboard":
        expect(page.locator(".ac-chart svg.main-svg").first).to_be_visible()
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 844})
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{scheme}, {width}: {found.generate_report()}"
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide == width, f"{scheme}: {wide} pixels on a screen of {width}"
    page.close()


def _id_after(page: Page, folder: str) -> str:
    page.wait_for_url(re.compile(f"{folder}[0-9a-f-]{{36}}"))
    return page.url.split(folder)[1][:36]
