"""Fields of forms on a page: a label above, what is wrong below, and how much room is left."""

from collections.abc import Callable

from nicegui import ui

from ui.components.elements import show
from ui.components.markup import tag


def text_field(
    label: str,
    most: int,
    *,
    value: str = "",
    hint: str = "",
    lines: int = 1,
    on_change: Callable[[], None] | None = None,
) -> ui.input | ui.textarea:
    """A field for at most so many letters; the browser takes no more."""
    with ui.element("div").classes("ac-formfield"):
        show(tag("span", label, class_="ac-formfield-label", aria_hidden="true"))
        field = ui.input(value=value) if lines == 1 else ui.textarea(value=value)
        field.props("autocomplete=off no-error-icon debounce=150")
        if most <= 1024:
            field.props("counter")
        field.props["aria-label"] = label
        field.props["maxlength"] = most
        if lines > 1:
            field.props["rows"] = lines
            field.props["input-style"] = "resize: vertical"
        if hint:
            show(tag("p", hint, class_="ac-formfield-hint"))
    if on_change is not None:
        field.on_value_change(on_change)
    return field


def words_of(field: ui.input | ui.textarea) -> str:
    """What stands in a field."""
    return str(field.value or "")
