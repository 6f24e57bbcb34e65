"""What the database holds about a client, as the copy of their data tells it."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import (
    access_exports,
    assignments,
    audit_log,
    audit_values,
    client_identities,
    client_labels,
    client_notes,
    clients,
    documents,
    drafts,
    identity_conflicts,
    import_rows,
    imports,
    labels,
    marketing_choices,
    message_media,
    message_statuses,
    messages,
    staff,
    webhook_items,
    whatsapp_numbers,
)
from services import audit_reading

#: Rows read at a time.
_ROWS = 200

#: Columns that say how the app works and nothing about the person; and why the file must be kept,
#: which may be about other people and is for a lawyer to hand out.
_NOT_TOLD = {
    *("sort_name", "display_name", "unread_count", "last_message_preview", "legal_hold"),
    *("assigned_to", "waiting_since", "snoozed_until", "window_closed_at"),
    *("woken_at", "due_since"),
}
#: Whose former values are the person's own.
_OF_THE_PERSON = ("clients", "client_identities", "client_notes", "documents", "messages")

#: Where an item of a webhook body says who it is from or to.
_PEOPLE = frozenset(
    f"{end}{kind}" for end in ("from", "to") for kind in ("", "_user_id", "_parent_user_id")
) | {"recipient_id", "recipient_user_id", "wa_id", "user_id", "parent_user_id"}
#: What stands around an item, as `webhook.walk` keeps it.
_AROUND = "value_context"


async def client(connection: AsyncConnection, client_id: UUID) -> RowMapping | None:
    """The client's row."""
    row = await connection.execute(select(clients).where(clients.c.id == client_id))
    return row.mappings().one_or_none()


def facts(row: RowMapping) -> dict[str, Any]:
    """What of a client's row is theirs."""
    return {name: value for name, value in row.items() if name not in _NOT_TOLD}


async def identities(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """What the person is recognised by, or was."""
    i = client_identities.c
    query = select(i.channel, i.kind, i.value, i.first_seen_at, i.retired_at)
    rows = await connection.execute(query.where(i.client_id == client_id).order_by(i.id))
    return [dict(row) for row in rows.mappings()]


async def conflicts(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """Identifiers that somebody else's file claims too; not whose."""
    c = identity_conflicts.c
    query = select(c.kind, c.value, c.seen_at, c.resolved_at)
    mine = or_(c.client_id == client_id, c.other_client_id == client_id)
    return [dict(row) for row in (await connection.execute(query.where(mine))).mappings()]


async def copies(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """Copies of the person's data that were made, this one among them."""
    x = access_exports.c
    query = select(x.requested_at, x.finished_at, x.state, x.expires_at)
    rows = await connection.execute(query.where(x.client_id == client_id).order_by(x.requested_at))
    return [dict(row) for row in rows.mappings()]


async def marketing(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """What the person told WhatsApp about advertising from us, if anything."""
    query = select(marketing_choices.c.wants, marketing_choices.c.said_at)
    rows = await connection.execute(query.where(marketing_choices.c.client_id == client_id))
    return [dict(row) for row in rows.mappings()]


async def begun(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """What somebody has begun to write to the person, or about them, and not sent."""
    query = select(drafts.c.kind, drafts.c.text, drafts.c.updated_at)
    rows = await connection.execute(
        query.where(drafts.c.client_id == client_id).order_by(drafts.c.updated_at)
    )
    return [dict(row) for row in rows.mappings()]


async def notes(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """What the team noted about the person, with what was said when the file was handed over."""
    n, a = client_notes.c, assignments.c
    written = select(n.created_at.label("at"), staff.c.name.label("by"), n.body.label("text"))
    written = written.join_from(client_notes, staff, staff.c.id == n.author_id, isouter=True)
    handed = select(a.assigned_at.label("at"), staff.c.name.label("by"), a.note.label("text"))
    handed = handed.join_from(assignments, staff, staff.c.id == a.assigned_by, isouter=True)
    both = union_all(
        written.where(n.client_id == client_id),
        handed.where(a.client_id == client_id, a.note.is_not(None)),
    )
    rows = await connection.execute(both.order_by("at"))
    return [dict(row) for row in rows.mappings()]


async def borne_labels(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """What the team sorts the conversation by."""
    b = client_labels.c
    query = select(labels.c.name, b.added_at).join_from(
        client_labels, labels, labels.c.id == b.label_id
    )
    rows = await connection.execute(query.where(b.client_id == client_id).order_by(b.added_at))
    return [dict(row) for row in rows.mappings()]


async def caseworkers(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """Whose the conversation became, and when; nobody's is None."""
    a = assignments.c
    query = select(a.assigned_at, staff.c.name.label("to")).join_from(
        assignments, staff, staff.c.id == a.assigned_to, isouter=True
    )
    rows = await connection.execute(query.where(a.client_id == client_id).order_by(a.id))
    return [dict(row) for row in rows.mappings()]


async def imported(connection: AsyncConnection, client_id: UUID) -> list[dict[str, Any]]:
    """What lists that were imported said of the person, for as long as that is kept."""
    r = import_rows.c
    said = (r.name, r.phone, r.email, r.passport_or_nie, r.notes, r.language, r.profile_type)
    query = (
        select(imports.c.created_at, r.result, *said)
        .join(imports, imports.c.id == r.import_id)
        .where(r.client_id == client_id, imports.c.state != "failed")
        .order_by(imports.c.created_at, r.row)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def kept_documents(connection: AsyncConnection, client_id: UUID) -> Sequence[RowMapping]:
    """Rows of the client's documents, oldest first."""
    rows = await connection.execute(
        select(documents)
        .where(documents.c.client_id == client_id)
        .order_by(documents.c.created_at, documents.c.id)
    )
    return rows.mappings().all()


async def kept_media(connection: AsyncConnection, client_id: UUID) -> Sequence[RowMapping]:
    """The files of the conversation that are kept, oldest first."""
    media = message_media.c
    query = (
        select(
            media.message_id,
            media.storage_key,
            media.file_name,
            media.kept_type,
            media.size,
            media.sha256,
            messages.c.sent_at,
        )
        .join_from(message_media, messages, messages.c.id == media.message_id)
        .where(media.client_id == client_id, media.state == "stored")
        .order_by(messages.c.sent_at, messages.c.seq)
    )
    return (await connection.execute(query)).mappings().all()


async def number_of_messages(connection: AsyncConnection, client_id: UUID) -> int:
    """How many messages the conversation has."""
    query = select(func.count()).select_from(messages).where(messages.c.client_id == client_id)
    return await connection.scalar(query) or 0


async def pages(
    connection: AsyncConnection, client_id: UUID
) -> AsyncIterator[Sequence[RowMapping]]:
    """The messages in their order, some at a time."""
    after: tuple[datetime, int] | None = None
    while True:
        query = select(messages).where(messages.c.client_id == client_id)
        if after is not None:
            query = query.where(tuple_(messages.c.sent_at, messages.c.seq) > tuple_(*after))
        ordered = query.order_by(messages.c.sent_at, messages.c.seq).limit(_ROWS)
        page = (await connection.execute(ordered)).mappings().all()
        if page:
            yield page
        if len(page) < _ROWS:
            return
        after = page[-1]["sent_at"], page[-1]["seq"]


async def told_messages(
    connection: AsyncConnection, page: Sequence[RowMapping]
) -> list[dict[str, Any]]:
    """Messages with their statuses."""
    statuses = await _statuses(connection, page)
    return [
        {key: value for key, value in message.items() if key not in ("client_id", "delivery_id")}
        | {"statuses": statuses.get((message["phone_number_id"], message["whatsapp_id"]), [])}
        for message in page
    ]


async def history(connection: AsyncConnection, client_id: UUID) -> AsyncIterator[dict[str, Any]]:
    """Who looked at the file, alone or in a list, or changed it, and what it said before."""
    entry = audit_log.c
    # Two ways, each along its own index: an `or` would walk the whole log.
    about = audit_log.alias("about")
    found = union_all(
        select(about.c.id).where(about.c.client_id == client_id), audit_reading.showing(client_id)
    )
    query = (
        select(
            entry.occurred_at,
            entry.actor_kind,
            entry.actor_part,
            entry.action,
            entry.table_name,
            entry.fields,
            staff.c.name,
            staff.c.role,
            audit_values.c.old_values,
        )
        .join_from(audit_log, staff, staff.c.id == entry.actor_id, isouter=True)
        .join(
            audit_values,
            (audit_values.c.entry_id == entry.id)
            & (audit_values.c.client_id == client_id)
            & entry.table_name.in_(_OF_THE_PERSON),
            isouter=True,
        )
        .where(entry.id.in_(found))
        .order_by(entry.id)
    )
    async with connection.stream(query) as rows:
        async for row in rows.mappings():
            yield _told(row)


async def unprocessed(
    connection: AsyncConnection, client_id: UUID
) -> AsyncIterator[dict[str, Any] | None]:
    """What WhatsApp brought from or for the person and became no message.

    None for an item that other people are part of, too: it cannot be handed out as it is.
    """
    mine, others = client_identities.alias(), client_identities.alias()
    digits = func.ltrim(mine.c.value, "+")
    own = await connection.scalars(
        select(digits).where(
            mine.c.client_id == client_id,
            ~select(others.c.id)
            .where(others.c.client_id != client_id, func.ltrim(others.c.value, "+") == digits)
            .exists(),
        )
    )
    names = set(own)
    ours = {
        re.sub(r"\D", "", number)
        for number in await connection.scalars(select(whatsapp_numbers.c.display_phone_number))
        if number
    }
    if not names:
        return
    item = webhook_items.c
    found = or_(*(item.raw.contains(name, autoescape=True) for name in sorted(names)))
    query = select(item.created_at, item.state, item.code, item.field, item.raw).where(found)
    async with connection.stream(query.order_by(item.id)) as rows:
        async for row in rows.mappings():
            content = _parsed(row["raw"])
            people = _people(content) - ours
            if not people & names:
                continue
            is_theirs = people <= names and not _is_cut(content)
            told = {key: row[key] for key in ("created_at", "state", "code", "field")}
            yield told | {"content": content} if is_theirs else None


def _told(entry: RowMapping) -> dict[str, Any]:
    """A person of the staff by name and role, a part of the software by what it does."""
    told = {
        "at": entry["occurred_at"],
        "who": entry["name"] or entry["actor_part"] or entry["actor_kind"],
        "role": entry["role"] or ("software" if entry["actor_kind"] == "system" else None),
        "action": entry["action"],
        "about": entry["table_name"],
        "fields": entry["fields"],
    }
    before = {k: v for k, v in (entry["old_values"] or {}).items() if k not in _NOT_TOLD}
    return told | {"before": before} if before else told


async def _statuses(
    connection: AsyncConnection, page: Sequence[RowMapping]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    ids = [
        (row["phone_number_id"], row["whatsapp_id"])
        for row in page
        if row["whatsapp_id"] and row["direction"] == "outbound"
    ]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    if not ids:
        return found
    table = message_statuses.c
    rows = await connection.execute(
        select(message_statuses)
        .where(tuple_(table.phone_number_id, table.whatsapp_id).in_(ids))
        .order_by(table.id)
    )
    for row in rows.mappings():
        told = {key: row[key] for key in ("status", "occurred_at", "received_at", "error")}
        found.setdefault((row["phone_number_id"], row["whatsapp_id"]), []).append(told)
    return found


def _parsed(raw: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _is_cut(found: Any) -> bool:
    """Whether so long that only its start was kept: whoever else is in it is not seen."""
    item = found.get("item") if isinstance(found, dict) else None
    return isinstance(item, dict) and item.keys() == {"truncated"}


def _people(found: Any) -> set[str]:
    """Who an item is from or to, digits without a plus; a number inside a text is nobody."""
    return {name.removeprefix("+") for name in _named(found)}


def _named(found: Any) -> Iterator[str]:
    """The names in the places that say so, however deep."""
    waiting = [found]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            for key, value in here.items():
                if isinstance(value, str) and key in _PEOPLE:
                    yield value
                elif key == _AROUND and isinstance(value, dict):
                    thread = value.get("thread")
                    if isinstance(thread, dict) and isinstance(thread.get("id"), str):
                        yield thread["id"]
                    waiting.append(value)
                elif isinstance(value, dict | list):
                    waiting.append(value)
