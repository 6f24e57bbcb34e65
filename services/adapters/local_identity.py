"""Mock mode's identity provider: whoever is on the staff may be chosen.

Never reachable from outside loopback.
"""

from sqlalchemy import func, select

from db.engine import begin
from db.tables import staff
from services.actors import System
from services.adapters.identity import DemoPerson, Identity

ISSUER = "local"
SYSTEM = System("sign-in")


class LocalIdentity:
    """Knows the active staff, and asks nobody for a password."""

    async def people(self) -> list[DemoPerson]:
        """Whom the sign-in page lets one choose."""
        async with begin(SYSTEM) as connection:
            rows = await connection.execute(
                select(staff.c.email, staff.c.name, staff.c.role)
                .where(staff.c.active)
                .order_by(staff.c.role, staff.c.name)
            )
            return [DemoPerson(*row) for row in rows]

    async def identify(self, email: str) -> Identity | None:
        """Whoever has this address, or None."""
        async with begin(SYSTEM) as connection:
            row = (
                await connection.execute(
                    select(staff.c.id, staff.c.email).where(
                        staff.c.active, func.lower(staff.c.email) == email.strip().lower()
                    )
                )
            ).one_or_none()
        return Identity(ISSUER, str(row.id), verified_email=row.email) if row else None
