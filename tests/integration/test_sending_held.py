"""WhatsApp takes a message and holds it back: that is said until something more is heard of it."""

import asyncio
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import httpx
import pytest

from api.models import Message
from services import template_sync, undelivered
from services.actors import Staff
from services.conversations import TimelineMessage
from services.events import HELD, Held
from services.outgoing import TemplateMessage
from tests.fake_graph import FakeGraph
from tests.sending import Desk, desk
from tests.servers import Graph, simulated_graph
from tests.support import SYSTEM, Postgres, deliver

MADRID = ZoneInfo("Europe/Madrid")
REMINDER = TemplateMessage("retomar_conversacion", "es", {"1": "Amina"})
FAULTS: dict[Held, str] = {"held_for_quality_assessment": "held", "paused": "paused"}


@pytest.fixture
async def meta(caseworker: Staff, database: Postgres) -> AsyncIterator[tuple[Desk, Graph]]:
    """A desk before the simulated WhatsApp, whose templates are known."""
    with simulated_graph() as graph:
        async with desk(caseworker, database, graph.url, token=graph.token) as amina:
            await template_sync.sync_due(SYSTEM, amina.graph, hours=0)
            yield amina, graph


async def held_back(amina: Desk, graph: Graph, why: Held = "paused") -> TimelineMessage:
    """A template that has been sent and is held back."""
    graph.faults.set(FAULTS[why])
    sent = await amina.say(REMINDER)
    await amina.send()
    return await amina.now(sent)


async def end_holding(graph: Graph, *, dropped: bool = False) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{graph.url}/_simulator/held", json={"dropped": dropped})


def held(message: TimelineMessage) -> Held | None:
    assert message.sending is not None
    return message.sending.held


@pytest.mark.parametrize("why", HELD)
async def test_it_is_accepted_with_the_reason_and_what_follows_goes_on(
    meta: tuple[Desk, Graph], why: Held
) -> None:
    amina, graph = meta
    message = await held_back(amina, graph, why)
    assert (message.status, held(message)) == ("accepted", why)
    assert Message.of(message).held == why, "programs are told too"
    next_one = await amina.say("Le escribo por su cita")
    await amina.send()
    next_one = await amina.now(next_one)
    assert (next_one.status, held(next_one)) == ("accepted", None)


@pytest.mark.parametrize("why", HELD)
async def test_once_it_leaves_it_is_held_no_more(meta: tuple[Desk, Graph], why: Held) -> None:
    amina, graph = meta
    message = await held_back(amina, graph, why)
    await end_holding(graph)
    first, second = graph.statuses(2)
    await deliver(first)
    now = await amina.now(message)
    assert (now.status, held(now)) == ("sent", None)
    await deliver(second)
    assert (await amina.now(message)).status == "delivered"


async def test_dropped_it_has_failed_with_whatsapps_reason(meta: tuple[Desk, Graph]) -> None:
    amina, graph = meta
    message = await held_back(amina, graph, "held_for_quality_assessment")
    await end_holding(graph, dropped=True)
    await deliver(*graph.statuses(1))
    now = await amina.now(message)
    assert (now.status, held(now)) == ("failed", None)
    assert now.error is not None
    assert now.error.code == 132015


async def test_after_a_day_it_is_among_what_did_not_arrive(meta: tuple[Desk, Graph]) -> None:
    amina, graph = meta
    message = await held_back(amina, graph)
    assert await undelivered.counts(amina.staff, MADRID) == []
    amina.sql("update messages set sent_at = sent_at - interval '25 hours'")
    [day] = await undelivered.counts(amina.staff, MADRID)
    assert (day.held, day.silent, day.total) == (1, 0, 1)
    [found] = await undelivered.of_day(amina.staff, day.day, MADRID)
    assert (found.id, found.why, found.held) == (message.id, "held", "paused")
    # Sent on and not fetched, it is as any other.
    await end_holding(graph)
    await deliver(graph.statuses(2)[0])
    [found] = await undelivered.of_day(amina.staff, day.day, MADRID)
    assert (found.why, found.held) == ("silent", None)


class TestAnswers:
    """What stands in the answer, and when it comes."""

    @pytest.mark.parametrize("word", ["accepted", "sealed_for_the_night", 7, None, ["paused"]])
    async def test_any_other_word_holds_nothing_back(
        self, amina: Desk, fake: FakeGraph, word: object
    ) -> None:
        fake.faults = [lambda message: fake.take(message, message_status=word)]
        sent = await amina.say()
        await amina.send()
        now = await amina.now(sent)
        assert (now.status, held(now)) == ("accepted", None)

    async def test_a_status_that_is_faster_than_the_answer_outweighs_it(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [lambda message: fake.take(message, message_status="paused")]
        fake.delay = 1.0
        sent = await amina.say()
        await amina.dispatcher.step()
        await asyncio.wait_for(fake.taken.wait(), 30)
        await amina.tell(sent, fake.wamids[str(sent.id)], "sent")
        await amina.dispatcher.drain()
        now = await amina.now(sent)
        assert (now.status, held(now)) == ("sent", None)
