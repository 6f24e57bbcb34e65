"""Clients: the people who write to the organisation."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    Text,
    bindparam,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from db.engine import begin
from db.tables import (
    client_directory,
    client_identities,
    clients,
    identity_conflicts,
    marketing_choices,
)
from services import audit, changes
from services.actors import Actor, Staff
from services.narrowing import EVERYBODY, Narrowing, condition
from services.permissions import Permission, requires

ProfileType = Literal["ASYLUM", "ARRAIGO", "STUDENT", "IRREGULAR", "OTHER"]
ClientStatus = Literal["active", "inactive", "archived"]
ProfileSource = Literal["classifier", "staff", "import"]
Sort = Literal["last_message", "name", "created", "profile"]

PROFILE_TYPES: tuple[ProfileType, ...] = get_args(ProfileType)
CLIENT_STATUSES: tuple[ClientStatus, ...] = get_args(ClientStatus)
SORTS: tuple[Sort, ...] = get_args(Sort)

#: Totals are counted up to here; beyond it the list says "more than".
COUNT_CAP = 10_000
MAX_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """One name a client has on a channel: a phone (E.164), a wa_id (digits), a bsuid, ..."""

    kind: str
    value: str
    retired: bool


@dataclass(frozen=True, slots=True)
class ClientSummary:
    """A row of the client list."""

    id: UUID
    #: The staff's name for the person, else the WhatsApp profile name, else None.
    name: str | None
    #: E.164, or None when WhatsApp hides the number.
    phone: str | None
    #: WhatsApp's user name without @, which may change any day.
    username: str | None
    email: str | None
    profile_type: ProfileType
    profile_confidence: float | None
    profile_source: ProfileSource | None
    status: ClientStatus
    unread_count: int
    last_message_at: datetime | None
    last_message_direction: str | None
    last_message_type: str | None
    #: The first 160 characters of the last message's text.
    last_message_preview: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Advertising:
    """What a person told WhatsApp about advertising from us."""

    wants: bool
    said_at: datetime


@dataclass(frozen=True, slots=True)
class ClientDetail:
    """Everything the client page shows above and beside the conversation."""

    summary: ClientSummary
    #: Name from WhatsApp, shown beside the staff's own when they differ.
    profile_name: str | None
    passport_or_nie: str | None
    notes: str | None
    language: str | None
    updated_at: datetime
    #: Last message of the person that opens the 24-hour window.
    last_inbound_at: datetime | None
    #: Why the classifier proposes the type: {keyword, profile_type, weight, language, negated}.
    profile_evidence: list[dict[str, Any]]
    identities: list[Identity]
    #: Other clients that WhatsApp's identifiers tie to this one, never merged by guess.
    conflicting_clients: list[UUID]
    #: What the staff themselves call the person.
    staff_name: str | None = None
    #: When WhatsApp refused a message as too late: its word against our clock.
    window_closed_at: datetime | None = None
    #: None: they have told nothing.
    advertising: Advertising | None = None


@dataclass(frozen=True, slots=True)
class ClientNotes:
    """What a program's list tells of a client beside the summary."""

    passport_or_nie: str | None
    notes: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ClientPage:
    items: list[ClientSummary]
    total: int
    total_is_exact: bool
    page: int
    limit: int


@requires(Permission.READ_CLIENTS)
async def list_clients(
    actor: Actor,
    *,
    search: str = "",
    profile_types: Sequence[str] = (),
    statuses: Sequence[str] = (),
    sort: str = "last_message",
    descending: bool = True,
    page: int = 1,
    limit: int = 50,
    narrowing: Narrowing = EVERYBODY,
    again: bool = False,
) -> ClientPage:
    """Find clients by name (accents and case ignored), phone fragment, e-mail or NIE/passport.

    Hostile values are clamped, unknown filters and sorts ignored. Without `statuses`, archived
    clients are left out. `narrowing` leaves the people behind a number. Audited as a search, or
    without words as a view, with the ids it showed; `again` is for a list that brings itself up to
    date, which is no look of anybody's.
    """
    limit = min(max(limit, 1), MAX_PAGE_SIZE)
    page = min(max(page, 1), COUNT_CAP // limit + 1)
    words = like_words(search)
    profiles = [p for p in PROFILE_TYPES if p in profile_types]
    among = [s for s in CLIENT_STATUSES if s in statuses] or _NOT_ARCHIVED
    gathering = bool(words) or bool(narrowing.behind)
    queries = _queries(
        len(words),
        len(profiles),
        len(among),
        _SORT_COLUMNS.get(sort, _LAST_MESSAGE),
        descending,
        narrowing.names,
        gathering=gathering,
    )
    parameters: dict[str, Any] = {
        "limit": limit,
        "offset": (page - 1) * limit,
        "again": again,
        **(narrowing.parameters if narrowing.names else {}),
    }
    for name, values in (("word", words), ("profile", profiles), ("status", among)):
        parameters |= {f"{name}{n}": value for n, value in enumerate(values)}
    async with begin(actor) as connection:
        first = queries.gathered if gathering else queries.walked
        rows = (await connection.execute(first, parameters)).all()
        if gathering and rows and rows[0].total > COUNT_CAP:
            rows = (await connection.execute(queries.walked, parameters)).all()
        beyond = not rows and page > 1
        counted = await connection.scalar(queries.counted, parameters) if beyond else 0
        total = rows[0].total if rows else counted or 0
        if words and not rows and not again:
            await audit.record(
                connection, "search", table="clients", details={"found": total, "shown": []}
            )
    return ClientPage(
        items=[ClientSummary(*row[: len(_SUMMARY)]) for row in rows],
        total=min(total, COUNT_CAP),
        total_is_exact=total <= COUNT_CAP,
        page=page,
        limit=limit,
    )


@requires(Permission.READ_CLIENTS)
async def get_client(actor: Actor, client_id: UUID, *, again: bool = False) -> ClientDetail | None:
    """Return one client, or None when there is none that the actor may see.

    Audited as a view; `again` is for a page that brings itself up to date.
    """
    async with begin(actor) as connection:
        row = (
            (
                await connection.execute(
                    select(*_SUMMARY, *_DETAIL, clients.c.name.label("staff_name")).where(
                        clients.c.id == client_id
                    )
                )
            )
            .mappings()
            .one_or_none()
        )
        if row is None:
            return None
        identities = await connection.execute(
            select(client_identities)
            .where(client_identities.c.client_id == client_id)
            .order_by(client_identities.c.id)
        )
        conflicts = await _open_conflicts(connection, client_id)
        choice = select(marketing_choices.c.wants, marketing_choices.c.said_at)
        told = await connection.execute(choice.where(marketing_choices.c.client_id == client_id))
        advertising = told.one_or_none()
        if not again:
            await audit.record(connection, "view", table="clients", row=client_id, client=client_id)
        return ClientDetail(
            summary=ClientSummary(*(row[column.name] for column in _SUMMARY)),
            **{column.name: row[column.name] for column in _DETAIL},
            identities=[
                Identity(i["kind"], i["value"], i["retired_at"] is not None)
                for i in identities.mappings()
            ],
            conflicting_clients=sorted(conflicts),
            staff_name=row["staff_name"],
            advertising=Advertising(*advertising) if advertising else None,
        )


@requires(Permission.READ_CLIENTS)
async def notes_of(actor: Actor, client_ids: Sequence[UUID]) -> dict[UUID, ClientNotes]:
    """What the files of these clients hold beside the summary, of those the actor may see.

    Audited as a view of all of them.
    """
    if not client_ids:
        return {}
    notes = [clients.c[name] for name in ("passport_or_nie", "notes", "updated_at")]
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(clients.c.id, *notes).where(clients.c.id.in_(client_ids))
        )
        found = {id: ClientNotes(*values) for id, *values in rows}
        if found:
            shown = [str(id) for id in found]
            await audit.record(connection, "view", table="clients", details={"shown": shown})
        return found


@requires(Permission.CHANGE_CLIENTS)
async def mark_read(actor: Staff, client_id: UUID) -> None:
    """Say that the conversation has been seen up to now."""
    async with begin(actor) as connection:
        result = await connection.execute(
            update(clients)
            .where(clients.c.id == client_id, clients.c.unread_count > 0)
            .values(unread_count=0)
        )
        if result.rowcount:
            await changes.announce(connection, {client_id: []})


@requires(Permission.CHANGE_CLIENTS)
async def decide_profile(actor: Staff, client_id: UUID, profile_type: str) -> bool:
    """Record a person's decision on the profile type; the classifier never changes it again.

    Returns False when there is no such client or the actor may not change it.
    """
    if profile_type not in PROFILE_TYPES:
        raise ValueError("no such profile type")
    return await _set_profile(
        actor, client_id, profile_type=profile_type, profile_source="staff", profile_confidence=None
    )


@requires(Permission.CHANGE_CLIENTS)
async def restore_profile(
    actor: Staff, client_id: UUID, before: ClientSummary, *, decided: ProfileType
) -> bool:
    """Undo a decision for `decided`: type, confidence and source become what they were.

    Returns False when somebody has decided otherwise meanwhile; their word stands.
    """
    return await _set_profile(
        actor,
        client_id,
        clients.c.profile_type == decided,
        clients.c.profile_source == "staff",
        profile_type=before.profile_type,
        profile_source=before.profile_source,
        profile_confidence=before.profile_confidence,
    )


def like_words(search: str) -> list[str]:
    """What a search looks for, each word as a pattern of LIKE."""
    return [f"%{_escaped(word)}%" for word in _words(search)]


async def _set_profile(
    actor: Staff, client_id: UUID, *conditions: ColumnElement[bool], **values: object
) -> bool:
    async with begin(actor) as connection:
        result = await connection.execute(
            update(clients)
            .where(clients.c.id == client_id, *conditions)
            .values(updated_at=func.now(), **values)
        )
        if result.rowcount:
            await changes.announce(connection, {client_id: []})
        return bool(result.rowcount)


async def _open_conflicts(connection: AsyncConnection, client_id: UUID) -> set[UUID]:
    """The other clients of this one's unresolved conflicts."""
    conflict = identity_conflicts.c
    rows = await connection.execute(
        select(conflict.client_id, conflict.other_client_id).where(
            or_(conflict.client_id == client_id, conflict.other_client_id == client_id),
            conflict.resolved_at.is_(None),
        )
    )
    return {row.other_client_id if row.client_id == client_id else row.client_id for row in rows}


_directory = client_directory

_phone = (
    select(client_identities.c.value)
    .where(
        client_identities.c.client_id == clients.c.id,
        client_identities.c.kind == "phone",
        client_identities.c.retired_at.is_(None),
    )
    .order_by(client_identities.c.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("phone")
)

#: In the order of ClientSummary's fields.
_SUMMARY = (
    clients.c.id,
    clients.c.display_name,
    _phone,
    clients.c.username,
    clients.c.email,
    clients.c.profile_type,
    clients.c.profile_confidence,
    clients.c.profile_source,
    clients.c.status,
    clients.c.unread_count,
    clients.c.last_message_at,
    clients.c.last_message_direction,
    clients.c.last_message_type,
    clients.c.last_message_preview,
    clients.c.created_at,
)

_DETAIL = (
    clients.c.profile_name,
    clients.c.passport_or_nie,
    clients.c.notes,
    clients.c.language,
    clients.c.updated_at,
    clients.c.last_inbound_at,
    clients.c.window_closed_at,
    clients.c.profile_evidence,
)

_LAST_MESSAGE = ("last_message_at",)
_SORT_COLUMNS = {
    "last_message": _LAST_MESSAGE,
    "name": ("sort_name",),
    "created": ("created_at",),
    "profile": ("profile_type", "sort_name"),
}
_NOT_ARCHIVED = [status for status in CLIENT_STATUSES if status != "archived"]


@dataclass(frozen=True, slots=True)
class _Queries:
    """The statements behind one shape of list. Rows are a ClientSummary's fields, `total` and
    `told`: whoever reads a page is told of by the same statement.

    What a search finds is `gathered` first, as far as it is counted, by the trigram index, and
    sorted then: walking along the order and looking at everybody on the way takes half a second
    where few match. Where more match than are counted, and without a search, the order is `walked`.
    """

    gathered: Select[Any]
    walked: Select[Any]
    counted: Select[Any]


@lru_cache(maxsize=256)
def _queries(
    words: int,
    profiles: int,
    statuses: int,
    names: tuple[str, ...],
    descending: bool,
    narrowed: tuple[str, ...] = (),
    *,
    gathering: bool,
) -> _Queries:
    """Build the statements once for each shape: making them takes as long as running them."""

    def order(columns: ReadOnlyColumnCollection[str, Any]) -> list[ColumnElement[Any]]:
        directed = [columns[n].desc() if descending else columns[n].asc() for n in names]
        if names == _LAST_MESSAGE:  # never written to counts as oldest
            first = directed[0]
            directed[0] = first.nulls_last() if descending else first.nulls_first()
        return [*directed, columns["id"]]

    def page_of(
        keys: Select[Any],
        columns: ReadOnlyColumnCollection[str, Any],
        count: Select[Any],
        *,
        most: int = COUNT_CAP + 1,
    ) -> Select[Any]:
        # Phones are looked up for what is shown, not for what is skipped.
        shown = keys.order_by(*order(columns)).limit(bindparam("limit")).offset(bindparam("offset"))
        page = shown.cte("page")
        total = select(count.cte("counted")).scalar_subquery()
        ids = select(func.jsonb_agg(aggregate_order_by(page.c.id, *order(page.c))))
        told = audit.telling(
            "search" if words else "view",
            table="clients",
            details=func.jsonb_build_object("found", total, "shown", ids.scalar_subquery()),
        )
        # Once, and only where there is a row to show.
        telling = select(told).where(~bindparam("again", type_=Boolean), total <= most)
        return (
            select(*_SUMMARY, total.label("total"), telling.scalar_subquery().label("told"))
            .join_from(page, clients, clients.c.id == page.c.id)
            .order_by(*order(page.c))
        )

    def one_of(column: ColumnElement[str], name: str, count: int) -> ColumnElement[bool]:
        # One of one is an equation to Postgres, and an index stays in its order; ANY is none.
        return column.in_([bindparam(f"{name}{n}") for n in range(count)])

    wanted: list[ColumnElement[bool]] = [
        _directory.c.words.like(func.app_private.normalise(bindparam(f"word{n}", type_=Text)))
        for n in range(words)
    ]
    if profiles:
        wanted.append(one_of(_directory.c.profile_type, "profile", profiles))
    wanted.append(one_of(_directory.c.status, "status", statuses))
    wanted += [condition(name) for name in narrowed]
    keys = select(*(_directory.c[name] for name in ("id", *names))).where(*wanted)
    found = keys.limit(COUNT_CAP + 1).cte("found")
    capped = select(literal("1")).select_from(_directory).where(*wanted).limit(COUNT_CAP + 1)
    counted = select(func.count().label("total")).select_from(capped.subquery())
    # Known where more were gathered than are counted.
    beyond = select(literal(COUNT_CAP + 1).label("total"))
    of_found = select(func.count().label("total")).select_from(found)
    return _Queries(
        gathered=page_of(select(found), found.c, of_found, most=COUNT_CAP),
        walked=page_of(keys, _directory.c, beyond if gathering else counted),
        counted=counted,
    )


def _words(search: str) -> list[str]:
    """What to look for, each on its own. Numbers lose the separators people write in between."""
    return [
        word
        if "@" in word or not any(c.isdigit() for c in word)
        else re.sub(r"[.\-/()]", "", word.removeprefix("00"))
        for word in (word.removeprefix("@") for word in search[:200].replace("\0", "").split()[:8])
        if word
    ]


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)
