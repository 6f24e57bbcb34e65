"""The search in what was said: all messages and notes, by their words.

Accents and case make no difference, in any language; the last word may be a beginning, and what
stands in quotes is found as it stands. Newest first. As in the list of clients, what few messages
hold is gathered by the index and sorted then, and what many hold is read in the order of time.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
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
    query = question.query
    gathered = (await connection.execute(text(_GATHERED.format(query=query)), parameters)).all()
    if gathered and gathered[0].gathered > _GATHER:
        return list((await connection.execute(text(_WALKED.format(query=query)), parameters)).all())
    return list(gathered)


#: What both ways end with: the page's rows, with whom they are of and what is shown of them.
_SHOWN = f"""
select p.kind, coalesce(edited.id, p.id) as id, p.client_id, c.display_name,
  (select i.value from client_identities i where i.client_id = p.client_id and i.kind = 'phone'
    and i.retired_at is null order by i.id desc limit 1) as phone,
  p.at, p.direction, s.name as author,
  ts_headline('app_private.words', left(p.said, 20000), {{query}},
    'StartSel={_START}, StopSel={_STOP}, MaxFragments=2, MaxWords=26, MinWords=12,'
    ' FragmentDelimiter="{_GAP}"') as snippet,
  p.gathered
from page p
join app_private.client_directory c on c.id = p.client_id
left join staff s on s.id = p.author_id
left join messages edited on p.type = 'edit' and edited.client_id = p.client_id
  and edited.phone_number_id = p.phone_number_id and edited.whatsapp_id = p.target_id
order by p.at desc, p.seq desc
"""  # noqa: S608 - constants of this module

_MESSAGE = """
  select 'message' as kind, m.id, m.client_id, m.sent_at as at, m.seq, m.direction,
    null::uuid as author_id, m.text as said, m.type, m.target_id, m.phone_number_id
  from app_private.message_words m
"""
_NOTE = """
  select 'note' as kind, n.id, n.client_id, n.created_at as at, 0::bigint as seq,
    null as direction, n.author_id, n.body as said, null as type, null as target_id,
    null as phone_number_id
  from app_private.note_words n
"""

_GATHERED = f"""
with hits as materialized (
  ({_MESSAGE} where m.words @@ ({{query}}) limit :gather)
  union all
  ({_NOTE} where n.words @@ ({{query}}) limit :gather)
), page as (
  select *, (select count(*) from hits) as gathered from hits
  order by at desc, seq desc limit :limit offset :offset
)
{_SHOWN}
"""  # noqa: S608

_WALKED = f"""
with hits as (
  ({_MESSAGE} where m.words @@ ({{query}}) order by m.sent_at desc, m.seq desc limit :reach)
  union all
  ({_NOTE} where n.words @@ ({{query}}) order by n.created_at desc limit :reach)
), page as (
  select *, 0 as gathered from hits order by at desc, seq desc limit :limit offset :offset
)
{_SHOWN}
"""  # noqa: S608


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
