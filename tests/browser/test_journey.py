"""A caseworker's first minutes, in a real browser, while people write."""

from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

# One browser at a time: two would only wait for each other.
NADIA = Sender("34600000421", profile_name="Nadia Prueba <img src=x onerror=alert(1)>")
MOUSSA = Sender("221700000422", profile_name="Moussa Démba")
PAGES = ("/", "/clients", "/settings/deliveries", "/simulator")

#: Seconds for news to be on a screen; what is promised is one, the rest is a busy machine's.
NEWS = 10_000


@pytest.fixture(scope="module", autouse=True)
def _two_people(running_app: RunningApp) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    running_app.deliver(
        bodies.from_sender(
            DEMO_NUMBER,
            NADIA,
            *(
                bodies.text(NADIA, f"mensaje {n}", at=yesterday + timedelta(minutes=n))
                for n in range(120)
            ),
        ),
        bodies.from_sender(
            DEMO_NUMBER, MOUSSA, bodies.text(MOUSSA, "Bonjour, j'ai demandé l'asile")
        ),
    )


def find(page: Page, name: str) -> None:
    """Narrow the list down to one person: other tests bring more people than a page holds."""
    page.goto(f"/clients?search={name}")
    expect(page.get_by_role("link", name=name)).to_be_visible()


def test_sign_in_search_open_and_see_a_message_arrive(page: Page, running_app: RunningApp) -> None:
    sign_in(page)
    expect(page.get_by_role("heading", name="Personas")).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("demba mouss")
    expect(page.get_by_role("link", name="Nadia")).to_have_count(0)
    page.wait_for_url("**search=**")
    page.reload()
    page.get_by_role("link", name="Moussa").click()
    page.wait_for_url("**/clients/*-*")
    expect(page.get_by_text("j'ai demandé l'asile")).to_be_visible()

    running_app.deliver(
        bodies.from_sender(DEMO_NUMBER, MOUSSA, bodies.text(MOUSSA, "Vous êtes là ?"))
    )
    expect(page.get_by_text("Vous êtes là ?")).to_be_visible(timeout=NEWS)


def test_a_message_shows_on_every_open_browser(
    page: Page, browser: Browser, running_app: RunningApp
) -> None:
    sign_in(page)
    find(page, "Nadia")
    other = browser.new_context(base_url=running_app.url, locale="en-GB").new_page()
    sign_in(other, "Carmen Ortiz")
    find(other, "Nadia")
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, NADIA, bodies.text(NADIA, "¿Hay alguien?")))
    for seen in (page, other):
        expect(seen.get_by_text("¿Hay alguien?").first).to_be_visible(timeout=NEWS)
    other.context.close()


def test_somebody_who_writes_for_the_first_time_appears(
    page: Page, running_app: RunningApp
) -> None:
    sign_in(page)
    expect(page.get_by_role("heading", name="Personas")).to_be_visible()
    new = Sender(None, bsuid="ES.new42", profile_name="Recién Llegada", username="recien")
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, new, bodies.text(new, "Primera vez")))
    expect(page.get_by_role("link", name="Recién Llegada")).to_be_visible(timeout=NEWS)


def test_without_a_session_every_page_leads_to_sign_in(page: Page) -> None:
    for path in (*PAGES, "/clients/00000000-0000-0000-0000-000000000000"):
        page.goto(path)
        assert "/login" in page.url


def test_signing_out_ends_the_open_pages(page: Page) -> None:
    sign_in(page)
    second = page.context.new_page()
    second.goto("/clients")
    second.get_by_role("heading", name="Personas").wait_for()
    page.request.post("/logout", headers={"Origin": page.url.split("/clients")[0]})
    second.keyboard.press("/")
    second.keyboard.type("moussa")
    second.wait_for_url("**/login**")


@pytest.mark.parametrize("path", ["/login", *PAGES, "client"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(
    browser: Browser, running_app: RunningApp, path: str, scheme: str, width: int
) -> None:
    context = browser.new_context(
        base_url=running_app.url,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="es-ES",
    )
    page = context.new_page()
    if path == "/login":
        page.goto(path)
    else:
        sign_in(page, "Lucía Ferrer")
        if path == "client":
            find(page, "Nadia")
            page.get_by_role("link", name="Nadia").click()
            page.get_by_text("mensaje 119", exact=True).wait_for()
        else:
            page.goto(path)
            page.wait_for_load_state("networkidle")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "the page scrolls sideways"
    context.close()
