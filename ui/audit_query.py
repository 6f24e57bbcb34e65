"""What the page of the activity log asks, as it stands in its address."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from services.audit_reading import KINDS, Filters
from ui.formats import zone

PATH = "/settings/audit"
#: What one can choose: kinds of doing, in the order of the page.
CHOICES = (*KINDS, "other")
_TABLE = re.compile(r"[a-z_]{1,63}")
_CURSOR = re.compile(r"[0-9T.\-]{1,60}")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Filters and the place in the list; nothing narrows by default."""

    staff: UUID | None = None
    kind: str = ""
    table: str = ""
    client: UUID | None = None
    #: Days of the organisation's calendar, both included.
    since: date | None = None
    until: date | None = None
    before: str = ""

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        """Read the query of an address; nothing in it is trusted."""
        kind, table = params.get("what", ""), params.get("table", "")
        before = params.get("before", "")
        return cls(
            staff=_id(params.get("person", "")),
            kind=kind if kind in CHOICES else "",
            table=table if _TABLE.fullmatch(table) else "",
            client=_id(params.get("client", "")),
            since=_day(params.get("from", "")),
            until=_day(params.get("to", "")),
            before=before if _CURSOR.fullmatch(before) else "",
        )

    @property
    def address(self) -> str:
        """`/settings/audit?...` without what is as usual."""
        parts = {
            "person": self.staff,
            "what": self.kind,
            "table": self.table,
            "client": self.client,
            "from": self.since,
            "to": self.until,
            "before": self.before,
        }
        given = [(name, str(value)) for name, value in parts.items() if value]
        return f"{PATH}?{urlencode(given)}" if given else PATH

    @property
    def is_filtered(self) -> bool:
        return replace(self, before="") != type(self)()

    @property
    def number_of_filters(self) -> int:
        given = (self.staff, self.kind, self.table, self.client, self.since, self.until)
        return sum(1 for value in given if value)

    @property
    def is_backwards(self) -> bool:
        """Whether it asks for days that end before they begin, which nothing can answer."""
        return self.since is not None and self.until is not None and self.until < self.since

    @property
    def filters(self) -> Filters:
        """What `services.audit_reading` takes."""
        return Filters(
            staff_id=self.staff,
            action=self.kind or None,
            table=self.table or None,
            client_id=self.client,
            since=_midnight(self.since) if self.since else None,
            until=_midnight(self.until + timedelta(days=1)) if self.until else None,
        )

    def turned_to(self, before: str) -> Self:
        return replace(self, before=before)

    def without_client(self) -> Self:
        return replace(self, client=None, before="")


def address_of(client_id: UUID) -> str:
    """Where an admin reads what was done with one client."""
    return AuditQuery(client=client_id).address


def known_tables(query: AuditQuery, offered: Iterable[str]) -> list[str]:
    """The tables to offer, with the one that is asked for."""
    return sorted({*offered, *([query.table] if query.table else [])})


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Outside of these Postgres or the calendar gives up.
    return day if date(2000, 1, 1) <= day <= date(2999, 12, 31) else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, zone()).astimezone(UTC)
