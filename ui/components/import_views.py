"""What an import has found and done, as markup."""

from collections.abc import Sequence

from services.imports.jobs import Import
from services.imports.report import Person, Problem
from services.imports.uploads import Sample
from ui.components.icons import icon
from ui.components.import_words import (
    FIELD_NAMES,
    PHASES,
    RESULTS,
    file_problem,
    people,
    problem_words,
    seconds_left,
    state_tag,
)
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time, exact, number, percent, phone
from ui.i18n import _, ngettext

#: Letters of a cell in the sample.
_CELL = 60


def sample_table(sample: Sample) -> Html:
    """The first rows as they are read, so that accents and columns can be seen."""
    head = [tag("th", _("Row"), scope="col", class_="ac-import-n")]
    head += [tag("th", tag("bdi", _cut(name) or "–"), scope="col") for name in sample.header]
    rows = [
        tag(
            "tr",
            tag("th", number(n), scope="row", class_="ac-import-n"),
            *(tag("td", tag("bdi", _cut(cell))) for cell in _padded(cells, len(sample.header))),
        )
        for n, cells in sample.rows[:8]
    ]
    return tag(
        "div",
        tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="ac-import-table"),
        class_="ac-import-scroll",
        tabindex="0",
        role="region",
        aria_label=_("First rows of the file"),
    )


def examples_of(sample: Sample, column: int) -> Html:
    """Some values of a column."""
    values = [cells[column].strip() for _, cells in sample.rows if column < len(cells)]
    shown = list(dict.fromkeys(value for value in values if value))[:3]
    if not shown:
        return tag("span", _("empty"), class_="ac-faint")
    return join([tag("bdi", _cut(value), class_="ac-import-example") for value in shown])


def counts_view(found: Import) -> Html:
    """How many rows of each result; they add up to the file's."""
    items = []
    for result, (colour, symbol, words) in RESULTS.items():
        count = found.counts.get(result, 0)
        if not count and result not in ("new", "invalid"):
            continue
        items.append(
            tag(
                "div",
                tag(
                    "dt",
                    tag("span", icon(symbol), class_=f"ac-import-mark ac-import-mark--{colour}"),
                    tag("span", _(words)),
                ),
                tag("dd", number(count)),
                class_="ac-import-count",
            )
        )
    total = ngettext(
        "{n_text} row in the file",
        "{n_text} rows in the file",
        found.counts.get("rows", 0),
        n_text=number(found.counts.get("rows", 0)),
    )
    return join([tag("dl", *items, class_="ac-import-counts"), tag("p", total, class_="ac-muted")])


def problems_view(problems: Sequence[Problem]) -> Html:
    """What is wrong, by kind, with examples."""
    if not problems:
        return NOTHING
    items = []
    for problem in problems:
        count = ngettext(
            "{n_text} row", "{n_text} rows", problem.count, n_text=number(problem.count)
        )
        examples = [
            tag(
                "li",
                tag("span", _("Row {n}:", n=number(example.row)), class_="ac-muted"),
                " ",
                tag("bdi", example.value) if example.value else tag("span", "–"),
            )
            for example in problem.examples
        ]
        items.append(
            tag(
                "li",
                tag("p", tag("strong", count), " · ", problem_words(problem.field, problem.code)),
                tag("ul", *examples, class_="ac-plain ac-import-examples"),
                class_="ac-rights-item",
            )
        )
    title = tag("h2", _("What is wrong, and what to do"), class_="ac-subtitle")
    return tag("section", title, tag("ul", *items, class_="ac-plain ac-rights-list"))


def people_view(title: str, found: Sequence[Person], total: int) -> Html:
    """Some people of the file, with what is written of them."""
    if not found:
        return NOTHING
    items = []
    for person in found:
        name = without_reordering(person.name or "") or _("Without a name")
        more = [phone(person.phone) if person.phone else None, person.email]
        fields = ", ".join(_(FIELD_NAMES[name]) for name in person.fields if name in FIELD_NAMES)
        there = person.client_id is not None and person.result != "new"
        items.append(
            tag(
                "li",
                tag("span", number(person.row), class_="ac-import-n ac-muted"),
                tag("a", tag("bdi", name), href=f"/clients/{person.client_id}")
                if there
                else tag("bdi", name),
                tag("span", " · ".join(part for part in more if part), class_="ac-muted"),
                tag("span", fields, class_="ac-faint") if fields else None,
            )
        )
    rest = total - len(items)
    more_words = (
        tag(
            "p",
            ngettext("and {n_text} more", "and {n_text} more", rest, n_text=number(rest)),
            class_="ac-muted",
        )
        if rest > 0
        else None
    )
    return tag(
        "details",
        tag("summary", title),
        tag("ul", *items, class_="ac-plain ac-import-people"),
        more_words,
        class_="ac-import-details",
    )


def kept_view(found: Sequence[Person]) -> Html:
    """Whom an undo has left as they were."""
    if not found:
        return NOTHING
    said = _(
        "Somebody has changed these people since the import, or something came in for them."
        " They were left as they are."
    )
    links = [
        tag(
            "li",
            tag(
                "a",
                tag("bdi", without_reordering(person.name or "") or _("Without a name")),
                href=f"/clients/{person.client_id}",
            ),
        )
        for person in found
    ]
    title = tag("h2", _("Not undone"), class_="ac-subtitle")
    return tag("section", title, tag("p", said, class_="ac-muted"), tag("ul", *links))


def progress_view(found: Import, seconds: float | None) -> Html:
    """How far the work is."""
    phase = _(PHASES[found.phase]) if found.phase else _("Waiting for its turn")
    left = f" · {seconds_left(seconds)}" if seconds is not None else ""
    return tag(
        "div",
        tag("p", tag("strong", phase), tag("span", left, class_="ac-muted"), role="status"),
        tag(
            "div",
            tag(
                "progress",
                max="1",
                value=f"{found.progress:.3f}",
                aria_label=phase,
            ),
            tag("span", percent(round(found.progress, 2))),
            class_="ac-rights-progress",
        ),
    )


def problem_view(found: Import) -> Html:
    """Why it failed, or what whoever imports should know."""
    if found.problem is None:
        return NOTHING
    failed = found.state == "failed"
    words = file_problem(found.problem, found.problem_row)
    kind = "danger" if failed else "warn"
    return tag(
        "div",
        icon("error" if failed else "warning"),
        tag("p", words),
        class_=f"ac-notice ac-notice--{kind} ac-import-notice",
        role="alert" if failed else "status",
    )


def report_view(found: Import) -> Html:
    """What an import has done, once it has."""
    if found.state == "undone":
        counts = found.undo_counts or {}
        parts = [
            _("{people} removed again", people=people(counts.get("removed", 0))),
            _("{people} as they were before", people=people(counts.get("restored", 0))),
        ]
        by = found.undone_by or _("somebody who is no longer on the team")
        when = day_and_time(found.undone_at) if found.undone_at else ""
        return join([tag("p", " · ".join(parts)), tag("p", f"{by} · {when}", class_="ac-muted")])
    if found.state == "done":
        parts = [
            _("{people} added", people=people(found.counts.get("new", 0))),
            _("{people} updated", people=people(found.counts.get("updated", 0))),
        ]
        return tag("p", " · ".join(parts))
    return NOTHING


def history_view(found: Sequence[Import]) -> Html:
    """Earlier imports, the newest first."""
    if not found:
        said = _("No imports yet. They stay here, and for 30 days they can be undone.")
        return tag("p", said, class_="ac-muted")
    items = []
    for one in found:
        by = one.requested_by or _("a program")
        when = tag("time", day_and_time(one.created_at), title=exact(one.created_at))
        written = one.counts.get("new", 0) + one.counts.get("updated", 0)
        shown = people(written) if one.state in ("done", "judged") else ""
        items.append(
            tag(
                "li",
                tag(
                    "a",
                    tag("bdi", one.file_name),
                    href=f"/import/{one.id}",
                    class_="ac-import-file",
                ),
                state_tag(one),
                tag("span", when, " · ", tag("bdi", by), class_="ac-muted"),
                tag("span", shown, class_="ac-muted") if shown else None,
                class_="ac-rights-item ac-import-row",
            )
        )
    return tag("ul", *items, class_="ac-plain ac-rights-list")


def _cut(text: str) -> str:
    shown = without_reordering(text.replace("\n", " ⏎ ").strip())
    return shown if len(shown) <= _CELL else shown[: _CELL - 1] + "…"


def _padded(cells: list[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]
