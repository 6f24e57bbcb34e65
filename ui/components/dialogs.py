"""What dialogs share: a form in a card, and the two buttons at its end."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from ui.components.elements import button, show
from ui.components.markup import Html, tag
from ui.i18n import _


@contextmanager
def form_dialog(
    submit: Callable[[], Awaitable[None]], *, title: str | None = None, wide: bool = False
) -> Iterator[ui.dialog]:
    """A dialog around the form that is built in the block; return submits, and our own words say
    what is wrong.

    Without a title it is named when it opens.
    """
    with (
        ui.dialog() as dialog,
        ui.card().classes("ac-dialog ac-dialog--wide" if wide else "ac-dialog"),
        ui.element("form").classes("ac-dialog-form").props("novalidate") as form,
    ):
        form.on("submit.prevent", submit, args=[])
        if title is not None:
            dialog.props["aria-label"] = title
            show(tag("h2", title, class_="ac-subtitle"))
        yield dialog


def cancel(dialog: ui.dialog) -> ui.html:
    """Close it and do nothing."""
    pressed = button(tag("span", _("Cancel"))).classes("ac-button")
    pressed.on("click", dialog.close, args=[])
    return pressed


def form_end(dialog: ui.dialog, go: Html) -> None:
    """Cancel, and the button that submits."""
    with ui.element("div").classes("ac-dialog-end"):
        cancel(dialog)
        show(go, "button").props("type=submit").classes("ac-button ac-button--primary")
