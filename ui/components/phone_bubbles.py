"""The conversation as the person's own phone shows it: what they wrote on the right, in markup.

A caseworker's view is `timeline`; here are fewer words, and a button on each message that opens
what can be done with it. What the page reads from the markup:

    [data-message]    a button; its value is the id of the message
    [data-press]      a button or row that the organisation sent: `<id of the message>/<place>`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.conversations import Quote, TimelineMessage
from services.events import MessageType
from services.simulator.phone_view import on_phone
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.message_bodies import preview
from ui.components.message_pieces import items, mapping, words, words_of
from ui.components.message_words import STATUS_ICONS, type_name, unsupported_name
from ui.components.phone_files import file, laid_out, presses, tile
from ui.components.phone_sight import Sight
from ui.formats import day_heading, exact, local, time_of_day
from ui.i18n import _, ngettext

#: Letters of a message in the name of its button.
_NAME_LENGTH = 40


@dataclass(slots=True)
class Unsettled:
    """A message that the phone sent and the conversation does not show yet."""

    wamid: str
    type: MessageType
    words: str | None
    at: datetime
    #: `refused`: the webhook did not take it, so it never arrived.
    state: Literal["sending", "stored", "refused"] = "sending"


def bubbles(
    messages: Sequence[TimelineMessage],
    unsettled: Sequence[Unsettled],
    *,
    chosen: UUID | None,
    has_older: bool,
    sight: Sight | None = None,
) -> Html:
    """Render the newest messages, oldest first, then what is under way."""
    sight = sight or Sight()
    read_up_to = _read_up_to(messages, sight)
    pieces: list[Html] = []
    if has_older:
        note = _("Older messages are on the client's page.")
        pieces.append(tag("p", note, class_="ac-phone-note"))
    previous = None
    for place, message in enumerate(messages):
        if not _is_there(message, sight):
            continue
        today = local(message.sent_at).date()
        if today != previous:
            pieces.append(tag("h3", day_heading(message.sent_at), class_="ac-phone-day"))
        pieces.append(_message(message, message.id == chosen, sight, was_read=place <= read_up_to))
        previous = today
    pieces += [_under_way(message) for message in unsettled]
    if sight.waiting:
        note = ngettext(
            "{n} message waits until the phone is on",
            "{n} messages wait until the phone is on",
            len(sight.waiting),
        )
        pieces.append(tag("p", icon("clock"), note, class_="ac-phone-note"))
    if sight.typing:
        pieces.append(tag("p", _("The organisation is typing…"), class_="ac-phone-note"))
    if not pieces:
        note = _("Nothing yet. Write the first message below.")
        pieces.append(tag("p", note, class_="ac-phone-note"))
    return join(pieces)


def summary_of(message: TimelineMessage) -> Html:
    """Render a message in one line."""
    return preview(message.type, message.text)


# --- a message --------------------------------------------------------------------------------


def _is_there(message: TimelineMessage, sight: Sight) -> bool:
    """Whether a message has reached WhatsApp, and then this phone."""
    if message.direction == "inbound":
        return True
    return message.whatsapp_id is not None and message.whatsapp_id not in sight.waiting | sight.held


def _read_up_to(messages: Sequence[TimelineMessage], sight: Sight) -> int:
    """Place of the last message that the organisation has read: those before it are read, too."""
    return max(
        (
            place
            for place, message in enumerate(messages)
            if message.whatsapp_id and sight.has_read(message.whatsapp_id)
        ),
        default=-1,
    )


def _message(message: TimelineMessage, chosen: bool, sight: Sight, *, was_read: bool) -> Html:
    if message.type == "system":
        return tag("p", message.text or type_name("system"), class_="ac-phone-note", dir="auto")
    side = "mine" if message.direction == "inbound" else "theirs"
    payload = sight.payload(message)
    seen = on_phone(message.type, payload, sight.templates) if side == "theirs" else None
    content: list[Html | None] = [_deleted()] if message.revoked else [_quoted(message)]
    if not message.revoked:
        content += laid_out(seen, sight) if seen else _content(message, sight)
    bubble = tag("div", *content, _footer(message, was_read=was_read), class_="ac-phone-bubble")
    reactions = tag(
        "span",
        *(tag("span", reaction.emoji, dir="auto") for reaction in message.reactions),
        class_="ac-phone-reactions",
    )
    return tag(
        "article",
        tag("div", bubble, _more(message, chosen), class_="ac-phone-line"),
        presses(message, seen) if seen and not message.revoked else None,
        reactions if message.reactions else None,
        class_=f"ac-phone-message ac-phone-{side}{' ac-phone-chosen' if chosen else ''}",
    )


def _under_way(message: Unsettled) -> Html:
    symbol, said = {
        "sending": ("clock", _("Being sent")),
        "stored": ("sent", _("Received by the webhook")),
        "refused": ("error", _("Not received")),
    }[message.state]
    label = None if message.type == "text" else tile(message.type, type_name(message.type))
    footer = tag(
        "span",
        tag("time", time_of_day(message.at), datetime=message.at.isoformat()),
        icon(symbol, label=said),
        class_="ac-phone-footer",
    )
    bubble = tag("div", label, words_of(message.words), footer, class_="ac-phone-bubble")
    return tag(
        "article",
        tag("div", bubble, class_="ac-phone-line"),
        tag("span", said, class_="ac-phone-refused") if message.state == "refused" else None,
        class_="ac-phone-message ac-phone-mine ac-phone-unsettled",
    )


def _content(message: TimelineMessage, sight: Sight) -> list[Html | None]:
    match message.type:
        case "text":
            return [words_of(message.text)]
        case "image" | "video" | "sticker" | "audio" | "document":
            data = mapping(sight.payload(message).get(message.type))
            return [file(message.type, data, sight), words_of(message.text)]
        case "location":
            place = mapping(message.payload.get("location"))
            named = words(place.get("name")) or words(place.get("address")) or _("Location")
            return [tile("location", named)]
        case "contacts":
            cards = [mapping(card) for card in items(message.payload.get("contacts"))]
            names = [words(mapping(card.get("name")).get("formatted_name")) for card in cards]
            known = ", ".join(name for name in names if name)
            return [tile("contacts", known or type_name("contacts"))]
        case "unsupported":
            kind = words(mapping(message.payload.get("unsupported")).get("type"))
            return [tile("unsupported", unsupported_name(kind or ""))]
        case _:
            return [tile(message.type, type_name(message.type)), words_of(message.text)]


def _deleted() -> Html:
    return tag("div", icon("close"), tag("span", _("Deleted")), class_="ac-phone-tile")


def _quoted(message: TimelineMessage) -> Html | None:
    quote: Quote | None = message.quote
    if quote is None:
        return None
    return tag("div", preview(quote.type, quote.text), class_="ac-phone-quote")


def _footer(message: TimelineMessage, *, was_read: bool) -> Html:
    if message.direction == "inbound":
        said = _("Read by the organisation") if was_read else _("Arrived")
        state: Html | None = tag(
            "span",
            icon("delivered", label=said),
            class_="ac-phone-read" if was_read else "ac-contents",
        )
    else:
        # How far it came is WhatsApp's to say, and here it is the person who says it.
        known = STATUS_ICONS.get(message.status)
        state = None
        if became := _their_state(message):
            state = join([icon(known) if known else None, tag("span", became)])
    return tag(
        "span",
        tag("span", _("edited")) if message.edited and not message.revoked else None,
        tag(
            "time",
            time_of_day(message.sent_at),
            datetime=message.sent_at.isoformat(),
            title=exact(message.sent_at),
        ),
        state,
        class_="ac-phone-footer",
    )


def _their_state(message: TimelineMessage) -> str | None:
    match message.status:
        case "delivered":
            return _("delivered")
        case "read" | "played":
            return _("read")
        case "failed":
            return _("not delivered")
        case _:
            return None


def _more(message: TimelineMessage, chosen: bool) -> Html | None:
    if not message.whatsapp_id:
        return None
    about = (message.text or type_name(message.type))[:_NAME_LENGTH]
    return tag(
        "button",
        icon("more"),
        type="button",
        class_="ac-icon-button ac-phone-more",
        data_message=str(message.id),
        aria_label=_("What to do with: {words}", words=about),
        aria_pressed=str(chosen).lower(),
    )
