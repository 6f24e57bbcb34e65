"""What the classifier looks for: the built-in keywords, which an admin can switch off, and the
organisation's own.

A change counts from the next message on, in every process: what is looked for is read in the very
transaction that applies a delivery (`vocabulary_in`). News over LISTEN can come late or be lost,
and a copy with an age is old for that long; both would propose by words that were changed before
the message came. Two small tables cost one round trip a batch, and the tree that is searched is
built anew only when they say something else.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import disabled_keywords, own_keywords, staff
from services import classification, keywords
from services.actors import Actor, Staff
from services.classification import BUILT_IN, Located, Proposal
from services.clients import ProfileType
from services.errors import Conflict, Invalid, NotFound
from services.keywords import KEYWORD_TYPES, Entry, Keyword, Vocabulary, is_one_clause
from services.keywords.words import MAX_CHARACTERS, excerpt
from services.permissions import Permission, requires
from services.rows import hold_row, remove_row

MOST_PHRASE = 60
#: Letters and digits: a single one stands in too many sentences by chance.
LEAST_PHRASE = 2
#: Keywords of the organisation: more than anybody keeps in order.
MOST_OWN = 300
#: What one message may hold.
MOST_TEXT = MAX_CHARACTERS

#: Languages a keyword of the organisation can be in; "" is any.
LANGUAGES = (
    *keywords.LANGUAGES,
    *("uk", "ru", "wo", "zh", "bn", "ur", "ka", "ro", "hi"),
)


@dataclass(frozen=True, slots=True)
class OwnKeyword:
    """A keyword of the organisation."""

    id: UUID
    phrase: str
    #: "" is any: the classifier looks for every keyword in every message, whatever its language.
    language: str
    profile_type: ProfileType
    weight: float
    updated_at: datetime
    #: The name of whoever changed it last, if they are still known.
    updated_by: str | None = None


@dataclass(frozen=True, slots=True)
class BuiltInKeyword:
    """An entry of the keyword files, and whether the classifier looks for it."""

    entry: Entry
    is_on: bool


@dataclass(frozen=True, slots=True)
class KeywordList:
    """All there is, whether it is looked for or not."""

    own: list[OwnKeyword]
    built_in: list[BuiltInKeyword]


@dataclass(frozen=True, slots=True)
class Trial:
    """What the classifier makes of a text that nobody has sent."""

    proposal: Proposal
    #: In order of appearance.
    located: list[Located]


@requires(Permission.READ_CLIENTS)
async def list_keywords(actor: Actor) -> KeywordList:
    """The organisation's keywords by phrase, and the built-in ones in the order of the files."""
    k = own_keywords.c
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(own_keywords, staff.c.name.label("who"))
            .join(staff, staff.c.id == k.updated_by, isouter=True)
            .order_by(func.lower(k.phrase), k.id)
        )
        own = [_own(row) for row in rows.mappings()]
        disabled = await _disabled(connection)
    built_in = [
        BuiltInKeyword(entry, (entry.keyword.language, entry.keyword.text) not in disabled)
        for entry in BUILT_IN.entries
    ]
    return KeywordList(own, built_in)


@requires(Permission.READ_CLIENTS)
async def try_out(actor: Actor, message: str) -> Trial:
    """What would be proposed if somebody wrote this. It is kept nowhere, and told to nobody."""
    async with begin(actor) as connection:
        vocabulary = await vocabulary_in(connection)
    located = classification.locate_evidence(message, vocabulary)
    return Trial(classification.propose(piece.evidence for piece in located), located)


@requires(Permission.MANAGE_DESK)
async def add_keyword(
    actor: Staff, *, phrase: str, language: str, profile_type: str, weight: float
) -> UUID:
    """Look for a phrase from now on; the keyword's id.

    Raises Invalid with `phrase`, `language`, `profile_type` or `weight`, and Conflict:
    `own_has_it`, `built_in_has_it`, `passed_over`, `too_many_keywords`.
    """
    id = uuid4()
    who = {"created_by": actor.id, "updated_by": actor.id}
    async with begin(actor) as connection:
        values = await _checked(connection, phrase, language, profile_type, weight)
        await _insert(connection, {"id": id, **values, **who})
    return id


@requires(Permission.MANAGE_DESK)
async def change_keyword(
    actor: Staff,
    keyword_id: UUID,
    *,
    phrase: str,
    language: str,
    profile_type: str,
    weight: float,
    expected: datetime | None = None,
) -> OwnKeyword:
    """Change a keyword of the organisation; returns what it was. `expected` is the `updated_at` it
    was read with.

    Raises what `add_keyword` does, NotFound, and Conflict `changed_meanwhile`.
    """
    async with begin(actor) as connection:
        row = await hold_row(connection, own_keywords, keyword_id, expected)
        values = await _checked(
            connection, phrase, language, profile_type, weight, without=keyword_id
        )
        try:
            await connection.execute(
                update(own_keywords)
                .where(own_keywords.c.id == keyword_id)
                .values(**values, updated_by=actor.id, updated_at=func.now())
            )
        except IntegrityError:
            raise Conflict("own_has_it", "phrase") from None
        return _own(row)


@requires(Permission.MANAGE_DESK)
async def delete_keyword(actor: Staff, keyword_id: UUID) -> OwnKeyword:
    """Look for it no longer; returns it, for `restore_keyword`. Raises NotFound."""
    async with begin(actor) as connection:
        return _own(await remove_row(connection, own_keywords, keyword_id))


@requires(Permission.MANAGE_DESK)
async def restore_keyword(actor: Staff, keyword: OwnKeyword) -> None:
    """Put back what was removed. Raises what `add_keyword` does: things may have changed."""
    async with begin(actor) as connection:
        values = await _checked(
            connection, keyword.phrase, keyword.language, keyword.profile_type, keyword.weight
        )
        await _insert(connection, {"id": keyword.id, **values, "updated_by": actor.id})


@requires(Permission.MANAGE_DESK)
async def switch_off(actor: Staff, language: str, keyword: str) -> None:
    """Look for a built-in keyword no longer. Raises NotFound."""
    _entry(language, keyword)
    async with begin(actor) as connection:
        await connection.execute(
            upsert(disabled_keywords)
            .values(language=language, keyword=keyword, disabled_by=actor.id)
            .on_conflict_do_nothing()
        )


@requires(Permission.MANAGE_DESK)
async def switch_on(actor: Staff, language: str, keyword: str) -> None:
    """Look for a built-in keyword again.

    Raises NotFound, and Conflict `own_has_it` where the organisation has one of its phrases by now.
    """
    phrases = {" ".join(BUILT_IN.words_of(one)) for one in _entry(language, keyword).phrases}
    async with begin(actor) as connection:
        taken = select(own_keywords.c.id).where(own_keywords.c.folded.in_(phrases)).limit(1)
        if await connection.scalar(taken) is not None:
            raise Conflict("own_has_it")
        d = disabled_keywords.c
        await connection.execute(
            delete(disabled_keywords).where(d.language == language, d.keyword == keyword)
        )


async def vocabulary_in(connection: AsyncConnection) -> Vocabulary:
    """What is looked for at this moment of a transaction."""
    row = (await connection.execute(_READ)).one()
    return _vocabulary(row.own, row.disabled)


#: As JSON: what is the same text is the same vocabulary.
_READ = text("""
select
  (select jsonb_agg(jsonb_build_array(phrase, profile_type, coalesce(language, ''), weight)
     order by id) from own_keywords)::text as own,
  (select jsonb_agg(jsonb_build_array(language, keyword) order by language, keyword)
     from disabled_keywords)::text as disabled
""")


@lru_cache(maxsize=2)
def _vocabulary(own: str | None, disabled: str | None) -> Vocabulary:
    """Some 30 ms when something was changed."""
    if own is None and disabled is None:
        return BUILT_IN
    return keywords.load(
        own=[Keyword(*row) for row in json.loads(own or "[]")],
        disabled=frozenset((row[0], row[1]) for row in json.loads(disabled or "[]")),
    )


async def _checked(
    connection: AsyncConnection,
    phrase: str,
    language: str,
    profile_type: str,
    weight: float,
    *,
    without: UUID | None = None,
) -> dict[str, Any]:
    """The values as they are stored. `without` is the keyword that they are to replace."""
    problems: dict[str, str] = {}
    if language not in ("", *LANGUAGES):
        problems["language"] = "unknown_language"
    if profile_type not in KEYWORD_TYPES:
        problems["profile_type"] = "unknown_type"
    # NaN fails both comparisons.
    if not 0 < weight < 1:
        problems["weight"] = "not_a_weight"
    # White space collapsed; without what cannot be stored or seen.
    phrase = excerpt(phrase, at_most=len(phrase))
    words = BUILT_IN.words_of(phrase)
    if problem := _problem(phrase, words):
        problems["phrase"] = problem
    if problems:
        raise Invalid(problems)
    await _check_against_others(connection, words, without)
    keyword = Keyword(phrase, cast(ProfileType, profile_type), language, weight)
    await _check_that_it_is_found(connection, keyword)
    return {
        "phrase": phrase,
        "folded": " ".join(words),
        "language": language or None,
        "profile_type": profile_type,
        "weight": weight,
    }


def _problem(phrase: str, words: Sequence[str]) -> str | None:
    """What is wrong with a phrase, whatever else there is."""
    if not phrase:
        return "missing"
    if len(phrase) > MOST_PHRASE:
        return "too_long"
    if not is_one_clause(words):
        return "not_one_clause"
    if len("".join(words)) < LEAST_PHRASE:
        return "too_short"
    return "says_nothing" if BUILT_IN.says_nothing(words) else None


async def _check_against_others(
    connection: AsyncConnection, words: Sequence[str], without: UUID | None
) -> None:
    k = own_keywords.c
    others = select(k.folded).where(k.id.is_distinct_from(without))
    folded = list(await connection.scalars(others))
    if " ".join(words) in folded:
        raise Conflict("own_has_it", "phrase")
    if len(folded) >= MOST_OWN:
        raise Conflict("too_many_keywords")
    disabled = await _disabled(connection)
    holding = BUILT_IN.meaning_of(words)
    if holding is not None:
        keyword = holding.affirmed or holding.lacking
        if keyword is None:
            raise Conflict("passed_over", "phrase")
        if (keyword.language, keyword.text) not in disabled:
            raise Conflict("built_in_has_it", "phrase")


async def _check_that_it_is_found(connection: AsyncConnection, keyword: Keyword) -> None:
    """Small words in a row, or another keyword that ends where the phrase goes on, can hide it."""
    disabled = await _disabled(connection)
    vocabulary = keywords.load(own=[keyword], disabled=frozenset(disabled))
    found = classification.find_evidence(keyword.text, vocabulary)
    if not any(
        piece.keyword == keyword.text and piece.profile_type == keyword.profile_type
        for piece in found
        if not piece.negated
    ):
        raise Invalid({"phrase": "never_found"})


async def _insert(connection: AsyncConnection, values: dict[str, Any]) -> None:
    try:
        await connection.execute(insert(own_keywords).values(**values))
    except IntegrityError:
        # A colleague was quicker.
        raise Conflict("own_has_it", "phrase") from None


async def _disabled(connection: AsyncConnection) -> set[tuple[str, str]]:
    d = disabled_keywords.c
    rows = await connection.execute(select(d.language, d.keyword))
    return {(language, keyword) for language, keyword in rows}


def _entry(language: str, keyword: str) -> Entry:
    for entry in BUILT_IN.entries:
        if (entry.keyword.language, entry.keyword.text) == (language, keyword):
            return entry
    raise NotFound


def _own(row: RowMapping) -> OwnKeyword:
    return OwnKeyword(
        id=row["id"],
        phrase=row["phrase"],
        language=row["language"] or "",
        profile_type=row["profile_type"],
        weight=row["weight"],
        updated_at=row["updated_at"],
        updated_by=row.get("who"),
    )
