"""Reading WhatsApp's list of templates: at the start, every few hours, when something has happened
to one of them, and when an admin asks.

One reading at a time in the whole installation, under a lease. The list is read to its end before
anything is written, so that a reading that breaks off takes nothing away.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import staff, template_syncs
from services import changes
from services.actors import Actor, Staff, System
from services.events import Json
from services.permissions import Permission, requires
from services.templates import language_key, number_of_templates

log = structlog.get_logger()

#: Hours after which the list is read again, whatever happens.
EVERY_HOURS = 3.0
#: The same when the app starts: ten processes that start together read it once.
AT_START_HOURS = 0.05
#: Seconds for which a reading is somebody's: longer than the longest list takes.
LEASE = 300
#: Seconds between a reading and the next one that something has called for.
PATIENCE = 10
#: After a failed reading, seconds until the next, doubling.
RETRY_SECONDS = 30
RETRY_SECONDS_MAX = 1800


class TemplateSource(Protocol):
    """Where the list comes from: `services.adapters.graph.Graph`."""

    async def templates(self) -> Sequence[Json]:
        """The whole list."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """How the reading of the list stands."""

    #: A reading is under way.
    running: bool
    #: Asked for, and not begun.
    waiting: bool
    finished_at: datetime | None
    requested_by: str | None
    #: Why the last reading ended early, and when it is tried again.
    problem: str | None
    next_attempt_at: datetime | None
    #: How many templates WhatsApp has, as far as we know.
    total: int


@requires(Permission.READ_CLIENTS)
async def sync_state(actor: Actor) -> SyncState:
    """When the list was last read, and whether it is being read now."""
    async with begin(actor) as connection:
        row = (
            (
                await connection.execute(
                    select(
                        template_syncs,
                        staff.c.name.label("who"),
                        (template_syncs.c.leased_until > func.now()).label("running"),
                    ).join(staff, staff.c.id == template_syncs.c.requested_by, isouter=True)
                )
            )
            .mappings()
            .one_or_none()
        )
        total = await number_of_templates(connection)
    if row is None:
        return SyncState(False, False, None, None, None, None, total)
    running = bool(row["running"])
    asked, started = row["requested_at"], row["started_at"]
    return SyncState(
        running=running,
        waiting=not running and asked is not None and (started is None or asked > started),
        finished_at=row["finished_at"],
        requested_by=row["who"],
        problem=row["problem"],
        next_attempt_at=row["next_attempt_at"] if row["problem"] else None,
        total=total,
    )


@requires(Permission.MANAGE_CHANNEL)
async def request_sync(actor: Staff) -> None:
    """Have the list read now. Whoever asks while it is being read gets another reading after it."""
    async with begin(actor) as connection:
        await connection.execute(
            text(
                "insert into template_syncs (requested_at, requested_by) values (now(), :who)"
                " on conflict (id) do update"
                " set requested_at = excluded.requested_at, requested_by = excluded.requested_by"
            ),
            {"who": actor.id},
        )
        await changes.announce_channel(connection)


@requires(Permission.SYSTEM)
async def sync_due(actor: System, source: TemplateSource, *, hours: float = EVERY_HOURS) -> int:
    """Read the list if it is time; how many templates were read. For a worker.

    It is time when the list is older than `hours`, when something has happened to a template, when
    somebody asks, and some time after a reading that broke off.
    """
    async with begin(actor) as connection:
        started = await _claim(connection, hours)
    if started is None:
        return 0
    try:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for given in await source.templates():
            if (row := _row(given)) is not None:
                found[row["name"], language_key(row["language"])] = row
        async with begin(actor) as connection:
            await _write(connection, list(found.values()), started)
            await _finished(connection, len(found))
    except Exception as error:  # noqa: BLE001 - whatever it was, the list is tried again
        async with begin(actor) as connection:
            await _failed(connection, _code(error))
        log.warning("templates.not_read", error=type(error).__name__, code=_code(error))
        return 0
    log.info("templates.read", templates=len(found))
    return max(len(found), 1)


class Reading:
    """A process's part in it: the first look, when the app starts, is sooner satisfied."""

    def __init__(self, actor: System, source: TemplateSource) -> None:
        self._actor = actor
        self._source = source
        self._hours = AT_START_HOURS

    async def step(self) -> int:
        """Read the list if it is time. For a worker."""
        done = await sync_due(self._actor, self._source, hours=self._hours)
        self._hours = EVERY_HOURS
        return done


_CLAIM = text(
    "insert into template_syncs as s (started_at, leased_until)"
    " values (clock_timestamp(), now() + make_interval(secs => :lease))"
    " on conflict (id) do update set started_at = excluded.started_at,"
    "  leased_until = excluded.leased_until, found = 0"
    " where coalesce(s.leased_until, '-infinity') <= now() and ("
    # Somebody asks: at once, whatever went wrong before.
    "  s.requested_at > coalesce(s.started_at, '-infinity')"
    "  or s.next_attempt_at <= now() and ("
    "   coalesce(s.finished_at, '-infinity') < now() - make_interval(secs => 3600 * :hours)"
    "   or s.problem is not null"
    "   or s.started_at < now() - make_interval(secs => :patience) and exists ("
    "    select from message_templates t where t.dirty_at is not null and t.gone_at is null)))"
    " returning started_at"
)


async def _claim(connection: AsyncConnection, hours: float) -> datetime | None:
    """Take the reading if it is due and nobody else's; when it began."""
    started: datetime | None = await connection.scalar(
        _CLAIM, {"lease": LEASE, "hours": hours, "patience": PATIENCE}
    )
    if started is not None:
        await changes.announce_channel(connection)
    return started


async def _failed(connection: AsyncConnection, code: str) -> None:
    await connection.execute(
        text(
            "update template_syncs set leased_until = null, problem = :code,"
            " attempts = attempts + 1, next_attempt_at = now() + make_interval("
            "  secs => least(:first * power(2, least(attempts, 10)), :longest))"
        ),
        {"code": code, "first": RETRY_SECONDS, "longest": RETRY_SECONDS_MAX},
    )
    await changes.announce_channel(connection)


async def _finished(connection: AsyncConnection, found: int) -> None:
    await connection.execute(
        text(
            "update template_syncs set leased_until = null, problem = null, attempts = 0,"
            " next_attempt_at = now(), finished_at = now(), found = :found"
        ),
        {"found": found},
    )
    await changes.announce_channel(connection)


async def _write(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], started: datetime
) -> None:
    """Make the table say what the list says. What the list has no longer is marked as gone."""
    await connection.execute(
        text(
            "update message_templates set gone_at = now() where gone_at is null"
            " and meta_id <> all (cast(:ids as text[]))"
        ),
        {"ids": [row["meta_id"] for row in rows]},
    )
    await connection.execute(
        text(
            "insert into message_templates as t (meta_id, name, language, category,"
            "  correct_category, status, quality, parameter_format, components, rejected_reason)"
            " select meta_id, name, language, category, correct_category, status, quality,"
            "  parameter_format, components, rejected_reason"
            " from jsonb_to_recordset(cast(:rows as jsonb)) as r (meta_id text, name text,"
            "  language text, category text, correct_category text, status text, quality text,"
            "  parameter_format text, components jsonb, rejected_reason text)"
            " on conflict (meta_id) do update set name = excluded.name,"
            "  language = excluded.language, category = excluded.category,"
            "  correct_category = excluded.correct_category, status = excluded.status,"
            "  quality = excluded.quality, parameter_format = excluded.parameter_format,"
            "  components = excluded.components, rejected_reason = excluded.rejected_reason,"
            "  synced_at = now(), gone_at = null,"
            # What has happened since the list was asked for may not be in it.
            "  dirty_at = case when t.dirty_at > :started then t.dirty_at end"
        ),
        {"rows": json.dumps(rows), "started": started},
    )


def _row(given: Json) -> dict[str, Any] | None:
    """An entry of Meta's list as a row; None when it does not even say which template it is."""
    id = given.get("id")
    # In webhooks it is a number.
    meta_id = _text(str(id) if isinstance(id, int) else id, 64)
    name, language = _text(given.get("name"), 512), _text(given.get("language"), 16)
    if meta_id is None or name is None or language is None:
        return None
    components = given.get("components")
    quality = given.get("quality_score")
    reason = _text(given.get("rejected_reason"), 1000)
    return {
        "meta_id": meta_id,
        "name": name,
        "language": language,
        "category": _word(given.get("category")) or "UNKNOWN",
        "correct_category": _word(given.get("correct_category")),
        "status": _word(given.get("status")) or "UNKNOWN",
        "quality": _word(quality.get("score") if isinstance(quality, dict) else quality)
        or "UNKNOWN",
        "parameter_format": _word(given.get("parameter_format")) or "POSITIONAL",
        "components": _clean(components) if isinstance(components, list) else [],
        "rejected_reason": None if reason in (None, "NONE") else reason,
    }


def _text(given: object, most: int) -> str | None:
    if not isinstance(given, str) or not given or len(given) > most:
        return None
    cleaned: str = _clean(given)
    return cleaned


def _word(given: object) -> str | None:
    found = _text(given, 64)
    return found.upper() if found else None


def _clean(given: Any) -> Any:
    """Without what jsonb refuses: NUL and halves of letters."""
    if isinstance(given, str):
        return given.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(given, list):
        return [_clean(part) for part in given]
    if isinstance(given, dict):
        return {_clean(key): _clean(part) for key, part in given.items()}
    return given


def _code(error: Exception) -> str:
    """What the adapter calls it: Meta's number, or the kind of silence."""
    code = getattr(error, "code", None)
    return str(code) if isinstance(code, int) else type(error).__name__[:64]
