"""What narrows the list of clients beside words, profile and status: a label, the people behind a
number.

Every number of the dashboard leads to a list, and these are the conditions of those lists.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, literal, select
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB

from db.tables import (
    client_directory,
    client_labels,
    documents,
    exchanges,
    message_sends,
    messages,
)

#: What a list can be the people behind: two of now, and of a period.
Behind = Literal[
    "waiting",
    "closing",
    "inbound",
    "outbound",
    "sent_by",
    "failed",
    "document",
    "answered",
    "first_answered",
    "missed",
    "decided",
]
BEHINDS: tuple[Behind, ...] = get_args(Behind)
OF_NOW: tuple[Behind, ...] = ("waiting", "closing")

#: WhatsApp's window after each message of theirs; one that closes within this time closes soon.
WINDOW = "24 hours"
CLOSING_SOON = "4 hours"

_EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Each condition that is given holds."""

    created_since: datetime | None = None
    #: The first moment after.
    created_until: datetime | None = None
    assigned_to: UUID | Literal["nobody"] | None = None
    #: "" stands for people of whom nobody has noted a language.
    language: str | None = None
    label: UUID | None = None
    behind: Behind | None = None
    #: Which of what is behind: a reason of failure, a state of documents, a proposed profile type,
    #: the least working minutes that an answer took, or who has sent a message.
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The conditions that hold, as `condition` knows them."""
        found = [
            name
            for name in ("created_since", "created_until", "language", "label")
            if getattr(self, name) is not None
        ]
        if self.assigned_to is not None:
            found.append("nobodys" if self.assigned_to == "nobody" else "assigned_to")
        if self.behind in BEHINDS:
            found.append(self.behind)
            if self.key is not None and self.behind in _KEYED:
                found[-1] += "_key"
        return tuple(found)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values behind the conditions."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["since"] = self.since or _EVER[0]
        values["until"] = self.until or _EVER[1]
        if self.behind in ("answered", "first_answered") and self.key is not None:
            minutes = int(self.key) if self.key.isdecimal() and len(self.key) < 7 else 0
            values["at_least"] = 60 * minutes
        values["sender"] = _id_of(self.key)
        return {f"narrow_{name}": value for name, value in values.items()}


def _id_of(text: str | None) -> UUID | None:
    """An id from an address; what is none is nobody's."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


EVERYBODY = Narrowing()

_client = client_directory.c


def condition(name: str) -> ColumnElement[bool]:
    """The condition of that name, with parameters that `Narrowing.parameters` fills."""
    return _CONDITIONS[name]


def _value(name: str) -> Any:
    return bindparam(f"narrow_{name}")


def _are(query: Select[Any], moment: ColumnElement[Any] | None = None) -> ColumnElement[bool]:
    """Clients whom a query names, of the period where a moment is given."""
    if moment is not None:
        query = query.where(moment >= _value("since"), moment < _value("until"))
    return _client.id.in_(query)


def _messages(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    m = messages.c
    said = m.type.not_in(("reaction", "edit", "revoke", "system"))
    return _are(select(m.client_id).where(said, *conditions), m.sent_at)


def _documents(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    d = documents.c
    return _are(select(d.client_id).where(*conditions), d.created_at)


def _exchanges(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return _are(select(exchanges.c.client_id).where(*conditions), exchanges.c.answered_at)


_m, _s, _e = messages.c, message_sends.c, exchanges.c
_first = _e.number == 1
_slow = _e.working_seconds >= _value("at_least")
_failed = _m.status == "failed"
_left = _m.status.not_in(("queued", "sending", "failed"))
_decided = (_client.profile_source == "staff") & (_client.profile_evidence != literal([], JSONB))
_opened_since = func.now() - cast(WINDOW, INTERVAL)

_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "created_since": _client.created_at >= _value("created_since"),
    "created_until": _client.created_at < _value("created_until"),
    "language": func.coalesce(_client.language, "") == _value("language"),
    "label": _are(
        select(client_labels.c.client_id).where(client_labels.c.label_id == _value("label"))
    ),
    "assigned_to": _client.assigned_to == _value("assigned_to"),
    "nobodys": _client.assigned_to.is_(None),
    "waiting": _client.waiting_since.is_not(None),
    # Each message of theirs opens the window anew, whatever closed before.
    "closing": _client.waiting_since.is_not(None)
    & (_client.last_inbound_at > _opened_since)
    & (_client.last_inbound_at <= _opened_since + cast(CLOSING_SOON, INTERVAL))
    & func.coalesce(_client.window_closed_at < _client.last_inbound_at, True),
    "inbound": _messages(_m.direction == "inbound"),
    "outbound": _messages(_m.direction == "outbound", _left),
    "sent_by": _messages(_left, _m.id.in_(select(_s.message_id).where(_s.created_by.is_not(None)))),
    "sent_by_key": _messages(
        _left, _m.id.in_(select(_s.message_id).where(_s.created_by == _value("sender")))
    ),
    "failed": _messages(_failed),
    "failed_key": _messages(_failed, func.coalesce(_m.error["code"].astext, "") == _value("key")),
    "document": _documents(),
    "document_key": _documents(documents.c.state == _value("key")),
    "answered": _exchanges(),
    "answered_key": _exchanges(_slow),
    "first_answered": _exchanges(_first),
    "first_answered_key": _exchanges(_first, _slow),
    "missed": _are(select(_e.client_id).where(_e.missed), _e.lapses_at),
    "decided": _decided,
    "decided_key": _decided
    & (func.app_private.proposal_of(_client.profile_evidence, type_=Text) == _value("key")),
}
_KEYED = frozenset(name.removesuffix("_key") for name in _CONDITIONS if name.endswith("_key"))
