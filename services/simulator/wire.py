"""Who stands at the two ends of a conversation, and the small values of Meta's wire format."""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

from services.events import Json
from services.settings import (
    SIMULATOR_BUSINESS_ACCOUNT_ID,
    SIMULATOR_DISPLAY_PHONE_NUMBER,
    SIMULATOR_PHONE_NUMBER_ID,
)

#: Titles of the failures a person is likely to see, as Meta words them.
ERROR_TITLES = {
    131026: "Message undeliverable",
    131047: "Re-engagement message",
    131049: "Message not delivered to maintain healthy ecosystem engagement",
    131050: "User has opted out of marketing messages",
    131051: "Message type unknown",
    131053: "Media upload error",
}


@dataclass(frozen=True, slots=True)
class Number:
    """The organisation's own number."""

    phone_number_id: str
    #: Meta shows it with or without `+` and spaces.
    display_phone_number: str
    waba_id: str

    @property
    def digits(self) -> str:
        return re.sub(r"\D", "", self.display_phone_number)


@dataclass(frozen=True, slots=True)
class Sender:
    """A person on WhatsApp. `wa_id` is None when the person hides the number behind a username."""

    wa_id: str | None = None
    bsuid: str | None = None
    profile_name: str = "Amina Prueba"
    username: str | None = None

    @property
    def user(self) -> str:
        """What the person's message ids are derived from."""
        return self.wa_id or self.bsuid or ""


#: The organisation's number in mock mode.
DEMO_NUMBER = Number(
    SIMULATOR_PHONE_NUMBER_ID, SIMULATOR_DISPLAY_PHONE_NUMBER, SIMULATOR_BUSINESS_ACCOUNT_ID
)


def new_wamid(user: str, *, outgoing: bool = False, random: Random | None = None) -> str:
    """Return a message id made like WhatsApp's own: the other person's id, then a random part.

    `user` is the person's wa_id or bsuid in both directions. Pass `random` to get the same again.
    """
    token = random.randbytes(10) if random else uuid4().bytes[:10]
    content = (
        b"\x1c\x18"
        + bytes([len(user)])
        + user.encode("ascii")
        + b"\x15\x02\x00"
        # Which side wrote it, then the id that the phone gave the message.
        + (b"\x11" if outgoing else b"\x12")
        + b"\x18\x14"
        + token.hex().upper().encode()
        + b"\x00"
    )
    return f"wamid.{base64.b64encode(content).decode()}"


def error(code: int, details: str, *, title: str | None = None) -> Json:
    """Return an entry of `errors[]`."""
    title = title or ERROR_TITLES.get(code, "Something went wrong")
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }


def present(values: Json) -> Json:
    return {key: value for key, value in values.items() if value is not None}


def timestamp(at: datetime | None) -> str:
    return str(int(moment(at).timestamp()))


def moment(at: datetime | None) -> datetime:
    return at or datetime.now(UTC)
