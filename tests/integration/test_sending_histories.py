"""Any history of sending: faults, statuses, crashes and decisions, in whatever order they come.

Whatever happens, a request that may have arrived is the last of its message; what is said to one
person leaves in the order in which it was said; and in the end nothing waits that nobody knows of.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import sending, whatsapp
from services.actors import Staff
from services.adapters.graph import Accepted, Graph, GraphError, GraphUnanswered, GraphUnreachable
from services.conversations import TimelineMessage
from services.dispatch import Dispatcher
from services.errors import Conflict
from services.events import Json
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.sending import FAST, Desk, client_of, writes
from tests.support import Postgres, deliver

#: What a request meets. Of the first four nobody can be sure that it did not arrive.
Outcome = Literal["taken", "cut", "lost", "crash", "unreachable", "later", "never", "stop"]
MAY_HAVE_ARRIVED = {"taken", "cut", "lost", "crash"}
HAS_ARRIVED = {"taken", "cut", "crash"}

PEOPLE = st.integers(0, 1)
MESSAGES = st.integers(0, 5)
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("say"), PEOPLE),
        st.tuples(
            st.just("send"),
            st.sampled_from(
                ["taken", "cut", "lost", "crash", "unreachable", "later", "never", "stop"]
            ),
        ),
        st.tuples(st.just("wait")),
        st.tuples(st.just("status"), MESSAGES, st.sampled_from(["sent", "delivered", "read"])),
        st.tuples(st.just("echo"), MESSAGES),
        st.tuples(st.just("decide"), MESSAGES, st.booleans()),
        st.tuples(st.just("retry"), MESSAGES),
        st.tuples(st.just("resume")),
    ),
    min_size=3,
    max_size=16,
)


class Meta(Graph):
    """A Graph that meets `next` once, and takes everything else."""

    def __init__(self) -> None:
        super().__init__(
            "http://127.0.0.1:9",
            "v26.0",
            "token",
            phone_number_id=DEMO_NUMBER.phone_number_id,
            business_account_id="1",
        )
        self.next: str = "taken"
        self.calls: list[tuple[UUID, str]] = []
        self.wamids: dict[UUID, str] = {}
        self.crashed = asyncio.Event()

    async def send_message(self, phone_number_id: str, body: Json) -> Accepted:
        message_id = UUID(body["biz_opaque_callback_data"])
        outcome, self.next = self.next, "taken"
        self.calls.append((message_id, outcome))
        if outcome in HAS_ARRIVED:
            self.wamids[message_id] = f"wamid.{uuid4().hex}"
        match outcome:
            case "cut" | "lost":
                raise GraphUnanswered("cut")
            case "crash":
                self.crashed.set()
                await asyncio.Event().wait()
            case "unreachable":
                raise GraphUnreachable("nobody")
            case "later":
                raise GraphError(131000, http_status=500)
            case "never":
                raise GraphError(131026)
            case "stop":
                raise GraphError(190, http_status=401)
        return Accepted(self.wamids[message_id], None, None)


class History:
    """Two people, and everything that happens to what is said to them."""

    _numbers = itertools.count(34_600_200_000)

    def __init__(self, desk: Desk, meta: Meta, admin: Staff) -> None:
        self.desk, self.meta, self.admin = desk, meta, admin
        self.people = [Sender(str(next(self._numbers))) for _ in range(2)]
        self.said: list[tuple[int, TimelineMessage]] = []

    async def happen(self, what: str, *about: Any) -> None:
        match what:
            case "say":
                client = client_of(self.desk.database, self.people[about[0]])
                words = f"{len(self.said)}"
                self.said.append((about[0], await self.desk.say(words, client)))
            case "send":
                self.meta.next = about[0]
                await self._step()
            case "wait":
                # Leases run out, and whatever waits may go.
                self.desk.lose_lease()
                self.desk.skip_waiting()
                await self._step()
            case "resume":
                await sending.resume(self.admin)
            case _ if about[0] < len(self.said):
                await self._about(what, *self.said[about[0]], *about[1:])

    async def _about(self, what: str, who: int, message: TimelineMessage, *more: Any) -> None:
        wamid = self.meta.wamids.get(message.id)
        try:
            match what:
                case "status" if wamid:
                    await self.desk.tell(message, wamid, more[0], sender=self.people[who])
                case "echo" if wamid:
                    person = self.people[who]
                    said = bodies.text(person, message.text or "", wamid=wamid)
                    echo = bodies.echo(DEMO_NUMBER, person, said)
                    await deliver(bodies.echoes(DEMO_NUMBER, echo))
                case "decide":
                    await sending.settle_unknown(self.desk.staff, message.id, arrived=more[0])
                case "retry":
                    again = await sending.retry(self.desk.staff, message.id)
                    if again.id not in {m.id for _, m in self.said}:
                        self.said.append((who, again))
        except Conflict:
            pass  # not as things stand, which is an answer

    async def _step(self) -> None:
        self.meta.crashed.clear()
        await self.desk.dispatcher.step()
        ended = asyncio.create_task(self.desk.dispatcher.drain())
        died = asyncio.create_task(self.meta.crashed.wait())
        await asyncio.wait({ended, died}, return_when=asyncio.FIRST_COMPLETED)
        if died.done():
            await self.desk.dispatcher.close(within=0)
            self.desk.dispatcher = Dispatcher(self.meta, FAST)
        died.cancel()
        await asyncio.gather(ended, died, return_exceptions=True)

    async def end_well(self) -> None:
        """Nothing goes wrong any more, and enough time passes."""
        self.meta.next = "taken"
        await sending.resume(self.admin)
        for _ in range(2 * len(self.said) + 3):
            await self.happen("wait")


@pytest.fixture
async def desk_of_two(caseworker: Staff, database: Postgres) -> AsyncIterator[tuple[Desk, Meta]]:
    meta = Meta()
    whatsapp.use(meta)
    yield Desk(caseworker, UUID(int=0), Dispatcher(meta, FAST), meta, database), meta
    await meta.close()
    whatsapp.use(None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HISTORIES)
async def test_any_history_ends_well(
    desk_of_two: tuple[Desk, Meta], admin: Staff, happenings: list[tuple[Any, ...]]
) -> None:
    desk, meta = desk_of_two
    desk.sql("delete from clients")
    desk.sql("delete from message_statuses")
    meta.calls.clear()
    meta.wamids.clear()
    history = History(desk, meta, admin)
    for person in history.people:
        await writes(sender=person)
    for what, *about in happenings:
        await history.happen(what, *about)
    await history.end_well()

    # A request that may have arrived is the last of its message.
    for message_id, calls in itertools.groupby(sorted(meta.calls), key=lambda call: call[0]):
        found = Counter(outcome for _, outcome in calls)
        assert sum(found[o] for o in MAY_HAVE_ARRIVED) <= 1, message_id
    for n, (message_id, outcome) in enumerate(meta.calls):
        if outcome in MAY_HAVE_ARRIVED:
            assert message_id not in {later for later, _ in meta.calls[n + 1 :]}

    # What is said to one person leaves in the order in which it was said.
    for who in range(2):
        said = [m.id for person, m in history.said if person == who]
        first = list(dict.fromkeys(id for id, _ in meta.calls if id in said))
        assert first == [id for id in said if id in first]

    # Nothing waits, and what is unknown is what nobody can know.
    for _, message in history.said:
        status = (await desk.now(message)).status
        outcomes = {outcome for id, outcome in meta.calls if id == message.id}
        assert status not in ("queued", "sending")
        if status == "unknown":
            assert outcomes & {"cut", "lost", "crash"}
        if status in ("accepted", "sent"):
            assert message.id in meta.wamids

    # WhatsApp's word finds every message that it took, and no echo has doubled one.
    for who, message in history.said:
        if wamid := meta.wamids.get(message.id):
            await desk.tell(message, wamid, "delivered", sender=history.people[who])
            now = await desk.now(message)
            assert (now.status in ("delivered", "read"), now.whatsapp_id) == (True, wamid)
    [(rows,)] = desk.sql("select count(*) from messages where direction = 'outbound'")
    assert rows == len(history.said)
