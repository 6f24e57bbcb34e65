"""The documents of a client as a list: markup alone, whose presses `static/media.js` hands on.

[data-media-act]     open | accept | reject | renew | rename | delete
[data-document]      of which document
[data-pdf]           opens the PDF that it links to in the viewer, under this name
"""

from collections.abc import Sequence
from uuid import UUID

from services.documents import DocumentRow, DocumentState
from services.media_types import SHOWN
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.media_words import kind_name, size_name
from ui.components.tags import Colour, label_tag
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time, exact
from ui.i18n import N_, _

#: State -> colour, icon, label.
STATES: dict[DocumentState, tuple[Colour, str, str]] = {
    "new": ("info", "clock", N_("To review")),
    "accepted": ("ok", "check", N_("Accepted")),
    "rejected": ("danger", "close", N_("Rejected")),
}


def state_tag(state: DocumentState) -> Html:
    colour, symbol, label = STATES[state]
    return label_tag(colour, _(label), symbol=symbol)


def document_rows(
    rows: Sequence[DocumentRow], *, may_change: bool, fresh: frozenset[UUID] = frozenset()
) -> Html:
    """The list, newest first. `fresh` were put here while somebody looks: they stand out."""
    if not rows:
        return _nothing_yet(may_change)
    listed = (_row(row, may_change=may_change, is_fresh=row.id in fresh) for row in rows)
    return tag("ul", join(listed), class_="ac-documents-list", role="list")


def _row(row: DocumentRow, *, may_change: bool, is_fresh: bool) -> Html:
    name = without_reordering(row.name)
    who = row.uploaded_by or _("a program")
    added = _("{time} by {name}", time=day_and_time(row.created_at), name=who)
    facts = [kind_name(row.media_type), size_name(row.size), added]
    symbol = "image" if row.media_type.startswith("image/") else "document"
    words = tag(
        "div",
        tag(
            "button",
            tag("bdi", name),
            type="button",
            class_="ac-document-name",
            title=_("Download"),
            data_media_act="open",
            data_document=str(row.id),
        ),
        tag(
            "div",
            " · ".join(fact for fact in facts if fact),
            class_="ac-document-facts",
            title=exact(row.created_at),
        ),
        class_="ac-document-words",
    )
    return tag(
        "li",
        tag("span", icon(symbol), class_="ac-document-icon"),
        words,
        _reviewed(row),
        tag(
            "div",
            state_tag(row.state),
            _look(row, name) if row.media_type in SHOWN else None,
            *(_acts(row, name) if may_change else ()),
            class_="ac-document-acts",
        ),
        class_="ac-document ac-document--new-here" if is_fresh else "ac-document",
        id=f"d-{row.id}",
    )


def _look(row: DocumentRow, name: str) -> Html:
    """A PDF within the page, as in the conversation; a picture in a tab of its own."""
    words = _("Open")
    return tag(
        "a",
        words,
        href=f"/documents/{row.id}",
        target="_blank",
        rel="noopener",
        class_="ac-link-button",
        aria_label=f"{words}: {name}",
        data_pdf=name if row.media_type == "application/pdf" else None,
    )


def _reviewed(row: DocumentRow) -> Html | None:
    """Who said what about it, and when."""
    if row.state == "new" or row.reviewed_at is None:
        return None
    at = day_and_time(row.reviewed_at)
    said = _("{name}, {time}", name=row.reviewed_by, time=at) if row.reviewed_by else at
    reason = tag("bdi", f"«{row.review_reason}»") if row.review_reason else None
    return tag("div", reason, " " if reason else None, said, class_="ac-document-reason")


def _acts(row: DocumentRow, name: str) -> list[Html]:
    if row.state == "new":
        acts = [("accept", _("Accept")), ("reject", _("Reject"))]
    else:
        acts = [("renew", _("Review again"))]
    acts += [("rename", _("Rename")), ("delete", _("Delete"))]
    return [
        tag(
            "button",
            tag("span", words),
            type="button",
            class_="ac-link-button",
            aria_label=f"{words}: {name}",
            data_media_act=act,
            data_document=str(row.id),
        )
        for act, words in acts
    ]


def _nothing_yet(may_change: bool) -> Html:
    said = _("Passports, contracts, certificates: what belongs to the case is kept here.")
    how = _(
        "Drop files here, add them with the button, or press “Put into the file” below a photo or"
        " PDF of the conversation."
    )
    return tag(
        "div",
        tag("p", said),
        tag("p", how) if may_change else None,
        class_="ac-documents-none",
    )
