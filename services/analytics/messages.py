"""What is written, what is sent, and what did not arrive."""

from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import numbers
from services.analytics.numbers import Compared
from services.analytics.scope import Period, Scope


@dataclass(frozen=True, slots=True)
class MessageDay:
    day: date
    inbound: int
    outbound: int


@dataclass(frozen=True, slots=True)
class Messages:
    """Reactions, edits and deletions are no messages; what failed was not sent."""

    days: tuple[MessageDay, ...]
    inbound: Compared
    outbound: Compared
    #: WhatsApp's code, or "" where it gave none; the most first.
    failed: dict[str, Compared]

    @property
    def failures(self) -> Compared:
        return Compared(
            sum(n.now for n in self.failed.values()), sum(n.before for n in self.failed.values())
        )


async def read(connection: AsyncConnection, scope: Scope) -> Messages:
    """Messages of the period by day, and beside the period before."""
    found = await numbers.by_day(connection, scope, ("inbound", "outbound"))
    sums = await numbers.by_key(connection, scope, ("inbound", "outbound", "failed"))
    nothing = Compared(0, 0)
    return Messages(
        days=every_day(found["inbound"], found["outbound"], scope.period),
        inbound=sums["inbound"].get("", nothing),
        outbound=sums["outbound"].get("", nothing),
        failed=dict(
            sorted(
                sums["failed"].items(), key=lambda pair: (-pair[1].now, -pair[1].before, pair[0])
            )
        ),
    )


def every_day(
    inbound: dict[date, int], outbound: dict[date, int], period: Period
) -> tuple[MessageDay, ...]:
    """One entry a day, also where nobody wrote anything."""
    table = pd.DataFrame(
        {
            name: pd.Series({pd.Timestamp(day): n for day, n in counted.items()}, dtype="int64")
            for name, counted in (("inbound", inbound), ("outbound", outbound))
        }
    )
    table = table.reindex(pd.date_range(period.since, period.until, freq="D")).fillna(0)
    return tuple(
        MessageDay(row.Index.date(), int(row.inbound), int(row.outbound))
        for row in table.itertuples()
    )
