"""A phone with WhatsApp open on the conversation with the organisation.

It shows what it is given and turns every tap into a delivery as Meta would write it; posting that
delivery is left to the page.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from nicegui import ui
from nicegui.events import GenericEventArguments

from services.conversations import TimelineMessage
from services.events import Json, MessageType
from services.simulator import bodies
from services.simulator.people import Persona
from services.simulator.phone_view import on_phone, pressed
from services.simulator.wire import DEMO_NUMBER, Sender
from ui.components.elements import button, set_attribute, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.message_words import type_name
from ui.components.phone_bubbles import Unsettled, bubbles
from ui.components.phone_choices import Choice, Choices
from ui.components.phone_composer import Composer
from ui.components.phone_people import who
from ui.components.phone_sight import sight_of
from ui.components.phone_switch import PhoneSwitch
from ui.components.phone_words import EMOJI, FAILURES, Attachment
from ui.formats import phone
from ui.gate import signed_in
from ui.i18n import _

#: Letters of a message in the list of deliveries.
_LABEL_LENGTH = 60

_ON_CLICK = """(event) => {
  const pressed = event.target.closest("[data-message], [data-press]");
  if (pressed) emit(pressed.dataset.message || pressed.dataset.press);
}"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery to post. `unsettled` is the message it brings, if it brings one."""

    label: str
    body: bytes
    unsettled: Unsettled | None = None


class Phone:
    """The phone of one person at a time; `turn_to` puts it into somebody's hands."""

    def __init__(
        self,
        post: Callable[[Outgoing], Awaitable[None]],
        *,
        on_back: Callable[[], None],
        on_backstage: Callable[[], None],
    ) -> None:
        self._post = post
        self._person: Persona | None = None
        self._messages: Sequence[TimelineMessage] = ()
        self._has_older = False
        self._chosen: UUID | None = None
        self._quoting: TimelineMessage | None = None
        self._editing: TimelineMessage | None = None
        self._turn = asyncio.Lock()
        self.unsettled: list[Unsettled] = []
        with ui.element("section").classes("ac-sim-phone") as self.root:
            self.root.props["aria-label"] = _("Phone")
            self._build_head(on_back, on_backstage)
            self._switch = PhoneSwitch()
            with ui.element("div").classes("ac-phone"):
                show(_organisation()).classes("ac-phone-bar")
                with ui.element("div").classes("ac-phone-scroller") as self._scroller:
                    self._scroller.props("tabindex=0 role=region")
                    self._scroller.props["aria-label"] = _("Conversation on the phone")
                    self._screen = show(tag("span")).classes("ac-phone-screen")
                    self._screen.on("click", self._on_message, js_handler=_ON_CLICK)
                self._choices = Choices(self._act)
                self._composer = Composer(self.say, self.attach, self._react_to_last)

    # -- what it shows --------------------------------------------------------------------------

    @property
    def person(self) -> Persona | None:
        """Whose phone it is at the moment."""
        return self._person

    @property
    def newest_at(self) -> datetime | None:
        """When the last message was written that it shows."""
        return self._messages[-1].sent_at if self._messages else None

    def turn_to(self, person: Persona) -> None:
        """Be somebody else's phone."""
        self._person = person
        self.unsettled = []
        self._who.content = who(person, heading=True).source
        self._switch.turn_to(person)
        self.link_to(None)
        self._let_go()
        self.show([], has_older=False)

    def link_to(self, client_id: UUID | None) -> None:
        """Offer the way to the client's page, once there is one."""
        self._link.set_visibility(client_id is not None)
        if client_id is not None:
            set_attribute(self._link, "href", f"/clients/{client_id}")

    def show(self, messages: Sequence[TimelineMessage], *, has_older: bool) -> None:
        """Show the newest messages; those that were under way and have arrived are settled."""
        self._messages, self._has_older = messages, has_older
        arrived = {message.whatsapp_id for message in messages}
        self.unsettled = [message for message in self.unsettled if message.wamid not in arrived]
        self.repaint()

    def repaint(self) -> None:
        """Show again what may have changed in `unsettled`."""
        self._screen.content = bubbles(
            self._messages,
            self.unsettled,
            chosen=self._chosen,
            has_older=self._has_older,
            sight=sight_of(self._person, self._messages),
        ).source

    def put_away(self) -> None:
        """Nobody looks at it any more."""
        self._switch.put_away()

    def _build_head(self, on_back: Callable[[], None], on_backstage: Callable[[], None]) -> None:
        with ui.element("header").classes("ac-sim-head"):
            back = button(icon("back", label=_("Back to the people")))
            back.classes("ac-icon-button ac-sim-narrow").on("click", on_back)
            self._who = show(tag("span")).classes("ac-sim-who")
            words = join([icon("external"), tag("span", _("Open as caseworker"))])
            self._link = show(words, "a").classes("ac-button ac-sim-open")
            self._link.props["target"] = "_blank"
            self._link.props["title"] = _("Open as caseworker, in a new tab")
            log = button(icon("deliveries", label=_("Behind the scenes")))
            log.classes("ac-icon-button ac-sim-medium").on("click", on_backstage)

    # -- what the person does -------------------------------------------------------------------

    async def say(self, words: str) -> None:
        """Send words: as a message, an answer to the chosen one, or its correction."""
        # In turn, so that what is typed fast keeps its order however long the sign-in check takes.
        async with self._turn:
            outgoing = await self._written(words.strip())
        if outgoing is not None:
            await self._post(outgoing)

    async def attach(self, attachment: Attachment, words: str | None) -> None:
        """Send what is no words, with words as its caption."""
        async with self._turn:
            outgoing = await self._attached(attachment, words)
        if outgoing is not None:
            await self._post(outgoing)

    @signed_in
    async def _written(self, words: str) -> Outgoing | None:
        if not words or self._person is None:
            return None
        sender, original = self._person.sender, self._editing
        if original is not None and original.whatsapp_id:
            self._let_go()
            edit = bodies.edit(sender, original.whatsapp_id, words)
            return _from(sender, _("Correction: {words}", words=words[:_LABEL_LENGTH]), edit)
        message = bodies.text(sender, words, **self._options())
        self._let_go()
        shown = self._under_way(Unsettled(message["id"], "text", words, datetime.now(UTC)))
        return _from(sender, words[:_LABEL_LENGTH], message, shown)

    @signed_in
    async def _attached(self, attachment: Attachment, words: str | None) -> Outgoing | None:
        if self._person is None:
            return None
        sender = self._person.sender
        message = attachment.build(sender, words, self._options())
        self._let_go()
        now = datetime.now(UTC)
        shown = self._under_way(Unsettled(message["id"], attachment.type, words, now))
        return _from(sender, _(attachment.label), message, shown)

    @signed_in
    async def _react_to_last(self) -> None:
        theirs = [m for m in self._messages if m.direction == "outbound" and m.whatsapp_id]
        if theirs:
            await self._do(Choice("react", theirs[-1], EMOJI[1]))
        else:
            ui.notify(_("The organisation has not written to this person yet."), type="info")

    @signed_in
    async def _on_message(self, event: GenericEventArguments) -> None:
        named, _slash, place = str(event.args).partition("/")
        found = next((m for m in self._messages if str(m.id) == named), None)
        if found is not None and place:
            await self._press(found, place)
            return
        again = found is not None and found.id == self._chosen
        self._let_go()
        if found is not None and not again:
            self._chosen = found.id
            self.repaint()
            self._choices.offer(found)

    async def _press(self, message: TimelineMessage, place: str) -> None:
        """Press a button of a message, or choose a row of its list."""
        sight = sight_of(self._person, self._messages)
        seen = on_phone(message.type, sight.payload(message), sight.templates)
        presses = dict(enumerate(seen.presses)) if seen else {}
        press = presses.get(int(place)) if place.isascii() and place.isdigit() else None
        if press is None or self._person is None or message.whatsapp_id is None:
            return
        sent = pressed(self._person.sender, message.whatsapp_id, press)
        kind: MessageType = "contacts" if press.kind == "number" else "interactive"
        shown = self._under_way(Unsettled(sent["id"], kind, press.title, datetime.now(UTC)))
        label = _("Pressed: {words}", words=press.title[:_LABEL_LENGTH])
        await self._post(_from(self._person.sender, label, sent, shown))

    @signed_in
    async def _act(self, choice: Choice) -> None:
        """Do something with a message."""
        # The button that was pressed goes with its panel; the phone stays.
        with self.root:
            self._let_go()
            focus(self._scroller)
            await self._do(choice)

    async def _do(self, choice: Choice) -> None:
        message = choice.message
        if message is None or message.whatsapp_id is None or self._person is None:
            return
        sender, wamid = self._person.sender, message.whatsapp_id
        match choice.deed:
            case "answer":
                self._quoting = message
                self._choices.announce("reply", _("Answer to:"), message)
                self._composer.focus()
            case "correct":
                self._editing = message
                self._choices.announce("edit", _("Correct:"), message)
                self._composer.fill(message.text or "")
                self._composer.focus()
            case "delete":
                revoke = bodies.revoke(sender, wamid)
                await self._post(_from(sender, type_name("revoke"), revoke))
            case "react":
                emoji = choice.emoji
                said = _("Reaction {emoji}", emoji=emoji) if emoji else _("Reaction taken back")
                await self._post(_from(sender, said, bodies.reaction(sender, wamid, emoji)))
            case "delivered" | "read" | "played" | "fail":
                await self._post(_status(sender, wamid, choice))

    def _under_way(self, message: Unsettled) -> Unsettled:
        """Show a message before it has arrived anywhere."""
        self.unsettled.append(message)
        self.repaint()
        # The end, in a list that is laid out from its end.
        self._scroller.run_method("scrollTo", 0, 0)
        return message

    def _options(self) -> bodies.Options:
        quoted = self._quoting
        if quoted is None or not quoted.whatsapp_id or self._person is None:
            return {}
        ours = quoted.direction == "outbound"
        author = DEMO_NUMBER.digits if ours else self._person.sender.wa_id
        return {"context": bodies.quoting(quoted.whatsapp_id, author)}

    def _let_go(self) -> None:
        """Choose no message any more."""
        self._chosen = self._quoting = self._editing = None
        self._choices.close()
        self.repaint()


def _from(person: Sender, label: str, message: Json, shown: Unsettled | None = None) -> Outgoing:
    """A delivery of one message that the person wrote."""
    return Outgoing(label, bodies.encode(bodies.from_sender(DEMO_NUMBER, person, message)), shown)


def _status(person: Sender, wamid: str, choice: Choice) -> Outgoing:
    """What WhatsApp reports of a message that the organisation sent."""
    if choice.deed == "fail":
        details = next(words for code, _label, words in FAILURES if code == choice.code)
        status = bodies.failed(person, wamid, choice.code, details)
        body = bodies.envelope(DEMO_NUMBER, statuses=[status])
    else:
        status = bodies.status(person, wamid, choice.deed)
        body = bodies.envelope(DEMO_NUMBER, statuses=[status], contacts=[person])
    return Outgoing(_("Status: {word}", word=status["status"]), bodies.encode(body))


def _organisation() -> Html:
    words = tag(
        "span",
        tag("span", "Acogida", class_="ac-person-name"),
        tag("bdi", phone(f"+{DEMO_NUMBER.digits}"), class_="ac-person-phone"),
        class_="ac-person-words",
    )
    return join([tag("span", icon("logo"), class_="ac-phone-logo"), words])
