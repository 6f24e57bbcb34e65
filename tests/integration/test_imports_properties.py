"""Whatever a file holds: nothing crashes, the counts add up, and an undo gives everything back."""

import csv
import io
import re
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from db.engine import begin
from services import client_exports, phones
from services.actors import Staff
from services.client_exports import View
from services.imports import jobs
from services.imports.files import (
    CELL,
    DELIMITERS,
    ENCODINGS,
    Inspection,
    Reading,
    Unreadable,
    copy_text,
    head_rows,
    lines_of,
)
from services.imports.judge import RESULTS, read_phone
from services.imports.mapping import FIELDS, Mapping, guess, has_header
from services.spreadsheets import csv_rows, harmless
from tests.imports_support import judged, state, work
from tests.support import SYSTEM, Postgres
from ui.downloads import labels_of_export

#: A few examples that ask a real database, each: a second or so of a busy machine.
of_the_database = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

ODD = st.sampled_from(
    ["=1+1", "'+34600111222", '="600111222"', "3,46E+10", "\0", "\x1f", "\x1e", "+", "-", "'", '"']
)
PHONES = st.one_of(
    st.from_regex(r"[6789][0-9]{8}", fullmatch=True),
    st.from_regex(r"(\+|00)?34 ?[679][0-9]{2} ?[0-9]{6}", fullmatch=True),
    st.from_regex(r"\+?55119[0-9]{8}|\+52155[0-9]{8}|\+549[0-9]{10}", fullmatch=True),
)
CELLS = st.one_of(
    st.text(max_size=20), ODD, PHONES, st.sampled_from(["a@example.org", "A@EXAMPLE.ORG", "asilo"])
)
ROWS = st.lists(st.lists(CELLS, max_size=9), max_size=12)
HEADER = ["Nombre", "Teléfono", "Correo", "Perfil", "NIE", "Notas", "Idioma"]


def read(content: bytes, reading: Reading) -> list[list[str]]:
    parts = iter([*(content[n : n + 7] for n in range(0, len(content), 7)), b""])
    return [line.split(CELL) for batch in lines_of(parts.__next__, reading) for _, line in batch]


#: Why a file that began as a table is none.
AS_A_WHOLE = ("unclosed_quote", "stray_quote", "cannot_decode", "too_many_columns")


def refusal(content: bytes, reading: Reading) -> str | None:
    try:
        read(content, reading)
    except Unreadable as refused:
        return refused.code
    return None


@given(content=st.binary(max_size=2_000))
@example(content=b"\xff\xfe\x00")
@example(content=b'"' * 50)
@example(content=b"sep=;\na;b")
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    inspection = Inspection()
    with suppress(Unreadable):
        inspection.feed(content)
        found = inspection.reading()
        rows = head_rows(content, found)
        has_header([cells for _, cells in rows])
        guess([], [cells for _, cells in rows], max([len(c) for _, c in rows], default=0))
        read(content, found)


@given(
    content=st.binary(max_size=500),
    encoding=st.sampled_from(ENCODINGS),
    delimiter=st.sampled_from(DELIMITERS),
)
def test_nor_does_any_way_of_reading_them(content: bytes, encoding: str, delimiter: str) -> None:
    reading = Reading.of({"encoding": encoding, "delimiter": delimiter})
    head_rows(content, reading)
    assert refusal(content, reading) in (None, *AS_A_WHOLE)


@given(
    rows=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1, max_size=5),
        min_size=1,
        max_size=10,
    ),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
)
def test_what_is_written_is_read(rows: list[list[str]], delimiter: str, encoding: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    content = text.getvalue()
    if content.startswith("\ufeff") or re.match('"?sep=', content, re.IGNORECASE):
        return
    reading = Reading.of({"encoding": encoding, "delimiter": delimiter})
    assert read(content.encode(encoding), reading) == [row for row in rows if any(row)]


@given(lines=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_copy_escapes_whatever_a_line_holds(lines: list[str]) -> None:
    clean = [line.replace("\x1e", "").replace("\0", "") for line in lines]
    told = copy_text(list(enumerate(clean))).split("\n")
    assert len(told) == len(clean) + 1
    for line, row in zip(clean, told, strict=False):
        raw = row.split("\t", 1)[1]
        back = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), raw)
        assert back == line


@given(cell=st.text(max_size=12) | ODD)
def test_a_mark_that_was_put_on_is_taken_off(cell: str) -> None:
    starts = "=+-@'＝＋－＠"
    shown = harmless(cell)
    back = shown[1:] if shown[:1] == "'" and shown[1:2] and shown[1] in starts else shown
    if cell[:1] not in "\t\r\0" and not (cell[:1] == "'" and cell[1:2] in ("\t", "\r", "\0")):
        assert back == cell
    assert csv_rows([[cell]], ";")[:1] not in (b"=", b"+", b"-", b"@")


@given(written=PHONES | st.text(max_size=20))
def test_a_phone_is_e164_or_says_what_is_wrong(written: str) -> None:
    number, problem = read_phone(written, "ES")
    assert (number is None) != (problem is None)
    if number is not None:
        assert re.fullmatch(r"\+[1-9]\d{5,14}", number)


@of_the_database
@given(written=st.lists(PHONES, min_size=1, max_size=30, unique=True))
async def test_postgres_reads_phones_as_phonenumbers_does(
    admin: Staff, database: Postgres, written: list[str]
) -> None:
    content = "\n".join(["Teléfono;Notas", *(f"{one};x" for one in written)])
    found = await judged(admin, content, columns=["phone", "notes"], reading=Reading())
    with database.connect() as connection:
        rows = connection.execute(
            "select row, phone from import_rows where import_id = %s order by row", [found.id]
        ).fetchall()
    assert [phone for _, phone in rows] == [read_phone(one, "ES")[0] for one in written]


@of_the_database
@given(numbers=st.lists(PHONES, min_size=1, max_size=20))
async def test_other_spellings_are_those_of_the_deliveries(
    database: Postgres, numbers: list[str]
) -> None:
    known = [number for one in numbers if (number := phones.parse(one))]
    async with begin(SYSTEM) as connection:
        for number in known:
            found = await connection.scalar(
                text("select app_private.phone_variant(:n)"), {"n": number}
            )
            expected = [f"+{digits}" for digits in phones.variants(number[1:])]
            assert ([found] if found else []) == expected


class TestWholeImports:
    @of_the_database
    @given(
        rows=ROWS,
        columns=st.permutations([*FIELDS, None]),
        existing=st.sampled_from(["skip", "fill", "overwrite"]),
    )
    @pytest.mark.timeout(600)
    async def test_counts_add_up_and_an_undo_gives_everything_back(
        self,
        admin: Staff,
        database: Postgres,
        rows: list[list[str]],
        columns: list[str | None],
        existing: str,
    ) -> None:
        content = csv_rows([HEADER, *rows], ";")
        before = state(database)
        try:
            found = await judged(
                admin, content, columns=columns, existing=existing, reading=Reading()
            )
        except Unreadable:
            return
        if found.state == "failed":
            assert found.problem in ("no_rows", "stray_quote", "unclosed_quote")
            return
        assert sum(found.counts[result] for result in RESULTS) == found.counts["rows"]
        assert found.counts["rows"] == sum(1 for row in rows if any(row))
        assert state(database) == before
        if not found.counts["new"] + found.counts["updated"]:
            return
        await jobs.start_import(admin, found.id, only_valid=True)
        await work()
        done = await jobs.get(admin, found.id)
        assert done.state == "done", done.problem

        parts = await client_exports.export(admin, View(), "csv_semicolon", labels_of_export())
        exported = b"".join([part async for part in parts])
        for policy in ("skip", "overwrite"):
            again = await judged(admin, exported, existing=policy)
            assert again.counts["unchanged"] == again.counts["rows"], again.problem

        await jobs.undo(admin, found.id)
        await work()
        assert (await jobs.get(admin, found.id)).state == "undone"
        assert state(database) == before


def test_mappings_from_outside_are_never_trusted() -> None:
    mapping = Mapping.of({"columns": ["name", "name", "drop table", None, "phone"]})
    assert mapping.columns == ("name", None, None, None, "phone")
    for wrong in ({"region": "XX"}, {"existing": "erase"}, {"defaults": {"profile_type": "x"}}):
        with pytest.raises(ValueError, match="no such"):
            Mapping.of(wrong)
    said = Mapping.of({"defaults": {"notes": "De la\0 lista\x1f\ud800\nde mayo"}})
    assert said.defaults["notes"] == "De la lista\nde mayo"


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        ("Nacimiento;Avisar a", "12/05/1990;600111222", [None, "phone"]),
        ("Nacimiento;Avisar a", "1990-05-12;600 11 12 22", [None, "phone"]),
        ("Teléfono;Motivo", "600111222;Ya está aquí", ["phone", None]),
        ("Nombre;Apellidos", "Amina;Haddad", ["name", "surname"]),
        ("Nombre completo;Apellidos", "Amina Haddad;Haddad", ["name", None]),
        ("Tlf. 1;Tlf. 2", "600111222;600111223", ["phone", None]),
    ],
)
def test_what_columns_seem_to_be(header: str, row: str, columns: list[str | None]) -> None:
    assert guess(header.split(";"), [row.split(";")], len(columns)) == columns
