"""What the simulator delivers on a hard day."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
import pytest

from services.events import Message, Quarantined
from services.signature import HEADER, is_valid
from services.simulator import play
from services.simulator.bodies import DEMO_NUMBER, Sender, encode, from_sender, text
from services.simulator.play import Webhook
from webhook import payloads

AMINA = Sender("34600111222", bsuid="ES.1", profile_name="Amina")
URL = "http://app.example/webhook"
SECRET = "the app secret of the tests"


def the_message(body: bytes) -> Message:
    [message] = payloads.read(body).events
    assert isinstance(message, Message)
    return message


def test_a_burst_holds_every_message_twice_in_disorder() -> None:
    burst = play.burst(DEMO_NUMBER, AMINA, ["a", "b", "c", "d"], None, Random(1))
    arrived = [the_message(body).whatsapp_id for body in burst.deliveries]
    assert Counter(arrived) == dict.fromkeys(burst.wamids, 2)
    assert arrived != sorted(arrived, key=burst.wamids.index)


def test_a_burst_was_written_one_a_second_until_now() -> None:
    burst = play.burst(DEMO_NUMBER, AMINA, ["a", "b", "c"], None, Random(1))
    by_id = {m.whatsapp_id: m for m in map(the_message, burst.deliveries)}
    written = [by_id[wamid] for wamid in burst.wamids]
    assert [message.text for message in written] == ["a", "b", "c"]
    first, second, third = (message.sent_at for message in written)
    assert first
    assert second
    assert third
    assert (second - first, third - second) == (timedelta(seconds=1), timedelta(seconds=1))
    assert abs(datetime.now(UTC) - third) < timedelta(seconds=3)


def test_nothing_of_a_burst_is_older_than_what_came_before() -> None:
    before = datetime.now(UTC)
    burst = play.burst(DEMO_NUMBER, AMINA, ["a"] * 20, before, Random(1))
    times = [the_message(body).sent_at for body in burst.deliveries]
    assert all(at and at >= before.replace(microsecond=0) + timedelta(seconds=1) for at in times)


def test_a_half_broken_delivery_has_a_good_and_a_bad_item() -> None:
    wamid, body = play.half_broken(DEMO_NUMBER, AMINA, "Hola")
    bad, good = payloads.read(body).events
    assert isinstance(bad, Quarantined)
    assert isinstance(good, Message)
    assert (bad.code, good.whatsapp_id) == ("missing_id", wamid)


def test_a_torn_delivery_cannot_be_read_and_is_never_the_same_twice() -> None:
    torn = [play.torn(DEMO_NUMBER, AMINA, "…") for _ in range(2)]
    assert torn[0] != torn[1]
    for body in torn:
        reading = payloads.read(body)
        assert reading.unreadable
        assert reading.unreadable.startswith("not_json")
        assert play.readable(body) == body.decode()


def test_what_is_shown_of_a_delivery_is_what_it_says() -> None:
    body = from_sender(DEMO_NUMBER, AMINA, text(AMINA, "¿Qué tal? 🙏"))
    assert play.readable(encode(body)) == body


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the webhook is going to answer, the last one for ever."""
    monkeypatch.setattr(play, "DELAYS", (0.0, 0.0, 0.0))
    return [200]


@pytest.fixture
def requests() -> list[httpx.Request]:
    """What was posted."""
    return []


@pytest.fixture
def webhook(answers: list[int], requests: list[httpx.Request]) -> Webhook:
    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        if status == 0:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(status)

    return Webhook(URL, SECRET, httpx.MockTransport(answer))


async def test_a_delivery_is_signed_and_timed(
    webhook: Webhook, requests: list[httpx.Request]
) -> None:
    posted = await webhook.deliver(b"{}")
    assert (posted.accepted, posted.status, posted.body) == (True, 200, b"{}")
    assert posted.milliseconds >= 0
    assert is_valid([SECRET], b"{}", requests[0].headers[HEADER])
    await webhook.close()


async def test_a_busy_webhook_is_asked_again(webhook: Webhook, answers: list[int]) -> None:
    answers[:] = [503, 0, 200]
    assert (await webhook.deliver(b"{}")).accepted
    await webhook.close()


@pytest.mark.parametrize(("always", "status"), [(503, 503), (0, None)])
async def test_a_webhook_that_does_not_take_it_is_given_up(
    webhook: Webhook, answers: list[int], always: int, status: int | None
) -> None:
    answers[:] = [always]
    posted = await webhook.deliver(b"{}")
    assert (posted.accepted, posted.status) == (False, status)
    await webhook.close()


async def test_what_is_forged_is_signed_by_somebody_else_and_posted_once(
    webhook: Webhook, answers: list[int], requests: list[httpx.Request]
) -> None:
    answers[:] = [401]
    assert (await webhook.forge(b"{}")).status == 401
    [request] = requests
    assert not is_valid([SECRET], b"{}", request.headers[HEADER])
    await webhook.close()
