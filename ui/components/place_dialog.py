"""Sending a place: where to come for an appointment."""

import re
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from nicegui import ui

from services.outgoing import Content, Place
from ui.components.dialogs import form_dialog, form_end
from ui.components.elements import show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.gate import signed_in
from ui.i18n import N_, _

#: Sends what was made, under the id of this press; says why it was not taken, or None.
Send = Callable[[Content, UUID], Awaitable[str | None]]

#: Two numbers with a fraction, as a map's address or its "copy coordinates" has them.
_COORDINATES = re.compile(r"(-?\d{1,2}\.\d+)[\s,;%2C]+(-?\d{1,3}\.\d+)")

_FIELDS = {
    "where": (N_("Coordinates or the address of a map"), "40.41680, -3.70380"),
    "name": (N_("Name of the place (optional)"), ""),
    "address": (N_("Address (optional)"), ""),
}


def coordinates(written: str) -> tuple[float, float] | None:
    """Latitude and longitude of what somebody copied from a map, if they are in it."""
    found = _COORDINATES.search(written)
    return (float(found[1]), float(found[2])) if found else None


class PlaceDialog:
    """A small form."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._key = uuid4()
        self._fields: dict[str, ui.input] = {}
        with form_dialog(self._submit, title=_("Send a location")) as self._dialog:
            for name, (label, example) in _FIELDS.items():
                with ui.element("div").classes("ac-dialog-field"):
                    show(tag("span", _(label), aria_hidden="true"), "span")
                    field = ui.input().props("autocomplete=off no-error-icon dir=auto")
                    field.props["aria-label"] = _(label)
                    field.props["placeholder"] = example
                self._fields[name] = field
            form_end(self._dialog, join([icon("send"), tag("span", _("Send"))]))

    def open(self) -> None:
        """Ask for the place."""
        self._key = uuid4()
        for field in self._fields.values():
            field.value, field.error = "", None
        self._dialog.open()
        focus(self._fields["where"])

    @signed_in
    async def _submit(self) -> None:
        typed = {name: str(field.value or "").strip() for name, field in self._fields.items()}
        found = coordinates(typed["where"])
        where = self._fields["where"]
        if found is None:
            where.error = _("Copy the coordinates, or the address of the page, from a map.")
            focus(where)
            return
        name = typed["name"] or typed["address"]
        address = typed["address"] if typed["name"] else ""
        place = Place(*found, name=name or None, address=address or None)
        problem = await self._send(place, self._key)
        if problem is None:
            self._dialog.close()
        else:
            where.error = problem
