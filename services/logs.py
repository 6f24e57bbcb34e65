"""Logs and error reports: one pipeline for our own lines and those of every library.

    configure("INFO", "json")
    log = structlog.get_logger()
    log.info("delivery.stored", deliveries=3)

What people write, who they are and what opens doors stays out: see `services.scrubbing`. Exceptions
are told by type and place; their messages quote data, so they are left out unless
`exception_messages` says that all people here are invented.
"""

import logging
import secrets
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

import structlog
from structlog.contextvars import bind_contextvars, reset_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from db.engine import ORIGIN, Origin
from services.scrubbing import describe, first_line, scrub

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

log = structlog.get_logger()

Format = Literal["console", "json"]

_OF_ALL: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def _to_logging(logger: WrappedLogger, name: str, event: EventDict) -> tuple[Any, dict[str, Any]]:
    """Hand an event to `logging`, with its exception where error reporting looks for it."""
    positional, named = structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, name, event)
    return positional, {**named, "exc_info": event.get("exc_info")}


#: One list for good: loggers keep it, and `structlog.testing.capture_logs` changes it in place.
_OF_OURS: list[Processor] = [
    structlog.stdlib.filter_by_level,
    *_OF_ALL,
    _to_logging,
]
#: Libraries that tell each request or frame at INFO, addresses and all.
_QUIET = ("httpx", "httpcore", "asyncio", "urllib3", "watchfiles", "engineio", "socketio")
#: Servers that bring handlers of their own.
_OURS_ALONE = ("uvicorn", "uvicorn.error", "uvicorn.access")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def configure(
    level: str,
    fmt: Format,
    *,
    exception_messages: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to `stream` (standard error). May be called again.

    Start uvicorn with `log_config=None`, or it takes its lines back.
    """
    structlog.configure(
        processors=_OF_OURS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: list[Processor] = (
        [structlog.processors.JSONRenderer()]
        if fmt == "json"
        else [structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())]
    )
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_OF_ALL, structlog.stdlib.ExtraAdder()],
            processors=[_Private(exception_messages=exception_messages), *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _OURS_ALONE:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # The path and query of each request would be in it.
    logging.getLogger("uvicorn.access").disabled = True
    sys.excepthook = _log_crash


def configure_sentry(dsn: str | None, release: str) -> None:
    """Report errors to Sentry, as bare as the log lines; without a `dsn`, nothing at all."""
    if not dsn:
        return
    import sentry_sdk
    from sentry_sdk.integrations.argv import ArgvIntegration

    sentry_sdk.init(
        dsn=dsn,
        release=release,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        trace_propagation_targets=[],
        auto_enabling_integrations=False,
        disabled_integrations=[ArgvIntegration()],  # `create-admin EMAIL`
        before_send=before_send,
    )


def before_send(event: "Event", hint: "Hint") -> "Event | None":
    """Leave of an error report what a log line would say of it."""
    report: dict[str, Any] = dict(event)
    for part in ("request", "user", "breadcrumbs", "server_name", "modules", "message"):
        report.pop(part, None)
    for part in ("extra", "contexts", "tags"):
        if part in report:
            report[part] = scrub(report[part])
    record = hint.get("log_record")
    if record is None:
        report.pop("logentry", None)
    elif isinstance(record.msg, dict):  # one of ours
        report["logentry"] = {"message": scrub(str(record.msg.get("event")))}
        report["extra"] = scrub({**record.msg, "exc_info": None})
    else:
        report["logentry"] = {"message": first_line(str(scrub(record.msg)))}
    for exception in report.get("exception", {}).get("values", []):
        exception["value"] = ""
        for frame in exception.get("stacktrace", {}).get("frames", []):
            frame.pop("vars", None)
    return cast("Event", report)


class RequestId:
    """ASGI middleware: each request has an id, in its log lines, its answer and the audit log.

    Plain ASGI and nothing read, because every delivery passes through it.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        # Never one that came along: the audit log counts on nobody choosing it.
        request_id = secrets.token_hex(8)
        header = (b"x-request-id", request_id.encode())
        start = perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
                status = message["status"]
                if status >= _SERVER_ERROR:
                    log.error("request.failed", **_told(scope, status, start))
                elif _LOGGER.isEnabledFor(logging.DEBUG):
                    log.debug("request.answered", **_told(scope, status, start))
            await send(message)

        tokens = bind_contextvars(request_id=request_id)
        client = scope.get("client")
        ORIGIN.set(Origin(client[0] if client else None, request_id))
        # On an exception the id stays bound: the server logs it in this same task, which ends.
        await self.app(scope, receive, answer)
        reset_contextvars(**tokens)


_LOGGER = logging.getLogger(__name__)
_SERVER_ERROR = 500


def _told(scope: Scope, status: int, start: float) -> dict[str, Any]:
    # The route's template: the path itself is the visitor's to choose.
    return {
        "method": scope.get("method"),
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "ms": round((perf_counter() - start) * 1000, 1),
    }


#: Made by this module, and safe by construction.
_OWN = ("timestamp", "level", "logger", "stack", "request_id")


class _Private:
    """The processor that every line passes last, before it is rendered."""

    def __init__(self, *, exception_messages: bool) -> None:
        self.exception_messages = exception_messages

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event.pop("_record")
        ours = event.pop("_from_structlog")
        event.pop("color_message", None)  # uvicorn says it twice
        error = _exception(event.pop("exc_info", None))
        if not ours and isinstance(record.msg, BaseException):
            # log.exception(error): its text is the message.
            error = error or record.msg
            event["event"] = type(record.msg).__name__
        if not ours and error is not None:
            event["event"] = first_line(event["event"], without=error)
        kept = {name: event.pop(name) for name in _OWN if name in event}
        scrubbed: EventDict = {"event": scrub(event.pop("event")), **scrub(event), **kept}
        if error is not None:
            scrubbed["exception"] = describe(error, messages=self.exception_messages)
        return scrubbed


def _exception(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    found = (
        exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else (None, None)
    )
    return found[1] if isinstance(found[1], BaseException) else None


class _Handler(logging.StreamHandler[Any]):
    """Writes to what standard error is at that moment, and never shows a line it cannot write."""

    def __init__(self, stream: TextIO | None) -> None:
        self._fixed = stream
        super().__init__()

    @property
    def stream(self) -> Any:
        return self._fixed or sys.stderr

    @stream.setter
    def stream(self, _: Any) -> None:
        pass  # the base class sets it once; ours is looked up

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        error = sys.exc_info()[0]
        name = error.__name__ if error else "unknown"
        self.stream.write(f"a line of {record.name} could not be logged: {name}\n")


def _log_crash(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("process.crashed", exc_info=error)
