"""What is asked before a document is rejected, renamed or deleted."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from services.documents import MAX_REASON, DocumentRow
from services.file_names import MAX_LENGTH
from ui.components.elements import button, show
from ui.components.focus import focus
from ui.components.markup import tag
from ui.gate import signed_in
from ui.i18n import N_, _

Done = Callable[[DocumentRow, str], Awaitable[None]]

#: What is said most often: one press writes it.
_USUAL = (
    N_("It cannot be read"),
    N_("Part of it is missing"),
    N_("It has expired"),
    N_("It is not the document we asked for"),
)


class RejectionForm:
    """Asks why; whoever reads the file later has to know what to ask the person for."""

    def __init__(self, done: Done) -> None:
        self._done = done
        self._row: DocumentRow | None = None
        with (
            ui.dialog() as self._dialog,
            ui.card().classes("ac-dialog"),
            ui.element("form").classes("ac-dialog-form") as form,
        ):
            form.props("novalidate").on("submit.prevent", self._submit)
            self._title = show(tag("h2", "", class_="ac-subtitle"))
            with ui.element("div").classes("ac-chips"):
                for words in _USUAL:
                    chip = button(tag("span", _(words))).classes("ac-chip")
                    chip.on("click", lambda _event, words=words: self._write(_(words)))
            with ui.element("label").classes("ac-dialog-field"):
                ui.label(_("Why it does not serve"))
                self._reason = ui.textarea().props(f"maxlength={MAX_REASON} autogrow")
                self._reason.props["aria-label"] = _("Why it does not serve")
            with ui.element("div").classes("ac-dialog-end"):
                never_mind = button(tag("span", _("Cancel"))).classes("ac-button")
                never_mind.on("click", self._dialog.close)
                go = show(tag("span", _("Reject")), "button").props("type=submit")
                go.classes("ac-button ac-button--primary")

    def open_for(self, row: DocumentRow) -> None:
        """Ask about this document."""
        self._row = row
        title = _("Reject {name}", name=row.name)
        self._dialog.props["aria-label"] = title
        self._title.content = tag("h2", title, class_="ac-subtitle").source
        self._reason.value = ""
        self._reason.error = None
        self._dialog.open()
        focus(self._reason)

    def _write(self, words: str) -> None:
        self._reason.value = words
        self._reason.error = None
        focus(self._reason)

    @signed_in
    async def _submit(self) -> None:
        reason = (self._reason.value or "").strip()
        if self._row is None:
            return
        if not reason:
            self._reason.error = _("Write why, so that somebody can ask for the right one.")
            focus(self._reason)
            return
        self._dialog.close()
        await self._done(self._row, reason[:MAX_REASON])


class RenamingForm:
    """Asks what it is to be called; the ending is not asked for, because it stays."""

    def __init__(self, done: Done) -> None:
        self._done = done
        self._row: DocumentRow | None = None
        with (
            ui.dialog() as self._dialog,
            ui.card().classes("ac-dialog"),
            ui.element("form").classes("ac-dialog-form") as form,
        ):
            form.props("novalidate").on("submit.prevent", self._submit)
            self._dialog.props["aria-label"] = _("Rename the document")
            show(tag("h2", _("Rename the document"), class_="ac-subtitle"))
            with ui.element("label").classes("ac-dialog-field"):
                ui.label(_("Name"))
                self._name = ui.input().props(f"maxlength={MAX_LENGTH} dir=auto")
                self._name.props["aria-label"] = _("Name")
            with ui.element("div").classes("ac-dialog-end"):
                never_mind = button(tag("span", _("Cancel"))).classes("ac-button")
                never_mind.on("click", self._dialog.close)
                go = show(tag("span", _("Save")), "button").props("type=submit")
                go.classes("ac-button ac-button--primary")

    def open_for(self, row: DocumentRow) -> None:
        """Ask about this document."""
        self._row = row
        self._name.value, _dot, ending = row.name.rpartition(".")
        self._name.props["suffix"] = f".{ending}"
        self._name.error = None
        self._dialog.open()
        focus(self._name)

    @signed_in
    async def _submit(self) -> None:
        name = (self._name.value or "").strip()
        if self._row is None:
            return
        if not name:
            self._name.error = _("Write a name.")
            focus(self._name)
            return
        self._dialog.close()
        await self._done(self._row, name)


class DeletionQuestion:
    """Asks once more: what is deleted cannot be brought back."""

    def __init__(self, done: Callable[[DocumentRow], Awaitable[None]]) -> None:
        self._done = done
        self._row: DocumentRow | None = None
        with ui.dialog() as self._dialog, ui.card().classes("ac-dialog"):
            self._title = show(tag("h2", "", class_="ac-subtitle"))
            self._words = show(tag("p", ""))
            with ui.element("div").classes("ac-dialog-end"):
                self._never_mind = button(tag("span", _("Cancel"))).classes("ac-button")
                self._never_mind.on("click", self._dialog.close)
                go = button(tag("span", _("Delete"))).classes("ac-button ac-button--danger")
                go.on("click", self._go)

    def open_for(self, row: DocumentRow) -> None:
        """Ask about this document."""
        self._row = row
        title = _("Delete {name}?", name=row.name)
        self._dialog.props["aria-label"] = title
        self._title.content = tag("h2", title, class_="ac-subtitle").source
        stays = (
            _("The message that it came with keeps its file.")
            if row.message_id
            else _("It cannot be brought back.")
        )
        self._words.content = tag("p", stays, class_="ac-muted").source
        self._dialog.open()
        focus(self._never_mind)

    @signed_in
    async def _go(self) -> None:
        self._dialog.close()
        if self._row is not None:
            await self._done(self._row)
