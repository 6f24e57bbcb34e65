"""The field above a list that narrows it while somebody types."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from ui.components.elements import show
from ui.components.icons import icon
from ui.components.markup import tag

#: Milliseconds without a key before what was typed is looked for.
PAUSE = 250


def search_field(
    label: str,
    *,
    value: str = "",
    placeholder: str | None = None,
    most: int = 100,
    on_type: Callable[[str], Any] | None = None,
) -> ui.input:
    """A field that `/` leads to; up to `most` characters, told to `on_type` after a pause.

    `label` says what is searched; the placeholder, when there is one, by what.
    """
    field = ui.input(placeholder=placeholder or label, value=value).classes("ac-search")
    field.props(f'type=search debounce={PAUSE} data-ac-key="/"')
    field.props["aria-label"] = label
    field.props["maxlength"] = most
    with field.add_slot("prepend"):
        show(icon("search"), "span").classes("ac-contents")
    with field.add_slot("append"):
        show(tag("kbd", "/"), "span").classes("ac-key-hint").props("aria-hidden=true")
    if on_type is not None:
        field.on_value_change(lambda event: on_type(event.value or ""))
    return field
