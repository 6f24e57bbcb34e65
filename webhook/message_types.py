"""What a message says, by type.

Every type has an object of its own under its own name, and one reader here that checks what we
rely on and picks out the words a person would read. The object itself is kept as it came.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from services.events import Json, MessageType
from webhook.people import attested_phones
from webhook.shapes import (
    MAX_ID,
    MAX_TEXT,
    MAX_WORD,
    Unreadable,
    mapping,
    optional_part,
    optional_text,
    part,
    parts,
    text,
    whatsapp_id,
)

#: Checks a type's own object and returns its words. The second argument is where the object is.
_Reader = Callable[[Any, str], str | None]

#: Where the type's own object names the message that it is about.
_TARGETS = {
    "reaction": "message_id",
    "edit": "original_message_id",
    "revoke": "original_message_id",
}
#: Stands in the context of an edit and is the id of no message.
_NO_MESSAGE = "M0"


@dataclass(frozen=True, slots=True)
class Content:
    """See `services.events.Message` for what the fields mean."""

    type: MessageType
    text: str | None
    payload: Json
    quoted_id: str | None
    target_id: str | None
    attested_phones: tuple[str, ...]


def read_content(message: Json) -> Content:
    """Read all of a message but who sent it to whom. Raises Unreadable.

    What stands beside the type's own object never costs the message: it is kept as it came.
    """
    name = text(message, "type")
    quoted_id = _quoted(message)
    reader = _READERS.get(name)
    if reader is None:
        return Content("unknown", None, dict(message), quoted_id, None, ())
    own: Any = message.get(name)
    if name == "voice":
        # The form of an earlier API. Only the name differs, and that it goes without saying.
        name = "audio"
        own = mapping(own or message.get("audio"), "voice") | {"voice": True}
    words = reader(own, name)
    if words and len(words) > MAX_TEXT:
        raise Unreadable("too_long", name)
    payload: Json = {name: own} if own is not None else {}
    for key in ("context", "referral", "errors"):
        if message.get(key) is not None:
            payload[key] = message[key]
    target = whatsapp_id(own, _TARGETS[name], name) if name in _TARGETS else None
    if name == "edit":
        quoted_id = quoted_id or _quoted(own["message"])
    phones = attested_phones(own) if name == "contacts" else ()
    return Content(cast(MessageType, name), words or None, payload, quoted_id, target, phones)


def _quoted(message: Json) -> str | None:
    """The id of the message that this one answers, if its context names a usable one."""
    context = message.get("context")
    quoted = context.get("id") if isinstance(context, dict) else None
    usable = isinstance(quoted, str) and 0 < len(quoted) <= MAX_ID and quoted != _NO_MESSAGE
    return quoted if usable else None


def _text(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    if own.get("body") == "":
        return None
    return text(own, "body", at)


def _media(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    for key in ("id", "mime_type", "sha256", "filename", "url"):
        optional_text(own, key, at)
    return optional_text(own, "caption", at)


def _location(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    for key in ("latitude", "longitude"):
        value = own.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unreadable("wrong_type", f"{at}.{key}")
    return _lines(optional_text(own, "name", at), optional_text(own, "address", at))


def _contacts(own: Any, at: str) -> str | None:
    if own is None:
        raise Unreadable("wrong_type", at)
    cards = parts({at: own}, at)
    names = (_card_name(card, f"{at}[{n}]") for n, card in enumerate(cards))
    return ", ".join(name for name in names if name)


def _card_name(card: Json, at: str) -> str | None:
    """The name on a contact card, or what else a person would call it by."""
    name = optional_part(card, "name", at) or {}
    given = [optional_text(name, key, f"{at}.name") for key in ("first_name", "last_name")]
    company = optional_text(optional_part(card, "org", at) or {}, "company", f"{at}.org")
    numbers = [
        optional_text(phone, "phone", f"{at}.phones[{n}]")
        for n, phone in enumerate(parts(card, "phones", at))
    ]
    return (
        optional_text(name, "formatted_name", f"{at}.name")
        or " ".join(word for word in given if word)
        or company
        or next((number for number in numbers if number), None)
    )


def _reaction(own: Any, at: str) -> str | None:
    """The emoji; None when the reaction was taken back."""
    return optional_text(mapping(own, at), "emoji", at)


def _interactive(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    match kind := text(own, "type", at):
        case "button_reply" | "list_reply":
            reply = part(own, kind, at)
            title = optional_text(reply, "title", f"{at}.{kind}")
            return _lines(title, optional_text(reply, "description", f"{at}.{kind}"))
        case "nfm_reply":
            return optional_text(part(own, kind, at), "body", f"{at}.{kind}")
        case "call_permission_reply":
            part(own, kind, at)
            return None
        case _:
            # What the organisation itself sent from its phone has its words in a body.
            body = own.get("body")
            words = body.get("text") if isinstance(body, dict) else None
            return words if isinstance(words, str) else None


def _button(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    return optional_text(own, "text", at) or optional_text(own, "payload", at)


def _order(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    return _lines(
        optional_text(own, "text", at),
        *(_product(item) for item in parts(own, "product_items", at)),
    )


def _product(item: Json) -> str:
    """`3 × TASA-790, 12.5 EUR`, as far as it is known."""
    quantity, name = _scalar(item.get("quantity")), _scalar(item.get("product_retailer_id"))
    price, currency = _scalar(item.get("item_price")), _scalar(item.get("currency"))
    each = " ".join(value for value in (price, currency) if value)
    return f"{quantity or '?'} × {name or '?'}" + (f", {each}" if each else "")


def _scalar(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _system(own: Any, at: str) -> str | None:
    own = mapping(own, at)
    optional_text(own, "type", at, MAX_WORD)
    return optional_text(own, "body", at)


def _edit(own: Any, at: str) -> str | None:
    """The words as they are now."""
    changed, at = part(mapping(own, at), "message", at), f"{at}.message"
    kind = text(changed, "type", at)
    reader = _READERS.get(kind) if kind in _EDITABLE else None
    return reader(changed.get(kind), f"{at}.{kind}") if reader else None


def _revoke(own: Any, at: str) -> str | None:
    mapping(own, at)
    return None


def _unsupported(own: Any, at: str) -> str | None:
    """Nothing to read. Earlier forms have no object at all, only `errors`."""
    if own is not None:
        mapping(own, at)
    return None


def _lines(*lines: str | None) -> str | None:
    return "\n".join(line for line in lines if line) or None


_EDITABLE = frozenset({"text", "image", "video", "audio", "document", "sticker", "interactive"})

_READERS: dict[str, _Reader] = {
    "text": _text,
    "image": _media,
    "video": _media,
    "audio": _media,
    "voice": _media,
    "document": _media,
    "sticker": _media,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "system": _system,
    "edit": _edit,
    "revoke": _revoke,
    "unsupported": _unsupported,
}
