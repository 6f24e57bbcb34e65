"""The life of a piece of work on an import: taken under a lease, told of, settled or given up.

The row is the job. Whoever works on it holds it by its state and its number of attempts: once
either is another, what was being done is somebody else's, and settling it fails.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Row, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import imports
from services.actors import System
from services.imports import jobs
from services.imports.mapping import Mapping
from services.permissions import Permission, requires

#: Attempts before an import has failed for good.
MOST = 3
#: Work that has not been heard of for so long is taken up again.
LEASE = "1 minute"
#: Seconds between two words about how far the work is, which keep the lease too.
_TELL_EVERY = 0.5
_BEAT_EVERY = 10.0
#: Seconds before the next attempt, times the number of the last one.
_PAUSE = 10

log = structlog.get_logger()

_import = imports.c


class Stopped(Exception):
    """Whoever imports wants it stopped."""


class Lost(Exception):
    """Another process has taken the work up."""


@requires(Permission.SYSTEM)
async def claim(actor: System, states: Iterable[str]) -> Row[Any] | None:
    """Take the oldest import that waits in one of these states; None when none does."""
    waiting = (
        select(_import.id)
        .where(
            _import.state.in_(tuple(states)),
            or_(_import.leased_until.is_(None), _import.leased_until < func.now()),
        )
        .order_by(_import.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    async with begin(actor) as connection:
        taken: Row[Any] | None = (
            await connection.execute(
                update(imports)
                .where(_import.id == waiting)
                .values(
                    attempts=_import.attempts + 1,
                    progress=0,
                    leased_until=func.now() + text(f"interval '{LEASE}'"),
                )
                .returning(imports)
            )
        ).one_or_none()
        return taken


async def finish(connection: AsyncConnection, claimed: Row[Any], **values: Any) -> None:
    """Settle a step that is still ours, in the transaction of its effect."""
    done = await connection.execute(
        update(imports)
        .where(*_own(claimed), _import.wants_cancel.is_(False))
        .values(
            **({"leased_until": None} if values.get("state") != claimed.state else {}), **values
        )
    )
    if done.rowcount == 0:
        raise Stopped if await _wants_cancel(connection, claimed) else Lost


async def _wants_cancel(connection: AsyncConnection, claimed: Row[Any]) -> bool:
    found = await connection.scalar(select(_import.wants_cancel).where(*_own(claimed)))
    return bool(found)


def _own(claimed: Row[Any]) -> list[Any]:
    return [
        _import.id == claimed.id,
        _import.state == claimed.state,
        _import.attempts == claimed.attempts,
        # Judged anew, it is another piece of work, whose attempts are counted from one again.
        _import.judged_at.is_not_distinct_from(claimed.judged_at),
    ]


@requires(Permission.SYSTEM)
async def fail(actor: System, claimed: Row[Any], code: str, *, row: int | None = None) -> None:
    """Give up. What an undo could not take back stays done, and can be undone again."""
    log.warning("import.failed", import_id=str(claimed.id), code=code, attempt=claimed.attempts)
    state = "failed"
    if claimed.state == "undoing":
        state, code = "done", "not_undone"
    values: dict[str, Any] = {"state": state, "problem": code, "problem_row": row}
    if state == "failed":
        values["finished_at"] = func.now()
    async with begin(actor) as connection:
        done = await connection.execute(
            update(imports).where(*_own(claimed)).values(leased_until=None, **values)
        )
        if done.rowcount and state == "failed":
            await jobs.remove_content(connection, claimed.id, rows=False)


@requires(Permission.SYSTEM)
async def release(actor: System, claimed: Row[Any]) -> None:
    """Leave it for another attempt, after a pause that grows."""
    pause = text(f"interval '{_PAUSE * claimed.attempts} seconds'")
    async with begin(actor) as connection:
        await connection.execute(
            update(imports).where(*_own(claimed)).values(leased_until=func.now() + pause)
        )


@requires(Permission.SYSTEM)
async def cancel(actor: System, claimed: Row[Any]) -> None:
    """Stop, as somebody wants: what was judged goes, and nothing of it was written."""
    async with begin(actor) as connection:
        done = await connection.execute(
            update(imports)
            .where(*_own(claimed))
            .values(state="cancelled", finished_at=func.now(), leased_until=None)
        )
        if done.rowcount:
            await jobs.remove_content(connection, claimed.id, rows=True)
    log.info("import.cancelled", import_id=str(claimed.id))


@requires(Permission.SYSTEM)
async def judge_again(actor: System, claimed: Row[Any]) -> None:
    """Nothing was written. What nobody has looked at goes on by itself, once; else somebody looks
    at it, which ends what could go round forever."""
    is_first = claimed.problem != "changed_meanwhile"
    by_itself = Mapping.of(claimed.mapping).by_itself and is_first
    async with begin(actor) as connection:
        await connection.execute(
            update(imports)
            .where(*_own(claimed))
            .values(
                state="judging",
                dry_run=not by_itself,
                problem="changed_meanwhile",
                leased_until=None,
                attempts=claimed.attempts if by_itself else 0,
            )
        )
    log.info("import.changed_meanwhile", import_id=str(claimed.id))


class Progress:
    """Tells how far the work is, keeps its lease, and stops it when somebody wants that."""

    def __init__(self, actor: System, claimed: Row[Any]) -> None:
        self._actor = actor
        self._claimed = claimed
        self._told_at = float("-inf")
        self._share = 0.0
        self._why: type[Exception] | None = None
        self.phase: str | None = None

    async def __call__(self, share: float) -> None:
        """`share`: 0..1 of the phase. Raises Stopped or Lost."""
        self._share = share
        if asyncio.get_running_loop().time() - self._told_at >= _TELL_EVERY:
            await self._tell()

    async def __aenter__(self) -> "Progress":
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._beating.cancel()
        with suppress(asyncio.CancelledError):
            await self._beating
        if isinstance(error, asyncio.CancelledError) and self._why is not None:
            self._task.uncancel()
            raise self._why from None

    async def _beat(self) -> None:
        """Long statements say nothing themselves."""
        while True:
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            try:
                if now - self._told_at >= _BEAT_EVERY or await self._is_unwanted():
                    await self._tell()
            except (Stopped, Lost) as why:
                self._why = type(why)
                self._task.cancel()
                return
            except Exception:  # noqa: BLE001 - a beat that is missed is no reason to stop
                log.warning("import.beat_missed", import_id=str(self._claimed.id))

    async def _is_unwanted(self) -> bool:
        async with begin(self._actor) as connection:
            return await _wants_cancel(connection, self._claimed)

    async def _tell(self) -> None:
        self._told_at = asyncio.get_running_loop().time()
        async with begin(self._actor) as connection:
            row = (
                await connection.execute(
                    update(imports)
                    .where(*_own(self._claimed))
                    .values(
                        phase=self.phase,
                        progress=min(max(self._share, 0.0), 1.0),
                        leased_until=func.now() + text(f"interval '{LEASE}'"),
                    )
                    .returning(_import.wants_cancel)
                )
            ).one_or_none()
        if row is None:
            raise Lost
        if row.wants_cancel and self._claimed.state != "undoing":
            raise Stopped
