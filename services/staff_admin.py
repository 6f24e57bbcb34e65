"""Who is on the staff: what admins see of their colleagues, and what they decide about them.

Somebody on the staff is never deleted: what they did stays theirs. Whoever leaves is deactivated.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import structlog
from sqlalchemy import column, func, insert, select, table, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import staff, staff_sessions
from services import audit, changes, sessions
from services.actors import Role, Staff, System
from services.adapters.identity import ProviderUnavailable, SignInRefused
from services.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from services.permissions import Permission, requires

ROLES: tuple[Role, ...] = get_args(Role)
MOST_NAME = 200
MOST_EMAIL = 254

#: Asks somebody (address, name) by e-mail to join; `SignIn.invite`. Raises one of NOT_SENT.
Send = Callable[[Staff, str, str], Awaitable[None]]
NOT_SENT = (ProviderUnavailable, SignInRefused, TooMany)

_UNLINK = text("select app_private.unlink_staff(:id)")

log = structlog.get_logger()

#: What people sign in with, for admins and the software.
_emails = table("staff_emails", column("id"), column("email"), schema="app_private")


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A member of the organisation as admins see them."""

    id: UUID
    name: str
    email: str
    role: Role
    active: bool
    #: When an invitation was last mailed; None when none was.
    invited_at: datetime | None
    invited_by_name: str | None
    #: Their entry is tied to an account: they have signed in once.
    linked: bool
    last_seen_at: datetime | None
    open_sessions: int
    created_at: datetime
    deactivated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who is on the staff now. `sent`: the invitation is on its way to them."""

    id: UUID
    sent: bool


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Where somebody is signed in."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    address: str | None
    user_agent: str | None


@requires(Permission.MANAGE_STAFF)
async def list_staff(actor: Staff, *, again: bool = False) -> list[StaffMember]:
    """Everybody, active ones first, by name.

    Audited as a view; `again` is for a page that brings itself up to date.
    """
    by = staff.alias("inviter")
    of_person = staff_sessions.c.staff_id == staff.c.id
    last_seen = select(func.max(staff_sessions.c.last_seen_at)).where(of_person).scalar_subquery()
    opened = (
        select(func.count())
        .select_from(staff_sessions)
        .where(of_person, *_open())
        .scalar_subquery()
    )
    async with _as_admin(actor) as connection:
        rows = await connection.execute(
            select(
                staff.c.id,
                staff.c.name,
                _emails.c.email,
                staff.c.role,
                staff.c.active,
                staff.c.invited_at,
                by.c.name.label("invited_by_name"),
                staff.c.user_id.is_not(None).label("linked"),
                last_seen.label("last_seen_at"),
                opened.label("open_sessions"),
                staff.c.created_at,
                staff.c.deactivated_at,
            )
            .join_from(staff, _emails, _emails.c.id == staff.c.id)
            .outerjoin(by, by.c.id == staff.c.invited_by)
            .order_by(staff.c.active.desc(), func.lower(staff.c.name), staff.c.id)
        )
        if not again:
            await audit.record(connection, "view", table="staff")
        return [StaffMember(**row) for row in rows.mappings()]


@requires(Permission.MANAGE_STAFF)
async def invite(actor: Staff, *, email: str, name: str, role: Role, send: Send | None) -> Invited:
    """Put somebody on the staff and ask them by e-mail to join; without `send` nothing is mailed.

    They may sign in from then on, whether the e-mail went out or not. Raises Invalid with
    `email`, `name` or `role`; Conflict `email_taken` when somebody, active or not, has the address.
    """
    email, name = checked(email=email, name=name, role=role)
    async with _as_admin(actor) as connection:
        with _conflicts():
            id = await connection.scalar(
                insert(staff)
                .values(email=email, name=name, role=role, invited_by=actor.id)
                .returning(staff.c.id)
            )
    assert id is not None
    return Invited(id, sent=await _send(actor, id, email, name, send))


@requires(Permission.MANAGE_STAFF)
async def invite_again(actor: Staff, staff_id: UUID, *, send: Send | None) -> bool:
    """Mail the invitation once more to somebody who has not signed in yet; whether it went out.

    Raises NotFound; Conflict `inactive` or `already_linked` when there is nothing to invite to.
    """
    async with _as_admin(actor) as connection:
        found = (
            await connection.execute(
                select(_emails.c.email, staff.c.name, staff.c.active, staff.c.user_id)
                .join_from(staff, _emails, _emails.c.id == staff.c.id)
                .where(staff.c.id == staff_id)
            )
        ).one_or_none()
    if found is None:
        raise NotFound
    if not found.active:
        raise Conflict("inactive")
    if found.user_id is not None:
        raise Conflict("already_linked")
    return await _send(actor, staff_id, found.email, found.name, send)


@requires(Permission.MANAGE_STAFF)
async def change_role(actor: Staff, staff_id: UUID, role: Role, *, expected: Role) -> None:
    """Give somebody another role, in place of the one they were seen to have.

    Raises Invalid with `role`, NotFound, Conflict `changed` when they have another role by now,
    Conflict `last_admin`.
    """
    if role not in ROLES:
        raise Invalid({"role": "unknown_role"})
    async with _as_admin(actor) as connection:
        with _conflicts():
            await _change(connection, staff_id, {"role": role}, staff.c.role == expected)
        await changes.announce_sessions(connection, staff_id)


@requires(Permission.MANAGE_STAFF)
async def rename(actor: Staff, staff_id: UUID, name: str) -> None:
    """Correct somebody's name. Raises Invalid with `name`, NotFound."""
    [name] = checked(name=name)
    async with _as_admin(actor) as connection:
        await _change(connection, staff_id, {"name": name})


@requires(Permission.MANAGE_STAFF)
async def deactivate(actor: Staff, staff_id: UUID) -> None:
    """Shut somebody out: they are off every screen at once and cannot sign in any more.

    To deactivate somebody inactive changes nothing. Raises NotFound, Conflict `last_admin`.
    """
    async with _as_admin(actor) as connection:
        # First the sessions: who deactivates themself may do nothing afterwards.
        await sessions.end_all_sessions(connection, staff_id, "deactivated", actor.id)
        with _conflicts():
            await _change(connection, staff_id, {"active": False})


@requires(Permission.MANAGE_STAFF)
async def reactivate(actor: Staff, staff_id: UUID) -> None:
    """Let somebody sign in again, with the role they had. Raises NotFound."""
    async with _as_admin(actor) as connection:
        await _change(connection, staff_id, {"active": True})


@requires(Permission.MANAGE_STAFF)
async def unlink(actor: Staff, staff_id: UUID) -> None:
    """Let somebody's entry be tied anew, because their account at the provider was made again.

    They are signed out everywhere, and the next verified sign-in with their address is theirs.
    Raises NotFound; Conflict `own_account`: another admin has to do it.
    """
    if staff_id == actor.id:
        raise Conflict("own_account")
    async with _as_admin(actor) as connection:
        await sessions.end_all_sessions(connection, staff_id, "admin", actor.id)
        if not await connection.scalar(_UNLINK, {"id": staff_id}):
            raise NotFound


@requires(Permission.SYSTEM)
async def unlink_address(actor: System, email: str) -> bool:
    """The same from a command, for whoever has this address; False when it is nobody's."""
    async with begin(actor) as connection:
        staff_id = await connection.scalar(
            select(staff.c.id).where(func.lower(staff.c.email) == func.lower(email.strip()))
        )
        if staff_id is None:
            return False
        await sessions.end_all_sessions(connection, staff_id, "admin", None)
        await connection.execute(_UNLINK, {"id": staff_id})
    return True


@requires(Permission.MANAGE_STAFF)
async def sessions_of(actor: Staff, staff_id: UUID) -> list[OpenSession]:
    """Where somebody is signed in now, the latest sign of life first. Raises NotFound."""
    shown = [staff_sessions.c[name] for name in OpenSession.__dataclass_fields__]
    async with _as_admin(actor) as connection:
        await _find(connection, staff_id)
        rows = await connection.execute(
            select(*shown)
            .where(staff_sessions.c.staff_id == staff_id, *_open())
            .order_by(staff_sessions.c.last_seen_at.desc(), staff_sessions.c.id)
        )
        await audit.record(connection, "view", table="staff_sessions", row=staff_id)
        return [OpenSession(**row) for row in rows.mappings()]


@requires(Permission.MANAGE_STAFF)
async def end_sessions(actor: Staff, staff_id: UUID) -> int:
    """Sign somebody out everywhere; from how many places. Raises NotFound.

    For one place alone there is `sessions.end_session`.
    """
    async with _as_admin(actor) as connection:
        await _find(connection, staff_id)
        return await sessions.end_all_sessions(connection, staff_id, "admin", actor.id)


async def _send(actor: Staff, id: UUID, email: str, name: str, send: Send | None) -> bool:
    """Mail an invitation, outside of any transaction, and note that it went out."""
    if send is None:
        return False
    try:
        await send(actor, email, name)
    except NOT_SENT as error:
        log.warning("staff.invitation_not_sent", staff_id=str(id), error=type(error).__name__)
        return False
    async with begin(actor) as connection:
        await _change(connection, id, {"invited_at": func.now()})
    return True


@asynccontextmanager
async def _as_admin(actor: Staff) -> AsyncIterator[AsyncConnection]:
    """A transaction of somebody who is an admin still; Forbidden when the database knows better."""
    async with begin(actor) as connection:
        await _must_be_admin(connection)
        yield connection


async def _must_be_admin(connection: AsyncConnection) -> None:
    if not await connection.scalar(text("select app_private.is_admin()")):
        raise Forbidden(Permission.MANAGE_STAFF)


async def _change(
    connection: AsyncConnection, staff_id: UUID, values: dict[str, Any], *conditions: Any
) -> None:
    changed = await connection.execute(
        update(staff).where(staff.c.id == staff_id, *conditions).values(values)
    )
    if not changed.rowcount:
        # Whoever was demoted since this transaction began sees nothing any more.
        await _must_be_admin(connection)
        await _find(connection, staff_id)
        raise Conflict("changed")


async def _find(connection: AsyncConnection, staff_id: UUID) -> None:
    if await connection.scalar(select(staff.c.id).where(staff.c.id == staff_id)) is None:
        raise NotFound


def _open() -> tuple[Any, ...]:
    """What holds of a session that still opens something."""
    return (
        staff_sessions.c.ended_at.is_(None),
        staff_sessions.c.awaits_second_factor.is_(False),
        staff_sessions.c.last_seen_at > func.now() - sessions.IDLE,
        staff_sessions.c.created_at > func.now() - sessions.LIFETIME,
    )


@contextmanager
def _conflicts() -> Iterator[None]:
    """Put the database's own refusals into ours."""
    try:
        yield
    except IntegrityError as error:
        match getattr(getattr(error.orig, "diag", None), "constraint_name", None):
            case "staff_email_key":
                raise Conflict("email_taken", "email") from None
            case "staff_last_admin":
                raise Conflict("last_admin") from None
        raise


def checked(*, name: str, email: str | None = None, role: str | None = None) -> list[str]:
    """The inputs as they are kept, e-mail first; Invalid names all that cannot be."""
    problems: dict[str, str] = {}
    kept: list[str] = []
    if email is not None:
        kept.append(email := email.strip())
        if not email:
            problems["email"] = "required"
        elif not _is_address(email):
            problems["email"] = "not_an_email"
    kept.append(name := " ".join(name.split()))
    if not name:
        problems["name"] = "required"
    elif len(name) > MOST_NAME:
        problems["name"] = "too_long"
    elif not name.isprintable():
        problems["name"] = "not_readable"
    if role is not None and role not in ROLES:
        problems["role"] = "unknown_role"
    if problems:
        raise Invalid(problems)
    return kept


def _is_address(email: str) -> bool:
    """Whether mail could be sent there, as far as the form goes."""
    local, at, domain = email.rpartition("@")
    labels = domain.split(".")
    return (
        bool(local and at)
        and len(email) <= MOST_EMAIL
        and email.isprintable()
        and not any(
            character in ' ,;:<>()[]"\\' or character == "@" for character in local + domain
        )
        and len(labels) >= 2
        and all(label and not label.startswith("-") and not label.endswith("-") for label in labels)
    )
