"""Imports as admins see and steer them; `run` does the work."""

from collections.abc import Mapping as Mappings
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import import_chunks, import_lines, import_mappings, import_rows, imports, staff
from services.actors import Actor, Staff, System
from services.errors import Conflict, Invalid, NotFound
from services.imports import mapping as mappings
from services.imports.files import Reading
from services.imports.mapping import Mapping
from services.permissions import Permission, requires

State = Literal[
    "uploading",
    "uploaded",
    "judging",
    "judged",
    "importing",
    "done",
    "failed",
    "cancelled",
    "undoing",
    "undone",
]
Phase = Literal["reading", "judging", "writing", "phones", "updating", "undoing"]

SYSTEM = System("imports")
#: An import that nobody will change any more; its file is not needed again.
SETTLED = ("done", "failed", "cancelled", "undone")

_import = imports.c


@dataclass(frozen=True, slots=True)
class Import:
    """One import, and how far it is."""

    id: UUID
    file_name: str
    kind: Literal["csv", "xlsx"]
    #: Bytes.
    size: int
    state: State
    #: Judged and no more.
    dry_run: bool
    reading: Reading
    mapping: Mapping
    #: The columns' names, once the file has been staged.
    header: list[str]
    #: rows, new, updated, unchanged, duplicate_in_file, duplicate_in_database, invalid
    counts: Mappings[str, int]
    phase: Phase | None
    #: 0..1, of the phase.
    progress: float
    #: Why it failed, or what whoever imports should know.
    problem: str | None
    problem_row: int | None
    #: The name of whoever asked for it, if they are still on the staff.
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    judged_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None
    undone_by: str | None
    #: removed, restored, kept
    undo_counts: Mappings[str, int] | None
    #: The file and its rows are gone: neither result nor undo.
    is_content_removed: bool

    @property
    def can_undo(self) -> bool:
        return self.state == "done" and not self.is_content_removed


@requires(Permission.IMPORT_CLIENTS)
async def get(actor: Actor, import_id: UUID) -> Import:
    """One import. Raises NotFound."""
    async with begin(actor) as connection:
        row = (await connection.execute(_listed().where(_import.id == import_id))).one_or_none()
    if row is None:
        raise NotFound
    return _import_of(row)


@requires(Permission.IMPORT_CLIENTS)
async def history(actor: Staff, *, limit: int = 50) -> list[Import]:
    """All imports, the newest first."""
    async with begin(actor) as connection:
        rows = await connection.execute(
            _listed()
            .where(_import.state != "uploading")
            .order_by(_import.created_at.desc(), _import.id)
            .limit(min(limit, 200))
        )
        return [_import_of(row) for row in rows]


@requires(Permission.IMPORT_CLIENTS)
async def start_judging(
    actor: Actor, import_id: UUID, reading: Reading, mapping: Mapping, *, dry_run: bool = True
) -> None:
    """Let the file be judged; with `dry_run` False it goes on to the import by itself.

    Raises NotFound, Conflict `not_now`, and Invalid `columns` when no column says who a row is
    about.
    """
    if not mapping.knows_somebody:
        raise Invalid({"columns": "nobody_known"})
    async with begin(actor) as connection:
        await _change(
            connection,
            import_id,
            _import.state.in_(("uploaded", "judged")),
            state="judging",
            dry_run=dry_run,
            reading=reading.json(),
            mapping=replace(mapping, by_itself=not dry_run).json(),
            wants_cancel=False,
        )
        await _restart(connection, import_id)


@requires(Permission.IMPORT_CLIENTS)
async def start_import(
    actor: Actor, import_id: UUID, *, only_valid: bool = False, seen: datetime | None = None
) -> None:
    """Write what was judged: all of it, or with `only_valid` the rows that can be used.

    `seen` is the `judged_at` of what somebody has looked at: nothing else is written on their word.
    Raises NotFound, and Conflict `not_now`, `invalid_rows` or `nothing_to_write`.
    """
    async with begin(actor) as connection:
        row = (
            await connection.execute(
                select(_import.counts, _import.mapping, _import.staged).where(
                    _import.id == import_id
                )
            )
        ).one_or_none()
        if row is None:
            raise NotFound
        if row.counts.get("invalid", 0) and not only_valid:
            raise Conflict("invalid_rows")
        if not row.counts.get("new", 0) + row.counts.get("updated", 0):
            raise Conflict("nothing_to_write")
        await _change(
            connection,
            import_id,
            _import.state == "judged",
            *([] if seen is None else [_import.judged_at == seen]),
            state="importing",
            dry_run=False,
            mapping=row.mapping | {"only_valid": only_valid},
            wants_cancel=False,
        )
        await _restart(connection, import_id)
    header = (row.staged or {}).get("header")
    if header:
        await _remember(actor, header, row.mapping.get("columns", []))


@requires(Permission.IMPORT_CLIENTS)
async def cancel(actor: Actor, import_id: UUID) -> None:
    """Stop an import: nothing of it has been written, or will be. Raises NotFound, Conflict."""
    async with begin(actor) as connection:
        await _change(
            connection,
            import_id,
            _import.state.in_(("uploaded", "judging", "judged", "importing")),
            wants_cancel=True,
        )
        await as_the_software(connection)
        done = await connection.execute(
            update(imports)
            .where(_import.id == import_id, _import.state.in_(("uploaded", "judged")))
            .values(state="cancelled", finished_at=func.now())
        )
        if done.rowcount:
            await remove_content(connection, import_id, rows=True)


@requires(Permission.IMPORT_CLIENTS)
async def undo(actor: Actor, import_id: UUID) -> None:
    """Take back what an import wrote, but for what somebody has changed since.

    Raises NotFound and Conflict `not_now`.
    """
    who: dict[str, Any] = {}
    if isinstance(actor, Staff):
        who = {"undone_by": actor.id, "assurance": actor.assurance}
    async with begin(actor) as connection:
        await _change(
            connection,
            import_id,
            _import.state == "done",
            _import.content_removed_at.is_(None),
            state="undoing",
            **who,
        )
        await _restart(connection, import_id)


async def remove_content(connection: AsyncConnection, import_id: UUID, *, rows: bool) -> None:
    """Remove an import's file, and with `rows` what was read and judged of it.

    For the software's own transactions.
    """
    tables = (import_chunks, import_lines, import_rows) if rows else (import_chunks,)
    await connection.execute(text("set local statement_timeout = '10min'"))
    for table in tables:
        await connection.execute(delete(table).where(table.c.import_id == import_id))
    if rows:
        await connection.execute(
            update(imports).where(_import.id == import_id).values(content_removed_at=func.now())
        )


async def _change(
    connection: AsyncConnection, import_id: UUID, *conditions: ColumnElement[bool], **values: Any
) -> None:
    done = await connection.execute(
        update(imports).where(_import.id == import_id, *conditions).values(**values)
    )
    if done.rowcount:
        return
    if await connection.scalar(select(_import.id).where(_import.id == import_id)) is None:
        raise NotFound
    raise Conflict("not_now")


async def as_the_software(connection: AsyncConnection) -> None:
    """From here on the transaction is the software's own: only that may settle an import."""
    await connection.execute(text("set local role none"))
    await connection.execute(
        text("select set_config('acogida.origin', '{\"part\": \"imports\"}', true)")
    )


async def _restart(connection: AsyncConnection, import_id: UUID) -> None:
    """What the work before left behind is no news of the work that begins."""
    await as_the_software(connection)
    await connection.execute(
        update(imports)
        .where(_import.id == import_id)
        .values(
            attempts=0,
            leased_until=None,
            progress=0,
            phase=None,
            problem=None,
            problem_row=None,
            started_at=func.coalesce(_import.started_at, func.now()),
        )
    )


async def _remember(actor: Actor, header: list[str], columns: list[Any]) -> None:
    values = {
        "columns": columns,
        "used_at": func.now(),
        "used_by": actor.id if isinstance(actor, Staff) else None,
    }
    async with begin(SYSTEM) as connection:
        await connection.execute(
            insert(import_mappings)
            .values(signature=mappings.signature(header), **values)
            .on_conflict_do_update(index_elements=["signature"], set_=values)
        )


_undoer = staff.alias("undoer")


def _listed() -> Select[Any]:
    return (
        select(imports, staff.c.name.label("staff_name"), _undoer.c.name.label("undoer_name"))
        .join(staff, staff.c.id == _import.requested_by, isouter=True)
        .join(_undoer, _undoer.c.id == _import.undone_by, isouter=True)
    )


def _import_of(row: Row[Any]) -> Import:
    return Import(
        id=row.id,
        file_name=row.file_name,
        kind=row.kind,
        size=row.size,
        state=row.state,
        dry_run=row.dry_run,
        reading=Reading.of(row.reading),
        mapping=Mapping.of(row.mapping),
        header=list((row.staged or {}).get("header", [])),
        counts=row.counts,
        phase=row.phase,
        progress=row.progress,
        problem=row.problem,
        problem_row=row.problem_row,
        requested_by=row.staff_name,
        created_at=row.created_at,
        started_at=row.started_at,
        judged_at=row.judged_at,
        finished_at=row.finished_at,
        undone_at=row.undone_at,
        undone_by=row.undoer_name,
        undo_counts=row.undo_counts,
        is_content_removed=row.content_removed_at is not None,
    )
