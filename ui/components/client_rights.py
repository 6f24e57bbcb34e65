"""What a person has a right to, beside their file: archiving, a copy of their data, erasure.

Folded, and filled when somebody unfolds it. Caseworkers archive and restore; the rest is for
admins.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from services import access_exports, client_edits, clients, erasures
from services.access_exports import AccessExport
from services.clients import ClientDetail
from services.erasures import Outlook, Reason
from services.errors import Conflict, Invalid
from services.permissions import Permission, may
from ui.components.client_file import called
from ui.components.elements import Select, button, set_attribute, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.rights_words import (
    REASONS,
    export_facts,
    export_progress,
    export_state,
)
from ui.components.undo import UndoToast
from ui.formats import number
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import _, ngettext

#: Seconds between two looks at an export that is being prepared.
_LOOK_EVERY = 1.0

#: A line of what an erasure takes, or of what it leaves.
_Lines = list[str]


class ClientRights:
    """The section of one open client. `on_changed` brings the rest of the page up to date.

    `on_leaving` hears that the page is about to be left, because the client is being erased, or
    (False) that it is not.
    """

    def __init__(
        self,
        detail: ClientDetail,
        undo: UndoToast,
        *,
        on_changed: Callable[[], Awaitable[None]],
        on_leaving: Callable[[bool], None],
    ) -> None:
        self._detail = detail
        self._id = detail.summary.id
        self._undo = undo
        self._on_changed = on_changed
        self._on_leaving = on_leaving
        self._is_filled = False
        self._exports: list[AccessExport] | None = None
        self._outlook: Outlook | None = None
        #: What an erasure takes, while the form of it is open.
        self._goes: ui.html | None = None
        staff = current_staff()
        self._is_admin = may(staff, Permission.ERASE_CLIENTS)
        if not may(staff, Permission.CHANGE_CLIENTS):
            return
        with (
            ui.element("section"),
            ui.element("details").classes("ac-rights").on("toggle", self._fill, args=[]),
        ):
            show(join([_("Rights and retention")]), "summary")
            self._body = ui.element("div").classes("ac-rights-body")

    async def refresh(self, detail: ClientDetail) -> None:
        """Show what has changed, where it is unfolded."""
        before, self._detail = self._detail, detail
        if self._is_filled and not self._body.is_deleted:
            # Drawn anew only when it says something else: the keyboard may be in it.
            if before.summary.status != detail.summary.status:
                self._show_archiving()
            if self._is_admin and may(current_staff(), Permission.ERASE_CLIENTS):
                await self._load()

    @signed_in
    async def _fill(self) -> None:
        if self._is_filled:
            return
        self._is_filled = True
        with self._body:
            self._archiving = _block()
            if self._is_admin:
                self._build_copies()
                self._hold = _block()
                self._erasing = _block()
        self._show_archiving()
        if self._is_admin:
            await self._load()
            with self._body:
                ui.timer(_LOOK_EVERY, self._look, immediate=False)

    @still_signed_in
    async def _look(self) -> None:
        """A copy that is being prepared moves on; nothing else here does so by itself."""
        if not may(current_staff(), Permission.EXPORT_CLIENTS):
            return
        if any(export.state in ("queued", "running") for export in self._exports or []):
            self._show_exports(await access_exports.exports_of(current_staff(), self._id))

    async def _load(self) -> None:
        staff = current_staff()
        outlook = await erasures.outlook(staff, self._id)
        exports = await access_exports.exports_of(staff, self._id)
        if self._body.is_deleted:
            return
        self._show_exports(exports)
        before, self._outlook = self._outlook, outlook
        if before is None or before.legal_hold != outlook.legal_hold:
            self._show_hold(outlook)
            self._show_erasing(outlook)
        elif self._goes is not None:
            # In place: somebody may be typing below.
            self._goes.content = _goes(outlook).source

    # --- archiving ----------------------------------------------------------------------------

    def _show_archiving(self) -> None:
        archived = self._detail.summary.status == "archived"
        self._archiving.clear()
        with self._archiving:
            _heading(_("Archive"))
            if archived:
                _say(_("This file is archived: it is not in the lists, and nothing was removed."))
                self._next = _act("refresh", _("Restore the file"), self._restore)
            else:
                _say(_("An archived file leaves the lists and keeps everything."))
                self._next = _act("archive", _("Archive the file"), self._archive)

    @signed_in
    async def _archive(self) -> None:
        before = self._detail.summary.status
        await client_edits.archive_client(current_staff(), self._id)
        await self._archiving_changed()
        self._undo.offer(_("File archived."), partial(self._put_back, before))

    @signed_in
    async def _put_back(self, status: str) -> None:
        # A message that came meanwhile has opened the file: it stays open.
        detail = await clients.get_client(current_staff(), self._id, again=True)
        if detail is not None and detail.summary.status == "archived":
            await client_edits.update_client(current_staff(), self._id, {"status": status})
        await self._archiving_changed()

    @signed_in
    async def _restore(self) -> None:
        await client_edits.restore_client(current_staff(), self._id)
        await self._archiving_changed()

    async def _archiving_changed(self) -> None:
        await self._on_changed()
        if not self._body.is_deleted:
            focus(self._next)

    # --- a copy of their data -----------------------------------------------------------------

    def _build_copies(self) -> None:
        with _block():
            self._copies_title = _heading(_("A copy of their data"))
            _say(
                _(
                    "What we keep about the person: the conversation, the documents, and who has"
                    " seen the file. A large copy comes in several parts. Review it before handing"
                    " it over: it may hold data of other people, such as contacts they sent us."
                )
            )
            self._prepare = _act("download", _("Prepare a copy"), self._request)
            self._list = ui.element("div").classes("ac-rights-list").props("aria-live=polite")
        self._bars: dict[object, ui.html] = {}

    def _show_exports(self, exports: list[AccessExport]) -> None:
        before, self._exports = self._exports, exports
        if before is not None and _shape(before) == _shape(exports):
            for export in exports:
                self._bars[export.id].content = export_progress(export).source
            return
        is_busy = any(export.state in ("queued", "running") for export in exports)
        set_attribute(self._prepare, "disabled", "" if is_busy else None)
        self._list.clear()
        self._bars.clear()
        with self._list:
            for export in exports:
                self._show_export(export)

    def _show_export(self, export: AccessExport) -> None:
        with ui.element("article").classes("ac-rights-item"):
            show(export_state(export))
            show(export_facts(export))
            self._bars[export.id] = show(export_progress(export)).classes("ac-rights-progress")
            with ui.element("div").classes("ac-rights-acts"):
                for part in export.parts:
                    several = len(export.parts) > 1
                    label = _("Download part {n}", n=part.number) if several else _("Download")
                    _act("download", label, partial(self._download, export, part.number))
                busy = export.state in ("queued", "running")
                label = _("Cancel") if busy else _("Delete")
                _act("close", label, partial(self._remove, export))

    @signed_in
    async def _request(self) -> None:
        await access_exports.request_export(current_staff(), self._id)
        await self._load()
        focus(self._copies_title)

    @signed_in
    async def _download(self, export: AccessExport, part: int) -> None:
        try:
            address = await access_exports.link_to(current_staff(), export.id, part)
        except Conflict:
            ui.notify(_("It can no longer be downloaded. Prepare a new one."), type="warning")
            await self._load()
            return
        ui.navigate.to(address)

    @signed_in
    async def _remove(self, export: AccessExport) -> None:
        await access_exports.remove_export(current_staff(), export.id)
        await self._load()
        focus(self._copies_title)

    # --- legal hold ---------------------------------------------------------------------------

    def _show_hold(self, outlook: Outlook) -> None:
        self._hold.clear()
        with self._hold:
            self._hold_title = _heading(_("Legal hold"))
            if outlook.legal_hold is not None:
                words = tag("p", _("This file must not be erased for now:"))
                why = tag("p", outlook.legal_hold, dir="auto")
                show(tag("div", icon("lock"), tag("div", words, why), class_=_WARNING))
                _act("close", _("Lift the hold"), self._lift)
                return
            _say(_("While a court or an authority may need it, nobody can erase the file."))
            label = _("Why must it be kept?")
            with _form(label) as form:
                self._why = _field(label)
                self._why_problem = _problem(self._why)
            form.on("submit.prevent", self._set_hold)
            with form:
                _submit("lock", _("Set a hold"))

    @signed_in
    async def _set_hold(self) -> None:
        try:
            await erasures.set_legal_hold(current_staff(), self._id, self._why.value or "")
        except Invalid as invalid:
            said = (
                _("Write why it must be kept.")
                if invalid.fields["reason"] == "required"
                else _("Make it shorter: {n} characters at most.", n=erasures.MAX_HOLD_REASON)
            )
            self._why_problem.set_text(said)
            focus(self._why)
            return
        await self._load()
        focus(self._hold_title)

    @signed_in
    async def _lift(self) -> None:
        await erasures.clear_legal_hold(current_staff(), self._id)
        await self._load()
        focus(self._hold_title)

    # --- erasure ------------------------------------------------------------------------------

    def _show_erasing(self, outlook: Outlook) -> None:
        self._erasing.clear()
        self._goes = None
        with self._erasing:
            _heading(_("Erase for good"))
            if outlook.legal_hold is not None:
                _say(_("Not possible while there is a legal hold."))
                return
            _say(_("For whoever asks to be forgotten. It cannot be undone."))
            opener = _act("warning", _("Erase this person…"), lambda: self._open_form(opener))
            opener.props["aria-expanded"] = "false"
            self._form = ui.element("div").classes("ac-rights-form")
            self._form.set_visibility(False)

    def _open_form(self, opener: ui.html) -> None:
        assert self._outlook is not None
        is_open = not self._form.visible
        self._form.set_visibility(is_open)
        set_attribute(opener, "aria-expanded", str(is_open).lower())
        self._form.clear()
        self._goes = None
        if not is_open:
            return
        self._reason: Reason = "request"
        with self._form:
            self._goes = show(_goes(self._outlook))
            show(_effects(_("This stays:"), _what_stays()))
            show(tag("span", _("Why it is erased"), class_="ac-rights-label"))
            reasons = {name: _(REASONS[name]) for name in ("request", "mistake")}
            with ui.element("div").classes("ac-order"):
                why = _("Why it is erased")
                Select(reasons, value="request", label=why, on_choose=self._choose_reason)
                show(icon("down")).classes("ac-contents")
            label = _confirmation_label(self._detail)
            with _form(label) as form:
                self._typed = _field(label)
                self._typed_problem = _problem(self._typed)
                _submit("warning", _("Erase for good"), danger=True)
            form.on("submit.prevent", self._erase)
        focus(self._typed)

    async def _choose_reason(self, reason: str) -> None:
        self._reason = "mistake" if reason == "mistake" else "request"

    @signed_in
    async def _erase(self) -> None:
        if not is_confirmed(self._typed.value or "", self._detail):
            self._typed_problem.set_text(_("That is not what it says. Nothing was erased."))
            focus(self._typed)
            return
        self._on_leaving(True)
        try:
            erasure = await erasures.erase(current_staff(), self._id, reason=self._reason)
        except Conflict as conflict:
            self._on_leaving(False)
            if conflict.code == "messages_waiting":
                said = _("A message of theirs has just arrived. Try again in a few seconds.")
                self._typed_problem.set_text(said)
            else:
                await self._load()
            return
        except BaseException:
            self._on_leaving(False)
            raise
        ui.navigate.to(f"/settings/privacy#erasure-{erasure.id}")


def is_confirmed(typed: str, detail: ClientDetail) -> bool:
    """Whether somebody typed who is to be erased: the name, or the last four digits."""
    words = " ".join(typed.split()).casefold()
    return bool(words) and words in {
        " ".join(expected.split()).casefold() for expected in _expected(detail)
    }


def _expected(detail: ClientDetail) -> list[str]:
    summary = detail.summary
    found = [called(summary)] if summary.name else []
    if summary.phone:
        found.append(summary.phone[-4:])
    return found or [_("erase")]


def _confirmation_label(detail: ClientDetail) -> str:
    first, *others = _expected(detail)
    if others:
        return _("To confirm, type {name} or {digits}", name=first, digits=others[0])
    return _("To confirm, type {name}", name=first)


def _goes(outlook: Outlook) -> Html:
    return _effects(_("This goes:"), _what_goes(outlook))


def _what_goes(outlook: Outlook) -> _Lines:
    messages = ngettext(
        "{n_text} message, with the raw delivery from WhatsApp",
        "{n_text} messages, with the raw deliveries from WhatsApp",
        outlook.messages,
        n_text=number(outlook.messages),
    )
    papers = ngettext(
        "{n_text} document",
        "{n_text} documents",
        outlook.documents,
        n_text=number(outlook.documents),
    )
    return [
        *([messages] if outlook.messages else []),
        *([papers] if outlook.documents else []),
        _("name, numbers, e-mail, NIE or passport, notes and profile"),
        _("copies of their data that were prepared here"),
        _("what the activity log kept of their data"),
    ]


def _what_stays() -> _Lines:
    return [
        _("that an erasure took place, when, by whom, and how many rows it removed"),
        _("an unreadable mark of their numbers, to erase again if a backup is restored"),
        _("who did what in the activity log, without their data"),
        _("what other people wrote about them, in those people's files"),
        _("deliveries that could not be read, until an admin has looked at them"),
        _("backups, until they are overwritten"),
    ]


def _effects(title: str, lines: _Lines) -> Html:
    items = tag("ul", *(tag("li", line) for line in lines))
    return tag("div", tag("p", title, class_="ac-rights-effect"), items)


def _shape(exports: list[AccessExport]) -> list[tuple[object, str, str | None]]:
    """What makes the list look different, beside the bars."""
    return [(export.id, export.state, export.problem) for export in exports]


_WARNING = "ac-notice ac-notice--warn"


def _block() -> ui.element:
    return ui.element("div").classes("ac-rights-block")


def _heading(title: str) -> ui.html:
    """The title of a block; the keyboard goes there when what was pressed is gone."""
    return show(tag("span", title), "h3").classes("ac-rights-title").props("tabindex=-1")


def _say(words: str) -> None:
    show(tag("span", words), "p").classes("ac-muted")


def _act(symbol: str, label: str, do: Callable[[], object]) -> ui.html:
    shown = button(join([icon(symbol), tag("span", label)])).classes("ac-button")
    return shown.on("click", do, args=[])


def _form(label: str) -> ui.element:
    form = ui.element("form").classes("ac-rights-fields")
    with form:
        show(tag("span", label), "span").classes("ac-rights-label")
    return form


def _field(label: str) -> ui.input:
    field = ui.input().props("autocomplete=off no-error-icon")
    field.props["aria-label"] = label
    return field


def _problem(field: ui.input) -> ui.label:
    said = ui.label("").classes("ac-rights-problem").props("role=alert")
    field.on_value_change(lambda: said.set_text(""))
    return said


def _submit(symbol: str, label: str, *, danger: bool = False) -> None:
    shown = show(join([icon(symbol), tag("span", label)]), "button").props("type=submit")
    shown.classes("ac-button ac-button--danger" if danger else "ac-button")
