"""Taking the list of clients along: a button with the kinds of file there are."""

from ui.client_query import ClientQuery
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.i18n import N_, _

#: Format -> what it is for.
_FORMATS = {
    "xlsx": N_("Excel (.xlsx)"),
    "csv_semicolon": N_("CSV for Excel in Spain (semicolons)"),
    "csv": N_("CSV (commas, UTF-8)"),
}


def export_menu(query: ClientQuery) -> Html:
    """The button, and a form that asks for what the list shows now: all of its pages."""
    hidden = {
        "search": query.search,
        "profiles": ",".join(query.profiles),
        "statuses": ",".join(query.statuses),
        "label": str(query.label or ""),
        "sort": query.sort,
        "dir": "desc" if query.descending else "asc",
    }
    opener = tag(
        "button",
        icon("download"),
        tag("span", _("Export")),
        type="button",
        class_="ac-button ac-export",
        popovertarget="ac-export-menu",
    )
    choices = [
        tag(
            "button",
            icon("document"),
            tag("span", _(words)),
            type="submit",
            name_="format",
            value=kind,
            class_="ac-menu-item",
        )
        for kind, words in _FORMATS.items()
    ]
    form = tag(
        "form",
        tag("p", _("What the list shows now, all pages of it"), class_="ac-muted ac-export-what"),
        *(tag("input", type="hidden", name_=name, value=value) for name, value in hidden.items()),
        *choices,
        method="post",
        action="/clients/export",
    )
    menu = tag("div", form, id="ac-export-menu", popover="auto", class_="ac-popover ac-export-menu")
    return join([opener, menu])
