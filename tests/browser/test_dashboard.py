"""The dashboard in a real browser: numbers, filters, and the people behind them."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.browser.conftest import RunningApp, sign_in

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def two_people(running_app: RunningApp) -> None:
    """Amina, who asks for asylum, and Chen, who greets."""
    somebody_writes(running_app, "Amina", "34600111001", "quiero pedir asilo")
    somebody_writes(running_app, "Chen", "34600111002", "Buenos días")


def somebody_writes(app: RunningApp, name: str, wa_id: str, words: str) -> None:
    sender = Sender(wa_id, profile_name=name)
    app.deliver(bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, words)))


def no_violations(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.usefixtures("two_people")
def test_from_a_number_to_its_people(page: Page, tmp_path: Path) -> None:
    sign_in(page)
    page.goto("/dashboard")
    expect(page.get_by_role("heading", level=1, name="Panel")).to_be_visible()
    tile = page.locator(".ac-tile", has_text="Esperan respuesta")
    expect(tile.locator(".ac-tile-number")).to_have_text("2")
    expect(page.locator(".ac-chart svg.main-svg").first).to_be_visible()

    # A slice of the pie opens the people of that profile.
    pie = page.locator("section", has=page.get_by_role("heading", name="Personas por perfil"))
    expect(pie.locator("g.slice")).to_have_count(2)
    pie.get_by_text("Tabla").click()
    pie.get_by_role("row", name=re.compile("Asilo")).get_by_role("link", name="1").click()
    page.wait_for_url("**/clients?profile=ASYLUM")
    expect(page.get_by_role("link", name=re.compile("Amina"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Chen"))).to_have_count(0)
    page.go_back()

    # A filter is in the address, and narrows every number.
    page.get_by_label("Perfil").select_option(label="Asilo")
    page.get_by_role("button", name="Filtrar").click()
    page.wait_for_url("**/dashboard?**profile=ASYLUM**")
    expect(page.locator(".ac-tile-number").first).to_have_text("1")
    page.locator(".ac-tile").first.click()
    page.wait_for_url("**behind=waiting**")
    expect(page.locator(".ac-chip--narrowed")).to_contain_text("Esperan respuesta")
    expect(page.get_by_role("link", name=re.compile("Amina"))).to_be_visible()
    page.go_back()

    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    file = tmp_path / "numbers.csv"
    download.value.save_as(file)
    assert "messages,inbound" in file.read_text("utf-8-sig")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Guardar «Personas por perfil»")).click()
    picture = tmp_path / "people.png"
    download.value.save_as(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("two_people")
def test_of_two_lines_the_one_that_is_pressed_opens_its_people(page: Page) -> None:
    sign_in(page)
    page.set_viewport_size({"width": 1440, "height": 1400})
    for line, kind in enumerate(("inbound", "outbound")):
        page.goto("/dashboard")
        days = page.locator(".ac-chart").first
        # Today: one line is at the top, the other at nothing; below the axis nothing is pressed.
        box = days.locator("g.trace").nth(line).locator("path.point").last.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] - 3
        page.mouse.move(x - 1, y)
        expect(days.locator("g.hoverlayer text", has_text="Enviados")).to_be_visible()
        page.mouse.click(x, y)
        page.wait_for_url(f"**/clients?**behind={kind}**")


@pytest.mark.usefixtures("two_people")
def test_the_theme_changes_under_a_drawing(page: Page) -> None:
    sign_in(page)
    page.goto("/dashboard")
    grid = page.locator(".ac-chart").first.locator("g.ygrid path, path.ygrid").first
    expect(page.locator(".ac-chart svg.main-svg").first).to_be_visible()
    before = grid.evaluate("e => getComputedStyle(e).stroke")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => { const e = document.querySelector('.ac-chart path.ygrid');"
        " return e && getComputedStyle(e).stroke !== before; }",
        arg=before,
    )


@pytest.mark.usefixtures("two_people")
def test_anybody_can_read_it(page: Page) -> None:
    sign_in(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in ({"width": 1440, "height": 900}, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.goto("/dashboard")
            expect(page.locator(".ac-chart svg.main-svg").first).to_be_visible()
            no_violations(page)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    page.goto("/dashboard/print")
    expect(page.get_by_role("heading", name="Personas por perfil")).to_be_visible()
    no_violations(page)


@pytest.mark.usefixtures("two_people")
def test_small_numbers_are_not_on_paper(page: Page) -> None:
    sign_in(page)
    page.goto("/dashboard")
    page.get_by_role("link", name="Para imprimir").click()
    table = page.get_by_role("table", name="Personas por perfil")
    expect(table.get_by_role("row", name=re.compile("Total"))).to_contain_text("–")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name=re.compile("Men"))).to_be_hidden()


def test_days_that_are_no_period_are_said_beside_the_field(page: Page) -> None:
    sign_in(page)
    page.goto("/dashboard?from=2026-11-20&to=2026-11-01")
    expect(page.locator(".ac-field-error")).to_be_visible()
    expect(page.get_by_label("Desde")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".ac-tile")).to_have_count(0)


def test_one_end_of_a_period_may_be_any_day(page: Page) -> None:
    sign_in(page)
    page.goto("/dashboard?from=2001-01-01")
    expect(page.locator(".ac-field-error")).to_be_visible()
    for days in ("from=2001-01-01", "to=2000-01-05", "from=2999-12-31", "from=x&to=2026-02-30"):
        page.goto(f"/dashboard/print?{days}")
        expect(page.get_by_role("heading", name="Personas por perfil")).to_be_visible()
    for days in ("to=2000-01-05", "from=2999-12-31", "from=x&to=2026-02-30&assigned=y&profile=z"):
        page.goto(f"/dashboard?{days}")
        expect(page.locator(".ac-tile").first).to_be_visible()
