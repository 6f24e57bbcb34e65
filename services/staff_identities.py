"""Which member of staff an identity is. An identity is an issuer and its subject, nothing else."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import staff, staff_identities, staff_sessions
from services.actors import Role
from services.adapters.identity import Identity

#: How long it is remembered where somebody signed in from.
_LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is or was on the staff."""

    staff_id: UUID
    role: Role
    active: bool


async def recognise(connection: AsyncConnection, identity: Identity) -> Known | None:
    """The member of staff that this identity is, or None for a stranger.

    The first time an issuer vouches for somebody, their entry is found by the address it has
    verified, and tied to the subject. From then on only the subject counts: whoever gets the
    address later is somebody else.
    """
    known = await _linked(connection, identity)
    if known is None and identity.verified_email:
        known = await _link(connection, identity, identity.verified_email)
    if known is not None and known.active:
        await _settle_user_id(connection, known, identity)
    return known


async def note_second_factor(connection: AsyncConnection, staff_id: UUID, has_one: bool) -> None:
    """Let row-level security know whether somebody has set up a second factor."""
    await connection.execute(
        update(staff)
        .where(staff.c.id == staff_id, staff.c.has_second_factor.is_distinct_from(has_one))
        .values(has_second_factor=has_one)
    )


async def staff_with(connection: AsyncConnection, email: str) -> UUID | None:
    """Whose address this is: for the audit of an attempt, never for a sign-in."""
    found: UUID | None = await connection.scalar(
        select(staff.c.id).where(func.lower(staff.c.email) == func.lower(email.strip()))
    )
    return found


async def addresses_of(connection: AsyncConnection, email: str) -> list[str]:
    """Where whoever has this address has signed in from lately."""
    rows = await connection.scalars(
        select(staff_sessions.c.address)
        .distinct()
        .join(staff, staff.c.id == staff_sessions.c.staff_id)
        .where(
            func.lower(staff.c.email) == func.lower(email.strip()),
            staff_sessions.c.address.is_not(None),
            staff_sessions.c.awaits_second_factor.is_(False),
            staff_sessions.c.created_at > func.now() - _LATELY,
        )
    )
    return list(rows)


async def _linked(connection: AsyncConnection, identity: Identity) -> Known | None:
    row = (
        await connection.execute(
            select(staff.c.id, staff.c.role, staff.c.active)
            .join(staff_identities, staff_identities.c.staff_id == staff.c.id)
            .where(
                staff_identities.c.issuer == identity.issuer,
                staff_identities.c.subject == identity.subject,
            )
        )
    ).one_or_none()
    return Known(*row) if row else None


async def _link(connection: AsyncConnection, identity: Identity, email: str) -> Known | None:
    row = (
        await connection.execute(
            select(staff.c.id, staff.c.role, staff.c.active).where(
                func.lower(staff.c.email) == func.lower(email)
            )
        )
    ).one_or_none()
    if row is None or not row.active:
        return Known(*row) if row else None
    linked = await connection.scalar(
        insert(staff_identities)
        .values(issuer=identity.issuer, subject=identity.subject, staff_id=row.id)
        .on_conflict_do_nothing()
        .returning(staff_identities.c.staff_id)
    )
    # None: the issuer has vouched for this entry before, as somebody else; or just now, as them.
    return Known(*row) if linked else await _linked(connection, identity)


async def _settle_user_id(connection: AsyncConnection, known: Known, identity: Identity) -> None:
    """Let row-level security know the person: by the provider's own id, or failing that by any."""
    change = update(staff).where(staff.c.id == known.staff_id)
    if identity.user_id is not None:
        change = change.where(staff.c.user_id.is_distinct_from(identity.user_id))
    else:
        change = change.where(staff.c.user_id.is_(None))
    await connection.execute(change.values(user_id=identity.user_id or uuid4()))
