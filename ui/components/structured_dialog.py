"""Choosing one of the team's own messages with buttons or a list, and sending it."""

from uuid import UUID, uuid4

from nicegui import ui

from services import structured_messages
from services.clients import ClientDetail
from services.structured_messages import StructuredMessage
from ui.components.client_file import called
from ui.components.dialogs import cancel
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.place_dialog import Send
from ui.components.states import empty_state
from ui.components.structured_editor import structured_preview
from ui.gate import current_staff, signed_in
from ui.i18n import _


class StructuredDialog:
    """A dialog: the stored messages at one side, the chosen one as the phone shows it."""

    def __init__(self, detail: ClientDetail, send: Send) -> None:
        self._detail = detail
        self._send = send
        self._chosen: StructuredMessage | None = None
        self._key: UUID = uuid4()
        with (
            ui.dialog().props(f'aria-label="{_("Send a message with buttons or a list")}"') as d,
            ui.card().classes("ac-dialog ac-dialog--wide ac-pick"),
        ):
            self._body = ui.element("div").classes("ac-pick-body")
        self._dialog = d

    def refresh(self, detail: ClientDetail) -> None:
        """Keep up with whom it goes to."""
        self._detail = detail

    async def open(self) -> None:
        """Show what the team has made."""
        found = await structured_messages.list_structured(current_staff())
        self._chosen = None
        self._rows: dict[UUID, ui.html] = {}
        self._body.clear()
        with self._body:
            show(tag("h2", _("Send a message with buttons or a list"), class_="ac-subtitle"))
            said = _("The person answers with one press, and the answer arrives here in words.")
            show(tag("p", said, class_="ac-muted"))
            if found:
                with ui.element("div").classes("ac-pick-columns"):
                    with ui.element("div").classes("ac-pick-list"):
                        for message in found:
                            row = button(_row(message)).classes("ac-pick-row")
                            row.on("click", lambda _event, chosen=message: self._choose(chosen))
                            self._rows[message.id] = row
                    with ui.element("div").classes("ac-pick-preview"):
                        show(tag("p", _("As the person will see it"), class_="ac-eyebrow"))
                        self._preview = show(NOTHING)
            else:
                show(
                    empty_state(
                        "interactive",
                        _("There are none yet"),
                        _("Make a message with buttons or a list once, and send it often."),
                        link=(_("Make one"), "/settings/canned-replies"),
                        heading="h3",
                    )
                )
            self._problem = show(tag("span"), "div").classes("ac-contents").props("role=alert")
            with ui.element("div").classes("ac-dialog-end"):
                if found:
                    name = called(self._detail.summary)
                    to = show(tag("span", _("To {name}", name=name)), "span")
                    to.classes("ac-muted ac-pick-to")
                cancel(self._dialog)
                if found:
                    go = button(join([icon("send"), tag("span", _("Send"))]))
                    go.classes("ac-button ac-button--primary").on("click", self._submit, args=[])
        if found:
            self._choose(found[0])
        self._dialog.open()

    def _choose(self, message: StructuredMessage) -> None:
        self._chosen, self._key = message, uuid4()
        for id, row in self._rows.items():
            set_attribute(row, "aria-pressed", str(id == message.id).lower())
        self._preview.content = structured_preview(message.content).source
        self._problem.content = ""

    @signed_in
    async def _submit(self) -> None:
        if self._chosen is None:
            return
        problem = await self._send(self._chosen.content, self._key)
        if problem is None:
            self._chosen = None
            self._dialog.close()
            return
        words = tag("div", icon("error"), tag("p", problem), class_="ac-notice ac-notice--danger")
        self._problem.content = words.source


def _row(message: StructuredMessage) -> Html:
    kind = _("List") if message.kind == "choices" else _("Buttons")
    return join(
        [
            tag("strong", tag("bdi", message.title)),
            tag("span", kind, class_="ac-muted"),
            tag("span", message.content.body, class_="ac-pick-begin", dir="auto"),
        ]
    )
