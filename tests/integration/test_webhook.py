"""`/webhook` as Meta meets it: signed, stored before it is answered, and never in doubt."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from db import engine
from services.signature import sign
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import Postgres, drain
from webhook import routes
from webhook.writer import SYSTEM, Writer

SECRET = "the app secret of the tests"
FORMER = "the app secret before it"
TOKEN = "verify me"
AMINA = Sender("34600111222", profile_name="Amina")


@pytest.fixture
async def writer(database: Postgres) -> AsyncIterator[Writer]:
    writer = Writer(on_stored=lambda: None)
    task = asyncio.create_task(writer.run())
    yield writer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def meta(writer: Writer) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    routes.add_webhook(app, app_secrets=[SECRET, FORMER], verify_token=TOKEN, writer=writer)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        yield client


async def post(
    meta: httpx.AsyncClient, body: bytes, *, secret: str = SECRET, header: str | bytes | None = None
) -> int:
    value = header if header is not None else sign(secret, body)
    response = await meta.post(
        "/webhook", content=body, headers=[(b"x-hub-signature-256", _raw(value))]
    )
    return response.status_code


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def hello(words: str = "hola") -> bytes:
    return bodies.encode(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, words)))


def stored(database: Postgres) -> list[bytes]:
    with database.connect() as connection:
        rows = connection.execute("select body from webhook_deliveries order by id").fetchall()
    return [body for (body,) in rows if isinstance(body, bytes)]


def states(database: Postgres) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(
            "select state, items, items_quarantined from webhook_deliveries order by id"
        ).fetchall()


class TestVerification:
    async def test_the_challenge_comes_back_bare(self, meta: httpx.AsyncClient) -> None:
        query = {"hub.mode": "subscribe", "hub.challenge": "0115", "hub.verify_token": TOKEN}
        answer = await meta.get("/webhook", params=query)
        assert (answer.status_code, answer.text) == (200, "0115")
        assert answer.headers["content-type"].startswith("text/plain")

    @pytest.mark.parametrize(
        "query",
        [
            {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "wrong"},
            {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "ñandú"},
            {"hub.mode": "unsubscribe", "hub.challenge": "1", "hub.verify_token": TOKEN},
            {"hub.mode": "subscribe", "hub.verify_token": TOKEN},
            {"hub.challenge": "1"},
            {},
        ],
    )
    async def test_anything_else_is_forbidden(
        self, meta: httpx.AsyncClient, query: dict[str, str]
    ) -> None:
        assert (await meta.get("/webhook", params=query)).status_code == 403


class TestSignature:
    async def test_a_signed_delivery_is_stored_as_it_came(
        self, meta: httpx.AsyncClient, database: Postgres
    ) -> None:
        body = hello("ñandú 😀 / @")
        assert await post(meta, body) == 200
        assert stored(database) == [body]

    async def test_the_secret_before_still_counts_while_it_is_being_replaced(
        self, meta: httpx.AsyncClient
    ) -> None:
        assert await post(meta, hello(), secret=FORMER) == 200

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "sha256=",
            "sha256=" + "0" * 64,
            "sha1=" + "0" * 40,
            "sha256=" + "g" * 64,
            b"sha256=\xff\xfe",
            "x" * 10_000,
        ],
    )
    async def test_what_is_no_signature_of_ours_is_refused(
        self, meta: httpx.AsyncClient, database: Postgres, header: str | bytes
    ) -> None:
        assert await post(meta, hello(), header=header) == 401
        assert stored(database) == []

    async def test_a_missing_signature_is_refused(self, meta: httpx.AsyncClient) -> None:
        assert (await meta.post("/webhook", content=hello())).status_code == 401

    async def test_one_changed_byte_is_refused(self, meta: httpx.AsyncClient) -> None:
        body = hello()
        assert await post(meta, body + b" ", header=sign(SECRET, body)) == 401

    async def test_refusals_are_counted_by_day_and_reason(
        self, meta: httpx.AsyncClient, writer: Writer, database: Postgres
    ) -> None:
        await meta.post("/webhook", content=b"{}")
        await post(meta, b"{}", header="sha256=" + "0" * 64)
        await post(meta, b"{}", header="sha256=" + "1" * 64)
        await writer.count_refusals()
        await post(meta, b"{}", header="sha256=" + "2" * 64)
        await writer.count_refusals()
        with database.connect() as connection:
            counted = connection.execute(
                "select reason, count from webhook_refusals order by reason"
            ).fetchall()
        assert counted == [("bad_signature", 3), ("no_signature", 1)]

    async def test_refusals_during_an_outage_are_counted_afterwards(
        self, meta: httpx.AsyncClient, writer: Writer, database: Postgres
    ) -> None:
        await meta.post("/webhook", content=b"{}")
        await engine.stop()
        engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
        with pytest.raises(OperationalError):
            await writer.count_refusals()
        await engine.stop()
        engine.start(database.runtime)
        await writer.count_refusals()
        with database.connect() as connection:
            counted = connection.execute("select count from webhook_refusals").fetchall()
        assert counted == [(1,)]

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
    async def test_other_methods_are_not_allowed(
        self, meta: httpx.AsyncClient, method: str
    ) -> None:
        answer = await meta.request(method, "/webhook")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")

    async def test_the_log_of_a_refusal_tells_nothing_of_the_body(
        self, meta: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
    ) -> None:
        await post(meta, hello("canary-7731"), header="sha256=" + "0" * 64)
        out, err = capfd.readouterr()
        assert "webhook.refused" in out + err
        assert "canary" not in out + err


class TestSize:
    async def test_up_to_four_megabytes_are_taken(self, meta: httpx.AsyncClient) -> None:
        assert await post(meta, b" " * (4 * 1024 * 1024)) == 200

    async def test_more_is_refused_by_its_header(self, meta: httpx.AsyncClient) -> None:
        assert await post(meta, b" " * (4 * 1024 * 1024 + 1)) == 413

    async def test_more_is_refused_while_it_streams(self, meta: httpx.AsyncClient) -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b" " * 1024 * 1024

        answer = await meta.post(
            "/webhook", content=endless(), headers={"x-hub-signature-256": "sha256=" + "0" * 64}
        )
        assert answer.status_code == 413

    @pytest.mark.parametrize("length", [1_000, 1_000_000])
    async def test_who_dawdles_over_a_body_is_sent_away(
        self, meta: httpx.AsyncClient, length: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(routes, "BODY_PATIENCE", 0.1)

        async def dribbling() -> AsyncIterator[bytes]:
            for _ in range(length):
                yield b"x"
                await asyncio.sleep(0.01)

        async with asyncio.timeout(5):
            answer = await meta.post(
                "/webhook", content=dribbling(), headers={"content-length": str(length)}
            )
        assert answer.status_code == 408


class TestDurability:
    async def test_fifty_copies_at_once_are_one_delivery_and_one_message(
        self, meta: httpx.AsyncClient, database: Postgres
    ) -> None:
        body = hello()
        answers = await asyncio.gather(*(post(meta, body) for _ in range(50)))
        assert set(answers) == {200}
        await drain()
        with database.connect() as connection:
            counts = connection.execute(
                "select (select count(*) from webhook_deliveries),"
                " (select count(*) from messages), (select count(*) from clients)"
            ).fetchone()
        assert counts == (1, 1, 1)

    async def test_two_processes_that_apply_at_once_double_nothing(
        self, meta: httpx.AsyncClient, database: Postgres
    ) -> None:
        message = bodies.text(AMINA, "hola")
        same = [
            bodies.encode(
                bodies.batch(
                    bodies.from_sender(DEMO_NUMBER, AMINA, message),
                    bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, f"n{n}")),
                )
            )
            for n in range(40)
        ]
        await asyncio.gather(*(post(meta, body) for body in same))
        await asyncio.gather(*(drain() for _ in range(4)))
        with database.connect() as connection:
            counts = connection.execute(
                "select (select count(*) from messages), (select count(*) from clients),"
                " (select count(*) from webhook_deliveries where state = 'done')"
            ).fetchone()
        assert counts == (41, 1, 40)

    async def test_without_a_database_meta_is_told_to_come_again(
        self, meta: httpx.AsyncClient, database: Postgres
    ) -> None:
        await engine.stop()
        engine.start(database.runtime.update_query_dict({"host": "/nowhere"}))
        body = hello()
        answer = await meta.post(
            "/webhook", content=body, headers={"x-hub-signature-256": sign(SECRET, body)}
        )
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        await engine.stop()
        engine.start(database.runtime)
        assert await post(meta, body) == 200
        assert stored(database) == [body]

    async def test_connections_that_died_in_the_pool_cost_nothing(
        self, meta: httpx.AsyncClient, database: Postgres
    ) -> None:
        assert await post(meta, hello("uno")) == 200
        with database.connect() as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'app_backend' and datname = current_database()"
            )
        assert await post(meta, hello("dos")) == 200


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"not json",
            b"[" * 30_000 + b"]" * 30_000,
            b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
            b"\xff\xfe\x00",
            b"null",
            b'"text"',
            b"[]",
            b'{"object":"page","entry":[]}',
            b'{"n":' + b"9" * 5000 + b"}",
        ],
        ids=lambda body: repr(body[:12]),
    )
    async def test_is_stored_answered_and_shown_as_such(
        self, meta: httpx.AsyncClient, database: Postgres, body: bytes
    ) -> None:
        assert await post(meta, body) == 200
        await drain()
        assert stored(database) == [body]
        assert states(database) == [("unreadable", 0, 0)]

    @pytest.mark.parametrize(
        "body",
        [
            b'{"object":"whatsapp_business_account","entry":[]}',
            b'{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[]}]}',
        ],
    )
    async def test_nothing_inside_is_fine(
        self, meta: httpx.AsyncClient, database: Postgres, body: bytes
    ) -> None:
        assert await post(meta, body) == 200
        await drain()
        assert states(database) == [("done", 0, 0)]

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(body=st.binary(max_size=300))
    async def test_whatever_is_signed_is_stored(
        self, meta: httpx.AsyncClient, database: Postgres, body: bytes
    ) -> None:
        assert await post(meta, body) == 200
        assert body in stored(database)
        await drain()
        assert "pending" not in {row[0] for row in states(database)}


async def test_stopping_leaves_no_delivery_half_stored(database: Postgres) -> None:
    writer = Writer(on_stored=lambda: None)
    task = asyncio.create_task(writer.run())
    sending = asyncio.create_task(writer.store(b"x"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert stored(database) in ([], [b"x"])
    assert SYSTEM.claims is None
