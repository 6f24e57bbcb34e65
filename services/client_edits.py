"""What staff and programs write into a client's file: name, phone, e-mail, notes, state.

Whether an e-mail or a phone is taken is said by the database: its unique keys, and for other
spellings of a number the locks that whoever writes identities holds.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

import psycopg
from sqlalchemy import Select, and_, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db import inbound as sql
from db.engine import begin
from db.tables import client_identities, clients, identity_conflicts
from services import changes, phones
from services.actors import Actor, System
from services.clients import CLIENT_STATUSES, PROFILE_TYPES, ClientDetail, get_client
from services.errors import Conflict, Invalid, NotFound
from services.permissions import Permission, requires
from services.rows import hold_row

#: Characters that each text may have.
LENGTHS = {
    "name": 300,
    "phone": 40,
    "email": 320,
    "passport_or_nie": 50,
    "notes": 20_000,
    "language": 16,
}


class Changes(TypedDict, total=False):
    """What to change; what is left out stays. Blank text is None."""

    name: str | None
    phone: str | None
    email: str | None
    passport_or_nie: str | None
    notes: str | None
    language: str | None
    profile_type: str
    status: str


@requires(Permission.CHANGE_CLIENTS)
async def create_client(
    actor: Actor,
    *,
    name: str | None = None,
    phone: str | None = None,
    email: str | None = None,
    profile_type: str | None = None,
    passport_or_nie: str | None = None,
    notes: str | None = None,
    language: str | None = None,
) -> ClientDetail:
    """Open a file for somebody who has not written yet. What they write later finds it by `phone`.

    A phone without a country code is Spanish. Raises Invalid with the fields that cannot be used
    (`phone`: `own_number` for the organisation's own), and Conflict `email_taken` or `phone_taken`.
    """
    given: dict[str, Any] = {
        "name": name,
        "phone": phone,
        "email": email,
        "passport_or_nie": passport_or_nie,
        "notes": notes,
        "language": language,
    }
    if profile_type is not None:
        given["profile_type"] = profile_type
    values = _usable(given)
    number = values.pop("phone")
    if not any((values["name"], number, values["email"], values["passport_or_nie"])):
        raise Invalid({"name": "nothing_to_know_them_by"})
    async with begin(actor) as connection:
        if number is not None:
            await sql.lock_identities(connection, spellings(number))
        with _conflicts():
            client_id: UUID = await connection.scalar(
                insert(clients).values(**_columns(actor, values)).returning(clients.c.id)
            )
            await _set_phone(connection, client_id, number)
        await changes.announce(connection, {client_id: []})
    return await _afterwards(actor, client_id)


@requires(Permission.CHANGE_CLIENTS)
async def update_client(
    actor: Actor,
    client_id: UUID,
    changed: Changes,
    *,
    expected_updated_at: datetime | None = None,
) -> ClientDetail:
    """Change what is given and nothing else.

    With `expected_updated_at` it is done only if the file is as it was then; otherwise Conflict
    `changed_meanwhile`. A phone that is replaced is retired: messages from before still find the
    client. The number that somebody writes from on WhatsApp stays theirs beside a new one, and
    cannot be taken away: Conflict `whatsapp_number`. Raises NotFound, Invalid, and Conflict
    `email_taken` or `phone_taken`.
    """
    values = _usable(changed)
    number = values.pop("phone", None)
    async with begin(actor) as connection:
        if "phone" in changed:
            await _lock_phones(connection, client_id, number)
        await hold_row(connection, clients, client_id, expected_updated_at)
        if changed:
            with _conflicts():
                await connection.execute(
                    update(clients)
                    .where(clients.c.id == client_id)
                    .values(updated_at=func.clock_timestamp(), **_columns(actor, values))
                )
                if "phone" in changed:
                    await _set_phone(connection, client_id, number)
            await changes.announce(connection, {client_id: []})
    return await _afterwards(actor, client_id)


@requires(Permission.CHANGE_CLIENTS)
async def archive_client(actor: Actor, client_id: UUID) -> ClientDetail:
    """Put a file away: it leaves the lists and keeps everything. Raises NotFound."""
    return await update_client(actor, client_id, {"status": "archived"})


@requires(Permission.CHANGE_CLIENTS)
async def restore_client(actor: Actor, client_id: UUID) -> ClientDetail:
    """Bring an archived file back among the active ones. Raises NotFound."""
    return await update_client(actor, client_id, {"status": "active"})


@requires(Permission.CHANGE_CLIENTS)
async def tell_apart(
    actor: Actor, client_id: UUID, others: Sequence[UUID], *, apart: bool = True
) -> ClientDetail:
    """Decide that a client and others who share an identifier are different people, or take that
    back. The same identifier raises the question no more. Raises NotFound."""
    conflict = identity_conflicts.c
    async with begin(actor) as connection:
        await connection.execute(
            update(identity_conflicts)
            .where(
                or_(
                    and_(conflict.client_id == client_id, conflict.other_client_id.in_(others)),
                    and_(conflict.other_client_id == client_id, conflict.client_id.in_(others)),
                ),
                conflict.resolved_at.is_(None) if apart else conflict.resolved_at.is_not(None),
            )
            .values(resolved_at=func.now() if apart else None)
        )
        await changes.announce(connection, {id: [] for id in (client_id, *others)})
    return await _afterwards(actor, client_id)


async def _afterwards(actor: Actor, client_id: UUID) -> ClientDetail:
    client = await get_client(actor, client_id, again=True)
    if client is None:
        raise NotFound
    return client


def _columns(actor: Actor, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "profile_type" in columns:
        # Said by a person, or by a program in their name: the classifier leaves it alone.
        columns["profile_source"] = "import" if isinstance(actor, System) else "staff"
        columns["profile_confidence"] = None
    return columns


async def _lock_phones(connection: AsyncConnection, client_id: UUID, number: str | None) -> None:
    """Keep everybody else who writes these identities waiting, WhatsApp's deliveries included.

    Always before any row of the client is locked, which is the order that deliveries keep.
    """
    own = [("phone", value) for value in await connection.scalars(_active(client_id, "phone"))]
    await sql.lock_identities(connection, own + (spellings(number) if number else []))


async def _set_phone(connection: AsyncConnection, client_id: UUID, number: str | None) -> None:
    """Make `number` the client's phone: the newest active one is the one that is shown.

    Under the locks of its identities.
    """
    if number is not None:
        # It stands in every delivery, so it says of nothing whose it is.
        if await connection.scalar(_IS_OURS, {"digits": number.removeprefix("+")}):
            raise Invalid({"phone": "own_number"})
        owners = await sql.find_identities(connection, spellings(number))
        if any(o["retired_at"] is None and o["client_id"] != client_id for o in owners):
            raise Conflict("phone_taken", "phone")
    active = list(await connection.scalars(_active(client_id, "phone")))
    if active[:1] == ([] if number is None else [number]):
        return
    wa_ids = await connection.scalars(_active(client_id, "wa_id"))
    of_whatsapp = {phones.from_wa_id(wa_id) for wa_id in wa_ids}
    if number is None:
        if of_whatsapp & set(active):
            raise Conflict("whatsapp_number", "phone")
        leaving = active
    else:
        # The number itself, where it is an older one: it comes back as the newest.
        leaving = [n for n in active if n == number or (n == active[0] and n not in of_whatsapp)]
    await connection.execute(
        update(client_identities)
        .where(
            client_identities.c.client_id == client_id,
            client_identities.c.kind == "phone",
            client_identities.c.value.in_(leaving),
            client_identities.c.retired_at.is_(None),
        )
        .values(retired_at=func.now())
    )
    if number is not None:
        await connection.execute(
            insert(client_identities).values(client_id=client_id, kind="phone", value=number)
        )


def _active(client_id: UUID, kind: str) -> Select[str]:
    """The client's identities of a kind, the newest first."""
    identity = client_identities.c
    return (
        select(identity.value)
        .where(
            identity.client_id == client_id, identity.kind == kind, identity.retired_at.is_(None)
        )
        .order_by(identity.id.desc())
    )


def spellings(number: str) -> list[tuple[str, str]]:
    """Every identity under which WhatsApp would find this number."""
    digits = number.removeprefix("+")
    return [
        key
        for spelling in (digits, *phones.variants(digits))
        for key in (("phone", f"+{spelling}"), ("wa_id", spelling))
    ]


_IS_OURS = text(
    "select exists (select from whatsapp_numbers"
    " where regexp_replace(display_phone_number, '\\D', '', 'g') = :digits)"
)

#: Unique key -> what is taken.
_TAKEN = {
    "clients_email_key": Conflict("email_taken", "email"),
    "client_identities_value_key": Conflict("phone_taken", "phone"),
}


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        name = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
        taken = _TAKEN.get(name or "")
        if taken is None:
            raise
        raise Conflict(taken.code, taken.field) from None


_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\]+\.[^\s@<>()\[\],;:\"\\.]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
#: What no line of text holds; notes may have lines and tabs.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_NOTES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _usable(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are stored. Raises Invalid with a code for each that cannot be."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field, value in given.items():
        try:
            values[field] = _stored(field, value)
        except ValueError as problem:
            problems[field] = str(problem)
    if problems:
        raise Invalid(problems)
    return values


def _stored(field: str, value: object) -> str | None:
    """One value. The message of a ValueError is the code of what is wrong with it."""
    if field in _CHOICES:
        if not isinstance(value, str) or value not in _CHOICES[field]:
            raise ValueError("unknown_value")
        return value
    if field not in LENGTHS:
        raise ValueError("unknown_field")
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("not_text")  # noqa: TRY004 - a code like the others
    text = value.strip()
    control = _CONTROL_IN_NOTES if field == "notes" else _CONTROL
    if control.search(text) or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("not_text")
    if not text:
        return None
    if len(text) > LENGTHS[field]:
        raise ValueError("too_long")
    if field == "email" and not _EMAIL.fullmatch(text):
        raise ValueError("not_an_email")
    if field == "language" and not _LANGUAGE.fullmatch(text):
        raise ValueError("not_a_language")
    if field == "phone":
        number = phones.parse(text)
        if number is None:
            raise ValueError("not_a_phone")
        return number
    return text


_CHOICES: dict[str, tuple[str, ...]] = {
    "profile_type": PROFILE_TYPES,
    "status": CLIENT_STATUSES,
}
