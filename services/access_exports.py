"""What somebody is given of their data when they ask for it (GDPR art. 15 and 20).

The row is the job: `build_next` takes the oldest, under a lease that a crash lets run out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import access_export_parts, access_exports, clients, staff
from services import audit, export_build, files
from services.actors import Staff, System
from services.adapters.storage import StorageProblem
from services.errors import Conflict, NotFound
from services.permissions import Permission, requires

log = structlog.get_logger()

State = Literal["queued", "running", "done", "expired", "failed"]

#: Attempts before an export has failed for good.
ATTEMPTS = 3
#: Seconds after a failed attempt, growing with each.
_PAUSE = 15

_MADRID = ZoneInfo("Europe/Madrid")
_export = access_exports.c
_part = access_export_parts.c


@dataclass(frozen=True, slots=True)
class ExportPart:
    """One of the files of an export: a ZIP of its own."""

    #: 1, 2, ...
    number: int
    #: Bytes.
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class AccessExport:
    """One export of a client's data, and how far it is."""

    id: UUID
    client_id: UUID
    #: The name of whoever asked for it, if they are still on the staff.
    requested_by: str | None
    requested_at: datetime
    state: State
    #: 0..1
    progress: float
    finished_at: datetime | None
    #: Bytes, of all parts.
    size: int | None
    #: What can be downloaded; none before it is done and after it has expired.
    parts: tuple[ExportPart, ...]
    #: How many documents storage did not have: they are not in the copy.
    missing_documents: int
    expires_at: datetime | None
    #: Why it failed: `interrupted`, `not_built` or `storage_` with storage's own code.
    problem: str | None


@requires(Permission.EXPORT_CLIENTS)
async def request_export(actor: Staff, client_id: UUID) -> AccessExport:
    """Ask for a copy of everything about a client; it is built in the background.

    Where one is being built already, that one is returned. Raises NotFound.
    """
    async with begin(actor) as connection:
        locked = await connection.scalar(
            select(clients.c.id).where(clients.c.id == client_id).with_for_update()
        )
        if locked is None:
            raise NotFound
        export_id = await connection.scalar(
            select(_export.id).where(
                _export.client_id == client_id, _export.state.in_(("queued", "running"))
            )
        )
        if export_id is None:
            export_id = await connection.scalar(
                insert(access_exports)
                .values(client_id=client_id, requested_by=actor.id)
                .returning(_export.id)
            )
            await audit.record(
                connection, "export", table="access_exports", row=export_id, client=client_id
            )
        [export] = await _read(connection, _listed().where(_export.id == export_id))
        return export


@requires(Permission.EXPORT_CLIENTS)
async def exports_of(actor: Staff, client_id: UUID) -> list[AccessExport]:
    """A client's exports, newest first."""
    return await _list(actor, _listed().where(_export.client_id == client_id))


@requires(Permission.EXPORT_CLIENTS)
async def list_exports(actor: Staff, *, limit: int = 100) -> list[AccessExport]:
    """Everybody's exports, newest first. Those of erased clients have gone with them."""
    return await _list(actor, _listed().limit(limit))


@requires(Permission.EXPORT_CLIENTS)
async def link_to(actor: Staff, export_id: UUID, number: int = 1) -> str:
    """An address that downloads a part within the next minute; audited as a download.

    Raises NotFound, Conflict (`export_not_ready`, `export_expired`) or StorageProblem.
    """
    async with begin(actor) as connection:
        row = (
            await connection.execute(
                select(
                    access_exports,
                    _part.storage_key,
                    (_export.expires_at <= func.now()).label("has_expired"),
                    _has_parts().label("has_parts"),
                )
                .join_from(
                    access_exports,
                    access_export_parts,
                    (_part.export_id == _export.id) & (_part.number == number),
                    isouter=True,
                )
                .where(_export.id == export_id)
            )
        ).one_or_none()
        if row is None:
            raise NotFound
        if row.state != "done":
            raise Conflict("export_not_ready")
        if row.has_expired or not row.has_parts:
            raise Conflict("export_expired")
        if row.storage_key is None:
            raise NotFound
        # Names of files end up in histories and shared folders: none of the person's own.
        name = f"acogida-{str(row.client_id)[:8]}-{row.requested_at:%Y-%m-%d}-{number}.zip"
        link = await files.storage().link(row.storage_key, name)
        await audit.record(
            connection,
            "download",
            table="access_exports",
            row=export_id,
            client=row.client_id,
            details={"part": number},
        )
        return link


@requires(Permission.EXPORT_CLIENTS)
async def remove_export(actor: Staff, export_id: UUID) -> None:
    """Cancel an export, or delete it with its file. Raises NotFound."""
    async with begin(actor) as connection:
        done = await connection.execute(delete(access_exports).where(_export.id == export_id))
        if done.rowcount == 0:
            raise NotFound


@requires(Permission.SYSTEM)
async def build_next(actor: System, *, zone: ZoneInfo = _MADRID) -> int:
    """Build the oldest export that waits; 0 when none does. Times are told in `zone`."""
    claimed = await _claim(actor)
    if claimed is None:
        return 0
    if claimed.attempts > ATTEMPTS:
        await _fail(actor, claimed, "interrupted", for_good=True)
        return 1
    try:
        await export_build.build(actor, claimed, zone)
    except (export_build.Gone, NotFound):
        log.info("access_export.dropped", export_id=str(claimed.id))
    except Exception as error:
        # Whatever it is, it is told and tried again.
        code = "not_built"
        if isinstance(error, StorageProblem):
            code = f"storage_{error.code}"
        else:
            log.exception("access_export.attempt_failed", export_id=str(claimed.id))
        await _fail(actor, claimed, code, for_good=claimed.attempts >= ATTEMPTS)
    return 1


@requires(Permission.SYSTEM)
async def expire(actor: System) -> int:
    """Let go of files whose time is over; how many. The exports stay and tell of them."""
    over = select(_export.id).where(_export.expires_at <= func.now())
    async with begin(actor) as connection:
        done = await connection.execute(
            delete(access_export_parts).where(_part.export_id.in_(over))
        )
        return done.rowcount


async def _list(actor: Staff, query: Select[Any]) -> list[AccessExport]:
    async with begin(actor) as connection:
        return await _read(connection, query.order_by(_export.requested_at.desc(), _export.id))


async def _claim(actor: System) -> Row[Any] | None:
    waiting = (
        select(_export.id)
        .where(
            _export.state.in_(("queued", "running")),
            or_(_export.leased_until.is_(None), _export.leased_until < func.now()),
        )
        .order_by(_export.requested_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    async with begin(actor) as connection:
        taken: Row[Any] | None = (
            await connection.execute(
                update(access_exports)
                .where(_export.id == waiting)
                .values(
                    state="running",
                    attempts=_export.attempts + 1,
                    progress=0,
                    leased_until=func.now() + text(f"interval '{export_build.LEASE}'"),
                )
                .returning(access_exports)
            )
        ).one_or_none()
        return taken


async def _fail(actor: System, claimed: Row[Any], code: str, *, for_good: bool) -> None:
    log.warning(
        "access_export.failed", export_id=str(claimed.id), code=code, attempt=claimed.attempts
    )
    pause = text(f"interval '{_PAUSE * claimed.attempts} seconds'")
    async with begin(actor) as connection:
        await connection.execute(
            update(access_exports)
            .where(_export.id == claimed.id, _export.attempts == claimed.attempts)
            .values(
                state="failed" if for_good else "queued",
                problem=code,
                progress=0,
                leased_until=None if for_good else func.now() + pause,
                finished_at=func.now() if for_good else None,
            )
        )


def _listed() -> Select[Any]:
    return select(
        access_exports,
        staff.c.name.label("staff_name"),
        (_export.expires_at <= func.now()).label("has_expired"),
    ).join(staff, staff.c.id == _export.requested_by, isouter=True)


def _has_parts() -> ColumnElement[bool]:
    return (
        select(_part.number).where(_part.export_id == _export.id).correlate(access_exports).exists()
    )


async def _read(connection: AsyncConnection, query: Select[Any]) -> list[AccessExport]:
    rows = (await connection.execute(query)).all()
    parts: dict[UUID, list[ExportPart]] = {}
    of_these = _part.export_id.in_([row.id for row in rows])
    for part in await connection.execute(
        select(access_export_parts).where(of_these).order_by(_part.number)
    ):
        found = ExportPart(part.number, part.size, bytes(part.sha256).hex())
        parts.setdefault(part.export_id, []).append(found)
    return [_export_of(row, parts.get(row.id, [])) for row in rows]


def _export_of(row: Row[Any], parts: list[ExportPart]) -> AccessExport:
    is_over = row.state == "done" and (not parts or row.has_expired)
    return AccessExport(
        id=row.id,
        client_id=row.client_id,
        requested_by=row.staff_name,
        requested_at=row.requested_at,
        state="expired" if is_over else row.state,
        progress=row.progress,
        finished_at=row.finished_at,
        size=row.size,
        parts=() if is_over else tuple(parts),
        missing_documents=row.missing_documents,
        expires_at=row.expires_at,
        problem=row.problem,
    )
