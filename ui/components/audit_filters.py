"""What one can ask of the activity log: who, what, about what, when, and which client."""

from datetime import date
from uuid import UUID

from services.audit_reading import AuditPage
from ui.audit_query import CHOICES, PATH, AuditQuery, known_tables
from ui.components.audit_names import TABLES, kind_name, table_name
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
    """A form, so that the address is the question and Back leads to the one before.

    After Back a browser would put into the fields what was last in them, which the list is not.
    """
    clear = tag("a", icon("close"), _("Clear filters"), href=PATH, class_="ac-link-button")
    return tag(
        "form",
        _choice("person", _("Who"), [(str(id), name) for id, name in people], query.staff),
        _choice("what", _("What"), [(kind, kind_name(kind)) for kind in CHOICES], query.kind),
        _choice(
            "table",
            _("About"),
            [(name, table_name(name)) for name in known_tables(query, TABLES)],
            query.table,
        ),
        _day_field("from", _("From"), query.since),
        _day_field("to", _("Until"), query.until, is_wrong=query.is_backwards),
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


def _choice(
    name: str, label: str, options: list[tuple[str, str]], chosen: UUID | str | None
) -> Html:
    wanted = str(chosen or "")
    return tag(
        "label",
        tag("span", label),
        tag(
            "select",
            tag("option", _("All"), value=""),
            *(
                tag("option", words, value=value, selected=value == wanted)
                for value, words in options
            ),
            name_=name,
            autocomplete="off",
            class_="ac-select",
        ),
    )


def _day_field(name: str, label: str, day: date | None, *, is_wrong: bool = False) -> Html:
    field = tag(
        "input",
        type="date",
        name_=name,
        value=day.isoformat() if day else None,
        autocomplete="off",
        aria_invalid="true" if is_wrong else None,
        aria_describedby=_BACKWARDS if is_wrong else None,
        class_="ac-audit-date",
    )
    labelled = tag("label", tag("span", label), field)
    if not is_wrong:
        return labelled
    words = tag("span", _("“Until” is before “From”."))
    error = tag("p", icon("error"), words, class_="ac-field-error", id=_BACKWARDS)
    return tag("div", error, labelled, class_="ac-audit-field")


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
