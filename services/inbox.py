"""The inbox: which conversations ask for somebody, in views with an order and a count each.

Every view reads one index in its order, so that a page of it costs the same among a million clients
as among a hundred; counts stop at `COUNT_CAP`. What a view holds is said twice: in SQL for reading
it, and in `belongs` and `order_of` for a page that is told of one client and must put it in its
place without reading the list again. A test holds the two together.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import (
    assignments,
    client_directory,
    client_identities,
    client_labels,
    drafts,
    note_mentions,
    staff,
)
from services import assignments as assigning
from services import audit
from services import labels as labels_service
from services.actors import Staff, System
from services.clients import PROFILE_TYPES, ClientStatus, ProfileType, like_words
from services.labels import Label
from services.permissions import Permission, requires

View = Literal["waiting", "mine", "unassigned", "closing", "snoozed", "mentions", "all", "archived"]
VIEWS: tuple[View, ...] = get_args(View)

#: Counts stop here; beyond it a view says "99+".
COUNT_CAP = 99
PAGE = 50
MOST = 500
#: Views that are somebody's own; the others show everybody the same.
OWN_VIEWS: tuple[View, ...] = ("mine", "mentions")
SHARED_VIEWS: tuple[View, ...] = tuple(view for view in VIEWS if view not in OWN_VIEWS)
#: How many of a view's first are looked at for a search, before all of it is.
_GLANCE = 1_000
#: How many finds of a search are gathered before they are sorted.
_GATHER = 3_000
_Way = Literal["glance", "gather", "walk"]

#: WhatsApp lets us write freely for this long after the person last wrote.
WINDOW = timedelta(hours=24)
#: From here on the end of the window is near enough to warn.
SOON = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One conversation of the list."""

    id: UUID
    name: str | None
    phone: str | None
    username: str | None
    profile_type: ProfileType
    status: ClientStatus
    unread_count: int
    last_message_at: datetime | None
    last_message_direction: str | None
    last_message_type: str | None
    last_message_preview: str | None
    last_inbound_at: datetime | None
    window_closed_at: datetime | None
    waiting_since: datetime | None
    #: Waiting, or back from being snoozed.
    due_since: datetime | None
    snoozed_until: datetime | None
    assigned_to: UUID | None
    assignee: str | None
    #: The newest note that mentions whoever looks; None outside of that view.
    mentioned_at: datetime | None = None
    labels: tuple[Label, ...] = ()
    #: Something here is meant for whoever looks and not seen yet: a hand-over, a mention.
    is_news: bool = False
    #: Whoever looks has begun to write here.
    has_draft: bool = False

    @property
    def window_closes_at(self) -> datetime | None:
        """When WhatsApp stops taking free words; None where it takes none already or never did."""
        if self.last_inbound_at is None:
            return None
        if self.window_closed_at is not None and self.window_closed_at >= self.last_inbound_at:
            return None
        return self.last_inbound_at + WINDOW


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """What of a view is asked for. Unknown values are ignored."""

    search: str = ""
    profiles: tuple[str, ...] = ()
    labels: tuple[UUID, ...] = ()
    assignee: UUID | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.search.split() or self.profiles or self.labels or self.assignee)


@dataclass(frozen=True, slots=True)
class InboxPage:
    items: list[InboxItem]
    #: Whether there are more than were asked for.
    more: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many conversations each view holds, up to COUNT_CAP + 1."""

    of: dict[View, int] = field(default_factory=dict)
    #: Of "mine" and "mentions": those that hold something not seen yet.
    news: dict[View, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """A conversation, with what of it is each person's own: (client, person) pairs."""

    item: InboxItem
    mentioned: Mapping[tuple[UUID, UUID], datetime]
    untold: AbstractSet[tuple[UUID, UUID]]
    drafts: AbstractSet[tuple[UUID, UUID]]

    def seen_by(self, staff_id: UUID) -> InboxItem:
        """The conversation as it is to this person."""
        key = (self.item.id, staff_id)
        return replace(
            self.item,
            mentioned_at=self.mentioned.get(key),
            is_news=key in self.untold,
            has_draft=key in self.drafts,
        )


@requires(Permission.READ_CLIENTS)
async def read_inbox(
    actor: Staff,
    view: View,
    *,
    wanted: InboxFilter | None = None,
    limit: int = PAGE,
    again: bool = False,
) -> InboxPage:
    """The first `limit` conversations of a view, in its order.

    Audited as a view of the clients it showed, with words as a search; `again` is for a list that
    brings itself up to date.
    """
    wanted = wanted or InboxFilter()
    limit = min(max(limit, 1), MOST)
    async with begin(actor) as connection:
        rows = await _rows(connection, actor, view, wanted, limit + 1)
        items = await _complete(connection, actor, rows[:limit])
        if items and not again:
            await audit.record(
                connection,
                "search" if wanted.search.split() else "view",
                table="clients",
                details={"inbox": view, "shown": [str(item.id) for item in items][:200]},
            )
    return InboxPage(items=items, more=len(rows) > limit)


@requires(Permission.READ_CLIENTS)
async def read_items(actor: Staff, client_ids: Sequence[UUID]) -> dict[UUID, InboxItem]:
    """These conversations as they are now, whatever view they are in: for an open list."""
    if not client_ids:
        return {}
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(*_ITEM, _mentioned_at(actor), literal(0).label("among"))
            .select_from(_FROM)
            .where(_d.id.in_(client_ids))
        )
        return {item.id: item for item in await _complete(connection, actor, rows.all())}


@requires(Permission.SYSTEM)
async def read_news(actor: System, client_ids: Sequence[UUID]) -> dict[UUID, News]:
    """These conversations as they are now, once for all open pages of this process.

    Each page shows of it what is its own person's, and asks first whether they are still there.
    """
    if not client_ids:
        return {}
    mentions = select(_n.client_id, _n.staff_id, func.max(_n.created_at)).where(
        _n.client_id.in_(client_ids)
    )
    begun = select(drafts.c.client_id, drafts.c.staff_id).where(drafts.c.client_id.in_(client_ids))
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(*_ITEM, null().label("mentioned_at"), literal(0).label("among"))
            .select_from(_FROM)
            .where(_d.id.in_(client_ids))
        )
        items = await _with_labels(connection, rows.all())
        mentioned = await connection.execute(mentions.group_by(_n.client_id, _n.staff_id))
        called = {(client, person): at for client, person, at in mentioned}
        untold = await assigning.untold_to_all(connection, client_ids)
        writing = {(client, person) for client, person in await connection.execute(begun)}
    return {item.id: News(item, called, untold, writing) for item in items}


@requires(Permission.READ_CLIENTS)
async def count_views(actor: Staff) -> Counts:
    """How many conversations stand in each view, each counted up to COUNT_CAP + 1."""
    async with begin(actor) as connection:
        shared = await _count(connection, actor, SHARED_VIEWS)
        own = await _count_own(connection, actor)
    return Counts(of=shared | own.of, news=own.news)


@requires(Permission.READ_CLIENTS)
async def count_own(actor: Staff) -> Counts:
    """The same for the views that are each person's own."""
    async with begin(actor) as connection:
        return await _count_own(connection, actor)


@requires(Permission.SYSTEM)
async def count_shared(actor: System) -> dict[View, int]:
    """The same for the views that show everybody the same: once for all open pages."""
    async with begin(actor) as connection:
        return await _count(connection, None, SHARED_VIEWS)


def belongs(
    item: InboxItem, view: View, wanted: InboxFilter, staff_id: UUID, now: datetime | None = None
) -> bool:
    """Whether a conversation stands in a view, the search's words aside."""
    now = now or datetime.now(UTC)
    if wanted.profiles and item.profile_type not in wanted.profiles:
        return False
    if wanted.labels and not set(wanted.labels) <= {label.id for label in item.labels}:
        return False
    if wanted.assignee and item.assigned_to != wanted.assignee:
        return False
    is_archived = item.status == "archived"
    is_snoozed = item.snoozed_until is not None and item.snoozed_until > now
    match view:
        case "waiting":
            return not is_archived and not is_snoozed and item.due_since is not None
        case "unassigned":
            waits = not is_archived and not is_snoozed and item.due_since is not None
            return waits and item.assigned_to is None
        case "mine":
            return not is_archived and not is_snoozed and item.assigned_to == staff_id
        case "closing":
            return not is_archived and item.waiting_since is not None and _is_closing(item, now)
        case "snoozed":
            return not is_archived and is_snoozed
        case "mentions":
            return item.mentioned_at is not None
        case "all":
            return not is_archived
        case "archived":
            return is_archived


def order_of(item: InboxItem, view: View) -> str:
    """Where a conversation stands in a view: these strings compare as the view's order does."""
    newest = _falling(item.last_message_at)
    match view:
        case "waiting" | "unassigned":
            place = _rising(item.due_since)
        case "mine":
            place = f"{_rising(item.due_since)}-{newest}"
        case "closing":
            place = _rising(item.last_inbound_at)
        case "snoozed":
            place = _rising(item.snoozed_until)
        case "mentions":
            place = _falling(item.mentioned_at)
        case "all" | "archived":
            place = newest
    return f"{place}-{item.id}"


def _is_closing(item: InboxItem, now: datetime) -> bool:
    closes = item.window_closes_at
    return closes is not None and now < closes <= now + SOON


_LAST = 10**17


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _rising(moment: datetime | None) -> str:
    return f"{_LAST if moment is None else _micros(moment):018d}"


def _falling(moment: datetime | None) -> str:
    return f"{_LAST if moment is None else _LAST - 1 - _micros(moment):018d}"


# --- the queries ------------------------------------------------------------------------------

_d = client_directory.c
_n = note_mentions.c

_phone = (
    select(client_identities.c.value)
    .where(
        client_identities.c.client_id == _d.id,
        client_identities.c.kind == "phone",
        client_identities.c.retired_at.is_(None),
    )
    .order_by(client_identities.c.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("phone")
)

#: In the order of InboxItem's fields.
_ITEM = (
    _d.id,
    _d.display_name,
    _phone,
    _d.username,
    _d.profile_type,
    _d.status,
    _d.unread_count,
    _d.last_message_at,
    _d.last_message_direction,
    _d.last_message_type,
    _d.last_message_preview,
    _d.last_inbound_at,
    _d.window_closed_at,
    _d.waiting_since,
    _d.due_since,
    _d.snoozed_until,
    _d.assigned_to,
    staff.c.name.label("assignee"),
)
_FROM = client_directory.outerjoin(staff, staff.c.id == _d.assigned_to)

_LIVING = _d.status != "archived"
_AWAKE = or_(_d.snoozed_until.is_(None), _d.snoozed_until <= func.now())


def _mentioned_at(actor: Staff) -> ColumnElement[Any]:
    newest = select(func.max(_n.created_at)).where(_n.staff_id == actor.id, _n.client_id == _d.id)
    return newest.scalar_subquery().label("mentioned_at")


def _conditions(actor: Staff | None, view: View) -> list[ColumnElement[bool]]:
    """What stands in a view. `actor` is needed for those that are somebody's own."""
    me = None if actor is None else actor.id
    opens = func.now() - WINDOW
    match view:
        case "waiting":
            return [_d.due_since.is_not(None), _LIVING, _AWAKE]
        case "unassigned":
            return [_d.due_since.is_not(None), _LIVING, _AWAKE, _d.assigned_to.is_(None)]
        case "mine":
            return [_d.assigned_to == me, _LIVING, _AWAKE]
        case "closing":
            return [
                _d.waiting_since.is_not(None),
                _LIVING,
                _d.last_inbound_at > opens,
                _d.last_inbound_at <= opens + SOON,
                or_(_d.window_closed_at.is_(None), _d.window_closed_at < _d.last_inbound_at),
            ]
        case "snoozed":
            return [_d.snoozed_until > func.now(), _LIVING]
        case "mentions":
            mine = select(_n.client_id).where(_n.staff_id == me)
            return [_d.id.in_(mine)]
        case "all":
            return [_LIVING]
        case "archived":
            return [_d.status == "archived"]


def _order(view: View, columns: Any) -> list[ColumnElement[Any]]:
    newest = columns.last_message_at.desc().nulls_last()
    match view:
        case "waiting" | "unassigned":
            return [columns.due_since, columns.id]
        case "mine":
            return [columns.due_since, newest, columns.id]
        case "closing":
            return [columns.last_inbound_at, columns.id]
        case "snoozed":
            return [columns.snoozed_until, columns.id]
        case "mentions":
            return [columns.mentioned_at.desc(), columns.id]
        case "all" | "archived":
            return [newest, columns.id]


async def _rows(
    connection: AsyncConnection, actor: Staff, view: View, wanted: InboxFilter, limit: int
) -> Sequence[Row[Any]]:
    """The first of a view, with `among` as `_query` has it.

    What many are called fills the page from a glance at the view's beginning. What fewer are called
    is gathered by the trigram index and sorted then; to walk along the view would be to look at
    everybody in it, and is left for what very many are called, but not the first.
    """

    async def read(way: _Way) -> Sequence[Row[Any]]:
        found = await connection.execute(_query(actor, view, wanted, limit, way))
        rows: Sequence[Row[Any]] = found.all()
        return rows

    if not like_words(wanted.search):
        return await read("walk")
    rows = await read("glance")
    if len(rows) < limit and not (rows and rows[0].among < _GLANCE):
        rows = await read("gather")
        if rows and rows[0].among > _GATHER:
            rows = await read("walk")
    return rows


def _query(actor: Staff, view: View, wanted: InboxFilter, limit: int, way: _Way) -> Select[Any]:
    """The statement for a view. Rows are an item's fields and `among`: of how many they are taken,
    0 where the view is walked.
    """
    conditions = _conditions(actor, view) if view != "mentions" else []
    profiles = [p for p in wanted.profiles if p in PROFILE_TYPES]
    if profiles:
        conditions.append(_d.profile_type.in_(profiles))
    for label in wanted.labels[:5]:
        bearing = select(client_labels.c.client_id).where(client_labels.c.label_id == label)
        conditions.append(_d.id.in_(bearing))
    if wanted.assignee is not None:
        conditions.append(_d.assigned_to == wanted.assignee)
    words = [func.app_private.normalise(word) for word in like_words(wanted.search)]
    if way != "glance":
        conditions += [_d.words.like(word) for word in words]
    names = ("id", "due_since", "last_message_at", "last_inbound_at", "snoozed_until")
    columns = [_d[name] for name in names] + [_d.words] * (way == "glance")
    if view == "mentions":
        # Grouped and in order before anybody is looked up, which then ends with the page.
        at = func.max(_n.created_at).label("mentioned_at")
        newest = select(_n.client_id, at).where(_n.staff_id == actor.id).group_by(_n.client_id)
        mine = newest.order_by(at.desc(), _n.client_id).subquery("mine")
        keys = select(*columns, mine.c.mentioned_at)
        keys = keys.join_from(mine, client_directory, _d.id == mine.c.client_id)
    else:
        keys = select(*columns, null().label("mentioned_at"))
    keys = keys.where(*conditions)
    among: ColumnElement[int] = literal(0)
    source: FromClause = keys.subquery("source")
    if way == "glance":
        first = select(source).order_by(*_order(view, source.c)).limit(_GLANCE)
        source = first.cte("first")
    elif way == "gather":
        source = keys.limit(_GATHER + 1).cte("gathered")
    if way != "walk":
        among = select(func.count()).select_from(source).scalar_subquery()
    ordered = select(source).order_by(*_order(view, source.c)).limit(limit)
    if way == "glance":
        ordered = ordered.where(*(source.c.words.like(word) for word in words))
    page = ordered.subquery("page")
    return (
        select(*_ITEM, page.c.mentioned_at, among.label("among"))
        .select_from(page)
        .join(_FROM, _d.id == page.c.id)
        .order_by(*_order(view, page.c))
    )


async def _complete(
    connection: AsyncConnection, actor: Staff, rows: Sequence[Any]
) -> list[InboxItem]:
    ids = [row.id for row in rows]
    news = await assigning.untold(connection, actor.id, ids)
    mine = select(drafts.c.client_id).where(
        drafts.c.staff_id == actor.id, drafts.c.client_id.in_(ids)
    )
    begun = set(await connection.scalars(mine)) if ids else set()
    return [
        replace(item, is_news=item.id in news, has_draft=item.id in begun)
        for item in await _with_labels(connection, rows)
    ]


async def _with_labels(connection: AsyncConnection, rows: Sequence[Any]) -> list[InboxItem]:
    borne = await labels_service.of_clients(connection, [row.id for row in rows])
    return [replace(InboxItem(*row[:-1]), labels=tuple(borne.get(row.id, ()))) for row in rows]


async def _count(
    connection: AsyncConnection, actor: Staff | None, views: Sequence[View]
) -> dict[View, int]:
    counted = []
    for view in views:
        keys = select(_d.id).where(*_conditions(actor, view))
        if view != "mentions":
            # By the view's index: where few stand in it, they may be the last ones of the table.
            keys = keys.order_by(*_order(view, _d))
        capped = keys.limit(COUNT_CAP + 1).subquery()
        counted.append(select(func.count()).select_from(capped).scalar_subquery().label(view))
    row = (await connection.execute(select(*counted))).mappings().one()
    return {view: row[view] for view in views}


async def _count_own(connection: AsyncConnection, actor: Staff) -> Counts:
    a = assignments.c
    unseen = select(_n.client_id).where(_n.staff_id == actor.id, _n.seen_at.is_(None)).distinct()
    still_theirs = (
        select(_d.id)
        .where(_d.id == a.client_id, _d.assigned_to == actor.id)
        .correlate(assignments)
        .exists()
    )
    handed = (
        select(a.client_id)
        .where(a.assigned_to == actor.id, a.seen_at.is_(None), still_theirs)
        .distinct()
    )
    counts = [
        select(func.count()).select_from(q.limit(COUNT_CAP + 1).subquery()).scalar_subquery()
        for q in (unseen, handed)
    ]
    row = (await connection.execute(select(*counts))).one()
    of = await _count(connection, actor, OWN_VIEWS)
    return Counts(of=of, news={"mentions": row[0], "mine": row[1]})
