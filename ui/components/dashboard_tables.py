"""The dashboard's numbers as tables: beside every drawing, and where a drawing says no more."""

from collections.abc import Iterable, Sequence

from services.analytics.answers import Times
from services.analytics.summary import Summary
from services.analytics.workload import Workload
from ui.components.dashboard_words import language_name, reason_name, state_name
from ui.components.markup import Html, join, tag
from ui.components.tags import profile_label
from ui.dashboard_query import Links
from ui.formats import long_day, number, percent, short_day, working_time
from ui.i18n import _

Cell = Html | str


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Html:
    """Rows whose first cell says what the others are numbers of."""
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, class_="ac-sr-only"),
            tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
            tag(
                "tbody",
                *(
                    tag(
                        "tr",
                        tag("th", row[0], scope="row"),
                        *(tag("td", cell) for cell in row[1:]),
                    )
                    for row in rows
                ),
            ),
            class_="ac-numbers",
        ),
        class_="ac-numbers-place",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def linked(n: int, address: str) -> Cell:
    """A number that leads to the people behind it."""
    return tag("a", number(n), href=address) if n else number(n)


def people(found: Summary, links: Links) -> Html:
    total = found.people.total or 1
    return table(
        _("People by profile type"),
        (_("Profile"), _("People"), _("Share")),
        (
            (profile_label(profile), linked(n, links.people(profile)), percent(n / total))
            for profile, n in found.people.by_profile.items()
        ),
    )


def messages(found: Summary, links: Links) -> Html:
    return table(
        _("Messages per day"),
        (_("Day"), _("Messages received"), _("Messages sent")),
        (
            (
                long_day(day.day),
                linked(day.inbound, links.wrote("inbound", day.day, day.day)),
                linked(day.outbound, links.wrote("outbound", day.day, day.day)),
            )
            for day in reversed(found.messages.days)
        ),
    )


def new_people(found: Summary, links: Links) -> Html:
    return table(
        _("New people per week"),
        (_("Week"), _("New people")),
        (
            (
                f"{short_day(week.since)} – {short_day(week.until)}",
                linked(week.n, links.new(week.since, week.until)),
            )
            for week in reversed(found.people.new_by_week)
        ),
    )


def documents(found: Summary, links: Links) -> Html:
    return table(
        _("Documents by state"),
        (_("State"), _("Documents"), _("Period before")),
        (
            (state_name(state), linked(n.now, links.documents(state)), number(n.before))
            for state, n in found.documents.by_state.items()
        ),
    )


def answers(found: Summary, links: Links) -> Html:
    """How long answers took, beside the period before."""
    a = found.answers
    rows: list[tuple[Cell, ...]] = []
    for name, times, before, first in (
        (_("First answer to a person"), a.first, a.first_before, True),
        (_("Every answer"), a.all, a.all_before, False),
    ):
        rows.append(
            (
                name,
                linked(times.answers, links.answered(first=first)),
                _took(times.median, before.median, links, first=first),
                _took(times.p90, before.p90, links, first=first),
            )
        )
    return table(
        _("Time to answer, in working hours"),
        (_("What"), _("Answers"), _("Half took at most"), _("9 of 10 took at most")),
        rows,
    )


def failed(found: Summary, links: Links) -> Html:
    return table(
        _("Messages that did not arrive, by reason"),
        (_("Reason"), _("Messages"), _("Period before")),
        (
            (
                join([reason_name(code), tag("span", f" {code}", class_="ac-faint")]),
                linked(n.now, links.failed(code)),
                number(n.before),
            )
            for code, n in found.messages.failed.items()
        ),
    )


def languages(found: Summary, links: Links) -> Html:
    return table(
        _("People by language"),
        (_("Language"), _("People")),
        (
            (language_name(code), linked(n, links.language(code)))
            for code, n in found.people.by_language.items()
        ),
    )


def agreement(found: Summary, links: Links) -> Html:
    return table(
        _("What was proposed, and what the team decided"),
        (_("Proposed"), _("Decided"), _("People")),
        (
            (
                profile_label(proposed),
                profile_label(decided),
                linked(n, links.decided(proposed, decided)),
            )
            for (proposed, decided), n in found.agreement.pairs.items()
        ),
    )


def workload(found: Summary, links: Links) -> Html:
    return table(
        _("Workload per caseworker"),
        (
            _("Whose people"),
            _("People"),
            _("Waiting"),
            _("Answers"),
            _("Half took at most"),
            _("Windows missed"),
            _("Sent by them"),
        ),
        (_load(load, links) for load in found.workload),
    )


def _load(load: Workload, links: Links) -> tuple[Cell, ...]:
    whose = "nobody" if load.staff_id is None else str(load.staff_id)
    name = _("Assigned to nobody") if load.staff_id is None else load.name or _("No name")
    return (
        tag("bdi", name),
        linked(load.people, links.assigned(whose)),
        linked(load.waiting, links.waiting(whose)),
        linked(load.answers.answers, links.answered(whose)),
        _time(load.answers),
        linked(load.missed, links.missed(whose)),
        "–" if load.staff_id is None else linked(load.sent, links.sent_by(whose)),
    )


def _time(times: Times) -> str:
    return "–" if times.median is None else working_time(times.median)


def _took(minutes: int | None, before: int | None, links: Links, *, first: bool) -> Cell:
    if minutes is None:
        return "–"
    told = _("before: {n}", n="–" if before is None else working_time(before))
    return join(
        [
            tag(
                "a",
                working_time(minutes),
                href=links.answered(first=first, at_least=minutes),
                title=_("Whose answer took this long or longer"),
            ),
            tag("span", told, class_="ac-numbers-before"),
        ]
    )
