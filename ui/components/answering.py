"""Answering an open client: what is written, sent, taken back and tried again, and what it says.

The field (`ui.components.composer`) holds the words; here they become messages and notes. What a
person presses on a message of the conversation arrives here as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from nicegui.events import GenericEventArguments

from services import assignments, canned_replies, conversations, drafts, notes, sending
from services.actors import Staff
from services.adapters.storage import StorageProblem
from services.clients import ClientDetail
from services.conversations import MessageError, TimelineMessage
from services.drafts import Draft, DraftKind
from services.errors import Conflict, Invalid, NotFound
from services.outgoing import Content, Reaction, Text
from services.permissions import Permission, may
from services.window import Window, window_of
from ui import live
from ui.components import client_file
from ui.components.client_file import called
from ui.components.composer import ComposerField, Quoted, Reply
from ui.components.composer_uploads import Arrived, Verdict, id_of
from ui.components.composer_words import refusal, stopped_words
from ui.components.conversation_view import ConversationView
from ui.components.elements import show
from ui.components.icons import icon
from ui.components.markup import tag
from ui.components.message_words import error_meaning, type_name
from ui.components.place_dialog import PlaceDialog
from ui.components.structured_dialog import StructuredDialog
from ui.components.template_dialog import TemplateDialog
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import _

#: Characters of a quoted message beside the field.
_QUOTED = 200


@dataclass(frozen=True, slots=True)
class Begun:
    """What the field opens with: words of the writer's own, and whether anything is sent now."""

    drafts: Mapping[DraftKind, Draft]
    quoted: Quoted | None
    stopped: str


async def read_begun(staff: Staff, client_id: UUID) -> Begun | None:
    """Read it; None for somebody who may not write."""
    if not may(staff, Permission.CHANGE_CLIENTS):
        return None
    found = await drafts.drafts_of(staff, client_id)
    quoting = found["answer"].quoting if "answer" in found else None
    quoted = await _quoted(staff, client_id, quoting) if quoting else None
    return Begun(found, quoted, await read_stopped(staff))


async def read_stopped(staff: Staff) -> str:
    """Why nothing is sent at the moment, in words; empty when all is well."""
    stop = await sending.stopped(staff)
    if stop is None:
        return ""
    return stopped_words(error_meaning(MessageError(stop.code, "", stop.details)))


class Answering:
    """The field below a conversation, for who may write; for others the reason why there is none.

    `on_sent` hears every message that was queued here, `on_gone` of one that was taken back.
    """

    def __init__(
        self,
        detail: ClientDetail,
        begun: Begun | None,
        view: ConversationView,
        *,
        on_sent: Callable[[TimelineMessage], None],
        on_gone: Callable[[UUID], None],
        on_note: Callable[[], Awaitable[None]],
        on_typing: Callable[[], None] | None = None,
    ) -> None:
        self._detail = detail
        self._id = detail.summary.id
        self._view = view
        self._on_sent, self._on_gone, self._on_note = on_sent, on_gone, on_note
        self._field: ComposerField | None = None
        if begun is None:
            said = tag("span", _("You can read this conversation. Answering is for caseworkers."))
            show(tag("div", icon("eye"), said, class_="ac-composer-reader"))
            self._window = show(client_file.window_state(detail.last_inbound_at))
            return
        self._field = field = ComposerField(
            place=f"acogida/{current_staff().id}/{self._id}",
            name=called(detail.summary),
            window=window(detail),
            drafts={kind: draft.text for kind, draft in begun.drafts.items()},
            quoted=begun.quoted,
            conversation=view.id,
            enter_sends=current_staff().enter_sends,
        )
        field.tell(name=called(detail.summary), window=window(detail), stopped=begun.stopped)
        self._stopped = begun.stopped
        self._saving = asyncio.Lock()
        #: The browser's number of the newest draft, by kind.
        self._newest_draft: dict[DraftKind, int] = {}
        field.receive_files(self._receive_file)
        field.on_send(self._send)
        field.on_note(self._note)
        field.on_draft(self._draft)
        field.on_canned(self._offer)
        field.on_people(self._offer_people)
        field.on_open(self._open)
        if on_typing is not None:
            field.on_typing(on_typing)
        view.on_act(self._act)
        self._stop_news = live.follow(live.channel_changed, self._hear_of_channel)
        #: Dialogs, each made when it is first wanted.
        self._templates: TemplateDialog | None = None
        self._structured: StructuredDialog | None = None
        self._places: PlaceDialog | None = None

    def close(self) -> None:
        """Hear nothing more."""
        if self._field is not None:
            self._stop_news()

    def refresh(self, detail: ClientDetail) -> None:
        """Keep up with the client: the name, the window."""
        self._detail = detail
        if self._field is not None:
            name = called(detail.summary)
            self._field.tell(name=name, window=window(detail), stopped=self._stopped)
            for dialog in (self._templates, self._structured):
                if dialog is not None:
                    dialog.refresh(detail)
        else:
            self._window.content = client_file.window_state(detail.last_inbound_at).source

    def tell_writing(self, words: str) -> None:
        """Say beside the button that sends who else is writing; empty while nobody is."""
        if self._field is not None:
            self._field.tell_writing(words)

    @still_signed_in
    async def _hear_of_channel(self) -> None:
        self._stopped = await read_stopped(current_staff())
        self.refresh(self._detail)

    # --- what is written --------------------------------------------------------------------------

    @signed_in
    async def _send(self, event: GenericEventArguments) -> None:
        told = _mapping(event.args)
        key = id_of(told.get("key"))
        if key is None:
            return
        await self._press(str(key), Text(_text(told)), id_of(told.get("quoting")))

    async def _press(self, key: str, content: Content, quoting: UUID | None) -> None:
        assert self._field is not None
        staff, written = current_staff(), self._newest_draft.get("answer")
        try:
            message = await sending.send(staff, self._id, content, quoting=quoting, key=UUID(key))
        except (Invalid, Conflict) as problem:
            self._field.refused(key, refusal(problem))
        except NotFound:
            self._field.refused(key, _("This file is no longer there."))
        except Exception:
            self._field.refused(key, _("It could not be taken over. Try again in a moment."))
            raise
        else:
            self._on_sent(message)
            self._field.settled(key)
            await self._forget(staff, "answer", written)

    @signed_in
    async def _note(self, event: GenericEventArguments) -> None:
        assert self._field is not None
        told = _mapping(event.args)
        key = id_of(told.get("key"))
        if key is None:
            return
        staff, written = current_staff(), self._newest_draft.get("note")
        try:
            await notes.add_note(staff, self._id, _text(told))
        except Invalid as problem:
            self._field.refused(str(key), refusal(problem))
        except NotFound:
            self._field.refused(str(key), _("This file is no longer there."))
        except Exception:
            self._field.refused(str(key), _("It could not be taken over. Try again in a moment."))
            raise
        else:
            await self._on_note()
            self._field.settled(str(key))
            await self._forget(staff, "note", written)

    @signed_in
    async def _draft(self, event: GenericEventArguments) -> None:
        assert self._field is not None
        told = _mapping(event.args)
        kind, number = told.get("kind"), told.get("number")
        if kind not in drafts.KINDS or not isinstance(number, int):
            return
        self._newest_draft[kind] = number
        text = _text(told)[: drafts.MAX_CHARACTERS]
        await self._keep(current_staff(), kind, text, id_of(told.get("quoting")))
        self._field.saved(kind, number)

    async def _keep(
        self, staff: Staff, kind: DraftKind, text: str, quoting: UUID | None = None
    ) -> None:
        """Save drafts one after the other, so that the last one stays."""
        async with self._saving:
            await drafts.save_draft(staff, self._id, kind, text, quoting=quoting)

    async def _forget(self, staff: Staff, kind: DraftKind, written: int | None) -> None:
        """Take the draft away of what was sent, unless another one was begun meanwhile."""
        if self._newest_draft.get(kind) == written:
            await self._keep(staff, kind, "")

    @signed_in
    async def _offer(self) -> None:
        assert self._field is not None
        staff = current_staff()
        found = await canned_replies.list_canned(staff)
        person, language = self._detail.summary, self._detail.language
        self._field.offer(
            [
                Reply(r.shortcut, r.title, canned_replies.filled(r, person, staff, language))
                for r in found
            ]
        )

    @signed_in
    async def _offer_people(self) -> None:
        assert self._field is not None
        staff = current_staff()
        found = await assignments.colleagues(staff)
        self._field.offer_people([person.name for person in found if person.id != staff.id])

    @signed_in
    async def _open(self, event: GenericEventArguments) -> None:
        match _mapping(event.args).get("what"):
            case "templates":
                await self._open_templates()
            case "structured":
                if self._structured is None:
                    self._structured = StructuredDialog(self._detail, self._transmit)
                await self._structured.open()
            case "place":
                self._places = self._places or PlaceDialog(self._transmit)
                self._places.open()

    async def _open_templates(self) -> None:
        self._templates = self._templates or TemplateDialog(self._detail, self._transmit)
        await self._templates.open()

    async def _transmit(self, content: Content, key: UUID) -> str | None:
        """Send what a dialog has made; why it was not taken, in words."""
        try:
            message = await sending.send(current_staff(), self._id, content, key=key)
        except (Invalid, Conflict) as problem:
            return refusal(problem)
        except StorageProblem:
            return _("The file could not be stored. Try again in a moment.")
        self._on_sent(message)
        return None

    @signed_in
    async def _receive_file(self, arrived: Arrived) -> Verdict:
        staff = current_staff()
        try:
            message = await sending.send(
                staff, self._id, arrived.file, quoting=arrived.quoting, key=arrived.key
            )
        except (Invalid, Conflict) as problem:
            code = problem.fields.get("file") if isinstance(problem, Invalid) else None
            return Verdict(refusal(problem), arrived.file.kind == "image" and code is not None)
        except StorageProblem:
            return Verdict(_("The file could not be stored. Try again in a moment."))
        self._on_sent(message)
        return Verdict(None)

    # --- what is pressed on a message -------------------------------------------------------------

    @signed_in
    async def _act(self, event: GenericEventArguments) -> None:
        assert self._field is not None
        told = _mapping(event.args)
        message_id = id_of(told.get("id"))
        if message_id is None:
            return
        try:
            await self._carry_out(str(told.get("act")), message_id, told.get("value"))
        except (Invalid, Conflict) as problem:
            self._field.say(refusal(problem))
        except NotFound:
            self._field.say(_("That message is no longer there."))

    async def _carry_out(self, act: str, message_id: UUID, value: object) -> None:
        assert self._field is not None
        staff = current_staff()
        match act:
            case "reply":
                quoted = await _quoted(staff, self._id, message_id)
                if quoted is not None:
                    self._field.quote(quoted)
            case "react":
                emoji = value.strip() if isinstance(value, str) else ""
                self._on_sent(await sending.send(staff, self._id, Reaction(message_id, emoji)))
            case "retry":
                self._on_sent(await sending.retry(staff, message_id))
            case "template":
                await self._open_templates()
            case "again":
                await sending.settle_unknown(staff, message_id, arrived=False)
                self._on_sent(await sending.retry(staff, message_id))
            case "arrived":
                await sending.settle_unknown(staff, message_id, arrived=True)
            case "cancel":
                await self._take_back(staff, message_id)

    async def _take_back(self, staff: Staff, message_id: UUID) -> None:
        assert self._field is not None
        found = await conversations.messages_by_id(staff, self._id, [message_id])
        if not await sending.cancel(staff, message_id):
            self._field.say(_("Too late: it is on its way already."))
            return
        self._on_gone(message_id)
        for message in found:
            if message.type == "text" and message.text:
                self._field.insert(message.text)


def window(detail: ClientDetail) -> Window:
    """Whether this client can be answered freely, and until when."""
    return window_of(detail.last_inbound_at, detail.window_closed_at, datetime.now(UTC))


async def _quoted(staff: Staff, client_id: UUID, message_id: UUID) -> Quoted | None:
    found = await conversations.messages_by_id(staff, client_id, [message_id])
    return _as_quoted(found)


def _as_quoted(found: Sequence[TimelineMessage]) -> Quoted | None:
    if not found:
        return None
    message = found[0]
    who = _("The person") if message.direction == "inbound" else _("Us")
    words = (message.text or type_name(message.type))[:_QUOTED]
    return Quoted(str(message.id), who, words)


def _mapping(told: object) -> dict[str, Any]:
    """What an event of the browser tells, which may be anything."""
    return told if isinstance(told, dict) else {}


def _text(told: Mapping[str, Any]) -> str:
    text = told.get("text")
    return text if isinstance(text, str) else ""
