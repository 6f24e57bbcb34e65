"""Sign-in sessions: an opaque token in the browser, its digest and its owner in Postgres."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import staff, staff_preferences, staff_sessions
from services import changes, session_tokens
from services.actors import Role, Staff, System
from services.adapters.identity import Tokens
from services.errors import NotFound
from services.permissions import Permission, may, refuse, requires

COOKIE = "acogida_session"
#: A session ends after this long without a sign of life, and after this long whatever happens.
IDLE = timedelta(hours=2)
LIFETIME = timedelta(hours=12)
#: How long one may take to give the second factor, or to set one up.
PATIENCE = timedelta(minutes=10)
#: How often a sign of life is written down.
_SEEN_EVERY = timedelta(minutes=1)

SYSTEM = System("sign-in")

#: Who has to give a second factor: those who set one up, admins, or everybody.
SecondFactorPolicy = Literal["optional", "admins", "everybody"]
_policy: SecondFactorPolicy = "optional"

#: `ended`: elsewhere, by its owner or an admin; `deactivated`: its owner was; `idle`: by time.
WhyOver = Literal["ended", "deactivated", "idle"]


@dataclass(frozen=True, slots=True)
class Browser:
    """Who asks: shown to staff beside their sessions."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session. Its token belongs in the cookie COOKIE, in place of any before."""

    token: str = field(repr=False)
    #: It opens nothing yet but the door to the second factor, or with `must_enrol` to its set-up.
    awaits_second_factor: bool = False
    must_enrol: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is alive, as the sign-in sees it: also one that opens nothing yet."""

    id: UUID
    staff_id: UUID
    role: Role
    #: `local`, `supabase` or `oidc`.
    provider: str
    #: 2: a second factor has been given.
    assurance: Literal[1, 2]
    awaits_second_factor: bool
    must_enrol: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's open sessions, as their account page shows it."""

    id: UUID
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime


def require_second_factor(policy: SecondFactorPolicy) -> None:
    """Whom sessions without a second factor open nothing for, from now on. At start, once."""
    global _policy
    _policy = policy


async def staff_of(token: str, *, touch: bool = True) -> Staff | None:
    """Whose session this is, read afresh: None once it ended, expired, or its owner left.

    So is one that still awaits a second factor, and one without it whose owner owes it by now: they
    were made an admin, have set one up, or the rule has changed. To look is a sign of life.
    `touch=False` is for what a page does by itself, which must not keep the session of somebody who
    went home alive.
    """
    async with begin(SYSTEM) as connection:
        row = (await _open_rows(connection, [token])).get(token)
        if row is None:
            return None
        if touch and row["stale"]:
            await connection.execute(
                update(staff_sessions)
                .where(staff_sessions.c.token_sha256 == _digest(token))
                .values(last_seen_at=func.now())
            )
        return _staff(row)


async def staff_of_all(tokens: Collection[str]) -> dict[str, Staff]:
    """Whose sessions these are, without a sign of life; those that open nothing are left out."""
    async with begin(SYSTEM) as connection:
        rows = await _open_rows(connection, tokens)
    return {token: _staff(row) for token, row in rows.items()}


async def why_over(token: str) -> WhyOver | None:
    """Why a session that was open is over, for whoever still holds its token.

    None while it is open, when its owner ended it by signing out, and for a token of no session.
    """
    session = staff_sessions.c
    async with begin(SYSTEM) as connection:
        row = (
            await connection.execute(
                select(staff.c.active, session.ended_at, session.ended_reason)
                .join(staff, staff.c.id == session.staff_id)
                .where(
                    session.token_sha256 == _digest(token),
                    session.awaits_second_factor.is_(False),
                )
            )
        ).one_or_none()
    if row is None or row.ended_reason in ("signed_out", "rotated"):
        return None
    if not row.active:
        return "deactivated"
    if row.ended_at is None:
        return "idle" if await find(token) is None else None
    return "idle" if row.ended_reason == "expired" else "ended"


@requires(Permission.OWN_ACCOUNT)
async def my_sessions(actor: Staff) -> list[OwnSession]:
    """Where this person is signed in, the latest first."""
    columns = [staff_sessions.c[name] for name in OwnSession.__dataclass_fields__]
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(*columns)
            .where(
                staff_sessions.c.staff_id == actor.id,
                staff_sessions.c.awaits_second_factor.is_(False),
                *_alive(),
            )
            .order_by(staff_sessions.c.last_seen_at.desc(), staff_sessions.c.id)
        )
        return [OwnSession(**row) for row in rows.mappings()]


@requires(Permission.OWN_ACCOUNT)
async def end_session(actor: Staff, session_id: UUID) -> None:
    """End one of one's own sessions, or as somebody who manages staff anybody's.

    Raises NotFound when it is over already.
    """
    session = staff_sessions.c
    async with begin(SYSTEM) as connection:
        owner = await connection.scalar(select(session.staff_id).where(session.id == session_id))
    if owner is not None and owner != actor.id and not may(actor, Permission.MANAGE_STAFF):
        await refuse(actor, Permission.MANAGE_STAFF, "sessions.end_session")
    async with begin(actor) as connection:
        reason = "own" if owner == actor.id else "admin"
        if not await _end(connection, session.id == session_id, reason, actor.id):
            raise NotFound


async def end_all_sessions(
    connection: AsyncConnection,
    staff_id: UUID,
    reason: str,
    by: UUID | None,
    *,
    but: UUID | None = None,
) -> int:
    """End every session of a person, or all but one; how many it were."""
    which = staff_sessions.c.staff_id == staff_id
    if but is not None:
        which &= staff_sessions.c.id != but
    return await _end(connection, which, reason, by)


@requires(Permission.SYSTEM)
async def end_expired(actor: System, most: int = 500) -> int:
    """End what time has ended already, so that no provider's tokens outlive it; how many it were.

    Open pages of people who went home are led to the sign-in by it.
    """
    session = staff_sessions.c
    late = (
        (session.last_seen_at <= func.now() - IDLE)
        | (session.created_at <= func.now() - LIFETIME)
        | (session.awaits_second_factor & (session.created_at <= func.now() - PATIENCE))
    )
    some = select(session.id).where(session.ended_at.is_(None), late).limit(most)
    async with begin(actor) as connection:
        return await _end(connection, session.id.in_(some) & late, "expired", None)


async def end_unassured(connection: AsyncConnection, staff_id: UUID, provider: str) -> int:
    """End a person's sessions with a provider that no second factor was given for."""
    session = staff_sessions.c
    which = (session.staff_id == staff_id) & (session.provider == provider)
    return await _end(connection, which & (session.assurance == 1), "second_factor", staff_id)


async def find(token: str) -> Session | None:
    """The session of a token, if it is alive; one that awaits a second factor is for a while."""
    session = staff_sessions.c
    columns = [session[name] for name in Session.__dataclass_fields__ if name != "role"]
    async with begin(SYSTEM) as connection:
        row = (
            (
                await connection.execute(
                    select(*columns, staff.c.role)
                    .join(staff, staff.c.id == session.staff_id)
                    .where(
                        session.token_sha256 == _digest(token),
                        *_alive(),
                        staff.c.active,
                        session.awaits_second_factor.is_(False)
                        | (session.created_at > func.now() - PATIENCE),
                    )
                )
            )
            .mappings()
            .one_or_none()
        )
    return Session(**row) if row else None


async def open_session(
    connection: AsyncConnection,
    staff_id: UUID,
    browser: Browser,
    *,
    provider: str,
    tokens: Tokens | None = None,
    assurance: Literal[1, 2] = 1,
    awaits_second_factor: bool = False,
    must_enrol: bool = False,
) -> Opened:
    """Open a session for an active member of staff who has proved who they are."""
    token = secrets.token_urlsafe(32)
    await connection.execute(
        insert(staff_sessions).values(
            token_sha256=_digest(token),
            staff_id=staff_id,
            address=browser.address[:64],
            user_agent=browser.user_agent.replace("\0", "")[:400],
            provider=provider,
            assurance=assurance,
            awaits_second_factor=awaits_second_factor,
            must_enrol=must_enrol,
            **session_tokens.columns(tokens),
        )
    )
    return Opened(token, awaits_second_factor, must_enrol)


async def rotate(
    connection: AsyncConnection, session: Session, browser: Browser, tokens: Tokens
) -> Opened | None:
    """A session whose owner has given a second factor goes on under a new token.

    Its age stays. None when it has ended in the meantime.
    """
    if not await end(connection, session.id, "rotated", by=session.staff_id):
        return None
    opened = await open_session(
        connection,
        session.staff_id,
        browser,
        provider=session.provider,
        tokens=tokens,
        assurance=2,
    )
    await connection.execute(
        update(staff_sessions)
        .where(staff_sessions.c.token_sha256 == _digest(opened.token))
        .values(created_at=session.created_at)
    )
    return opened


async def end(connection: AsyncConnection, session_id: UUID, reason: str, by: UUID | None) -> bool:
    """End one session; False when it was over already."""
    return bool(await _end(connection, staff_sessions.c.id == session_id, reason, by))


async def sign_out(token: str) -> tuple[Session, Tokens | None] | None:
    """End a session; on every open page it is over too. What it was, with the provider's tokens."""
    session = await find(token)
    if session is None:
        return None
    async with begin(SYSTEM) as connection:
        tokens = await session_tokens.read(connection, session.id)
        if not await end(connection, session.id, "signed_out", by=session.staff_id):
            return None
    return session, tokens


async def _end(
    connection: AsyncConnection, which: ColumnElement[bool], reason: str, by: UUID | None
) -> int:
    ended = (
        await connection.scalars(
            update(staff_sessions)
            .where(which, staff_sessions.c.ended_at.is_(None))
            .values(ended_at=func.now(), ended_by=by, ended_reason=reason)
            .returning(staff_sessions.c.staff_id)
        )
    ).all()
    for owner in set(ended):
        await changes.announce_sessions(connection, owner)
    return len(ended)


async def _open_rows(connection: AsyncConnection, tokens: Collection[str]) -> dict[str, RowMapping]:
    """The people behind these tokens, by token: of sessions that open something today."""
    sessions = staff_sessions.c
    digests = {_digest(token): token for token in tokens}
    rows = await connection.execute(
        select(
            staff,
            staff_preferences.c.language,
            staff_preferences.c.theme,
            staff_preferences.c.rail_collapsed,
            staff_preferences.c.enter_sends,
            sessions.token_sha256,
            sessions.provider,
            sessions.assurance,
            (sessions.last_seen_at < func.now() - _SEEN_EVERY).label("stale"),
        )
        .select_from(staff_sessions)
        .join(staff, staff.c.id == sessions.staff_id)
        .outerjoin(staff_preferences, staff_preferences.c.staff_id == staff.c.id)
        .where(
            sessions.token_sha256.in_(list(digests)),
            *_alive(),
            sessions.awaits_second_factor.is_(False),
            staff.c.active,
        )
    )
    return {
        digests[bytes(row["token_sha256"])]: row
        for row in rows.mappings()
        if not _owes_second_factor(row)
    }


def _alive() -> tuple[ColumnElement[bool], ...]:
    return (
        staff_sessions.c.ended_at.is_(None),
        staff_sessions.c.last_seen_at > func.now() - IDLE,
        staff_sessions.c.created_at > func.now() - LIFETIME,
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _owes_second_factor(row: RowMapping) -> bool:
    if row["assurance"] == 2 or row["provider"] == "local":
        return False
    required = _policy == "everybody" or (_policy == "admins" and row["role"] == "admin")
    return required or (row["has_second_factor"] and row["provider"] == "supabase")


def _staff(row: RowMapping) -> Staff:
    return Staff(
        id=row["id"],
        user_id=row["user_id"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        language=row["language"] or "",
        theme=row["theme"] or "auto",
        rail_collapsed=bool(row["rail_collapsed"]),
        enter_sends=row["enter_sends"] is not False,
        assurance=2 if row["provider"] != "supabase" else row["assurance"],
    )
