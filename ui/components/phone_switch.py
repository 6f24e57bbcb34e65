"""What the phone is doing: the chat is open, it is in a pocket, it is off."""

from functools import partial

from nicegui import context, ui

from services.simulator import graph
from services.simulator.people import Persona
from ui.components.elements import button, set_attribute
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.gate import signed_in
from ui.i18n import N_, _

_STATES = (
    ("open", "eye", N_("Chat open"), N_("What arrives is read at once.")),
    ("pocket", "delivered", N_("In the pocket"), N_("What arrives is delivered, not read.")),
    ("off", "close", N_("Turned off"), N_("What is sent waits until it is on again.")),
)


class PhoneSwitch:
    """Three buttons above the phone; nothing where this process plays no WhatsApp."""

    def __init__(self) -> None:
        self._person: Persona | None = None
        self._buttons: dict[str, ui.html] = {}
        with ui.element("div").classes("ac-sim-switch").props("role=group") as self._row:
            self._row.props["aria-label"] = _("The phone is")
            for state, symbol, label, explained in _STATES:
                words = join([icon(symbol), tag("span", _(label))])
                chip = button(words).classes("ac-chip").on("click", partial(self._press, state))
                chip.props["title"] = _(explained)
                self._buttons[state] = chip
        self._row.set_visibility(graph.current() is not None)
        context.client.on_delete(self.put_away)

    def turn_to(self, person: Persona) -> None:
        """Somebody takes this person's phone and looks at the chat, unless it is off."""
        self.put_away()
        self._person = person
        if (meta := graph.current()) is not None:
            user = person.sender.user
            if meta.phones.of(user).on:
                meta.phones.open_chat(user)
            self._mark()

    def put_away(self) -> None:
        """Leave the chat."""
        if (meta := graph.current()) is not None and self._person is not None:
            meta.phones.open_chat(self._person.sender.user, is_open=False)

    @signed_in
    async def _press(self, state: str) -> None:
        meta = graph.current()
        if meta is None or self._person is None:
            return
        user = self._person.sender.user
        meta.phones.open_chat(user, is_open=False)
        meta.phones.switch(user, on=state != "off")
        if state == "open":
            meta.phones.open_chat(user)
        self._mark()

    def _mark(self) -> None:
        meta = graph.current()
        if meta is None or self._person is None:
            return
        phone = meta.phones.of(self._person.sender.user)
        state = "off" if not phone.on else "open" if phone.chat_open else "pocket"
        for name, chip in self._buttons.items():
            set_attribute(chip, "aria-pressed", str(name == state).lower())
