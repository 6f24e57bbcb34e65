"""The conversation with an open client: what is on screen, what is added, and the answers.

The newest page is there at once, older and newer ones come on demand; notes of the team and lines
about whose it became stand between the messages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from nicegui import ui

from services import assignments, clients, conversations, notes, receipts
from services.actors import Staff
from services.changes import ClientChange
from services.clients import ClientDetail, ClientSummary
from services.conversations import TimelineMessage, TimelinePage
from services.permissions import Permission, may
from ui.components.answering import Answering, Begun, read_begun, window
from ui.components.conversation_view import ConversationView
from ui.components.elements import show
from ui.components.note_entries import assignment_entry, note_entry
from ui.components.shown_entries import ShownEntries
from ui.components.states import empty_state
from ui.components.timeline import Entry, first_unread, place_of
from ui.gate import current_staff, signed_in
from ui.i18n import _

#: So many pages at most are read at once to show the first message that nobody has read.
_OPENING_PAGES = 4


@dataclass(frozen=True, slots=True)
class Talk:
    """What a conversation opens with."""

    page: TimelinePage
    #: The messages of the page with what stands between them.
    entries: list[Entry]
    #: What the field for answers opens with; None for who may not write.
    begun: Begun | None
    #: The message or note at which it opens, as the page calls it.
    target: str | None = None


async def read_talk(staff: Staff, summary: ClientSummary, *, at: UUID | None = None) -> Talk:
    """Read it; `at` is a message of theirs or a note, and if it is none, it opens at the end."""
    begun = await read_begun(staff, summary.id)
    page = target = None
    if at is not None:
        page, target = await conversations.timeline_at(staff, summary.id, at), f"m-{at}"
        if page is None:
            page, target = await conversations.timeline_at_note(staff, summary.id, at), f"n-{at}"
    if page is None:
        page, target = await _newest(staff, summary), None
    return Talk(page, await _with_asides(staff, summary.id, page), begun, target)


class Conversation:
    """The middle of an open client, until it is closed."""

    def __init__(
        self,
        detail: ClientDetail,
        talk: Talk,
        *,
        on_typing: Callable[[], None] | None = None,
    ) -> None:
        """`on_typing` hears now and then that somebody writes."""
        self._id = detail.summary.id
        self._detail = detail
        page = talk.page
        self._older, self._newer = page.older, page.newer
        self._first = page.messages[0].sent_at if page.messages else None
        self._last = page.messages[-1].sent_at if page.messages else None
        self._shown = ShownEntries()
        #: What was put on screen as failed: what helps it changes with the 24 hours.
        self._failed: set[UUID] = set()
        self._is_window_open = window(detail).is_open
        self._note_shown(talk.entries)
        first, self._unread_above = _unread_in(page, detail.summary)
        self._view = ConversationView(
            talk.entries,
            has_older=page.older is not None,
            has_newer=page.newer is not None,
            new_from=first,
            unread_above=self._unread_above,
            target=talk.target,
            may_act=talk.begun is not None,
            on_older=self._show_older,
            on_newer=self._show_newer,
            on_newest=self._show_newest,
            on_seen=self._mark_read,
            on_not_found=_say_not_found,
        )
        with self._view:
            show(
                empty_state(
                    "inbox",
                    _("No messages yet"),
                    _("What this person writes on WhatsApp appears here by itself."),
                )
            )
        self._answering = Answering(
            detail,
            talk.begun,
            self._view,
            on_sent=self._show_sent,
            on_gone=self._take_away,
            on_note=self._look_again,
            on_typing=on_typing,
        )

    def close(self) -> None:
        """Let go of what is not an element."""
        self._answering.close()

    def refresh(self, detail: ClientDetail) -> None:
        """Keep up with the client: the name, the window."""
        self._detail = detail
        self._answering.refresh(detail)

    def tell_writing(self, words: str) -> None:
        """Say beside the button that sends who else is writing; empty while nobody is."""
        self._answering.tell_writing(words)

    async def hear(self, change: ClientChange) -> None:
        """Show what has become news."""
        if not change.message_ids:
            await self._look_again()
        ids = list(change.message_ids)
        if (is_open := window(self._detail).is_open) != self._is_window_open:
            self._is_window_open = is_open
            ids += self._failed
        if ids:
            self._put(await conversations.messages_by_id(current_staff(), self._id, ids))

    # --- what the reader does ---------------------------------------------------------------------

    @signed_in
    async def _show_older(self) -> None:
        if self._older is None:
            return
        try:
            staff = current_staff()
            page = await conversations.timeline(staff, self._id, before=self._older)
            entries = await _with_asides(staff, self._id, page, until=self._first)
        except Exception:
            self._view.older_failed()
            raise
        self._older = page.older
        self._first = page.messages[0].sent_at if page.messages else self._first
        first, self._unread_above = first_unread(page.messages, self._unread_above)
        self._failed |= _failed(entries)
        self._view.prepend(
            entries,
            has_older=page.older is not None,
            new_from=first,
            unread_above=self._unread_above,
        )

    @signed_in
    async def _show_newer(self) -> None:
        if self._newer is None:
            return
        try:
            staff = current_staff()
            page = await conversations.timeline(staff, self._id, after=self._newer)
            entries = await _with_asides(staff, self._id, page, since=self._last)
        except Exception:
            self._view.newer_failed()
            raise
        self._newer = page.newer
        self._last = page.messages[-1].sent_at if page.messages else self._last
        self._note_shown(entries)
        self._view.append(entries, has_newer=page.newer is not None)

    @signed_in
    async def _show_newest(self) -> None:
        await self._begin_anew()

    @signed_in
    async def _mark_read(self) -> None:
        if may(current_staff(), Permission.CHANGE_CLIENTS):  # a viewer's look does not count
            await clients.mark_read(current_staff(), self._id)
            await receipts.tell_read(current_staff(), self._id)

    def _show_sent(self, message: TimelineMessage) -> None:
        if self._newer is None:
            self._put([message])

    def _take_away(self, message_id: UUID) -> None:
        key = f"m-{message_id}"
        self._shown.discard([key])
        self._view.take_away([key])

    # --- keeping up to date -----------------------------------------------------------------------

    async def _look_again(self) -> None:
        """Catch up after news that names no message: the file, many messages, or a lost line."""
        if self._newer is not None:
            return  # the end is not on screen, and is read when somebody goes there
        staff = current_staff()
        page = await conversations.timeline(staff, self._id)
        if self._shown and page.messages and not any(m in self._shown for m in page.messages):
            # More came than one page holds; what lies between is not on screen.
            await self._begin_anew()
            return
        entries = await _with_asides(staff, self._id, page)
        gone = self._shown.gone(entries, whole=page.older is None)
        self._shown.discard(gone)
        self._view.take_away(gone)
        self._put(self._shown.changed(entries))

    async def _begin_anew(self) -> None:
        staff, summary = current_staff(), self._detail.summary
        page = await _newest(staff, summary)
        entries = await _with_asides(staff, self._id, page)
        self._older, self._newer = page.older, page.newer
        self._first = page.messages[0].sent_at if page.messages else None
        self._shown.clear()
        self._failed.clear()
        self._note_shown(entries)
        first, self._unread_above = first_unread(page.messages, summary.unread_count)
        self._view.reset(
            entries,
            has_older=page.older is not None,
            new_from=first,
            unread_above=self._unread_above,
        )

    def _put(self, entries: Sequence[Entry]) -> None:
        self._failed |= _failed(entries)
        if self._newer is None:
            self._shown.add(entries)
        self._view.put(entries)

    def _note_shown(self, entries: Sequence[Entry]) -> None:
        self._shown.add(entries)
        self._failed |= _failed(entries)


async def _newest(staff: Staff, summary: ClientSummary) -> TimelinePage:
    """The newest page, with so many older ones as bring in the first unread message.

    Where that is too far up, the newest page alone.
    """
    newest = whole = await conversations.timeline(staff, summary.id)
    for _more in range(_OPENING_PAGES - 1):
        if whole.older is None or not first_unread(whole.messages, summary.unread_count)[1]:
            return whole
        older = await conversations.timeline(staff, summary.id, before=whole.older, again=True)
        whole = TimelinePage(messages=[*older.messages, *whole.messages], older=older.older)
    reaches = not first_unread(whole.messages, summary.unread_count)[1]
    return whole if reaches or whole.older is None else newest


async def _with_asides(
    staff: Staff,
    client_id: UUID,
    page: TimelinePage,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Entry]:
    """The messages of a page with what stands between them.

    `since` is where the page above it ended, `until` where the one below begins.
    """
    if page.messages:
        since = since or (page.messages[0].sent_at if page.older else None)
        until = page.messages[-1].sent_at if page.newer else until
    written = await notes.notes_of(staff, client_id, since=since, until=until)
    given = await assignments.history(staff, client_id, since=since, until=until)
    asides = [*map(note_entry, written), *map(assignment_entry, given)]
    return sorted([*page.messages, *asides], key=place_of)


def _failed(entries: Sequence[Entry]) -> set[UUID]:
    return {e.id for e in entries if isinstance(e, TimelineMessage) and e.status == "failed"}


def _unread_in(page: TimelinePage, summary: ClientSummary) -> tuple[UUID | None, int]:
    """The first unread message of a page, or how many are further up than it reaches."""
    return (None, 0) if page.newer else first_unread(page.messages, summary.unread_count)


def _say_not_found() -> None:
    ui.notify(_("That message is much further up. Scroll up to find it."), type="info")
