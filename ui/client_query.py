"""Which clients the list shows: what the address bar holds, so that it can be shared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self, cast
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from services.clients import CLIENT_STATUSES, PROFILE_TYPES, SORTS
from services.narrowing import BEHINDS, Behind, Narrowing
from ui.formats import zone
from ui.i18n import N_

PAGE_SIZE = 50
#: Letters of a search; what is longer is cut, as the service would.
MOST_SEARCH = 100

#: Sort and direction -> what the select says.
ORDERS: dict[tuple[str, bool], str] = {
    ("last_message", True): N_("Latest message first"),
    ("last_message", False): N_("Oldest message first"),
    ("name", False): N_("Name, A to Z"),
    ("name", True): N_("Name, Z to A"),
    ("created", True): N_("Newest client first"),
    ("created", False): N_("Oldest client first"),
    ("profile", False): N_("By profile type"),
    ("profile", True): N_("By profile type, reversed"),
}


@dataclass(frozen=True, slots=True)
class ClientQuery:
    """Filters, order and page. Unknown values from the address bar are left out."""

    search: str = ""
    profiles: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    #: One of the team's labels.
    label: UUID | None = None
    sort: str = "last_message"
    descending: bool = True
    page: int = 1
    #: Days of the organisation's calendar, both included: when the file was opened.
    created_from: date | None = None
    created_to: date | None = None
    #: A member of staff's id, `nobody`, or "" for everybody's.
    assigned: str = ""
    #: Two letters; `unknown` for people of whom nobody has noted one.
    language: str = ""
    #: The people behind a number of the dashboard: of what, which of it, and of which days.
    behind: str = ""
    key: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        """Read the query of an address; nothing in it is trusted."""
        sort = params.get("sort", "last_message")
        sort = sort if sort in SORTS else "last_message"
        descending = {"asc": False, "desc": True}.get(
            params.get("dir", ""), natural_direction(sort)
        )
        page = params.get("page", "1")
        return cls(
            search=params.get("search", "")[:MOST_SEARCH],
            profiles=_known(params.getlist("profile"), PROFILE_TYPES),
            statuses=_known(params.getlist("status"), CLIENT_STATUSES),
            label=label_of(params.get("label", "")),
            sort=sort,
            descending=descending,
            page=int(page) if page.isdecimal() and 0 < len(page) < 7 and int(page) else 1,
            created_from=day_of(params.get("created_from", "")),
            created_to=day_of(params.get("created_to", "")),
            assigned=assigned_of(params.get("assigned", "")),
            language=_short(params.get("language", "")),
            behind="".join(_known([params.get("behind", "")], BEHINDS)),
            key=_short(params.get("key", "")),
            since=day_of(params.get("from", "")),
            until=day_of(params.get("to", "")),
        )

    @property
    def address(self) -> str:
        """`/clients?...` without what is as usual."""
        parts: list[tuple[str, str]] = []
        if self.search:
            parts.append(("search", self.search))
        parts += [("profile", value) for value in self.profiles]
        parts += [("status", value) for value in self.statuses]
        if self.label is not None:
            parts.append(("label", str(self.label)))
        if self.sort != "last_message":
            parts.append(("sort", self.sort))
        if self.descending != natural_direction(self.sort):
            parts.append(("dir", "desc" if self.descending else "asc"))
        if self.page > 1:
            parts.append(("page", str(self.page)))
        parts += [(name, str(value)) for name, value in self._narrowed if value]
        return f"/clients?{urlencode(parts)}" if parts else "/clients"

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.filters or self.is_narrowed)

    @property
    def filters(self) -> int:
        """How many are on, beside the words and the people behind a number."""
        return len(self.profiles) + len(self.statuses) + (self.label is not None)

    @property
    def is_narrowed(self) -> bool:
        """Whether it shows the people behind a number."""
        return any(value for _, value in self._narrowed)

    @property
    def _narrowed(self) -> tuple[tuple[str, object], ...]:
        return (
            ("created_from", self.created_from),
            ("created_to", self.created_to),
            ("assigned", self.assigned),
            ("language", self.language),
            ("behind", self.behind),
            ("key", self.key),
            ("from", self.since),
            ("to", self.until),
        )

    @property
    def narrowing(self) -> Narrowing:
        """The same for the service: moments for days."""
        return Narrowing(
            created_since=_midnight(self.created_from),
            created_until=_midnight(self.created_to, 1),
            assigned_to="nobody"
            if self.assigned == "nobody"
            else UUID(self.assigned)
            if self.assigned
            else None,
            language={"": None, "unknown": ""}.get(self.language, self.language),
            label=self.label,
            behind=cast(Behind, self.behind) if self.behind else None,
            key={"": None, "unknown": ""}.get(self.key, self.key),
            since=_midnight(self.since),
            until=_midnight(self.until, 1),
        )

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What `services.clients.list_clients` takes."""
        return {
            "search": self.search,
            "profile_types": self.profiles,
            "statuses": self.statuses,
            "sort": self.sort,
            "descending": self.descending,
            "page": self.page,
            "limit": PAGE_SIZE,
            "narrowing": self.narrowing,
        }

    def without_filters(self) -> Self:
        return type(self)(sort=self.sort, descending=self.descending)

    def without_narrowing(self) -> Self:
        """The same search among everybody."""
        return type(self)(
            search=self.search,
            profiles=self.profiles,
            statuses=self.statuses,
            label=self.label,
            sort=self.sort,
            descending=self.descending,
        )

    def searching(self, words: str) -> Self:
        return replace(self, search=words[:MOST_SEARCH], page=1)

    def toggling_profile(self, value: str) -> Self:
        return replace(self, profiles=_toggled(self.profiles, value, PROFILE_TYPES), page=1)

    def toggling_status(self, value: str) -> Self:
        return replace(self, statuses=_toggled(self.statuses, value, CLIENT_STATUSES), page=1)

    def labelled(self, label: UUID | None) -> Self:
        return replace(self, label=label, page=1)

    def ordered(self, sort: str, descending: bool) -> Self:
        if (sort, descending) not in ORDERS:
            return self
        return replace(self, sort=sort, descending=descending, page=1)

    def sorted_by(self, sort: str) -> Self:
        """As a click on a column's head does: the natural direction first, then the other."""
        same = sort == self.sort
        return self.ordered(sort, not self.descending if same else natural_direction(sort))

    def turned_to(self, page: int) -> Self:
        return replace(self, page=max(page, 1))


def natural_direction(sort: str) -> bool:
    """Whether one usually wants this order descending: dates yes, words no."""
    return sort in ("last_message", "created")


def day_of(text: str) -> date | None:
    """A day from an address, or None for what is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(2999, 12, 31) else None


def assigned_of(text: str) -> str:
    """Whose people, from an address: an id, `nobody`, or "" for everybody's."""
    if text == "nobody":
        return text
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def label_of(text: str) -> UUID | None:
    """A label's id, from an address."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _short(text: str) -> str:
    return text if len(text) <= 64 and text.isprintable() else ""


def _midnight(day: date | None, after: int = 0) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=after), time.min, zone()).astimezone(UTC)


def _known(values: list[str], allowed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in allowed if value in values)


def _toggled(chosen: tuple[str, ...], value: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(v for v in allowed if (v in chosen) != (v == value))
