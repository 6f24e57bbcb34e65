"""The pages about the channel: templates, replies, health, what did not arrive; and the banner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from nicegui import ElementFilter, ui
from nicegui.testing import User

from services import (
    canned_replies,
    channel_checks,
    media,
    sending,
    structured_messages,
    template_sync,
)
from services.actors import Staff
from services.errors import Conflict
from services.outgoing import Button, Buttons
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.integration.test_channel_checks import Numbers, Refused, ask
from tests.integration.test_channel_news import status, told
from tests.integration.test_templates import read, template
from tests.integration.test_undelivered import days_ago, sent
from tests.pages import browser_of, eventually, markup, report, with_class
from tests.support import SYSTEM, Postgres, deliver
from ui import live
from ui.components import channel_banner
from ui.components.elements import Select

MAIN = Path(__file__).parent / "simulated_main.py"


@asynccontextmanager
async def opened(staff: Staff, path: str) -> AsyncIterator[User]:
    async with browser_of(staff, MAIN) as user:
        await user.open(path)
        yield user


def buttons(user: User, words: str) -> list[Any]:
    """Buttons on screen that say this."""
    with user:
        return [
            e
            for e in ElementFilter(kind=ui.html, local_scope=False)
            if e.props.get("type") in ("button", "submit") and words in e.content
        ]


def press(user: User, words: str) -> None:
    report(user, buttons(user, words)[0], "click")


def field(user: User, label: str) -> Any:
    """The field with this label."""
    with user:
        [found] = [
            e
            for e in ElementFilter(local_scope=False)
            if isinstance(e, ui.input | ui.textarea) and e.props.get("aria-label") == label
        ]
    return found


def type_in(user: User, label: str, text: str) -> None:
    with user:
        field(user, label).value = text


def submit(user: User) -> None:
    [form] = with_class(user, "ac-channel-form")[:1]
    report(user, form, "submit.prevent")


@pytest.fixture
def no_reload(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    told: list[bool] = []
    monkeypatch.setattr(ui.navigate, "reload", lambda: told.append(True))
    return told


class TestTemplates:
    @pytest.fixture
    async def some(self, database: Postgres) -> None:
        await read(
            template("1", "cita_previa", "en_US", components=BODY),
            template("2", "cita_previa"),
            template("3", "encuesta", category="MARKETING", status="PAUSED"),
            template("4", "nueva", status="REJECTED", rejected_reason="SCAM"),
        )

    @pytest.mark.usefixtures("some")
    async def test_the_first_one_is_shown_as_the_phone_does(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/templates") as user:
            said = markup(user)
            assert "Hola Amina, le esperamos." in said
            assert len(with_class(user, "ac-templates-row")) == 4
            assert buttons(user, "Leer otra vez") == []

    @pytest.mark.usefixtures("some")
    async def test_filters_are_in_the_address_and_find(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/templates?state=stuck") as user:
            rows = [row.content for row in with_class(user, "ac-templates-row")]
            assert len(rows) == 2
            assert "encuesta" in rows[0]
            assert "Publicidad" in rows[0]
        async with opened(caseworker, "/templates?language=EN&search=cita") as user:
            assert with_class(user, "ac-templates-row") == []
            assert "Ninguna plantilla coincide" in markup(user)
            [search] = with_class(user, "ac-search")
            with user:
                [state, language, category] = ElementFilter(kind=Select, local_scope=False)
            report(user, language, "change", "en_us")
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)
            report(user, language, "change", "nonsense")
            report(user, state, "change", "sendable")
            report(user, category, "change", "UTILITY")
            with user:
                search.value = "PREVIA"
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)

    @pytest.mark.usefixtures("some")
    async def test_a_rejected_one_says_why_in_words(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/templates?search=nueva") as user:
            report(user, with_class(user, "ac-templates-row")[0], "click")
            await eventually(lambda: bool(with_class(user, "ac-templates-panes--open")))
            said = markup(user)
            assert "Rechazada" in said
            assert "WhatsApp la toma por una estafa." in said

    async def test_an_admin_has_the_list_read(self, admin: Staff) -> None:
        async with opened(admin, "/templates") as user:
            assert "Todavía no hay plantillas" in markup(user)
            press(user, "Leer otra vez")
            await eventually(lambda: "Un momento" in markup(user))
            assert (await template_sync.sync_state(admin)).waiting
            await read(template("1", "cita_previa"), template("2", "cita_confirmada"))
            live.channel_changed.emit()
            await eventually(lambda: "cita_previa" in markup(user))
            assert "Un momento" not in markup(user)
            assert "2 plantillas" in markup(user)


BODY = [
    {
        "type": "BODY",
        "text": "Hola {{1}}, le esperamos.",
        "example": {"body_text": [["Amina"]]},
    }
]


class TestReplies:
    async def test_a_reply_is_written_refused_and_saved(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/settings/canned-replies") as user:
            press(user, "Nueva respuesta")
            await eventually(lambda: bool(with_class(user, "ac-channel-form")))
            type_in(user, "Atajo", "Hola a todos")
            type_in(user, "Título", "Saludo")
            type_in(user, "Texto en español", "Hola {{name}}")
            submit(user)
            await eventually(lambda: bool(field(user, "Texto en español").error))
            assert field(user, "Atajo").error
            type_in(user, "Atajo", "hola")
            press(user, "{{nombre}}")
            type_in(user, "Texto en español", "Hola {{nombre}}, soy {{mi_nombre}}")
            await eventually(lambda: "Hola Amina, soy Omar" in markup(user))
            submit(user)
            await eventually(lambda: "/hola" in markup(user))
            [reply] = await canned_replies.list_canned(caseworker)
            assert reply.texts == {"es": "Hola {{nombre}}, soy {{mi_nombre}}"}

    async def test_a_language_is_added(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/settings/canned-replies") as user:
            press(user, "Nueva respuesta")
            await eventually(lambda: bool(with_class(user, "ac-channel-form")))
            with user:
                [languages] = ElementFilter(kind=Select, local_scope=False)
            report(user, languages, "change", "fr")
            await eventually(lambda: len(with_class(user, "ac-formfield")) == 4)
            type_in(user, "Texto en francés", "Bonjour {{nombre}}")
            type_in(user, "Atajo", "bonjour")
            type_in(user, "Título", "x")
            submit(user)
            await eventually(lambda: "/bonjour" in markup(user))
            [reply] = await canned_replies.list_canned(caseworker)
            assert reply.texts == {"fr": "Bonjour {{nombre}}"}

    async def test_what_was_deleted_is_put_back(self, caseworker: Staff) -> None:
        await canned_replies.create_canned(
            caseworker, shortcut="hola", title="Saludo", texts={"es": "Hola"}
        )
        async with opened(caseworker, "/settings/canned-replies") as user:
            report(user, with_class(user, "ac-templates-row")[0], "click")
            await eventually(lambda: bool(buttons(user, "Eliminar")))
            press(user, "Eliminar")
            await eventually(lambda: with_class(user, "ac-templates-row") == [])
            press(user, "Deshacer")
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)
            [reply] = await canned_replies.list_canned(caseworker)
            assert reply.shortcut == "hola"

    async def test_search_finds_by_shortcut_title_and_words(self, caseworker: Staff) -> None:
        for shortcut, text in (("hola", "Buenos días"), ("doc", "Traiga el padrón")):
            await canned_replies.create_canned(
                caseworker, shortcut=shortcut, title=shortcut, texts={"es": text}
            )
        async with opened(caseworker, "/settings/canned-replies") as user:
            [search] = with_class(user, "ac-search")
            with user:
                search.value = "padron"
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)
            with user:
                search.value = "nada de esto"
            await eventually(lambda: "Ninguna respuesta coincide" in markup(user))

    async def test_a_message_with_buttons_is_made_with_a_preview(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/settings/canned-replies") as user:
            press(user, "Con botones")
            await eventually(lambda: bool(with_class(user, "ac-channel-form")))
            submit(user)
            await eventually(lambda: bool(field(user, "Texto").error))
            type_in(user, "Título", "Cita")
            type_in(user, "Texto", "¿Vendrá?")
            type_in(user, "Botón 1", "Sí")
            type_in(user, "Botón 3", "No")
            await eventually(lambda: markup(user).count("ac-mock-button") == 2)
            assert field(user, "Botón 1").props["maxlength"] == 20
            submit(user)
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)
            [message] = await structured_messages.list_structured(caseworker)
            assert isinstance(message.content, Buttons)
            assert message.content.buttons == (Button("1: Sí", "Sí"), Button("2: No", "No"))

    async def test_a_list_is_made_changed_and_deleted(self, caseworker: Staff) -> None:
        async with opened(caseworker, "/settings/canned-replies") as user:
            press(user, "Con lista")
            await eventually(lambda: bool(with_class(user, "ac-channel-form")))
            type_in(user, "Título", "Motivo")
            type_in(user, "Texto", "¿Qué necesita?")
            type_in(user, "Qué dice el botón que abre la lista", "Elegir")
            type_in(user, "Opción", "Asilo")
            press(user, "Añadir una opción")
            await eventually(lambda: len(with_class(user, "ac-channel-choice")) == 2)
            report(user, buttons(user, "Quitar esta opción")[1], "click")
            await eventually(lambda: len(with_class(user, "ac-channel-choice")) == 1)
            submit(user)
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)
            report(user, with_class(user, "ac-templates-row")[0], "click")
            await eventually(lambda: bool(buttons(user, "Eliminar")))
            press(user, "Eliminar")
            await eventually(lambda: with_class(user, "ac-templates-row") == [])
            press(user, "Deshacer")
            await eventually(lambda: len(with_class(user, "ac-templates-row")) == 1)


class TestHealth:
    async def test_it_says_what_is_wrong_and_what_to_do(
        self, admin: Staff, database: Postgres
    ) -> None:
        await ask(Numbers(quality_rating="RED"))
        await deliver(told("account_update", event="ACCOUNT_VIOLATION"))
        await deliver(told("account_update", event="NEVER_HEARD_OF"))
        await deliver(told("security", event="PIN_CHANGED"))
        await deliver(told("phone_number_quality_update", event="FLAGGED"))
        await deliver(told("account_alerts", alert_description="Mind the gap"))
        await deliver(status("REJECTED"))
        async with opened(admin, "/settings/channel") as user:
            said = markup(user)
            for words in (
                "Muchas personas nos han bloqueado",
                "1.000 personas al día",
                "se ha incumplido una norma",
                "never heard of",
                "PIN del número",
                "en observación",
                "Mind the gap",
                "“cita” (español (España)): Rechazada",
            ):
                assert words in said, words

    async def test_an_admin_lets_messages_go_out_again(
        self, admin: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into whatsapp_numbers (phone_number_id, stopped_at, stop_code)"
                " values ('1', now(), 131042)"
            )
        async with opened(admin, "/settings/channel") as user:
            assert "Mira la forma de pago" in markup(user)
            press(user, "Enviar otra vez")
            await eventually(lambda: "Mira la forma de pago" not in markup(user))
            assert await sending.stopped(admin) is None

    async def test_files_that_were_lost_are_listed_for_who_asks_and_asked_for_again(
        self, admin: Staff, database: Postgres
    ) -> None:
        amina = Sender("34600111222", profile_name="Amina Haddad")
        async with opened(admin, "/settings/channel") as user:
            [opener] = buttons(user, "Ver cuáles")
            assert not opener.parent_slot.parent.visible
        await deliver(bodies.from_sender(DEMO_NUMBER, amina, bodies.image(amina)))
        with database.connect() as connection:
            connection.execute("update message_media set state = 'expired'")
            [(message_id,)] = connection.execute("select id from messages").fetchall()
        async with opened(admin, "/settings/channel") as user:
            assert "Amina Haddad" not in markup(user)
            assert _looked(database) == 0
            press(user, "Ver cuáles (1)")
            await eventually(lambda: "Amina Haddad" in markup(user))
            assert f"?at={message_id}" in markup(user)
            assert "Pide a la persona que lo envíe de nuevo" in markup(user)
            press(user, "Intentar ahora")
            await eventually(lambda: "Amina Haddad" not in markup(user))
            assert await media.number_of_lost_files(admin) == 0
            assert _looked(database) == 1

    async def test_an_admin_has_whatsapp_asked_now(self, admin: Staff, database: Postgres) -> None:
        await ask(Numbers())
        async with opened(admin, "/settings/channel") as user:
            press(user, "Comprobar ahora")
            await eventually(lambda: _is_due(database))

    async def test_each_silence_has_words(self, admin: Staff) -> None:
        meta = Numbers()
        meta.error = Refused(33)
        await ask(meta)
        async with opened(admin, "/settings/channel") as user:
            assert "WhatsApp no conoce este número" in markup(user)


def _looked(database: Postgres) -> int:
    """How often the audit log tells that somebody looked at the list of lost files."""
    with database.connect() as connection:
        [(count,)] = connection.execute(
            "select count(*) from audit_log where table_name = 'message_media' and action = 'view'"
        ).fetchall()
    assert isinstance(count, int)
    return count


def _is_due(database: Postgres) -> bool:
    with database.connect() as connection:
        [(due,)] = connection.execute(
            "select next_check_at <= now() from channel_checks"
        ).fetchall()
    return bool(due)


class TestBanner:
    @pytest.fixture
    def stopped(self, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into whatsapp_numbers (phone_number_id, stopped_at, stop_code,"
                " last_delivery_at) values ('1', now(), 190, now())"
            )

    @pytest.mark.usefixtures("stopped")
    async def test_everybody_sees_it_appear_and_go(
        self, viewer: Staff, admin: Staff, database: Postgres
    ) -> None:
        async with opened(viewer, "/clients") as user:
            assert with_class(user, "ac-banner-place")[0].content == ""
            await channel_banner.refresh()
            assert "No se envía nada" in markup(user)
            assert "/settings/channel" not in with_class(user, "ac-banner-place")[0].content
            with database.connect() as connection:
                connection.execute("update whatsapp_numbers set stopped_at = null")
            await channel_banner.refresh()
            assert "No se envía nada" not in markup(user)

    @pytest.mark.usefixtures("stopped")
    async def test_an_admin_is_led_to_what_to_do(self, admin: Staff, database: Postgres) -> None:
        await channel_banner.refresh()
        async with opened(admin, "/clients") as user:
            assert "/settings/channel" in with_class(user, "ac-banner-place")[0].content
        with database.connect() as connection:
            connection.execute("delete from whatsapp_numbers")
        await channel_banner.refresh()

    async def test_silence_is_told_to_admins_only(
        self, admin: Staff, viewer: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into whatsapp_numbers (phone_number_id, last_delivery_at)"
                " values ('1', now() - interval '4 days')"
            )
        await channel_banner.refresh()
        async with opened(viewer, "/clients") as user:
            assert with_class(user, "ac-banner-place")[0].content == ""
        async with opened(admin, "/clients") as user:
            assert "no ha traído nada" in markup(user)
        with database.connect() as connection:
            connection.execute("delete from whatsapp_numbers")
        await channel_banner.refresh()
        assert await channel_checks.ills(SYSTEM) == ()


class TestUndelivered:
    @pytest.fixture
    async def amina(self, database: Postgres) -> UUID:
        with database.connect() as connection:
            row = connection.execute(
                "insert into clients (name, last_inbound_at) values ('Amina', now()) returning id"
            ).fetchone()
        assert row is not None
        assert isinstance(row[0], UUID)
        return row[0]

    @pytest.mark.parametrize("day", ["nonsense", "9999-12-31", "0001-01-01"])
    async def test_where_all_arrived_it_says_so(self, viewer: Staff, day: str) -> None:
        async with opened(viewer, f"/settings/undelivered?day={day}") as user:
            assert "Todo ha llegado" in markup(user)

    async def test_each_day_has_its_messages_with_the_reason(
        self,
        caseworker: Staff,
        amina: UUID,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        then = datetime.now(UTC) - timedelta(days=3)
        failed = sent(database, amina, "failed", then, code=131026)
        sent(database, amina, "sent", then)
        sent(database, amina, "accepted", then, held="held_for_quality_assessment")
        sent(database, amina, "unknown", days_ago(5))
        async with opened(caseworker, "/settings/undelivered") as user:
            said = markup(user)
            assert "1 rechazado, 1 que WhatsApp retiene, 1 sin noticias en un día" in said
            assert "primero mira cómo reciben las personas esta plantilla" in said
            assert "WhatsApp no ha podido entregarlo" in said
            assert f"/clients/{amina}?at={failed}" in said
            [_, older] = with_class(user, "ac-chip")
            report(user, older, "click")
            await eventually(lambda: "1 que no se sabe" in markup(user))
            press(user, "No llegó")
            await eventually(lambda: "1 rechazado" in markup(user))

    async def test_a_retry_that_cannot_be_is_explained(
        self,
        caseworker: Staff,
        amina: UUID,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        sent(database, amina, "failed", days_ago(2))
        asked: list[UUID] = []

        async def retry(actor: Staff, message_id: UUID) -> None:
            asked.append(message_id)
            raise Conflict("window_closed")

        monkeypatch.setattr(sending, "retry", retry)
        async with opened(caseworker, "/settings/undelivered") as user:
            press(user, "Enviar otra vez")
            await user.should_see("Han pasado más de 24 horas")
            assert len(asked) == 1

    async def test_who_may_only_read_is_offered_nothing(
        self, viewer: Staff, amina: UUID, database: Postgres
    ) -> None:
        sent(database, amina, "failed", days_ago(2))
        async with opened(viewer, "/settings/undelivered") as user:
            assert "Amina" in markup(user)
            assert buttons(user, "Enviar otra vez") == []
