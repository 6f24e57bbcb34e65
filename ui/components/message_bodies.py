"""What stands inside a bubble: one small function per type of message."""

import json
import re
from collections.abc import Callable
from typing import Any

from services.conversations import TimelineMessage
from services.events import MessageType
from ui.components import message_cards
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.media_words import kind_name
from ui.components.message_media import file_of
from ui.components.message_offers import offered
from ui.components.message_pieces import (
    errors_of,
    labelled,
    mapping,
    note,
    raw,
    verbatim,
    words,
    words_of,
)
from ui.components.message_words import TYPE_ICONS, type_name, unsupported_name
from ui.components.whatsapp_text import without_reordering
from ui.i18n import _

#: Answers of a form shown as such; a longer form is shown as it came.
_MOST_ANSWERS = 50


def body(message: TimelineMessage) -> Html:
    """Render the content of any message but its closing words."""
    content = _BODIES[message.type](message)
    if message.media is not None and _BODIES[message.type] is not _media:
        # Above the words of a template or of a message with buttons.
        header = file_of(message, message.media, called=type_name("document"), said=None)
        return join([header, content])
    return content


def closing_words(message: TimelineMessage) -> Html:
    """What the person wrote, or wrote under a file: it shares its last line with the time."""
    match message.type:
        case "text" | "image" | "video" | "audio" | "document" | "sticker" | "edit" | "template":
            return words_of(message.text)
        case "reaction":
            return words_of(words(_part(message, "reaction").get("emoji")))
        case _:
            return NOTHING


def preview(kind: MessageType | None, text: str | None) -> Html:
    """Render a message in one line, as a quote shows it."""
    if kind is None:
        return tag("span", _("We never received this message"))
    symbol = TYPE_ICONS.get(kind)
    said = text or type_name(kind)
    return join([icon(symbol) if symbol else None, tag("span", said, dir="auto")])


# --- by type ----------------------------------------------------------------------------------


def _text(message: TimelineMessage) -> Html:
    return NOTHING if message.text else note(_("Empty message"))


def _media(message: TimelineMessage) -> Html:
    data = _part(message, message.type)
    name = words(data.get("filename"))
    kind = _kind(words(data.get("mime_type"))) or _ending(name)
    if message.media is not None:
        return file_of(message, message.media, called=_media_name(message), said=kind)
    title = tag("bdi", without_reordering(name) if name else _media_name(message))
    is_theirs = message.direction == "inbound"
    missing = _("WhatsApp sent no file with it") if is_theirs else None
    details = [_media_name(message) if name else None, kind, missing]
    symbol = TYPE_ICONS[message.type]
    return tag(
        "div",
        tag("span", icon(symbol), class_="ac-file-icon"),
        tag(
            "div",
            tag("div", title, class_="ac-file-name"),
            tag("div", " · ".join(part for part in details if part), class_="ac-file-kind"),
            class_="ac-file-words",
        ),
        class_="ac-file",
    )


def _interactive(message: TimelineMessage) -> Html:
    data = _part(message, "interactive")
    match data.get("type"):
        case "button_reply":
            return _pressed(message, mapping(data.get("button_reply")), _("Pressed the button"))
        case "list_reply":
            return _pressed(message, mapping(data.get("list_reply")), _("Chose from the list"))
        case "button" | "list":
            return offered(data)
        case "nfm_reply":
            return _form(mapping(data.get("nfm_reply")))
        case "call_permission_reply":
            return _call_permission(mapping(data.get("call_permission_reply")))
        case _:
            return join(
                [
                    labelled("interactive", type_name("interactive")),
                    words_of(message.text),
                    raw(message.payload),
                ]
            )


def _button(message: TimelineMessage) -> Html:
    return _pressed(message, _part(message, "button"), _("Pressed the button"))


def _pressed(message: TimelineMessage, data: dict[str, Any], label: str) -> Html:
    title = words(data.get("title")) or words(data.get("text")) or message.text
    description = words(data.get("description"))
    return join(
        [
            labelled("interactive", label),
            tag("div", title or _("No title"), class_="ac-pressed", dir="auto"),
            tag("div", description, class_="ac-file-kind", dir="auto") if description else None,
        ]
    )


def _form(data: dict[str, Any]) -> Html:
    answers = data.get("response_json")
    if isinstance(answers, str):
        try:
            answers = json.loads(answers)
        except (ValueError, RecursionError):
            pass  # shown as the words it is
    lines = [_answer(key, value) for key, value in mapping(answers).items() if key != "flow_token"]
    return join(
        [
            labelled("interactive", _("Filled in a form")),
            tag("dl", *lines[:_MOST_ANSWERS], class_="ac-answers") if lines else None,
            None if lines and len(lines) <= _MOST_ANSWERS else raw(data),
        ]
    )


def _answer(question: str, value: Any) -> Html:
    said = words(value)
    if said is None:
        said = json.dumps(value, ensure_ascii=False, default=str)
    return join([tag("dt", question, dir="auto"), tag("dd", said, dir="auto")])


def _call_permission(data: dict[str, Any]) -> Html:
    match data.get("response"):
        case "accept":
            return labelled("interactive", _("Allows us to call"))
        case "reject":
            return labelled("interactive", _("Does not want calls from us"))
        case _:
            return join([labelled("interactive", _("Answered about calls")), raw(data)])


def _system(message: TimelineMessage) -> Html:
    data = _part(message, "system")
    match data.get("type"):
        case "user_changed_number" | "customer_changed_number":
            said = _("This person changed their WhatsApp number")
        case "user_changed_user_id":
            said = _("WhatsApp changed the identifier of this person")
        case "customer_identity_changed":
            said = _("This person's WhatsApp was installed again or moved to another phone")
        case _:
            said = message.text or words(data.get("body")) or type_name("system")
    return tag("span", said, dir="auto")


def _reaction(message: TimelineMessage) -> Html:
    """A reaction to a message that we do not have; the others are badges of their message."""
    if words(_part(message, "reaction").get("emoji")):
        return labelled("reaction", _("Reacted to a message we do not have"))
    return labelled("reaction", _("Took back a reaction to a message we do not have"))


def _edit(message: TimelineMessage) -> Html:
    said = labelled("edit", _("Corrected a message we do not have. The new text:"))
    return said if message.text else join([said, raw(message.payload)])


def _revoke(message: TimelineMessage) -> Html:
    return labelled("revoke", _("Deleted a message we do not have"))


def _unsupported(message: TimelineMessage) -> Html:
    kind = words(_part(message, "unsupported").get("type"))
    what = unsupported_name(kind or "")
    return join(
        [
            labelled(
                "unsupported",
                _("WhatsApp did not pass this message on: {what}", what=what),
            ),
            words_of(message.text),
            note(_("If it matters, ask the person to send it in another way.")),
            *(verbatim(error) for error in errors_of(message)),
            raw(message.payload),
        ]
    )


def _unknown(message: TimelineMessage) -> Html:
    kind = words(message.payload.get("type"))
    said = _("A kind of message that this program does not know yet")
    if kind:
        said = _("A kind of message that this program does not know yet: {kind}", kind=kind)
    return join(
        [
            labelled("unknown", said),
            words_of(message.text),
            raw(message.payload),
        ]
    )


_BODIES: dict[MessageType, Callable[[TimelineMessage], Html]] = {
    "text": _text,
    "image": _media,
    "video": _media,
    "audio": _media,
    "document": _media,
    "sticker": _media,
    "location": message_cards.location,
    "contacts": message_cards.contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "button": _button,
    "template": _text,
    "order": message_cards.order,
    "system": _system,
    "edit": _edit,
    "revoke": _revoke,
    "unsupported": _unsupported,
    "unknown": _unknown,
}


# --- details ----------------------------------------------------------------------------------


def _media_name(message: TimelineMessage) -> str:
    return _("Voice note") if _is_voice(message) else type_name(message.type)


def _is_voice(message: TimelineMessage) -> bool:
    return message.type == "audio" and _part(message, "audio").get("voice") is True


def _kind(mime_type: str | None) -> str | None:
    """`image/jpeg; charset=x` is `JPEG` to a reader."""
    if mime_type is None:
        return None
    if (known := kind_name(mime_type)) is not None:
        return known
    plain = mime_type.split(";")[0].strip().lower()
    subtype = plain.rpartition("/")[2].removeprefix("x-")
    return subtype.upper() if re.fullmatch(r"[a-z0-9]{1,8}", subtype) else None


def _ending(name: str | None) -> str | None:
    """What a file is by the end of its name, where WhatsApp does not say."""
    ending = (name or "").rpartition(".")[2]
    return ending.upper() if name != ending and re.fullmatch(r"[A-Za-z0-9]{1,5}", ending) else None


def _part(message: TimelineMessage, name: str) -> dict[str, Any]:
    return mapping(message.payload.get(name))
