"""What WhatsApp tells about templates and about who wants no advertising has its consequences."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services import clients, template_sync, templates
from services.actors import Staff
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.integration.test_templates import Meta, make_older, read, template
from tests.support import SYSTEM, Postgres, deliver

AMINA = Sender("34600111222", bsuid="ES.4711amina", profile_name="Amina")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def told(field: str, **value: Any) -> dict[str, Any]:
    change = {"field": field, "value": value}
    entry = {"id": "102290129340398", "time": 1739321024, "changes": [change]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def status(event: str, id: int = 1, **more: Any) -> dict[str, Any]:
    return told(
        "message_template_status_update",
        event=event,
        message_template_id=id,
        message_template_name="cita",
        message_template_language="es-ES",
        reason="NONE",
        **more,
    )


def choice(value: str, at: datetime, **who: str) -> dict[str, Any]:
    said = {
        "category": "marketing_messages",
        "value": value,
        "detail": "x",
        "timestamp": int(at.timestamp()),
    }
    return told("user_preferences", contacts=[], user_preferences=[said | who])


async def advertising(staff: Staff, client_id: UUID) -> tuple[bool, datetime] | None:
    detail = await clients.get_client(staff, client_id)
    assert detail is not None
    choice = detail.advertising
    return (choice.wants, choice.said_at) if choice else None


class TestTemplates:
    @pytest.mark.parametrize(
        ("event", "after"),
        [
            ("PAUSED", "PAUSED"),
            ("REJECTED", "REJECTED"),
            ("REINSTATED", "APPROVED"),
            ("FLAGGED", "APPROVED"),
            ("SOMETHING_NEW", "SOMETHING_NEW"),
        ],
    )
    async def test_a_new_status_counts_at_once_and_is_read_again(
        self, caseworker: Staff, database: Postgres, event: str, after: str
    ) -> None:
        await read(template("1"), template("2", "tasa"))
        await deliver(status(event, rejection_info={"reason": "It promises too much."}))
        cita, tasa = await templates.list_templates(caseworker)
        assert (cita.status, cita.dirty, tasa.dirty) == (after, True, False)
        expected = None if event == "FLAGGED" else "It promises too much."
        assert cita.rejected_reason == expected
        make_older(database)
        meta = Meta(template("1", status="DISABLED"), template("2", "tasa"))
        await template_sync.sync_due(SYSTEM, meta)
        cita = await templates.get_template(caseworker, "cita", "es")
        assert (cita.status, cita.dirty) == ("DISABLED", False)

    async def test_several_news_in_one_delivery_all_count(self, caseworker: Staff) -> None:
        await read(template("1"))
        body = status("PAUSED")
        body["entry"] += told(
            "message_template_quality_update", message_template_id=1, new_quality_score="RED"
        )["entry"]
        body["entry"] += told(
            "template_category_update", message_template_id=1, new_category="MARKETING"
        )["entry"]
        await deliver(body)
        [found] = await templates.list_templates(caseworker)
        assert (found.status, found.quality) == ("PAUSED", "RED")
        assert (found.category, found.correct_category) == ("UTILITY", "MARKETING")
        await deliver(
            told(
                "template_category_update",
                message_template_id=1,
                previous_category="UTILITY",
                new_category="MARKETING",
            )
        )
        [found] = await templates.list_templates(caseworker)
        assert found.category == "MARKETING"

    async def test_news_of_one_that_was_never_read_has_the_list_read(
        self, caseworker: Staff, database: Postgres
    ) -> None:
        await read(template("1"))
        await deliver(status("APPROVED", id=77))
        meta = Meta(template("1"), template("77", "nueva"))
        assert await template_sync.sync_due(SYSTEM, meta) == 2

    @pytest.mark.parametrize("value", [{}, {"message_template_id": [1]}, {"event": 5}])
    async def test_news_that_make_no_sense_change_nothing(
        self, caseworker: Staff, value: dict[str, Any]
    ) -> None:
        await read(template("1"))
        await deliver(told("message_template_status_update", **value))
        [found] = await templates.list_templates(caseworker)
        assert (found.status, found.dirty) == ("APPROVED", False)


class TestAdvertising:
    @pytest.mark.parametrize(
        "who", [{"wa_id": AMINA.wa_id or ""}, {"user_id": AMINA.bsuid or ""}], ids=str
    )
    async def test_who_wants_none_is_remembered_and_may_change_their_mind(
        self, caseworker: Staff, who: dict[str, str]
    ) -> None:
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Hola", at=NOON)))
        [amina] = (await clients.list_clients(caseworker)).items
        assert await advertising(caseworker, amina.id) is None
        await deliver(choice("stop", NOON, **who))
        assert await advertising(caseworker, amina.id) == (False, NOON)
        # An older word that comes later is no news.
        await deliver(choice("resume", NOON - timedelta(hours=1), **who))
        assert await advertising(caseworker, amina.id) == (False, NOON)
        later = NOON + timedelta(hours=1)
        await deliver(choice("resume", later, **who))
        assert await advertising(caseworker, amina.id) == (True, later)

    async def test_of_a_stranger_nothing_is_kept(self, database: Postgres, admin: Staff) -> None:
        await deliver(choice("stop", NOON, wa_id="34699999999"))
        await deliver(told("user_preferences", user_preferences="x"))
        await deliver(told("user_preferences", user_preferences=[7, {"category": "x"}]))
        with database.connect() as connection:
            assert connection.execute("select count(*) from marketing_choices").fetchone() == (0,)
        assert (await clients.list_clients(admin)).total == 0
