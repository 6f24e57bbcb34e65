"""Who cannot sign soon has to wait; who can is always heard, whatever else came from there."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from db import engine
from services import limits
from services.signature import HEADER, sign
from tests.support import Postgres
from webhook import failures, routes
from webhook.failures import Failures
from webhook.writer import Writer

SECRET = "the app secret of the tests"
TOKEN = "verify me"
BODY = b'{"object":"whatsapp_business_account","entry":[]}'
ELSEWHERE = "203.0.113.9"


@pytest.fixture
async def writer(database: Postgres) -> AsyncIterator[Writer]:
    writer = Writer(on_stored=lambda: None)
    task = asyncio.create_task(writer.run())
    yield writer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def app_of(writer: Writer) -> FastAPI:
    app = FastAPI()
    routes.add_webhook(app, app_secrets=[SECRET], verify_token=TOKEN, writer=writer)
    return app


def sender(writer: Writer, address: str = "198.51.100.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(writer), client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://app")


async def post(client: httpx.AsyncClient, signed_with: str | None) -> httpx.Response:
    headers = {HEADER: sign(signed_with, BODY)} if signed_with else {}
    return await client.post("/webhook", content=BODY, headers=headers)


async def statuses(client: httpx.AsyncClient, times: int, signed_with: str | None) -> list[int]:
    return [(await post(client, signed_with)).status_code for _ in range(times)]


async def verify(client: httpx.AsyncClient, token: str) -> httpx.Response:
    query = {"hub.mode": "subscribe", "hub.challenge": "7", "hub.verify_token": token}
    return await client.get("/webhook", params=query)


@pytest.mark.parametrize("signed_with", [None, "another secret"])
async def test_after_ten_failures_a_minute_an_address_has_to_wait(
    writer: Writer, signed_with: str | None
) -> None:
    async with sender(writer) as client:
        assert await statuses(client, 10, signed_with) == [401] * 10
        answer = await post(client, signed_with)
    assert answer.status_code == 429
    assert 55 <= int(answer.headers["retry-after"]) <= 60


async def test_a_signed_delivery_is_accepted_whatever_came_before(
    writer: Writer, database: Postgres
) -> None:
    async with sender(writer) as client:
        await statuses(client, 30, None)
        await writer.count_refusals()
        assert await statuses(client, 25, SECRET) == [200] * 25
        assert (await post(client, None)).status_code == 429
    with database.connect() as connection:
        row = connection.execute("select count(*) from webhook_deliveries").fetchone()
    assert row == (1,)


async def test_signed_deliveries_count_for_nothing(writer: Writer) -> None:
    async with sender(writer) as client:
        await statuses(client, 50, SECRET)
        assert await statuses(client, 10, None) == [401] * 10


async def test_other_addresses_are_not_their_neighbours_keepers(writer: Writer) -> None:
    async with sender(writer) as client:
        await statuses(client, 11, None)
    async with sender(writer, ELSEWHERE) as client:
        assert (await post(client, None)).status_code == 401


async def test_one_household_of_ipv6_is_one_address(writer: Writer) -> None:
    for n in range(10):
        async with sender(writer, f"2001:db8:1:2::{n:x}") as client:
            assert (await post(client, None)).status_code == 401
    async with sender(writer, "2001:db8:1:2:ffff::1") as client:
        assert (await post(client, None)).status_code == 429
    async with sender(writer, "2001:db8:1:3::1") as client:
        assert (await post(client, None)).status_code == 401


async def test_a_wrong_verify_token_counts_and_the_right_one_always_works(writer: Writer) -> None:
    async with sender(writer) as client:
        answers = [(await verify(client, "wrong")).status_code for _ in range(12)]
        assert answers == [403] * 10 + [429] * 2
        right = await verify(client, TOKEN)
    assert (right.status_code, right.text) == (200, "7")


async def test_another_process_refuses_the_same_address(writer: Writer) -> None:
    other = Writer(on_stored=lambda: None)
    async with sender(writer) as client:
        await statuses(client, 6, None)
    async with sender(other) as client:
        await statuses(client, 4, None)
        await writer.count_refusals()
        await other.count_refusals()
        assert (await post(client, None)).status_code == 429


async def test_a_flood_costs_the_database_one_statement_a_second(
    writer: Writer, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    hit_many = limits.hit_many

    async def counted(actor: object, limit: limits.Limit, hits: dict[str, int]) -> object:
        told.append(sum(hits.values()))
        return await hit_many(failures.SYSTEM, limit, hits)

    monkeypatch.setattr(limits, "hit_many", counted)
    for n in range(20):
        async with sender(writer, f"203.0.113.{n}") as client:
            await statuses(client, 15, None)
    assert told == []
    await writer.count_refusals()
    assert told == [200], "what was refused anyway need not be told"
    with database.connect() as connection:
        counted_rows = connection.execute("select count(*) from rate_limits").fetchone()
    assert counted_rows == (20,)


async def test_without_a_database_the_limit_holds_in_each_process(
    writer: Writer, database: Postgres
) -> None:
    await engine.stop()
    engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
    async with sender(writer) as client:
        assert await statuses(client, 12, None) == [401] * 10 + [429] * 2


async def test_one_line_in_the_log_tells_of_a_flood(
    writer: Writer, capfd: pytest.CaptureFixture[str]
) -> None:
    async with sender(writer) as client:
        await statuses(client, 40, None)
    out, err = capfd.readouterr()
    assert (out + err).count("webhook.limited") == 1
    assert (out + err).count("webhook.refused") == 10
    assert "198.51" not in out + err


async def test_every_failure_is_counted_for_the_people_who_watch(
    writer: Writer, database: Postgres
) -> None:
    async with sender(writer) as client:
        await statuses(client, 15, None)
    await writer.count_refusals()
    with database.connect() as connection:
        rows = connection.execute("select reason, count from webhook_refusals").fetchall()
    assert rows == [("no_signature", 15)]


class TestMemory:
    def test_a_window_ends(self) -> None:
        now = 100.0
        counted = Failures(clock=lambda: now)
        assert [counted.count("192.0.2.1").wait for _ in range(11)] == [None] * 10 + [60.0]
        now = 161.0
        assert counted.count("192.0.2.1").wait is None

    def test_more_addresses_than_it_keeps_cost_no_more_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(failures, "MOST_KEPT", 50)
        counted = Failures()
        for n in range(2000):
            counted.count(f"10.1.{n // 250}.{n % 250}")
        assert len(counted._windows) == 50
        assert len(counted._unshared) == 50


@contextlib.contextmanager
def serving(app: FastAPI, trusted: list[str]) -> Iterator[str]:
    """The app behind uvicorn, set up as `serve` does, in a thread of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=trusted,
                lifespan="off",
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def refused(url: str, times: int, forwarded_for: str) -> list[int]:
    with httpx.Client(base_url=url, headers={"X-Forwarded-For": forwarded_for}) as client:
        return [client.post("/webhook", content=BODY).status_code for _ in range(times)]


class TestBehindAProxy:
    def test_a_visitor_cannot_make_up_an_address(self) -> None:
        with serving(app_of(Writer(on_stored=lambda: None)), trusted=["10.9.9.9"]) as url:
            answers = [refused(url, 1, f"203.0.113.{n}")[0] for n in range(12)]
        assert answers == [401] * 10 + [429] * 2

    def test_the_proxy_tells_who_came_and_what_they_claim_before_it_is_ignored(self) -> None:
        with serving(app_of(Writer(on_stored=lambda: None)), trusted=["127.0.0.1"]) as url:
            assert refused(url, 10, f"6.6.6.6, {ELSEWHERE}") == [401] * 10
            assert refused(url, 1, f"7.7.7.7, {ELSEWHERE}") == [429]
            assert refused(url, 1, f"{ELSEWHERE}, 198.51.100.7") == [401]
            assert refused(url, 1, f"{ELSEWHERE}, 198.51.100.7, 127.0.0.1") == [401]
