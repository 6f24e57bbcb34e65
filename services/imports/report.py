"""What was judged of a file, in kinds and row by row; and what an undo left as it was."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text

from db.engine import begin
from db.tables import client_directory, import_lines, import_rows, imports
from services import audit
from services.actors import Actor, Staff
from services.errors import Conflict, NotFound
from services.imports.files import CELL, NO_TEXT
from services.imports.jobs import get
from services.permissions import Permission, requires
from services.spreadsheets import csv_rows, harmless_again

#: Rows that one statement reads for a file.
_AT_ONCE = 5_000
#: Letters of a cell that an example shows.
_SHOWN = 80

_row = import_rows.c
_line = import_lines.c


@dataclass(frozen=True, slots=True)
class Example:
    """A row of the file, and what its cell says."""

    row: int
    value: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of thing that is wrong with rows."""

    #: A field of `mapping.FIELDS`, or `row`.
    field: str
    code: str
    count: int
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing that is wrong with one row. `column` is as the file calls it, or `row`."""

    row: int
    column: str
    field: str
    code: str


@dataclass(frozen=True, slots=True)
class Person:
    """A row of the file with a client behind it."""

    row: int
    result: str
    client_id: UUID | None
    name: str | None
    phone: str | None
    email: str | None
    fields: list[str]
    other_row: int | None


@requires(Permission.IMPORT_CLIENTS)
async def problems(actor: Actor, import_id: UUID, *, examples: int = 5) -> list[Problem]:
    """What is wrong, the most frequent first, with some rows of each kind. Raises NotFound."""
    found = await get(actor, import_id)
    columns = list(found.mapping.columns)
    async with begin(actor) as connection:
        rows = await connection.execute(
            text(
                "select problem, count(*) as n, (array_agg(row order by row))[1 : :most] as rows"
                " from import_rows, unnest(problems) problem where import_id = :id"
                " group by problem order by 2 desc, 1"
            ),
            {"id": import_id, "most": examples},
        )
        kinds = rows.all()
        wanted = {row for kind in kinds for row in kind.rows}
        lines = {
            line.row: line.line.split(CELL)
            for line in await connection.execute(
                select(_line.row, _line.line).where(
                    _line.import_id == import_id, _line.row.in_(wanted)
                )
            )
        }
    told = []
    for kind in kinds:
        field, _, code = kind.problem.partition(":")
        place = columns.index(field) if field in columns else None
        shown = [Example(row, _cell(lines.get(row), place)) for row in kind.rows]
        told.append(Problem(field, code, kind.n, shown))
    return told


@requires(Permission.IMPORT_CLIENTS)
async def errors(actor: Actor, import_id: UUID, *, most: int = 100) -> list[RowError]:
    """The first things that are wrong, in the order of the file. Raises NotFound."""
    found = await get(actor, import_id)
    columns = list(found.mapping.columns)
    async with begin(actor) as connection:
        rows = await connection.execute(
            text(
                "select row, problem from import_rows, unnest(problems) problem"
                " where import_id = :id and result = 'invalid' order by row, problem limit :most"
            ),
            {"id": import_id, "most": most},
        )
        told = []
        for row, problem in rows:
            field, _, code = problem.partition(":")
            name = field
            if field in columns and (place := columns.index(field)) < len(found.header):
                name = found.header[place] or field
            told.append(RowError(row, name, field, code))
        return told


@requires(Permission.IMPORT_CLIENTS)
async def rows_of(actor: Staff, import_id: UUID, result: str, *, most: int = 20) -> list[Person]:
    """The first rows of one result. Raises NotFound."""
    return await _people(actor, import_id, _row.result == result, most)


@requires(Permission.IMPORT_CLIENTS)
async def kept(actor: Staff, import_id: UUID, *, most: int = 200) -> list[Person]:
    """What an undo left as it was, because somebody has changed it since. Raises NotFound."""
    return await _people(actor, import_id, _row.kept, most)


@requires(Permission.IMPORT_CLIENTS)
async def result_file(
    actor: Staff, import_id: UUID, words: Callable[[str, list[str], int | None], tuple[str, str]]
) -> AsyncIterator[bytes]:
    """The same file with a result and a reason for each row, for Spanish Excel. Audited.

    `words` puts result, problems and the other row into two cells; for the header, it is asked with
    an empty result. Raises NotFound, and Conflict `file_gone`.
    """
    found = await get(actor, import_id)
    if found.is_content_removed:
        raise Conflict("file_gone")
    async with begin(actor) as connection:
        await audit.record(connection, "download", table="imports", row=import_id)
    width = max(len(found.header), len(found.mapping.columns))
    head = None
    if found.header:
        blank = [""] * (width - len(found.header))
        head = [*found.header, *blank, *words("", [], None)]
    return _written(actor, import_id, head, width, words)


async def _written(
    actor: Staff,
    import_id: UUID,
    head: list[str] | None,
    width: int,
    words: Callable[[str, list[str], int | None], tuple[str, str]],
) -> AsyncIterator[bytes]:
    yield b"\xef\xbb\xbf"
    if head:
        yield csv_rows([head], ";", made=harmless_again)
    after = 0
    while True:
        async with begin(actor) as connection:
            rows = (await connection.execute(_next(import_id, after))).all()
        if not rows:
            return
        after = rows[-1].row
        told = []
        for row in rows:
            cells = row.line.replace(NO_TEXT, "\ufffd").split(CELL)
            cells += [""] * (width - len(cells))
            # What a line has beyond the columns comes last: results stand below one another.
            said = words(row.result, row.problems, row.other_row)
            told.append([*cells[:width], *said, *cells[width:]])
        yield csv_rows(told, ";", made=harmless_again)


def _next(import_id: UUID, after: int) -> Select[Any]:
    return (
        select(_row.row, _row.result, _row.problems, _row.other_row, _line.line)
        .join(import_lines, (_line.import_id == _row.import_id) & (_line.row == _row.row))
        .where(_row.import_id == import_id, _row.row > after)
        .order_by(_row.row)
        .limit(_AT_ONCE)
    )


async def _people(actor: Staff, import_id: UUID, condition: Any, most: int) -> list[Person]:
    async with begin(actor) as connection:
        if await connection.scalar(select(imports.c.id).where(imports.c.id == import_id)) is None:
            raise NotFound
        named = func.coalesce(_row.name, client_directory.c.display_name)
        rows = await connection.execute(
            select(
                _row.row, _row.result, _row.client_id, named.label("name"), _row.phone, _row.email,
                _row.fields, _row.other_row,
            )
            .join(client_directory, client_directory.c.id == _row.client_id, isouter=True)
            .where(_row.import_id == import_id, condition)
            .order_by(_row.row)
            .limit(min(most, 500))
        )  # fmt: skip
        return [Person(*row) for row in rows]


def _cell(cells: list[str] | None, place: int | None) -> str | None:
    if cells is None or place is None or place >= len(cells):
        return None
    value = cells[place].replace(NO_TEXT, "\ufffd").strip()
    return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
