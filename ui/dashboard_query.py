"""What the dashboard is asked, as its address holds it, and the addresses behind its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from services.analytics.scope import MOST_DAYS, Scope
from services.clients import CLIENT_STATUSES, PROFILE_TYPES
from ui.client_query import ClientQuery, assigned_of, day_of
from ui.formats import zone
from ui.i18n import N_

PATH = "/dashboard"
PRINT_PATH = "/dashboard/print"

#: Days of the periods that one press asks for.
PRESETS: dict[int, str] = {7: N_("7 days"), 30: N_("30 days"), 90: N_("90 days"), 365: N_("Year")}


@dataclass(frozen=True, slots=True)
class DashboardQuery:
    """A period, a profile type, whose people. What cannot be read is left out."""

    since: date | None = None
    until: date | None = None
    profile: str = ""
    #: A member of staff's id, `nobody`, or "" for everybody's.
    whose: str = ""

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        """Read the query of an address; nothing in it is trusted."""
        profile = params.get("profile", "")
        return cls(
            since=day_of(params.get("from", "")),
            until=day_of(params.get("to", "")),
            profile=profile if profile in PROFILE_TYPES else "",
            whose=assigned_of(params.get("assigned", "")),
        )

    @property
    def address(self) -> str:
        """`/dashboard?...` without what is as usual."""
        return self._at(PATH)

    @property
    def print_address(self) -> str:
        """The page for paper: it takes a period and nothing narrower."""
        return replace(self, profile="", whose="")._at(PRINT_PATH)

    @property
    def problem(self) -> str | None:
        """Why the days are no period: `backwards` or `too_long`."""
        if self.since is None:
            return None
        # Without an end it is today.
        until = self.until or max(self.since, datetime.now(zone()).date())
        if until < self.since:
            return "backwards"
        return "too_long" if (until - self.since).days >= MOST_DAYS else None

    @property
    def is_filtered(self) -> bool:
        return self != type(self)()

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What `services.analytics.summary.summary` takes."""
        whose: Any = UUID(self.whose) if self.whose not in ("", "nobody") else self.whose or None
        return {
            "since": self.since,
            "until": self.until,
            "profile": self.profile or None,
            "whose": whose,
        }

    def of_last(self, days: int, today: date) -> Self:
        return replace(self, since=today - timedelta(days=days - 1), until=today)

    def _at(self, path: str) -> str:
        parts = {
            "from": self.since,
            "to": self.until,
            "profile": self.profile,
            "assigned": self.whose,
        }
        given = [(name, str(value)) for name, value in parts.items() if value]
        return f"{path}?{urlencode(given)}" if given else path


class Links:
    """The list of people behind each number, narrowed as the number is."""

    def __init__(self, scope: Scope, today: date) -> None:
        self._period, self._today = scope.period, today
        self._narrow = ClientQuery(
            profiles=(scope.profile,) if scope.profile else (),
            assigned=str(scope.whose or ""),
        )

    def people(self, profile: str | None = None, *, status: str = "") -> str:
        """People of a profile type now, or in a state."""
        query = self._narrow
        if profile:
            query = replace(query, profiles=(profile,))
        return replace(query, statuses=(status,) if status else ()).address

    def language(self, language: str) -> str:
        return replace(self._narrow, language=language or "unknown").address

    def waiting(self, whose: str | None = None) -> str:
        return self._of(whose, behind="waiting", everybody=False).address

    def closing(self) -> str:
        return self._of(behind="closing", everybody=False).address

    def new(self, since: date | None = None, until: date | None = None) -> str:
        query = replace(
            self._narrow,
            created_from=since or self._period.since,
            created_to=until or self._period.until,
            statuses=CLIENT_STATUSES,
            sort="created",
        )
        return query.address

    def wrote(self, kind: str, since: date | None = None, until: date | None = None) -> str:
        """Who wrote (`inbound`), or was written to (`outbound`)."""
        return self._of(behind=kind, since=since, until=until).address

    def sent_by(self, staff_id: str) -> str:
        """Whom a member of staff has written to, whoever they are assigned to."""
        return self._of("", behind="sent_by", key=staff_id).address

    def failed(self, code: str | None = None, day: date | None = None) -> str:
        key = "" if code is None else code or "unknown"
        return self._of(behind="failed", key=key, since=day, until=day).address

    def documents(self, state: str = "") -> str:
        return self._of(behind="document", key=state).address

    def missed(self, whose: str | None = None, day: date | None = None) -> str:
        return self._of(whose, behind="missed", since=day, until=day).address

    def answered(
        self, whose: str | None = None, *, first: bool = False, at_least: int | None = None
    ) -> str:
        """Whoever was answered, or whose answer took so many working minutes."""
        key = "" if at_least is None else str(at_least)
        behind = "first_answered" if first else "answered"
        return self._of(whose, behind=behind, key=key).address

    def decided(self, proposed: str, decided: str) -> str:
        query = replace(
            self._narrow,
            profiles=(decided,),
            statuses=CLIENT_STATUSES,
            created_from=self._period.since,
            created_to=self._period.until,
            behind="decided",
            key=proposed,
        )
        return query.address

    def assigned(self, whose: str) -> str:
        return replace(self._narrow, assigned=whose).address

    def _of(
        self,
        whose: str | None = None,
        *,
        behind: str,
        key: str = "",
        since: date | None = None,
        until: date | None = None,
        everybody: bool = True,
    ) -> ClientQuery:
        query = replace(self._narrow, behind=behind, key=key)
        if everybody:
            # A number of the past counts whoever has been archived since.
            query = replace(
                query,
                statuses=CLIENT_STATUSES,
                since=since or self._period.since,
                until=until or self._period.until,
            )
        return query if whose is None else replace(query, assigned=whose)
