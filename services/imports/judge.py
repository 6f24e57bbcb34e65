# ruff: noqa: S608 - statements are put together from our own texts; values are parameters or quoted
"""What an import would do with each row of a file: judged in sets, nothing written to clients.

Staged lines become rows of `import_rows`, each with one of six results. Values that Postgres can
read by itself it reads; phones that are not plainly the chosen country's go through `phonenumbers`,
each distinct one once, off the loop.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services import phones
from services.client_edits import LENGTHS
from services.clients import PROFILE_TYPES
from services.imports import mapping as mappings
from services.imports.files import CELL
from services.imports.mapping import Field, Mapping

Tell = Callable[[float], Awaitable[None]]

RESULTS = (
    *("new", "updated", "unchanged"),
    *("duplicate_in_file", "duplicate_in_database", "invalid"),
)
#: Distinct phones that one turn in a thread looks at.
_PHONES = 5_000
#: Fields of a client that a file can say, in the order in which problems are told.
_WRITTEN: tuple[Field, ...] = (
    *("name", "phone", "email", "passport_or_nie", "profile_type", "language", "notes"),
)
_READ_FIELDS: tuple[Field, ...] = ("id", *_WRITTEN)
#: Of these, what nothing else would find a formula in.
_TEXTS = ("name", "email", "passport_or_nie", "notes")
_LOST = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+")
_FORMULA = re.compile(r"=\"(.*)\"")
#: What nobody sees at the ends of a value: blanks, marks of direction, a byte order mark.
_BLANKS = (
    " \t\n\r\u00a0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2066\u2067\u2068\u2069\ufeff"
)
_BETWEEN_DIGITS = " .-()\u00a0\u2011\u2013"


def read_phone(written: str, region: str) -> tuple[str | None, str | None]:
    """E.164 of a phone as files have it, or the code of what is wrong with it."""
    cell = found[1] if (found := _FORMULA.fullmatch(written)) else written
    cell = cell.strip(_BLANKS).removeprefix("'").strip(_BLANKS)
    if _LOST.fullmatch(cell):
        return None, "digits_lost"
    if cell.startswith("="):
        return None, "formula"
    # What a spreadsheet made of a number, and nothing that anybody dials.
    if re.fullmatch(r"\d{7,15}\.0", cell):
        cell = cell[:-2]
    number = phones.parse(cell, region)
    if number is not None and (region != "ES" or _is_plausible(number)):
        return number, None
    digits = re.sub(r"\D", "", cell)
    if not cell.startswith("+") and len(digits) >= 10 and phones.parse(f"+{digits}"):
        return None, "country_code_missing"
    return None, "not_a_phone"


def _is_plausible(number: str) -> bool:
    """Spain has nine digits, and nobody dials a shorter one with the country code."""
    return not number.startswith("+34") or len(number) == 12


async def judge(
    connection: AsyncConnection, import_id: UUID, mapping: Mapping, first_row: int, tell: Tell
) -> dict[str, int]:
    """Judge the staged lines from `first_row` on; how many rows there are of each result.

    Replaces what was judged before. In the caller's transaction, as the software.
    """
    await _settle_down(connection)
    await connection.execute(
        text("delete from import_rows where import_id = :id"), {"id": import_id}
    )
    await connection.execute(text("drop table if exists pg_temp.judged, pg_temp.read_phones"))
    await connection.execute(
        _READ(mapping), {"id": import_id, "first": first_row, **_words(mapping)}
    )
    await tell(0.25)
    await _read_phones(connection, mapping, tell)
    await tell(0.5)
    await connection.execute(text("analyze pg_temp.judged"))
    milliseconds = f"{time.time_ns() // 1_000_000:012x}"
    moment = f"{milliseconds[:8]}-{milliseconds[8:]}-7"
    await connection.execute(_match(mapping), {"id": import_id, "moment": moment})
    await tell(0.9)
    counts = await _count(connection, import_id)
    if counts["duplicate_in_file"]:
        for doubtful in (_RELATIVES, _REPEATS_OF_REPEATS):
            await connection.execute(doubtful, {"id": import_id})
        counts = await _count(connection, import_id)
    return {"rows": sum(counts.values())} | counts


async def _count(connection: AsyncConnection, import_id: UUID) -> dict[str, int]:
    counted = await connection.execute(
        text("select result, count(*) as n from import_rows where import_id = :id group by result"),
        {"id": import_id},
    )
    found = {row.result: row.n for row in counted}
    return {result: found.get(result, 0) for result in RESULTS}


async def _settle_down(connection: AsyncConnection) -> None:
    """A million rows take longer than a page's statement may, and want room to be sorted in."""
    for setting in ("statement_timeout = '30min'", "work_mem = '96MB'", "jit = off"):
        await connection.execute(text(f"set local {setting}"))


def _words(mapping: Mapping) -> dict[str, Any]:
    words = {
        "profiles": json.dumps(mappings.PROFILE_WORDS),
        "languages": json.dumps(mappings.LANGUAGE_WORDS),
    }
    used = {"profiles": "profile_type", "languages": "language"}
    return {name: said for name, said in words.items() if used[name] in mapping.columns}


def _raw(mapping: Mapping, name: Field) -> str:
    """SQL for a value without what nobody sees around it; null where there is no such column."""
    if name == "name":
        parts = [_cell(mapping, part) for part in mappings.NAME_PARTS if part in mapping.columns]
        if len(parts) > 1:
            given = ", ".join(f"nullif({part}, '')" for part in parts)
            return f"concat_ws(' ', {given})"
        return parts[0] if parts else "null::text"
    return _cell(mapping, name)


def _cell(mapping: Mapping, name: Field) -> str:
    if name not in mapping.columns:
        return "null::text"
    cell = f"btrim(c[{mapping.columns.index(name) + 1}], {_quoted(_BLANKS)})"
    if name == "notes":
        line = _quoted("\n")
        return f"replace(replace({cell}, {_quoted(chr(13) + chr(10))}, {line}), E'\\r', {line})"
    return f"translate({cell}, {_quoted(chr(9) + chr(10) + chr(13))}, '   ')"


def _unquoted(name: str) -> str:
    """Without the mark that spreadsheets, and our own exports, put before a formula's beginning."""
    return (
        f"nullif(case when r.{name} like '''%' and r.{name} ~ {_quoted(_MARKED)}"
        f" then substr(r.{name}, 2) else r.{name} end, '')"
    )


_MARKED = "^.[=+@'\uff1d\uff0b\uff0d\uff20-]"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")


def _quoted(value: str) -> str:
    """A constant as SQL, in which nothing is special."""
    return "E'" + "".join(c if c in _PLAIN else f"\\U{ord(c):08x}" for c in value) + "'"


def _READ(mapping: Mapping) -> Any:  # noqa: N802 - a statement, made for each mapping
    """Lines as values: one pass, no row compared with another."""
    plain_key = "regexp_replace(app_private.normalise(v.{0}), '[^a-z0-9]', '', 'g')"
    profile = (
        f"coalesce(cast(:profiles as jsonb) ->> {plain_key.format('profile_type')}, v.profile_type)"
        if "profile_type" in mapping.columns
        else "null::text"
    )
    language = (
        f"coalesce(cast(:languages as jsonb) ->> {plain_key.format('language')},"
        " case when length(v.language) <= 3 then lower(v.language) else v.language end)"
        if "language" in mapping.columns
        else "null::text"
    )
    raw = ", ".join(f"{_raw(mapping, name)} as {name}" for name in _READ_FIELDS)
    values = ", ".join(f"{_unquoted(name)} as {name}" for name in _READ_FIELDS)
    formulas = ", ".join(f"case when r.{name} like '=%' then '{name}' end" for name in _TEXTS)
    digits = f"translate(v.phone, {_quoted(_BETWEEN_DIGITS)}, '')"
    plainly = f"""case
        when v.phone ~ '^[0-9]+[.]0$' then null
        when {digits} ~ '^[6789][0-9]{{8}}$' then '+34' || {digits}
        when {digits} ~ '^([+]|00)34[6789][0-9]{{8}}$' then '+34' || right({digits}, 9) end"""
    phone = plainly if mapping.region == "ES" else "null::text"
    width = len(mapping.columns)
    strange = _quoted("[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1e\\x7f-\\x9f]")
    return text(f"""
    create temp table judged on commit drop as
    select v.row, v.is_wide, v.is_strange, v.formulas, v.id as own_id, v.name, v.phone as written,
      {phone} as phone, v.email, v.passport_or_nie, v.notes, {language} as language,
      {profile} as profile_type
    from (
      select r.row, r.is_wide, r.is_strange, case when r.has_equals then
          array_remove(array[{formulas}], null) else '{{}}' end as formulas, {values} from (
        select l.row, cardinality(c) > {width} and array_to_string(c[{width + 1} :], '') <> ''
            as is_wide, l.line ~ {strange} as is_strange,
          strpos(l.line, '=') > 0 as has_equals, {raw}
        from (select row, line, string_to_array(line, {_quoted(CELL)}) as c
          from import_lines where import_id = :id and row >= :first offset 0) l offset 0
      ) r offset 0
    ) v
    """)


async def _read_phones(connection: AsyncConnection, mapping: Mapping, tell: Tell) -> None:
    await connection.execute(
        text(
            "create temp table read_phones (written text, phone text, problem text) on commit drop"
        )
    )
    if "phone" not in mapping.columns:
        return
    rows = await connection.execute(
        text("select distinct written from judged where phone is null and written is not null")
    )
    waiting = list(rows.scalars())
    for start in range(0, len(waiting), _PHONES):
        some = waiting[start : start + _PHONES]
        read = await asyncio.to_thread(_read_all, some, mapping.region)
        await connection.execute(_ADD_PHONES, {"rows": read})
        await tell(0.25 + 0.25 * start / len(waiting))
    await connection.execute(text("analyze pg_temp.read_phones"))


def _read_all(written: list[str], region: str) -> list[tuple[str, str | None, str | None]]:
    return [(one, *read_phone(one, region)) for one in written]


_ADD_PHONES = text(
    "insert into read_phones select value ->> 0, value ->> 1, value ->> 2"
    " from jsonb_array_elements(:rows)"
).bindparams(bindparam("rows", type_=JSONB))


#: A version 7 UUID (RFC 9562): the moment, the row where the standard has a counter, and 56 bits of
#: chance. New clients lie side by side, in the file's order, in every index that ends in their id.
_NEW_ID = (
    "overlay(gen_random_uuid()::text placing :moment || lpad(to_hex(w.row / 256 % 4096), 3, '0')"
    " || '-8' || lpad(to_hex(w.row % 256), 2, '0') from 1 for 22)::uuid"
)


def _match(mapping: Mapping) -> Any:
    """Values against one another and against the clients: the result of each row."""
    known: set[Field | None] = set(mapping.columns)
    if known & set(mappings.NAME_PARTS):
        known.add("name")
    problems = ", ".join(f"case when {when} then '{code}' end" for when, code in _problems(known))
    email = "email" in known
    nie = "passport_or_nie" in known
    phone = "phone" in known

    ctes = [
        f"""valued as materialized (
      select j.row, j.own_id, j.name, coalesce(j.phone, p.phone) as phone, j.email,
        {"lower(j.email)" if email else "null::text"} as email_key,
        {"app_private.document_key(j.passport_or_nie)" if nie else "null::text"} as nie_key,
        j.passport_or_nie, j.notes, j.language, j.profile_type,
        array_remove(array[{problems}], null) as problems
      from judged j left join read_phones p on j.phone is null and p.written = j.written
    )"""
    ]
    joins, said = [], []
    if "id" in known:
        joins.append(
            "left join clients by_id on by_id.id::text = lower(v.own_id) and v.problems = '{}'"
        )
        said.append("by_id.id")
    if phone:
        ctes.append(
            """known_phones as materialized (
      select distinct on (value) value, client_id from (
        select value, client_id, 1 as rank from client_identities
          where kind = 'phone' and retired_at is null and value in (select phone from valued)
        union all
        select '+' || value, client_id, 2 from client_identities
          where kind = 'wa_id' and retired_at is null
            and value in (select substr(phone, 2) from valued)
        union all
        select app_private.phone_variant(value), client_id, 3 from client_identities
          where kind = 'phone' and retired_at is null and value ~ '^[+]5[245]'
        union all
        select app_private.phone_variant('+' || value), client_id, 4 from client_identities
          where kind = 'wa_id' and retired_at is null and value ~ '^5[245]'
      ) spellings where value is not null order by value, rank
    ),
    ours as (
      select '+' || regexp_replace(display_phone_number, '\\D', '', 'g') as phone
      from whatsapp_numbers
    )"""
        )
        joins.append("left join known_phones by_phone on by_phone.value = v.phone")
        said.append("by_phone.client_id")
    if email:
        joins.append("left join clients by_email on lower(by_email.email) = v.email_key")
        said.append("by_email.id")
    if nie:
        ctes.append(
            """known_nies as materialized (
      select nie, array_agg(id) as client_ids from (
        select id, app_private.document_key(passport_or_nie) as nie
        from clients where passport_or_nie is not null
      ) documents where nie in (select nie_key from valued) group by nie
    )"""
        )
        joins.append("left join known_nies by_nie on by_nie.nie = v.nie_key")
    certain = f"coalesce({', '.join(said)})" if said else "null::uuid"
    found = f"coalesce({certain}, by_nie.client_ids[1])" if nie else certain
    clashes = [f"{one} <> {certain}" for one in said[1:]]
    if nie:
        # Clients may share a document: which of them is meant has to be said by something else.
        clashes.append(
            f"case when {certain} is null then cardinality(by_nie.client_ids) > 1"
            f" else {certain} <> all (by_nie.client_ids) end"
        )
    two = " or ".join(clashes) or "false"
    other = "false"
    if nie and "name" in known and (phone or email):
        # A family's phone: another document, and a name that is no more or less of the same one.
        met = [one for one in said if one != "by_id.id"]
        joins.append(f"left join clients met on met.id = coalesce({', '.join(met)})")
        theirs, own_name = _name_words("met.name"), _name_words("v.name")
        other = (
            "v.nie_key <> app_private.document_key(met.passport_or_nie)"
            f" and not ({own_name} <@ {theirs} or {theirs} <@ {own_name})"
        )
        if "id" in known:
            other += " and by_id.id is null"
    own = "exists (select from ours o where o.phone = v.phone)" if phone else "false"
    missing = "v.own_id is not null and by_id.id is null" if "id" in known else "false"
    ctes.append(
        f"""found as materialized (
      select v.*, {found} as client_id, case when v.problems <> '{{}}' then v.problems
        when {missing} then array['id:not_found']
        when {two} then array['row:two_clients']
        when {other} then array['row:another_person']
        when {own} then array['phone:own_number'] else '{{}}' end as all_problems
      from valued v {" ".join(joins)}
    )"""
    )
    # Whoever comes first in the file is meant; rows that cannot be used shadow nobody.
    keys = [k for k, there in (("phone", phone), ("email_key", email), ("nie_key", nie)) if there]
    keys.append("client_id")
    doubles = " union all ".join(
        f"select {k}::text as value, '{k}' as kind, min(row) as first from found"
        f" where {k} is not null and all_problems = '{{}}' group by {k} having count(*) > 1"
        for k in keys
    )
    ctes.append(f"doubles as materialized ({doubles})")
    double_joins = " ".join(
        f"left join doubles d_{k} on d_{k}.kind = '{k}' and d_{k}.value = f.{k}::text" for k in keys
    )
    firsts = ", ".join(f"d_{k}.first" for k in keys)
    differs = {
        "name": "f.name is not null and f.name is distinct from app_private.tidy(c.display_name)",
        "phone": "f.phone is not null and coalesce(f.phone <> all (i.phones), true)",
        "email": "f.email is not null and lower(f.email) is distinct from lower(c.email)",
        "passport_or_nie": "f.passport_or_nie is not null"
        " and f.passport_or_nie is distinct from app_private.tidy(c.passport_or_nie)",
        "notes": "f.notes is not null and f.notes is distinct from app_private.tidy_lines(c.notes)",
        "language": "f.language is not null"
        " and lower(f.language) is distinct from lower(c.language)",
        "profile_type": "f.profile_type is not null and f.profile_type <> c.profile_type",
    }
    empty = {
        "name": "c.name is null",
        "phone": "i.phones is null",
        "email": "c.email is null",
        "passport_or_nie": "c.passport_or_nie is null",
        "notes": "c.notes is null",
        "language": "c.language is null",
        "profile_type": "c.profile_source is null",
    }
    told = [name for name in _WRITTEN if name in known]
    differing = ", ".join(f"case when {differs[name]} then '{name}' end" for name in told)
    filling = ", ".join(
        f"case when ({differs[name]}) and {empty[name]} then '{name}' end" for name in told
    )
    chosen = {"skip": "'{}'::text[]", "fill": "w.filling", "overwrite": "w.differing"}
    ctes.append(
        f"""weighed as (
      select f.*, c.id as there, c.updated_at as as_of, least({firsts}) as first,
        array_remove(array[{differing or "null"}]::text[], null) as differing,
        array_remove(array[{filling or "null"}]::text[], null) as filling
      from found f {double_joins}
      left join clients c on c.id = f.client_id and f.all_problems = '{{}}'
      left join lateral (select array_agg(x.value) as phones from (
          select value from client_identities where client_id = c.id and kind = 'phone'
            and retired_at is null
          union select '+' || value from client_identities where client_id = c.id
            and kind = 'wa_id' and retired_at is null
          union select app_private.phone_variant(value) from client_identities
            where client_id = c.id and kind = 'phone' and retired_at is null
              and value ~ '^[+]5[245]') x) i on c.id is not null
    )"""
    )
    defaults = {name: _quoted(said) for name, said in mapping.defaults.items()}
    value = {
        name: f"coalesce(w.{name}, case when w.there is null then {defaults[name]} end)"
        if name in defaults
        else f"w.{name}"
        for name in _WRITTEN
    }
    return text(
        f"""with {", ".join(ctes)}
    insert into import_rows (import_id, row, result, problems, other_row, client_id, as_of, fields,
      name, phone, email, passport_or_nie, notes, language, profile_type)
    select :id, w.row, r.result, w.all_problems,
      case when r.result = 'duplicate_in_file' then w.first end,
      case when r.result = 'new' then {_NEW_ID} else w.there end,
      case when r.result = 'updated' then w.as_of end,
      case when r.result = 'updated' then {chosen[mapping.existing]} else '{{}}' end,
      {value["name"]}, w.phone, w.email, w.passport_or_nie, {value["notes"]}, {value["language"]},
      {value["profile_type"]}
    from weighed w cross join lateral (select case
      when w.all_problems <> '{{}}' then 'invalid'
      when w.first < w.row then 'duplicate_in_file'
      when w.there is null then 'new'
      when w.differing = '{{}}' then 'unchanged'
      when {chosen[mapping.existing]} <> '{{}}' then 'updated'
      when '{mapping.existing}' = 'skip' then 'duplicate_in_database'
      else 'unchanged' end as result) r
    """
    )


def _name_words(column: str) -> str:
    """The words of a name, accents and capitals aside."""
    return (
        f"array_remove(regexp_split_to_array(app_private.normalise({column}), '[^[:alnum:]]+'), '')"
    )


def _doubtful(code: str, condition: str) -> TextClause:
    """Leave rows `r` that repeat a row `f` to a person: they may be of somebody who is written by
    no row."""
    return text(f"""
    update import_rows r set result = 'invalid', problems = '{{row:{code}}}', client_id = null
    from import_rows f
    where r.import_id = :id and r.result = 'duplicate_in_file' and f.import_id = r.import_id
      and f.row = r.other_row and {condition}
    """)


_OTHER_DOCUMENT = (
    "app_private.document_key(r.passport_or_nie) <> app_private.document_key(f.passport_or_nie)"
)
_ALIKE = "({r} <@ {f} or {f} <@ {r})".format(r=_name_words("r.name"), f=_name_words("f.name"))
#: A family's phone in two rows, as `another_person` is one that a client has.
_RELATIVES = _doubtful("another_person_in_file", f"{_OTHER_DOCUMENT} and not {_ALIKE}")
#: What is repeated is not written either. Of one name it is the same person once more.
_REPEATS_OF_REPEATS = _doubtful(
    "repeats_left_out",
    f"f.result in ('duplicate_in_file', 'invalid') and {_ALIKE} is not true",
)

#: As `client_edits` has them.
_EMAIL = r"""[^\s@<>()\[\],;:"\\]+@[^\s@<>()\[\],;:"\\]+\.[^\s@<>()\[\],;:"\\.]+"""
_LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"


def _problems(known: set[Any]) -> list[tuple[str, str]]:
    """Conditions on a row `j` with its phone `p`, and what each says, as `field:code`."""
    strange = _quoted("[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]")
    found = [("j.is_wide", "row:too_many_cells")]
    anybody = ("own_id", "name", "phone", "email", "passport_or_nie")
    there = [n for n in anybody if n.removeprefix("own_") in known]
    columns = [f"j.{'written' if n == 'phone' else n}" for n in there]
    if columns:
        found.append((f"coalesce({', '.join(columns)}) is null", "row:nothing_to_know_them_by"))
    for name in _WRITTEN:
        if name not in known:
            continue
        column = "j.written" if name == "phone" else f"j.{name}"
        found.append((f"j.is_strange and {column} ~ {strange}", f"{name}:not_text"))
        if name in LENGTHS:
            found.append((f"length({column}) > {LENGTHS[name]}", f"{name}:too_long"))
        if name in _TEXTS:
            found.append((f"'{name}' = any (j.formulas)", f"{name}:formula"))
    if "phone" in known:
        codes = ("digits_lost", "country_code_missing", "formula", "not_a_phone")
        found += [
            (f"p.problem = '{code}' and length(j.written) <= {LENGTHS['phone']}", f"phone:{code}")
            for code in codes
        ]
    if "email" in known:
        found.append(
            (f"j.email !~ {_quoted(f'^{_EMAIL}$')} and j.email not like '=%'", "email:not_an_email")
        )
    if "language" in known:
        found.append((f"j.language !~ {_quoted(f'^{_LANGUAGE}$')}", "language:not_a_language"))
    if "profile_type" in known:
        types = ", ".join(f"'{name}'" for name in PROFILE_TYPES)
        found.append((f"j.profile_type not in ({types})", "profile_type:unknown_value"))
    return found
