"""A value with a button that copies it; `static/copy.js` does the copying."""

from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.i18n import _


def copyable(value: str, label: str, *, shown: str | None = None) -> Html:
    """Show a value (or a form of it that is easier to read) and offer to copy it."""
    return tag(
        "div",
        tag("bdi", *_breaking_before_at(shown or value), class_="ac-value"),
        tag(
            "button",
            icon("copy"),
            type="button",
            class_="ac-copy",
            data_copy=value,
            data_copied=_("Copied"),
            aria_label=f"{label}: {shown or value}",
            title=label,
        ),
        class_="ac-copyable",
    )


def _breaking_before_at(words: str) -> list[Html | str]:
    """An e-mail address that is too long for its place breaks where people read a pause."""
    head, at, tail = words.partition("@")
    return [head, tag("wbr"), at + tail] if head and at else [words]
