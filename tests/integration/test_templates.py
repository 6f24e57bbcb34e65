"""Templates: read whole or not at all, known by name and language, never forgotten."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services import template_sync, templates
from services.actors import Staff
from services.errors import Conflict, Forbidden, NotFound
from services.events import Json
from tests.support import SYSTEM, Postgres


def template(id: str, name: str = "cita", language: str = "es", **more: Any) -> Json:
    body = {"type": "BODY", "text": "Hola {{1}}", "example": {"body_text": [["Amina"]]}}
    return {
        "id": id,
        "name": name,
        "language": language,
        "status": "APPROVED",
        "category": "UTILITY",
        "parameter_format": "POSITIONAL",
        "components": [body],
        "quality_score": {"score": "GREEN", "date": 1},
        "rejected_reason": "NONE",
        **more,
    }


class Meta:
    """What the Graph API would answer."""

    def __init__(self, *listed: Json) -> None:
        self.listed = list(listed)
        self.error: Exception | None = None
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def templates(self) -> list[Json]:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.listed


class Refused(Exception):
    code = 190


async def read(*listed: Json) -> Meta:
    meta = Meta(*listed)
    await template_sync.sync_due(SYSTEM, meta, hours=-1)
    return meta


@pytest.fixture
async def client(database: Postgres) -> UUID:
    with database.connect() as connection:
        row = connection.execute("insert into clients (name) values ('A') returning id").fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


def make_older(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute(
            "update template_syncs set started_at = started_at - interval '1 hour',"
            " finished_at = finished_at - interval '1 hour', next_attempt_at = now()"
        )


class TestTheReading:
    async def test_takes_the_whole_list(self, caseworker: Staff) -> None:
        await read(template("1"), template("2", "cita", "en_US"), template("3", "tasa"))
        found = await templates.list_templates(caseworker)
        assert [(t.name, t.language) for t in found] == [
            ("cita", "en_US"),
            ("cita", "es"),
            ("tasa", "es"),
        ]
        assert (found[0].quality, found[0].rejected_reason, found[0].named) == (
            "GREEN",
            None,
            False,
        )
        assert [v.key for v in found[0].variables] == ["1"]

    async def test_is_due_at_first_and_then_after_hours(
        self, admin: Staff, database: Postgres
    ) -> None:
        meta = Meta(template("1"))
        for _ in range(3):
            await template_sync.sync_due(SYSTEM, meta)
        assert meta.asked == 1
        state = await template_sync.sync_state(admin)
        assert (state.total, state.running, state.problem) == (1, False, None)
        assert state.finished_at is not None
        with database.connect() as connection:
            connection.execute("update template_syncs set finished_at = now() - interval '4 hours'")
        await template_sync.sync_due(SYSTEM, meta)
        assert meta.asked == 2

    async def test_when_the_app_starts_it_is_due_sooner(self, database: Postgres) -> None:
        meta = Meta(template("1"))
        for _ in range(2):
            reading = template_sync.Reading(SYSTEM, meta)
            await reading.step()
            await reading.step()
        assert meta.asked == 1
        make_older(database)
        await template_sync.Reading(SYSTEM, meta).step()
        assert meta.asked == 2

    async def test_an_admin_asks_for_it(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        meta = await read(template("1"))
        with pytest.raises(Forbidden):
            await template_sync.request_sync(caseworker)
        await template_sync.request_sync(admin)
        assert (await template_sync.sync_state(caseworker)).waiting
        await template_sync.sync_due(SYSTEM, meta)
        assert meta.asked == 2
        state = await template_sync.sync_state(caseworker)
        assert (state.waiting, state.requested_by) == (False, admin.name)

    async def test_is_seen_and_is_nobody_elses_meanwhile(self, admin: Staff) -> None:
        meta = Meta(template("1"), template("2", "tasa"))
        meta.gate = asyncio.Event()
        reading = asyncio.create_task(template_sync.sync_due(SYSTEM, meta))
        for _ in range(200):
            state = await template_sync.sync_state(admin)
            if state.running:
                break
            await asyncio.sleep(0.01)
        assert state.running
        assert await template_sync.sync_due(SYSTEM, Meta()) == 0
        meta.gate.set()
        assert await reading == 2

    async def test_that_breaks_off_changes_nothing_and_says_why(
        self, admin: Staff, database: Postgres
    ) -> None:
        await read(template("1"), template("2", "tasa"))
        make_older(database)
        meta = Meta(template("1", status="PAUSED"))
        meta.error = Refused()
        await template_sync.sync_due(SYSTEM, meta, hours=0)
        found = await templates.list_templates(admin)
        assert [(t.name, t.status) for t in found] == [("cita", "APPROVED"), ("tasa", "APPROVED")]
        state = await template_sync.sync_state(admin)
        assert (state.running, state.problem) == (False, "190")
        assert state.next_attempt_at is not None
        # Not at once again, but when somebody asks.
        await template_sync.sync_due(SYSTEM, meta, hours=0)
        assert meta.asked == 1
        await template_sync.request_sync(admin)
        meta.error = None
        await template_sync.sync_due(SYSTEM, meta)
        assert (await template_sync.sync_state(admin)).problem is None

    async def test_what_is_gone_is_marked_and_may_come_back(self, admin: Staff) -> None:
        await read(template("1"), template("2", "tasa"))
        await read(template("2", "tasa"))
        assert [t.name for t in await templates.list_templates(admin)] == ["tasa"]
        gone = (await templates.list_templates(admin, with_gone=True))[0]
        assert (gone.name, gone.gone, gone.why_not) == ("cita", True, "template_gone")
        await read(template("1"), template("2", "tasa"))
        assert next(iter(await templates.list_templates(admin))).id == gone.id

    async def test_one_made_anew_under_the_same_name_takes_its_place(self, admin: Staff) -> None:
        await read(template("1"))
        await read(template("9", "cita", "es"))
        everything = await templates.list_templates(admin, with_gone=True)
        assert sorted((t.meta_id, t.gone) for t in everything) == [("1", True), ("9", False)]

    async def test_two_spellings_of_a_language_are_one(self, admin: Staff) -> None:
        await read(template("1", language="en-US"), template("2", language="en_US"))
        assert len(await templates.list_templates(admin)) == 1
        assert (await templates.get_template(admin, "cita", "EN-us")).meta_id == "2"

    async def test_what_makes_no_sense_is_left_out(self, admin: Staff) -> None:
        await read(
            {},
            {"id": 5, "name": "numero", "language": "es"},
            template("6", "nul", components=[{"type": "BODY", "text": "a\0b\ud800"}]),
            template("7", "x" * 600),
            template("8", "raro", components="x", category=7, quality_score="GREEN"),
        )
        found = {t.name: t for t in await templates.list_templates(admin)}
        assert set(found) == {"numero", "nul", "raro"}
        assert found["nul"].body == "a\ufffdb?"
        assert (found["numero"].status, found["raro"].category) == ("UNKNOWN", "UNKNOWN")

    async def test_what_happens_meanwhile_is_looked_at_again(
        self, admin: Staff, database: Postgres
    ) -> None:
        meta = await read(template("1"))
        with database.connect() as connection:
            connection.execute("update message_templates set dirty_at = now()")
        # Not in the same breath: several things happen to a template at once.
        await template_sync.sync_due(SYSTEM, meta)
        assert meta.asked == 1
        make_older(database)
        await template_sync.sync_due(SYSTEM, meta)
        assert meta.asked == 2
        assert not (await templates.list_templates(admin))[0].dirty


class TestSending:
    @pytest.mark.parametrize("status", ["PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL"])
    async def test_only_what_is_approved_is_sent(
        self, caseworker: Staff, client: UUID, status: str
    ) -> None:
        await read(template("1", status=status), template("2", "tasa"))
        sendable = await templates.list_templates(caseworker, sendable_only=True)
        assert [t.name for t in sendable] == ["tasa"]
        await templates.may_send(caseworker, client, sendable[0])
        other = await templates.get_template(caseworker, "cita", "es")
        with pytest.raises(Conflict, match="template_not_approved"):
            await templates.may_send(caseworker, client, other)

    async def test_one_that_nobody_knows(self, caseworker: Staff) -> None:
        with pytest.raises(NotFound):
            await templates.get_template(caseworker, "cita", "es")

    async def test_no_advertising_for_who_wants_none(
        self, caseworker: Staff, client: UUID, database: Postgres
    ) -> None:
        await read(template("1", "oferta", category="MARKETING"), template("2"))
        cita, oferta = await templates.list_templates(caseworker)
        await templates.may_send(caseworker, client, oferta)
        with database.connect() as connection:
            connection.execute(
                "insert into marketing_choices (client_id, wants, said_at)"
                " values (%s, false, now())",
                [client],
            )
        with pytest.raises(Conflict, match="marketing_stopped"):
            await templates.may_send(caseworker, client, oferta)
        await templates.may_send(caseworker, client, cita)

    async def test_what_is_missing_is_named(self, caseworker: Staff) -> None:
        header = {"type": "HEADER", "format": "IMAGE"}
        body = {"type": "BODY", "text": "{{1}} {{2}}"}
        await read(template("1", components=[header, body]))
        [found] = await templates.list_templates(caseworker)
        assert found.missing({"1": "a", "2": " "}, has_header=False) == ["header", "2"]
        assert found.missing({"1": "a", "2": "b"}, has_header=True) == []
        assert found.filled_body({"1": "a", "2": "b"}) == "a b"


class TestErrorsOfMessages:
    """Whatever stores the error of a message, the database draws the conclusion."""

    @pytest.fixture
    def message(self, client: UUID, database: Postgres) -> UUID:
        with database.connect() as connection:
            row = connection.execute(
                "insert into messages (client_id, phone_number_id, direction, type, sent_at,"
                " status, payload) values (%s, '1', 'outbound', 'template', now(), 'sent',"
                ' \'{"name": "cita", "language": {"code": "es"}}\') returning id',
                [client],
            ).fetchone()
        assert row is not None
        assert isinstance(row[0], UUID)
        return row[0]

    @pytest.mark.parametrize(("code", "dirty"), [(132001, True), (132015, True), (131026, False)])
    async def test_a_refused_template_is_read_again(
        self, caseworker: Staff, message: UUID, database: Postgres, code: int, dirty: bool
    ) -> None:
        await read(template("1"), template("2", "tasa"))
        with database.connect() as connection:
            connection.execute(
                "update messages set error = jsonb_build_object('code', %s::int) where id = %s",
                [code, message],
            )
        found = await templates.list_templates(caseworker)
        assert [t.dirty for t in found] == [dirty, False]

    async def test_a_refused_advertisement_is_a_choice_of_the_persons(
        self, client: UUID, message: UUID, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "update messages set error = '{\"code\": 131050}' where id = %s", [message]
            )
            row = connection.execute("select client_id, wants from marketing_choices").fetchone()
        assert row == (client, False)
