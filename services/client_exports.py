"""The list of clients as a file to take along: what the list shows now, all of it.

What was exported can be imported again, and changes nothing. Every client in it is named by the
audit log, as those that a list showed.
"""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Date, Select, Text, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import client_directory, client_identities
from services import audit, limits
from services.actors import Staff
from services.clients import CLIENT_STATUSES, PROFILE_TYPES, SORTS, like_words
from services.narrowing import EVERYBODY, Narrowing, condition
from services.permissions import Permission, requires
from services.spreadsheets import MAX_SHEET_ROWS, Workbook, csv_rows

Format = Literal["csv", "csv_semicolon", "xlsx"]
#: Columns, as `labels` names them; `imports.mapping` knows these names again.
COLUMNS = (
    *("name", "phone", "email", "profile_type", "passport_or_nie", "language", "notes"),
    *("status", "created_at", "id"),
)
#: Exports of one person.
LIMIT = limits.Limit("client_export", 30, 3600)
#: As many as an entry of the audit log can name.
_NAMED = 200
_SENT = 64 * 1024

_directory = client_directory


@dataclass(frozen=True, slots=True)
class View:
    """What of the list is meant: as `clients.list_clients`."""

    search: str = ""
    profile_types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    sort: str = "last_message"
    descending: bool = True
    #: The people behind a number.
    narrowing: Narrowing = EVERYBODY


@requires(Permission.EXPORT_CLIENTS)
async def export(
    actor: Staff, view: View, form: Format, labels: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """The file, part by part. `labels` names the columns, profile types and statuses.

    `csv` is UTF-8 with commas; `csv_semicolon` has semicolons and a byte order mark, which is what
    Excel opens by itself in Spain. Raises TooMany.
    """
    await limits.hit(LIMIT, str(actor.id))
    filters: dict[str, Any] = {
        "format": form,
        "profile_types": [p for p in view.profile_types if p in PROFILE_TYPES],
        "statuses": [s for s in view.statuses if s in CLIENT_STATUSES],
        "searched": bool(view.search.strip()),
        "narrowed": list(view.narrowing.names),
    }
    if view.narrowing.label is not None:
        filters["label"] = str(view.narrowing.label)
    await audit.record_alone(actor, "export", table="clients", details=filters)
    if form == "xlsx":
        return _sheet(actor, view, labels)
    return _csv(actor, view, labels, semicolon=form == "csv_semicolon")


async def _csv(
    actor: Staff, view: View, labels: Mapping[str, str], *, semicolon: bool
) -> AsyncIterator[bytes]:
    delimiter = ";" if semicolon else ","
    yield (b"\xef\xbb\xbf" if semicolon else b"") + csv_rows([_head(labels)], delimiter)
    async for rows in _rows(actor, view, labels):
        yield csv_rows(rows, delimiter)


async def _sheet(actor: Staff, view: View, labels: Mapping[str, str]) -> AsyncIterator[bytes]:
    with tempfile.TemporaryFile(prefix="acogida-export-") as file:
        with Workbook(file) as book:
            book.write([_head(labels)])
            async for rows in _rows(actor, view, labels, most=MAX_SHEET_ROWS - 1):
                book.write(rows)
        file.seek(0)
        while part := file.read(_SENT):
            yield part


def _head(labels: Mapping[str, str]) -> list[str]:
    return [labels[name] for name in COLUMNS]


async def _rows(
    actor: Staff, view: View, labels: Mapping[str, str], most: int | None = None
) -> AsyncIterator[list[list[str]]]:
    """Rows as texts, as many at a time as the audit log names together, before they are sent."""
    async with _snapshot(actor) as connection:
        query = _query(view).limit(most)
        async with connection.stream(
            query, view.narrowing.parameters, execution_options={"yield_per": _NAMED}
        ) as found:
            async for part in found.partitions(_NAMED):
                shown = [str(row.id) for row in part]
                # By itself: what was sent stays told, however the rest ends.
                await audit.record_alone(
                    actor, "export", table="clients", details={"found": len(part), "shown": shown}
                )
                yield [_texts(row, labels) for row in part]


def _texts(row: Any, labels: Mapping[str, str]) -> list[str]:
    values = dict(row._mapping)
    values["profile_type"] = labels.get(row.profile_type, row.profile_type)
    values["status"] = labels.get(row.status, row.status)
    return ["" if values[name] is None else str(values[name]) for name in COLUMNS]


@asynccontextmanager
async def _snapshot(actor: Staff) -> AsyncIterator[AsyncConnection]:
    """A transaction that may wait for whoever downloads slowly."""
    async with begin(actor) as connection:
        await connection.execute(text("set local idle_in_transaction_session_timeout = '15min'"))
        await connection.execute(text("set local statement_timeout = '5min'"))
        yield connection


def _query(view: View) -> Select[Any]:
    """In the list's order. Values as files carry them: see `app_private.tidy`."""
    c = _directory.c
    phone = (
        select(client_identities.c.value)
        .where(
            client_identities.c.client_id == c.id,
            client_identities.c.kind == "phone",
            client_identities.c.retired_at.is_(None),
        )
        .order_by(client_identities.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    statuses = [s for s in view.statuses if s in CLIENT_STATUSES]
    wanted: list[ColumnElement[bool]] = [c.status.in_(statuses or ["active", "inactive"])]
    if profiles := [p for p in view.profile_types if p in PROFILE_TYPES]:
        wanted.append(c.profile_type.in_(profiles))
    wanted += [condition(name) for name in view.narrowing.names]
    wanted += [
        c.words.like(func.app_private.normalise(literal(word, Text)))
        for word in like_words(view.search)
    ]
    tidy, lines = func.app_private.tidy, func.app_private.tidy_lines
    return (
        select(
            tidy(c.display_name).label("name"),
            phone.label("phone"),
            c.email,
            c.profile_type,
            tidy(c.passport_or_nie).label("passport_or_nie"),
            c.language,
            lines(c.notes).label("notes"),
            c.status,
            # The day that it was here.
            func.app_private.local_day(c.created_at, type_=Date).label("created_at"),
            c.id,
        )
        .where(*wanted)
        .order_by(*_order(view))
    )


def _order(view: View) -> Sequence[Any]:
    c = _directory.c
    columns: Sequence[Any] = {
        "last_message": (c.last_message_at,),
        "name": (c.sort_name,),
        "created": (c.created_at,),
        "profile": (c.profile_type, c.sort_name),
    }[view.sort if view.sort in SORTS else "last_message"]
    return [
        *((column.desc().nulls_last() if view.descending else column.asc()) for column in columns),
        c.id,
    ]
