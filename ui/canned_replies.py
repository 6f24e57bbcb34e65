"""What the team says often: quick replies, and messages with buttons or a list."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

from nicegui import ui

from services import canned_replies, structured_messages
from services.canned_replies import CannedReply
from services.errors import Conflict, Forbidden, NotFound
from services.permissions import Permission
from services.structured_messages import StructuredMessage
from ui.assets import asset
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.reply_editor import ReplyEditor, reply_row
from ui.components.reply_words import VARIABLES, problem
from ui.components.search_field import search_field
from ui.components.states import empty_state
from ui.components.structured_editor import StructuredEditor, structured_row
from ui.components.undo import UndoToast
from ui.gate import current_staff, only_with, signed_in
from ui.i18n import _
from ui.layout import frame, page_head

PATH = "/settings/canned-replies"

M = TypeVar("M", CannedReply, StructuredMessage)


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(canned_replies_page)


async def canned_replies_page() -> None:
    """`/settings/canned-replies`."""
    await only_with(Permission.CHANGE_CLIENTS)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("channel.css")}">')
    with frame(_("Quick replies"), section="canned-replies", heading=False):
        await RepliesPage().load()


class RepliesPage:
    """One open page: the lists, and beside them what is being written."""

    def __init__(self) -> None:
        self._undo = UndoToast()
        self._words = ""
        self._replies: list[CannedReply] = []
        self._messages: list[StructuredMessage] = []
        self._rows: dict[UUID, ui.html] = {}
        self._open_id: UUID | None = None
        with (
            page_head(_("Quick replies")),
            ui.element("div").classes("ac-channel-act ac-channel-acts"),
        ):
            for symbol, label, open_new in (
                ("plus", _("New reply"), self._new_reply),
                ("button", _("With buttons"), self._new_buttons),
                ("interactive", _("With a list"), self._new_list),
            ):
                add = button(join([icon(symbol), tag("span", label)]))
                add.classes("ac-button").on("click", open_new)
                if symbol == "plus":
                    add.classes("ac-button--primary")
        with ui.element("div").classes("ac-templates") as self._root:
            with ui.element("div").classes("ac-templates-tools"):
                search_field(_("Search replies"), on_type=self._search)
            with ui.element("div").classes("ac-templates-panes") as self._panes:
                with ui.element("div").classes("ac-templates-list"):
                    self._list = ui.element("ul").classes("ac-plain")
                    self._list.props["aria-label"] = _("Quick replies")
                    self._nothing = show(NOTHING)
                    self._title = show(
                        tag("h2", _("With buttons or a list"), class_="ac-eyebrow")
                    ).classes("ac-channel-between")
                    self._structured = ui.element("ul").classes("ac-plain")
                    self._structured.props["aria-label"] = _("Messages with buttons or a list")
                self._pane = ui.element("section").classes("ac-templates-one")
                self._pane.props["aria-label"] = _("What is being written")
        self._show_help()

    async def load(self) -> None:
        """Show what there is now."""
        self._replies = await canned_replies.list_canned(current_staff())
        self._messages = await structured_messages.list_structured(current_staff())
        if not self._root.is_deleted:
            self._show()

    def _search(self, words: str) -> None:
        self._words = words[:100]
        self._show()

    def _show(self) -> None:
        replies = canned_replies.search(self._replies, self._words)
        words = self._words.casefold().split()
        messages = [
            message
            for message in self._messages
            if all(word in f"{message.title} {message.content.body}".casefold() for word in words)
        ]
        self._rows = {}
        self._fill(self._list, replies, reply_row, self._open_reply)
        self._fill(self._structured, messages, structured_row, self._open_structured)
        self._title.set_visibility(bool(messages))
        self._nothing.content = NOTHING.source if replies or messages else self._nothing_here()

    def _nothing_here(self) -> str:
        if self._words:
            said = _("Search for other words.")
            return empty_state("search", _("No reply matches"), said).source
        said = _(
            "Write what the team says every day once. In a conversation, / and the shortcut bring"
            " it, with the person's name and in their language."
        )
        return empty_state("text", _("No quick replies yet"), said).source

    def _fill(
        self,
        place: ui.element,
        found: list[M],
        words: Callable[[M], Html],
        open_it: Callable[[M], Awaitable[None]],
    ) -> None:
        place.clear()
        with place:
            for message in found:
                with ui.element("li"):
                    row = button(words(message)).classes("ac-templates-row")
                    row.props["aria-pressed"] = str(message.id == self._open_id).lower()
                    row.on("click", partial(open_it, message), args=[])
                    self._rows[message.id] = row

    # -- what is beside the lists -----------------------------------------------------------------

    def _mark(self, open_id: UUID | None) -> None:
        self._open_id = open_id
        for id, row in self._rows.items():
            set_attribute(row, "aria-pressed", str(id == open_id).lower())

    def _show_help(self) -> None:
        self._mark(None)
        self._panes.classes(remove="ac-templates-panes--open")
        self._pane.clear()
        with self._pane:
            meanings = [
                tag("div", tag("dt", tag("code", "{{" + name + "}}")), tag("dd", _(meaning)))
                for name, meaning in VARIABLES.items()
            ]
            show(
                join(
                    [
                        tag("h2", _("How replies work"), class_="ac-subtitle"),
                        tag(
                            "p",
                            _(
                                "In a conversation type / and the beginning of a shortcut. The"
                                " reply comes in the person's language, or in Spanish where there"
                                " is no text in theirs, and can be changed before it is sent."
                            ),
                        ),
                        tag("p", _("These words fill themselves in:")),
                        tag("dl", *meanings, class_="ac-channel-meanings"),
                        tag(
                            "p",
                            _("Where the name is not known, the place closes up."),
                            class_="ac-muted",
                        ),
                    ]
                )
            )

    @signed_in
    async def _close(self) -> None:
        with self._root:
            self._show_help()

    @signed_in
    async def _new_reply(self) -> None:
        self._edit(None)

    @signed_in
    async def _new_buttons(self) -> None:
        self._edit_structured(None, is_list=False)

    @signed_in
    async def _new_list(self) -> None:
        self._edit_structured(None, is_list=True)

    @signed_in
    async def _open_reply(self, reply: CannedReply) -> None:
        self._edit(reply)

    @signed_in
    async def _open_structured(self, message: StructuredMessage) -> None:
        self._edit_structured(message, is_list=message.kind == "choices")

    def _edit(self, reply: CannedReply | None) -> None:
        self._mark(reply.id if reply else None)
        self._panes.classes("ac-templates-panes--open")
        self._pane.clear()
        with self._pane:
            ReplyEditor(
                reply, on_saved=self._saved, on_delete=self._delete, on_close=self._close
            ).focus()

    def _edit_structured(self, message: StructuredMessage | None, *, is_list: bool) -> None:
        self._mark(message.id if message else None)
        self._panes.classes("ac-templates-panes--open")
        self._pane.clear()
        with self._pane:
            StructuredEditor(
                message,
                is_list=is_list,
                on_saved=self._saved,
                on_delete=self._delete_structured,
                on_close=self._close,
            ).focus()

    # -- what is done -----------------------------------------------------------------------------

    async def _saved(self, _name: str) -> None:
        with self._root:
            self._show_help()
            await self.load()
            ui.notify(_("Saved."), type="positive")

    @signed_in
    async def _delete(self, reply: CannedReply) -> None:
        async def delete() -> Callable[[], Awaitable[None]]:
            removed = await canned_replies.delete_canned(current_staff(), reply.id)
            return lambda: canned_replies.restore_canned(current_staff(), removed)

        with self._root:
            await self._remove(reply.title, delete)

    @signed_in
    async def _delete_structured(self, message: StructuredMessage) -> None:
        async def delete() -> Callable[[], Awaitable[None]]:
            removed = await structured_messages.delete_structured(current_staff(), message.id)
            return lambda: structured_messages.restore_structured(current_staff(), removed)

        with self._root:
            await self._remove(message.title, delete)

    async def _remove(
        self, title: str, delete: Callable[[], Awaitable[Callable[[], Awaitable[None]]]]
    ) -> None:
        """Delete something; `delete` returns the way back."""
        restore = None
        try:
            with suppress(NotFound):  # a colleague was quicker
                restore = await delete()
        except Forbidden:
            ui.navigate.reload()
            return
        self._show_help()
        await self.load()
        if restore is not None:
            done = _("“{title}” has been deleted.", title=title)
            self._undo.offer(done, partial(self._put_back, restore))

    @signed_in
    async def _put_back(self, restore: Callable[[], Awaitable[None]]) -> None:
        with self._root:
            try:
                await restore()
            except Conflict as conflict:
                ui.notify(problem(conflict.code), type="warning")
            except Forbidden:
                ui.navigate.reload()
                return
            await self.load()
