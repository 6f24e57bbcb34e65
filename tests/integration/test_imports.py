"""Importing a list of people: judged first, written whole or not at all, taken back."""

import asyncio
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.engine import begin
from services import audit_reading, client_edits, clients, erasures, retention
from services.actors import Staff
from services.analytics import counting
from services.analytics.hours import WorkingHours
from services.errors import Conflict, Forbidden, Invalid
from services.imports import attempts, jobs, report, run, uploads
from services.imports.files import Reading, Unreadable
from services.imports.mapping import Mapping
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from services.spreadsheets import Workbook
from tests.imports_support import (
    csv_of,
    imported,
    judged,
    people,
    results,
    state,
    upload,
    work,
)
from tests.support import SYSTEM, Postgres, deliver

AMINA = "Amina Haddad;600 111 222;amina@example.org;asilo;X1234567L;Cita el lunes;árabe"
FATOU = "Fatou Diallo;+221 77 123 45 67;;Otros;;;fr"
AMINA_WRITES = Sender("34600111222", profile_name="Amina H")


def write(sender: Sender, words: str) -> object:
    return bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, words))


class TestJudging:
    async def test_nothing_is_written_and_the_counts_add_up(
        self, admin: Staff, database: Postgres
    ) -> None:
        before = state(database)
        found = await judged(
            admin, csv_of(AMINA, FATOU, AMINA, ";3,46E+10;;;;;", "Sin nada;;x;;;;")
        )
        assert found.state == "judged"
        assert found.counts == {
            "rows": 5,
            "new": 2,
            "updated": 0,
            "unchanged": 0,
            "duplicate_in_file": 1,
            "duplicate_in_database": 0,
            "invalid": 2,
        }
        assert results(database, found.id) == {
            2: ("new", []),
            3: ("new", []),
            4: ("duplicate_in_file", []),
            5: ("invalid", ["phone:digits_lost"]),
            6: ("invalid", ["email:not_an_email"]),
        }
        assert state(database) == before

    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            ("Amina;3.46E+10;;;;;", "phone:digits_lost"),
            ("Amina;212612345678;;;;;", "phone:country_code_missing"),
            ("Amina;12;;;;;", "phone:not_a_phone"),
            ("Amina;;no es correo;;;;", "email:not_an_email"),
            ("Amina;;;médico;;;", "profile_type:unknown_value"),
            ("Amina;;;;;;klingon?", "language:not_a_language"),
            ("=2+5;600111222;;;;;", "name:formula"),
            ("Ami\0na;600111222;;;;;", "name:not_text"),
            ("Amina;600111222;;;;;;de más", "row:too_many_cells"),
            (";;;asilo;;;", "row:nothing_to_know_them_by"),
            (f"{'A' * 301};;;;;;", "name:too_long"),
            (f"Amina;;;;;{'x' * 1_000_000};", "notes:too_long"),
        ],
    )
    async def test_a_row_that_cannot_be_used_says_why(
        self, admin: Staff, database: Postgres, row: str, problem: str
    ) -> None:
        found = await judged(admin, csv_of(row, FATOU))
        assert results(database, found.id) == {2: ("invalid", [problem]), 3: ("new", [])}
        [told] = await report.problems(admin, found.id)
        assert f"{told.field}:{told.code}" == problem
        [error] = await report.errors(admin, found.id)
        assert (error.row, error.code) == (2, problem.split(":")[1])

    @pytest.mark.parametrize(
        ("written", "number"),
        [
            ("0034 600 111 222", "+34600111222"),
            ("34600111222", "+34600111222"),
            ("600.111.222", "+34600111222"),
            ("600111222.0", "+34600111222"),
            ("'+34600111222", "+34600111222"),
            ('"=""+34600111222"""', "+34600111222"),
            ("\u00a0\u200f600111222", "+34600111222"),
            ("+212 612-345678", "+212612345678"),
        ],
    )
    async def test_phones_as_files_have_them(
        self, admin: Staff, database: Postgres, written: str, number: str
    ) -> None:
        await imported(admin, csv_of(f"Amina;{written};;;;;"))
        assert people(database)[0][1] == number

    async def test_a_country_for_phones_without_one(self, admin: Staff, database: Postgres) -> None:
        await imported(admin, csv_of("Amina;0612345678;;;;;"), region="MA")
        assert people(database)[0][1] == "+212612345678"

    async def test_defaults_are_for_new_people_whom_the_file_says_nothing_of(
        self, admin: Staff, database: Postgres
    ) -> None:
        said = {"profile_type": "ARRAIGO", "language": "fr"}
        await imported(admin, csv_of("Amina;;;asilo;;;", "Fatou;;;;;;"), defaults=said)
        assert [(row[0], row[3], row[7]) for row in people(database)] == [
            ("Amina", "ASYLUM", "fr"),
            ("Fatou", "ARRAIGO", "fr"),
        ]

    async def test_a_row_of_two_people_is_left_to_a_person(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of(AMINA, FATOU))
        found = await judged(admin, csv_of("Quién;+221771234567;amina@example.org;;;;"))
        assert results(database, found.id) == {2: ("invalid", ["row:two_clients"])}

    @pytest.mark.parametrize("existing", ["skip", "fill", "overwrite"])
    async def test_so_is_a_row_with_the_phone_of_one_and_the_document_of_another(
        self, admin: Staff, database: Postgres, existing: str
    ) -> None:
        await imported(admin, csv_of(AMINA, "Berta;600111333;;;Y1234567X;;"))
        found = await judged(admin, csv_of("Quién;600111222;;;y-1234567-x;;"), existing=existing)
        assert results(database, found.id) == {2: ("invalid", ["row:two_clients"])}

    async def test_and_one_that_says_only_a_document_which_two_people_have(
        self, admin: Staff, database: Postgres
    ) -> None:
        for name in ("Amina", "Berta"):
            await client_edits.create_client(admin, name=name, passport_or_nie="X1234567L")
        found = await judged(admin, csv_of("Quién;;;;X1234567L;;"))
        assert results(database, found.id) == {2: ("invalid", ["row:two_clients"])}

    @pytest.mark.parametrize("existing", ["skip", "fill", "overwrite"])
    @pytest.mark.parametrize("contact", ["600111222;", ";amina@example.org"])
    async def test_a_phone_that_a_family_shares_makes_nobody_somebody_else(
        self, admin: Staff, database: Postgres, existing: str, contact: str
    ) -> None:
        await imported(admin, csv_of("Amina Haddad;600111222;amina@example.org;;X1234567L;;"))
        # The same surname is what a family has.
        for name in ("Karim Ziani", "Karim Haddad", "(Karim)"):
            row = f"{name};{contact};;Y7654321Z;;"
            found = await judged(admin, csv_of(row), existing=existing)
            assert results(database, found.id) == {2: ("invalid", ["row:another_person"])}

    async def test_a_remark_behind_both_names_makes_them_no_more_alike(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of("Amina Haddad (madre);600111222;;;X1234567L;;"))
        found = await judged(admin, csv_of("Karim Ziani (hijo);600111222;;;Y7654321Z;;"))
        assert results(database, found.id) == {2: ("invalid", ["row:another_person"])}

    @pytest.mark.parametrize("contact", ["600111222;", ";amina@example.org"])
    async def test_nor_does_one_in_two_rows_of_the_file(
        self, admin: Staff, database: Postgres, contact: str
    ) -> None:
        found = await judged(
            admin,
            csv_of(
                f"Amina Haddad;{contact};;X1234567L;;",
                f"Karim Haddad;{contact};;Y7654321Z;;",
                f"Amina;{contact};;;;",
                f"HADDAD Amína;{contact};;AB123456;;",
            ),
        )
        assert results(database, found.id) == {
            2: ("new", []),
            3: ("invalid", ["row:another_person_in_file"]),
            4: ("duplicate_in_file", []),
            5: ("duplicate_in_file", []),
        }
        assert sum(n for result, n in found.counts.items() if result != "rows") == 4

    async def test_who_shares_an_address_with_a_row_that_is_left_out_is_not_left_out_silently(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(
            admin,
            csv_of(
                "Amina;600111222;uno@example.org;;;;",
                "Amina;600111222;casa@example.org;;;;",
                "Karim;600111333;casa@example.org;;;;",
                "Amina Haddad;600111444;casa@example.org;;;;",
            ),
        )
        assert results(database, found.id) == {
            2: ("new", []),
            3: ("duplicate_in_file", []),
            4: ("invalid", ["row:repeats_left_out"]),
            5: ("duplicate_in_file", []),
        }

    @pytest.mark.parametrize(
        "row",
        [
            # A passport became an NIE.
            "HADDAD, Amína;600111222;;;Y7654321Z;;",
            "Amina Haddad Benítez;600111222;;;Y7654321Z;;",
            "Amina;600111222;;;Y7654321Z;;",
            # Another name for the same document, or nothing to tell them apart by.
            "Karim Ziani;600111222;;;x-1234567-l;;",
            "Karim Ziani;600111222;;;;;",
            "Karim Ziani;600111222;;;no tiene;;",
            ";600111222;;;Y7654321Z;;",
        ],
    )
    async def test_but_a_new_document_or_a_new_name_alone_does_not(
        self, admin: Staff, database: Postgres, row: str
    ) -> None:
        await imported(admin, csv_of("Amina Haddad;600111222;;;X1234567L;;"))
        found = await judged(admin, csv_of(row), existing="overwrite")
        assert results(database, found.id)[2] in (("updated", []), ("unchanged", []))

    async def test_who_is_named_by_the_id_of_their_file_may_be_called_otherwise(
        self, admin: Staff, database: Postgres
    ) -> None:
        known = await client_edits.create_client(
            admin, name="Amina", phone="+34600111222", passport_or_nie="X1234567L"
        )
        content = csv_of(
            f"{known.summary.id};Karim Ziani;600111222;Y7654321Z", head="ID;Nombre;Teléfono;NIE"
        )
        columns = ["id", "name", "phone", "passport_or_nie"]
        found = await judged(admin, content, columns=columns, existing="overwrite")
        assert results(database, found.id) == {2: ("updated", [])}

    @pytest.mark.parametrize("said", ["-", "no tiene", "En trámite", "0", "00000000", "N/A"])
    async def test_nobody_is_the_same_person_for_having_no_document(
        self, admin: Staff, database: Postgres, said: str
    ) -> None:
        await client_edits.create_client(admin, name="Zoe", passport_or_nie=said)
        content = csv_of(f"Amina;600111222;;;{said};;", f"Berta;600111333;;;{said};;")
        found = await judged(admin, content)
        assert results(database, found.id) == {2: ("new", []), 3: ("new", [])}

    async def test_a_language_is_the_same_however_it_is_written(
        self, admin: Staff, database: Postgres
    ) -> None:
        content = csv_of("A;;;;;;ES", "B;;;;;;español", "C;;;;;;es", "D;;;;;;")
        await imported(admin, content, defaults={"language": "FR"})
        assert [row[7] for row in people(database)] == ["es", "es", "es", "fr"]

    async def test_a_name_in_several_columns_is_put_together(
        self, admin: Staff, database: Postgres
    ) -> None:
        head = "Primer apellido;Segundo apellido;Nombre;Teléfono 1"
        rows = ("Haddad; Benítez ;Amina;600111222", "Mbaye;;Zoe;600111333", ";;Li;", "Diallo;;;")
        done = await imported(admin, csv_of(*rows, head=head))
        assert done.counts["new"] == 4
        assert [row[0] for row in people(database)] == [
            *("Amina Haddad Benítez", "Diallo", "Li", "Zoe Mbaye"),
        ]
        again = await judged(admin, csv_of(*rows, head=head), existing="overwrite")
        assert again.counts["unchanged"] == 2

    async def test_a_digit_that_a_spreadsheet_added_is_no_part_of_a_phone(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(admin, csv_of("A;600111222.0;;;;;", "B;60011122.0;;;;;"))
        assert results(database, found.id) == {
            2: ("new", []),
            3: ("invalid", ["phone:not_a_phone"]),
        }

    async def test_no_column_says_who_it_is_about(self, admin: Staff) -> None:
        import_id = await upload(admin, "x;y\n1;2\n")
        with pytest.raises(Invalid):
            await jobs.start_judging(admin, import_id, Reading(), Mapping((None, None)))


class TestFiles:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
    @pytest.mark.parametrize("delimiter", [";", ",", "\t"])
    async def test_it_is_read_right_at_once(
        self, admin: Staff, database: Postgres, encoding: str, delimiter: str
    ) -> None:
        rows = [
            ["Nombre", "Teléfono", "Notas"],
            ["Begoña Ñandú", "600111222", '"Dice ""sí"";\r\nvuelve, quizá"'],
            ["Íñigo", "600111223", ""],
        ]
        content = "\r\n".join(delimiter.join(row) for row in rows).encode(encoding)
        await imported(admin, content)
        assert [(row[0], row[1], row[6]) for row in people(database)] == [
            ("Begoña Ñandú", "+34600111222", 'Dice "sí";\nvuelve, quizá'),
            ("Íñigo", "+34600111223", None),
        ]

    async def test_excel(self, admin: Staff, database: Postgres, tmp_path: object) -> None:
        file = io.BytesIO()
        with Workbook(file) as book:
            book.write([["Nombre", "Teléfono"], ["Begoña", "600111222"], ["", ""], ["Zoe", "1"]])
        found = await judged(admin, file.getvalue(), name="personas.xlsx")
        assert found.kind == "xlsx"
        assert results(database, found.id) == {
            2: ("new", []),
            4: ("invalid", ["phone:not_a_phone"]),
        }

    async def test_of_several_sheets_the_first_is_read_and_the_others_are_told(
        self, admin: Staff
    ) -> None:
        file, several = io.BytesIO(), io.BytesIO()
        with Workbook(file) as book:
            book.write([["Nombre", "Teléfono"], ["Begoña", "600111222"]])
        with zipfile.ZipFile(file) as one, zipfile.ZipFile(several, "w") as two:
            for name in one.namelist():
                content = one.read(name)
                if name == "xl/workbook.xml":
                    other = b'<sheet name="Otra" sheetId="2" r:id="rId1"/></sheets>'
                    content = content.replace(b"</sheets>", other)
                two.writestr(name, content)
        for book_file, sheets in ((file, 1), (several, 2)):
            shown = await uploads.sample(
                admin, await upload(admin, book_file.getvalue(), "personas.xlsx")
            )
            assert (shown.sheets, shown.rows[0][1][0]) == (sheets, "Begoña")

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (b"\xef\xbb\xbf \r\n", "empty"),
            (b"%PDF-1.7\n1 0 obj", "is_pdf"),
            (b"\x89PNG\r\n\x1a\n", "is_picture"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "is_old_excel"),
            (b"PK\x03\x04 and nothing behind it", "damaged"),
            (bytes(range(1, 32)) * 50, "not_a_table"),
        ],
    )
    async def test_what_is_no_table_is_refused_as_a_whole(
        self, admin: Staff, database: Postgres, content: bytes, code: str
    ) -> None:
        with pytest.raises(Unreadable) as refused:
            await upload(admin, content)
        assert refused.value.code == code
        with database.connect() as connection:
            left = connection.execute(
                "select (select count(*) from imports), (select count(*) from import_chunks)"
            ).fetchone()
        assert left == (0, 0)

    @pytest.mark.parametrize(
        ("content", "code", "row"),
        [
            ("Nombre;Teléfono\r\n", "no_rows", None),
            ('Nombre;Teléfono\r\nAmina;"600\r\nFatou;601', "unclosed_quote", 2),
            ('Nombre;Teléfono\r\nAmina;600111222\r\n"Fa" tou;1', "stray_quote", 3),
        ],
    )
    async def test_what_turns_out_to_be_none_fails_with_the_place(
        self, admin: Staff, content: str, code: str, row: int | None
    ) -> None:
        found = await judged(admin, content)
        assert (found.state, found.problem, found.problem_row) == ("failed", code, row)

    async def test_a_sample_has_the_lines_that_the_import_has(self, admin: Staff) -> None:
        content = csv_of("Amina\u2028Haddad;600111222;;;;Una\x0cnota;es")
        shown = await uploads.sample(admin, await upload(admin, content))
        assert [row for row, _ in shown.rows] == [2]
        assert shown.rows[0][1][:2] == ["Amina\u2028Haddad", "600111222"]

    async def test_somebody_may_say_otherwise(self, admin: Staff, database: Postgres) -> None:
        content = "Nombre,Teléfono\nBegoña,600111222\n".encode("cp1252")
        import_id = await upload(admin, content)
        wrong = await uploads.sample(admin, import_id, Reading("utf-16-le", ";", header=False))
        assert wrong.header != ["Nombre", "Teléfono"]
        right = await uploads.sample(admin, import_id, Reading("cp1252", ",", header=True))
        assert right.header == ["Nombre", "Teléfono"]
        assert right.rows == [(2, ["Begoña", "600111222"])]

    async def test_what_columns_meant_is_remembered(self, admin: Staff) -> None:
        columns = [None, "name", "phone"]
        content = "Uno;Dos;Tres\nx;Amina;600111222\n"
        await imported(admin, content, columns=columns, reading=Reading())
        import_id = await upload(admin, content.replace("Amina", "Fatou").replace("222", "333"))
        sample = await uploads.sample(admin, import_id, Reading())
        assert (sample.columns, sample.remembered) == (columns, True)

    async def test_the_same_file_twice_is_told(self, admin: Staff) -> None:
        await imported(admin, csv_of(AMINA))
        again = await upload(admin, csv_of(AMINA))
        assert (await uploads.sample(admin, again)).imported_at is not None


class TestWriting:
    async def test_people_are_as_the_file_says(self, admin: Staff, database: Postgres) -> None:
        done = await imported(admin, csv_of(AMINA, FATOU))
        assert done.state == "done"
        assert people(database) == [
            (
                *("Amina Haddad", "+34600111222", "amina@example.org", "ASYLUM", "import"),
                *("X1234567L", "Cita el lunes", "ar"),
            ),
            ("Fatou Diallo", "+221771234567", None, "OTHER", "import", None, None, "fr"),
        ]
        assert (await clients.list_clients(admin, search="600111222")).total == 1
        assert (await clients.list_clients(admin, search="haddad")).total == 1

    async def test_new_people_are_in_the_order_of_the_file(
        self, admin: Staff, database: Postgres
    ) -> None:
        names = [f"Persona {n:03}" for n in range(600, 0, -1)]
        await imported(admin, csv_of(*(f"{name};;;;;;" for name in names)))
        with database.connect() as connection:
            found = connection.execute("select id, name from clients order by id").fetchall()
        assert [name for _, name in found] == names
        assert {UUID(str(client_id)).version for client_id, _ in found} == {7}

    async def test_whoever_writes_later_is_the_same_person_and_stays_decided(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of(AMINA))
        await deliver(write(AMINA_WRITES, "Quiero el arraigo social, llevo tres años"))  # type: ignore[arg-type]
        [row] = people(database)
        assert (row[0], row[3], row[4]) == ("Amina Haddad", "ASYLUM", "import")

    async def test_only_what_somebody_has_looked_at_is_written_on_their_word(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of(AMINA))
        seen = await judged(admin, csv_of("Amina;600111222;;;;;", "Zoe;600111333;;;;;"))
        await jobs.start_judging(
            admin, seen.id, seen.reading, replace(seen.mapping, existing="overwrite")
        )
        await work()
        with pytest.raises(Conflict) as refused:
            await jobs.start_import(admin, seen.id, seen=seen.judged_at)
        assert refused.value.code == "not_now"
        now = await jobs.get(admin, seen.id)
        await jobs.start_import(admin, seen.id, seen=now.judged_at)

    async def test_all_or_nothing_unless_somebody_says_so(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(admin, csv_of(AMINA, "Mal;12;;;;;"))
        with pytest.raises(Conflict, match="invalid_rows"):
            await jobs.start_import(admin, found.id)
        assert people(database) == []
        await jobs.start_import(admin, found.id, only_valid=True)
        await work()
        assert [row[0] for row in people(database)] == ["Amina Haddad"]

    @pytest.mark.parametrize(
        ("existing", "result", "notes", "email"),
        [
            ("skip", "duplicate_in_database", "Cita el lunes", None),
            ("fill", "updated", "Cita el lunes", "amina@example.org"),
            ("overwrite", "updated", "Otra cosa", "amina@example.org"),
        ],
    )
    async def test_people_who_are_there(
        self,
        admin: Staff,
        database: Postgres,
        existing: str,
        result: str,
        notes: str,
        email: str | None,
    ) -> None:
        await imported(admin, csv_of("Amina;600111222;;;;Cita el lunes;"))
        before = state(database)
        content = csv_of("Amina;600111222;amina@example.org;;;Otra cosa;")
        found = await judged(admin, content, existing=existing)
        assert results(database, found.id) == {2: (result, [])}
        if result == "updated":
            await jobs.start_import(admin, found.id)
            await work()
            assert [(row[6], row[2]) for row in people(database)] == [(notes, email)]
            await jobs.undo(admin, found.id)
            await work()
        assert state(database) == before

    async def test_a_new_phone_takes_the_place_of_the_old_one_and_goes_again(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of("Amina;600111222;amina@example.org;;;;"))
        before = state(database)
        done = await imported(
            admin, csv_of("Amina;600111999;amina@example.org;;;;"), existing="overwrite"
        )
        assert people(database)[0][1] == "+34600111999"
        await jobs.undo(admin, done.id)
        await work()
        assert state(database) == before

    async def test_the_log_names_everybody_and_keeps_no_values_of_the_new(
        self, admin: Staff, database: Postgres
    ) -> None:
        done = await imported(admin, csv_of(AMINA, FATOU))
        with database.connect() as connection:
            told = connection.execute(
                "select actor_id, fields, details, request_id from audit_log"
                " where action = 'insert' and table_name in ('clients', 'client_identities')"
            ).fetchall()
            ids = {str(row[0]) for row in connection.execute("select id from clients")}
            values = connection.execute("select count(*) from audit_values v join audit_log l"
                " on l.id = v.entry_id where l.table_name = 'clients'").fetchone()  # fmt: skip
        [(actor, fields, details, request)] = told
        assert actor == admin.id
        assert fields == [
            *("email", "language", "name", "notes", "passport_or_nie", "phone", "profile_type"),
        ]
        assert isinstance(details, dict)
        assert (details["import"], set(details["shown"])) == (str(done.id), ids)
        assert request == f"import-{done.id}"
        assert values == (0,)
        log = await audit_reading.client_log(admin, UUID(min(ids)))
        assert [entry.action for entry in log.entries if entry.action == "insert"] == ["insert"]


class TestInterruptions:
    async def test_a_lease_that_ran_out_is_taken_up_and_nothing_is_doubled(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(admin, csv_of(AMINA, FATOU))
        await jobs.start_import(admin, found.id)
        claimed = await attempts.claim(SYSTEM, ["importing"])
        assert claimed is not None
        assert await run.work(SYSTEM) == 0, "it is another process's"
        with database.connect() as connection:
            connection.execute("update imports set leased_until = now() - interval '1 s'")
        await work()
        assert len(people(database)) == 2
        assert (await jobs.get(admin, found.id)).state == "done"

    async def test_a_crash_in_the_middle_leaves_nothing(
        self, admin: Staff, database: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = await judged(admin, csv_of(AMINA, FATOU))
        before = state(database)
        await jobs.start_import(admin, found.id)

        async def crash(*_: object) -> None:
            raise RuntimeError("the machine is gone")

        with monkeypatch.context() as patched:
            patched.setattr(run, "_announce", crash)
            await run.work(SYSTEM)
        assert state(database) == before
        with database.connect() as connection:
            connection.execute("update imports set leased_until = null")
        await work()
        assert len(people(database)) == 2

    async def test_after_three_attempts_it_has_failed(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(admin, csv_of(AMINA))
        await jobs.start_import(admin, found.id)
        with database.connect() as connection:
            connection.execute("update imports set attempts = 3")
        await work()
        failed = await jobs.get(admin, found.id)
        assert (failed.state, failed.problem) == ("failed", "interrupted")

    async def test_cancelling(self, admin: Staff, database: Postgres) -> None:
        found = await judged(admin, csv_of(AMINA))
        await jobs.start_import(admin, found.id)
        await jobs.cancel(admin, found.id)
        await work()
        assert (await jobs.get(admin, found.id)).state == "cancelled"
        assert people(database) == []
        with database.connect() as connection:
            left = connection.execute("select count(*) from import_rows").fetchone()
        assert left == (0,)

    async def test_a_long_statement_is_stopped_too(
        self, admin: Staff, database: Postgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = await judged(admin, csv_of(AMINA))
        await jobs.start_import(admin, found.id)

        async def sleep(connection: object, *_: object) -> None:
            async with begin(SYSTEM) as other:
                await other.execute(text("select pg_sleep(20)"))

        monkeypatch.setattr(run, "_announce", sleep)
        working = asyncio.create_task(run.work(SYSTEM))
        await asyncio.sleep(0.5)
        await jobs.cancel(admin, found.id)
        await asyncio.wait_for(working, 10)
        assert (await jobs.get(admin, found.id)).state == "cancelled"
        assert people(database) == []

    async def test_somebody_was_given_the_phone_meanwhile(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(admin, csv_of(AMINA, FATOU))
        await deliver(write(AMINA_WRITES, "Hola"))  # type: ignore[arg-type]
        await jobs.start_import(admin, found.id)
        await work()
        again = await jobs.get(admin, found.id)
        assert (again.state, again.problem) == ("judged", "changed_meanwhile")
        assert again.counts["duplicate_in_database"] == 1
        assert [row[0] for row in people(database)] == [None]

    async def test_two_imports_of_the_same_people_at_once(
        self, admin: Staff, database: Postgres
    ) -> None:
        one, other = [await judged(admin, csv_of("Amina;;;;X1234567L;;")) for _ in range(2)]
        for found in (one, other):
            await jobs.start_import(admin, found.id)
        await work()
        again = await jobs.get(admin, other.id)
        assert (again.state, again.problem) == ("judged", "changed_meanwhile")
        assert (again.counts["new"], again.counts["unchanged"]) == (0, 1)
        assert [row[5] for row in people(database)] == ["X1234567L"]

    async def test_somebody_edited_a_client_meanwhile(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of("Amina;600111222;;;;;"))
        found = await judged(admin, csv_of("Amina;600111222;;;;Nota;"), existing="fill")
        [client] = (await clients.list_clients(admin)).items
        await client_edits.update_client(admin, client.id, {"notes": "De ahora"})
        await jobs.start_import(admin, found.id)
        await work()
        assert (await jobs.get(admin, found.id)).counts["unchanged"] == 1
        assert people(database)[0][6] == "De ahora"

    async def test_somebody_was_about_to_save_while_it_was_judged(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of("Amina;600111222;;;;;"))
        with database.connect() as colleague, colleague.transaction():
            colleague.execute(
                "update clients set notes = 'De ahora', updated_at = clock_timestamp()"
            )
            found = await judged(admin, csv_of("Amina;600111222;;;;Nota;"), existing="fill")
        await jobs.start_import(admin, found.id)
        await work()
        assert (await jobs.get(admin, found.id)).counts["unchanged"] == 1
        assert people(database)[0][6] == "De ahora"

    async def test_whoever_is_no_admin_any_more_imports_nothing(
        self, admin: Staff, database: Postgres
    ) -> None:
        found = await judged(admin, csv_of(AMINA))
        await jobs.start_import(admin, found.id)
        with database.connect() as connection:
            connection.execute("update staff set active = false where id = %s", [admin.id])
        await work()
        with database.connect() as connection:
            told = connection.execute("select state, problem from imports").fetchone()
        assert told == ("failed", "not_allowed")
        assert people(database) == []


class TestUndoing:
    async def test_it_gives_back_the_same_database(self, admin: Staff, database: Postgres) -> None:
        await imported(admin, csv_of("Amina;600111222;;;;;"))
        before = state(database)
        content = csv_of(
            "Amina H;600111222;amina@example.org;arraigo;X1;Nota;fr",
            "Zoe;600111333;zoe@example.org;;;;",
        )
        done = await imported(admin, content, existing="overwrite")
        assert done.counts["updated"] == done.counts["new"] == 1
        await jobs.undo(admin, done.id)
        await work()
        undone = await jobs.get(admin, done.id)
        assert undone.state == "undone"
        assert undone.undo_counts == {"removed": 1, "restored": 1, "kept": 0}
        assert state(database) == before

    async def test_what_somebody_changed_since_stays_and_is_listed(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        done = await imported(admin, csv_of(AMINA, FATOU, "Zoe;600111333;;;;;"))
        found = {c.name: c.id for c in (await clients.list_clients(admin)).items}
        await client_edits.update_client(caseworker, found["Fatou Diallo"], {"notes": "Llamada"})
        await deliver(write(AMINA_WRITES, "Hola"))  # type: ignore[arg-type]
        await clients.get_client(caseworker, found["Zoe"])
        await jobs.undo(admin, done.id)
        await work()
        undone = await jobs.get(admin, done.id)
        assert undone.undo_counts == {"removed": 1, "restored": 0, "kept": 2}
        assert [row[0] for row in people(database)] == ["Amina Haddad", "Fatou Diallo"]
        kept = await report.kept(admin, done.id)
        assert {person.name for person in kept} == {"Amina Haddad", "Fatou Diallo"}

    async def test_only_what_was_changed_of_an_updated_client_counts(
        self, admin: Staff, caseworker: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of("Amina;600111222;;;;;", "Zoe;600111333;;;;;"))
        done = await imported(
            admin,
            csv_of("Amina;600111222;;;;Nota;", "Zoe;600111333;;;;Nota;"),
            existing="fill",
        )
        found = {c.name: c.id for c in (await clients.list_clients(admin)).items}
        await client_edits.update_client(caseworker, found["Amina"], {"notes": "Mía"})
        await client_edits.update_client(caseworker, found["Zoe"], {"language": "fr"})
        await jobs.undo(admin, done.id)
        await work()
        assert [(row[0], row[6]) for row in people(database)] == [("Amina", "Mía"), ("Zoe", None)]

    @pytest.mark.parametrize(
        ("said", "taken"),
        [
            ("Amina;600111222;nueva@example.org;;;;", {"email": "AMINA@example.org"}),
            ("Amina;600111333;amina@example.org;;;;", {"phone": "600111222"}),
        ],
    )
    async def test_what_is_somebody_elses_by_now_is_not_given_back_and_all_else_is(
        self, admin: Staff, database: Postgres, said: str, taken: dict[str, str]
    ) -> None:
        await imported(admin, csv_of("Amina;600111222;amina@example.org;;;;", "Zoe;600111444;;;;;"))
        content = csv_of(said, "Zoe;600111444;;;;Nota;", "Nadie;600111555;;;;;")
        done = await imported(admin, content, existing="overwrite")
        await client_edits.create_client(admin, name="Otra", **taken)
        await jobs.undo(admin, done.id)
        await work()
        undone = await jobs.get(admin, done.id)
        assert undone.undo_counts == {"removed": 1, "restored": 1, "kept": 1}
        assert [person.name for person in await report.kept(admin, done.id)] == ["Amina"]
        assert {row[0]: row[6] for row in people(database)} == dict.fromkeys(
            ["Amina", "Otra", "Zoe"]
        )

    async def test_whoever_waits_to_be_counted_is_not_kept_for_it(
        self, admin: Staff, database: Postgres
    ) -> None:
        done = await imported(admin, csv_of(AMINA))
        # As when the organisation's hours change.
        await counting.set_clock(SYSTEM, ZoneInfo("Europe/Madrid"), WorkingHours(holidays=True))
        await jobs.undo(admin, done.id)
        await work()
        undone = await jobs.get(admin, done.id)
        assert undone.undo_counts == {"removed": 1, "restored": 0, "kept": 0}
        assert people(database) == []

    async def test_what_cannot_be_undone_says_so_and_stays_imported(
        self, admin: Staff, database: Postgres
    ) -> None:
        done = await imported(admin, csv_of(AMINA))
        await jobs.undo(admin, done.id)
        with database.connect() as connection:
            connection.execute("update imports set attempts = 3")
        await work()
        found = await jobs.get(admin, done.id)
        assert (found.state, found.problem, found.can_undo) == ("done", "not_undone", True)

    async def test_only_once(self, admin: Staff) -> None:
        done = await imported(admin, csv_of(AMINA))
        await jobs.undo(admin, done.id)
        await work()
        with pytest.raises(Conflict, match="not_now"):
            await jobs.undo(admin, done.id)


class TestPrivacy:
    async def test_whoever_is_erased_is_in_no_file_any_more(
        self, admin: Staff, database: Postgres
    ) -> None:
        done = await imported(admin, csv_of(AMINA, FATOU))
        waiting = await judged(admin, csv_of("Amina otra vez;600111222;;;;Nota;", "Zoe;;;;;;"))
        unread = await upload(admin, csv_of(AMINA))
        found = {c.name: c.id for c in (await clients.list_clients(admin)).items}
        await erasures.erase(admin, found["Amina Haddad"], reason="request")
        with database.connect() as connection:
            for table in ("import_lines", "import_rows", "import_chunks"):
                rows = connection.execute(f"select t::text from {table} t".encode()).fetchall()  # noqa: S608
                assert not any("600111222" in str(row) or "Amina" in str(row) for row in rows)
        assert set(results(database, done.id)) == {3}
        for gone in (waiting.id, unread):
            told = await jobs.get(admin, gone)
            assert (told.state, told.problem) == ("failed", "person_erased")
        for _ in range(200):
            if not await erasures.prove_next(SYSTEM):
                break
        [proof] = await erasures.list_erasures(admin)
        assert proof.rows_verified_at is not None
        assert proof.leftovers == {}

    async def test_files_and_rows_are_gone_after_thirty_days(
        self, admin: Staff, database: Postgres
    ) -> None:
        done = await imported(admin, csv_of(AMINA))
        later = datetime.now(UTC) + timedelta(days=31)
        while await retention.run_due(SYSTEM, now=later):
            pass
        found = await jobs.get(admin, done.id)
        assert found.is_content_removed
        assert not found.can_undo
        with pytest.raises(Conflict):
            await jobs.undo(admin, done.id)
        with database.connect() as connection:
            left = connection.execute(
                "select (select count(*) from import_rows), (select count(*) from import_lines)"
            ).fetchone()
        assert left == (0, 0)
        assert len(people(database)) == 1

    async def test_nobody_keeps_them_longer(self, admin: Staff) -> None:
        with pytest.raises(Invalid):
            await retention.set_rule(admin, "imports", 31, True)

    async def test_only_admins(self, caseworker: Staff) -> None:
        with pytest.raises(Forbidden):
            await upload(caseworker, csv_of(AMINA))

    async def test_the_file_itself_is_not_kept_once_it_is_written(
        self, admin: Staff, database: Postgres
    ) -> None:
        await imported(admin, csv_of(AMINA))
        with database.connect() as connection:
            left = connection.execute("select count(*) from import_chunks").fetchone()
        assert left == (0,)


async def test_the_same_file_with_a_result_for_each_row(admin: Staff, database: Postgres) -> None:
    found = await judged(admin, csv_of(AMINA, "Mal;12;=1+1;;;;", "Zoe;600111333;;;;;;de más"))

    def words(result: str, problems: list[str], other: int | None) -> tuple[str, str]:
        return result or "Resultado", ",".join(problems) or "ok"

    parts = [part async for part in await report.result_file(admin, found.id, words)]
    told = b"".join(parts).decode("utf-8-sig").splitlines()
    assert told == [
        "Nombre;Teléfono;Correo electrónico;Perfil;NIE;Notas;Idioma;Resultado;ok",
        "Amina Haddad;600 111 222;amina@example.org;asilo;X1234567L;Cita el lunes;árabe;new;ok",
        "Mal;12;'=1+1;;;;;invalid;email:formula,phone:not_a_phone",
        # What a line has too much of moves nothing.
        "Zoe;600111333;;;;;;invalid;row:too_many_cells;de más",
    ]


async def test_a_file_with_results_says_the_same_when_it_is_imported(
    admin: Staff, database: Postgres
) -> None:
    content = csv_of("'+34 vuelve;'+34600111222;;;;'=x;", "''x;600111333;;;;;")
    found = await judged(admin, content)

    def words(result: str, problems: list[str], other: int | None) -> tuple[str, str]:
        return (result, "Ya está aquí") if result else ("Resultado", "Motivo")

    parts = [part async for part in await report.result_file(admin, found.id, words)]
    again = await imported(admin, b"".join(parts))
    assert again.mapping.columns[-2:] == (None, None)
    assert [(row[0], row[1], row[6]) for row in people(database)] == [
        ("'x", "+34600111333", None),
        ("+34 vuelve", "+34600111222", "=x"),
    ]
