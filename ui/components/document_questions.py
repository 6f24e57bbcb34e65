"""What is asked before a document is rejected, renamed or deleted."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from services.documents import MAX_REASON, DocumentRow
from services.file_names import MAX_LENGTH
from ui.components.dialogs import cancel, form_dialog, form_end
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
        with form_dialog(self._submit) as self._dialog:
            self._title = show(tag("h2", "", class_="ac-subtitle"))
            with ui.element("div").classes("ac-chips"):
                for words in _USUAL:
                    chip = button(tag("span", _(words))).classes("ac-chip")
                    chip.on("click", lambda _event, words=words: self._write(_(words)))
            with ui.element("label").classes("ac-dialog-field"):
                ui.label(_("Why it does not serve"))
                self._reason = ui.textarea().props(f"maxlength={MAX_REASON} autogrow")
                self._reason.props["aria-label"] = _("Why it does not serve")
            form_end(self._dialog, tag("span", _("Reject")))

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
        with form_dialog(self._submit, title=_("Rename the document")) as self._dialog:
            with ui.element("label").classes("ac-dialog-field"):
                ui.label(_("Name"))
                self._name = ui.input().props(f"maxlength={MAX_LENGTH} dir=auto")
                self._name.props["aria-label"] = _("Name")
            form_end(self._dialog, tag("span", _("Save")))

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
                self._never_mind = cancel(self._dialog)
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
