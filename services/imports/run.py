"""The work behind imports: staging, judging, writing, undoing. The row is the job.

Writing is one transaction, as the admin who asked for it, and so is undoing: a crash at any moment
leaves nothing of it, and the lease lets the next attempt begin. New clients are written first,
then their phones under the locks of identities, then what is changed of existing clients: whoever
delivers messages waits for the second half only.
"""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db import inbound
from db.engine import ORIGIN, Origin, begin
from db.tables import staff
from services import changes, client_edits
from services.actors import Actor, Staff, System
from services.errors import Forbidden
from services.imports import attempts, jobs, judge, staging
from services.imports.attempts import Progress
from services.imports.files import Reading, Unreadable
from services.imports.mapping import Mapping
from services.permissions import Permission, may, requires

log = structlog.get_logger()

#: Rows of one statement: each is some seconds at most.
_WRITTEN_AT_ONCE, _PHONES_AT_ONCE, _UPDATED_AT_ONCE, _UNDONE_AT_ONCE = 10_000, 50_000, 2_000, 5_000
#: Pages are told of so many clients one by one.
_ANNOUNCED = 500
#: Time for a file to arrive.
_UPLOAD_TIME = "1 hour"


class _Changed(Exception):
    """The clients are not as they were when the file was judged."""


@requires(Permission.SYSTEM)
async def work(actor: System) -> int:
    """Do the oldest piece of work that waits; 0 when none does."""
    claimed = await attempts.claim(actor, _WORK)
    if claimed is None:
        return await _drop_unfinished_uploads(actor)
    if claimed.attempts > attempts.MOST:
        await attempts.fail(actor, claimed, "interrupted")
        return 1
    try:
        async with Progress(actor, claimed) as tell:
            await _WORK[claimed.state](actor, claimed, tell)
    except attempts.Stopped:
        await attempts.cancel(actor, claimed)
    except attempts.Lost:
        log.info("import.lost", import_id=str(claimed.id))
    except Unreadable as problem:
        await attempts.fail(actor, claimed, problem.code, row=problem.row)
    except Forbidden:
        await attempts.fail(actor, claimed, "not_allowed")
    except _Changed:
        await attempts.judge_again(actor, claimed)
    except Exception:
        # Whatever it is, it is told and tried again.
        log.exception("import.attempt_failed", import_id=str(claimed.id))
        if claimed.attempts >= attempts.MOST:
            await attempts.fail(actor, claimed, "not_done")
        else:
            await attempts.release(actor, claimed)
    return 1


async def _judge(actor: System, claimed: Row[Any], tell: Progress) -> None:
    reading, mapping = Reading.of(claimed.reading), Mapping.of(claimed.mapping)
    staged = claimed.staged
    if staged is None or staged["reading"] != reading.json():
        async with begin(actor) as connection:
            tell.phase = "reading"
            staged = await staging.stage(
                connection, claimed.id, claimed.kind, claimed.size, reading, tell
            )
            await attempts.finish(connection, claimed, state=claimed.state, staged=staged)
    async with begin(actor) as connection:
        tell.phase = "judging"
        counts = await judge.judge(connection, claimed.id, mapping, staged["first"], tell)
        goes_on = not claimed.dry_run
        problem = None
        if goes_on and counts["invalid"] and not mapping.only_valid:
            problem = "invalid_rows"
        values: dict[str, Any] = {"state": "importing" if goes_on else "judged"}
        if problem:
            values = {"state": "failed", "problem": problem, "finished_at": func.now()}
            await jobs.remove_content(connection, claimed.id, rows=False)
        elif goes_on and not counts["new"] + counts["updated"]:
            values = {"state": "done", "problem": None, "finished_at": func.clock_timestamp()}
            await jobs.remove_content(connection, claimed.id, rows=False)
        await attempts.finish(
            connection, claimed, counts=counts, judged_at=func.now(), attempts=0, **values
        )
    log.info("import.judged", import_id=str(claimed.id), rows=counts["rows"])


async def _write(actor: System, claimed: Row[Any], tell: Progress) -> None:
    admin = await _acting(actor, claimed.requested_by, claimed.assurance)
    first, last, written, changed = await _extent(actor, claimed.id)
    origin = ORIGIN.set(Origin(claimed.address, f"import-{claimed.id}"))
    try:
        async with begin(admin) as connection:
            await _be_patient(connection)
            tell.phase = "writing"
            await _batches(
                connection, "import_clients", claimed.id, first, last, _WRITTEN_AT_ONCE, tell
            )
            await _lock(connection, claimed.id)
            if await connection.scalar(_IS_CHANGED, {"id": claimed.id}):
                raise _Changed
            tell.phase = "phones"
            await _batches(
                connection, "import_phones", claimed.id, first, last, _PHONES_AT_ONCE, tell
            )
            if changed:
                tell.phase = "updating"
                await _batches(
                    connection, "import_updates", claimed.id, first, last, _UPDATED_AT_ONCE, tell
                )
            await _announce(connection, claimed.id)
            await jobs.as_the_software(connection)
            await jobs.remove_content(connection, claimed.id, rows=False)
            await attempts.finish(
                connection,
                claimed,
                state="done",
                problem=None,
                finished_at=func.clock_timestamp(),
                progress=1,
            )
    except IntegrityError:
        # Somebody was given one of these e-mails or phones a moment ago.
        raise _Changed from None
    finally:
        ORIGIN.reset(origin)
    log.info("import.done", import_id=str(claimed.id), written=written, changed=changed)


async def _undo(actor: System, claimed: Row[Any], tell: Progress) -> None:
    admin = await _acting(actor, claimed.undone_by, claimed.assurance)
    first, last, _, _ = await _extent(actor, claimed.id)
    origin = ORIGIN.set(Origin(claimed.address, f"import-{claimed.id}"))
    counts = {"removed": 0, "restored": 0, "kept": 0}
    try:
        async with begin(admin) as connection:
            await _be_patient(connection)
            tell.phase = "undoing"
            await _announce(connection, claimed.id)
            for start in range(first, last + 1, _UNDONE_AT_ONCE):
                some: dict[str, int] = await connection.scalar(
                    text("select app_private.undo_import(:id, :first, :last)"),
                    {"id": claimed.id, "first": start, "last": start + _UNDONE_AT_ONCE - 1},
                )
                counts = {name: counts[name] + some[name] for name in counts}
                await tell((start - first) / max(last - first, 1))
            await jobs.as_the_software(connection)
            await attempts.finish(
                connection,
                claimed,
                state="undone",
                undone_at=func.clock_timestamp(),
                undo_counts=counts,
                progress=1,
            )
    finally:
        ORIGIN.reset(origin)
    log.info("import.undone", import_id=str(claimed.id), **counts)


_WORK = {"judging": _judge, "importing": _write, "undoing": _undo}


async def _batches(
    connection: AsyncConnection,
    function: str,
    import_id: UUID,
    first: int,
    last: int,
    size: int,
    tell: Progress,
) -> None:
    call = text(f"select app_private.{function}(:id, :first, :last)")
    for start in range(first, last + 1, size):
        await connection.execute(call, {"id": import_id, "first": start, "last": start + size - 1})
        await tell((start + size - first) / max(last - first + 1, 1))


async def _be_patient(connection: AsyncConnection) -> None:
    """Time for a long transaction, and room for what it sorts and merges."""
    for setting in (
        "statement_timeout = '30min'",
        "idle_in_transaction_session_timeout = '10min'",
        "work_mem = '96MB'",
        "jit = off",
        # The search's index takes new words in larger portions; whoever searches meanwhile has to
        # look through what waits.
        "gin_pending_list_limit = '16MB'",
    ):
        await connection.execute(text(f"set local {setting}"))


async def _lock(connection: AsyncConnection, import_id: UUID) -> None:
    """Hold off whoever writes these identities, as `inbound.lock_identities` does."""
    parameters = {"id": import_id, "most": _LOCKED_ONE_BY_ONE + 1}
    numbers = list(await connection.scalars(_PHONES, parameters))
    if len(numbers) <= _LOCKED_ONE_BY_ONE:
        keys = [key for number in numbers for key in client_edits.spellings(number)]
        await inbound.lock_identities(connection, keys)
    else:
        await inbound.lock_all_identities(connection)


#: More phones than this are in every stripe of locks anyway.
_LOCKED_ONE_BY_ONE = 1_000
_PHONES = text(
    "select phone from import_rows where import_id = :id and phone is not null"
    " and (result = 'new' or 'phone' = any (fields)) limit :most"
)

#: Whether a phone or a document is somebody else's by now, or a client whom the import changes has
#: been changed.
_IS_CHANGED = text("""
select exists (select from import_rows r join client_identities i
    on i.kind = 'phone' and i.value = r.phone and i.retired_at is null
  where r.import_id = :id and (r.result = 'new' or 'phone' = any (r.fields)))
or exists (select from import_rows r join client_identities i
    on i.kind = 'wa_id' and i.value = substr(r.phone, 2) and i.retired_at is null
  where r.import_id = :id and (r.result = 'new'
    or ('phone' = any (r.fields) and i.client_id <> r.client_id)))
or exists (select from import_rows r join client_identities i
    on (i.kind, i.value) in (('phone', app_private.phone_variant(r.phone)),
      ('wa_id', substr(app_private.phone_variant(r.phone), 2))) and i.retired_at is null
  where r.import_id = :id and r.phone ~ '^[+]5[245]' and (r.result = 'new'
    or ('phone' = any (r.fields) and i.client_id <> r.client_id)))
or exists (select from import_rows r join clients c
    on app_private.document_key(c.passport_or_nie) = app_private.document_key(r.passport_or_nie)
    and c.id <> r.client_id
  where r.import_id = :id and r.passport_or_nie is not null
    and (r.result = 'new' or 'passport_or_nie' = any (r.fields))
    and c.updated_at > (select judged_at from imports where id = :id)
    -- Not those that this very transaction has made.
    and c.created_at <> now())
or exists (select from import_rows r left join clients c on c.id = r.client_id
  where r.import_id = :id and r.result = 'updated'
    and c.updated_at is distinct from r.as_of)
""")


async def _extent(actor: System, import_id: UUID) -> tuple[int, int, int, int]:
    """First and last row that is written, how many new clients, how many changed ones."""
    async with begin(actor) as connection:
        row = (
            await connection.execute(
                text(
                    "select coalesce(min(row), 0), coalesce(max(row), -1),"
                    " count(*) filter (where result = 'new'),"
                    " count(*) filter (where result = 'updated')"
                    " from import_rows where import_id = :id and result in ('new', 'updated')"
                ),
                {"id": import_id},
            )
        ).one()
    return row[0], row[1], row[2], row[3]


async def _acting(actor: System, staff_id: UUID | None, assurance: int) -> Actor:
    """Whoever asked for the work, as they are now. Raises Forbidden when they may not any more."""
    if staff_id is None:
        return actor
    async with begin(actor) as connection:
        row = (await connection.execute(select(staff).where(staff.c.id == staff_id))).one_or_none()
    if row is None or not row.active or row.user_id is None:
        raise Forbidden(Permission.IMPORT_CLIENTS)
    person = Staff(
        id=row.id,
        user_id=row.user_id,
        email=row.email,
        name=row.name,
        role=row.role,
        assurance=2 if assurance == 2 else 1,
    )
    if not may(person, Permission.IMPORT_CLIENTS):
        raise Forbidden(Permission.IMPORT_CLIENTS)
    return person


async def _announce(connection: AsyncConnection, import_id: UUID) -> None:
    """Open lists load again; the pages of some of these clients, too."""
    found = await connection.scalars(
        text(
            "select client_id from import_rows where import_id = :id"
            " and result in ('updated', 'new') order by result desc, row limit :most"
        ),
        {"id": import_id, "most": _ANNOUNCED},
    )
    await changes.announce(connection, {client_id: [] for client_id in found})


async def _drop_unfinished_uploads(actor: System) -> int:
    """A file that stopped arriving, because a browser or a process did."""
    async with begin(actor) as connection:
        done = await connection.execute(
            text(
                "delete from imports where state = 'uploading'"  # noqa: S608 - our own text
                f" and created_at < now() - interval '{_UPLOAD_TIME}'"
            )
        )
        return done.rowcount
