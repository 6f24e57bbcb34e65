"""Removes files that nothing refers to any more, and makes sure that they are gone."""

from typing import Any

import structlog
from sqlalchemy import Row, func, select, text, update

from db.engine import begin
from db.tables import storage_removals
from services import files
from services.actors import System
from services.adapters.storage import StorageProblem
from services.permissions import Permission, requires

log = structlog.get_logger()

#: After the first attempt a minute, then two, four, ... and then every hour, however long it takes.
#: It is also the time that a crashed attempt holds on to its file.
_NEXT_ATTEMPT = func.now() + text(
    "least(interval '1 minute' * pow(2, least(attempts, 10)), interval '1 hour')"
)


@requires(Permission.SYSTEM)
async def remove_waiting(actor: System) -> int:
    """Remove one file that is due, and ask storage whether it is gone; 0 when none is due.

    Takes a file for itself before it touches it, so that several processes may do this at once and
    no row can come to refer to a file that is half removed (`files.keep`). What an erasure hurries
    along while it may still be on its way is looked at again once it cannot be.
    """
    removal = storage_removals.c
    due = (
        select(removal.id)
        .where(removal.removed_at.is_(None), removal.next_attempt_at <= func.now())
        .order_by(removal.next_attempt_at, removal.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    async with begin(actor) as connection:
        claim = (
            update(storage_removals)
            .where(removal.id == due)
            .values(attempts=removal.attempts + 1, next_attempt_at=_NEXT_ATTEMPT)
            .returning(
                removal.id,
                removal.storage_key,
                removal.attempts,
                (func.coalesce(removal.reserved_until, func.now()) > func.now()).label("may_come"),
            )
        )
        row = (await connection.execute(claim)).one_or_none()
    if row is None:
        return 0
    problem = await _remove(row.storage_key)
    if problem is None and row.may_come:
        await _look_again(actor, row)
        return 1
    async with begin(actor) as connection:
        await connection.execute(
            update(storage_removals)
            .where(removal.id == row.id)
            .values(
                problem=problem,
                removed_at=None if problem else func.now(),
                # A file that is gone is nobody's.
                client_id=removal.client_id if problem else None,
            )
        )
    if problem:
        log.warning("file.not_removed", removal=row.id, code=problem, attempts=row.attempts)
    else:
        log.info("file.removed", removal=row.id)
    return 1


async def _look_again(actor: System, row: Row[Any]) -> None:
    """After the time for which the key is reserved, or as soon as the upload has given it back."""
    removal = storage_removals.c
    async with begin(actor) as connection:
        await connection.execute(
            update(storage_removals)
            .where(removal.id == row.id, removal.reserved_until.is_not(None))
            .values(problem=None, next_attempt_at=removal.reserved_until)
        )


async def _remove(key: str) -> str | None:
    """None once storage has said that there is no such object; else why it is still there."""
    try:
        await files.storage().remove(key)
        return "not_removed" if await files.storage().exists(key) else None
    except StorageProblem as problem:
        return problem.code
