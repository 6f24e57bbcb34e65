"""Answering people: what is queued and by whom, in which order it leaves, and what staff do."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services import conversations, sending
from services.actors import Staff
from services.errors import Conflict, Invalid, NotFound
from services.outgoing import Reaction, Text
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER
from services.whatsapp import Pacing
from services.window import window_of
from tests.fake_graph import FakeGraph, error, plain
from tests.sending import AMINA, YUSUF, Desk, client_of, desk, writes
from tests.support import SYSTEM, Postgres, deliver

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class TestQueueing:
    async def test_a_message_is_there_before_it_leaves(self, amina: Desk, fake: FakeGraph) -> None:
        sent = await amina.say()
        assert (sent.status, sent.direction, sent.text) == ("queued", "outbound", "Buenos días")
        assert sent.whatsapp_id is None
        assert fake.sent == []
        await amina.send()
        now = await amina.now(sent)
        assert (now.status, now.whatsapp_id) == ("accepted", fake.wamids[str(sent.id)])

    async def test_pressed_twice_it_is_one_message(self, amina: Desk, fake: FakeGraph) -> None:
        press = uuid4()
        both = await asyncio.gather(*(amina.say(key=press) for _ in range(2)))
        assert both[0].id == both[1].id
        await amina.send()
        assert len(fake.sent) == 1

    async def test_it_is_on_record_who_sends(self, amina: Desk) -> None:
        sent = await amina.say()
        [told] = amina.sql(
            "select actor_id, action from audit_log where table_name = 'messages' and row_id = %s",
            str(sent.id),
        )
        assert told == (amina.staff.id, "insert")
        [(author,)] = amina.sql("select created_by from message_sends")
        assert author == amina.staff.id

    async def test_whoever_answers_has_read_and_nobody_waits(self, amina: Desk) -> None:
        before = amina.sql("select unread_count, waiting_since is null from clients")
        await amina.say("Le leo")
        after = amina.sql(
            "select unread_count, waiting_since is null, last_message_preview,"
            " last_message_direction from clients"
        )
        assert before == [(1, False)]
        assert after == [(0, True, "Le leo", "outbound")]

    async def test_nobody_is_not_found(self, amina: Desk) -> None:
        with pytest.raises(NotFound):
            await amina.say(client_id=uuid4())
        with pytest.raises(NotFound):
            await amina.say(quoting=uuid4())

    async def test_what_whatsapp_does_not_take_is_refused_before(self, amina: Desk) -> None:
        for words in (" ", "x" * 4097, "a\0b"):
            with pytest.raises(Invalid):
                await amina.say(words)
        assert await amina.texts() == []

    async def test_who_has_no_address_cannot_be_written_to(self, amina: Desk) -> None:
        amina.sql("delete from client_identities")
        with pytest.raises(Conflict, match="no_address"):
            await amina.say()

    async def test_who_hides_their_number_is_reached_by_their_id(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        amina.sql("update client_identities set retired_at = now()")
        amina.sql(
            "insert into client_identities (client_id, kind, value) values (%s, 'bsuid', 'ES.7')",
            amina.client_id,
        )
        await amina.say()
        await amina.send()
        assert [(m.get("to"), m["recipient"]) for m in fake.sent] == [(None, "ES.7")]


class TestTheWindow:
    def test_is_24_hours_from_what_they_wrote(self) -> None:
        assert window_of(NOW - 23 * HOUR, None, NOW).is_open
        assert not window_of(NOW - 24 * HOUR, None, NOW).is_open
        assert not window_of(None, None, NOW).is_open
        assert window_of(NOW - HOUR, None, NOW).closes_at == NOW + 23 * HOUR

    def test_whatsapps_refusal_counts_until_they_write(self) -> None:
        closed = window_of(NOW - 2 * HOUR, NOW - HOUR, NOW)
        assert (closed.is_open, closed.closes_at) == (False, NOW - HOUR)
        assert window_of(NOW - HOUR, NOW - 2 * HOUR, NOW).is_open

    async def test_closed_it_takes_no_text(self, amina: Desk) -> None:
        amina.sql("update clients set last_inbound_at = now() - interval '24 hours'")
        with pytest.raises(Conflict, match="window_closed"):
            await amina.say()


class TestOrder:
    async def test_messages_of_one_person_leave_in_their_order(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        for n in range(5):
            await amina.say(str(n))
        await amina.send()
        assert [m["text"]["body"] for m in fake.sent] == list("01234")

    async def test_one_that_is_tried_again_keeps_its_place(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [error(131000, status=500)]
        await amina.say("uno")
        await amina.say("dos")
        await amina.send()
        assert await amina.texts() == [("uno", "queued"), ("dos", "queued")]
        amina.skip_waiting()
        await amina.send()
        assert [m["text"]["body"] for m in fake.sent] == ["uno", "uno", "dos"]

    async def test_people_do_not_wait_for_each_other(self, amina: Desk, fake: FakeGraph) -> None:
        await writes(sender=YUSUF)
        fake.faults = [error(131056)]
        await amina.say("a Amina")
        await amina.say("a Yusuf", client_of(amina.database, YUSUF))
        await amina.send()
        assert [m["to"] for m in fake.sent] == ["+34600111222", "+212600333444"]
        assert await amina.texts() == [("a Amina", "queued")]

    async def test_two_processes_send_each_message_once(self, amina: Desk, fake: FakeGraph) -> None:
        from services.dispatch import Dispatcher
        from tests.sending import FAST

        other = Dispatcher(amina.graph, FAST)
        for n in range(10):
            await amina.say(str(n))
        for _ in range(40):
            await asyncio.gather(amina.dispatcher.step(), other.step())
            await asyncio.gather(amina.dispatcher.drain(), other.drain())
        assert [m["text"]["body"] for m in fake.sent] == list("0123456789")

    async def test_one_person_gets_no_more_than_whatsapp_allows(
        self, caseworker: Staff, database: Postgres, fake: FakeGraph
    ) -> None:
        slow = Pacing(per_second=1000, pair_burst=3, pair_seconds=6)
        async with desk(caseworker, database, fake.url, pacing=slow) as amina:
            for n in range(5):
                await amina.say(str(n))
            await amina.send()
            assert len(fake.sent) == 3
            amina.sql("update message_sends set requested_at = now() - interval '19 seconds'")
            await amina.send()
            assert len(fake.sent) == 5

    async def test_a_number_sends_no_faster_than_it_may(
        self, caseworker: Staff, database: Postgres, fake: FakeGraph
    ) -> None:
        slow = Pacing(per_second=0.01, pair_burst=45, pair_seconds=0)
        async with desk(caseworker, database, fake.url, pacing=slow) as amina:
            await amina.say("uno")
            await amina.say("dos")
            await amina.send()
            assert len(fake.sent) == 1


class TestReactions:
    async def test_one_is_put_on_its_message_and_taken_back(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        [theirs] = (await conversations.timeline(amina.staff, amina.client_id)).messages
        shown = await amina.say(Reaction(theirs.id, "👍"))
        assert (shown.id, [r.emoji for r in shown.reactions]) == (theirs.id, ["👍"])
        shown = await amina.say(Reaction(theirs.id, ""))
        assert shown.reactions == []
        await amina.send()
        assert [m["reaction"]["emoji"] for m in fake.sent] == ["👍", ""]
        [(preview,)] = amina.sql("select last_message_preview from clients")
        assert preview == "Hola"

    async def test_one_that_failed_is_on_no_message(self, amina: Desk, fake: FakeGraph) -> None:
        [theirs] = (await conversations.timeline(amina.staff, amina.client_id)).messages
        fake.faults = [error(131009)]
        await amina.say(Reaction(theirs.id, "👍"))
        await amina.send()
        assert (await amina.now(theirs)).reactions == []

    async def test_what_has_not_left_can_be_neither_quoted_nor_reacted_to(
        self, amina: Desk
    ) -> None:
        ours = await amina.say()
        with pytest.raises(Conflict, match="not_sent_yet"):
            await amina.say("Y esto", quoting=ours.id)
        with pytest.raises(Conflict, match="not_sent_yet"):
            await amina.say(Reaction(ours.id, "👍"))


class TestTakingBack:
    async def test_what_waits_was_never_said(self, amina: Desk, fake: FakeGraph) -> None:
        sent = await amina.say("Me he equivocado")
        assert await sending.cancel(amina.staff, sent.id)
        await amina.send()
        assert fake.sent == []
        assert amina.sql(
            "select last_message_preview, last_message_direction, waiting_since is null"
            " from clients"
        ) == [("Hola", "inbound", False)]

    async def test_what_has_left_stays(self, amina: Desk) -> None:
        sent = await amina.say()
        await amina.send()
        assert not await sending.cancel(amina.staff, sent.id)
        assert (await amina.now(sent)).status == "accepted"

    async def test_what_came_from_whatsapp_is_not_ours_to_take_back(self, amina: Desk) -> None:
        [theirs] = (await conversations.timeline(amina.staff, amina.client_id)).messages
        with pytest.raises(NotFound):
            await sending.cancel(amina.staff, theirs.id)


class TestTryingAgain:
    async def test_the_old_one_stays_and_a_new_one_leaves(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [error(131026)]
        old = await amina.say("Hola otra vez")
        await amina.send()
        failed = await amina.now(old)
        assert failed.status == "failed"
        assert failed.error is not None
        assert failed.error.code == 131026
        new = await sending.retry(amina.staff, old.id)
        same = await sending.retry(amina.staff, old.id)
        assert new.id == same.id != old.id
        await amina.send()
        assert await amina.texts() == [
            ("Hola otra vez", "failed"),
            ("Hola otra vez", "accepted"),
        ]
        assert amina.sql("select retry_of from message_sends where message_id = %s", new.id) == [
            (old.id,)
        ]

    async def test_only_what_failed(self, amina: Desk) -> None:
        sent = await amina.say()
        with pytest.raises(Conflict, match="not_failed"):
            await sending.retry(amina.staff, sent.id)


class TestNobodyKnows:
    async def test_a_person_decides_once_nothing_more_is_heard(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [plain(502, b"<html>")]
        sent = await amina.say()
        await amina.send()
        assert (await amina.now(sent)).status == "unknown"
        with pytest.raises(Conflict, match="too_early"):
            await sending.settle_unknown(amina.staff, sent.id, arrived=False)
        amina.skip_waiting()
        await amina.send()
        assert len(fake.sent) == 1
        await sending.settle_unknown(amina.staff, sent.id, arrived=False)
        lost = await amina.now(sent)
        assert lost.status == "failed"
        assert lost.error is not None
        assert lost.error.title == "not_arrived"
        await sending.retry(amina.staff, sent.id)
        await amina.send()
        assert len(fake.sent) == 2
        with pytest.raises(Conflict, match="not_unknown"):
            await sending.settle_unknown(amina.staff, sent.id, arrived=True)

    async def test_it_may_have_arrived(self, amina: Desk, fake: FakeGraph) -> None:
        fake.faults = [plain(502)]
        sent = await amina.say()
        await amina.send()
        amina.skip_waiting()
        await amina.send()
        await sending.settle_unknown(amina.staff, sent.id, arrived=True)
        assert (await amina.now(sent)).status == "delivered"
        assert amina.sql(
            "select actor_id, action, fields from audit_log where fields = '{status}'"
        ) == [(amina.staff.id, "update", ["status"])]

    async def test_whatsapps_word_outweighs_a_persons(self, amina: Desk, fake: FakeGraph) -> None:
        fake.faults = [fake.take_and_cut]
        sent = await amina.say()
        await amina.send()
        amina.skip_waiting()
        await amina.send()
        await sending.settle_unknown(amina.staff, sent.id, arrived=False)
        await amina.tell(sent, fake.wamids[str(sent.id)], "sent")
        now = await amina.now(sent)
        assert (now.status, now.error) == ("sent", None)

    @pytest.mark.parametrize(
        ("word", "texts"),
        [
            ("delivered", [("Buenos días", "delivered")]),
            ("failed", [("Buenos días", "failed"), ("Buenos días", "queued")]),
        ],
    )
    async def test_what_arrived_after_all_is_not_sent_once_more(
        self, amina: Desk, fake: FakeGraph, word: str, texts: list[tuple[str, str]]
    ) -> None:
        fake.faults = [fake.take_and_cut]
        sent = await amina.say()
        await amina.send()
        amina.skip_waiting()
        await amina.send()
        await sending.settle_unknown(amina.staff, sent.id, arrived=False)
        # The repetition waits, because nothing is sent at the moment.
        amina.sql("update whatsapp_numbers set stopped_at = now(), stop_code = 190")
        await sending.retry(amina.staff, sent.id)
        await amina.tell(sent, fake.wamids[str(sent.id)], word)
        assert await amina.texts() == texts
        amina.sql("update whatsapp_numbers set stopped_at = null, stop_code = null")
        await amina.send()
        assert len(fake.sent) == len(texts)

    async def test_the_next_ones_wait_for_news_and_then_go_on(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [fake.take_and_cut]
        await amina.say("uno")
        await amina.say("dos")
        await amina.send()
        assert await amina.texts() == [("uno", "unknown"), ("dos", "queued")]
        amina.skip_waiting()
        await amina.send()
        await amina.send()
        assert await amina.texts() == [("uno", "unknown"), ("dos", "accepted")]


class TestIdentities:
    async def test_a_number_that_whatsapp_calls_otherwise_is_kept(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [lambda message: fake.take(message, wa_id="34600111299")]
        await amina.say()
        await amina.send()
        assert amina.sql(
            "select value from client_identities where kind = 'wa_id' order by id"
        ) == [("34600111222",), ("34600111299",)]
        # What the person writes from there is theirs.
        await deliver(
            bodies.from_sender(
                DEMO_NUMBER,
                bodies.Sender("34600111299"),
                bodies.text(bodies.Sender("34600111299"), "Soy yo"),
            )
        )
        assert amina.sql("select count(*) from clients") == [(1,)]

    async def test_somebody_elses_stays_theirs(self, amina: Desk, fake: FakeGraph) -> None:
        await writes(sender=YUSUF)
        fake.faults = [lambda message: fake.take(message, wa_id=str(YUSUF.wa_id))]
        await amina.say()
        await amina.send()
        assert client_of(amina.database, YUSUF) != amina.client_id
        assert amina.sql(
            "select distinct client_id = %s or other_client_id = %s from identity_conflicts",
            amina.client_id,
            amina.client_id,
        ) == [(True,)]


async def test_the_software_may_send_too(amina: Desk, fake: FakeGraph) -> None:
    await sending.send(SYSTEM, amina.client_id, Text("Recordatorio"))
    await amina.send()
    assert [m["text"]["body"] for m in fake.sent] == ["Recordatorio"]
    assert AMINA.wa_id
