"""Access exports and erasures in words."""

from collections.abc import Mapping
from datetime import datetime

from services.access_exports import AccessExport
from services.erasures import Erasure
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.tags import Colour, label_tag
from ui.formats import day_and_time, exact, number, percent
from ui.i18n import N_, _, ngettext

#: State -> colour, icon, words.
_STATES: dict[str, tuple[Colour, str, str]] = {
    "queued": ("info", "clock", N_("Waiting")),
    "running": ("info", "refresh", N_("Being prepared")),
    "done": ("ok", "ok", N_("Ready")),
    "expired": ("other", "clock", N_("Expired")),
    "failed": ("danger", "error", N_("Failed")),
}
_PROBLEMS = {
    "storage_too_large": N_("The copy is larger than the file storage accepts."),
    "storage_unavailable": N_("The file storage did not answer."),
    "interrupted": N_("The app was stopped while it was being prepared."),
}
REASONS = {
    "request": N_("The person asked for it"),
    "mistake": N_("The file was opened by mistake"),
    "retention": N_("Its time was over"),
}
#: Tables, in the words of people who do not know of tables; the rest is counted together.
_TABLES = {
    "messages": N_("Messages"),
    "message_statuses": N_("Message states"),
    "documents": N_("Documents"),
    "message_media": N_("Files of messages"),
    "files": N_("Stored files"),
    "client_identities": N_("Numbers and identifiers"),
    "webhook_deliveries": N_("Raw WhatsApp deliveries"),
    "webhook_items": N_("Unprocessed items"),
    "audit_values": N_("Values in the activity log"),
    "access_exports": N_("Copies of their data"),
}
#: The file itself, and what the search keeps of it.
_ITSELF = {"clients", "client_search"}


def moment(when: datetime) -> Html:
    """A time, the exact one on hover."""
    return tag("time", day_and_time(when), datetime=when.isoformat(), title=exact(when))


def export_state(export: AccessExport) -> Html:
    """The state in a tag."""
    colour, symbol, words = _STATES[export.state]
    return label_tag(colour, _(words), symbol=symbol)


def export_facts(export: AccessExport) -> Html:
    """When and by whom it was asked for, and what became of it."""
    by = export.requested_by or _("somebody who is no longer on the team")
    parts: list[Html | str | None] = [
        tag("p", moment(export.requested_at), " · ", tag("bdi", by), class_="ac-muted")
    ]
    if export.state == "done" and export.expires_at and export.size is not None:
        said = _(
            "{size}, available until {time}",
            size=bytes_in_words(export.size),
            time=day_and_time(export.expires_at),
        )
        parts.append(tag("p", said, class_="ac-muted"))
    if export.missing_documents and export.state == "done":
        said = ngettext(
            "{n} document is not in it: the file storage does not have it any more.",
            "{n} documents are not in it: the file storage does not have them any more.",
            export.missing_documents,
        )
        parts.append(tag("p", said, class_="ac-notice ac-notice--warn"))
    if export.problem and export.state in ("failed", "queued"):
        why = _PROBLEMS.get(export.problem, N_("It could not be prepared."))
        again = "" if export.state == "failed" else " " + _("It will be tried again by itself.")
        parts.append(tag("p", _(why) + again, class_="ac-muted"))
    return join(parts)


def export_progress(export: AccessExport) -> Html:
    """A bar while it is being prepared."""
    if export.state not in ("queued", "running"):
        return Html("")
    bar = tag(
        "progress", max="1", value=f"{export.progress:.2f}", aria_label=_("Preparing the copy")
    )
    return join([bar, tag("span", percent(export.progress), class_="ac-muted")])


def erasure_counts(counts: Mapping[str, int]) -> Html:
    """What went, a line each; what was not there is left out."""
    known = [(words, counts[name]) for name, words in _TABLES.items() if counts.get(name)]
    rest = sum(n for name, n in counts.items() if name not in _TABLES and name not in _ITSELF)
    lines = [(_(words), n) for words, n in known] + ([(_("Other rows"), rest)] if rest else [])
    if not lines:
        return tag("p", _("Nothing hung on the file but itself."), class_="ac-muted")
    rows = [tag("div", tag("dt", words), tag("dd", number(n))) for words, n in lines]
    return tag("dl", *rows, class_="ac-rights-counts")


def erasure_proof(erasure: Erasure) -> Html:
    """What has been looked at afresh since, and what was found."""
    lines = []
    if erasure.leftovers:
        tables = ", ".join(sorted(erasure.leftovers))
        said = _("Not complete: something is left in {tables}. Tell whoever looks after the app.")
        lines.append(_line("warning", "danger", said.format(tables=tables)))
    elif erasure.rows_verified_at:
        said = _(
            "Every table was searched on {time}: nothing that is known to be theirs is left.",
            time=day_and_time(erasure.rows_verified_at),
        )
        lines.append(_line("ok", "ok", said))
    else:
        lines.append(_line("clock", "info", _("The tables are being searched once more.")))
    if erasure.files_verified_at:
        said = (
            _(
                "The file storage has none of the files any more, asked on {time}.",
                time=day_and_time(erasure.files_verified_at),
            )
            if erasure.counts.get("files")
            else _("There were no files.")
        )
        lines.append(_line("ok", "ok", said))
    else:
        lines.append(_line("clock", "info", _("The files are being removed.")))
    if erasure.mentions:
        said = ngettext(
            "{n} row of other people's files mentions this person; it belongs to those people.",
            "{n} rows of other people's files mention this person; they belong to those people.",
            sum(erasure.mentions.values()),
        )
        lines.append(_line("info", "info", said))
    lines += _open_questions(erasure)
    return tag("ul", *lines, class_="ac-plain ac-rights-proof")


def _open_questions(erasure: Erasure) -> list[Html]:
    """What stands against the proof, and what it does not speak of."""
    lines = []
    look = tag("a", _("Unprocessed deliveries"), href="/settings/deliveries")
    if waiting := len(erasure.waiting_deliveries):
        said = ngettext(
            "{n} delivery names this person and holds something that waits. Try it again or close"
            " it, and the delivery is emptied.",
            "{n} deliveries name this person and hold something that waits. Try it again or close"
            " it, and the deliveries are emptied.",
            waiting,
        )
        lines.append(_line("warning", "danger", said, look))
    if erasure.unsearched:
        said = ngettext(
            "{n} number of theirs is somebody else's, too: nothing was searched for it.",
            "{n} numbers of theirs are somebody else's, too: nothing was searched for them.",
            erasure.unsearched,
        )
        lines.append(_line("info", "info", said))
    if erasure.unprocessed:
        said = ngettext(
            "{n} delivery from the time of this file was never processed, and nobody knows whose"
            " it is. Look at it.",
            "{n} deliveries from the time of this file were never processed, and nobody knows"
            " whose they are. Look at them.",
            erasure.unprocessed,
        )
        lines.append(_line("info", "info", said, look))
    return lines


def bytes_in_words(size: int) -> str:
    """`3,4 MB`."""
    if size < 1000:
        return _("{n} bytes", n=number(size))
    if size < 1_000_000:
        return f"{number(round(size / 1000))} kB"
    return f"{number(round(size / 1_000_000, 1))} MB"


def _line(symbol: str, colour: str, said: str, link: Html | None = None) -> Html:
    mark = tag("span", icon(symbol), class_=f"ac-rights-mark ac-rights-mark--{colour}")
    return tag("li", mark, tag("span", said, " " if link else None, link))
