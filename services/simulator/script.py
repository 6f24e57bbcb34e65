"""The demo's conversations as they are written down, one file a person in `demo_conversations/`.

    name = "Amina"             # as WhatsApp has it
    wa_id = "34600000199"      # digits; left out when the person hides the number
    bsuid = "MA.1"             # and `username` where there is one
    languages = ["es"]

    [[days]]
    ago = 3                    # working days before today; 0 is today
    messages = [
      { at = "10:12", they = "Buenos días" },    # what the person wrote, then our answer
      { at = "10:40", name = "cita", we = "Tiene cita el {+2}." },
      { at = "10:41", kind = "reaction", to = "cita", they = "🙏" },
    ]

Times are Europe/Madrid. Today's lines have `minutes` before now in place of `at`. `{+2}` and
`{-2}` in the words are dates so many working days from today. `kind` is one of KINDS, and the
words are then the caption, the emoji, the name of the place or of the card, or nothing.
"""

import tomllib
from dataclasses import dataclass, fields
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any, Literal

from services.simulator.wire import Sender

KINDS = (
    "text",
    "image",
    "video",
    "voice",
    "document",
    "sticker",
    "location",
    "contacts",
    "own_number",
    "reaction",
    "button",
    "edit",
    "delete",
    "number_change",
    "unsupported",
)

STATES = ("sent", "delivered", "read", "failed")

_FOLDER = Path(__file__).parent / "demo_conversations"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that one side did."""

    author: Literal["they", "we"]
    words: str
    #: Working days before today.
    ago: int
    at: time | None = None
    minutes: int | None = None
    kind: str = "text"
    #: Label that later lines use in `to` and `quotes`.
    name: str | None = None
    #: The line that a reaction, edit or deletion belongs to.
    to: str | None = None
    quotes: str | None = None
    forwarded: bool = False
    #: How far an answer of ours came: sent, delivered, read or failed (with `error`, Meta's code).
    state: str = "read"
    error: int | None = None
    file: str | None = None
    address: str | None = None
    latitude: float = 0.0
    longitude: float = 0.0
    #: E.164, of a contact card.
    phone: str | None = None
    #: Who the person is after a change of number.
    wa_id: str | None = None
    bsuid: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """A person and the conversation with them, oldest first."""

    #: Name of the file; message ids are derived from it.
    key: str
    sender: Sender
    #: ISO 639-1 codes of what the person writes.
    languages: tuple[str, ...]
    lines: tuple[Line, ...]


@cache
def scripts() -> tuple[Script, ...]:
    """Return every demo conversation. ValueError, naming the file, for a slip of the pen in one."""
    return tuple(
        parse(path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(_FOLDER.glob("*.toml"))
    )


def parse(key: str, content: str) -> Script:
    """Read one conversation. ValueError, naming `key`, if it says anything but the above."""
    try:
        data = tomllib.loads(content)
        lines = [
            _line(day["ago"], message) for day in data.pop("days") for message in day["messages"]
        ]
        _check(lines)
        sender = Sender(
            wa_id=data.pop("wa_id", None),
            bsuid=data.pop("bsuid"),
            profile_name=data.pop("name"),
            username=data.pop("username", None),
        )
        script = Script(key, sender, tuple(data.pop("languages")), tuple(lines))
        if data:
            raise ValueError(f"unknown keys {sorted(data)}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"demo conversation {key}: {error!r}") from error
    return script


def _line(ago: int, message: dict[str, Any]) -> Line:
    values = dict(message)
    unknown = set(values) - {field.name for field in fields(Line)} - {"they", "we"}
    if unknown or ("they" in values) == ("we" in values):
        raise ValueError(f"{message} needs one of they and we, and knows no {sorted(unknown)}")
    author: Literal["they", "we"] = "they" if "they" in values else "we"
    words = values.pop(author)
    if "at" in values:
        values["at"] = time.fromisoformat(values["at"])
    return Line(author, words, ago, **values)


def _check(lines: list[Line]) -> None:
    """Refuse what would come out in another order than written, or hang in the air."""
    names: set[str] = set()
    earlier: Line | None = None
    for line in lines:
        if (line.minutes is not None) != (line.ago == 0) or (line.at is not None) != (line.ago > 0):
            raise ValueError(f"{line.words!r} needs `minutes` today and `at` before")
        if earlier and _place(line) < _place(earlier):
            raise ValueError(f"{line.words!r} comes before the line above it")
        if line.kind not in KINDS:
            raise ValueError(f"{line.kind!r} is no kind of message")
        if line.state not in STATES:
            raise ValueError(f"{line.state!r} is nothing an answer can come to")
        if dangling := {line.to, line.quotes} - {None} - names:
            raise ValueError(f"no earlier line is called {dangling}")
        if line.name:
            names.add(line.name)
        earlier = line


def _place(line: Line) -> tuple[int, time, int]:
    return (-line.ago, line.at or time.min, -(line.minutes or 0))
