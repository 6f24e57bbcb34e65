"""A client somebody is looking at: the conversation, and the file beside it.

The client's page shows one; the inbox opens one after the other in the same place. A page that
does says so with `prepare_page` while it is built.
"""

from dataclasses import dataclass
from uuid import UUID

from nicegui import ui

from services import client_edits, clients
from services.actors import Staff
from services.changes import ClientChange
from services.clients import PROFILE_TYPES, ClientDetail, ClientSummary, ProfileType
from services.permissions import Permission, may
from ui import live
from ui.assets import asset
from ui.components import client_documents, client_file
from ui.components.client_documents import ClientDocuments
from ui.components.client_editor import ClientEditor
from ui.components.client_history import ClientHistory
from ui.components.client_rights import ClientRights
from ui.components.conversation import Conversation, Talk, read_talk
from ui.components.desk_bar import Desk, DeskBar, read_desk
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.tags import PROFILES, label_tag, profile_label
from ui.components.undo import UndoToast
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import _


@dataclass(frozen=True, slots=True)
class Opening:
    """What a conversation opens with."""

    detail: ClientDetail
    talk: Talk
    #: Whose it is, what it is sorted by, who else is there.
    desk: Desk | None = None


def prepare_page() -> None:
    """Give the page that is being built what an open client needs."""
    for name in ("rights.css", "audit.css", "desk.css", "preview.css", "composer.css"):
        ui.add_head_html(f'<link rel="stylesheet" href="{asset(name)}">')
    client_documents.prepare_page()


async def read_opening(staff: Staff, client_id: UUID, *, at: UUID | None = None) -> Opening | None:
    """Read what a client opens with, which is told to the audit log; None without such a client.

    `at` is a message of theirs or a note about them; without, or if it is neither, the conversation
    opens at its end.
    """
    detail = await clients.get_client(staff, client_id)
    if detail is None:
        return None
    desk = await read_desk(staff, client_id)
    return Opening(detail, await read_talk(staff, detail.summary, at=at), desk)


async def open_client(
    client_id: UUID, *, back: str = "/clients", at: UUID | None = None
) -> "OpenClient | None":
    """Show a client where this is called; None, and nothing shown, without such a client.

    Whoever opens another in its place closes this one first. `back` is where the way back leads,
    `at` a message or a note at which the conversation opens.
    """
    opening = await read_opening(current_staff(), client_id, at=at)
    return None if opening is None else OpenClient(opening, back=back)


class OpenClient:
    """What is on screen of a client, and what keeps it up to date until it is closed.

    The page itself need not close it: whatever belongs to a page ends with it.
    """

    def __init__(self, opening: Opening, *, back: str = "/clients") -> None:
        detail = opening.detail
        self._id = detail.summary.id
        self._back = back
        self._detail = detail
        self._undo = UndoToast()
        #: The client is being erased from this very page, which then goes elsewhere.
        self._is_leaving = False
        with ui.element("div").classes("ac-client") as self._page:
            self._build_head()
            self._desk = DeskBar(opening.desk, self._undo) if opening.desk else None
            with ui.element("div").classes("ac-client-body"):
                with ui.element("div").classes("ac-client-talk"):
                    self._conversation = Conversation(
                        detail,
                        opening.talk,
                        on_typing=self._desk.presence.typing if self._desk else None,
                    )
                self._build_file()
            if self._desk is not None:
                self._desk.presence.on_writing = self._conversation.tell_writing
            self._stop_news = live.follow_client(self._id, self._on_change)

    def close(self) -> None:
        """Take it off the page, with its timers and all that listens."""
        self._stop_news()
        if self._desk is not None:
            self._desk.close()
        self._conversation.close()
        self._undo.close()
        self._page.delete()

    # --- what it shows ------------------------------------------------------------------------

    def _build_head(self) -> None:
        with ui.element("header").classes("ac-client-head"):
            back = tag("a", icon("back", label=_("Back to the list")), href=self._back)
            show(back).classes("ac-client-back")
            self._person = show(client_file.person(self._detail)).classes("ac-client-person")
            why = _("Why this profile type")
            self._profile = button(client_file.profile_button(self._detail.summary))
            self._profile.classes("ac-client-profile").props["title"] = why
            self._profile.on("click", self._explain)
            self._switch = button(_switch_words(file_open=False)).classes("ac-button")
            self._switch.classes("ac-client-switch")
            self._switch.on("click", lambda: self._turn_to_file(None))

    def _build_file(self) -> None:
        with ui.element("aside").classes("ac-client-file") as aside:
            aside.props["aria-label"] = _("File")
            self._notices = show(client_file.notices(self._detail)).classes("ac-contents")
            self._apart: ui.html | None = None
            if may(current_staff(), Permission.CHANGE_CLIENTS):
                self._apart = button(
                    join([icon("check"), tag("span", _("They are different people"))])
                )
                self._apart.classes("ac-button ac-client-apart").on("click", self._tell_apart)
                self._apart.set_visibility(bool(self._detail.conflicting_clients))
            with ui.element("section"):
                show(tag("h2", _("Profile type"), class_="ac-file-title")).classes("ac-contents")
                self._basis = show(client_file.basis(self._detail.summary))
                self._build_explanation()
            if may(current_staff(), Permission.CHANGE_CLIENTS):
                edit = button(join([icon("edit"), tag("span", _("Edit the file"))]))
                edit.classes("ac-button ac-client-edit")
                editor = ClientEditor(self._edited)
                edit.on("click", lambda: editor.open_of(self._detail))
            self._documents = ClientDocuments(self._id, self._undo)
            self._facts = show(client_file.facts(self._detail)).classes("ac-contents")
            self._history = ClientHistory(self._id)
            self._rights = ClientRights(
                self._detail,
                self._undo,
                on_changed=self._refresh_file,
                on_leaving=self._set_leaving,
            )

    def _build_explanation(self) -> None:
        with ui.element("details").classes("ac-why") as self._why:
            show(join([_("Reasons and decision")]), "summary")
            self._evidence = show(client_file.evidence(self._detail.profile_evidence))
            self._choices: dict[str, ui.html] = {}
            if not may(current_staff(), Permission.CHANGE_CLIENTS):
                return
            show(tag("h3", _("Choose the profile"), class_="ac-eyebrow"))
            with ui.element("div").classes("ac-chips"):
                for profile_type in PROFILE_TYPES:
                    colour, label = PROFILES[profile_type]
                    choice = button(label_tag(colour, _(label))).classes("ac-choice")
                    choice.on("click", lambda _event, wanted=profile_type: self._decide(wanted))
                    self._choices[profile_type] = choice
        self._mark_choice()

    # --- what people do -----------------------------------------------------------------------

    def _explain(self) -> None:
        self._turn_to_file(True)
        ui.run_javascript(
            f"const why = getHtmlElement({self._why.id}); why.open = true;"
            "why.querySelector('summary').focus();"
        )

    def _turn_to_file(self, wanted: bool | None) -> None:
        """On a narrow screen show the file in place of the conversation, or the other way round."""
        is_file = "ac-client--file" in self._page.classes
        file_open = not is_file if wanted is None else wanted
        self._page.classes(
            add="ac-client--file" if file_open else "",
            remove="" if file_open else "ac-client--file",
        )
        self._switch.content = _switch_words(file_open=file_open).source

    @signed_in
    async def _decide(self, wanted: ProfileType) -> None:
        before = self._detail.summary
        if before.profile_type == wanted and before.profile_source == "staff":
            return
        if not await clients.decide_profile(current_staff(), self._id, wanted):
            ui.notify(_("You may read this file but not change it."), type="warning")
            return
        await self._refresh_file()
        done = _("Profile type: {label}, decided by the team.", label=profile_label(wanted))
        self._undo.offer(done, lambda: self._take_back(before, decided=wanted))

    @signed_in
    async def _take_back(self, before: ClientSummary, *, decided: ProfileType) -> None:
        staff = current_staff()
        if not await clients.restore_profile(staff, self._id, before, decided=decided):
            ui.notify(_("Somebody else has changed it in the meantime."), type="warning")
        await self._refresh_file()

    @signed_in
    async def _tell_apart(self) -> None:
        others = self._detail.conflicting_clients
        await client_edits.tell_apart(current_staff(), self._id, others)
        await self._refresh_file()
        done = _("Noted: they are different people.")
        self._undo.offer(done, lambda: self._doubt_again(others))

    @signed_in
    async def _doubt_again(self, others: list[UUID]) -> None:
        await client_edits.tell_apart(current_staff(), self._id, others, apart=False)
        await self._refresh_file()

    async def _edited(self, _client: ClientDetail) -> None:
        await self._refresh_file()

    # --- keeping up to date -------------------------------------------------------------------

    @still_signed_in
    async def _on_change(self, change: ClientChange) -> None:
        await self._refresh_file()
        if self._is_leaving:
            return
        await self._conversation.hear(change)

    async def _refresh_file(self) -> None:
        detail = await clients.get_client(current_staff(), self._id, again=True)
        if self._page.is_deleted or self._is_leaving:
            return
        if detail is None:
            ui.navigate.reload()  # gone meanwhile: the address says so now
            return
        self._detail = detail
        self._person.content = client_file.person(detail).source
        self._profile.content = client_file.profile_button(detail.summary).source
        self._notices.content = client_file.notices(detail).source
        if self._apart is not None:
            self._apart.set_visibility(bool(detail.conflicting_clients))
        self._basis.content = client_file.basis(detail.summary).source
        self._evidence.content = client_file.evidence(detail.profile_evidence).source
        self._facts.content = client_file.facts(detail).source
        self._mark_choice()
        self._conversation.refresh(detail)
        if self._desk is not None:
            await self._desk.refresh()
        await self._documents.refresh()
        await self._rights.refresh(detail)
        await self._history.refresh()

    def _set_leaving(self, is_leaving: bool) -> None:
        self._is_leaving = is_leaving

    def _mark_choice(self) -> None:
        summary = self._detail.summary
        decided = summary.profile_type if summary.profile_source == "staff" else None
        for profile_type, choice in self._choices.items():
            set_attribute(choice, "aria-pressed", str(profile_type == decided).lower())


def _switch_words(*, file_open: bool) -> Html:
    if file_open:
        return join([icon("text"), tag("span", _("Conversation"))])
    return join([icon("person"), tag("span", _("File"))])
