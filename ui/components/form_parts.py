"""Fields of forms on a page: a label above, what is wrong below, and how much room is left."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from nicegui import ui

from services.errors import Conflict, Forbidden, Invalid, NotFound
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.components.staff_working import working
from ui.i18n import _

Press = Callable[[], Awaitable[None]]


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


def form_acts(on_close: Press, on_delete: Press | None) -> ui.html:
    """Save, cancel and, of what is there already, delete; returns the first."""
    with ui.element("div").classes("ac-channel-acts"):
        save = show(tag("span", _("Save")), "button").props("type=submit")
        save.classes("ac-button ac-button--primary")
        button(tag("span", _("Cancel"))).classes("ac-button").on("click", on_close)
        if on_delete is not None:
            remove = button(join([icon("close"), tag("span", _("Delete"))]))
            remove.classes("ac-button ac-channel-last").on("click", on_delete, args=[])
    return save


@asynccontextmanager
async def saving(
    pressed: ui.element, complain: Callable[[Mapping[str, str]], None]
) -> AsyncIterator[None]:
    """While a form is saved: what is wrong is told by field, "" being the form as a whole."""
    complain({})
    async with working(pressed):
        try:
            yield
        except Invalid as invalid:
            complain(invalid.fields)
        except Conflict as conflict:
            complain({conflict.field or "": conflict.code})
        except NotFound:
            complain({"": "changed_meanwhile"})
        except Forbidden:
            ui.navigate.reload()
