"""How long what is kept, and the nightly work that lets go of it.

A rule counts once an admin has switched it on, or where it is on by itself: what a rule removes by
itself is no casework. Raw deliveries are among that, although people's words are in them: all of it
was applied to a file, and the same words need not lie in two places. What waits for a person
(unprocessed, unreadable or quarantined) is no rule's business, however old it is. Archived files go
only by a rule that somebody switched on, one by one, each with its proof, and never under a legal
hold.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import retention_rules, staff
from services import audit, erasures
from services.actors import Staff, System
from services.errors import Conflict, Invalid, NotFound
from services.permissions import Permission, requires

log = structlog.get_logger()

Kind = Literal[
    "webhook_deliveries",
    "archived_clients",
    "rejected_documents",
    "message_media",
    "ended_sessions",
    "rate_limits",
    "imports",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Kind -> days, and whether the rule is on unless an admin says otherwise.
DEFAULTS: dict[Kind, tuple[int, bool]] = {
    "webhook_deliveries": (30, True),
    "archived_clients": (1825, False),
    # Casework: somebody has to switch them on.
    "rejected_documents": (90, False),
    "message_media": (1825, False),
    "ended_sessions": (90, True),
    "rate_limits": (1, True),
    "imports": (30, True),
}
#: WhatsApp tries a delivery again for a week; its digest stays anyway.
LEAST_DAYS: dict[Kind, int] = {
    "webhook_deliveries": 7,
    "archived_clients": 30,
    "rejected_documents": 7,
    "message_media": 30,
    "ended_sessions": 1,
    "rate_limits": 1,
    "imports": 1,
}
MOST_DAYS = 36_500
#: Other people's lists lie about no longer than this, whatever anybody says.
MOST_DAYS_OF: dict[Kind, int] = {"imports": 30}

#: Rows a transaction.
BATCH = 500
EXAMPLES = 5
#: The hour (UTC) after which a night's run begins.
NIGHT = time(2, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rule:
    kind: Kind
    days: int
    active: bool
    #: Nobody has changed what the app brings.
    is_default: bool
    updated_at: datetime | None
    #: The name of whoever changed it last.
    updated_by: str | None
    last_run_at: datetime | None
    #: By the last run.
    last_removed: int | None


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that would go. `id`: a client's or session's, or a delivery's number."""

    id: str
    #: What its age is counted from.
    since: datetime
    #: What a client is called, or the member of staff of a session.
    name: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would remove if it ran now."""

    count: int
    #: Of these, clients that a legal hold protects and that would stay.
    held: int
    oldest: datetime | None
    examples: list[Example]


@requires(Permission.MANAGE_RETENTION)
async def rules(actor: Staff) -> list[Rule]:
    """Every rule as it applies now."""
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(retention_rules, staff.c.name).join(
                staff, staff.c.id == retention_rules.c.updated_by, isouter=True
            )
        )
        changed = {row["kind"]: row for row in rows.mappings()}
    found = []
    for kind in KINDS:
        days, active = DEFAULTS[kind]
        row = changed.get(kind)
        found.append(
            Rule(
                kind=kind,
                days=row["days"] if row else days,
                active=row["active"] if row else active,
                is_default=row is None or (row["days"], row["active"]) == (days, active),
                updated_at=row["updated_at"] if row and row["updated_by"] else None,
                updated_by=row["name"] if row else None,
                last_run_at=row["last_run_at"] if row else None,
                last_removed=row["last_removed"] if row else None,
            )
        )
    return found


@requires(Permission.MANAGE_RETENTION)
async def set_rule(actor: Staff, kind: Kind, days: int, active: bool) -> None:
    """Change a rule from the next night on. Raises Invalid (`days`: too_few, too_many)."""
    _check(kind, days)
    values = {"days": days, "active": active, "updated_at": func.now(), "updated_by": actor.id}
    async with begin(actor) as connection:
        await connection.execute(
            insert(retention_rules)
            .values(kind=kind, **values)
            .on_conflict_do_update(index_elements=["kind"], set_=values)
        )


@requires(Permission.MANAGE_RETENTION)
async def preview(actor: Staff, kind: Kind, days: int) -> Preview:
    """What a rule of so many days would remove now. Raises Invalid (`days`)."""
    _check(kind, days)
    before = datetime.now(UTC) - timedelta(days=days)
    # Digests of addresses are shown to nobody, so the software itself counts them.
    looking = System("retention") if kind == "rate_limits" else actor
    what = _DUE[kind]
    async with begin(looking) as connection:
        [total] = await connection.execute(
            text(
                "select count(*) filter (where not held) as number,"  # noqa: S608 - our own text
                " count(*) filter (where held) as held,"
                f" min(since) filter (where not held) as oldest from ({what}) due"
            ),
            {"before": before},
        )
        rows = await connection.execute(
            text(
                f"select id, since, name from ({what}) due where not held"  # noqa: S608 - our own text
                " order by since limit :most"
            ),
            {"before": before, "most": EXAMPLES},
        )
        examples = [Example(str(row.id), row.since, row.name) for row in rows]
        shown = {"kind": kind, "shown": [example.id for example in examples]}
        await audit.record(connection, "view", table="retention_rules", details=shown)
    return Preview(total.number, total.held, total.oldest, examples)


@requires(Permission.SYSTEM)
async def run_due(actor: System, *, now: datetime | None = None) -> int:
    """Let one rule that is due do one batch; how much it removed, plus one when it was done.

    A rule is due once a night, and one that somebody changed not before the night after. Its row
    is locked for a batch of rows, and not while a client is erased: an admin can switch the rule
    off at any time, and the next client stays.
    """
    now = now or datetime.now(UTC)
    async with begin(actor) as connection:
        await connection.execute(
            insert(retention_rules)
            .values([{"kind": k, "days": d, "active": on} for k, (d, on) in DEFAULTS.items()])
            .on_conflict_do_nothing()
        )
        rule = (
            await connection.execute(
                select(retention_rules)
                .where(*_is_due(_last_night(now)))
                .order_by(retention_rules.c.kind)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
        ).one_or_none()
        if rule is None:
            return 0
        before = now - timedelta(days=rule.days)
        if rule.kind == "archived_clients":
            client_id = await _next_archived(connection, before, rule.run_after)
            removed, is_over = 0, client_id is None
        else:
            client_id = None
            removed, is_over = await _REMOVE[rule.kind](connection, before)
        if is_over or removed:
            await _note(connection, rule, removed, now if is_over else None)
    if client_id is not None:
        await _erase_archived(actor, client_id, before)
        return 1  # also where the client stays: there may be a next one
    if is_over:
        log.info("retention.done", kind=rule.kind, removed=rule.run_removed + removed)
    return removed + is_over


def _is_due(night: datetime) -> list[ColumnElement[bool]]:
    rule = retention_rules.c
    return [
        rule.active,
        func.coalesce(rule.last_run_at < night, True),
        # What the app brings was changed by nobody.
        or_(rule.updated_by.is_(None), rule.updated_at < night),
    ]


async def _note(
    connection: AsyncConnection, rule: Row[Any], removed: int, over: datetime | None
) -> None:
    """Write down what a batch removed, and that the run is `over`."""
    total = rule.run_removed + removed
    ended = {"last_run_at": over, "last_removed": total, "run_removed": 0, "run_after": None}
    await connection.execute(
        update(retention_rules)
        .where(retention_rules.c.kind == rule.kind)
        .values(ended if over else {"run_removed": total})
    )
    # Erasures have entries of their own; of them the log tells the sum, when the run is over.
    told = total if rule.kind == "archived_clients" else removed
    if told:
        details = {"kind": rule.kind, "days": rule.days, "removed": told}
        await audit.record(
            connection, "retention", table="retention_rules", row=rule.kind, details=details
        )


def _check(kind: Kind, days: int) -> None:
    if kind not in KINDS:
        raise ValueError("no such rule")
    if days < LEAST_DAYS[kind]:
        raise Invalid({"days": "too_few"})
    if days > MOST_DAYS_OF.get(kind, MOST_DAYS):
        raise Invalid({"days": "too_many"})


def _last_night(now: datetime) -> datetime:
    night = datetime.combine(now.astimezone(UTC).date(), NIGHT)
    return night if night <= now else night - timedelta(days=1)


#: What is due by each rule: rows (id, since, name, held).
_DUE: dict[str, str] = {
    "webhook_deliveries": (
        "select d.id, d.received_at as since, null::text as name, false as held"
        " from webhook_deliveries d where d.state = 'done' and d.body_removed_at is null"
        " and d.processed_at < :before and not exists (select from webhook_items w"
        "  where w.delivery_id = d.id and w.state in ('quarantined', 'replaying'))"
    ),
    "archived_clients": (
        "select c.id, greatest(c.archived_at, c.last_message_at) as since,"  # noqa: S608 - our own text
        " c.display_name as name, c.legal_hold is not null as held"
        f" from clients c where {erasures.IS_DUE}"
    ),
    "rejected_documents": (
        "select d.id, d.reviewed_at as since, c.display_name as name,"
        " c.legal_hold is not null as held"
        " from documents d join clients c on c.id = d.client_id"
        " where d.state = 'rejected' and d.reviewed_at < :before"
    ),
    # What somebody put into the file stays there: it is a document of its own.
    "message_media": (
        "select m.message_id as id, m.stored_at as since, c.display_name as name,"
        " c.legal_hold is not null as held"
        " from message_media m join clients c on c.id = m.client_id"
        " where m.state = 'stored' and m.stored_at < :before"
    ),
    # One that nobody ended has ended by itself long before.
    "ended_sessions": (
        "select s.id, coalesce(s.ended_at, s.last_seen_at) as since, p.name, false as held"
        " from staff_sessions s join staff p on p.id = s.staff_id"
        " where coalesce(s.ended_at, greatest(s.last_seen_at, s.created_at) + interval '1 day')"
        "  < :before"
    ),
    "rate_limits": (
        "select r.rule as id, r.window_started_at as since, null::text as name, false as held"
        " from rate_limits r where r.window_started_at < :before"
    ),
    # Of one that is being worked on, what it works with stays until it has ended.
    "imports": (
        "select i.id, i.created_at as since, null::text as name, false as held from imports i"
        " where i.content_removed_at is null and i.created_at < :before"
        " and i.state not in ('judging', 'importing', 'undoing')"
    ),
}


async def _remove_rows(connection: AsyncConnection, statement: str, before: datetime) -> int:
    done = await connection.execute(text(statement), {"before": before, "most": BATCH})
    return done.rowcount


async def _remove_bodies(connection: AsyncConnection, before: datetime) -> tuple[int, bool]:
    """Empty raw bodies, and remove what was set aside of deliveries and is settled."""
    due = _DUE["webhook_deliveries"]
    bodies = await _remove_rows(
        connection,
        "update webhook_deliveries set body = '',"  # noqa: S608 - our own text
        " body_removed_at = now() where id in"
        f" (select id from ({due}) due order by id limit :most)",
        before,
    )
    items = await _remove_rows(
        connection,
        "delete from webhook_items where id in (select id from webhook_items"
        " where state in ('noted', 'closed') and coalesce(closed_at, created_at) < :before"
        " order by id limit :most)",
        before,
    )
    return bodies + items, bodies < BATCH and items < BATCH


async def _remove_sessions(connection: AsyncConnection, before: datetime) -> tuple[int, bool]:
    due = _DUE["ended_sessions"]
    removed = await _remove_rows(
        connection,
        f"delete from staff_sessions where id in (select id from ({due}) due limit :most)",  # noqa: S608 - our own text
        before,
    )
    return removed, removed < BATCH


async def _remove_rejected(connection: AsyncConnection, before: datetime) -> tuple[int, bool]:
    """Delete rejected documents; their files follow. A hold that is being set is waited for."""
    due = _DUE["rejected_documents"]
    removed = await _remove_rows(
        connection,
        "with due as (select d.id from documents d join clients c on c.id = d.client_id"  # noqa: S608 - our own text
        f"  where d.id in (select id from ({due}) due where not held order by since limit :most)"
        "   and c.legal_hold is null for share of c)"
        " delete from documents where id in (select id from due)",
        before,
    )
    return removed, removed < BATCH


async def _remove_media(connection: AsyncConnection, before: datetime) -> tuple[int, bool]:
    """Let go of files of messages; the messages stay, and say so."""
    due = _DUE["message_media"]
    removed = await _remove_rows(
        connection,
        "with due as (select m.message_id from message_media m"  # noqa: S608 - our own text
        "  join clients c on c.id = m.client_id where m.message_id in"
        f"  (select id from ({due}) due where not held order by since limit :most)"
        "   and c.legal_hold is null for share of c)"
        " update message_media set state = 'removed', storage_key = null"
        " where message_id in (select message_id from due)",
        before,
    )
    return removed, removed < BATCH


async def _remove_limits(connection: AsyncConnection, before: datetime) -> tuple[int, bool]:
    removed = await _remove_rows(
        connection,
        "delete from rate_limits where (rule, key_sha256) in (select rule, key_sha256"
        " from rate_limits where window_started_at < :before limit :most"
        " for update skip locked)",
        before,
    )
    return removed, removed < BATCH


async def _remove_imports(connection: AsyncConnection, before: datetime) -> tuple[int, bool]:
    """One file with its rows; the import itself stays and tells of it."""
    due = _DUE["imports"]
    import_id = await connection.scalar(
        text(f"select id from ({due}) due order by since limit 1"),  # noqa: S608 - our own text
        {"before": before},
    )
    if import_id is None:
        return 0, True
    await connection.execute(text("set local statement_timeout = '10min'"))
    for table in ("import_chunks", "import_lines", "import_rows"):
        await connection.execute(
            text(f"delete from {table} where import_id = :id"),  # noqa: S608 - our own text
            {"id": import_id},
        )
    await connection.execute(
        text(
            "update imports set content_removed_at = now(), state = case"
            " when state in ('uploading', 'uploaded', 'judged') then 'cancelled' else state end"
            " where id = :id"
        ),
        {"id": import_id},
    )
    return 1, False


async def _next_archived(
    connection: AsyncConnection, before: datetime, after: UUID | None
) -> UUID | None:
    """The next client to erase: each is tried once a run, so one who stays keeps nobody else."""
    due = _DUE["archived_clients"]
    found: UUID | None = await connection.scalar(
        text(
            f"select id from ({due}) due where not held"  # noqa: S608 - our own text
            " and id > coalesce(cast(:after as uuid), '00000000-0000-0000-0000-000000000000')"
            " order by id limit 1"
        ),
        {"before": before, "after": after},
    )
    if found is not None:
        await connection.execute(
            update(retention_rules)
            .where(retention_rules.c.kind == "archived_clients")
            .values(run_after=found)
        )
    return found


async def _erase_archived(actor: System, client_id: UUID, before: datetime) -> None:
    """Erase a client who was due when looked for, if they still are."""
    try:
        await erasures.erase(actor, client_id, reason="retention", only_if_due_before=before)
    except (Conflict, NotFound) as error:
        why = error.code if isinstance(error, Conflict) else "not_found"
        log.info("retention.skipped", client_id=str(client_id), why=why)
        return
    async with begin(actor) as connection:
        await connection.execute(
            update(retention_rules)
            .where(retention_rules.c.kind == "archived_clients")
            .values(run_removed=retention_rules.c.run_removed + 1)
        )


_REMOVE: dict[str, Callable[[AsyncConnection, datetime], Awaitable[tuple[int, bool]]]] = {
    "webhook_deliveries": _remove_bodies,
    "rejected_documents": _remove_rejected,
    "message_media": _remove_media,
    "ended_sessions": _remove_sessions,
    "rate_limits": _remove_limits,
    "imports": _remove_imports,
}
