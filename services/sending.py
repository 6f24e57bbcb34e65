"""Answering people: what staff send, take back, try again, and decide where nobody knows.

A message is a row before anything else happens, in the transaction that says who sends it; it is
`services.dispatch` that sends it. What became of it is told by `messages.status`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import clients, message_media, message_sends, messages, whatsapp_numbers
from services import (
    assignments,
    changes,
    conversations,
    files,
    sending_drafts,
    sending_files,
    sending_templates,
    whatsapp,
)
from services.actors import Actor, Staff
from services.conversations import TimelineMessage
from services.errors import Conflict, NotFound
from services.events import Json
from services.graph_errors import heals_by_itself
from services.outgoing import Content, File, Reaction, TemplateMessage
from services.permissions import Permission, requires
from services.sending_address import number_for, recipient_of
from services.sending_files import Kept
from services.window import window_of

#: What stands in `messages.error` of a message that a person declared lost.
NOT_ARRIVED: Json = {"code": None, "title": "not_arrived", "details": None}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing is sent. What is queued waits, and nothing of it is lost."""

    phone_number_id: str
    #: WhatsApp's number of the error; `ui.components.message_words` has the words.
    code: int | None
    details: str | None
    since: datetime
    #: Messages that wait.
    queued: int
    #: WhatsApp is asked every minute, and sending goes on once it answers. Otherwise an admin says
    #: so (`resume`).
    heals_by_itself: bool


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file in storage, for a message to refer to."""

    key: str
    kept: Kept
    size: int


class _Again(Exception):
    """This press of the button, or this retry, has its message already."""

    def __init__(self, message_id: UUID) -> None:
        super().__init__("again")
        self.message_id = message_id


@requires(Permission.CHANGE_CLIENTS)
async def send(
    actor: Actor,
    client_id: UUID,
    content: Content,
    *,
    quoting: UUID | None = None,
    key: UUID | None = None,
) -> TimelineMessage:
    """Queue a message. Of a reaction the message that it is put on is returned.

    `quoting` is a message of the conversation that this one answers. `key` is the browser's own id
    of this press: pressed again it is the same message. Raises NotFound, Invalid (`content.check`
    and `sending_files.judge`), StorageProblem for a file that could not be stored, and Conflict:
    `window_closed` for anything but a template after the 24 hours, `no_address` when WhatsApp has
    no way to reach them, `not_sent_yet` when what is quoted or reacted to has no id at WhatsApp's,
    and of templates what `templates.check` says.
    """
    content.check()
    file = _file_of(content)
    kept = None if file is None else await sending_files.judge(file)

    async def queue(stored: _Stored | None) -> UUID:
        async with begin(actor) as connection:
            number = await _open(connection, actor, client_id, content, key)
            told, shown = content, None
            if isinstance(told, TemplateMessage):
                told, shown = await sending_templates.filled(connection, client_id, told)
            quoted_id = await _whatsapp_id(connection, client_id, quoting)
            to = content.to if isinstance(content, Reaction) else None
            target_id = await _whatsapp_id(connection, client_id, to)
            draft = sending_drafts.draft_of(
                told,
                quoted_id=quoted_id,
                target_id=target_id,
                media_type=stored.kept.media_type if stored else None,
                shown=shown,
            )
            values = {
                "client_id": client_id,
                "phone_number_id": number,
                "type": draft.type,
                "text": draft.text,
                "payload": draft.payload,
                "quoted_id": quoted_id,
                "target_id": target_id,
            }
            return await _queue(connection, actor, values, draft.request, stored, press=key)

    try:
        if file is None or kept is None:
            message_id = await queue(None)
        else:
            async with begin(actor) as connection:
                # Before anything is stored.
                await _open(connection, actor, client_id, content, key)
            async with _storing(client_id, file.content, kept) as stored:
                message_id = await queue(stored)
    except _Again as again:
        message_id = again.message_id
    return await _afterwards(actor, client_id, message_id)


@requires(Permission.CHANGE_CLIENTS)
async def retry(actor: Actor, message_id: UUID) -> TimelineMessage:
    """Send a failed message once more, as a message of its own; the old one stays, failed.

    Tried again twice it is one message. Raises NotFound, and Conflict: `not_failed`,
    `window_closed`, `no_address`, `file_gone` when the file is not there any more, and of templates
    what `templates.check` says.
    """
    async with begin(actor) as connection:
        old = await _sent(connection, message_id)
        if old.status != "failed":
            raise Conflict("not_failed")
        media = (
            await connection.execute(
                select(message_media).where(message_media.c.message_id == message_id)
            )
        ).one_or_none()

    async def queue(stored: _Stored | None) -> UUID:
        async with begin(actor) as connection:
            await _open(connection, actor, old.client_id, old.type, None)
            again = await connection.scalar(
                select(message_sends.c.message_id).where(message_sends.c.retry_of == message_id)
            )
            if again is not None:
                raise _Again(again)
            if old.type == "template":
                await sending_templates.check_again(connection, old.client_id, old.request)
            values = {name: getattr(old, name) for name in _SAME_IN_A_RETRY}
            return await _queue(connection, actor, values, old.request, stored, retry_of=message_id)

    try:
        if media is None:
            new_id = await queue(None)
        elif media.storage_key is None:
            raise Conflict("file_gone")
        else:
            content = await _content(media.storage_key)
            extension = media.storage_key.rpartition(".")[2]
            kept = Kept(
                media.file_name or "",
                extension,
                media.kept_type,
                bytes(media.sha256),
                media.width,
                media.height,
                media.seconds,
            )
            async with _storing(old.client_id, content, kept) as stored:
                new_id = await queue(stored)
    except _Again as again:
        new_id = again.message_id
    return await _afterwards(actor, old.client_id, new_id)


@requires(Permission.CHANGE_CLIENTS)
async def cancel(actor: Actor, message_id: UUID) -> bool:
    """Take back a message that still waits: it was never said. False when it is too late.

    Raises NotFound for what was never sent by this app.
    """
    async with begin(actor) as connection:
        sent = await _sent(connection, message_id)
        # The order of `db.sending`; deleting the message takes its place in the queue along last.
        await connection.execute(select(func.app_private.hold_send(message_id)))
        gone = await connection.execute(
            delete(messages).where(
                _message.id == message_id,
                _message.status == "queued",
                _message.whatsapp_id.is_(None),
            )
        )
        if gone.rowcount == 0:
            return False
        await changes.announce(connection, {sent.client_id: []})
    return True


@requires(Permission.CHANGE_CLIENTS)
async def settle_unknown(actor: Actor, message_id: UUID, *, arrived: bool) -> None:
    """Decide of a message without an answer whether it arrived. If not, it can be tried again.

    Raises NotFound, and Conflict: `not_unknown`, or `too_early` in the first minutes, when
    WhatsApp's own word may still come.
    """
    async with begin(actor) as connection:
        sent = await _sent(connection, message_id)
        if sent.status != "unknown":
            raise Conflict("not_unknown")
        if sent.finished_at is None:
            raise Conflict("too_early")
        decided = await connection.execute(
            update(messages)
            .where(_message.id == message_id, _message.status == "unknown")
            .values(
                status="delivered" if arrived else "failed",
                status_at=func.clock_timestamp(),
                error=None if arrived else NOT_ARRIVED,
            )
        )
        if decided.rowcount == 0:
            raise Conflict("not_unknown")
        await changes.announce(connection, {sent.client_id: [message_id]})


@requires(Permission.READ_CLIENTS)
async def stopped(actor: Actor) -> Stop | None:
    """Why nothing is sent, if nothing is; of several numbers the one that was stopped first."""
    n = whatsapp_numbers.c
    waiting = (
        select(func.count())
        .select_from(message_sends)
        .where(
            message_sends.c.phone_number_id == n.phone_number_id,
            message_sends.c.finished_at.is_(None),
        )
        .scalar_subquery()
    )
    query = select(n.phone_number_id, n.stop_code, n.stop_details, n.stopped_at, waiting)
    query = query.where(n.stopped_at.is_not(None)).order_by(n.stopped_at).limit(1)
    async with begin(actor) as connection:
        row = (await connection.execute(query)).one_or_none()
    return None if row is None else Stop(*row, heals_by_itself(row.stop_code))


@requires(Permission.MANAGE_CHANNEL)
async def resume(actor: Actor) -> None:
    """Send again what waits. What was wrong and still is stops it again at the first message."""
    async with begin(actor) as connection:
        again = await connection.execute(
            update(whatsapp_numbers)
            .where(whatsapp_numbers.c.stopped_at.is_not(None))
            .values(stopped_at=None, stop_code=None, stop_details=None, paused_until=None)
        )
        if again.rowcount:
            await changes.announce_channel(connection)
    whatsapp.queued()


_message = messages.c

_SAME_IN_A_RETRY = (
    *("client_id", "phone_number_id", "type", "text", "payload", "quoted_id", "target_id"),
)


def _file_of(content: Content) -> File | None:
    if isinstance(content, File):
        return content
    return content.header if isinstance(content, TemplateMessage) else None


async def _open(
    connection: AsyncConnection,
    actor: Actor,
    client_id: UUID,
    what: Content | str,
    press: UUID | None,
) -> str:
    """From which number to send to this client, whose row is held from here on.

    So messages get their places in the order in which they are committed.
    """
    query = select(clients.c.last_inbound_at, clients.c.window_closed_at, func.clock_timestamp())
    client = (
        await connection.execute(
            query.where(clients.c.id == client_id).with_for_update(key_share=True)
        )
    ).one_or_none()
    if client is None:
        raise NotFound
    if press is not None:
        again = await connection.scalar(
            select(message_sends.c.message_id).where(
                message_sends.c.press == press,
                message_sends.c.created_by.is_not_distinct_from(_staff_id(actor)),
            )
        )
        if again is not None:
            raise _Again(again)
    is_template = isinstance(what, TemplateMessage) or what == "template"
    if not is_template and not window_of(*client).is_open:
        raise Conflict("window_closed")
    if await recipient_of(connection, client_id) is None:
        raise Conflict("no_address")
    return await number_for(connection, client_id)


async def _queue(
    connection: AsyncConnection,
    actor: Actor,
    values: Mapping[str, Any],
    request: Json,
    stored: _Stored | None,
    *,
    press: UUID | None = None,
    retry_of: UUID | None = None,
) -> UUID:
    """The rows of a message that waits to be sent."""
    client_id: UUID = values["client_id"]
    row = (
        await connection.execute(
            insert(messages)
            .values(**values, direction="outbound", status="queued", sent_at=func.clock_timestamp())
            .returning(_message.id)
        )
    ).one()
    await connection.execute(
        insert(message_sends).values(
            message_id=row.id,
            client_id=client_id,
            phone_number_id=values["phone_number_id"],
            request=request,
            created_by=_staff_id(actor),
            press=press,
            retry_of=retry_of,
        )
    )
    if stored is not None:
        kept = stored.kept
        await connection.execute(
            insert(message_media).values(
                message_id=row.id,
                client_id=client_id,
                mime_type=kept.media_type,
                file_name=kept.name or None,
                state="stored",
                storage_key=stored.key,
                kept_type=kept.media_type,
                size=stored.size,
                sha256=kept.sha256,
                width=kept.width,
                height=kept.height,
                seconds=kept.seconds,
                stored_at=func.now(),
            )
        )
    if values["type"] != "reaction":
        await assignments.take_if_free(connection, actor, client_id)
    # What was tried again says so from now on.
    told = [row.id] if retry_of is None else [row.id, retry_of]
    await changes.announce(connection, {client_id: told})
    message_id: UUID = row.id
    return message_id


async def _afterwards(actor: Actor, client_id: UUID, message_id: UUID) -> TimelineMessage:
    whatsapp.queued()
    found = await conversations.messages_by_id(actor, client_id, [message_id])
    if not found:
        raise NotFound  # erased, or taken back, in this very moment
    return found[0]


async def _sent(connection: AsyncConnection, message_id: UUID) -> Row[Any]:
    """A message that this app sends or sent. Raises NotFound."""
    row = (
        await connection.execute(
            select(messages, message_sends.c.request, message_sends.c.finished_at)
            .join_from(
                messages,
                message_sends,
                and_(
                    message_sends.c.message_id == _message.id,
                    message_sends.c.client_id == _message.client_id,
                ),
            )
            .where(_message.id == message_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


async def _whatsapp_id(
    connection: AsyncConnection, client_id: UUID, message_id: UUID | None
) -> str | None:
    """WhatsApp's id of a message of this conversation."""
    if message_id is None:
        return None
    row = (
        await connection.execute(
            select(_message.whatsapp_id).where(
                _message.id == message_id, _message.client_id == client_id
            )
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.whatsapp_id is None:
        raise Conflict("not_sent_yet")
    found: str = row.whatsapp_id
    return found


@asynccontextmanager
async def _storing(client_id: UUID, content: bytes, kept: Kept) -> AsyncIterator[_Stored]:
    async with files.stored(
        "media", kept.extension, client_id, content, kept.media_type
    ) as storage_key:
        yield _Stored(storage_key, kept, len(content))


async def _content(key: str) -> bytes:
    try:
        return await files.storage().get(key)
    except NotFound:
        raise Conflict("file_gone") from None


def _staff_id(actor: Actor) -> UUID | None:
    return actor.id if isinstance(actor, Staff) else None
