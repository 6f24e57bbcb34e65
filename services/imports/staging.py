"""A file's rows on their way into the database: read in a thread, written by COPY."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.imports import sheets, uploads
from services.imports.files import CELL, Reading, Unreadable, copy_text, lines_of
from services.imports.judge import Tell

# Under row-level security Postgres takes no COPY: lines pass through a table of this transaction's.
_MAKE = "create temp table arriving_lines (row integer, line text) on commit drop"
_COPY = "copy arriving_lines (row, line) from stdin"
_KEEP = "insert into import_lines (import_id, row, line) select :id, row, line from arriving_lines"

#: Batches that wait for the database while the thread reads on.
_AHEAD = 4


async def stage(
    connection: AsyncConnection,
    import_id: UUID,
    kind: str,
    size: int,
    reading: Reading,
    tell: Tell,
) -> dict[str, Any]:
    """Put every row of the file into `import_lines`; what was found of its header.

    In the caller's transaction, as the software. Raises Unreadable.
    """
    await connection.execute(text("set local statement_timeout = '30min'"))
    await connection.execute(
        text("delete from import_lines where import_id = :id"), {"id": import_id}
    )
    await connection.execute(text(_MAKE))
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    first: tuple[int, list[str]] | None = None
    width = rows = 0
    source = (
        _lines_of_sheet(import_id) if kind == "xlsx" else _lines(import_id, reading, size, tell)
    )
    async with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
        async for batch, content in source:
            if first is None:
                first = (batch[0][0], batch[0][1].split(CELL))
            rows += len(batch)
            await copy.write(content)
    await connection.execute(text(_KEEP), {"id": import_id})
    await connection.execute(text("drop table arriving_lines"))
    if first is None or rows <= reading.header:
        raise Unreadable("no_rows" if first else "empty")
    header = [cell.strip()[:200] for cell in first[1]] if reading.header else []
    return {
        "reading": reading.json(),
        "first": first[0] + 1 if reading.header else first[0],
        "header": header,
        "width": max(width, len(first[1])),
        "rows": rows - reading.header,
    }


Batch = tuple[list[tuple[int, str]], bytes]


async def _lines(import_id: UUID, reading: Reading, size: int, tell: Tell) -> AsyncIterator[Batch]:
    loop = asyncio.get_running_loop()
    parts = uploads.parts_of(import_id)
    done = 0

    async def pull_next() -> bytes:
        nonlocal done
        part = await anext(parts, b"")
        done += len(part)
        await tell(done / max(size, 1))
        return part

    def pull() -> bytes:
        return asyncio.run_coroutine_threadsafe(pull_next(), loop).result()

    async for batch in _in_a_thread(lambda: lines_of(pull, reading)):
        yield batch


async def _lines_of_sheet(import_id: UUID) -> AsyncIterator[Batch]:
    async with uploads.file_of(import_id) as path:
        async for batch in _in_a_thread(lambda: sheets.lines_of(path)):
            yield batch


async def _in_a_thread(
    read: Callable[[], Iterator[list[tuple[int, str]]]],
) -> AsyncIterator[Batch]:
    """What a blocking iterator gives, a few batches ahead of whoever takes it."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Batch | None] = asyncio.Queue(_AHEAD)
    stopped = False

    def hand_over(what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result()

    def run() -> None:
        try:
            for batch in read():
                if stopped:
                    return
                hand_over(ready.put((batch, copy_text(batch).encode("utf-8", "replace"))))
        finally:
            if not stopped:
                hand_over(ready.put(None))

    reading = asyncio.create_task(asyncio.to_thread(run))
    try:
        while (batch := await ready.get()) is not None:
            yield batch
        await reading
    finally:
        stopped = True
        while not reading.done():
            # The thread may be waiting for room.
            while not ready.empty():
                ready.get_nowait()
            await asyncio.wait({reading}, timeout=0.05)
        if not reading.cancelled():
            reading.exception()
