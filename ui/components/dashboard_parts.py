"""The pieces of the dashboard around its drawings: what matters today, filters, sections."""

from datetime import date
from uuid import UUID

from services.analytics.numbers import Compared
from services.analytics.scope import Period
from services.analytics.summary import USUAL_DAYS, Summary
from services.clients import PROFILE_TYPES
from ui.components.dashboard_words import beside
from ui.components.filter_fields import choice_field, day_field
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.tags import profile_label
from ui.dashboard_query import PATH, PRESETS, DashboardQuery, Links
from ui.formats import number
from ui.i18n import _

_PROBLEM = "ac-dashboard-problem"


def tiles(found: Summary, links: Links) -> Html:
    """The numbers that matter today, each the way to its list."""
    today = found.today
    new = Compared(today.new_this_week, today.new_last_week)
    shown = (
        (_("Waiting for an answer"), today.waiting, links.waiting(), None, ""),
        (
            _("Window closes within 4 hours"),
            today.closing,
            links.closing(),
            _("afterwards only a template can be sent"),
            "warn" if today.closing else "",
        ),
        (
            _("Did not arrive today"),
            today.failed,
            links.failed(day=today.day),
            None,
            "danger" if today.failed else "",
        ),
        (
            _("New this week"),
            today.new_this_week,
            links.new(today.monday, today.day),
            _("last week until today: {n}", n=number(new.before)),
            "",
        ),
    )
    return tag(
        "ul",
        *(
            tag(
                "li",
                tag(
                    "a",
                    tag("span", label, class_="ac-tile-label"),
                    tag("span", number(n), class_="ac-tile-number"),
                    tag("span", hint, class_="ac-tile-hint") if hint else None,
                    href=address,
                    class_=f"ac-tile ac-tile--{mark}" if mark else "ac-tile",
                ),
            )
            for label, n, address, hint, mark in shown
        ),
        class_="ac-plain ac-tiles",
        aria_label=_("Today"),
    )


def sums(found: Summary, links: Links) -> Html:
    """The period in one line, beside the one before."""
    shown = (
        (_("Messages received"), found.messages.inbound, links.wrote("inbound")),
        (_("Messages sent"), found.messages.outbound, links.wrote("outbound")),
        (_("Did not arrive"), found.messages.failures, links.failed()),
        (_("New people"), found.people.new, links.new()),
        (_("Windows missed"), found.answers.missed, links.missed()),
        (_("Documents"), found.documents.total, links.documents()),
    )
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", label),
                tag(
                    "dd",
                    tag("a", number(n.now), href=address, class_="ac-sum-number")
                    if n.now
                    else tag("span", number(n.now), class_="ac-sum-number"),
                    tag("span", beside(n), class_="ac-numbers-before"),
                ),
            )
            for label, n, address in shown
        ),
        class_="ac-sums",
    )


def filters(query: DashboardQuery, people: list[tuple[UUID, str]], today: date) -> Html:
    """Presets as links, and a form: the address is the question."""
    usual = Period.last(USUAL_DAYS, today)
    is_usual = query.since is None and query.until is None
    wrong = _PROBLEM if query.problem else None
    presets = [
        tag(
            "a",
            _(label),
            href=(link := query.of_last(days, today)).address,
            class_="ac-chip",
            aria_current="true" if link == query or (days == USUAL_DAYS and is_usual) else None,
        )
        for days, label in PRESETS.items()
    ]
    clear = tag("a", icon("close"), _("Clear filters"), href=PATH, class_="ac-link-button")
    return join(
        [
            tag("nav", *presets, class_="ac-chips", aria_label=_("Period")),
            tag(
                "form",
                day_field("from", _("From"), query.since or usual.since, problem=wrong),
                day_field("to", _("Until"), query.until or usual.until, problem=wrong),
                choice_field(
                    "profile",
                    _("Profile type"),
                    [(profile, profile_label(profile)) for profile in PROFILE_TYPES],
                    query.profile,
                ),
                choice_field(
                    "assigned",
                    _("Whose people"),
                    [
                        *((str(id), name) for id, name in people),
                        ("nobody", _("Assigned to nobody")),
                    ],
                    query.whose,
                ),
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
                    class_="ac-dashboard-acts",
                ),
                _problem(query.problem),
                method="get",
                action=PATH,
                autocomplete="off",
                class_="ac-dashboard-form",
                role="search",
                aria_label=_("Filters"),
            ),
        ]
    )


def skeleton(label: str) -> Html:
    """The outline of the numbers while they are read."""
    words = tag("span", label, class_="ac-sr-only", role="status")
    bone = tag("span", class_="ac-bone ac-bone--name")
    tile = tag("div", bone, class_="ac-tile ac-tile--empty")
    card = tag("div", bone, class_="ac-card ac-card--empty")
    return tag(
        "div",
        words,
        tag("div", *([tile] * 4), class_="ac-tiles", aria_hidden="true"),
        tag("div", *([card] * 4), class_="ac-cards", aria_hidden="true"),
    )


def note(symbol: str, words: str) -> Html:
    return tag("div", icon(symbol), tag("span", words), class_="ac-notice ac-notice--info")


def counting_note() -> Html:
    return note("clock", _("Everything is being counted anew. Some numbers are not whole yet."))


def nothing(words: str) -> Html:
    """What stands where a number of the period would be."""
    return tag("p", words, class_="ac-muted ac-card-nothing")


def _problem(problem: str | None) -> Html | None:
    if problem is None:
        return None
    words = {
        "backwards": _("“Until” is before “From”."),
        "too_long": _("Choose at most three years."),
    }[problem]
    return tag("p", icon("error"), tag("span", words), class_="ac-field-error", id=_PROBLEM)
