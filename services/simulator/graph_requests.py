"""What may be sent to `/messages`, as strictly as Meta documents it.

    request = read(body)        # a Request, or Refusal with Meta's code

What Meta takes without a word and then does wrong, such as a number without `+`, is taken here too
and named in `complaints`: a test wants to know.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from services.events import Json
from services.simulator.graph_problems import Refusal

BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
_DIGITS = re.compile(r"\D")


class _Shape(BaseModel):
    """No other keys, no other types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _most(letters: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=letters, pattern=r"\S")


Up20 = Annotated[str, _most(20)]
Up24 = Annotated[str, _most(24)]
Up60 = Annotated[str, _most(60)]
Up72 = Annotated[str, _most(72)]
Up200 = Annotated[str, _most(200)]
Up256 = Annotated[str, _most(256)]
Up1000 = Annotated[str, _most(1000)]
Caption = Annotated[str, _most(1024)]
Up4096 = Annotated[str, _most(4096)]


class Text(_Shape):
    body: Up4096
    preview_url: bool = False


class Media(_Shape):
    """A file by id or by address, never both."""

    id: str | None = None
    link: Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2048)] | None = (
        None
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Media":
        if (self.id is None) == (self.link is None):
            raise ValueError("exactly one of id and link is needed")
        return self


class Captioned(Media):
    caption: Caption | None = None


class Document(Captioned):
    filename: Up200 | None = None


class Audio(Media):
    voice: bool = False


class Location(_Shape):
    latitude: Annotated[float, Field(strict=False, ge=-90, le=90)]
    longitude: Annotated[float, Field(strict=False, ge=-180, le=180)]
    name: Up1000 | None = None
    address: Up1000 | None = None


class Reaction(_Shape):
    message_id: Annotated[str, StringConstraints(pattern=r"^wamid\..+")]
    #: Empty takes it back.
    emoji: Annotated[str, StringConstraints(max_length=32)]


class _Reply(_Shape):
    id: Up256
    title: Up20


class _Button(_Shape):
    type: Literal["reply"]
    reply: _Reply


class _Body(_Shape):
    text: Caption


class _LongBody(_Shape):
    text: Up4096


class _Footer(_Shape):
    text: Up60


class TextHeader(_Shape):
    type: Literal["text"]
    text: Up60


class _ImageHeader(_Shape):
    type: Literal["image"]
    image: Media


class _VideoHeader(_Shape):
    type: Literal["video"]
    video: Media


class _DocumentHeader(_Shape):
    type: Literal["document"]
    document: Document


class _ButtonAction(_Shape):
    buttons: Annotated[list[_Button], Field(min_length=1, max_length=3)]

    @model_validator(mode="after")
    def _all_different(self) -> "_ButtonAction":
        _different("button ids", [button.reply.id for button in self.buttons])
        _different("button titles", [button.reply.title for button in self.buttons])
        return self


class Buttons(_Shape):
    type: Literal["button"]
    header: (
        Annotated[
            TextHeader | _ImageHeader | _VideoHeader | _DocumentHeader, Field(discriminator="type")
        ]
        | None
    ) = None
    body: _Body
    footer: _Footer | None = None
    action: _ButtonAction


class _Row(_Shape):
    id: Up200
    title: Up24
    description: Up72 | None = None


class _Section(_Shape):
    title: Up24 | None = None
    rows: Annotated[list[_Row], Field(min_length=1, max_length=10)]


class _ListAction(_Shape):
    button: Up20
    sections: Annotated[list[_Section], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _ten_rows_in_all(self) -> "_ListAction":
        rows = [row for section in self.sections for row in section.rows]
        if len(rows) > 10:
            raise ValueError("more than 10 rows in all sections")
        _different("row ids", [row.id for row in rows])
        if len(self.sections) > 1 and not all(section.title for section in self.sections):
            raise ValueError("section titles are needed where there are several sections")
        return self


class List(_Shape):
    type: Literal["list"]
    header: TextHeader | None = None
    body: _LongBody
    footer: _Footer | None = None
    action: _ListAction


class _ContactAction(_Shape):
    name: Literal["request_contact_info"]


class ContactRequest(_Shape):
    """The question for the person's number."""

    type: Literal["request_contact_info"]
    body: _Body
    action: _ContactAction


class _LocationAction(_Shape):
    name: Literal["send_location"]


class LocationRequest(_Shape):
    type: Literal["location_request_message"]
    body: _Body
    action: _LocationAction


Interactive = Annotated[
    Buttons | List | ContactRequest | LocationRequest, Field(discriminator="type")
]


class _Name(_Shape):
    formatted_name: Caption
    first_name: str | None = None
    last_name: str | None = None


class _Phone(_Shape):
    phone: str
    wa_id: str | None = None
    type: str | None = None


class Card(_Shape):
    name: _Name
    phones: list[_Phone] = []


class _Language(_Shape):
    code: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]
    policy: Literal["deterministic"] = "deterministic"


class Parameter(_Shape):
    """A value of a template: words, a file for the header, or what a button brings back."""

    type: Literal["text", "payload", "image", "video", "document"]
    parameter_name: str | None = None
    text: str | None = None
    payload: Up256 | None = None
    image: Media | None = None
    video: Media | None = None
    document: Document | None = None

    @model_validator(mode="after")
    def _says_what_it_is(self) -> "Parameter":
        kinds = ("text", "payload", "image", "video", "document")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if given != [self.type]:
            raise ValueError(f"a parameter of type {self.type} has {self.type} and nothing else")
        return self


class Component(_Shape):
    type: Literal["header", "body", "button"]
    sub_type: Literal["quick_reply", "url"] | None = None
    index: Annotated[str | int, Field(union_mode="left_to_right")] | None = None
    parameters: list[Parameter] = []

    @model_validator(mode="after")
    def _button_says_which(self) -> "Component":
        if (self.type == "button") != (self.sub_type is not None and self.index is not None):
            raise ValueError("a button, and only a button, has sub_type and index")
        return self


class Template(_Shape):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
    language: _Language
    components: list[Component] = []


_KINDS: dict[str, TypeAdapter[Any]] = {
    "text": TypeAdapter(Text),
    "image": TypeAdapter(Captioned),
    "video": TypeAdapter(Captioned),
    "document": TypeAdapter(Document),
    "audio": TypeAdapter(Audio),
    "sticker": TypeAdapter(Media),
    "location": TypeAdapter(Location),
    "contacts": TypeAdapter(Annotated[list[Card], Field(min_length=1)]),
    "reaction": TypeAdapter(Reaction),
    "interactive": TypeAdapter(Interactive),
    "template": TypeAdapter(Template),
}
_COMMON = {
    "messaging_product",
    "recipient_type",
    "to",
    "recipient",
    "type",
    "context",
    "biz_opaque_callback_data",
}


class _Context(_Shape):
    message_id: Annotated[str, StringConstraints(min_length=1)]


class _Frame(_Shape):
    """What every message has around its content."""

    recipient_type: Literal["individual"] = "individual"
    to: Annotated[str, StringConstraints(min_length=1)] | None = None
    recipient: Annotated[str, StringConstraints(pattern=rf"^{BSUID.pattern}$")] | None = None
    context: _Context | None = None
    biz_opaque_callback_data: Annotated[str, StringConstraints(max_length=512)] | None = None


class _Typing(_Shape):
    type: Literal["text"]


class _Mark(_Shape):
    messaging_product: Literal["whatsapp"]
    status: Literal["read"]
    message_id: Annotated[str, StringConstraints(pattern=r"^wamid\..+")]
    typing_indicator: _Typing | None = None


@dataclass(frozen=True, slots=True)
class ReadMark:
    """A read receipt, perhaps with the sign that somebody types."""

    message_id: str
    typing: bool


@dataclass(frozen=True, slots=True)
class Request:
    """A message to send, found to be well-formed."""

    type: str
    #: The type's own object as it was sent, and as it was read.
    payload: Any
    content: Any
    #: As it was sent; one of them is the input that the answer repeats.
    to: str | None
    recipient: str | None
    quoted_id: str | None
    callback_data: str | None
    complaints: tuple[str, ...]

    @property
    def media(self) -> Iterator[tuple[str, str]]:
        """Each file that is named by id: what it is sent as, and its id."""
        yield from _files(self.type, self.payload)


def read(body: object) -> Request | ReadMark:
    """Check a request's body. Refusal, as Meta words it, for what it would not take."""
    if not isinstance(body, dict) or "messaging_product" not in body:
        raise Refusal(100, message="(#100) The parameter messaging_product is required.")
    if body["messaging_product"] != "whatsapp":
        raise Refusal(
            100, message='(#100) Param messaging_product must be one of {"WHATSAPP"} - got another.'
        )
    if "status" in body:
        mark: _Mark = _checked(TypeAdapter(_Mark), body, "")
        return ReadMark(mark.message_id, mark.typing_indicator is not None)
    return _message(body)


def _message(body: Json) -> Request:
    kind = body.get("type", "text")
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(sorted(_KINDS)).upper()
        raise Refusal(100, message=f"(#100) Param type must be one of {{{known}}}")
    for key in body:
        if key not in _COMMON and key != kind:
            raise Refusal(100, message=f'(#100) Unexpected key "{key[:40]}" on a {kind} message.')
    frame: _Frame = _checked(
        TypeAdapter(_Frame), {k: v for k, v in body.items() if k in _Frame.model_fields}, ""
    )
    if frame.to is None and frame.recipient is None:
        raise Refusal(100, message="(#100) The parameter to is required.")
    if kind not in body:
        raise Refusal(131008, f"Parameter '{kind}' is mandatory for type '{kind}'")
    content = _checked(_KINDS[kind], body[kind], kind)
    if kind == "reaction" and frame.context is not None:
        raise Refusal(131009, "A reaction cannot have a context")
    return Request(
        kind,
        body[kind],
        content,
        frame.to,
        frame.recipient if frame.to is None else None,
        frame.context.message_id if frame.context else None,
        frame.biz_opaque_callback_data,
        tuple(_complaints(body, frame)),
    )


def _complaints(body: Json, frame: _Frame) -> Iterator[str]:
    """What Meta does not refuse, and nobody wants."""
    if frame.to is not None:
        if frame.recipient is not None:
            yield "`to` and `recipient` together: only `to` counts"
        if BSUID.fullmatch(frame.to):
            yield "a business-scoped id in `to`: WhatsApp drops the message without a word"
        elif not frame.to.startswith("+"):
            yield "`to` without +: WhatsApp puts the business number's country code before it"
    if "type" not in body:
        yield "no `type`: WhatsApp takes it for text"
    if frame.biz_opaque_callback_data is None:
        yield "no `biz_opaque_callback_data`: a lost answer could not be found again"


def _checked(adapter: TypeAdapter[Any], value: object, param: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        # The first alone, as Meta does.
        raise _refusal(error.errors(include_url=False, include_input=False)[0], param) from None


def _refusal(problem: ErrorDetails, param: str) -> Refusal:
    place = [param, *(part for part in problem["loc"] if part not in _TAGS)]
    named = "".join(
        f"['{part}']" if index else str(part) for index, part in enumerate(filter(_there, place))
    )
    match problem["type"]:
        case "missing":
            return Refusal(131008, f"Parameter '{named}' is mandatory")
        case "extra_forbidden":
            return Refusal(100, message=f"(#100) Unexpected key on param {named}.")
        case "string_too_long":
            most = problem["ctx"]["max_length"]
            return Refusal(
                100, message=f"(#100) Param {named} must be at most {most} characters long."
            )
        case "too_long" | "too_short":
            return Refusal(131009, f"{named}: {problem['msg']}")
        case _:
            return Refusal(131009, f"Parameter {named} is not valid: {problem['msg']}")


#: Names of a union's members, which pydantic puts into the place.
_TAGS = {"button", "list", "request_contact_info", "location_request_message"}


def _there(part: object) -> bool:
    return part != ""


def _different(what: str, values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{what} are not all different")


def _files(kind: str, value: object) -> Iterator[tuple[str, str]]:
    """Find ids of files, wherever in the content they are."""
    if isinstance(value, list):
        for item in value:
            yield from _files(kind, item)
    elif isinstance(value, dict):
        if kind in _FILES and isinstance(value.get("id"), str):
            yield kind, value["id"]
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from _files(key, inner)


_FILES = {"image", "video", "document", "audio", "sticker"}


def digits(number: str) -> str:
    """A telephone number's digits."""
    return _DIGITS.sub("", number)
