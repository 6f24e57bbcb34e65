"""The conversation with a client: messages, oldest to newest, in pages."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select, tuple_
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import client_notes, clients, messages
from services import audit
from services.actors import Actor
from services.errors import Invalid, NotFound
from services.events import Direction, MessageType
from services.media_rows import MediaFile, of_messages
from services.permissions import Permission, requires
from services.sent_messages import Sending, contradictory, sends_of

MessageStatus = Literal[
    "received",
    "queued",
    "sending",
    "unknown",
    "accepted",
    "sent",
    "delivered",
    "read",
    "played",
    "failed",
]

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500

#: They change another message instead of saying something of their own.
ANNOTATIONS = ("reaction", "edit", "revoke")
#: Types that may bring a file; what we compose may have one above its words.
WITH_FILE = frozenset({"image", "video", "audio", "document", "sticker", "template", "interactive"})


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one answers. `text` is None when we never saw it."""

    whatsapp_id: str
    direction: Direction | None
    type: MessageType | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Reaction:
    emoji: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class MessageError:
    code: int | None
    title: str
    details: str | None


@dataclass(frozen=True, slots=True)
class TimelineMessage:
    """One entry of the timeline. `payload` is the object Meta sent for its type."""

    id: UUID
    client_id: UUID
    #: Arrival order; with `sent_at` the place in the timeline.
    seq: int
    direction: Direction
    type: MessageType
    text: str | None
    payload: dict[str, Any]
    #: WhatsApp's time (UTC), or ours where theirs was unusable.
    sent_at: datetime
    received_at: datetime
    status: MessageStatus
    error: MessageError | None
    whatsapp_id: str | None
    quote: Quote | None = None
    reactions: list[Reaction] = field(default_factory=list)
    #: Text before the first edit, when the person edited the message.
    original_text: str | None = None
    edited: bool = False
    #: The person deleted it for everybody; we keep what we received.
    revoked: bool = False
    historical: bool = False
    #: Its file, where it has one.
    media: MediaFile | None = None
    #: How it was sent, of those that this app sends.
    sending: Sending | None = None
    #: WhatsApp has said both that it failed and that it arrived.
    contradictory: bool = False


@dataclass(frozen=True, slots=True)
class TimelinePage:
    #: Oldest first.
    messages: list[TimelineMessage]
    #: Pass to `before` for the page above; None at the beginning of the conversation.
    older: str | None
    #: Pass to `after` for the page below; None at the end of the conversation.
    newer: str | None = None


@requires(Permission.READ_CLIENTS)
async def timeline(
    actor: Actor,
    client_id: UUID,
    *,
    before: str | None = None,
    after: str | None = None,
    limit: int = PAGE_SIZE,
    again: bool = False,
) -> TimelinePage:
    """Return the newest messages, or those before or after the cursor of another page.

    Reactions, edits and revocations are folded into their message; where that message is not
    ours to show (older than the app), they stand as entries of their own. An unusable cursor
    gives the newest page.

    Older pages are audited as views. The newest is part of looking at the client, which
    `get_client` tells; `again` says that the older one belongs to such a look too.
    """
    limit = min(max(limit, 1), MAX_PAGE_SIZE)
    position, following = _position(before), _position(after)
    async with begin(actor) as connection:
        if following is not None:
            shown, has_more = await _below(connection, client_id, following, limit)
            page = TimelinePage(
                await _complete(connection, client_id, shown),
                older=after,
                newer=_cursor(shown[-1]) if has_more else None,
            )
        else:
            shown, has_more = await _above(connection, client_id, position, limit)
            page = TimelinePage(
                await _complete(connection, client_id, shown),
                older=_cursor(shown[0]) if has_more else None,
            )
        if (position or following) is not None and shown and not again:
            await audit.record(connection, "view", table="messages", client=client_id)
    return page


@requires(Permission.READ_CLIENTS)
async def timeline_at(actor: Actor, client_id: UUID, message_id: UUID) -> TimelinePage | None:
    """Return the page around a message; None when it is not in this conversation.

    A reaction, edit or revocation is found in the message it belongs to.
    """
    async with begin(actor) as connection:
        found = (
            await connection.execute(
                select(_message.sent_at, _message.seq, _message.target_id).where(
                    _message.id == message_id, _message.client_id == client_id
                )
            )
        ).one_or_none()
        if found is not None and found.target_id is not None:
            target = select(_message.sent_at, _message.seq, _message.target_id).where(
                _message.client_id == client_id, _message.whatsapp_id == found.target_id
            )
            found = (await connection.execute(target)).one_or_none() or found
        if found is None:
            return None
        return await _around(connection, client_id, (found.sent_at, found.seq))


@requires(Permission.READ_CLIENTS)
async def timeline_at_note(actor: Actor, client_id: UUID, note_id: UUID) -> TimelinePage | None:
    """The same around a note of the team, which stands between the messages."""
    note = client_notes.c
    query = select(note.created_at).where(note.id == note_id, note.client_id == client_id)
    async with begin(actor) as connection:
        written = await connection.scalar(query)
        if written is None:
            return None
        return await _around(connection, client_id, (written, 0))


@requires(Permission.READ_CLIENTS)
async def newest_messages(
    actor: Actor, client_id: UUID, *, before: str | None = None, limit: int = 100
) -> TimelinePage:
    """The same for programs, newest first, and audited as a view.

    Raises NotFound without such a client, and Invalid for an unusable cursor.
    """
    if before and _position(before) is None:
        raise Invalid({"before": "not_a_cursor"})
    async with begin(actor) as connection:
        found = await connection.scalar(select(clients.c.id).where(clients.c.id == client_id))
        if found is None:
            raise NotFound
        await audit.record(connection, "view", table="messages", client=client_id)
    page = await timeline(actor, client_id, before=before, limit=limit, again=True)
    return TimelinePage(messages=page.messages[::-1], older=page.older)


@requires(Permission.READ_CLIENTS)
async def messages_by_id(
    actor: Actor, client_id: UUID, message_ids: list[UUID]
) -> list[TimelineMessage]:
    """Return these entries as they are now, oldest first: what a live page adds or replaces.

    A reaction, edit or revocation brings the message it belongs to.
    """
    changed = (
        select(messages.c.target_id)
        .where(
            _message.client_id == client_id,
            _message.id.in_(message_ids),
            _message.target_id.is_not(None),
        )
        .scalar_subquery()
    )
    query = (
        select(messages)
        .where(
            _message.client_id == client_id,
            or_(
                and_(_message.id.in_(message_ids), _stands_alone()),
                _message.whatsapp_id.in_(changed),
            ),
        )
        .order_by(_message.sent_at, _message.seq)
    )
    async with begin(actor) as connection:
        rows = (await connection.execute(query)).mappings().all()
        return await _complete(connection, client_id, rows)


_message = messages.c


def _stands_alone() -> ColumnElement[bool]:
    """No annotation, or one whose message we never saw."""
    target = messages.alias("target")
    return or_(
        _message.type.not_in(ANNOTATIONS),
        ~exists().where(
            target.c.phone_number_id == _message.phone_number_id,
            target.c.whatsapp_id == _message.target_id,
            target.c.client_id == _message.client_id,
        ),
    )


async def _around(
    connection: AsyncConnection, client_id: UUID, here: tuple[datetime, int]
) -> TimelinePage:
    """As many entries before a position as from it on; audited as a view."""
    above, has_older = await _above(connection, client_id, here, PAGE_SIZE // 2)
    below, has_newer = await _below(connection, client_id, here, PAGE_SIZE // 2, this=True)
    shown = [*above, *below]
    await audit.record(connection, "view", table="messages", client=client_id)
    return TimelinePage(
        await _complete(connection, client_id, shown),
        older=_cursor(shown[0]) if has_older else None,
        newer=_cursor(shown[-1]) if has_newer else None,
    )


async def _above(
    connection: AsyncConnection,
    client_id: UUID,
    position: tuple[datetime, int] | None,
    limit: int,
) -> tuple[list[RowMapping], bool]:
    """The last entries before a position, or of all, oldest first; and whether there are more."""
    query = select(messages).where(_message.client_id == client_id, _stands_alone())
    if position is not None:
        query = query.where(tuple_(_message.sent_at, _message.seq) < tuple_(*position))
    newest_first = query.order_by(_message.sent_at.desc(), _message.seq.desc()).limit(limit + 1)
    rows = (await connection.execute(newest_first)).mappings().all()
    return list(reversed(rows[:limit])), len(rows) > limit


async def _below(
    connection: AsyncConnection,
    client_id: UUID,
    position: tuple[datetime, int],
    limit: int,
    *,
    this: bool = False,
) -> tuple[list[RowMapping], bool]:
    """The first entries after a position, or from `this` one on; and whether there are more."""
    place = tuple_(_message.sent_at, _message.seq)
    where = place >= tuple_(*position) if this else place > tuple_(*position)
    query = select(messages).where(_message.client_id == client_id, _stands_alone(), where)
    oldest_first = query.order_by(_message.sent_at, _message.seq).limit(limit + 1)
    rows = (await connection.execute(oldest_first)).mappings().all()
    return list(rows[:limit]), len(rows) > limit


async def _complete(
    connection: AsyncConnection, client_id: UUID, rows: Sequence[RowMapping]
) -> list[TimelineMessage]:
    """Add to each message what others say about it: quotes, reactions, edits, revocations."""
    quoted = await _by_whatsapp_id(connection, client_id, {row["quoted_id"] for row in rows})
    annotations = await _annotations(connection, client_id, {row["whatsapp_id"] for row in rows})
    media = await of_messages(connection, [row["id"] for row in rows if row["type"] in WITH_FILE])
    ours = [row for row in rows if row["direction"] == "outbound"]
    sends = await sends_of(connection, ours)
    doubtful = await contradictory(connection, ours)
    return [
        replace(
            _entry(row, quoted.get(row["quoted_id"]), annotations.get(row["whatsapp_id"], [])),
            media=media.get(row["id"]),
            sending=sends.get(row["id"]),
            contradictory=row["whatsapp_id"] in doubtful,
        )
        for row in rows
    ]


async def _by_whatsapp_id(
    connection: AsyncConnection, client_id: UUID, ids: set[str | None]
) -> dict[str, RowMapping]:
    wanted = [id for id in ids if id]
    if not wanted:
        return {}
    rows = await connection.execute(
        select(_message.whatsapp_id, _message.direction, _message.type, _message.text).where(
            _message.client_id == client_id, _message.whatsapp_id.in_(wanted)
        )
    )
    return {row["whatsapp_id"]: row for row in rows.mappings()}


async def _annotations(
    connection: AsyncConnection, client_id: UUID, ids: set[str | None]
) -> dict[str, list[RowMapping]]:
    """By message, its reactions, edits and revocations, oldest first."""
    wanted = [id for id in ids if id]
    if not wanted:
        return {}
    rows = await connection.execute(
        select(_message.target_id, _message.direction, _message.type, _message.text)
        .where(
            _message.client_id == client_id,
            _message.target_id.in_(wanted),
            _message.type.in_(ANNOTATIONS),
            # A reaction of ours that WhatsApp refused is on no message.
            _message.status != "failed",
        )
        .order_by(_message.sent_at, _message.seq)
    )
    by_target: dict[str, list[RowMapping]] = defaultdict(list)
    for row in rows.mappings():
        by_target[row["target_id"]].append(row)
    return by_target


def _entry(
    row: RowMapping, quoted: RowMapping | None, annotations: list[RowMapping]
) -> TimelineMessage:
    quote = None
    if row["quoted_id"]:
        quote = Quote(
            row["quoted_id"],
            quoted["direction"] if quoted else None,
            quoted["type"] if quoted else None,
            quoted["text"] if quoted else None,
        )
    # Each side has at most one reaction; a later one replaces it, an empty one removes it.
    emoji = {a["direction"]: a["text"] for a in annotations if a["type"] == "reaction"}
    edits = [a["text"] for a in annotations if a["type"] == "edit"]
    error = row["error"]
    return TimelineMessage(
        id=row["id"],
        client_id=row["client_id"],
        seq=row["seq"],
        direction=row["direction"],
        type=row["type"],
        text=edits[-1] if edits else row["text"],
        payload=row["payload"],
        sent_at=row["sent_at"],
        received_at=row["received_at"],
        status=row["status"],
        error=MessageError(error["code"], error["title"], error["details"]) if error else None,
        whatsapp_id=row["whatsapp_id"],
        quote=quote,
        reactions=[Reaction(text, direction) for direction, text in emoji.items() if text],
        original_text=row["text"] if edits else None,
        edited=bool(edits),
        revoked=any(a["type"] == "revoke" for a in annotations),
        historical=row["historical"],
    )


def _cursor(row: RowMapping) -> str:
    # With Z: a plus sign in an address would be read as a space.
    sent_at = row["sent_at"].astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{sent_at}_{row['seq']}"


def _position(cursor: str | None) -> tuple[datetime, int] | None:
    """Read a cursor, which passes through the browser and may be anything."""
    if not cursor:
        return None
    sent_at, _, seq = cursor.partition("_")
    try:
        position = datetime.fromisoformat(sent_at), int(seq)
    except ValueError:
        return None
    usable = position[0].tzinfo is not None and 0 < position[1] < 2**63
    return position if usable else None
