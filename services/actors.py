"""Who acts. Every service function takes one of these first; the database session carries it on."""

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Role = Literal["admin", "caseworker", "viewer"]


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of the organisation who is signed in."""

    id: UUID
    #: The `sub` of the identity provider; what row-level security recognises the person by.
    user_id: UUID
    email: str
    name: str
    role: Role
    #: `es` or `en`.
    language: str = "es"
    #: `light`, `dark` or `auto`.
    theme: str = "auto"
    rail_collapsed: bool = False
    #: Whether Enter sends what is being written; else it begins a new line.
    enter_sends: bool = True
    #: How they came in, no part of who they are. 2: with a second factor, or by a provider whose
    #: own matter that is. To whoever has set one up row-level security shows nothing at 1.
    assurance: Literal[1, 2] = field(default=1, compare=False)

    @property
    def claims(self) -> dict[str, Any]:
        """The JWT claims under which Postgres sees this person."""
        aal = f"aal{self.assurance}"
        return {"sub": str(self.user_id), "role": "authenticated", "aal": aal}

    @property
    def part(self) -> None:
        """None: a person, no part of the software."""
        return None


@dataclass(frozen=True, slots=True)
class Outsider:
    """Somebody with a valid token of the identity provider who is not on the active staff.

    May ask for clients, and row-level security shows none.
    """

    user_id: UUID

    @property
    def claims(self) -> dict[str, Any]:
        """The JWT claims under which Postgres sees this person."""
        return {"sub": str(self.user_id), "role": "authenticated"}

    @property
    def part(self) -> None:
        """None: a person, no part of the software."""
        return None


@dataclass(frozen=True, slots=True)
class System:
    """The organisation's own software: the webhook's worker, schedules, commands."""

    #: Which part acts, for logs and the audit: `webhook`, `sign-in`, `command`, ...
    part: str

    @property
    def claims(self) -> None:
        """None: the session stays in the runtime's own role."""
        return None


Actor = Staff | Outsider | System
