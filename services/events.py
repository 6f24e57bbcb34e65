"""What a delivery from WhatsApp says, item by item, in our own words.

`webhook.payloads` reads Meta's JSON into these; `services.inbound` applies them. Every value is
already safe for Postgres: no NUL, no lone surrogate, no number that JSON does not know.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

Json = dict[str, Any]

Direction = Literal["inbound", "outbound"]

#: WhatsApp took a message and keeps it back: until it knows what people think of the template, or
#: because the template is paused. It says so in its answer and by no status.
Held = Literal["held_for_quality_assessment", "paused"]
HELD: tuple[Held, ...] = get_args(Held)

#: Types a message can have in our database. Meta's `voice` is `audio`; a type Meta adds after
#: today becomes `unknown` and keeps its own name in the payload.
MessageType = Literal[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "button",
    "template",
    "order",
    "system",
    "edit",
    "revoke",
    "unsupported",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody outside the organisation, by whatever names WhatsApp gave them.

    At least one of `wa_id` and `bsuid` is set. `wa_id` is digits without `+`.
    """

    wa_id: str | None = None
    bsuid: str | None = None
    parent_bsuid: str | None = None
    profile_name: str | None = None
    username: str | None = None
    #: E.164 numbers the person shared as their own and Meta vouches for (`contact_request`).
    attested_phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """WhatsApp's word that a person's number or business-scoped id became another."""

    previous: Person
    current: Person


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation, in either direction."""

    position: int
    phone_number_id: str
    display_phone_number: str | None
    whatsapp_id: str
    person: Person
    direction: Direction
    type: MessageType
    #: What a reader sees as words: body, caption, title of the pressed button, ...
    text: str | None
    #: The type's own object as Meta sent it, plus `context`, `referral` and `errors` if present.
    payload: Json
    #: None when Meta's timestamp is unusable: the time of receipt stands in.
    sent_at: datetime | None
    #: WhatsApp id of the quoted message.
    quoted_id: str | None = None
    #: WhatsApp id of the message that a reaction, edit or revocation belongs to.
    target_id: str | None = None
    #: From the phone's history (coexistence): old news, never unread.
    historical: bool = False
    #: Set on `system` messages that move an identity.
    identity_change: IdentityChange | None = None


@dataclass(frozen=True, slots=True)
class DeliveryError:
    """An error as Meta reports it: numeric code, title, details."""

    code: int | None
    title: str
    details: str | None = None


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of a message that the organisation sent."""

    position: int
    phone_number_id: str
    whatsapp_id: str
    #: Meta's word, lower case: sent, delivered, read, played, failed, or one we do not know yet.
    status: str
    occurred_at: datetime | None
    #: Our own id of the message (`biz_opaque_callback_data`), if it was echoed.
    callback_data: str | None
    error: DeliveryError | None
    payload: Json


@dataclass(frozen=True, slots=True)
class Notice:
    """An item that is no message and no status: account news, errors without a message, a field
    we do not subscribe to. Kept as it came and shown to an admin."""

    position: int
    field: str
    #: Short machine name, e.g. `errors`, `unknown_field`, `group_message`, `user_preferences`.
    kind: str
    payload: Json


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An item that could not be read. Kept with the reason until a person replays or closes it."""

    position: int
    field: str
    #: Short machine name, e.g. `missing_id`, `no_sender`, `wrong_type`.
    code: str
    #: One English sentence naming the place (`messages[3].text.body`), never its content.
    reason: str
    #: The raw item, its place and its surroundings, as ASCII JSON.
    raw: str


Event = Message | StatusUpdate | Notice | Quarantined


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole delivery, read. `unreadable` says why nothing could be made of the body."""

    events: list[Event] = field(default_factory=list)
    unreadable: str | None = None
