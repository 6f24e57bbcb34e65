"""Labels as tags: a word in one of six quiet tints, square where profile types are round."""

from collections.abc import Sequence

from services.labels import Label, LabelColour
from ui.components.markup import Html, join, tag
from ui.i18n import N_, _

#: Colour -> tint of the palette, what it is called.
TINTS: dict[LabelColour, tuple[int, str]] = {
    "green": (1, N_("Green")),
    "violet": (2, N_("Violet")),
    "sand": (3, N_("Sand")),
    "blue": (4, N_("Blue")),
    "rose": (5, N_("Rose")),
    "olive": (6, N_("Olive")),
}


def colour_name(colour: LabelColour) -> str:
    return _(TINTS[colour][1])


def team_label(label: Label) -> Html:
    """One label."""
    return tag(
        "span", label.name, class_=f"ac-label-tag ac-avatar--{TINTS[label.colour][0]}", dir="auto"
    )


def team_labels(labels: Sequence[Label], *, most: int | None = None) -> Html | None:
    """Labels side by side; of more than `most` the others as a number."""
    if not labels:
        return None
    shown = list(labels if most is None or len(labels) <= most else labels[:most])
    pieces = [team_label(label) for label in shown]
    if len(shown) < len(labels):
        names = ", ".join(label.name for label in labels[len(shown) :])
        rest = f"+{len(labels) - len(shown)}"
        pieces.append(tag("span", rest, class_="ac-label-tag ac-label-more", title=names))
    return tag("span", join(pieces), class_="ac-label-tags")
