"""What became of a request to send: written down in one transaction, and told to open pages.

The counterpart of what statuses say (`services.inbound`), under the same locks.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db import inbound as inbound_sql
from db import sending as sql
from services import changes
from services.adapters.graph import Accepted, GraphError
from services.events import Person
from services.graph_errors import WINDOW_CLOSED, Action, verdict
from services.identities import open_directory

log = structlog.get_logger()

#: Seconds of the longest wait between attempts, where WhatsApp does not ask for more.
LONGEST = 300.0
#: Of what cannot be reached: it costs nobody anything to look again.
LONGEST_UNREACHABLE = 30.0
#: What WhatsApp may ask for.
_LONGEST_ASKED = 3600.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one message, by whoever holds its lease."""

    message_id: UUID
    client_id: UUID
    phone_number_id: str
    #: 1 is the first.
    number: int
    owner: UUID


async def accepted(
    connection: AsyncConnection,
    attempt: Attempt,
    answer: Accepted,
    recipient: Mapping[str, str],
) -> None:
    """WhatsApp took it. Its id may be known already: a status can be faster than the answer."""
    key = ("message", f"{attempt.phone_number_id}:{answer.wamid}")
    digits = recipient.get("to", "").removeprefix("+")
    named = Person(wa_id=answer.wa_id or digits or None, bsuid=answer.bsuid)
    learns = answer.wa_id not in (None, digits) or answer.bsuid is not None
    # Whoever applies a status or an echo of this very message waits, and then finds it.
    directory = await open_directory(connection, [named] if learns else [], [key])
    if learns:
        directory.learn(attempt.client_id, named, datetime.now(UTC))
        await directory.write(connection)
    row = {
        "id": str(attempt.message_id),
        "phone_number_id": attempt.phone_number_id,
        "whatsapp_id": answer.wamid,
    }
    await sql.finish(connection, attempt.message_id, held=answer.held)
    await sql.own(connection, [row])
    await inbound_sql.apply_statuses(connection, [(attempt.phone_number_id, answer.wamid)])
    await changes.announce(connection, {attempt.client_id: [attempt.message_id]})


async def refused(
    connection: AsyncConnection, attempt: Attempt, error: GraphError, left_at: datetime
) -> None:
    """WhatsApp said no: once more, later, never, or nothing at all for now."""
    judged = verdict(error.code, http_status=error.http_status, is_transient=error.is_transient)
    told = f"graph_{error.code if error.code is not None else error.http_status}"
    if judged.action is Action.STOP:
        await sql.postpone(
            connection, attempt.message_id, attempt.owner, wait=0, problem=told, counts=False
        )
        if await sql.stop(connection, attempt.phone_number_id, error.code, error.details):
            log.error("sending.stopped", code=error.code)
            await changes.announce_channel(connection)
    elif judged.action is Action.FAIL or attempt.number >= judged.attempts:
        await sql.fail(
            connection,
            attempt.message_id,
            {"code": error.code, "title": error.title, "details": error.details},
        )
        if error.code == WINDOW_CLOSED:
            await sql.close_window_of(connection, attempt.client_id, left_at)
    else:
        growth = 4 if judged.action is Action.PAIR else 2
        wait = judged.wait * growth ** (attempt.number - 1)
        wait = jittered(min(wait, LONGEST if growth == 2 else _LONGEST_ASKED))
        wait = max(wait, min(error.retry_after or 0, _LONGEST_ASKED))
        await sql.postpone(connection, attempt.message_id, attempt.owner, wait=wait, problem=told)
        if judged.action is Action.PAUSE:
            await sql.pause(connection, attempt.phone_number_id, wait)
    await changes.announce(connection, {attempt.client_id: [attempt.message_id]})


async def unanswered(connection: AsyncConnection, attempt: Attempt, patience: float) -> None:
    """Nobody knows. For `patience` seconds a status may still tell, then a person decides."""
    await sql.await_news(
        connection, attempt.message_id, attempt.owner, patience=patience, problem="unanswered"
    )
    await changes.announce(connection, {attempt.client_id: [attempt.message_id]})


async def unreachable(connection: AsyncConnection, attempt: Attempt) -> None:
    """The request never left, however often: it leaves once the way is open."""
    await later(connection, attempt, "unreachable")


async def later(connection: AsyncConnection, attempt: Attempt, problem: str) -> None:
    """Nothing was said to WhatsApp, and it is not the message's fault."""
    wait = min(2.0 ** min(attempt.number, 10), LONGEST_UNREACHABLE)
    await sql.postpone(
        connection, attempt.message_id, attempt.owner, wait=jittered(wait), problem=problem
    )
    await changes.announce(connection, {attempt.client_id: [attempt.message_id]})


async def failed(connection: AsyncConnection, attempt: Attempt, title: str) -> None:
    """It cannot be sent, for a reason of our own: `no_address`, `file_gone`."""
    error = {"code": None, "title": title, "details": None}
    await sql.fail(connection, attempt.message_id, error)
    await changes.announce(connection, {attempt.client_id: [attempt.message_id]})


async def announce(connection: AsyncConnection, rows: Iterable[RowMapping]) -> None:
    """Tell pages of rows with `id` and `client_id`."""
    told: dict[UUID, list[UUID]] = {}
    for row in rows:
        told.setdefault(row["client_id"], []).append(row["id"])
    await changes.announce(connection, told)


def jittered(wait: float) -> float:
    """Not all at the same moment."""
    return wait * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
