"""Nothing of what people are, say or open doors with is ever in a log line, whatever goes wrong.

Canaries go through every door, on ways that work and ways that fail, with the log at its most
talkative and in both formats. None may be in it, and none in an answer to somebody else.
"""

import asyncio
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import text

from db.engine import begin
from services import logs
from services.actors import Staff
from services.adapters.supabase_auth import SupabaseAuth
from services.headers import SecureAnswers
from services.sign_in import SignIn
from services.signature import HEADER, sign
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from services.worker import Worker
from tests.fake_supabase_auth import PUBLISHABLE_KEY, SERVICE_KEY, FakeSupabaseAuth, User
from tests.pages import browser_of
from tests.servers import serving
from tests.support import SYSTEM, Postgres, drain
from tests.tokens import api_app, staff_token
from ui.login import router
from webhook import routes
from webhook.writer import Writer

APP_SECRET = "canary-app-secret-51"
VERIFY_TOKEN = "canary-verify-token-52"
NAME = "Canarina Zzyzxova"
PHONE = "34677711122"
EMAIL = "canarina.zzyzx@example.org"
WORDS = "palabras-canario que nadie más debe leer"
PASSPORT = "ZZX7654321"
PASSWORD = "una frase canaria larga"
DOCUMENT = "pasaporte-canarina.pdf"
TOKEN = "canary-token-AbCdEf0123456789"
CANARIES = [
    *("canary", "Canarina", "Zzyzx", "zzyzx", PHONE, "677711122", EMAIL, "palabras-canario"),
    *("PALABRAS", PASSPORT, "frase canaria", "canarina", TOKEN),
]
MAIN = Path(__file__).parent / "simulated_refusals.py"


@pytest.fixture(params=["json", "console"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that this process logs from here on."""
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level, hook = root.handlers, root.level, sys.excepthook
    stream = io.StringIO()
    logs.configure("DEBUG", request.param, stream=stream)
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    structlog.configure(**configuration)
    structlog.contextvars.clear_contextvars()


def found_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


@asynccontextmanager
async def asking(app: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    app.add_middleware(SecureAnswers, https=False)
    app.add_middleware(logs.RequestId)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.9", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://acogida.example", headers=headers
    ) as client:
        yield client


def test_the_net_catches(log: io.StringIO) -> None:
    """Said plainly, in the event itself, a canary is caught: the net has no hole."""
    structlog.get_logger().info(f"said.{TOKEN}")
    assert TOKEN in found_in(log.getvalue())


async def test_what_whatsapp_brings(log: io.StringIO, database: Postgres) -> None:
    writer = Writer(on_stored=lambda: None)
    running = asyncio.create_task(writer.run())
    app = FastAPI()
    routes.add_webhook(app, app_secrets=[APP_SECRET], verify_token=VERIFY_TOKEN, writer=writer)
    canarina = Sender(PHONE, profile_name=NAME)
    body = bodies.encode(bodies.from_sender(DEMO_NUMBER, canarina, bodies.text(canarina, WORDS)))
    broken = body.replace(b'"type":"text"', b'"type":{"text":7}')
    async with asking(app) as meta:
        for content in (body, broken, WORDS.encode(), b'{"entry":[{"changes":"' + body + b'"}]}'):
            right = {HEADER: sign(APP_SECRET, content)}
            assert (await meta.post("/webhook", content=content, headers=right)).status_code == 200
            for wrong in ({HEADER: f"sha256={TOKEN}"}, {HEADER: sign(TOKEN, content)}, {}):
                answer = await meta.post("/webhook", content=content, headers=wrong)
                assert answer.status_code in (401, 429)
                assert found_in(answer.text) == []
        query = {"hub.mode": "subscribe", "hub.challenge": WORDS, "hub.verify_token": TOKEN}
        answer = await meta.get("/webhook", params=query)
        assert found_in(answer.text) == []
        await drain()
        with database.connect() as connection:
            connection.execute("alter table webhook_deliveries rename to hidden")
        try:
            answer = await meta.post(
                "/webhook", content=body + b" ", headers={HEADER: sign(APP_SECRET, body + b" ")}
            )
            assert answer.status_code == 503
        finally:
            with database.connect() as connection:
                connection.execute("alter table hidden rename to webhook_deliveries")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "webhook.refused" in log.getvalue()
    assert "delivery.not_stored" in log.getvalue()
    assert found_in(log.getvalue()) == []


async def test_what_is_typed_at_the_door(log: io.StringIO, caseworker: Staff) -> None:
    fake = FakeSupabaseAuth()
    fake.add(User(EMAIL, PASSWORD))
    with serving(fake.app) as url:
        for provider in (
            SupabaseAuth(url, PUBLISHABLE_KEY, SERVICE_KEY),
            SupabaseAuth("http://127.0.0.1:9", PUBLISHABLE_KEY, SERVICE_KEY),
        ):
            app = FastAPI()
            app.include_router(
                router(SignIn(public_url="http://acogida.example", password=provider))
            )
            async with asking(app) as browser:
                for email, password in (
                    (EMAIL, PASSWORD),
                    (EMAIL, TOKEN),
                    (caseworker.email, TOKEN),
                    (NAME, WORDS),
                ):
                    form = {"email": email, "password": password, "next": f"/{TOKEN}"}
                    answer = await browser.post("/login", data=form)
                    assert answer.status_code >= 400
                    assert PASSWORD not in answer.text
                for path in (
                    f"/login?next=/clients?search={NAME}",
                    f"/login/callback?code={TOKEN}&state={TOKEN}",
                    f"/login/confirm?token_hash={TOKEN}&type=recovery",
                ):
                    await browser.get(path)
                await browser.post("/login", data={"email": EMAIL}, headers={"Origin": "null"})
                browser.cookies.set("acogida_session", TOKEN)
                await browser.post("/logout", data={})
    assert "sign_in" in log.getvalue()
    assert found_in(log.getvalue()) == []


async def test_what_programs_send(log: io.StringIO, caseworker: Staff, viewer: Staff) -> None:
    person = {
        "name": NAME,
        "phone": f"+{PHONE}",
        "email": EMAIL,
        "notes": WORDS,
        "passport_or_nie": PASSPORT,
    }
    mine = {"Authorization": f"Bearer {staff_token(caseworker)}"}
    async with asking(api_app(), **mine) as api:
        assert (await api.post("/api/clients", json=person)).status_code == 201
        again = await api.post("/api/clients", json=person)
        assert again.status_code == 409
        assert found_in(again.text) == []
        hostile: list[Any] = [
            json.dumps(person)[:-1].encode(),
            json.dumps({**person, "phone": WORDS, "unknown": NAME}).encode(),
            json.dumps({**person, "name": NAME * 400}).encode(),
            json.dumps({**person, "email": [EMAIL], "notes": {WORDS: 1}}).encode(),
            f"name={NAME}".encode(),
            NAME.encode("utf-16"),
        ]
        for body in hostile:
            answer = await api.post(
                "/api/clients", content=body, headers={"content-type": "application/json"}
            )
            assert answer.status_code in (400, 415, 422)
            assert found_in(answer.text) == []
        for path in (
            f"/api/clients?search={NAME}&status={TOKEN}",
            f"/api/clients/{EMAIL}",
            f"/api/{TOKEN}/{PHONE}",
            f"/api/clients/{uuid4()}?{EMAIL}={WORDS}",
        ):
            answer = await api.get(path)
            assert answer.status_code in (400, 404, 422)
            assert found_in(answer.text) == []
        listed = (await api.get("/api/clients", params={"search": NAME})).json()
        assert [item["name"] for item in listed["items"]] == [NAME]
    there = f"/api/clients/{listed['items'][0]['id']}"
    for wrong in (TOKEN, f"{TOKEN}.{TOKEN}.{TOKEN}", "", staff_token(viewer)):
        async with asking(api_app(), Authorization=f"Bearer {wrong}") as api:
            answer = await api.patch(there, json={"name": NAME + "!"})
            assert answer.status_code in (401, 403)
            assert found_in(answer.text) == []
            files = {"file": (DOCUMENT, b"%PDF-1.7 " + WORDS.encode())}
            answer = await api.post(f"{there}/documents", files=files)
            assert found_in(answer.text) == []
    assert "api.unauthenticated" in log.getvalue()
    assert found_in(log.getvalue()) == []


async def test_what_staff_look_for_and_what_breaks_on_the_way(
    log: io.StringIO, caseworker: Staff
) -> None:
    async with browser_of(caseworker, MAIN) as user:
        await user.http_client.get("/clients", params={"search": NAME})
        await user.http_client.get(f"/{NAME}/{PHONE}?{EMAIL}")
        answer = await user.http_client.get("/raises/broken")
        assert answer.status_code == 500
        assert found_in(answer.text) == []
        user.http_client.cookies.clear()
        await user.http_client.get(f"/clients/{EMAIL}?search={NAME}", headers={"Cookie": TOKEN})
    assert "RuntimeError" in log.getvalue()
    assert found_in(log.getvalue()) == []


async def test_what_a_failing_statement_carries(log: io.StringIO, database: Postgres) -> None:
    statements = [
        "insert into clients (name, no_such_column) values (:name, :email)",
        "select cast(:name as integer)",
        f"select '{NAME}' from \"{EMAIL}\"",  # noqa: S608 - the words themselves are the test
        "insert into staff (name, email, role) values (:name, :email, :name)",
    ]

    async def step() -> int:
        async with begin(SYSTEM) as connection:
            await connection.execute(text(statements.pop(0)), {"name": NAME, "email": EMAIL})
        return 0

    async def fails(statement: str) -> None:
        async with begin(SYSTEM) as connection:
            await connection.execute(text(statement), {"name": NAME, "email": EMAIL})

    for statement in tuple(statements):
        try:
            await fails(statement)
        except Exception:
            structlog.get_logger().exception("statement.failed")
            logging.getLogger("library").exception("it failed")
    app = FastAPI()

    @app.get("/{number}")
    async def broken(number: int) -> None:
        await fails(statements[number])

    async with asking(app) as browser:
        for number in range(4):
            assert found_in((await browser.get(f"/{number}")).text) == []
    working = asyncio.create_task(Worker("failing", step).run())
    await asyncio.sleep(0.1)
    working.cancel()
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": ValueError(NAME)}
    )
    assert "statement.failed" in log.getvalue()
    assert "worker.failed" in log.getvalue()
    assert "UndefinedColumn" in log.getvalue()
    assert found_in(log.getvalue()) == []


def test_what_a_server_says_of_a_request_that_broke(log: io.StringIO) -> None:
    app = FastAPI()

    @app.get("/broken/{words}")
    async def broken(words: str) -> None:
        raise ValueError(f"{words} {NAME}")

    with serving(app) as url:
        for headers in ({"Cookie": TOKEN}, {"Host": TOKEN, "X-Request-Id": PHONE}):
            answer = httpx.get(f"{url}/broken/{WORDS}?{EMAIL}", headers=headers)
            assert answer.status_code == 500
            assert found_in(answer.text) == []
    assert "Exception in ASGI application" in log.getvalue()
    assert found_in(log.getvalue()) == []
