"""Replies that the team writes once and uses often, in several languages, with places that fill
themselves in.

A place is written `{{nombre}}`. What there is stands in `VARIABLES`; anything else is refused when
the reply is written, so that nobody is ever sent a pair of braces.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.engine import begin
from db.tables import canned_replies, staff
from services.actors import Staff, System
from services.errors import Conflict, Invalid
from services.permissions import Permission, requires
from services.rows import hold_row, remove_row

#: What fills itself in. `nombre`: the client's first name; `mi_nombre`: that of whoever writes.
VARIABLES = ("nombre", "nombre_completo", "mi_nombre", "mi_nombre_completo")
#: Where there is no text in the person's language.
FALLBACK = "es"

MOST_SHORTCUT = 32
MOST_TITLE = 80
#: What WhatsApp takes in one message.
MOST_TEXT = 4096
MOST_LANGUAGES = 20

_SHORTCUT = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
#: What no line of text holds; in a name also what turns the order of letters around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Named(Protocol):
    """A client, as far as a reply needs to know them."""

    @property
    def name(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class CannedReply:
    """A reply, ready to be used. `texts`: language -> text."""

    id: UUID
    shortcut: str
    title: str
    texts: Mapping[str, str]
    updated_at: datetime
    #: The name of whoever changed it last, if they are still known.
    updated_by: str | None = None

    def text_in(self, language: str | None) -> str:
        """The text in a language, else in Spanish, else whatever there is."""
        wanted = (language or "").replace("_", "-").split("-")[0].lower()
        for code in (wanted, FALLBACK):
            if code in self.texts:
                return self.texts[code]
        return next(iter(self.texts.values()), "")


@requires(Permission.CHANGE_CLIENTS)
async def list_canned(actor: Staff) -> list[CannedReply]:
    """Every reply, by shortcut."""
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(canned_replies, staff.c.name.label("who"))
            .join(staff, staff.c.id == canned_replies.c.updated_by, isouter=True)
            .order_by(canned_replies.c.shortcut)
        )
        return [_reply(row) for row in rows.mappings()]


@requires(Permission.CHANGE_CLIENTS)
async def create_canned(
    actor: Staff, *, shortcut: str, title: str, texts: Mapping[str, str]
) -> UUID:
    """Add a reply; its id.

    Raises Invalid with `shortcut`, `title` or a language, Conflict when the shortcut is taken.
    """
    values = _checked(shortcut, title, texts)
    who = {"created_by": actor.id, "updated_by": actor.id}
    return await _insert(actor, {"id": uuid4(), **values, **who})


@requires(Permission.CHANGE_CLIENTS)
async def update_canned(
    actor: Staff,
    reply_id: UUID,
    *,
    shortcut: str,
    title: str,
    texts: Mapping[str, str],
    expected: datetime | None = None,
) -> None:
    """Change a reply. `expected` is the `updated_at` it was read with.

    Raises what `create_canned` does, NotFound, and Conflict `changed_meanwhile`.
    """
    values = _checked(shortcut, title, texts)
    try:
        async with begin(actor) as connection:
            await hold_row(connection, canned_replies, reply_id, expected)
            await connection.execute(
                update(canned_replies)
                .where(canned_replies.c.id == reply_id)
                .values(**values, updated_by=actor.id, updated_at=func.now())
            )
    except IntegrityError:
        raise Conflict("shortcut_taken", "shortcut") from None


@requires(Permission.CHANGE_CLIENTS)
async def delete_canned(actor: Staff, reply_id: UUID) -> CannedReply:
    """Remove a reply; returns it, for `restore_canned`. Raises NotFound."""
    async with begin(actor) as connection:
        return _reply(await remove_row(connection, canned_replies, reply_id))


@requires(Permission.CHANGE_CLIENTS)
async def restore_canned(actor: Staff, reply: CannedReply) -> None:
    """Put back what was removed. Raises Conflict when its shortcut has another reply now."""
    values = _checked(reply.shortcut, reply.title, reply.texts)
    await _insert(actor, {"id": reply.id, **values, "updated_by": actor.id})


@requires(Permission.SYSTEM)
async def add_demo_replies(
    actor: System, replies: Sequence[tuple[str, str, dict[str, str]]]
) -> None:
    """Add (shortcut, title, texts) where there is no reply at all yet."""
    async with begin(actor) as connection:
        if await connection.scalar(select(func.count()).select_from(canned_replies)):
            return
        rows = [_checked(*reply) for reply in replies]
        await connection.execute(insert(canned_replies), rows)


def filled(reply: CannedReply, client: Named, writer: Staff, language: str | None) -> str:
    """The text for this client, in their language where there is one, ready to be sent.

    Where the client has no name the place closes up: `Hola {{nombre}}:` becomes `Hola:`.
    """
    return fill(reply.text_in(language), client.name, writer.name)


def fill(text: str, client_name: str | None, writer_name: str) -> str:
    """`filled` for a text of any origin; places that are none of ours stay as they are."""
    client, writer = (_plain(name or "") for name in (client_name, writer_name))
    values = {
        "nombre": _first(client),
        "nombre_completo": client,
        "mi_nombre": _first(writer),
        "mi_nombre_completo": writer,
    }
    for name, value in values.items():
        place = re.compile(r"\{\{\s*" + name + r"\s*\}\}")
        if not value:
            text = re.sub(r"^" + place.pattern + r"\s*[,:;]?\s*", "", text, flags=re.MULTILINE)
            text = re.sub(r"[ \t]*" + place.pattern, "", text)
        text = place.sub(lambda _, value=value: value, text)  # type: ignore[misc]
    return text


def unknown_variables(text: str) -> list[str]:
    """The places of a text that nothing would fill in, as they are written."""
    found = (match[1] for match in _PLACE.finditer(text))
    unknown = [name for name in found if name not in VARIABLES]
    if not unknown and ("{{" in (left := _PLACE.sub("", text)) or "}}" in left):
        return ["{{"]
    return list(dict.fromkeys(unknown))


def search(replies: Sequence[CannedReply], words: str) -> list[CannedReply]:
    """Replies that the words fit, best first: the beginning of the shortcut, of the title's words,
    then any place of title, shortcut or text. Accents and capitals do not count."""
    wanted = _folded(words.strip().removeprefix("/")).split()
    if not wanted:
        return list(replies)
    ranked = []
    for reply in replies:
        shortcut, title = _folded(reply.shortcut), _folded(reply.title)
        everything = " ".join([shortcut, title, *map(_folded, reply.texts.values())])
        if not all(word in everything for word in wanted):
            continue
        starts = any(part.startswith(wanted[0]) for part in title.split())
        ranked.append((not shortcut.startswith(wanted[0]), not starts, reply.shortcut, reply))
    return [reply for *_, reply in sorted(ranked, key=lambda found: found[:3])]


async def _insert(actor: Staff, values: dict[str, Any]) -> UUID:
    try:
        async with begin(actor) as connection:
            await connection.execute(insert(canned_replies).values(**values))
    except IntegrityError:
        raise Conflict("shortcut_taken", "shortcut") from None
    id: UUID = values["id"]
    return id


def _checked(shortcut: str, title: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The values as they are stored. Raises Invalid: `text:fr` is the field of a French text."""
    problems: dict[str, str] = {}
    shortcut, title = shortcut.strip().removeprefix("/").lower(), title.strip()
    if not _SHORTCUT.fullmatch(shortcut):
        problems["shortcut"] = "missing" if not shortcut else "not_a_shortcut"
    if not title or len(title) > MOST_TITLE or _CONTROL.search(title) or "\n" in title:
        problems["title"] = (
            "missing" if not title else "too_long" if len(title) > MOST_TITLE else "not_text"
        )
    kept: dict[str, str] = {}
    for language, given in texts.items():
        said = given.replace("\r\n", "\n").strip()
        if not said:
            continue
        field = f"text:{language}"
        if not _LANGUAGE.fullmatch(language):
            problems["texts"] = "unknown_language"
        elif len(said) > MOST_TEXT:
            problems[field] = "too_long"
        elif _CONTROL.search(said):
            problems[field] = "not_text"
        elif unknown_variables(said):
            problems[field] = "unknown_variable"
        kept[language] = said
    if not kept:
        problems.setdefault("texts", "missing")
    elif len(kept) > MOST_LANGUAGES:
        problems["texts"] = "too_many"
    if problems:
        raise Invalid(problems)
    return {"shortcut": shortcut, "title": title, "texts": kept}


def _reply(row: RowMapping) -> CannedReply:
    return CannedReply(
        id=row["id"],
        shortcut=row["shortcut"],
        title=row["title"],
        texts=dict(row["texts"]),
        updated_at=row["updated_at"],
        updated_by=row.get("who"),
    )


def _first(name: str) -> str:
    return name.split(maxsplit=1)[0] if name.split() else ""


def _plain(name: str) -> str:
    """A name as a line of text; braces in it are no places."""
    return " ".join(_NOT_IN_NAMES.sub(" ", name).replace("{{", "{").replace("}}", "}").split())


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
