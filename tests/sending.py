"""A desk for tests of sending: somebody who wrote, and a dispatcher that sends to a given Graph."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services import conversations, sending, whatsapp
from services.actors import Staff
from services.adapters.graph import Graph
from services.conversations import TimelineMessage
from services.dispatch import Dispatcher
from services.outgoing import Content, Text
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from services.whatsapp import Pacing
from tests.support import Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina")
YUSUF = Sender("212600333444", bsuid="MA.1349", profile_name="Yusuf")
#: Nothing is kept back.
FAST = Pacing(per_second=1000, pair_burst=45, pair_seconds=0)


@dataclass
class Desk:
    """Who answers, to whom, and through what."""

    staff: Staff
    client_id: UUID
    dispatcher: Dispatcher
    graph: Graph
    database: Postgres

    async def say(
        self, content: Content | str = "Buenos días", client_id: UUID | None = None, **more: Any
    ) -> TimelineMessage:
        """Queue a message."""
        if isinstance(content, str):
            content = Text(content)
        return await sending.send(self.staff, client_id or self.client_id, content, **more)

    async def send(self) -> None:
        """Until nothing is left that may leave now."""
        while await self.dispatcher.step():
            await self.dispatcher.drain()

    async def now(self, message: TimelineMessage) -> TimelineMessage:
        """The message as it is by now."""
        [found] = await conversations.messages_by_id(self.staff, message.client_id, [message.id])
        return found

    async def texts(self) -> list[tuple[str | None, str]]:
        """What we said in the conversation, with its state."""
        page = await conversations.timeline(self.staff, self.client_id, limit=500)
        return [(m.text, m.status) for m in page.messages if m.direction == "outbound"]

    def skip_waiting(self) -> None:
        """Whatever waits for its time may go now."""
        self.sql(
            "update message_sends set next_attempt_at = now() where finished_at is null;"
            "update whatsapp_numbers set paused_until = null, send_tokens = 100"
        )

    def lose_lease(self) -> None:
        """Whoever was sending is gone, and long enough."""
        self.sql("update message_sends set leased_until = now() - interval '1 second'")

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    async def tell(
        self, message: TimelineMessage, wamid: str, *words: str, sender: Sender = AMINA
    ) -> None:
        """WhatsApp reports what became of a message, each in a delivery of its own."""
        for word in words:
            status = bodies.status(sender, wamid, word, callback_data=str(message.id))
            await deliver(bodies.envelope(DEMO_NUMBER, statuses=[status], contacts=[sender]))


async def writes(text: str = "Hola", *, sender: Sender = AMINA, hours_ago: float = 0) -> str:
    """Somebody writes; WhatsApp's id of it."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    message = bodies.text(sender, text, at=at)
    await deliver(bodies.from_sender(DEMO_NUMBER, sender, message))
    return str(message["id"])


def client_of(database: Postgres, sender: Sender = AMINA) -> UUID:
    """The client that somebody is."""
    with database.connect() as connection:
        row = connection.execute(
            "select client_id from client_identities where value = %s",
            [sender.wa_id or sender.bsuid],
        ).fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


@asynccontextmanager
async def desk(
    staff: Staff,
    database: Postgres,
    url: str,
    *,
    token: str = "token",
    pacing: Pacing = FAST,
    answer_within: float | None = None,
) -> AsyncIterator[Desk]:
    """A desk at which Amina has just written. `answer_within`: seconds."""
    http = httpx.AsyncClient(timeout=answer_within, trust_env=False) if answer_within else None
    graph = Graph(
        url,
        "v26.0",
        token,
        phone_number_id=DEMO_NUMBER.phone_number_id,
        business_account_id=DEMO_NUMBER.waba_id,
        http=http,
    )
    whatsapp.use(graph)
    await writes()
    dispatcher = Dispatcher(graph, pacing)
    yield Desk(staff, client_of(database), dispatcher, graph, database)
    await dispatcher.close()
    await graph.close()
    whatsapp.use(None)
