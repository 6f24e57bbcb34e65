"""What became of the documents that people brought."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import numbers
from services.analytics.numbers import Compared
from services.analytics.scope import Scope

STATES = ("new", "accepted", "rejected")


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents that came in the period, by what they are now."""

    by_state: dict[str, Compared]

    @property
    def total(self) -> Compared:
        states = self.by_state.values()
        return Compared(sum(n.now for n in states), sum(n.before for n in states))


async def read(connection: AsyncConnection, scope: Scope) -> Documents:
    """Documents of the period and of the one before."""
    found = (await numbers.by_key(connection, scope, ("document",)))["document"]
    return Documents({state: found.get(state, Compared(0, 0)) for state in STATES})
