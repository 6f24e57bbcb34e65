"""Deliveries are posted and repeated as Meta does it."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from services.signature import is_valid
from services.simulator.sender import post

URL = "http://acogida.test/webhook"
NOW = (0.0, 0.0, 0.0)

Answer = Callable[[httpx.Request], httpx.Response]


def posted(answer: Answer, *, delays: tuple[float, ...] = NOW) -> httpx.Response:
    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await post(client, URL, "secret", b'{"a":1}', delays=delays)

    return asyncio.run(run())


def test_a_delivery_carries_the_bytes_and_their_signature() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    assert posted(answer).status_code == 200
    [request] = seen
    assert request.content == b'{"a":1}'
    assert request.headers["content-type"] == "application/json"
    assert is_valid(["secret"], request.content, request.headers["x-hub-signature-256"])


@pytest.mark.parametrize("first", [202, 302, 401, 413, 503])
def test_anything_but_200_is_tried_again(first: int) -> None:
    answers = iter([first, 200])
    response = posted(lambda request: httpx.Response(next(answers)))
    assert response.status_code == 200


def test_an_unreachable_webhook_is_tried_again() -> None:
    attempts = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    assert posted(answer).status_code == 200
    assert attempts == 3


def test_when_patience_ends_the_last_answer_is_returned() -> None:
    answers = iter([500, 500, 503])
    assert posted(lambda request: httpx.Response(next(answers))).status_code == 503


def test_when_patience_ends_without_an_answer_the_error_is_raised() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silence")

    with pytest.raises(httpx.ReadTimeout):
        posted(answer)


def test_no_attempt_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one attempt"):
        posted(lambda request: httpx.Response(200), delays=())
