"""The form that makes somebody up: a name, and a number or a username that hides it."""

from collections.abc import Awaitable, Callable
from random import SystemRandom

from nicegui import ui

from services.simulator.people import MAX_NAME, NotAPerson, invent
from services.simulator.wire import Sender
from ui.components.dialogs import form_dialog, form_end
from ui.components.elements import show
from ui.components.focus import focus
from ui.components.markup import tag
from ui.i18n import _


class InventForm:
    """A dialog; calls `done` with whoever was made up."""

    def __init__(self, done: Callable[[Sender], Awaitable[None]]) -> None:
        self._done = done
        with form_dialog(self._submit, title=_("Make somebody up")) as self._dialog:
            said = _("They become a client with their first message.")
            show(tag("p", said, class_="ac-muted"))
            self._name = _field(_("Name on WhatsApp"), "Amina Prueba")
            self._name.props["maxlength"] = MAX_NAME
            self._number = _field(_("Number with the country's code"), "+34 600 000 001")
            self._number.props("type=tel")
            self._username = _field(_("Username"), "amina.bcn")
            self._hides = ui.checkbox(_("Hides the number behind a username"))
            self._hides.on_value_change(self._show_fields)
            form_end(self._dialog, tag("span", _("Start writing")))
        self._show_fields()

    def open(self) -> None:
        """Ask for somebody new."""
        for field in (self._name, self._number, self._username):
            field.value, field.error = "", None
        self._hides.value = False
        self._dialog.open()
        focus(self._name)

    def _show_fields(self) -> None:
        hidden = bool(self._hides.value)
        for field, shown in ((self._number, not hidden), (self._username, hidden)):
            assert field.parent_slot is not None
            field.parent_slot.parent.set_visibility(shown)

    async def _submit(self) -> None:
        for field in (self._name, self._number, self._username):
            field.error = None
        try:
            sender = invent(
                str(self._name.value or ""),
                number=None if self._hides.value else str(self._number.value or ""),
                username=str(self._username.value or ""),
                random=SystemRandom(),
            )
        except NotAPerson as problem:
            self._complain(problem.field)
            return
        self._dialog.close()
        await self._done(sender)

    def _complain(self, name: str) -> None:
        match name:
            case "name":
                field, said = self._name, _("Write a name of up to {n} letters.", n=MAX_NAME)
            case "number":
                said = _("Write the whole number with its country, such as +34 600 000 001.")
                field = self._number
            case _:
                said = _("Write 3 to 30 small letters, digits, dots or low lines.")
                field = self._username
        field.error = said
        focus(field)


def _field(label: str, example: str) -> ui.input:
    with ui.element("label").classes("ac-dialog-field"):
        show(tag("span", label), "span")
        return ui.input(placeholder=example)
