"""Reading the audit log: one client's history, the whole log with filters, and its export.

Pages go by cursor, newest first: a log of millions has no page numbers, and what is added on top
while somebody reads must not move the pages below. Reading is told to the log as well.
"""

import csv
import io
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    Text,
    cast,
    column,
    exists,
    func,
    select,
    table,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import audit_log, audit_values, clients, staff
from services import audit
from services.actors import Staff
from services.errors import Invalid, NotFound
from services.permissions import Permission, may, requires

#: What somebody can ask for: a kind of doing -> the actions that are of it. `other` is the rest.
KINDS: dict[str, tuple[str, ...]] = {
    "reading": ("view", "search"),
    "changes": ("insert", "update", "delete"),
    "copies": ("export", "download"),
    "access": ("sign_in", "sign_out", "refuse", "set_password", "remove_second_factor"),
}
#: What the software tells of the row of somebody on the staff, and that person did.
OWN_DOINGS = (
    *("sign_in", "sign_out", "refuse", "set_password"),
    *("add_second_factor", "remove_second_factor"),
)
MOST = 500
#: An export holds at most so many entries, the newest.
EXPORT_MOST = 50_000
_EXPORT_STEP = 5_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did."""

    id: int
    occurred_at: datetime
    #: `staff`, `outsider` (signed in, but not on the staff) or `system`.
    actor_kind: str
    actor_id: UUID | None
    #: As the member of staff is called today; also where the software told of their doing.
    actor_name: str | None
    #: Which part of the software, where it was the software.
    actor_part: str | None
    address: str | None
    request_id: str | None
    #: `insert`, `update`, `delete`, or what a service told: `view`, `search`, `export`, ...
    action: str
    table: str | None
    row_id: str | None
    #: The member of staff whom an entry about the staff is about, as they are called today.
    staff_name: str | None
    client_id: UUID | None
    #: As the client is called today; None when they have no name or have been erased.
    client_name: str | None
    #: Names of the fields that changed.
    fields: tuple[str, ...]
    #: Ids, counts and codes.
    details: Mapping[str, Any]
    #: What was in the fields, and what is since. Both None where an entry has no values, or had
    #: some that went with the client who was erased: `values_erased` tells which.
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    values_erased: bool
    sealed: bool


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first."""

    entries: list[AuditEntry]
    #: Pass it as `before` for the next page; None when there is nothing older.
    older: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries; what is None or empty does not narrow."""

    #: Somebody's doings, with those that the sign-in told of them.
    staff_id: UUID | None = None
    #: A key of KINDS, `other`, or the name of one action.
    action: str | None = None
    table: str | None = None
    #: What was done with a client, with the lists that showed them.
    client_id: UUID | None = None
    since: datetime | None = None
    #: Before this moment.
    until: datetime | None = None

    @property
    def told(self) -> dict[str, str]:
        """The filters as the log keeps them: ids and codes."""
        given = {
            "staff": self.staff_id,
            "action": self.action,
            "table": self.table,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
        }
        return {name: str(value)[:60] for name, value in given.items() if value}


@requires(Permission.READ_CLIENT_HISTORY)
async def client_log(
    actor: Staff,
    client_id: UUID,
    *,
    before: str | None = None,
    limit: int = 100,
    again: bool = False,
) -> AuditPage:
    """What was done with one client. Raises NotFound for a client the actor may not see, and
    Invalid for an unusable cursor.

    Those who may read the whole log can also read that of a client who has been erased. Others see
    no addresses: where a colleague works from is not about the client.

    Audited as a view; `again` is for a page that brings itself up to date.
    """
    if before and _read_cursor(before) is None:
        raise Invalid({"before": "not_a_cursor"})
    reads_all = may(actor, Permission.READ_AUDIT)
    async with begin(actor) as connection:
        wanted = Filters(client_id=client_id)
        page = await _page(connection, wanted, before=before, limit=limit)
        there = await connection.scalar(select(exists().where(clients.c.id == client_id)))
        if not there and not (reads_all and (page.entries or before)):
            raise NotFound
        if not again:
            await audit.record(connection, "view", table="audit_log", client=client_id)
        return page


@requires(Permission.READ_AUDIT)
async def read_log(
    actor: Staff, filters: Filters | None = None, *, before: str | None = None, limit: int = 100
) -> AuditPage:
    """The log, newest first. A cursor that nobody was given reads as the beginning."""
    filters = filters or Filters()
    async with begin(actor) as connection:
        page = await _page(connection, filters, before=before, limit=limit)
        await audit.record(
            connection, "view", table="audit_log", client=filters.client_id, details=filters.told
        )
        return page


@dataclass(frozen=True, slots=True)
class Export:
    """The log as a file: CSV in UTF-8 with a byte order mark."""

    content: bytes
    entries: int
    #: False when there were more than EXPORT_MOST.
    complete: bool


@requires(Permission.READ_AUDIT)
async def export_log(actor: Staff, filters: Filters | None = None) -> Export:
    """The log as CSV, with ids in place of clients' names and without values.

    A file leaves the app, and nothing erases it there.
    """
    filters = filters or Filters()
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    written, cursor = 0, None
    async with begin(actor) as connection:
        async for page in _pages(connection, filters):
            writer.writerows(_line(entry) for entry in page.entries)
            written, cursor = written + len(page.entries), page.older
        await audit.record(
            connection,
            "export",
            table="audit_log",
            client=filters.client_id,
            details={**filters.told, "entries": written},
        )
    return Export(b"\xef\xbb\xbf" + file.getvalue().encode(), written, cursor is None)


@requires(Permission.READ_AUDIT)
async def people(actor: Staff) -> list[tuple[UUID, str]]:
    """Whom one can ask for: everybody who is or was on the staff."""
    async with begin(actor) as connection:
        found = await connection.execute(select(staff.c.id, staff.c.name).order_by(staff.c.name))
        return [(row.id, row.name) for row in found]


# --- statements -----------------------------------------------------------------------------------

_log = audit_log.c
_told_of = staff.alias("told_of")
_ORDER = (_log.occurred_at.desc(), _log.id.desc())
#: Where an entry came from, which only admins and the software are shown.
_origins = table(
    "audit_origins",
    *(column(name) for name in ("id", "address", "request_id")),
    schema="app_private",
)
_SHOWN = [shown for shown in _log if shown.name not in ("address", "request_id")]


#: Every action there is, in as many looks into the index as there are actions.
_ACTIONS = text(
    "with recursive found as ("
    " select min(action) as action from audit_log union all"
    " select (select min(l.action) from audit_log l where l.action > found.action)"
    " from found where found.action is not null)"
    " select action from found where action is not null"
)


def _newest(
    filters: Filters, actions: Sequence[str], after: tuple[datetime, int] | None, most: int
) -> Subquery:
    """At most so many entries, the newest behind a place in the log.

    Somebody's doings, and what was done with a client, are found in two ways each. Every
    combination is asked for on its own, along its own index: an `or` would walk the whole log.
    """
    conditions = _conditions(filters, actions)
    if after is not None:
        conditions.append(tuple_(_log.occurred_at, _log.id) < tuple_(*after))
    ways = itertools.product(_of_staff(filters.staff_id), _of_client(filters.client_id))
    found = [
        select(*_SHOWN).where(*way, *also, *conditions).order_by(*_ORDER).limit(most)
        for way, also in ways
    ]
    if len(found) == 1:
        return found[0].subquery("shown")
    every = union_all(*(select(part.subquery()) for part in found)).subquery()
    order = (every.c.occurred_at.desc(), every.c.id.desc())
    return select(every).order_by(*order).limit(most).subquery("shown")


#: Ways to find something: conditions that no entry meets two of.
_Ways = list[tuple[ColumnElement[bool], ...]]


def _of_staff(staff_id: UUID | None) -> _Ways:
    if staff_id is None:
        return [()]
    told = (
        _log.table_name == "staff",
        _log.row_id == str(staff_id),
        _log.actor_kind == "system",
        _log.action.in_(OWN_DOINGS),
    )
    return [(_log.actor_id == staff_id,), told]


def _of_client(client_id: UUID | None) -> _Ways:
    if client_id is None:
        return [()]
    return [
        (_log.client_id == client_id,),
        (_log.client_id.is_distinct_from(client_id), _log.id.in_(showing(client_id))),
    ]


def showing(client_id: UUID) -> Select[tuple[int]]:
    """Ids of the entries of lists that showed a client; their `client_id` is empty."""
    return select(func.app_private.entries_showing(client_id))


def _conditions(filters: Filters, actions: Sequence[str]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.action == "other":
        named = {action for kind in KINDS.values() for action in kind}
        conditions.append(_log.action.in_([a for a in actions if a not in named]))
    elif filters.action:
        conditions.append(_log.action.in_(KINDS.get(filters.action, (filters.action,))))
    if filters.table:
        conditions.append(_log.table_name == filters.table)
    if filters.since is not None:
        conditions.append(_log.occurred_at >= filters.since)
    if filters.until is not None:
        conditions.append(_log.occurred_at < filters.until)
    return conditions


async def _page(
    connection: AsyncConnection,
    filters: Filters,
    *,
    before: str | None,
    limit: int,
) -> AuditPage:
    limit = min(max(limit, 1), max(MOST, _EXPORT_STEP))
    # What belongs to an entry is looked up for what is shown, not for what is skipped.
    actions: Sequence[str] = ()
    if filters.action == "other":
        actions = (await connection.scalars(_ACTIONS)).all()
    shown = _newest(filters, actions, _read_cursor(before), limit + 1)
    statement = (
        select(
            shown,
            _origins.c.address,
            _origins.c.request_id,
            staff.c.name.label("actor_name"),
            _told_of.c.name.label("staff_name"),
            clients.c.display_name.label("client_name"),
            audit_values.c.entry_id.label("values_id"),
            audit_values.c.old_values,
            audit_values.c.new_values,
        )
        .select_from(shown)
        .outerjoin(_origins, _origins.c.id == shown.c.id)
        .outerjoin(staff, (staff.c.id == shown.c.actor_id) & (shown.c.actor_kind == "staff"))
        .outerjoin(
            _told_of,
            (cast(_told_of.c.id, Text) == shown.c.row_id) & (shown.c.table_name == "staff"),
        )
        .outerjoin(clients, clients.c.id == shown.c.client_id)
        .outerjoin(audit_values, audit_values.c.entry_id == shown.c.id)
        .order_by(shown.c.occurred_at.desc(), shown.c.id.desc())
    )
    rows = (await connection.execute(statement)).mappings().all()
    entries = [_entry(row) for row in rows[:limit]]
    return AuditPage(entries, _cursor(entries[-1]) if len(rows) > limit else None)


async def _pages(connection: AsyncConnection, filters: Filters) -> AsyncIterator[AuditPage]:
    cursor: str | None = None
    for _step in range(EXPORT_MOST // _EXPORT_STEP):
        page = await _page(connection, filters, before=cursor, limit=_EXPORT_STEP)
        yield page
        cursor = page.older
        if cursor is None:
            return


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        occurred_at=row["occurred_at"],
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        actor_name=row["actor_name"] or (row["staff_name"] if _is_own_doing(row) else None),
        actor_part=row["actor_part"],
        address=row["address"],
        request_id=row["request_id"],
        action=row["action"],
        table=row["table_name"],
        row_id=row["row_id"],
        staff_name=row["staff_name"],
        client_id=row["client_id"],
        client_name=row["client_name"],
        fields=tuple(row["fields"]),
        details=row["details"],
        old=row["old_values"],
        new=row["new_values"],
        values_erased=row["values_sha256"] is not None and row["values_id"] is None,
        sealed=row["seal"] is not None,
    )


def _is_own_doing(row: RowMapping) -> bool:
    return row["actor_kind"] == "system" and row["action"] in OWN_DOINGS


def _cursor(entry: AuditEntry) -> str:
    return f"{entry.occurred_at.astimezone(UTC):%Y%m%dT%H%M%S.%f}-{entry.id}"


def _read_cursor(cursor: str | None) -> tuple[datetime, int] | None:
    moment, _dash, id = (cursor or "").partition("-")
    try:
        at = datetime.strptime(moment, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        # Of an entry's id, no longer than Postgres can take.
        return at, int(id) if id.isascii() and id.isdecimal() and len(id) < 19 else 0
    except ValueError:
        return None


# --- the file -------------------------------------------------------------------------------------

_COLUMNS = (
    *("id", "occurred_at", "actor_kind", "actor_id", "actor_name", "actor_part", "address"),
    *("request_id", "action", "table", "row_id", "client_id", "fields", "details", "sealed"),
)


def _line(entry: AuditEntry) -> Sequence[str]:
    values = (
        entry.id,
        entry.occurred_at.astimezone(UTC).isoformat(),
        entry.actor_kind,
        entry.actor_id,
        entry.actor_name,
        entry.actor_part,
        entry.address,
        entry.request_id,
        entry.action,
        entry.table,
        entry.row_id,
        entry.client_id,
        " ".join(entry.fields),
        json.dumps(entry.details, ensure_ascii=False) if entry.details else "",
        "yes" if entry.sealed else "no",
    )
    return [_harmless("" if value is None else str(value)) for value in values]


def _harmless(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value
