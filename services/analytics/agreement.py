"""How often people decide what the classifier would have proposed from the same words."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import numbers
from services.analytics.scope import Scope


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of people who are new in the period, who wrote a keyword, and whose profile staff decided."""

    #: (what the classifier proposes, what staff decided) -> people.
    pairs: dict[tuple[str, str], int]

    @property
    def decided(self) -> int:
        return sum(self.pairs.values())

    @property
    def same(self) -> int:
        return sum(n for (proposed, decided), n in self.pairs.items() if proposed == decided)


async def read(connection: AsyncConnection, scope: Scope) -> Agreement:
    """Decisions about people who are new in the period."""
    found = (await numbers.by_profile(connection, scope, ("agreement",)))["agreement"]
    pairs = {(key, profile): n for (profile, key), n in found.items() if profile != "all"}
    return Agreement(dict(sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))))
