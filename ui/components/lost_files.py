"""Files that people sent and we do not have: which, why, and a last attempt."""

from uuid import UUID

from nicegui import ui

from services import media
from services.errors import Conflict, NotFound
from services.media import LostFile
from services.media_rows import MediaFile
from ui.components.document_words import problem_words
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.media_words import state_words
from ui.components.message_words import TYPE_ICONS, type_name
from ui.components.staff_working import working
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time, exact, number
from ui.gate import current_staff, signed_in
from ui.i18n import _


class LostFiles:
    """A section that is there while there are any. Whose they are is shown to who asks."""

    def __init__(self) -> None:
        self._is_open = False
        with ui.element("section") as self._section:
            show(tag("h2", _("Files that did not arrive"), class_="ac-subtitle"))
            self._opener = button(NOTHING).classes("ac-button")
            self._opener.on("click", self._open)
            self._list = ui.element("ul").classes("ac-plain ac-channel-news")
            self._list.props["aria-label"] = _("Files that did not arrive")
        self._section.set_visibility(False)

    async def refresh(self) -> None:
        """Show what there is by now."""
        count = await media.number_of_lost_files(current_staff())
        if self._section.is_deleted:
            return
        self._section.set_visibility(count > 0)
        words = _("Show which ({n})", n=number(count))
        self._opener.content = tag("span", words).source
        if self._is_open:
            self._fill(await media.lost_files(current_staff(), again=True))

    @signed_in
    async def _open(self) -> None:
        async with working(self._opener):
            found = await media.lost_files(current_staff())
        self._is_open = True
        self._opener.set_visibility(False)
        self._fill(found)

    def _fill(self, found: list[LostFile]) -> None:
        if self._section.is_deleted:
            return
        self._list.clear()
        with self._list:
            for lost in found:
                with ui.element("li"):
                    show(_words(lost)).classes("ac-channel-words")
                    again = button(join([icon("refresh"), tag("span", _("Try again now"))]))
                    again.classes("ac-link-button")
                    again.on("click", lambda _event, id=lost.message_id: self._fetch(id))

    @signed_in
    async def _fetch(self, message_id: UUID) -> None:
        with self._section:
            try:
                await media.fetch_again(current_staff(), message_id)
            except Conflict as problem:
                ui.notify(problem_words(problem.code), type="warning")
            except NotFound:
                ui.notify(_("That message is no longer there."), type="warning")
            else:
                ui.notify(_("It is being fetched; if it comes, it is in the conversation."))
            await self.refresh()


def _words(lost: LostFile) -> Html:
    name = without_reordering(lost.client or "").strip() or _("Without a name")
    return join(
        [
            tag(
                "p",
                icon(TYPE_ICONS[lost.type]),
                " ",
                type_name(lost.type),
                " · ",
                tag("a", tag("bdi", name), href=f"/clients/{lost.client_id}?at={lost.message_id}"),
                " · ",
                tag("time", day_and_time(lost.sent_at), title=exact(lost.sent_at)),
            ),
            tag(
                "p",
                state_words(MediaFile(lost.state, None, None, None, problem=lost.problem)),
                class_="ac-muted",
            ),
        ]
    )
