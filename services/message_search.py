"""The search in what was said: all messages and notes, by their words.

Accents and case make no difference, in any language; the last word may be a beginning, and what
stands in quotes is found as it stands. Newest first. As in the list of clients, what few messages
hold is gathered by the index and sorted then, and what many hold is read in the order of time.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from services import audit
from services.actors import Staff
from services.permissions import Permission, requires

PAGE = 20
MOST_PAGES = 50
#: Letters of a question; what is longer is cut.
MOST_SEARCH = 200
_MOST_WORDS = 12
#: How many finds are gathered before they are sorted.
_GATHER = 3_000

Kind = Literal["message", "note"]

#: Around what was found, in what the database hands out; nobody types them.
_START, _STOP, _GAP = "\ue000", "\ue001", " … "


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a snippet."""

    words: str
    is_found: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A message or a note that holds the words."""

    kind: Kind
    #: Of the message as the conversation shows it: of one that was edited, the message itself.
    id: UUID
    client_id: UUID
    #: None for who has no name.
    client_name: str | None
    phone: str | None
    at: datetime
    #: Of a message; None for a note.
    direction: Literal["inbound", "outbound"] | None
    #: Of a note, if its author is still on the staff.
    author: str | None
    snippet: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    items: list[Found]
    page: int
    more: bool


@requires(Permission.READ_CLIENTS)
async def search_messages(actor: Staff, words: str, *, page: int = 1) -> FoundPage:
    """What was said with these words, newest first. Without a word that can be looked for: nothing.

    Audited as a search, with the clients it showed.
    """
    page = min(max(page, 1), MOST_PAGES)
    question = Question.of(words)
    if not question.parts:
        return FoundPage([], page, more=False)
    parameters: dict[str, Any] = {
        **question.parameters,
        "limit": PAGE + 1,
        "offset": (page - 1) * PAGE,
        "reach": page * PAGE + 1,
        "gather": _GATHER + 1,
    }
    async with begin(actor) as connection:
        rows = await _rows(connection, question, parameters)
        items = [_found(row) for row in rows[:PAGE]]
        shown = sorted({str(item.client_id) for item in items})
        await audit.record(
            connection,
            "search",
            table="messages",
            details={"found": len(items), "page": page, "shown": shown},
        )
    return FoundPage(items, page, more=len(rows) > PAGE and page < MOST_PAGES)


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: every part has to be there. `(words, kind)`; a `start` is the beginning
    of a word."""

    parts: tuple[tuple[str, Literal["words", "phrase", "start"]], ...]

    @classmethod
    def of(cls, typed: str) -> "Question":
        """Read what somebody typed; a quotation mark that is not closed holds to the end."""
        clean = typed[:MOST_SEARCH].replace("\0", " ")
        for mark in "“”«»„‟":
            clean = clean.replace(mark, '"')
        parts: list[tuple[str, Literal["words", "phrase", "start"]]] = []
        for n, piece in enumerate(clean.split('"')):
            if n % 2:
                if piece.split():
                    parts.append((piece, "phrase"))
                continue
            parts += [(word, "words") for word in piece.split() if any(map(str.isalnum, word))]
        parts = parts[:_MOST_WORDS]
        if parts and parts[-1][1] == "words" and not clean.endswith((" ", '"')):
            parts[-1] = (parts[-1][0], "start")
        return cls(tuple(parts))

    @property
    def query(self) -> str:
        """The tsquery, as SQL over the parameters."""
        functions = {
            "words": "plainto_tsquery('app_private.words', :part{n})",
            "phrase": "phraseto_tsquery('app_private.words', :part{n})",
            "start": "to_tsquery('app_private.words', :part{n})",
        }
        return " && ".join(functions[kind].format(n=n) for n, (_, kind) in enumerate(self.parts))

    @property
    def parameters(self) -> dict[str, str]:
        """The parts as their functions read them."""
        return {f"part{n}": _start(w) if k == "start" else w for n, (w, k) in enumerate(self.parts)}


def _start(word: str) -> str:
    quoted = re.sub(r"(['\\])", r"\1\1", word)
    return f"'{quoted}':*"


async def _rows(
    connection: AsyncConnection, question: Question, parameters: dict[str, Any]
) -> list[Any]:
    """The page's rows: gathered, and what many messages or many notes hold is walked instead.

    Each for itself: to walk where few match is to look at everything that was ever said.
    """
    rows = (await connection.execute(_statement(question, ()), parameters)).all()
    many: list[Kind] = []
    if rows and rows[0].messages > _GATHER:
        many.append("message")
    if rows and rows[0].notes > _GATHER:
        many.append("note")
    if many:
        rows = (await connection.execute(_statement(question, many), parameters)).all()
    return list(rows)


def _statement(question: Question, walked: Collection[Kind]) -> TextClause:
    hits = []
    for kind, (source, order) in _SOURCES.items():
        most = f"order by {order} limit :reach" if kind in walked else "limit :gather"
        hits.append(f"({source} where words @@ ({question.query}) {most})")
    return text(_PAGE.format(hits=" union all ".join(hits), query=question.query))


#: Both kinds as one, and the order in which each is walked.
_SOURCES: dict[Kind, tuple[str, str]] = {
    "message": (
        "select 'message' as kind, id, client_id, sent_at as at, seq, direction,"
        " null::uuid as author_id, text as said, type, target_id, phone_number_id"
        " from app_private.message_words",
        "sent_at desc, seq desc",
    ),
    "note": (
        "select 'note' as kind, id, client_id, created_at as at, 0::bigint as seq,"
        " null as direction, author_id, body as said, null as type, null as target_id,"
        " null as phone_number_id from app_private.note_words",
        "created_at desc",
    ),
}

#: The page's rows, with whom they are of and what is shown of them.
_PAGE = f"""
with hits as materialized ({{hits}}), page as (
  select *, (select count(*) from hits where kind = 'message') as messages,
    (select count(*) from hits where kind = 'note') as notes
  from hits order by at desc, seq desc limit :limit offset :offset
)
select p.kind, coalesce(edited.id, p.id) as id, p.client_id, c.display_name,
  (select i.value from client_identities i where i.client_id = p.client_id and i.kind = 'phone'
    and i.retired_at is null order by i.id desc limit 1) as phone,
  p.at, p.direction, s.name as author,
  ts_headline('app_private.words', left(p.said, 20000), {{query}},
    'StartSel={_START}, StopSel={_STOP}, MaxFragments=2, MaxWords=26, MinWords=12,'
    ' FragmentDelimiter="{_GAP}"') as snippet,
  p.messages, p.notes
from page p
join app_private.client_directory c on c.id = p.client_id
left join staff s on s.id = p.author_id
left join messages edited on p.type = 'edit' and edited.client_id = p.client_id
  and edited.phone_number_id = p.phone_number_id and edited.whatsapp_id = p.target_id
order by p.at desc, p.seq desc
"""  # noqa: S608 - constants of this module


def _found(row: Any) -> Found:
    return Found(
        kind=row.kind,
        id=row.id,
        client_id=row.client_id,
        client_name=row.display_name,
        phone=row.phone,
        at=row.at,
        direction=row.direction,
        author=row.author,
        snippet=_pieces(row.snippet),
    )


def _pieces(snippet: str) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for part in snippet.split(_START):
        found, stop, rest = part.partition(_STOP)
        if stop:
            pieces.append(Piece(found, is_found=True))
            part = rest
        if part:
            pieces.append(Piece(part, is_found=False))
    return tuple(pieces)
