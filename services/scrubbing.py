"""What may be said of data in a log line or an error report: shapes, counts and ids, no people.

A value is left out by the name it goes by, and what is left is searched for what betrays itself:
phone numbers, document numbers, e-mail addresses, queries of URLs, message ids (a wamid has the
phone number inside). A name in free text betrays nothing; so never log free text.
"""

import re
import traceback
from collections.abc import Iterator, Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import psycopg

REMOVED = "[removed]"

#: A key with one of these words in it holds what people say, or who they are. Numbers below a
#: million may be told: they are counts, as in `messages=3`.
_OF_PEOPLE = frozenset(
    [
        *("text", "texts", "body", "bodies", "caption", "content", "contents", "payload", "raw"),
        *("message", "messages", "preview", "note", "notes", "reply", "query", "search", "value"),
        *("file", "filename", "media", "url", "uri", "link", "params", "parameters", "args"),
        *("name", "names", "username", "surname", "phone", "phones", "telephone", "mobile"),
        *("number", "numbers", "email", "emails", "mail", "wa", "wamid", "bsuid", "address"),
        *("birth", "birthday", "passport", "nie", "dni", "contact", "profile", "person"),
    ]
)
#: And with one of these, what opens doors.
_OF_DOORS = frozenset(
    [
        *("token", "tokens", "authorization", "auth", "cookie", "cookies", "password", "passwords"),
        *("secret", "secrets", "key", "keys", "credential", "credentials", "session", "otp"),
        *("signature", "jwt", "csrf", "dsn", "header", "headers", "pin"),
    ]
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}", re.ASCII)

#: Telephone and document numbers in a text have seven digits or more; Meta's error codes six.
_TELLING = re.compile(
    r"""
      (?P<keep>
          [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}           # UUID
        | (?<!\w)(?=\d*[a-f])[0-9a-f]{16,64}(?!\w)               # hash, random id
        | (?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?   # date, time
        # IPv4
        | (?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\.?\d)
      )
    | (?P<credentials>(?<=://)[^\s/@]+@)
    | (?P<query>(?<=[\w/])\?[^\s"'<>]+)
    | (?P<wamid>wamid\.[\w+/=-]+)
    | (?P<email>[^\s@<>"'(),:;=\[\]]{1,64}@[^\s@<>"'(),:;=\[\]]{1,255})
    | (?P<jwt>eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?)
    | (?P<number>\+?\d(?:[\s().\-/\u2010-\u2015]{0,2}\d){6,})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(r"""(["']).*?\1""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MILLION = 10**6
_MAX_TEXT, _MAX_ITEMS, _MAX_DEPTH = 2_000, 50, 5


def scrub(value: Any, *, depth: int = 0) -> Any:
    """Return what may be said of a value, as plain JSON data on one line."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # Durations and sizes pass; telephone numbers have nine digits or more.
        return value if abs(value) < 10**8 else "[number]"
    if isinstance(value, str):
        return scrub_text(str(value))
    if isinstance(value, UUID | date | PurePath):
        return scrub_text(str(value))
    if isinstance(value, Enum):
        return scrub(value.value, depth=depth)
    if isinstance(value, type):
        return value.__name__
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        items = list(value.items())[:_MAX_ITEMS]
        return {_key(key): _entry(key, item, depth + 1) for key, item in items}
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [scrub(item, depth=depth + 1) for item in list(value)[:_MAX_ITEMS]]
    # Anything else would say whatever its __repr__ likes.
    return f"[{type(value).__name__}]"


def scrub_text(text: str) -> str:
    """Mask what betrays itself in a text, and put it on one line."""
    masked = _TELLING.sub(_mask, text[:_MAX_TEXT])
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], masked)


def first_line(text: str, *, without: BaseException | None = None) -> str:
    """The first line of another's message, `without` the words of the exception it tells of."""
    for error in _chain(without):
        for quoted in (repr(error), str(error)):
            if len(quoted) > 1:
                text = text.replace(quoted, type(error).__name__)
    return text.strip().partition("\n")[0]


def describe(error: BaseException, *, messages: bool = False) -> str:
    """An exception by types and places, innermost cause first; source lines, never variables.

    Of its message only what the system itself says is told (SQLSTATE, errno), unless `messages`.
    """
    blocks = []
    for part in _chain(error):
        frames = "".join(traceback.format_tb(part.__traceback__))
        blocks.append(f"{frames}{_headline(part, messages=messages)}")
    return "\n\n".join(reversed(blocks))


def connection_problem(error: BaseException) -> str:
    """Why there is no connection to Postgres, for whoever starts the app, on one line.

    `error` is psycopg's or SQLAlchemy's. What libpq quotes (hosts, logins, options) is left out.
    """
    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, psycopg.Error):
        return type(cause).__name__
    if cause.sqlstate is not None:
        return f"SQLSTATE {cause.sqlstate}"
    reason = first_line(str(cause)).rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
    return scrub_text(_QUOTED.sub("[name]", reason)) or type(cause).__name__


def _headline(error: BaseException, *, messages: bool) -> str:
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    if messages:
        return f"{name}: {scrub_text(str(error))}"
    facts = [error.strerror] if isinstance(error, OSError) else []
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        facts.append(first_line(str(error)))  # libpq on a connection: addresses, no data
    facts += [getattr(error, fact, None) for fact in ("sqlstate", "status_code", "errno")]
    told = ", ".join(str(fact) for fact in facts if isinstance(fact, int | str))
    return f"{name} ({scrub_text(told)})" if told else name


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, what caused it, and the members of groups, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(seen) < _MAX_ITEMS:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            waiting.extend(current.exceptions)
        waiting.append(
            current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        )


def _key(key: object) -> str:
    text = str(key)
    if not _PLAIN_KEY.fullmatch(text):
        return "[key]"
    return scrub_text(text)


def _entry(key: object, value: Any, depth: int) -> Any:
    words = {word.lower() for word in _WORDS.findall(str(key))}
    harmless = value is None or isinstance(value, bool)
    counted = harmless or (isinstance(value, int | float) and abs(value) < _MILLION)
    if (words & _OF_DOORS and not harmless) or (words & _OF_PEOPLE and not counted):
        return REMOVED
    return scrub(value, depth=depth)


def _mask(match: re.Match[str]) -> str:
    if match["keep"]:
        return match[0]
    if match["query"]:
        return "?[query]"
    if match["credentials"]:
        return "[credentials]@"
    return f"[{match.lastgroup}]"
