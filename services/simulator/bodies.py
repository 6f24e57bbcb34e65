"""Webhook bodies in the shape of WhatsApp's Cloud API, built from nothing.

A message builder (`text`, `image`, ...; see `messages`) takes the person who writes and returns the
object that stands in `messages[]`; `status` and `failed` return one for `statuses[]`. `envelope`,
`from_sender` and `echoes` wrap them into a delivery, and `encode` writes it as Meta does:

    body = encode(from_sender(number, amina, text(amina, "Buenos días")))

All builders can be had from this module.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from services.events import Json
from services.simulator.messages import (
    MediaOptions,
    Options,
    audio,
    button,
    button_reply,
    card,
    contacts,
    document,
    edit,
    flow_reply,
    forwarded,
    image,
    list_reply,
    location,
    number_change,
    order,
    own_card,
    quoting,
    reaction,
    referral,
    revoke,
    sticker,
    text,
    unsupported,
    video,
)
from services.simulator.wire import (
    DEMO_NUMBER,
    Number,
    Sender,
    error,
    moment,
    new_wamid,
    present,
    timestamp,
)

__all__ = [
    "DEMO_NUMBER",
    "MediaOptions",
    "Number",
    "Options",
    "Sender",
    "audio",
    "batch",
    "button",
    "button_reply",
    "card",
    "contact",
    "contacts",
    "document",
    "echo",
    "echoes",
    "edit",
    "encode",
    "envelope",
    "error",
    "failed",
    "flow_reply",
    "forwarded",
    "from_sender",
    "image",
    "list_reply",
    "location",
    "new_wamid",
    "notice",
    "number_change",
    "order",
    "own_card",
    "quoting",
    "reaction",
    "referral",
    "revoke",
    "service_pricing",
    "status",
    "sticker",
    "text",
    "unsupported",
    "video",
]


def envelope(
    number: Number,
    *,
    messages: Sequence[Json] = (),
    statuses: Sequence[Json] = (),
    contacts: Sequence[Sender] = (),
    errors: Sequence[Json] = (),
) -> Json:
    """Return a delivery of the field `messages`. Empty parts are left out, as Meta leaves them."""
    value: Json = _value(number)
    if contacts:
        value["contacts"] = [contact(sender) for sender in contacts]
    if messages:
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    if errors:
        value["errors"] = list(errors)
    return _delivery(number, "messages", value)


def from_sender(number: Number, sender: Sender, *messages: Json) -> Json:
    """Return a delivery of messages that one person wrote."""
    return envelope(number, messages=messages, contacts=[sender])


def echoes(number: Number, *messages: Json) -> Json:
    """Return a delivery of what the organisation wrote on its own phone (see `echo`)."""
    return _delivery(
        number, "smb_message_echoes", _value(number) | {"message_echoes": list(messages)}
    )


def notice(number: Number, field: str, value: Json, *, at: datetime | None = None) -> Json:
    """Return a delivery of an account field, e.g. `account_update`. It has no `metadata`."""
    body = _delivery(number, field, value)
    body["entry"][0]["time"] = int(moment(at).timestamp())
    return body


def batch(*bodies: Json) -> Json:
    """Return one delivery with everything that `bodies` hold, as Meta sends under load."""
    return {
        "object": "whatsapp_business_account",
        "entry": [entry for body in bodies for entry in body["entry"]],
    }


def encode(body: Json) -> bytes:
    """Write a delivery as Meta does: compact, ASCII with `\\uXXXX` escapes, `/` as `\\/`."""
    compact = json.dumps(body, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return compact.replace("/", r"\/").encode("ascii")


def contact(sender: Sender) -> Json:
    """Return the person as listed in `contacts[]`; a name that nobody knows is left out."""
    profile = present({"name": sender.profile_name or None, "username": sender.username})
    return {"profile": profile} | present({"wa_id": sender.wa_id, "user_id": sender.bsuid})


def echo(number: Number, recipient: Sender, message: Json) -> Json:
    """Turn a message built as if `recipient` wrote it into one from the organisation to them."""
    content = {k: v for k, v in message.items() if k not in {"from", "from_user_id"}}
    to = present({"to": recipient.wa_id, "to_user_id": recipient.bsuid})
    return {"from": number.digits} | to | content


def status(
    recipient: Sender,
    message_id: str,
    word: str,
    *,
    at: datetime | None = None,
    callback_data: str | None = None,
    pricing: Json | None = None,
) -> Json:
    """Return what became of a message: `sent`, `delivered`, `read` or `played`."""
    content = {
        "id": message_id,
        "status": word,
        "timestamp": timestamp(at),
        "recipient_id": recipient.wa_id,
        "recipient_user_id": recipient.bsuid,
        "biz_opaque_callback_data": callback_data,
        "pricing": pricing,
    }
    return present(content)


def failed(
    recipient: Sender,
    message_id: str,
    code: int = 131047,
    details: str = "Message failed to send because more than 24 hours have passed "
    "since the customer last replied to this number.",
    *,
    title: str | None = None,
    at: datetime | None = None,
    callback_data: str | None = None,
) -> Json:
    """Return the failure of a message. Deliver it without `contacts`."""
    content = status(recipient, message_id, "failed", at=at, callback_data=callback_data)
    if recipient.wa_id:
        # A message to a phone that failed names the phone only.
        content.pop("recipient_user_id", None)
    return content | {"errors": [error(code, details, title=title)]}


def service_pricing() -> Json:
    """Return the pricing of a free-form answer inside the 24 hours."""
    return {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}


def _delivery(number: Number, field: str, value: Json) -> Json:
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": number.waba_id, "changes": [{"value": value, "field": field}]}],
    }


def _value(number: Number) -> Json:
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": number.display_phone_number,
            "phone_number_id": number.phone_number_id,
        },
    }
