"""Taking the list of clients along, and what comes back of it."""

import csv
import io
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.datastructures import QueryParams

from services import client_edits, client_exports, sessions
from services.actors import Staff
from services.client_exports import Format, View
from services.errors import Forbidden
from services.imports.mapping import PROFILE_WORDS, guess, key
from services.labels import create_label, put_label
from services.narrowing import Narrowing
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.imports_support import judged, state
from tests.support import Postgres, deliver, sign_in_demo
from ui import downloads
from ui.client_query import ClientQuery
from ui.downloads import labels_of_export
from ui.i18n import Language, speaking

NAMES = ('Ñandú; "O\'Neill"', "=cmd|' /C calc'!A0", "'Abd", "+34 vuelve", "@ana", "-", "''x")

#: With those who have just written.
EVERYBODY = len(NAMES) + 2


def labels(language: Language = "es") -> dict[str, str]:
    with speaking(language):
        return labels_of_export()


async def exported(
    actor: Staff, form: Format, view: View | None = None, language: Language = "es"
) -> bytes:
    parts = await client_exports.export(actor, view or View(), form, labels(language))
    return b"".join([part async for part in parts])


@pytest.fixture
async def somebody(admin: Staff, database: Postgres) -> None:
    """People as they come: hostile names, no phone, a nickname only, another spelling, lines."""
    for n, name in enumerate(NAMES):
        await client_edits.create_client(
            admin, name=name, phone=f"60011122{n}", email=f"p{n}@example.org",
            passport_or_nie=f"x-{n}", notes="Una\nnota; con \"comillas\"", profile_type="ASYLUM",
            language="es",
        )  # fmt: skip
    brazil = Sender("5511987654321", profile_name="  Ana\u202e\tB\x01 ")
    hidden = Sender(None, bsuid="ES.1234567890", profile_name="Sin número")
    for sender in (brazil, hidden):
        await deliver(bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, "Hola")))


@pytest.mark.usefixtures("somebody")
class TestRoundTrip:
    @pytest.mark.parametrize(
        ("existing", "form", "language"),
        [
            ("skip", "csv", "es"),
            ("overwrite", "csv", "en"),
            ("fill", "csv_semicolon", "en"),
            ("overwrite", "csv_semicolon", "es"),
            ("skip", "xlsx", "es"),
            ("overwrite", "xlsx", "en"),
        ],
    )
    async def test_what_was_exported_changes_nothing(
        self, admin: Staff, database: Postgres, existing: str, form: Format, language: Language
    ) -> None:
        before = state(database)
        content = await exported(admin, form, language=language)
        name = "personas.xlsx" if form == "xlsx" else "personas.csv"
        found = await judged(admin, content, name=name, existing=existing)
        assert found.state == "judged", found.problem
        assert found.counts["rows"] == found.counts["unchanged"] == len(NAMES) + 2
        assert state(database) == before

    async def test_no_cell_is_a_formula(self, admin: Staff) -> None:
        content = (await exported(admin, "csv_semicolon")).decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(content), delimiter=";") for cell in row]
        assert [cell for cell in cells if cell[:1] and cell[:1] in "=+-@\t\r"] == []
        assert "'=cmd|' /C calc'!A0" in cells

    async def test_the_view_of_the_list_is_what_is_exported(self, admin: Staff) -> None:
        view = View(search="nandu", profile_types=("ASYLUM",), sort="name", descending=False)
        rows = (await exported(admin, "csv", view)).decode().splitlines()
        assert len([row for row in rows if "Ñandú" in row]) == 1
        assert "Sin número" not in "".join(rows)

    async def test_the_people_behind_a_number_are_exported_alone(
        self, admin: Staff, database: Postgres
    ) -> None:
        today = "/clients?behind=inbound&status=active&status=inactive&status=archived"
        narrowing = ClientQuery.read(QueryParams(urlsplit(today).query)).narrowing
        rows = (await exported(admin, "csv", View(narrowing=narrowing))).decode().splitlines()
        assert len(rows) == 3
        nobody = Narrowing(assigned_to=admin.id, behind="inbound")
        assert len((await exported(admin, "csv", View(narrowing=nobody))).splitlines()) == 1
        with database.connect() as connection:
            told = connection.execute(
                "select details -> 'narrowed' from audit_log where details ? 'format' order by id"
            ).fetchall()
        assert told == [(["inbound"],), (["assigned_to", "inbound"],)]

    async def test_days_are_those_of_the_place(self, admin: Staff, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute("update clients set created_at = '2026-06-30 22:30+00'")
        rows = list(csv.DictReader(io.StringIO((await exported(admin, "csv")).decode())))
        assert {row[labels()["created_at"]] for row in rows} == {"2026-07-01"}

    async def test_a_label_of_the_view_narrows_the_file(
        self, admin: Staff, database: Postgres
    ) -> None:
        label = await create_label(admin, name="Cita", colour="blue")
        with database.connect() as connection:
            found = connection.execute("select id from clients where name like 'Ñandú%'").fetchone()
        assert found is not None
        assert isinstance(found[0], UUID)
        await put_label(admin, found[0], label.id)
        content = (await exported(admin, "csv", View(narrowing=Narrowing(label=label.id)))).decode()
        [_head, row] = csv.reader(io.StringIO(content))
        assert row[0].startswith("Ñandú")

    async def test_the_log_names_everybody_who_went_along(
        self, admin: Staff, database: Postgres
    ) -> None:
        await exported(admin, "csv")
        with database.connect() as connection:
            told = connection.execute(
                "select details from audit_log where action = 'export' order by id"
            ).fetchall()
            ids = {str(row[0]) for row in connection.execute("select id from clients")}
        [[filters], [shown]] = told
        assert isinstance(filters, dict)
        assert isinstance(shown, dict)
        assert filters["format"] == "csv"
        assert set(shown["shown"]) == ids


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_importer_knows_every_name_that_an_export_uses(language: Language) -> None:
    known = labels(language)
    header = [known[name] for name in client_exports.COLUMNS]
    guessed = guess(header, [], len(header))
    unknown = {"status", "created_at"}
    expected = [None if name in unknown else name for name in client_exports.COLUMNS]
    assert guessed == expected
    for profile in ("ASYLUM", "ARRAIGO", "STUDENT", "IRREGULAR", "OTHER"):
        assert PROFILE_WORDS[key(known[profile])] == profile


async def test_only_admins(caseworker: Staff) -> None:
    with pytest.raises(Forbidden):
        await exported(caseworker, "csv")


@pytest.mark.usefixtures("somebody")
class TestForm:
    @pytest.mark.parametrize(
        ("shown", "found"),
        [
            ("/clients?search=Ñandú", 1),
            ("/clients", EVERYBODY),
            # What no page of ours sends is read like an address that somebody typed.
            ("", EVERYBODY),
            ("http://[", EVERYBODY),
            ("http://[::1/clients?search=Ñandú", 1),
            ("/clients?page=9&sort=nothing&label=x&from=y&status=z", EVERYBODY),
        ],
    )
    async def test_the_address_of_the_list_says_what_is_exported(
        self, admin: Staff, shown: str, found: int
    ) -> None:
        app, origin = FastAPI(), "http://127.0.0.1"
        app.include_router(downloads.router(origin))
        token = await sign_in_demo(admin.email)
        assert token is not None
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=origin, cookies={sessions.COOKIE: token}
        ) as browser:
            answer = await browser.post(
                "/clients/export",
                data={"format": "csv", "list": shown},
                headers={"Origin": origin},
            )
        assert answer.status_code == 200
        assert len(list(csv.reader(io.StringIO(answer.text)))) == 1 + found
