"""Who did what with one client, on the client's own page: folded, and read when it is opened."""

from uuid import UUID

from nicegui import ui

from services.audit_reading import client_log
from services.errors import NotFound
from services.permissions import Permission, may
from ui.assets import asset
from ui.audit_query import address_of
from ui.components.audit_entries import AuditEntries
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.gate import current_staff, signed_in
from ui.i18n import _

#: Entries that come at a time.
_STEP = 50


class ClientHistory(ui.element):
    """A folded section; empty for people who may not read it.

    Opening it is itself told to the log, so nothing is read before. Once opened it keeps up with
    the file.
    """

    def __init__(self, client_id: UUID) -> None:
        super().__init__("section")
        self.classes("ac-client-history")
        self._client_id = client_id
        self._opened = False
        #: Ids of the entries that are on the page; None until the first of them have come.
        self._shown: set[int] | None = None
        if not may(current_staff(), Permission.READ_CLIENT_HISTORY):
            return
        ui.add_head_html(f'<link rel="stylesheet" href="{asset("audit.css")}">')
        with self, ui.element("details") as self._details:
            show(join([_("Who did what")]), "summary")
            self._state = show(tag("p", _("Loading…"), class_="ac-muted"))
            self._state.props("role=status")
            self._entries = AuditEntries(of_client=True)
            self._more = button(join([icon("down"), tag("span", _("Older entries"))]))
            self._more.classes("ac-link-button").on("click", self._show_older)
            self._more.set_visibility(False)
            if may(current_staff(), Permission.READ_AUDIT):
                words = join([icon("external"), tag("span", _("In the activity log"))])
                show(tag("a", words, href=address_of(client_id), class_="ac-link-button"))
        self._details.on("toggle", self._open, args=[])
        self._older: str | None = None

    async def refresh(self) -> None:
        """Show what has been done since, if somebody has opened it; that is no look of theirs."""
        if self._shown is None:
            return
        staff = current_staff()
        try:
            page = await client_log(staff, self._client_id, limit=_STEP, again=True)
        except NotFound:
            self._say(_("This file is no longer there."))
            return
        if self.is_deleted or not page.entries:
            return
        known = [entry.id in self._shown for entry in page.entries]
        newer = known.index(True) if True in known else len(known)
        if self._shown and not all(known[newer:] or [False]):
            # More came than one page holds, or something that belongs further down.
            self._entries.empty()
            self._shown = set()
        if self._shown:
            self._entries.add_newer(page.entries[:newer])
        else:
            self._entries.add(page.entries)
            self._turn_to(page.older)
        self._shown |= {entry.id for entry in page.entries}
        self._state.set_visibility(False)

    @signed_in
    async def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        try:
            await self._load(None)
        except Exception:
            self._opened = False  # opened once more, it tries once more
            self._say(_("The history could not be read. Close it and open it again."))
            raise

    @signed_in
    async def _show_older(self) -> None:
        if self._older is not None:
            await self._load(self._older)

    async def _load(self, before: str | None) -> None:
        try:
            page = await client_log(current_staff(), self._client_id, before=before, limit=_STEP)
        except NotFound:
            self._say(_("This file is no longer there."))
            return
        if self.is_deleted or self._older != before:
            return  # a second press of the button, which asked for the same
        self._turn_to(page.older)
        self._entries.add(page.entries)
        self._shown = (self._shown or set()) | {entry.id for entry in page.entries}
        if page.entries or before:
            self._state.set_visibility(False)
        else:
            self._say(_("Nothing yet."))

    def _turn_to(self, older: str | None) -> None:
        self._older = older
        self._more.set_visibility(older is not None)

    def _say(self, words: str) -> None:
        if not self.is_deleted:
            self._state.set_visibility(True)
            self._state.content = tag("p", words, class_="ac-muted").source
