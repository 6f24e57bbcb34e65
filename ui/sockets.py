"""What a connected browser may say: in the name of its own page, in the right shape, not too fast.

Lines for the server's log are ignored altogether: a browser could write anything into it. What is
ignored is told by a line in a while, however much of it comes.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

import structlog
from nicegui import Client, core

log = structlog.get_logger()

#: Events of one page: so many a second for long, and so many at once. Typing is about ten.
EVENTS_A_SECOND = 20.0
EVENTS_AT_ONCE = 100.0
#: What a browser answers by itself, as often as the server speaks.
ANSWERS_A_SECOND = 200.0
ANSWERS_AT_ONCE = 1000.0
#: Seconds between two lines about the same kind of nonsense.
QUIET = 60.0


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    is_told: bool = False


_buckets: WeakKeyDictionary[Client, dict[str, _Bucket]] = WeakKeyDictionary()
#: Kind of nonsense -> when it was told.
_told: dict[str, float] = {}


def guard_sockets() -> None:
    """Ignore what names another page than the socket's own, nonsense, and floods of events."""
    handlers = core.sio.handlers["/"]
    if getattr(handlers["event"], "is_guard", False):
        return
    for name in _EVENTS:
        core.sio.on(name, _guarded(name, handlers[name]))
    core.sio.on("handshake", _guarded_handshake(handlers["handshake"]))
    core.sio.on("connect", _guarded_connect(handlers["connect"]))
    core.sio.on("log", _ignore)
    _guard_packets()


def _guarded(name: str, original: Callable[[str, Any], None]) -> Callable[..., None]:
    has_shape = _EVENTS[name]

    def guarded(sid: str, *arguments: Any) -> None:
        message: Any = arguments[0] if arguments else None
        page = message.get("client_id") if isinstance(message, dict) else None
        if not isinstance(page, str):
            _tell("gate.malformed_event")
        elif page not in core.sio.rooms(sid):
            _tell("gate.foreign_event")
        elif _is_flood(page, name):
            pass
        elif not has_shape(message):
            _tell("gate.malformed_event")
        elif name != "event" or _has_listener(page, message):
            original(sid, message)

    guarded.is_guard = True  # type: ignore[attr-defined]
    return guarded


def _guarded_handshake(original: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded(sid: str, *arguments: Any) -> bool:
        message = arguments[0] if arguments else None
        if not isinstance(message, dict) or not _is_handshake(message):
            _tell("gate.malformed_handshake")
            return False
        return bool(await original(sid, message))

    return guarded


def _guarded_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    """A socket may shake hands in its query, without an event."""

    async def guarded(sid: str, environ: Any, auth: Any = None) -> None:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        told = {name: values[0] for name, values in query.items()}
        if told.get("implicit_handshake") == "true" and not _is_handshake(told):
            _tell("gate.malformed_handshake")
            raise ConnectionRefusedError
        await original(sid, environ, auth)

    return guarded


def _guard_packets() -> None:
    """Let only events with a name through that may come from a browser.

    Socket.IO would look up whatever stands in place of the name, and take one that says `connect`
    or `disconnect` for its own word.
    """
    original = core.sio._handle_event
    if getattr(original, "is_guard", False):
        return

    async def guarded(eio_sid: str, namespace: str, id: int | None, data: Any) -> None:
        if isinstance(data, list) and data and data[0] in (*_EVENTS, "handshake"):
            await original(eio_sid, namespace, id, data)
        elif not isinstance(data, list) or data[:1] != ["log"]:
            _tell("gate.malformed_event")

    guarded.is_guard = True  # type: ignore[attr-defined]
    core.sio._handle_event = guarded
    # Packets that cannot be read at all are told by the library, with a traceback each.
    core.sio.eio.logger.addFilter(_is_rare)


def _ignore(sid: str, *arguments: Any) -> None:
    """Make nothing of what a browser says."""


def _tell(event: str) -> None:
    if _may_tell(event):
        log.warning(event)


def _is_rare(record: logging.LogRecord) -> bool:
    return _may_tell(str(record.msg))


def _may_tell(event: str) -> bool:
    now = time.monotonic()
    if now - _told.get(event, -QUIET) < QUIET:
        return False
    _told[event] = now
    return True


def _is_flood(page: str, name: str) -> bool:
    """Count an event of a page; whether it is one too many. The first of a flood is logged."""
    client = Client.instances.get(page)
    if client is None:
        return False
    pressed = name == "event"
    at_once = EVENTS_AT_ONCE if pressed else ANSWERS_AT_ONCE
    a_second = EVENTS_A_SECOND if pressed else ANSWERS_A_SECOND
    now = time.monotonic()
    kind = "events" if pressed else "answers"
    bucket = _buckets.setdefault(client, {}).setdefault(kind, _Bucket(at_once, now))
    bucket.left = min(at_once, bucket.left + (now - bucket.at) * a_second)
    bucket.at = now
    if bucket.left >= 1:
        bucket.left -= 1
        return False
    if not bucket.is_told:
        bucket.is_told = True
        log.warning("gate.too_many_events")
    return True


def _has_listener(page: str, message: dict[str, Any]) -> bool:
    """Whether there is somebody to hear it still: a press may cross with a change of its page."""
    client = Client.instances.get(page)
    element = client.elements.get(message["id"]) if client else None
    return element is not None and message["listener_id"] in element._event_listeners


def _is_event(message: dict[str, Any]) -> bool:
    arguments = message.get("args", [])
    return (
        isinstance(message.get("id"), int)
        and isinstance(message.get("listener_id"), str)
        and isinstance(arguments, list)
        and all(argument is None or _is_json(argument) for argument in arguments)
    )


def _is_handshake(message: dict[str, Any]) -> bool:
    number = message.get("next_message_id")
    return (
        all(isinstance(message.get(name), str) for name in ("client_id", "tab_id", "document_id"))
        and isinstance(message.get("old_tab_id"), str | None)
        and (number is None or isinstance(number, int) or _is_number(number))
    )


def _is_number(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 19


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


#: The events of NiceGUI's that do something here, and what each has to look like.
_EVENTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "event": _is_event,
    "javascript_response": lambda message: isinstance(message.get("request_id"), str),
    "ack": lambda message: isinstance(message.get("next_message_id"), int),
}
