"""The documents of a client, in the file beside the conversation.

Files come in from the machine (button, or dropped on the panel) and from the conversation, whose
presses `static/media.js` hands on to this element.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from nicegui import ui
from nicegui.events import GenericEventArguments, UploadEventArguments

from services import documents, media
from services.adapters.storage import StorageProblem
from services.documents import DocumentRow, DocumentState
from services.errors import Conflict, Invalid, NotFound
from services.file_types import FILE_TYPES, MAX_FILE_BYTES
from services.permissions import Permission, may
from ui import notices
from ui.assets import asset
from ui.components.document_questions import DeletionQuestion, RejectionForm, RenamingForm
from ui.components.document_rows import document_rows
from ui.components.document_words import problem_words
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.components.media_viewer import media_viewer, pdf_viewer
from ui.components.undo import UndoToast
from ui.formats import day_and_time, number
from ui.gate import current_staff, signed_in
from ui.i18n import _

log = structlog.get_logger()

#: What file choosers offer; the content decides.
_ACCEPTED = ",".join(f".{extension}" for extension in FILE_TYPES)


def prepare_page() -> None:
    """Give the page that is being built what files need."""
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("media.css")}">')
    ui.add_head_html(f'<script defer src="{asset("media.js")}"></script>')


class ClientDocuments(ui.element):
    """A section of the file; also the viewer of the conversation's photos."""

    def __init__(self, client_id: UUID, undo: UndoToast) -> None:
        """`undo`: where a step back is offered."""
        super().__init__("section")
        self.classes("ac-documents")
        self._client_id = client_id
        self._undo = undo
        self._may_change = may(current_staff(), Permission.CHANGE_CLIENTS)
        self._rows: dict[UUID, DocumentRow] = {}
        #: Put here while somebody looks.
        self._fresh: frozenset[UUID] = frozenset()
        with self:
            self._build()
        self.on("media", self._asked, js_handler="(event) => emit(event.detail)")
        with self:
            ui.timer(0, self.refresh, once=True)

    async def refresh(self) -> None:
        """Show the documents as they are now; part of the look at the client, which was told."""
        if self.is_deleted:
            return
        try:
            rows = await documents.list_documents(current_staff(), self._client_id, again=True)
        except NotFound:
            return
        if self._list.is_deleted:  # closed meanwhile
            return
        self._rows = {row.id: row for row in rows}
        count = f" ({number(len(rows))})" if rows else ""
        self._title.content = tag("h2", _("Documents"), count, class_="ac-file-title").source
        shown = document_rows(rows, may_change=self._may_change, fresh=self._fresh)
        self._list.content = shown.source

    # --- what it shows ------------------------------------------------------------------------

    def _build(self) -> None:
        with ui.element("div").classes("ac-documents-head"):
            self._title = show(tag("h2", _("Documents"), class_="ac-file-title"))
            self._title.classes("ac-contents")
            if self._may_change:
                words = tag("span", _("Add"))
                add = button(join([icon("plus"), words])).classes("ac-link-button")
                add.props["data-documents-add"] = True
                add.props["title"] = _("Add documents from this computer or phone")
        self._list = show(tag("p", _("Loading…"), class_="ac-muted"))
        self._problems = ui.element("div").props("role=status aria-live=polite")
        if self._may_change:
            self._build_upload()
        show(join([media_viewer(), pdf_viewer()])).classes("ac-contents")

    def _build_upload(self) -> None:
        """Files are sent by `media.js`, which shows how far they are; NiceGUI receives them."""
        self.classes("ac-documents--writable")
        show(tag("div", _("Drop the files here"), class_="ac-documents-drop", aria_hidden="true"))
        show(tag("input", type="file", multiple=True, accept=_ACCEPTED, hidden=True))
        self._upload = ui.upload(on_upload=self._add).classes("hidden")
        for name, words in {
            "data-upload": str(self._upload.props["url"]),
            "data-most": str(MAX_FILE_BYTES),
            "data-too-large": problem_words("too_large"),
            "data-not-sent": _("It did not arrive. Check the connection and try again."),
            "data-sending": _("Sending…"),
            "data-cancel": _("Cancel"),
            "data-dismiss": _("Close"),
        }.items():
            self.props[name] = words
        self._rejection = RejectionForm(self._reject)
        self._renaming = RenamingForm(self._rename)
        self._deletion = DeletionQuestion(self._delete)

    # --- what people do -----------------------------------------------------------------------

    @signed_in
    async def _asked(self, event: GenericEventArguments) -> None:
        asked: Mapping[str, Any] = event.args if isinstance(event.args, dict) else {}
        what = asked.get("act")
        subject = _id_of(asked.get("message") or asked.get("document"))
        if subject is None:
            return
        try:
            if what == "keep":
                await self._keep(subject)
            elif what == "fetch":
                await media.fetch_again(current_staff(), subject)
            elif what == "open":
                link = await documents.link_to(current_staff(), subject)
                ui.navigate.to(link.url)
            elif (row := self._rows.get(subject)) is not None and self._may_change:
                await self._change(str(what), row)
        except Conflict as problem:
            ui.notify(problem_words(problem.code), type="warning")
        except Invalid as problem:
            ui.notify(problem_words(problem.fields.get("file", "")), type="warning")

    async def _change(self, what: str, row: DocumentRow) -> None:
        if what == "accept":
            await self._review(row, "accepted", None)
        elif what == "renew":
            await self._review(row, "new", None)
        elif what == "reject":
            self._rejection.open_for(row)
        elif what == "rename":
            self._renaming.open_for(row)
        elif what == "delete":
            self._deletion.open_for(row)

    async def _keep(self, message_id: UUID) -> None:
        sent_at = await media.sent_at(current_staff(), message_id)
        called = _("From WhatsApp {time}", time=day_and_time(sent_at))
        row, is_added = await media.put_into_file(
            current_staff(), message_id, called=called.replace(":", ".")
        )
        if not is_added:
            ui.notify(_("It is in the file already."), type="info")
            return
        self._fresh |= {row.id}
        await self.refresh()

        async def take_back() -> None:
            await self._take_back(row)

        self._undo.offer(_("In the file now: {name}", name=row.name), take_back)

    @signed_in
    async def _take_back(self, row: DocumentRow) -> None:
        try:
            await documents.delete_document(current_staff(), row.id)
        except NotFound:
            return  # a colleague was faster
        except Conflict as problem:
            ui.notify(problem_words(problem.code), type="warning")
        await self.refresh()

    async def _review(self, row: DocumentRow, state: DocumentState, reason: str | None) -> None:
        await documents.review_document(current_staff(), row.id, state, reason=reason)
        await self.refresh()
        said = {
            "new": _("To be reviewed again: {name}", name=row.name),
            "accepted": _("Accepted: {name}", name=row.name),
            "rejected": _("Rejected: {name}", name=row.name),
        }[state]

        async def take_back() -> None:
            await self._restore(row)

        self._undo.offer(said, take_back)

    @signed_in
    async def _restore(self, row: DocumentRow) -> None:
        try:
            await documents.review_document(
                current_staff(), row.id, row.state, reason=row.review_reason
            )
        except NotFound:
            ui.notify(_("Somebody else has deleted it in the meantime."), type="warning")
        await self.refresh()

    @signed_in
    async def _reject(self, row: DocumentRow, reason: str) -> None:
        await self._review(row, "rejected", reason)

    @signed_in
    async def _rename(self, row: DocumentRow, name: str) -> None:
        renamed = await self._call(row, name)
        if renamed is None:
            return

        async def take_back() -> None:
            await self._call_again(row)

        self._undo.offer(_("Renamed: {name}", name=renamed.name), take_back)

    @signed_in
    async def _call_again(self, row: DocumentRow) -> None:
        await self._call(row, row.name)

    async def _call(self, row: DocumentRow, name: str) -> DocumentRow | None:
        """Rename it and show it so; None where that cannot be, which is said."""
        renamed = None
        try:
            renamed = await documents.rename_document(current_staff(), row.id, name)
        except NotFound:
            ui.notify(_("Somebody else has deleted it in the meantime."), type="warning")
        except Invalid:
            ui.notify(_("Nothing is left of this name that can be shown."), type="warning")
        await self.refresh()
        return renamed

    @signed_in
    async def _delete(self, row: DocumentRow) -> None:
        try:
            await documents.delete_document(current_staff(), row.id)
        except Conflict as problem:
            ui.notify(problem_words(problem.code), type="warning")
            return
        except NotFound:
            pass  # a colleague was faster
        await self.refresh()
        ui.notify(_("Deleted: {name}", name=row.name))

    @signed_in
    async def _add(self, event: UploadEventArguments) -> None:
        file = event.file
        try:
            if file.size() > MAX_FILE_BYTES:
                raise Invalid({"file": "too_large"})
            row = await documents.add_document(
                current_staff(),
                self._client_id,
                name=file.name,
                content=await file.read(),
                media_type=file.content_type,
            )
        except Invalid as problem:
            self._complain(file.name, problem_words(problem.fields["file"]))
        except Conflict as problem:
            self._complain(file.name, problem_words(problem.code))
        except StorageProblem as problem:
            self._complain(file.name, notices.reason(problem)[0])
        else:
            self._fresh |= {row.id}
            await self.refresh()

    def _complain(self, name: str, why: str) -> None:
        """Beside the list, until somebody has read it: several files may fail at once."""
        with self._problems, ui.element("div").classes("ac-upload ac-upload--failed") as place:
            show(join([tag("strong", tag("bdi", name)), tag("div", why)]))
            away = button(icon("close", label=_("Close"))).classes("ac-icon-button")
            away.on("click", place.delete)
            set_attribute(away, "title", _("Close"))


def _id_of(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
