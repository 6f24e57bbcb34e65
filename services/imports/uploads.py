"""Taking a file in, and showing how it would be read: before anything is judged."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from db.engine import ORIGIN, begin
from db.tables import import_chunks, import_mappings, imports
from services.actors import Actor, Staff, System
from services.errors import Conflict, NotFound
from services.imports import mapping as mappings
from services.imports import sheets
from services.imports.files import (
    CELL,
    MAX_COLUMNS,
    Inspection,
    Reading,
    Unreadable,
    head_rows,
)
from services.permissions import Permission, requires

SYSTEM = System("imports")
#: Bytes of a part of a file in the database.
PART = 1024 * 1024
#: Rows that a sample shows, and that columns are guessed from.
SHOWN, LOOKED_AT = 20, 200

_import = imports.c
_chunk = import_chunks.c


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file, read in one way."""

    reading: Reading
    #: The columns' names; numbers where the file has no header.
    header: list[str]
    #: (row of the file, its cells)
    rows: list[tuple[int, list[str]]]
    #: What each column seems to be.
    columns: list[mappings.Field | None]
    #: The columns were the same in an earlier import, which said what they are.
    remembered: bool
    #: When this very file was imported before.
    imported_at: datetime | None
    #: Of the workbook, of which the first is read.
    sheets: int = 1


@requires(Permission.IMPORT_CLIENTS)
async def receive(actor: Actor, file_name: str, parts: AsyncIterator[bytes]) -> UUID:
    """Keep a file for an import, part by part, and look at what it is.

    Raises Unreadable when it is no table; then nothing of it is kept.
    """
    values: dict[str, Any] = {"file_name": (file_name.strip() or "?")[-255:], "kind": "csv"}
    if isinstance(actor, Staff):
        values |= {"requested_by": actor.id, "assurance": actor.assurance}
    values["address"] = ORIGIN.get().address
    async with begin(actor) as connection:
        import_id: UUID = await connection.scalar(
            insert(imports).values(**values).returning(_import.id)
        )
    try:
        inspection, digest = Inspection(), hashlib.sha256()
        number = 0
        async for part in _even(parts):
            inspection.feed(part)
            digest.update(part)
            async with begin(SYSTEM) as connection:
                await connection.execute(
                    insert(import_chunks).values(import_id=import_id, number=number, content=part)
                )
            number += 1
        reading = inspection.reading()
        async with begin(SYSTEM) as connection:
            await connection.execute(
                update(imports)
                .where(_import.id == import_id, _import.state == "uploading")
                .values(
                    state="uploaded",
                    kind=inspection.kind,
                    size=inspection.size,
                    sha256=digest.digest(),
                    reading=reading.json(),
                )
            )
        sample = await _sample(import_id, None)
        if not sample.rows and not sample.header:
            raise Unreadable("empty")
        async with begin(SYSTEM) as connection:
            await connection.execute(
                update(imports)
                .where(_import.id == import_id)
                .values(
                    reading=sample.reading.json(),
                    mapping=mappings.Mapping(tuple(sample.columns)).json(),
                )
            )
    except BaseException:
        async with begin(SYSTEM) as connection:
            await connection.execute(delete(imports).where(_import.id == import_id))
        raise
    return import_id


@requires(Permission.IMPORT_CLIENTS)
async def sample(actor: Actor, import_id: UUID, reading: Reading | None = None) -> Sample:
    """The beginning of a file as `reading` reads it, or as the import says.

    Raises NotFound, Conflict `file_gone`, and Unreadable when it cannot be read in this way.
    """
    async with begin(actor) as connection:
        if await connection.scalar(select(_import.id).where(_import.id == import_id)) is None:
            raise NotFound
    return await _sample(import_id, reading)


async def _sample(import_id: UUID, reading: Reading | None) -> Sample:
    async with begin(SYSTEM) as connection:
        row = (
            await connection.execute(select(imports).where(_import.id == import_id))
        ).one_or_none()
        if row is None:
            raise NotFound
        earlier = await connection.scalar(
            select(func.max(_import.finished_at)).where(
                _import.sha256 == row.sha256, _import.state == "done", _import.id != import_id
            )
        )
        content = await connection.scalar(
            select(_chunk.content).where(_chunk.import_id == import_id, _chunk.number == 0)
        )
    if content is None:
        raise Conflict("file_gone")
    is_new = reading is None and not row.mapping
    chosen = reading or Reading.of(row.reading)
    book_sheets = 1
    if row.kind == "xlsx":
        async with file_of(import_id) as path:
            rows = await asyncio.to_thread(_sheet_rows, path)
            book_sheets = await asyncio.to_thread(sheets.count, path)
    else:
        rows = head_rows(content, chosen, most=LOOKED_AT, whole=row.size <= len(content))
    if is_new:
        chosen = Reading(
            chosen.encoding, chosen.delimiter, mappings.has_header([cells for _, cells in rows])
        )
    header, rows = _split(rows, chosen.header)
    # A row that is wider than the header has a mistake, which judging tells.
    width = len(header) or max((len(cells) for _, cells in rows), default=0)
    width = min(width, MAX_COLUMNS)
    remembered = await _remembered(header, width) if chosen.header else None
    guessed = mappings.guess(header if chosen.header else [], [c for _, c in rows], width)
    header += [f"{n + 1}" for n in range(len(header), width)]
    return Sample(
        reading=chosen,
        header=header[:width],
        rows=rows[:SHOWN],
        columns=remembered or guessed,
        remembered=remembered is not None,
        imported_at=earlier,
        sheets=book_sheets,
    )


@asynccontextmanager
async def file_of(import_id: UUID) -> AsyncIterator[Path]:
    """The whole file on disk, where only whole files can be read; gone at the end of the block."""
    with tempfile.NamedTemporaryFile(prefix="acogida-import-", suffix=".xlsx") as kept:
        async for part in parts_of(import_id):
            kept.write(part)
        kept.flush()
        yield Path(kept.name)


async def parts_of(import_id: UUID) -> AsyncIterator[bytes]:
    """The parts of a file in their order, each read in a transaction of its own."""
    number = 0
    while True:
        async with begin(SYSTEM) as connection:
            part = await connection.scalar(
                select(_chunk.content).where(_chunk.import_id == import_id, _chunk.number == number)
            )
        if part is None:
            return
        yield part
        number += 1


def _sheet_rows(path: Path) -> list[tuple[int, list[str]]]:
    found: list[tuple[int, list[str]]] = []
    for batch in sheets.lines_of(path, most=LOOKED_AT):
        found += [(n, line.split(CELL)) for n, line in batch]
    return found


def _split(
    rows: list[tuple[int, list[str]]], has_header: bool
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    if not has_header or not rows:
        return [], rows
    return [cell.strip().strip("\ufeff")[:200] for cell in rows[0][1]], rows[1:]


async def _remembered(header: Sequence[str], width: int) -> list[mappings.Field | None] | None:
    async with begin(SYSTEM) as connection:
        columns = await connection.scalar(
            select(import_mappings.c.columns).where(
                import_mappings.c.signature == mappings.signature(header)
            )
        )
    if not columns or len(columns) != width:
        return None
    return list(mappings.Mapping.of({"columns": columns}).columns)


async def _even(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in parts of one size: what arrives may come in drops."""
    held = bytearray()
    async for part in parts:
        held += part
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)
