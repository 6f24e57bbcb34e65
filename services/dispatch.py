"""What waits in `message_sends` leaves for WhatsApp: in order, at a pace, never twice by itself.

A message is taken under a lease, its state is `sending` before the request leaves, and what became
of it is written down under the locks that its statuses are applied under. Only what certainly did
not arrive is tried again: the connection failed, or WhatsApp said no. After anything else the
message is `unknown` until a status with our own id in it, or a person, says more.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db import sending as sql
from db.engine import begin
from db.tables import message_media, message_sends
from services import changes, files, sending_drafts, sending_results
from services.actors import System
from services.adapters.graph import (
    TOTAL,
    TOTAL_OF_FILE,
    Graph,
    GraphError,
    GraphUnanswered,
    GraphUnreachable,
)
from services.adapters.storage import StorageProblem
from services.errors import NotFound
from services.sending_address import recipient_of
from services.whatsapp import Pacing

log = structlog.get_logger()

SYSTEM = System("sending")

#: Requests of this process that are under way at the same time.
MOST_AT_ONCE = 8
#: Seconds of a lease: of preparing, which may mean to hand over a file, and of the request.
PREPARING = TOTAL_OF_FILE + 60
SENDING = TOTAL + 50
#: Seconds in which a status may still tell what became of a message without an answer.
PATIENCE = 120.0
#: WhatsApp keeps a file that was handed to it for 30 days.
_UPLOADS_LAST = timedelta(days=29)


class Dispatcher:
    """Sends for this process; other processes may do so, too.

    `step` takes what may leave and returns how much that was, for `Worker`; what it took goes on
    by itself. `on_free` is called whenever a request has ended, so that the next of that client is
    looked for. `close` waits for what is under way.
    """

    def __init__(
        self,
        graph: Graph,
        pacing: Pacing,
        *,
        on_free: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> None:
        self._graph = graph
        self._limits = sql.Limits(
            pacing.per_second,
            max(pacing.per_second, 1.0),
            pacing.pair_burst,
            pacing.pair_seconds,
        )
        self.on_free = on_free
        self._patience = patience
        self._under_way: set[asyncio.Task[None]] = set()

    async def step(self) -> int:
        """Take what may leave now, and let go of what nobody will hear of any more."""
        await self._look_after()
        free = MOST_AT_ONCE - len(self._under_way)
        if free <= 0:
            return 0
        owner = uuid4()
        async with begin(SYSTEM) as connection:
            taken = await self._take(connection, owner, free)
        for row in taken:
            task = asyncio.create_task(self._send(row, owner))
            self._under_way.add(task)
            task.add_done_callback(self._done)
        return len(taken)

    async def drain(self) -> None:
        """Until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self, within: float = TOTAL) -> None:
        """Let what is under way end. What does not is `unknown` once its lease is over."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within)
        for task in self._under_way:
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease runs out; until then nobody knows what became of the message.
            log.error("dispatch.failed", error=type(error).__name__)
        self.on_free()

    async def _look_after(self) -> None:
        async with begin(SYSTEM) as connection:
            changed = await sql.expire(connection, self._patience)
            if changed:
                log.warning("dispatch.interrupted", messages=len(changed))
            changed = [*changed, *await sql.give_up_waiting(connection)]
            await sending_results.announce(connection, changed)

    async def _take(self, connection: AsyncConnection, owner: UUID, free: int) -> list[RowMapping]:
        taken: list[RowMapping] = []
        for number in await sql.due_numbers(connection):
            tokens = await sql.take_tokens(connection, number, self._limits)
            most = min(tokens, free - len(taken))
            if most > 0:
                taken += await sql.claim(
                    connection, number, self._limits, owner=owner, most=most, lease=PREPARING
                )
        return taken

    async def _send(self, row: RowMapping, owner: UUID) -> None:
        attempt = sending_results.Attempt(
            row["message_id"], row["client_id"], row["phone_number_id"], row["attempts"], owner
        )
        try:
            media_id = await self._hand_over_file(row)
            async with begin(SYSTEM) as connection:
                recipient = await recipient_of(connection, attempt.client_id)
                if recipient is None:
                    await sending_results.failed(connection, attempt, "no_address")
                    return
                if not await sql.mark_sending(connection, attempt.message_id, owner, SENDING):
                    # Taken back, or known to have arrived; if a lease was lost, another has it.
                    return
                await changes.announce(connection, {attempt.client_id: [attempt.message_id]})
        except (GraphError, GraphUnanswered, GraphUnreachable, StorageProblem, NotFound) as error:
            # Nothing was said to the person yet: whatever happened may happen again.
            async with begin(SYSTEM) as connection:
                await _not_prepared(connection, attempt, error)
            return
        body = sending_drafts.whole(row["request"], recipient, str(attempt.message_id), media_id)
        left_at = datetime.now(UTC)
        try:
            accepted = await self._graph.send_message(attempt.phone_number_id, body)
        except GraphUnreachable:
            async with begin(SYSTEM) as connection:
                await sending_results.unreachable(connection, attempt)
        except GraphUnanswered as error:
            log.warning("dispatch.unanswered", message_id=str(attempt.message_id), why=str(error))
            async with begin(SYSTEM) as connection:
                await sending_results.unanswered(connection, attempt, self._patience)
        except GraphError as error:
            async with begin(SYSTEM) as connection:
                await sending_results.refused(connection, attempt, error, left_at)
        else:
            async with begin(SYSTEM) as connection:
                await sending_results.accepted(connection, attempt, accepted, recipient)

    async def _hand_over_file(self, row: RowMapping) -> str | None:
        """WhatsApp's id of the message's file, which gets it where it does not have it yet."""
        fresh = row["uploaded_at"] and row["uploaded_at"] > datetime.now(UTC) - _UPLOADS_LAST
        if row["uploaded_id"] is not None and fresh:
            known: str = row["uploaded_id"]
            return known
        async with begin(SYSTEM) as connection:
            media = (
                await connection.execute(
                    select(
                        message_media.c.storage_key,
                        message_media.c.kept_type,
                        message_media.c.file_name,
                    ).where(message_media.c.message_id == row["message_id"])
                )
            ).one_or_none()
        if media is None:
            return None
        if media.storage_key is None:
            raise NotFound
        content = await files.storage().get(media.storage_key)
        # The name is in the message; in the form it would only be in somebody's log.
        name = f"file.{media.storage_key.rpartition('.')[2]}"
        media_id = await self._graph.upload_media(
            row["phone_number_id"], content, media.kept_type, name
        )
        async with begin(SYSTEM) as connection:
            await connection.execute(
                update(message_sends)
                .where(message_sends.c.message_id == row["message_id"])
                .values(uploaded_id=media_id, uploaded_at=datetime.now(UTC))
            )
        return media_id


async def _not_prepared(
    connection: AsyncConnection,
    attempt: sending_results.Attempt,
    error: GraphError | GraphUnanswered | GraphUnreachable | StorageProblem | NotFound,
) -> None:
    match error:
        case GraphError():
            await sending_results.refused(connection, attempt, error, datetime.now(UTC))
        case NotFound():
            await sending_results.failed(connection, attempt, "file_gone")
        case StorageProblem():
            await sending_results.later(connection, attempt, "storage")
        case _:
            await sending_results.later(connection, attempt, "unreachable")
