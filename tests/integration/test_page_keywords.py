"""The page about keywords: what is looked for, a message to try, and the organisation's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nicegui import ElementFilter, ui
from nicegui.testing import User

from services import keyword_settings
from services.actors import Staff
from services.classification import BUILT_IN, locate_evidence
from tests.pages import browser_of, eventually, markup, report, with_class
from ui.components.elements import Select
from ui.components.keyword_words import highlighted

MAIN = Path(__file__).parent / "simulated_main.py"


@asynccontextmanager
async def opened(staff: Staff) -> AsyncIterator[User]:
    async with browser_of(staff, MAIN) as user:
        await user.open("/settings/keywords")
        yield user


def rows(user: User) -> list[Any]:
    """The keywords that the filters leave."""
    with user:
        return [
            row
            for row in with_class(user, "ac-templates-row")
            if row.parent_slot.parent.visible and "hidden" not in row.parent_slot.parent.classes
        ]


def buttons(user: User, words: str) -> list[Any]:
    with user:
        return [
            e
            for e in ElementFilter(kind=ui.html, local_scope=False)
            if e.props.get("type") in ("button", "submit") and words in e.content
        ]


def press(user: User, words: str) -> None:
    report(user, buttons(user, words)[0], "click")


async def undo(user: User) -> None:
    """The offer comes once the page shows what was done."""
    await eventually(lambda: bool(buttons(user, "Deshacer")))
    press(user, "Deshacer")


def write(user: User, label: str, words: str) -> Any:
    with user:
        [field] = [
            e
            for e in ElementFilter(local_scope=False)
            if isinstance(e, ui.input | ui.textarea) and e.props.get("aria-label") == label
        ]
        field.value = words
    return field


def choose(user: User, label: str, value: str) -> None:
    with user:
        found = list(ElementFilter(kind=Select, local_scope=False))
    [select] = [e for e in found if e.props.get("aria-label") == label]
    report(user, select, "change", value)


async def add(staff: Staff, phrase: str = "hoja diecinueve", language: str = "") -> None:
    await keyword_settings.add_keyword(
        staff, phrase=phrase, language=language, profile_type="ASYLUM", weight=0.55
    )


class TestReading:
    async def test_everybody_reads_what_is_looked_for_and_changes_nothing(
        self, admin: Staff, viewer: Staff
    ) -> None:
        await add(admin)
        async with opened(viewer) as user:
            assert len(rows(user)) == len(BUILT_IN.entries) + 1
            assert "Fuerte · 90" in markup(user)
            assert not buttons(user, "Nueva palabra clave")
            report(user, rows(user)[0], "click")
            await eventually(lambda: "Palabra clave de la organización" in markup(user))
            assert f"<bdi>{admin.name}</bdi>" in markup(user)
            report(user, rows(user)[1], "click")
            await eventually(lambda: "Palabra clave incluida" in markup(user))
            assert not buttons(user, "Desactivar")

    async def test_the_search_finds_every_spelling_in_every_script(self, viewer: Staff) -> None:
        async with opened(viewer) as user:
            for words, found in (
                ("AZILO", "asilo"),
                ("sinpapeles", "sin papeles"),
                ("لجو", "لجوء"),
            ):
                write(user, "Buscar palabras clave", words)
                await eventually(lambda: 0 < len(rows(user)) < 20)
                assert any(found in row.content for row in rows(user))
            write(user, "Buscar palabras clave", "zanahoria")
            await eventually(lambda: "Ninguna palabra clave coincide" in markup(user))

    async def test_type_and_language_narrow_the_list(self, admin: Staff, viewer: Staff) -> None:
        await add(admin, "лист дев'ятнадцять", "uk")
        await add(admin)
        async with opened(viewer) as user:
            choose(user, "Perfil", "STUDENT")
            students = [e for e in BUILT_IN.entries if e.keyword.profile_type == "STUDENT"]
            await eventually(lambda: len(rows(user)) == len(students))
            choose(user, "Perfil", "")
            choose(user, "Idioma", "uk")
            # What is in any language is looked for in Ukrainian, too.
            await eventually(lambda: len(rows(user)) == 2)


class TestTrying:
    async def test_a_message_shows_what_would_be_proposed_and_why(self, viewer: Staff) -> None:
        async with opened(viewer) as user:
            write(user, "Mensaje", "No soy estudiante. Quiero pedir <asilo>")
            await eventually(lambda: "Asilo · 85" in markup(user))
            said = markup(user)
            assert '<mark class="ac-keywords-mark ac-tag--asylum"' in said
            assert "ac-keywords-mark--denied" in said
            assert "&lt;" in said
            assert "<asilo" not in said
            write(user, "Mensaje", "Buenos días")
            await eventually(lambda: "no hay ninguna palabra clave" in markup(user))
            write(user, "Mensaje", "No soy estudiante")
            await eventually(lambda: "lo que se encuentra está negado" in markup(user))
            write(user, "Mensaje", " ")
            await eventually(lambda: "No se propondría nada" not in markup(user))

    async def test_the_example_can_be_used(self, viewer: Staff) -> None:
        async with opened(viewer) as user:
            press(user, "Usar un ejemplo")
            await eventually(lambda: "Se propondría:" in markup(user))

    async def test_it_says_that_what_was_proposed_stays(self, viewer: Staff) -> None:
        async with opened(viewer) as user:
            assert "Lo que ya estaba propuesto se queda como está" in markup(user)

    def test_of_evidence_that_overlaps_every_piece_is_seen(self) -> None:
        text = "no asilo o papeles"
        shown = highlighted(text, locate_evidence(text)).source
        assert ">asilo</mark>" in shown
        assert "papeles</mark>" in shown


class TestOwnKeywords:
    async def test_one_is_written_refused_and_saved(self, admin: Staff) -> None:
        async with opened(admin) as user:
            write(user, "Mensaje", "tengo la hoja diecinueve")
            await eventually(lambda: "no hay ninguna palabra clave" in markup(user))
            press(user, "Nueva palabra clave")
            await eventually(lambda: bool(with_class(user, "ac-channel-form")))
            for words in ("", "de la", "asilo", "asilo de ancianos", "hola, asilo", "x"):
                field = write(user, "Palabra o frase", words)
                field.error = None
                report(user, with_class(user, "ac-channel-form")[0], "submit.prevent")
                await eventually(lambda field=field: bool(field.error))  # type: ignore[misc]
            write(user, "Palabra o frase", "Hoja diecinueve")
            [form] = with_class(user, "ac-channel-form")
            choose_chip(user, "Irregular")
            choose_chip(user, "Fuerte")
            report(user, form, "submit.prevent")
            # What is being tried is judged anew.
            await eventually(lambda: "Irregular · 85" in markup(user))
            [own] = (await keyword_settings.list_keywords(admin)).own
            assert (own.phrase, own.language) == ("Hoja diecinueve", "")
            assert (own.profile_type, own.weight) == ("IRREGULAR", 0.85)

    async def test_a_change_can_be_undone(self, admin: Staff) -> None:
        await add(admin)
        async with opened(admin) as user:
            report(user, rows(user)[0], "click")
            await eventually(lambda: bool(with_class(user, "ac-channel-form")))
            write(user, "Palabra o frase", "hoja veinte")
            report(user, with_class(user, "ac-channel-form")[0], "submit.prevent")
            await eventually(lambda: "hoja veinte" in rows(user)[0].content)
            await undo(user)
            await eventually(lambda: "hoja diecinueve" in rows(user)[0].content)

    async def test_what_was_deleted_is_put_back(self, admin: Staff) -> None:
        await add(admin)
        async with opened(admin) as user:
            report(user, rows(user)[0], "click")
            await eventually(lambda: bool(buttons(user, "Eliminar")))
            press(user, "Eliminar")
            await eventually(lambda: len(rows(user)) == len(BUILT_IN.entries))
            await undo(user)
            await eventually(lambda: "hoja diecinueve" in rows(user)[0].content)


class TestBuiltInKeywords:
    async def test_one_is_switched_off_and_on_again(self, admin: Staff) -> None:
        async with opened(admin) as user:
            report(user, rows(user)[0], "click")
            await eventually(lambda: bool(buttons(user, "Desactivar")))
            press(user, "Desactivar")
            await eventually(lambda: "Desactivadas: 1" in markup(user))
            press(user, "Desactivadas: 1")
            await eventually(lambda: len(rows(user)) == 1)
            await undo(user)
            await eventually(lambda: len(rows(user)) == len(BUILT_IN.entries))
            report(user, rows(user)[0], "click")
            await eventually(lambda: bool(buttons(user, "Desactivar")))
            press(user, "Desactivar")
            await eventually(lambda: bool(buttons(user, "Activar")))
            press(user, "Activar")
            await eventually(lambda: not buttons(user, "Activar"))
            listed = await keyword_settings.list_keywords(admin)
            assert all(keyword.is_on for keyword in listed.built_in)

    async def test_one_whose_phrase_is_the_organisations_by_now_stays_off(
        self, admin: Staff
    ) -> None:
        await keyword_settings.switch_off(admin, "es", "protección internacional")
        async with opened(admin) as user:
            report(user, rows(user)[0], "click")
            await eventually(lambda: bool(buttons(user, "Activar")))
            await add(admin, "protección internacional")
            press(user, "Activar")
            await user.should_see("Ya tenéis una palabra clave para esto.")


def choose_chip(user: User, words: str) -> None:
    """A press on a choice of the form."""
    [chip] = [chip for chip in with_class(user, "ac-chip") if words in chip.content]
    report(user, chip, "click")
