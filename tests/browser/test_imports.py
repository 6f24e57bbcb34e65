"""A Spanish Excel file from choosing it to undoing it, in a browser."""

import csv
import io
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in

# One browser at a time: two would only wait for each other.
#: Work in the background on a busy machine (milliseconds).
PATIENCE = 30_000

HEAD = "Nombre y apellidos;Teléfono;Correo electrónico;Perfil;Notas"
GOOD = (
    'Begoña Núñez Peña;600 123 001;begona@example.org;Asilo;"Cita el lunes;\r\ncon pasaporte"',
    "Íñigo Muñoz;+34 600 123 002;;Estudiante;",
)
BAD = ("José Ángel;3,46E+10;;;", "María Ñandú;600123004;maria(at)example;Arraigo;")
FIXED = ("José Ángel;600123003;;;", "María Ñandú;600123004;maria@example.org;Arraigo;")


def choose(page: Page, name: str, *rows: str) -> None:
    """Choose a file as Excel writes it in Spain: semicolons, cp1252."""
    content = "\r\n".join([HEAD, *rows]).encode("cp1252")
    page.goto("/import")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Elegir un fichero").click()
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    chooser.value.set_files(file)  # type: ignore[arg-type]
    page.wait_for_url(re.compile("/import/[0-9a-f-]{36}"))


def check(page: Page) -> None:
    page.get_by_role("button", name="Revisar todas las filas").click()
    expect(page.get_by_text("Todavía no se ha guardado nada")).to_be_visible(timeout=PATIENCE)


def count(page: Page, what: str) -> str:
    card = page.locator(".ac-import-count", has_text=what)
    return card.locator("dd").inner_text()


def test_a_list_is_checked_corrected_imported_and_undone(page: Page, tmp_path: Path) -> None:
    sign_in(page, "Lucía")
    choose(page, "personas.csv", *GOOD, *BAD)
    # Read right at once, accents and line breaks included.
    expect(page.get_by_role("cell", name="Begoña Núñez Peña")).to_be_visible()
    expect(page.get_by_label("Letras y acentos")).to_have_value("cp1252")
    expect(page.get_by_label("Qué hay en la columna Teléfono")).to_have_value("phone")
    check(page)
    assert (count(page, "Personas nuevas"), count(page, "Filas con errores")) == ("2", "2")
    expect(page.get_by_text("sus cifras se han perdido")).to_be_visible()
    expect(page.get_by_text("maria(at)example")).to_be_visible()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Descargar con los resultados").click()
    coming.value.save_as(tmp_path / "result.csv")
    told = (tmp_path / "result.csv").read_text("utf-8-sig")
    results = [row[-2] for row in csv.reader(io.StringIO(told), delimiter=";")]
    assert results == ["Resultado", "Nueva", "Nueva", "Error", "Error"]

    choose(page, "personas-corregidas.csv", *GOOD, *FIXED)
    check(page)
    page.get_by_role("button", name="Importar 4 personas").click()
    undo = page.get_by_role("button", name="Deshacer la importación")
    expect(undo).to_be_visible(timeout=PATIENCE)
    imported = page.url
    page.goto("/clients?search=nandu")
    expect(page.get_by_text("María Ñandú")).to_be_visible()

    page.goto(imported)
    undo.click()
    expect(page.get_by_text("4 personas quitadas")).to_be_visible(timeout=PATIENCE)
    page.goto("/clients?search=nandu")
    expect(page.get_by_text("No coincide nadie")).to_be_visible()


def test_a_wrong_encoding_shows_and_is_changed_back(page: Page) -> None:
    sign_in(page, "Lucía")
    choose(page, "acentos.csv", *GOOD)
    page.get_by_label("Letras y acentos").select_option("utf-8")
    expect(page.get_by_role("cell", name="Begoña Núñez Peña")).to_have_count(0)
    page.get_by_label("Letras y acentos").select_option("cp1252")
    expect(page.get_by_role("cell", name="Begoña Núñez Peña")).to_be_visible()


def test_a_pdf_called_csv_is_refused_in_words(page: Page) -> None:
    sign_in(page, "Lucía")
    page.goto("/import")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Elegir un fichero").click()
    file = {"name": "lista.csv", "mimeType": "text/csv", "buffer": b"%PDF-1.7 no es una lista"}
    chooser.value.set_files(file)  # type: ignore[arg-type]
    expect(page.get_by_text("Es un PDF, diga lo que diga su nombre")).to_be_visible()


def test_the_list_is_exported_as_it_is_shown(page: Page, tmp_path: Path) -> None:
    sign_in(page, "Lucía")
    page.goto("/clients")
    page.get_by_role("button", name="Exportar").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV para Excel en España").click()
    coming.value.save_as(tmp_path / "list.csv")
    content = (tmp_path / "list.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfNombre;")

    # Narrowed to the people behind a number the file holds as few as the list.
    page.goto("/clients?created_from=2001-01-01&created_to=2001-01-02&status=archived")
    expect(page.get_by_text("No coincide nadie")).to_be_visible()
    page.get_by_role("button", name="Exportar").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV para Excel en España").click()
    coming.value.save_as(tmp_path / "narrowed.csv")
    assert len((tmp_path / "narrowed.csv").read_text("utf-8-sig").splitlines()) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_at_any_step(page: Page, scheme: str, width: int) -> None:
    sign_in(page, "Lucía")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/import")
    expect(page.get_by_role("button", name="Elegir un fichero")).to_be_visible()
    assert violations(page) == []
    choose(page, f"axe-{scheme}-{width}.csv", *GOOD, *BAD)
    expect(page.get_by_role("button", name="Revisar todas las filas")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
