"""Of whom a narrowed list of clients is: the number of the dashboard that it is behind."""

from collections.abc import Iterator
from datetime import date

from ui.client_query import ClientQuery
from ui.components.dashboard_words import STATES, language_name, reason_name
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, tag
from ui.components.tags import PROFILES, profile_label
from ui.formats import long_day, working_time
from ui.gate import current_staff
from ui.i18n import _


def narrowed_to(query: ClientQuery) -> Html:
    """A chip that says it, and takes it away."""
    if not query.is_narrowed:
        return NOTHING
    words = " · ".join(_said(query)) or _("Some people")
    return tag(
        "a",
        tag("span", words),
        icon("close", label=_("Show everybody")),
        href=query.without_narrowing().address,
        class_="ac-chip ac-chip--narrowed",
    )


def _said(query: ClientQuery) -> Iterator[str]:
    if query.behind:
        yield _behind(query.behind, query.key)
    if query.since or query.until:
        yield _days(query.since, query.until)
    if query.created_from or query.created_to:
        yield _("New: {days}", days=_days(query.created_from, query.created_to))
    if query.assigned:
        yield _whose(query.assigned)
    if query.language:
        yield language_name("" if query.language == "unknown" else query.language)


def _behind(behind: str, key: str) -> str:
    match behind:
        case "waiting":
            return _("Waiting for an answer")
        case "closing":
            return _("Window closes within 4 hours")
        case "inbound":
            return _("Wrote to us")
        case "outbound":
            return _("Were written to")
        case "sent_by":
            if key == str(current_staff().id):
                return _("Were written to by me")
            return _("Were written to by a colleague")
        case "failed":
            said = _("A message did not arrive")
            return f"{said}: {reason_name('' if key == 'unknown' else key)}" if key else said
        case "document":
            said = _("Brought documents")
            return f"{said}: {_(STATES[key])}" if key in STATES else said
        case "missed":
            return _("Window closed without an answer")
        case "decided":
            said = _("The team decided the profile")
            if key not in PROFILES:
                return said
            proposed = _("proposed: {profile}", profile=profile_label(key))
            return f"{said}; {proposed}"
        case _:
            first = behind == "first_answered"
            said = _("Answered for the first time") if first else _("Answered")
            if not key.isdecimal() or len(key) > 6:
                return said
            late = _("after {time} or more", time=working_time(int(key)))
            return f"{said}; {late}"


def _days(since: date | None, until: date | None) -> str:
    ends = [long_day(day) if day else "…" for day in (since, until)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} – {ends[1]}"


def _whose(assigned: str) -> str:
    if assigned == "nobody":
        return _("Assigned to nobody")
    if assigned == str(current_staff().id):
        return _("Assigned to me")
    return _("Assigned to a colleague")
