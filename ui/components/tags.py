"""Tags: one word and one colour for each profile type and status, the same everywhere.

The colour never stands alone; its name is the last part of a token (`--ac-asylum`).
"""

from typing import Literal

from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.formats import percent
from ui.i18n import N_, _

Colour = Literal[
    "asylum", "arraigo", "student", "irregular", "other", "ok", "warn", "danger", "info", "accent"
]

#: Profile type -> colour, label.
PROFILES: dict[str, tuple[Colour, str]] = {
    "ASYLUM": ("asylum", N_("Asylum")),
    "ARRAIGO": ("arraigo", N_("Arraigo")),
    "STUDENT": ("student", N_("Student")),
    "IRREGULAR": ("irregular", N_("Irregular")),
    "OTHER": ("other", N_("Other")),
}

#: Client status -> colour, icon, label.
STATUSES: dict[str, tuple[Colour, str, str]] = {
    "active": ("ok", "ok", N_("Active")),
    "inactive": ("other", "pause", N_("Inactive")),
    "archived": ("other", "archive", N_("Archived")),
}


def label_tag(colour: Colour, label: str, *, symbol: str | None = None, title: str = "") -> Html:
    """A tag with an icon, or with a dot in its colour."""
    mark = icon(symbol) if symbol else tag("span", class_="ac-dot", aria_hidden="true")
    return tag(
        "span",
        mark,
        tag("span", label),
        class_=f"ac-tag ac-tag--{colour}",
        title=title or None,
    )


def profile_tag(profile_type: str, confidence: float | None, source: str | None) -> Html:
    """The profile type, with what it rests on."""
    colour, label = PROFILES.get(profile_type, PROFILES["OTHER"])
    meaning = profile_basis(confidence, source)
    shown = _(label) if confidence is None else f"{_(label)} · {percent(confidence)}"
    return label_tag(colour, shown, symbol="decided" if source == "staff" else None, title=meaning)


def status_tag(status: str) -> Html:
    colour, symbol, label = STATUSES.get(status, STATUSES["inactive"])
    return label_tag(colour, _(label), symbol=symbol)


def profile_label(profile_type: str) -> str:
    return _(PROFILES.get(profile_type, PROFILES["OTHER"])[1])


def status_label(status: str) -> str:
    return _(STATUSES.get(status, STATUSES["inactive"])[2])


def profile_basis(confidence: float | None, source: str | None) -> str:
    """In words: who says so, and how sure."""
    if source == "staff":
        return _("Decided by the team")
    if source == "import":
        return _("From an imported list")
    if source == "classifier" and confidence is not None:
        return _(
            "Suggested by the words in the messages, confidence: {share}", share=percent(confidence)
        )
    return _("Not decided yet")
