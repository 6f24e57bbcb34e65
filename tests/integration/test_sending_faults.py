"""Everything that goes wrong on the way to WhatsApp: nothing is lost, and nobody gets it twice."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from services import sending, sending_health
from services.actors import Staff
from services.conversations import TimelineMessage
from services.errors import Conflict
from services.graph_errors import Remedy
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER
from tests.fake_graph import Answer, FakeGraph, error, http, plain
from tests.sending import AMINA, YUSUF, Desk, client_of, desk, writes
from tests.servers import free_port, simulated_graph
from tests.support import SYSTEM, Postgres, deliver

ROOT = Path(__file__).parents[2]


async def patient(amina: Desk) -> None:
    """Let everything happen that would happen by itself, however long it takes."""
    for _ in range(3):
        amina.skip_waiting()
        await amina.send()


async def remedy_of(amina: Desk, message: TimelineMessage) -> Remedy | None:
    """What the conversation offers for a message that failed."""
    now = await amina.now(message)
    assert now.sending is not None
    return now.sending.remedy


class TestNobodyKnows:
    """The request left, and no answer says what became of it: it is not sent again."""

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(plain(500, b"<html>Sorry</html>"), id="500 with a page"),
            pytest.param(plain(503), id="503 with nothing"),
            pytest.param(plain(502), id="502 of a gateway"),
            pytest.param(plain(200, b'{"messages": [{"id"'), id="200 with half an answer"),
            pytest.param(plain(200, b"OK"), id="200 with no JSON"),
            pytest.param(plain(200, b'{"messages": []}'), id="200 without an id"),
            pytest.param(plain(200, b"[1]"), id="200 with something else"),
            pytest.param(lambda _: None, id="the connection is cut"),
            pytest.param(lambda _: b"HTTP/1.1 200 OK\r\ncontent-le", id="cut in the headers"),
            pytest.param(
                lambda _: http(200, b"\x1f\x8b\x08\x00", "content-encoding: gzip"),
                id="an answer that is packed",
            ),
        ],
    )
    async def test_it_is_unknown_and_stays_so(
        self, amina: Desk, fake: FakeGraph, fault: Answer
    ) -> None:
        fake.faults = [fault]
        sent = await amina.say()
        await amina.send()
        assert (await amina.now(sent)).status == "unknown"
        await patient(amina)
        assert len(fake.sent) == 1
        assert (await amina.now(sent)).status == "unknown"

    async def test_a_graph_that_is_too_slow(
        self, caseworker: Staff, database: Postgres, fake: FakeGraph
    ) -> None:
        async with desk(caseworker, database, fake.url, answer_within=0.3) as amina:
            fake.delay = 1.0
            sent = await amina.say()
            await amina.send()
            assert (await amina.now(sent)).status == "unknown"
            await patient(amina)
            assert len(fake.sent) == 1

    async def test_a_slow_one_that_answers_in_time(self, amina: Desk, fake: FakeGraph) -> None:
        fake.delay = 1.0
        sent = await amina.say()
        assert await amina.dispatcher.step() == 1
        # What is under way is not taken again, and holds back what follows.
        await amina.say("dos")
        assert await amina.dispatcher.step() == 0
        await amina.dispatcher.drain()
        assert (await amina.now(sent)).status == "accepted"
        assert len(fake.sent) == 1

    async def test_a_status_tells(self, amina: Desk, fake: FakeGraph) -> None:
        fake.faults = [fake.take_and_cut]
        sent = await amina.say()
        await amina.send()
        assert (await amina.now(sent)).status == "unknown"
        wamid = fake.wamids[str(sent.id)]
        await amina.tell(sent, wamid, "delivered")
        now = await amina.now(sent)
        assert (now.status, now.whatsapp_id, now.error) == ("delivered", wamid, None)
        await patient(amina)
        assert len(fake.sent) == 1
        assert amina.sql("select finished_at is not null, problem from message_sends") == [
            (True, None)
        ]

    async def test_a_status_that_is_faster_than_the_answer(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.delay = 1.0
        sent = await amina.say()
        await amina.dispatcher.step()
        await asyncio.wait_for(fake.taken.wait(), 30)
        wamid = fake.wamids[str(sent.id)]
        await amina.tell(sent, wamid, "delivered")
        assert (await amina.now(sent)).status == "delivered"
        await amina.dispatcher.drain()
        now = await amina.now(sent)
        assert (now.status, now.whatsapp_id) == ("delivered", wamid)

    async def test_an_echo_does_not_double_it(self, amina: Desk, fake: FakeGraph) -> None:
        fake.faults = [fake.take_and_cut]
        sent = await amina.say("Una vez")
        await amina.send()
        wamid = fake.wamids[str(sent.id)]
        echo = bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Una vez", wamid=wamid))
        await deliver(bodies.echoes(DEMO_NUMBER, echo))
        await amina.tell(sent, wamid, "sent")
        await deliver(bodies.echoes(DEMO_NUMBER, echo))
        assert await amina.texts() == [("Una vez", "sent")]

    async def test_an_echo_that_is_faster_than_the_answer(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.delay = 1.0
        sent = await amina.say("Una vez")
        await amina.dispatcher.step()
        await asyncio.wait_for(fake.taken.wait(), 30)
        wamid = fake.wamids[str(sent.id)]
        echo = bodies.echo(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Una vez", wamid=wamid))
        await deliver(bodies.echoes(DEMO_NUMBER, echo))
        await amina.dispatcher.drain()
        assert await amina.texts() == [("Una vez", "accepted")]

    async def test_somebody_elses_callback_is_nobodys(self, amina: Desk) -> None:
        sent = await amina.say()
        for callback in ("campaign-7", str(uuid4())):
            status = bodies.status(AMINA, "wamid.other", "sent", callback_data=callback)
            await deliver(bodies.envelope(DEMO_NUMBER, statuses=[status], contacts=[AMINA]))
        assert (await amina.now(sent)).status == "queued"


class TestKilled:
    """The process dies at the worst moment."""

    async def _die(self, amina: Desk, fake: FakeGraph, delay: float = 30.0) -> None:
        url = amina.database.runtime.set(drivername="postgresql")
        fake.delay = delay
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.sending_process",
            fake.url,
            cwd=ROOT,
            env={
                **os.environ,
                "SENDING_DATABASE": url.render_as_string(hide_password=False),
            },
        )
        await asyncio.wait_for(fake.taken.wait(), 60)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        fake.delay = 0.0

    async def test_between_request_and_answer(self, amina: Desk, fake: FakeGraph) -> None:
        sent = await amina.say()
        await self._die(amina, fake)
        assert (await amina.now(sent)).status == "sending"
        await amina.send()
        assert (await amina.now(sent)).status == "sending"
        amina.lose_lease()
        await amina.send()
        assert (await amina.now(sent)).status == "unknown"
        await patient(amina)
        assert len(fake.sent) == 1
        # It had arrived: its status finds it.
        await amina.tell(sent, fake.wamids[str(sent.id)], "sent", "delivered")
        assert (await amina.now(sent)).status == "delivered"
        assert len(fake.sent) == 1

    async def test_and_what_waits_behind_it_leaves_later(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        await amina.say("uno")
        await amina.say("dos")
        await self._die(amina, fake)
        amina.lose_lease()
        await patient(amina)
        assert await amina.texts() == [("uno", "unknown"), ("dos", "accepted")]
        assert [m["text"]["body"] for m in fake.sent] == ["uno", "dos"]

    async def test_before_the_request(self, amina: Desk, fake: FakeGraph) -> None:
        """A lease that was taken and lost, with nothing sent: another takes it."""
        sent = await amina.say()
        amina.sql(
            "update message_sends set owner = gen_random_uuid(), attempts = 1,"
            " leased_until = now() + interval '1 minute'"
        )
        await amina.send()
        assert fake.sent == []
        amina.lose_lease()
        await amina.send()
        assert (await amina.now(sent)).status == "accepted"
        assert len(fake.sent) == 1


class TestLater:
    """WhatsApp said no, or was not there: once more, by itself."""

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(error(1), id="1 unknown"),
            pytest.param(error(2, status=503), id="2 service"),
            pytest.param(error(131000, status=500), id="131000 something went wrong"),
            pytest.param(error(131016, status=500), id="131016 overloaded"),
            pytest.param(error(131057, status=500), id="131057 maintenance"),
            pytest.param(error(133004, status=503), id="133004 unavailable"),
            pytest.param(error(4), id="4 calls of the app"),
            pytest.param(error(80007), id="80007 calls of the account"),
            pytest.param(error(130429), id="130429 throughput"),
            pytest.param(error(131056), id="131056 pair"),
            pytest.param(error(999_999, status=500), id="500 with an unheard-of error"),
            pytest.param(plain(429, b""), id="429 of something in between"),
            pytest.param(plain(404, b"<html>"), id="404 of something in between"),
        ],
    )
    async def test_it_is_tried_again(self, amina: Desk, fake: FakeGraph, fault: Answer) -> None:
        fake.faults = [fault]
        sent = await amina.say()
        await amina.send()
        assert (await amina.now(sent)).status == "queued"
        assert len(fake.sent) == 1
        amina.skip_waiting()
        await amina.send()
        assert (await amina.now(sent)).status == "accepted"
        assert len(fake.sent) == 2

    async def test_nobody_there_is_no_attempt_that_counts(
        self, caseworker: Staff, database: Postgres
    ) -> None:
        async with desk(caseworker, database, f"http://127.0.0.1:{free_port()}") as amina:
            sent = await amina.say()
            for _ in range(8):
                amina.skip_waiting()
                await amina.send()
            assert (await amina.now(sent)).status == "queued"
            [(wait,)] = amina.sql(
                "select extract(epoch from next_attempt_at - now())::float from message_sends"
            )
            assert 20 < wait < 37

    async def test_it_gives_up_in_the_end(self, amina: Desk, fake: FakeGraph) -> None:
        fake.faults = [error(131000, status=500)] * 9
        sent = await amina.say()
        for _ in range(9):
            amina.skip_waiting()
            await amina.send()
        now = await amina.now(sent)
        assert (now.status, len(fake.sent)) == ("failed", 5)
        assert now.error is not None
        assert now.error.code == 131000

    async def test_what_the_pair_limit_holds_back_waits_longer_each_time(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [error(131056)] * 3
        await amina.say()
        waits = []
        for _ in range(3):
            await amina.send()
            [(wait,)] = amina.sql(
                "select extract(epoch from next_attempt_at - now())::float from message_sends"
            )
            waits.append(wait)
            amina.skip_waiting()
        assert waits == sorted(waits)
        assert 8 < waits[-1] < 20

    async def test_a_full_number_keeps_everything_back_for_as_long_as_it_is_asked_to(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        await writes(sender=YUSUF)
        fake.faults = [error(130429, headers=("retry-after: 90",))]
        await amina.say("a Amina")
        await amina.send()
        await amina.say("a Yusuf", client_of(amina.database, YUSUF))
        await amina.send()
        assert len(fake.sent) == 1
        [(wait,)] = amina.sql(
            "select extract(epoch from paused_until - now())::float from whatsapp_numbers"
        )
        assert 80 < wait <= 90
        amina.skip_waiting()
        await amina.send()
        assert len(fake.sent) == 3


class TestFinal:
    @pytest.mark.parametrize(
        "code", [100, 130472, 131008, 131026, 131049, 131050, 132000, 132015, 470, 131062, 130497]
    )
    async def test_it_failed_and_the_next_ones_go_on(
        self, amina: Desk, fake: FakeGraph, code: int
    ) -> None:
        fake.faults = [error(code, details="Por qué")]
        sent = await amina.say("uno")
        await amina.say("dos")
        await patient(amina)
        now = await amina.now(sent)
        assert now.status == "failed"
        assert now.error is not None
        assert (now.error.code, now.error.details) == (code, "Por qué")
        assert await amina.texts() == [("uno", "failed"), ("dos", "accepted")]
        assert len(fake.sent) == 2

    async def test_whatsapp_corrects_our_clock(self, amina: Desk, fake: FakeGraph) -> None:
        amina.sql("update clients set last_inbound_at = now() - interval '1 hour'")
        fake.faults = [error(131047)]
        sent = await amina.say()
        await amina.send()
        assert (await amina.now(sent)).status == "failed"
        with pytest.raises(Conflict, match="window_closed"):
            await amina.say()
        with pytest.raises(Conflict, match="window_closed"):
            await sending.retry(amina.staff, sent.id)
        assert await remedy_of(amina, sent) == "template"
        await writes("Sigo aquí")
        assert await remedy_of(amina, sent) == "again"
        await sending.retry(amina.staff, sent.id)
        await amina.send()
        assert len(fake.sent) == 2

    async def test_also_when_it_takes_the_message_first(self, amina: Desk, fake: FakeGraph) -> None:
        amina.sql("update clients set last_inbound_at = now() - interval '1 hour'")
        sent = await amina.say()
        await amina.send()
        failed = bodies.failed(AMINA, fake.wamids[str(sent.id)], 131047)
        await deliver(bodies.envelope(DEMO_NUMBER, statuses=[failed]))
        assert (await amina.now(sent)).status == "failed"
        with pytest.raises(Conflict, match="window_closed"):
            await amina.say()
        assert await remedy_of(amina, sent) == "template"
        await writes("Sigo aquí")
        assert await remedy_of(amina, sent) == "again"


class TestStopped:
    @pytest.mark.parametrize("code", [0, 3, 10, 190, 200, 299, 131005, 368, 131031, 131042, 131048])
    async def test_nothing_more_is_sent_and_nothing_is_lost(
        self, amina: Desk, admin: Staff, fake: FakeGraph, code: int
    ) -> None:
        fake.faults = [error(code, status=401)]
        for n in range(3):
            await amina.say(str(n))
        await patient(amina)
        assert len(fake.sent) == 1
        stop = await sending.stopped(amina.staff)
        assert stop is not None
        assert (stop.code, stop.queued) == (code, 3)
        assert {status for _, status in await amina.texts()} == {"queued"}
        await sending.resume(admin)
        assert await sending.stopped(amina.staff) is None
        await amina.send()
        assert [m["text"]["body"] for m in fake.sent] == ["0", "0", "1", "2"]
        assert {status for _, status in await amina.texts()} == {"accepted"}

    async def test_everybody_is_told(self, amina: Desk, fake: FakeGraph) -> None:
        with amina.database.connect() as listening:
            listening.execute("listen acogida")
            fake.faults = [error(190, status=401)]
            await amina.say()
            await amina.send()
            told = [json.loads(n.payload) for n in listening.notifies(timeout=1)]
        assert {"h": 1} in told
        assert amina.sql("select actor_part from audit_log where table_name = 'whatsapp_numbers'")

    async def test_a_token_that_is_good_again_goes_on_by_itself(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [error(190, status=401)]
        sent = await amina.say()
        await amina.send()
        assert await sending_health.ask_again(SYSTEM) == 0
        later = "update whatsapp_numbers set checked_at = now() - interval '61 seconds'"
        amina.sql(later)
        fake.health = error(190, status=401)
        assert await sending_health.ask_again(SYSTEM) == 1
        assert await sending.stopped(amina.staff) is not None
        amina.sql(later)
        fake.health = None
        assert await sending_health.ask_again(SYSTEM) == 1
        assert await sending.stopped(amina.staff) is None
        await amina.send()
        assert (await amina.now(sent)).status == "accepted"

    async def test_a_restricted_account_waits_for_a_person(
        self, amina: Desk, fake: FakeGraph
    ) -> None:
        fake.faults = [error(131031)]
        await amina.say()
        await amina.send()
        amina.sql("update whatsapp_numbers set checked_at = now() - interval '1 hour'")
        assert await sending_health.ask_again(SYSTEM) == 0
        stop = await sending.stopped(amina.staff)
        assert stop is not None
        assert not stop.heals_by_itself

    async def test_also_by_a_status(self, amina: Desk, fake: FakeGraph) -> None:
        sent = await amina.say()
        await amina.send()
        failed = bodies.failed(AMINA, fake.wamids[str(sent.id)], 131042)
        await deliver(bodies.envelope(DEMO_NUMBER, statuses=[failed]))
        stop = await sending.stopped(amina.staff)
        assert stop is not None
        assert stop.code == 131042


class TestStatuses:
    """With WhatsApp as the simulator plays it: real HTTP, its answers and its statuses."""

    @pytest.mark.parametrize("fault", ["twice", "disorder", "early", "cut", "slow"])
    async def test_in_whatever_order_and_number_they_come(
        self, caseworker: Staff, database: Postgres, fault: str
    ) -> None:
        with simulated_graph() as graph:
            async with desk(caseworker, database, graph.url, token=graph.token) as amina:
                graph.faults.set(fault, seconds=0.5 if fault == "slow" else None)
                sent = await amina.say()
                await amina.send()
                await deliver(*graph.statuses(2))
                now = await amina.now(sent)
                assert (now.status, now.whatsapp_id) == ("delivered", graph.sent[0].wamid)
                assert len(graph.simulated.heard.requests) == 1
                assert graph.complaints == []

    async def test_read_does_not_become_delivered_again(self, amina: Desk, fake: FakeGraph) -> None:
        sent = await amina.say()
        await amina.send()
        wamid = fake.wamids[str(sent.id)]
        await amina.tell(sent, wamid, "read", "sent", "delivered", "read")
        assert (await amina.now(sent)).status == "read"
