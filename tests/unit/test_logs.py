"""Nothing personal and nothing secret reaches a log line or an error report."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sentry_sdk
import sqlalchemy.exc
import structlog
from sentry_sdk.integrations.logging import EventHandler
from sentry_sdk.types import Event
from sentry_sdk.utils import event_from_exception

from db.engine import ORIGIN
from services.logs import (
    App,
    Message,
    Receive,
    RequestId,
    Scope,
    Send,
    before_send,
    configure,
    configure_sentry,
)
from services.scrubbing import connection_problem

NAME = "Yamileth Kanarienvogel"
PHONE = "+34 600 111 222"
EMAIL = "yamileth@example.org"
KNOWN_ID = "7b0c8e52-3a4d-4f6e-9b1a-5c2d7e8f9a01"
TOKEN = "canary-EAAG0123456789abcdef"
CANARIES = ("Yamileth", "Kanarienvogel", "600 111 222", "600111222", "example.org", "EAAG0123")

log = structlog.get_logger()


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level, hook = root.handlers, root.level, sys.excepthook
    yield
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    structlog.configure(**configuration)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines() -> Callable[[], list[dict[str, Any]]]:
    stream = io.StringIO()
    configure("INFO", "json", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def console() -> io.StringIO:
    stream = io.StringIO()
    configure("INFO", "console", stream=stream)
    return stream


def fail(message: str) -> None:
    raise ValueError(message)


def assert_no_canary(output: object) -> None:
    told = json.dumps(output, ensure_ascii=False, default=str)
    assert [canary for canary in CANARIES if canary in told] == []


# One pipeline


def test_an_event_is_one_line_with_utc_time_level_and_values(lines: Any) -> None:
    log.info("delivery.stored", deliveries=3, took=0.25, ok=True)
    (line,) = lines()
    assert line["event"] == "delivery.stored"
    assert (line["deliveries"], line["took"], line["ok"]) == (3, 0.25, True)
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert line["logger"] == __name__


def test_a_library_that_uses_logging_goes_through_the_same_pipeline(lines: Any) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 42)
    logging.getLogger("alembic.runtime.migration").warning("Running upgrade for %s", PHONE)
    assert [line["event"] for line in lines()] == [
        "Started server process [42]",
        "Running upgrade for [number]",
    ]


@pytest.mark.parametrize("library", ["uvicorn.access", "httpx", "httpcore.connection"])
def test_a_library_that_tells_every_request_is_silent(lines: Any, library: str) -> None:
    logging.getLogger(library).info('GET /clients?search=%s "200 OK"', NAME)
    assert lines() == []


def test_lines_below_the_level_are_not_written(lines: Any) -> None:
    log.debug("too.quiet")
    logging.getLogger("nicegui").debug("too quiet")
    assert lines() == []


def test_a_line_break_in_a_value_cannot_forge_a_second_line(console: io.StringIO) -> None:
    log.warning("upload.refused", reason="odd\r\n2026-01-01 [info] sign_in.done\x1b[2K\u202e")
    assert len(console.getvalue().splitlines()) == 1
    assert r"odd\\r\\n2026" in console.getvalue()
    assert not {"\r", "\x1b", "\u202e"} & set(console.getvalue())


def test_a_line_that_cannot_be_written_is_reported_without_its_content(
    console: io.StringIO,
) -> None:
    wrong = {"name": "library", "msg": "%s %s", "args": (NAME,), "levelno": logging.ERROR}
    logging.getLogger().handlers[0].handle(logging.makeLogRecord(wrong))
    assert "a line of library could not be logged: TypeError" in console.getvalue()
    assert_no_canary(console.getvalue())


def test_the_current_standard_error_is_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    log.info("app.started")
    assert json.loads(capsys.readouterr().err)["event"] == "app.started"


# Canaries


@pytest.mark.parametrize(
    "key",
    [
        *("text", "body", "caption", "notes", "search", "filename", "payload", "url"),
        *("name", "client_name", "profileName", "phone", "from_phone", "email", "wa_id"),
        *("passport_or_nie", "token", "access_token", "Authorization", "cookie", "set-cookie"),
        *("password", "app_secret", "api_key"),
    ],
)
def test_a_key_that_holds_private_data_is_told_without_its_value(lines: Any, key: str) -> None:
    log.info("something.happened", **{key: NAME})
    log.info("something.happened", part={key: [NAME]})
    first, second = lines()
    assert first[key] == "[removed]"
    assert second["part"] == {key: "[removed]"}


def test_counts_are_told_whatever_they_are_called(lines: Any) -> None:
    log.info("deliveries.applied", messages=12, contacts=3, phone=600111222)
    (line,) = lines()
    assert (line["messages"], line["contacts"], line["phone"]) == (12, 3, "[removed]")


def test_canaries_in_values_keys_and_objects_do_not_come_out(lines: Any) -> None:
    class Person:
        def __repr__(self) -> str:
            return NAME

    log.info("something.happened", detail=f"from {PHONE} and {EMAIL}", who=Person(), **{EMAIL: 1})
    log.info("something.happened", nested={"a": [{PHONE: Person()}, (34600111222, b"Yamileth")]})
    logging.getLogger("library").error("sent to %s", EMAIL, extra={"token": TOKEN, "to": PHONE})
    assert len(lines()) == 3
    assert_no_canary(lines())


def test_canaries_in_exceptions_do_not_come_out(lines: Any) -> None:
    def chained() -> None:
        try:
            fail(NAME)
        except ValueError as error:
            raise KeyError(EMAIL) from error

    def grouped() -> None:
        raise ExceptionGroup(NAME, [ValueError(PHONE), OSError(2, "No such file", NAME)])

    for doing in (chained, grouped):
        try:
            doing()
        except (KeyError, ExceptionGroup) as error:
            log.exception("something.failed")
            logging.getLogger("nicegui").error(error, exc_info=error)
            logging.getLogger("asyncio").error(
                "never retrieved %r\n%s", error, NAME, exc_info=error
            )
    assert len(lines()) == 6
    assert_no_canary(lines())


def test_an_exception_is_told_by_types_and_places_with_its_cause_first(lines: Any) -> None:
    try:
        try:
            fail(NAME)
        except ValueError as error:
            raise ConnectionRefusedError(111, "Connection refused") from error
    except OSError:
        log.exception("something.failed")
    told = lines()[0]["exception"]
    cause, effect = told.split("\n\n")
    assert "in fail\n    raise ValueError(message)" in cause
    assert cause.endswith("\nValueError")
    assert effect.endswith("\nConnectionRefusedError (Connection refused, 111)")


def test_variables_are_no_part_of_a_traceback(lines: Any) -> None:
    def handle(secret: str) -> None:
        raise RuntimeError("stop")

    try:
        handle(TOKEN)
    except RuntimeError:
        log.exception("something.failed")
    assert_no_canary(lines())


def test_where_all_people_are_invented_an_exception_may_say_its_message() -> None:
    stream = io.StringIO()
    configure("INFO", "console", exception_messages=True, stream=stream)
    try:
        fail(f"unexpected shape from {PHONE}")
    except ValueError:
        log.exception("something.failed")
    assert "ValueError: unexpected shape from [number]" in stream.getvalue()


def test_a_crash_of_the_process_is_logged_like_any_other_exception(lines: Any) -> None:
    sys.excepthook(ValueError, ValueError(NAME), None)
    (line,) = lines()
    assert (line["event"], line["level"], line["exception"]) == (
        "process.crashed",
        "critical",
        "ValueError",
    )


# Starting without a database


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            'connection failed: connection to server at "10.0.0.7", port 5432 failed:'
            " Connection refused\n\tIs the server running on that host?",
            "Connection refused",
        ),
        (
            'connection failed: connection to server at "db.example.org", port 5432 failed:'
            ' FATAL:  password authentication failed for user "yamileth"',
            "password authentication failed for user [name]",
        ),
        (
            "failed to resolve host 'db.example.org': [Errno -2] Name or service not known",
            "failed to resolve host [name]: [Errno -2] Name or service not known",
        ),
        ('invalid sslmode value: "EAAG0123"', "invalid sslmode value: [name]"),
        ("", "OperationalError"),
    ],
)
def test_a_missing_connection_is_explained_without_host_login_and_options(
    said: str, reason: str
) -> None:
    error = psycopg.OperationalError(said)
    wrapped = sqlalchemy.exc.OperationalError(f"select {NAME}", {"phone": PHONE}, error)
    assert connection_problem(error) == reason
    assert connection_problem(wrapped) == reason


def test_of_an_answer_by_the_database_only_its_code_is_told() -> None:
    assert connection_problem(psycopg.errors.TooManyConnections(NAME)) == "SQLSTATE 53300"
    assert connection_problem(TimeoutError(NAME)) == "TimeoutError"


# Requests


async def _nothing_to_receive() -> Message:
    raise AssertionError


async def call(app: App, *headers: tuple[bytes, bytes], kind: str = "http") -> list[Message]:
    """Send a request through the middleware and return what the client receives."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": "GET", "path": f"/clients/{NAME}", "headers": list(headers)}
    await RequestId(app)(scope, _nothing_to_receive, send)
    return sent


def answering(status: int) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        log.info("request.seen")
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def test_a_request_has_one_id_in_its_lines_and_in_its_answer(lines: Any) -> None:
    first, _ = await call(answering(200))
    second, _ = await call(answering(200))
    ids = [dict(start["headers"])[b"x-request-id"].decode() for start in (first, second)]
    assert [line["request_id"] for line in lines()] == ids
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    "value",
    [
        *(b"short", b"x" * 65, b"with space", b"line\nbreak", b"\xc3\xb1" * 8, b""),
        *(b"34600111222", b"600-111-222", b"Y1234567X", b"Yamileth-Kanarienvogel"),
        *(b"0" * 32, KNOWN_ID.encode(), KNOWN_ID.replace("-", "").encode()),
    ],
)
async def test_nobody_chooses_the_id_of_their_request(lines: Any, value: bytes) -> None:
    start, _ = await call(answering(200), (b"x-request-id", value))
    assert dict(start["headers"])[b"x-request-id"] != value
    assert lines()[0]["request_id"] != value.decode()
    assert ORIGIN.get().request_id == lines()[0]["request_id"]


async def test_only_failures_of_ours_are_logged_and_never_the_path(lines: Any) -> None:
    for status in (200, 404):
        await call(answering(status))
    await call(answering(503))
    told = [line for line in lines() if line["event"] != "request.seen"]
    assert [(line["event"], line["level"], line["status"]) for line in told] == [
        ("request.failed", "error", 503)
    ]
    assert_no_canary(told)


async def test_on_debug_level_every_answer_is_logged() -> None:
    stream = io.StringIO()
    configure("DEBUG", "json", stream=stream)
    await call(answering(204))
    assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "request.answered"


async def test_the_servers_own_line_on_a_crash_has_the_id_of_the_request(lines: Any) -> None:
    async def crashing(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError(NAME)

    with pytest.raises(ValueError, match=NAME):
        await call(crashing)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n")
    told = ORIGIN.get().request_id
    assert told is not None
    assert lines()[0]["request_id"] == told


# Error reports


def test_a_report_has_the_exception_without_message_and_variables() -> None:
    try:
        fail(f"{NAME} {PHONE}")
    except ValueError as error:
        event, hint = event_from_exception(error)
    event["request"] = {"url": f"/clients/{NAME}", "data": NAME, "cookies": TOKEN}
    event["user"] = {"email": EMAIL}
    event["extra"] = {"sys.argv": ["create-admin", EMAIL], "client_name": NAME}
    sent = before_send(event, hint)
    assert sent is not None
    (told,) = sent["exception"]["values"]
    assert (told["type"], told["value"]) == ("ValueError", "")
    assert told["stacktrace"]["frames"][-1]["function"] == "fail"
    assert_no_canary(sent)


def test_a_report_of_a_log_line_says_what_the_line_says() -> None:
    configure("INFO", "json", stream=io.StringIO())
    events: list[Event] = []

    class Capturing(EventHandler):
        def emit(self, record: logging.LogRecord) -> None:
            event: Event = {"logentry": {"message": record.getMessage()}}
            told = before_send(event, {"log_record": record})
            assert told is not None
            events.append(told)

    logging.getLogger().addHandler(Capturing())
    log.error("delivery.failed", delivery=7, text=NAME)
    logging.getLogger("library").error("no %s\n%s", EMAIL, NAME)
    ours, theirs = events
    assert ours["logentry"] == {"message": "delivery.failed"}
    assert ours["extra"]["delivery"] == 7
    assert theirs["logentry"] == {"message": "no %s\\n%s"}
    assert_no_canary(events)


def test_what_leaves_for_sentry_is_as_bare_as_the_log(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import sys, structlog, sentry_sdk
from services.logs import configure, configure_sentry

configure("INFO", "json")
configure_sentry("http://key@127.0.0.1:9/1", "0.1.0")
envelopes = []
sentry_sdk.get_client().transport.capture_envelope = envelopes.append

def handle(name):
    raise ValueError("no " + name)

try:
    handle({NAME!r}[:])
except ValueError:
    structlog.get_logger().exception("delivery.failed", text={PHONE!r}, delivery=7)
for item in envelopes[0].items:
    print(item.payload.get_bytes().decode())
"""
    )
    ran = subprocess.run(
        [sys.executable, program, "create-admin", EMAIL],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(ran.stdout)
    assert report["release"] == "0.1.0"
    assert report["logentry"]["message"] == "delivery.failed"
    (told,) = report["exception"]["values"]
    assert told["type"] == "ValueError"
    for frame in told["stacktrace"]["frames"]:
        for source in ("context_line", "pre_context", "post_context"):
            frame.pop(source, None)  # the program itself, canaries and all
    assert_no_canary(report)
    assert_no_canary(json.loads(ran.stderr)["text"])


def test_without_an_address_nothing_is_reported() -> None:
    configure_sentry(None, "0.1.0")
    assert not sentry_sdk.get_client().is_active()
