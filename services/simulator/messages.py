"""What a person writes on WhatsApp: the objects that stand in `messages[]`, one builder a type.

Every builder makes up what it is not given: a fresh message id, now as the time, a media id that
follows from the message id and stands for one of the files in `specimens`.
"""

import hashlib
import json
from datetime import datetime
from typing import TypedDict, Unpack

from services.events import Json
from services.simulator import specimens
from services.simulator.wire import Sender, error, new_wamid, present, timestamp


class Options(TypedDict, total=False):
    """What every message may be given."""

    at: datetime | None
    wamid: str | None
    #: See `quoting` and `forwarded`.
    context: Json | None


class MediaOptions(Options, total=False):
    """What every message with a file may be given."""

    media_id: str
    mime_type: str
    #: Base64, as in Meta's webhooks.
    sha256: str
    #: The link of five minutes that newer deliveries carry.
    url: str


def text(sender: Sender, body: str, **options: Unpack[Options]) -> Json:
    return _message(sender, "text", {"body": body}, **options)


def image(sender: Sender, caption: str | None = None, **options: Unpack[MediaOptions]) -> Json:
    return _media(sender, "image", "image/jpeg", {"caption": caption}, options)


def video(sender: Sender, caption: str | None = None, **options: Unpack[MediaOptions]) -> Json:
    return _media(sender, "video", "video/mp4", {"caption": caption}, options)


def audio(sender: Sender, *, voice: bool = True, **options: Unpack[MediaOptions]) -> Json:
    """Return a voice note, or with `voice=False` a sound file."""
    return _media(sender, "audio", "audio/ogg; codecs=opus", {"voice": voice}, options)


def document(
    sender: Sender,
    filename: str | None = "documento.pdf",
    caption: str | None = None,
    **options: Unpack[MediaOptions],
) -> Json:
    content = {"filename": filename, "caption": caption}
    return _media(sender, "document", "application/pdf", content, options)


def sticker(sender: Sender, *, animated: bool = False, **options: Unpack[MediaOptions]) -> Json:
    return _media(sender, "sticker", "image/webp", {"animated": animated}, options)


def location(
    sender: Sender,
    latitude: float,
    longitude: float,
    *,
    name: str | None = None,
    address: str | None = None,
    **options: Unpack[Options],
) -> Json:
    place = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
    return _message(sender, "location", present(place), **options)


def contacts(sender: Sender, *cards: Json, **options: Unpack[Options]) -> Json:
    """Return a message with contact cards (see `card` and `own_card`)."""
    return _message(sender, "contacts", list(cards), **options)


def reaction(
    sender: Sender, message_id: str, emoji: str | None, **options: Unpack[Options]
) -> Json:
    """Return a reaction to a message. `emoji=None` takes an earlier one back."""
    content = present({"message_id": message_id, "emoji": emoji})
    return _message(sender, "reaction", content, **options)


def button_reply(
    sender: Sender, title: str, *, button_id: str = "button-1", **options: Unpack[Options]
) -> Json:
    """Return the press of a button of an interactive message."""
    content = {"type": "button_reply", "button_reply": {"id": button_id, "title": title}}
    return _message(sender, "interactive", content, **options)


def list_reply(
    sender: Sender,
    title: str,
    *,
    row_id: str = "row-1",
    description: str | None = None,
    **options: Unpack[Options],
) -> Json:
    """Return the choice of a row of an interactive list."""
    row = present({"id": row_id, "title": title, "description": description})
    return _message(sender, "interactive", {"type": "list_reply", "list_reply": row}, **options)


def flow_reply(sender: Sender, response: object, **options: Unpack[Options]) -> Json:
    """Return the answers to a form (flow). Meta sends them as JSON inside a string."""
    reply = {"name": "flow", "body": "Sent", "response_json": json.dumps(response)}
    return _message(sender, "interactive", {"type": "nfm_reply", "nfm_reply": reply}, **options)


def button(
    sender: Sender, label: str, *, payload: str | None = None, **options: Unpack[Options]
) -> Json:
    """Return the press of a quick-reply button of a template."""
    content = {"payload": payload or label, "text": label}
    return _message(sender, "button", content, **options)


def order(sender: Sender, *items: Json, body: str = "", **options: Unpack[Options]) -> Json:
    """Return an order from a catalogue; without `items`, of one made-up product."""
    made_up = {
        "product_retailer_id": "product-1",
        "quantity": 1,
        "item_price": 10,
        "currency": "EUR",
    }
    content = {"catalog_id": "catalog-1", "text": body, "product_items": list(items) or [made_up]}
    return _message(sender, "order", content, **options)


def number_change(previous: Sender, current: Sender, **options: Unpack[Options]) -> Json:
    """Return WhatsApp's own note that a person has another number, or only another bsuid.

    Deliver it without `contacts`.
    """
    moved = previous.wa_id is not None and current.wa_id is not None
    was, became = (previous.wa_id, current.wa_id) if moved else (previous.bsuid, current.bsuid)
    content = {
        "body": f"User {previous.profile_name} changed from {was} to {became}",
        "wa_id": current.wa_id,
        "user_id": current.bsuid,
        "previous_user_id": previous.bsuid,
        "type": "user_changed_number" if moved else "user_changed_user_id",
    }
    message = _message(previous, "system", present(content), **options)
    # The note itself names the person by the phone alone; ids are inside `system`.
    message.pop("from_user_id", None)
    return message


def unsupported(
    sender: Sender, kind: str = "poll_creation", *, code: int = 131051, **options: Unpack[Options]
) -> Json:
    """Return what arrives for a message that the Cloud API cannot carry, e.g. a poll."""
    message = _message(sender, "unsupported", {"type": kind}, **options)
    return message | {"errors": [error(code, "Message type is currently not supported.")]}


def edit(sender: Sender, original_id: str, body: str, **options: Unpack[Options]) -> Json:
    """Return a person's change to the text of an earlier message."""
    changed = {"context": {"id": "M0"}, "type": "text", "text": {"body": body}}
    content = {"original_message_id": original_id, "message": changed}
    return _message(sender, "edit", content, **options)


def revoke(sender: Sender, original_id: str, **options: Unpack[Options]) -> Json:
    """Return a person's deletion of an earlier message for everybody."""
    return _message(sender, "revoke", {"original_message_id": original_id}, **options)


def card(formatted_name: str, phone: str) -> Json:
    """Return the contact card of somebody else. `phone` is E.164."""
    vcard = f"BEGIN:VCARD\nVERSION:3.0\nFN:{formatted_name}\nTEL;TYPE=CELL:{phone}\nEND:VCARD"
    return {
        "name": {
            "formatted_name": formatted_name,
            "first_name": formatted_name.split(maxsplit=1)[0],
        },
        "phones": [{"phone": phone, "wa_id": phone.lstrip("+"), "type": "CELL"}],
        "origin": "other",
        "vcard": vcard,
    }


def own_card(sender: Sender, phone: str) -> Json:
    """Return the card by which a person answers a request for the number: Meta vouches for it."""
    return {
        "name": {"formatted_name": sender.profile_name},
        "phones": [{"phone": phone, "wa_id": phone.lstrip("+"), "type": "CELL"}],
        "origin": "contact_request",
    }


def quoting(message_id: str, author: str | None) -> Json:
    """Return the context of a reply. `author` is the wa_id of who wrote the original, if known."""
    return present({"from": author, "id": message_id})


def forwarded(*, frequently: bool = False) -> Json:
    """Return the context of a forwarded message."""
    return {"frequently_forwarded": True} if frequently else {"forwarded": True}


def referral(headline: str = "Información sobre arraigo") -> Json:
    """Return what an advertisement leaves on the first message: `message | {"referral": ...}`."""
    return {
        "source_url": "https://fb.me/example",
        "source_id": "100000000000099",
        "source_type": "ad",
        "headline": headline,
        "body": "Escríbenos",
        "media_type": "image",
        "image_url": "https://example.org/ad.jpg",
        "ctwa_clid": "synthetic-click",
    }


def _message(
    sender: Sender, kind: str, content: Json | list[Json], **options: Unpack[Options]
) -> Json:
    head = {
        "context": options.get("context"),
        "from": sender.wa_id,
        "from_user_id": sender.bsuid,
        "id": options.get("wamid") or new_wamid(sender.user),
        "timestamp": timestamp(options.get("at")),
        "type": kind,
    }
    return present(head) | {kind: content}


def _media(sender: Sender, kind: str, mime_type: str, content: Json, options: MediaOptions) -> Json:
    wamid = options.get("wamid") or new_wamid(sender.user)
    digest = hashlib.sha256(wamid.encode()).digest()
    mime_type = options.get("mime_type", mime_type)
    about = " ".join(filter(None, (content.get("caption"), content.get("filename"))))
    file = specimens.pick(mime_type, about, digest)
    media = {
        "mime_type": mime_type,
        "sha256": options.get("sha256") or specimens.checksum(file.content),
        "id": options.get("media_id", specimens.new_id(file, digest)),
        "url": options.get("url"),
    }
    return _message(
        sender,
        kind,
        present(content | media),
        at=options.get("at"),
        wamid=wamid,
        context=options.get("context"),
    )
