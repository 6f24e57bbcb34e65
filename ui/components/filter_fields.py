"""Fields of a form whose question is the address: one of several, and a day.

After Back a browser would put into them what was last there, which the page is not; so it is told
to leave them alone.
"""

from datetime import date

from ui.components.markup import Html, tag
from ui.i18n import _


def choice_field(name: str, label: str, options: list[tuple[str, str]], chosen: str) -> Html:
    """All, or one of `options`: (value, words)."""
    return tag(
        "label",
        tag("span", label),
        tag(
            "select",
            tag("option", _("All"), value=""),
            *(
                tag("option", words, value=value, selected=value == chosen)
                for value, words in options
            ),
            name_=name,
            autocomplete="off",
            class_="ac-select",
        ),
    )


def day_field(name: str, label: str, day: date | None, *, problem: str | None = None) -> Html:
    """A day. `problem` is the id of the words that say what is wrong with it."""
    field = tag(
        "input",
        type="date",
        name_=name,
        value=day.isoformat() if day else None,
        autocomplete="off",
        aria_invalid="true" if problem else None,
        aria_describedby=problem,
        class_="ac-day",
    )
    return tag("label", tag("span", label), field)
