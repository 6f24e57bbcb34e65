"""What one can ask of the activity log: who, what, about what, when, and which client."""

from uuid import UUID

from services.audit_reading import AuditPage
from ui.audit_query import CHOICES, PATH, AuditQuery, known_tables
from ui.components.audit_names import TABLES, kind_name, table_name
from ui.components.filter_fields import choice_field, day_field
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.i18n import _

_BACKWARDS = "ac-audit-backwards"


def opener_words(query: AuditQuery) -> Html:
    """What the button says that the filters are behind on a phone."""
    n = query.number_of_filters
    words = _("Filters ({n})", n=n) if n else _("Filters")
    return join([icon("filter"), tag("span", words)])


def filters(query: AuditQuery, people: list[tuple[UUID, str]], page: AuditPage) -> Html:
    """A form, so that the address is the question and Back leads to the one before."""
    clear = tag("a", icon("close"), _("Clear filters"), href=PATH, class_="ac-link-button")
    return tag(
        "form",
        choice_field(
            "person",
            _("Who"),
            [(str(id), name) for id, name in people],
            str(query.staff or ""),
        ),
        choice_field("what", _("What"), [(kind, kind_name(kind)) for kind in CHOICES], query.kind),
        choice_field(
            "table",
            _("About"),
            [(name, table_name(name)) for name in known_tables(query, TABLES)],
            query.table,
        ),
        day_field("from", _("From"), query.since),
        _last_day(query),
        _client_chip(query, page),
        tag(
            "div",
            tag(
                "button",
                icon("filter"),
                tag("span", _("Filter")),
                type="submit",
                class_="ac-button ac-button--primary",
            ),
            clear if query.is_filtered else None,
            class_="ac-audit-acts",
        ),
        method="get",
        action=PATH,
        autocomplete="off",
        class_="ac-audit-filters",
        role="search",
        aria_label=_("Filters"),
    )


def _last_day(query: AuditQuery) -> Html:
    if not query.is_backwards:
        return day_field("to", _("Until"), query.until)
    words = tag("span", _("“Until” is before “From”."))
    error = tag("p", icon("error"), words, class_="ac-field-error", id=_BACKWARDS)
    field = day_field("to", _("Until"), query.until, problem=_BACKWARDS)
    return tag("div", error, field, class_="ac-audit-field")


def _client_chip(query: AuditQuery, page: AuditPage) -> Html | None:
    """The one client who is asked for; one comes with it from the client's own page."""
    if query.client is None:
        return None
    names = {e.client_name for e in page.entries if e.client_id == query.client and e.client_name}
    called = next(iter(names), None) or _("client {id}", id=str(query.client)[:8])
    return tag(
        "div",
        tag("input", type="hidden", name_="client", value=str(query.client)),
        tag("span", _("Client")),
        tag(
            "a",
            tag("bdi", called),
            icon("close", label=_("All clients")),
            href=query.without_client().address,
            class_="ac-chip",
        ),
        class_="ac-audit-client",
    )
