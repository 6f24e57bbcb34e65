"""Two people in two browsers: when sending stops, both pages say so, and when it goes on as well.

An app of its own, because nothing else can be sent meanwhile.
"""

import re

import httpx
from playwright.sync_api import Browser, Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

#: Milliseconds; what is promised.
A_FEW_SECONDS = 8_000


def test_what_stops_is_told_on_the_page_that_somebody_else_has_open(
    page: Page, browser: Browser, running_app: RunningApp
) -> None:
    amina = Sender("34600111001", profile_name="Amina Bennani")
    running_app.deliver(bodies.from_sender(DEMO_NUMBER, amina, bodies.text(amina, "Hola")))
    context = browser.new_context(base_url=running_app.url, locale="es-ES")
    admins = context.new_page()
    sign_in(admins, "Lucía")
    admins.goto("/dashboard")
    told = admins.locator(".ac-banner")
    expect(admins.get_by_role("heading", level=1, name="Panel")).to_be_visible()
    expect(told).to_have_count(0)

    sign_in(page)
    page.get_by_role("link", name=re.compile("Amina")).click()
    page.wait_for_url("**/clients/*-*")
    _fault(running_app, "token_expired")
    page.locator(".ac-composer textarea").fill("Buenos días")
    page.keyboard.press("Enter")
    expect(told).to_contain_text("No se envía nada desde", timeout=A_FEW_SECONDS)
    expect(told).to_contain_text("no se pierde nada")
    expect(told.get_by_role("link", name="Ver qué hacer")).to_be_visible()
    # A caseworker cannot mend it, and learns who can.
    expect(page.locator(".ac-banner")).to_contain_text(
        "Coordinación también lo ve", timeout=A_FEW_SECONDS
    )

    _fault(running_app, None)
    told.get_by_role("link", name="Ver qué hacer").click()
    admins.get_by_role("button", name="Enviar otra vez").click()
    expect(admins.locator(".ac-banner")).to_have_count(0, timeout=A_FEW_SECONDS)
    expect(page.locator(".ac-banner")).to_have_count(0, timeout=A_FEW_SECONDS)
    expect(page.locator("article.ac-out")).to_contain_text("Buenos días")
    context.close()


def _fault(app: RunningApp, name: str | None) -> None:
    """Let WhatsApp refuse from now on; None: no more."""
    asked = {"name": name, "times": None} if name else {}
    httpx.post(f"{app.url}/simulator/graph/_simulator/faults", json=asked).raise_for_status()
