"""What the API reads and writes, as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from services.audit_reading import AuditEntry
from services.client_edits import LENGTHS
from services.clients import ClientStatus, ClientSummary, ProfileSource, ProfileType
from services.conversations import MessageStatus, TimelineMessage
from services.events import Direction, Held, MessageType

_CLIENT: JsonDict = {
    "id": "7b6f4c1e-6c0a-4c53-9b8e-5b1f9a3c2d10",
    "name": "Nadia Prueba",
    "phone": "+34600000042",
    "email": "nadia@example.org",
    "profile_type": "ASYLUM",
    "profile_confidence": 0.86,
    "profile_source": "classifier",
    "status": "active",
    "passport_or_nie": "X0000000T",
    "notes": "Cita el 3 de diciembre.",
    "created_at": "2026-11-20T09:12:44Z",
    "updated_at": "2026-11-23T08:30:00Z",
    "last_message_at": "2026-11-23T08:29:41Z",
}


class Client(BaseModel):
    """Somebody whom the organisation accompanies."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CLIENT]})

    id: UUID
    name: str | None = Field(description="The staff's name for them, else WhatsApp's.")
    phone: str | None = Field(description="E.164, or null when WhatsApp hides it.")
    email: str | None
    profile_type: ProfileType
    profile_confidence: float | None = Field(description="0 to 1; null unless proposed.")
    profile_source: ProfileSource | None = Field(description="Null: nobody has judged yet.")
    status: ClientStatus
    passport_or_nie: str | None
    notes: str | None
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None

    @classmethod
    def of(cls, summary: ClientSummary, file: "_File") -> "Client":
        """The JSON of a client."""
        shown = {name: getattr(summary, name) for name in _OF_SUMMARY}
        return cls(
            **shown,
            passport_or_nie=file.passport_or_nie,
            notes=file.notes,
            updated_at=file.updated_at,
        )


class _File(Protocol):
    @property
    def passport_or_nie(self) -> str | None: ...
    @property
    def notes(self) -> str | None: ...
    @property
    def updated_at(self) -> datetime: ...


_OF_SUMMARY = tuple(
    name for name in ClientSummary.__dataclass_fields__ if name in Client.model_fields
)


class ClientList(BaseModel):
    """A page of clients, those who wrote last first."""

    items: list[Client]
    total: int = Field(description="Exact up to 10,000.", examples=[1])
    total_is_exact: bool = Field(examples=[True])
    page: int = Field(examples=[1])
    limit: int = Field(examples=[50])


def _without_default(schema: dict[str, Any]) -> None:
    """What is left out is left as it is: it has no default."""
    schema.pop("default", None)


_Phone = Annotated[str, Field(max_length=LENGTHS["phone"], json_schema_extra={"format": "phone"})]
_Email = Annotated[str, Field(max_length=LENGTHS["email"], json_schema_extra={"format": "email"})]


def _optional(example: str, description: str | None = None) -> Any:
    return Field(
        default=None,
        description=description,
        examples=[example],
        json_schema_extra=_without_default,
    )


class _Written(BaseModel):
    # What is not named here cannot be written: no id, no role, no time.
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=LENGTHS["name"])] | None = _optional("Nadia Prueba")
    phone: _Phone | None = _optional(
        "600 000 042", "A number without a country code is Spanish. Unique among clients."
    )
    email: _Email | None = _optional(
        "nadia@example.org", "Unique among clients, whatever its case."
    )
    passport_or_nie: Annotated[str, Field(max_length=LENGTHS["passport_or_nie"])] | None = (
        _optional("X0000000T")
    )
    notes: Annotated[str, Field(max_length=LENGTHS["notes"])] | None = _optional(
        "Cita el 3 de diciembre."
    )


class NewClient(_Written):
    """A file to open. One of name, phone, e-mail and document is needed."""

    profile_type: ProfileType | None = Field(default=None, examples=["ASYLUM"])


class ClientChanges(_Written):
    """What to change. What is left out stays as it is; null empties it."""

    profile_type: ProfileType = Field(
        default="OTHER",
        description="Whoever sets it has decided: the classifier proposes no more.",
        json_schema_extra=_without_default,
    )
    status: ClientStatus = Field(
        default="active",
        description="Archived clients are in no list that does not ask for them.",
        json_schema_extra=_without_default,
    )
    expected_updated_at: Annotated[
        AwareDatetime | None,
        Field(description="Change it only if it is as it was then; otherwise 409."),
    ] = None


class Erased(BaseModel):
    """What is left of an erased client: that it happened."""

    id: UUID = Field(description="Of the erasure.")
    counts: dict[str, int] = Field(
        description="Rows removed, by table.", examples=[{"clients": 1, "messages": 12}]
    )


class Media(BaseModel):
    """A file that came with a message, as WhatsApp described it."""

    id: str | None
    mime_type: str | None = Field(examples=["image/jpeg"])
    filename: str | None
    sha256: str | None


class MessageProblem(BaseModel):
    """Why WhatsApp did not deliver a message."""

    code: int | None = Field(examples=[131026])
    title: str
    details: str | None


class Reaction(BaseModel):
    """What somebody put on a message."""

    emoji: str
    direction: Direction


class Message(BaseModel):
    """A message of the conversation, with what was said about it since."""

    id: UUID
    client_id: UUID
    direction: Direction
    type: MessageType
    text: str | None = Field(description="After the last edit.")
    media: Media | None
    status: MessageStatus
    error: MessageProblem | None
    held: Held | None = Field(
        description="Why WhatsApp, which accepted the message, does not send it for now."
    )
    sent_at: datetime
    whatsapp_id: str | None
    edited: bool
    revoked: bool = Field(description="The person deleted it for everybody.")
    reactions: list[Reaction]

    @classmethod
    def of(cls, message: TimelineMessage) -> "Message":
        """The JSON of an entry of the timeline."""
        return cls(
            id=message.id,
            client_id=message.client_id,
            direction=message.direction,
            type=message.type,
            text=message.text,
            media=_media(message),
            status=message.status,
            error=MessageProblem(
                code=message.error.code, title=message.error.title, details=message.error.details
            )
            if message.error
            else None,
            held=message.sending.held if message.sending else None,
            sent_at=message.sent_at,
            whatsapp_id=message.whatsapp_id,
            edited=message.edited,
            revoked=message.revoked,
            reactions=[Reaction(emoji=r.emoji, direction=r.direction) for r in message.reactions],
        )


class MessageList(BaseModel):
    """A page of messages, the newest first."""

    items: list[Message]
    limit: int = Field(examples=[100])
    older: str | None = Field(
        description="Pass it as `before` for those before; null at the beginning.",
        examples=["2026-11-23T08:29:41Z_1042"],
    )


class LogEntry(BaseModel):
    """One thing that was done with a client. Names of fields, never what is in them."""

    id: int
    occurred_at: datetime
    actor_kind: str = Field(description="`staff`, `outsider` or `system`.", examples=["staff"])
    actor_id: UUID | None = Field(description="Of the member of staff.")
    actor_name: str | None = Field(examples=["Omar Benali"])
    actor_part: str | None = Field(description="Which part of the software.")
    address: str | None = Field(description="For admins.")
    request_id: str | None
    action: str = Field(examples=["update"])
    table: str | None = Field(examples=["clients"])
    row_id: str | None
    fields: list[str] = Field(examples=[["email", "notes"]])
    details: dict[str, Any] = Field(description="Ids, counts and codes.")

    @classmethod
    def of(cls, entry: AuditEntry) -> "LogEntry":
        """The JSON of an entry."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class LogPage(BaseModel):
    """A page of the audit log, the newest first."""

    items: list[LogEntry]
    limit: int = Field(examples=[100])
    older: str | None = Field(description="Pass it as `before` for those before; null at the end.")


class Address(BaseModel):
    """Whom to sign in as, in mock mode."""

    email: str = Field(
        max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["omar.benali@acogida.example"]
    )


class AccessToken(BaseModel):
    """A token for `Authorization: Bearer`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a kind
    expires_in: int = Field(description="Seconds.", examples=[3600])


_WITH_MEDIA = ("image", "video", "audio", "document", "sticker")


def _media(message: TimelineMessage) -> Media | None:
    if message.type not in _WITH_MEDIA:
        return None
    found = message.payload.get(message.type)
    described = found if isinstance(found, dict) else {}
    values = {name: described.get(name) for name in Media.model_fields}
    return Media(**{name: v if isinstance(v, str) else None for name, v in values.items()})
