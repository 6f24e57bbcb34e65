"""Sealing the audit log, and proving that nobody has rewritten it.

Each seal holds a hash over its entries and over the seal before, so that nothing can be altered,
added or removed below a seal without the chain telling. Somebody who owns the whole database could
make the chain anew; so its newest hash, the head, goes into the software's own log lines once a
day, and a head that was noted there must be in the chain for ever.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import structlog
from sqlalchemy import ColumnElement, Select, exists, func, select, text

from db.engine import begin
from db.tables import audit_log, audit_seals
from services import audit
from services.actors import Staff, System
from services.permissions import Permission, requires

log = structlog.get_logger()

ProblemCode = Literal[
    "seal_missing",
    "chain_broken",
    "entries_altered",
    "values_altered",
    "values_missing",
    "log_missing",
    "head_missing",
]
PROBLEM_CODES: tuple[ProblemCode, ...] = get_args(ProblemCode)

#: The software as which a person's wish to verify is carried out: it reads every entry.
_VERIFIER = System("audit")
#: Seals, and about how many entries, that one statement verifies: it may take 30 s.
_CHUNK_SEALS = 2_000
_CHUNK_ENTRIES = 20_000
#: Problems that are listed; a log that was tampered with may have millions.
MOST_PROBLEMS = 200
#: How often the whole log is verified by itself, and how often it is asked whether it is time.
_EVERY = timedelta(days=1)
_LOOK_EVERY = 600.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the log that is not as it was written."""

    code: ProblemCode
    seal: int | None
    entry: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found."""

    #: Entries under a seal.
    entries: int
    seals: int
    #: Entries that wait for their seal, which takes a few seconds.
    unsealed: int
    #: At most MOST_PROBLEMS.
    problems: list[Problem]
    #: The hash of the newest seal, hexadecimal; empty where there is none.
    head: str

    @property
    def intact(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class LastVerification:
    """The outcome of the newest verification, as the log itself tells it."""

    at: datetime
    entries: int
    problems: int


#: Called with how much of it is done, 0..1.
Progress = Callable[[float], None]


@requires(Permission.SYSTEM)
async def seal(actor: System, most: int = 5_000, *, patience: float = 0) -> int:
    """Seal what has been written since the last seal, at most so many entries; how many it were.

    With `patience` (seconds) fewer than `most` wait until the first of them is that old: a seal
    for every press of a button would be as many seals as entries.
    """
    async with begin(actor) as connection:
        statement = text("select app_private.seal_audit(:most, make_interval(secs => :patience))")
        return int(await connection.scalar(statement, {"most": most, "patience": patience}) or 0)


@requires(Permission.SYSTEM)
async def verify(
    actor: System, *, noted_head: str | None = None, progress: Progress | None = None
) -> Verification:
    """Compute every hash again. `noted_head` is one that was kept outside of the database.

    The outcome is told to the log and, with the head, to the log lines.
    """
    found = await _verify(actor, noted_head, progress)
    await _tell(actor, found)
    return found


@requires(Permission.READ_AUDIT)
async def verify_now(actor: Staff, *, progress: Progress | None = None) -> Verification:
    """The same because a person wants to know.

    That they asked is told to the log as theirs, the outcome as the software's: nobody's word
    stands for a verification.
    """
    async with begin(actor) as connection:
        await audit.record(connection, "view", table="audit_seals")
    found = await _verify(_VERIFIER, None, progress)
    await _tell(_VERIFIER, found)
    return found


@requires(Permission.READ_AUDIT)
async def last_verification(actor: Staff) -> LastVerification | None:
    """When the whole log was last verified, and with what outcome; None if it never was."""
    async with begin(actor) as connection:
        row = (
            await connection.execute(_newest(audit_log.c.occurred_at, audit_log.c.details))
        ).one_or_none()
    if row is None:
        return None
    details = row.details
    return LastVerification(row.occurred_at, details.get("entries", 0), details.get("problems", 0))


class DailyVerification:
    """The step of a worker: verifies the whole log once a day, whoever of several processes."""

    def __init__(self, actor: System) -> None:
        self._actor = actor
        self._looked_at = -_LOOK_EVERY

    async def step(self) -> int:
        """Verify if it is time; how many verifications that were."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY:
            return 0
        async with begin(self._actor) as connection:
            newest = _newest(audit_log.c.occurred_at).scalar_subquery()
            is_recent = await connection.scalar(
                select(func.coalesce(newest > func.now() - _EVERY, False))
            )
        if not is_recent:
            await verify(self._actor)
        self._looked_at = time.monotonic()
        return 0 if is_recent else 1


def _newest(*columns: ColumnElement[Any]) -> Select[Any]:
    """The newest verification that the software carried out."""
    entry = audit_log.c
    return (
        select(*columns)
        .where(entry.action == "verify", entry.actor_kind == "system")
        .order_by(entry.occurred_at.desc(), entry.id.desc())
        .limit(1)
    )


async def _verify(actor: System, noted_head: str | None, progress: Progress | None) -> Verification:
    async with begin(actor) as connection:
        count = select(func.count()).select_from(audit_log)
        unsealed = await connection.scalar(count.where(audit_log.c.seal.is_(None)))
        total = await connection.scalar(select(func.sum(audit_seals.c.entries)))
        noted = func.encode(audit_seals.c.hash, "hex") == (noted_head or "").strip().lower()
        is_there = not noted_head or await connection.scalar(select(exists().where(noted)))
        is_gone = await connection.scalar(select(func.app_private.audit_log_missing()))
    problems = [] if is_there else [Problem("head_missing", None, None)]
    if is_gone:
        problems.append(Problem("log_missing", None, None))
    seals, entries, head = 0, 0, b""
    last = 0
    while chunk := await _chunk(actor, last):
        first, last = last + 1, chunk.last
        problems += await _problems(actor, first, last)
        seals, entries, head = seals + chunk.seals, entries + chunk.entries, chunk.head
        if progress is not None and total:
            progress(min(entries / int(total), 1.0))
    # Entries whose seals are gone from the end of the chain.
    problems += await _problems(actor, last + 1, _NO_END)
    return Verification(entries, seals, int(unsealed or 0), problems[:MOST_PROBLEMS], head.hex())


#: The largest number that a seal can have.
_NO_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Seals that one statement verifies."""

    last: int
    seals: int
    entries: int
    #: The hash of the last.
    head: bytes


async def _chunk(actor: System, after: int) -> _Chunk | None:
    async with begin(actor) as connection:
        rows = (
            await connection.execute(
                select(audit_seals.c.id, audit_seals.c.entries, audit_seals.c.hash)
                .where(audit_seals.c.id > after)
                .order_by(audit_seals.c.id)
                .limit(_CHUNK_SEALS)
            )
        ).all()
    entries = 0
    for number, row in enumerate(rows, 1):
        entries += row.entries
        if entries >= _CHUNK_ENTRIES or number == len(rows):
            return _Chunk(row.id, number, entries, bytes(row.hash))
    return None


async def _problems(actor: System, first: int, last: int) -> list[Problem]:
    async with begin(actor) as connection:
        found = await connection.execute(
            text(
                "select problem, seal, entry from app_private.audit_problems(:first, :last)"
                " order by seal, entry nulls first, problem limit :most"
            ),
            {"first": first, "last": last, "most": MOST_PROBLEMS},
        )
        return [Problem(row.problem, row.seal, row.entry) for row in found]


async def _tell(actor: System, found: Verification) -> None:
    counts = {
        "entries": found.entries,
        "seals": found.seals,
        "problems": len(found.problems),
        "head": found.head,
    }
    async with begin(actor) as connection:
        await audit.record(connection, "verify", table="audit_log", details=counts)
    log.info("audit.head", head=found.head, seals=found.seals, entries=found.entries)
    if not found.intact:
        codes = sorted({problem.code for problem in found.problems})
        log.error("audit.tampered", codes=codes, count=len(found.problems))
