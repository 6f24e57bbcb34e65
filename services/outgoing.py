"""What can be sent to somebody on WhatsApp.

Each kind checks itself against what WhatsApp takes: `content.check()` raises Invalid with a code
for each input, and what passes is in the shape that the Graph API asks for.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.errors import Invalid

FileKind = Literal["image", "document", "audio", "video"]

#: Characters that WhatsApp takes.
MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_BUTTONS_BODY = 1024
MAX_HEADER = 60
MAX_FOOTER = 60
MAX_BUTTON_TITLE = 20
MAX_ROW_TITLE = 24
MAX_ROW_DESCRIPTION = 72
MAX_PLACE = 1000
MAX_VALUE = 1024
#: Buttons of a message, and rows of a list over all its sections.
MAX_BUTTONS = 3
MAX_ROWS = 10

_TEMPLATE_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
_KEY = re.compile(r"((header|button):)?[A-Za-z0-9_]{1,60}")
_MANY_SPACES = re.compile(r"[\n\t\r]| {5,}")
#: Long enough for a family of four with skin tones, and for a flag.
_MAX_EMOJI = 40


@dataclass(frozen=True, slots=True)
class Text:
    body: str
    #: Whether WhatsApp shows what is behind the first link.
    preview_url: bool = True

    def check(self) -> None:
        _refuse(body=_text(self.body, MAX_TEXT))


@dataclass(frozen=True, slots=True)
class File:
    """A file with its content; what WhatsApp takes is said by `services.sending_files`."""

    kind: FileKind
    name: str
    content: bytes
    caption: str | None = None
    #: A voice note, played in place: OGG with Opus.
    voice: bool = False

    def check(self) -> None:
        caption = _optional(self.caption, MAX_CAPTION)
        if self.caption and self.kind == "audio":
            caption = "not_with_audio"
        _refuse(
            file=None if self.content else "empty",
            caption=caption,
            voice="not_audio" if self.voice and self.kind != "audio" else None,
        )


@dataclass(frozen=True, slots=True)
class Place:
    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None

    def check(self) -> None:
        _refuse(
            latitude=_degrees(self.latitude, 90),
            longitude=_degrees(self.longitude, 180),
            name=_optional(self.name, MAX_PLACE),
            # WhatsApp shows an address only below a name.
            address=_optional(self.address, MAX_PLACE)
            or ("without_name" if self.address and not self.name else None),
        )


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji on a message of the conversation, by its id; an empty one takes it back."""

    to: UUID
    emoji: str

    def check(self) -> None:
        is_word = any(c.isalpha() or c.isspace() for c in self.emoji)
        code = "not_an_emoji" if is_word or len(self.emoji) > _MAX_EMOJI else None
        _refuse(emoji=code or _optional(self.emoji, _MAX_EMOJI))


@dataclass(frozen=True, slots=True)
class Button:
    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """A text with one to three buttons that answer it."""

    body: str
    buttons: tuple[Button, ...]
    header: str | None = None
    footer: str | None = None

    def check(self) -> None:
        problems = {
            f"buttons.{n}": _text(button.title, MAX_BUTTON_TITLE) or _text(button.id, 256)
            for n, button in enumerate(self.buttons)
        }
        _refuse(
            body=_text(self.body, MAX_BUTTONS_BODY),
            header=_optional(self.header, MAX_HEADER),
            footer=_optional(self.footer, MAX_FOOTER),
            buttons=_number(len(self.buttons), MAX_BUTTONS)
            or _distinct([b.title for b in self.buttons])
            or _distinct([b.id for b in self.buttons]),
            **problems,
        )


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    title: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    #: May be empty where there is only one.
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """A text with a list to choose one row from; `button` opens it."""

    body: str
    button: str
    sections: tuple[Section, ...]
    header: str | None = None
    footer: str | None = None

    @property
    def rows(self) -> Iterator[Row]:
        for section in self.sections:
            yield from section.rows

    def check(self) -> None:
        problems = {
            f"rows.{n}": _text(row.title, MAX_ROW_TITLE)
            or _text(row.id, 200)
            or _optional(row.description, MAX_ROW_DESCRIPTION)
            for n, row in enumerate(self.rows)
        }
        titled = _text if len(self.sections) > 1 else _optional
        problems |= {
            f"sections.{n}": titled(section.title, MAX_ROW_TITLE)
            or (None if section.rows else "required")
            for n, section in enumerate(self.sections)
        }
        _refuse(
            body=_text(self.body, MAX_TEXT),
            button=_text(self.button, MAX_BUTTON_TITLE),
            header=_optional(self.header, MAX_HEADER),
            footer=_optional(self.footer, MAX_FOOTER),
            rows=_number(len(list(self.rows)), MAX_ROWS) or _distinct([r.id for r in self.rows]),
            **problems,
        )


@dataclass(frozen=True, slots=True)
class TemplateMessage:
    """A template that WhatsApp has approved, with what goes into its places.

    `values`: `1`, `2`, ... or names for the body; the same after `header:` for the header's text;
    `button:0` for the end of the first button's address.
    """

    name: str
    language: str
    values: Mapping[str, str]
    #: What stands above the text, where the template asks for a file.
    header: File | None = None

    def check(self) -> None:
        problems = {f"values.{key[:60]}": _value(key, text) for key, text in self.values.items()}
        _refuse(
            name=None if _TEMPLATE_NAME.fullmatch(self.name) else "not_a_name",
            language=None if _LANGUAGE.fullmatch(self.language) else "not_a_language",
            **problems,
        )
        if self.header is not None:
            self.header.check()


Content = Text | File | Place | Reaction | Buttons | Choices | TemplateMessage


def _refuse(**problems: str | None) -> None:
    found = {name: code for name, code in problems.items() if code is not None}
    if found:
        raise Invalid(found)


def _text(text: str, most: int) -> str | None:
    return _optional(text, most) or (None if text.strip() else "required")


def _optional(text: str | None, most: int) -> str | None:
    if text is None:
        return None
    if len(text) > most:
        return "too_long"
    # Neither can be stored or sent, and no keyboard writes them.
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        return "not_text"
    return None


def _value(key: str, text: str) -> str | None:
    if not _KEY.fullmatch(key):
        return "unknown_field"
    # WhatsApp refuses them inside of a template.
    return _text(text, MAX_VALUE) or ("not_one_line" if _MANY_SPACES.search(text) else None)


def _number(found: int, most: int) -> str | None:
    if found > most:
        return "too_many"
    return None if found else "required"


def _distinct(texts: list[str]) -> str | None:
    return None if len(set(texts)) == len(texts) else "not_distinct"


def _degrees(value: float, most: float) -> str | None:
    return None if math.isfinite(value) and abs(value) <= most else "not_a_place"
