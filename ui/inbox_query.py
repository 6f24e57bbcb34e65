"""What the inbox shows: what the address bar holds, so that a place in it can be shared."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from services.clients import PROFILE_TYPES
from services.inbox import VIEWS, InboxFilter, View

#: Letters of a search; what is longer is cut, as the service would.
MOST_SEARCH = 100
_MOST_LABELS = 5


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """View, filters, and the conversation that is open. Unknown values are left out."""

    view: View = "waiting"
    search: str = ""
    profiles: tuple[str, ...] = ()
    labels: tuple[UUID, ...] = ()
    assignee: UUID | None = None
    client: UUID | None = None

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        """Read the query of an address; nothing in it is trusted."""
        wanted = params.get("view", "waiting")
        labels = [label for value in params.getlist("label") if (label := _uuid(value))]
        return cls(
            view=next((view for view in VIEWS if view == wanted), "waiting"),
            search=params.get("search", "")[:MOST_SEARCH],
            profiles=tuple(p for p in PROFILE_TYPES if p in params.getlist("profile")),
            labels=tuple(dict.fromkeys(labels))[:_MOST_LABELS],
            assignee=_uuid(params.get("assignee", "")),
            client=_uuid(params.get("client", "")),
        )

    @property
    def address(self) -> str:
        """`/?...` without what is as usual."""
        parts: list[tuple[str, str]] = []
        if self.view != "waiting":
            parts.append(("view", self.view))
        if self.search:
            parts.append(("search", self.search))
        parts += [("profile", value) for value in self.profiles]
        parts += [("label", str(value)) for value in self.labels]
        if self.assignee:
            parts.append(("assignee", str(self.assignee)))
        if self.client:
            parts.append(("client", str(self.client)))
        return f"/?{urlencode(parts)}" if parts else "/"

    @property
    def filter(self) -> InboxFilter:
        return InboxFilter(self.search, self.profiles, self.labels, self.assignee)

    @property
    def is_filtered(self) -> bool:
        return not self.filter.is_empty

    @property
    def filters(self) -> int:
        """How many filters there are beside the words."""
        return len(self.profiles) + len(self.labels) + (self.assignee is not None)

    def in_view(self, view: str) -> Self:
        """Another view with the same filters; what is open stays open."""
        return replace(self, view=next((v for v in VIEWS if v == view), self.view))

    def opening(self, client: UUID | None) -> Self:
        return replace(self, client=client)

    def searching(self, words: str) -> Self:
        return replace(self, search=words[:MOST_SEARCH])

    def toggling_profile(self, value: str) -> Self:
        return replace(self, profiles=_toggled(self.profiles, value, PROFILE_TYPES))

    def toggling_label(self, value: UUID) -> Self:
        kept = tuple(label for label in self.labels if label != value)
        return replace(self, labels=kept if value in self.labels else (*kept, value)[-5:])

    def of(self, assignee: UUID | None) -> Self:
        return replace(self, assignee=assignee)

    def without_filters(self) -> Self:
        return replace(self, search="", profiles=(), labels=(), assignee=None)


def _toggled(chosen: tuple[str, ...], value: str, allowed: Iterable[str]) -> tuple[str, ...]:
    return tuple(v for v in allowed if (v in chosen) != (v == value))


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
