"""What is sent, in WhatsApp's shape and in our own: the request, and the entry of the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.events import Json, MessageType
from services.outgoing import (
    Buttons,
    Choices,
    Content,
    File,
    Place,
    Reaction,
    Section,
    TemplateMessage,
    Text,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has a client, and before its file has an id at WhatsApp's."""

    type: MessageType
    #: What a reader sees as words.
    text: str | None
    #: The request but for `to`, the callback and the id of a file.
    request: Json

    @property
    def payload(self) -> Json:
        """The type's own object, and what it answers, as messages that arrive have them."""
        return {key: self.request[key] for key in (self.type, "context") if key in self.request}


@dataclass(frozen=True, slots=True)
class Shown:
    """A template as its reader sees it, and what its buttons are."""

    text: str
    #: WhatsApp's `sub_type` of each button: `url`, `quick_reply`, ...
    buttons: tuple[str, ...] = ()


def draft_of(
    content: Content,
    *,
    quoted_id: str | None = None,
    target_id: str | None = None,
    media_type: str | None = None,
    shown: Shown | None = None,
) -> Draft:
    """The draft of what passed its check.

    `quoted_id` is WhatsApp's id of the message that this one answers, `target_id` of the one that
    a reaction is put on, `media_type` what the file is, `shown` how a template reads.
    """
    kind: MessageType
    match content:
        case Text():
            kind, words = "text", content.body
            part: Json = {"body": content.body, "preview_url": content.preview_url}
        case File():
            kind, words = content.kind, content.caption or ""
            part = file_part(content, media_type)
        case Place():
            kind = "location"
            words = "\n".join(line for line in (content.name, content.address) if line)
            part = _without_none(
                latitude=content.latitude,
                longitude=content.longitude,
                name=content.name,
                address=content.address,
            )
        case Reaction():
            kind, words = "reaction", content.emoji
            part = {"message_id": target_id, "emoji": content.emoji}
        case Buttons():
            kind, words, part = "interactive", content.body, _buttons(content)
        case Choices():
            kind, words, part = "interactive", content.body, _choices(content)
        case TemplateMessage():
            kind, words = "template", shown.text if shown else ""
            part = _template(content, shown, media_type)
    request: Json = {"type": kind, kind: part}
    if quoted_id is not None and kind != "reaction":
        request["context"] = {"message_id": quoted_id}
    return Draft(kind, words or None, request)


def file_part(file: File, media_type: str | None) -> Json:
    """A file's object. `mime_type` is for our own page; WhatsApp is told when it gets the file."""
    return _without_none(
        mime_type=media_type,
        caption=file.caption or None,
        filename=file.name if file.kind == "document" else None,
        voice=True if file.voice else None,
    )


def whole(request: Json, recipient: Mapping[str, str], callback: str, media_id: str | None) -> Json:
    """The request as it leaves: to whom, with our own id in it, and the file's at WhatsApp's."""
    body: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient,
        **request,
        "biz_opaque_callback_data": callback,
    }
    kind = request["type"]
    if kind in ("image", "document", "audio", "video"):
        body[kind] = _with_id(body[kind], media_id)
    elif kind == "template" and media_id is not None:
        template = dict(body["template"])
        template["components"] = [_with_file(c, media_id) for c in template["components"]]
        body["template"] = template
    return body


def _with_id(part: Mapping[str, Any], media_id: str | None) -> Json:
    kept = {key: value for key, value in part.items() if key != "mime_type"}
    return {"id": media_id, **kept}


def _with_file(component: Mapping[str, Any], media_id: str) -> Json:
    if component["type"] != "header":
        return dict(component)
    [parameter] = component["parameters"]
    kind = parameter["type"]
    return {**component, "parameters": [{"type": kind, kind: _with_id(parameter[kind], media_id)}]}


def _buttons(content: Buttons) -> Json:
    replies = [{"type": "reply", "reply": {"id": b.id, "title": b.title}} for b in content.buttons]
    return _without_none(
        type="button",
        header=_header(content.header),
        body={"text": content.body},
        footer={"text": content.footer} if content.footer else None,
        action={"buttons": replies},
    )


def _choices(content: Choices) -> Json:
    return _without_none(
        type="list",
        header=_header(content.header),
        body={"text": content.body},
        footer={"text": content.footer} if content.footer else None,
        action={
            "button": content.button,
            "sections": [_section(section) for section in content.sections],
        },
    )


def _section(section: Section) -> Json:
    rows = [
        _without_none(id=row.id, title=row.title, description=row.description or None)
        for row in section.rows
    ]
    return _without_none(title=section.title or None, rows=rows)


def _header(text: str | None) -> Json | None:
    return {"type": "text", "text": text} if text else None


def _template(content: TemplateMessage, shown: Shown | None, media_type: str | None) -> Json:
    components: list[Json] = []
    if content.header is not None:
        kind = content.header.kind
        parameter = {"type": kind, kind: file_part(content.header, media_type)}
        components.append({"type": "header", "parameters": [parameter]})
    elif header := _parameters(content.values, "header:"):
        components.append({"type": "header", "parameters": header})
    if body := _parameters(content.values, ""):
        components.append({"type": "body", "parameters": body})
    for key in sorted(k for k in content.values if k.startswith("button:")):
        index = key.removeprefix("button:")
        components.append(_button(index, content.values[key], shown))
    part: Json = {"name": content.name, "language": {"code": content.language}}
    if components:
        part["components"] = components
    return part


def _parameters(values: Mapping[str, str], prefix: str) -> list[Json]:
    """Positions in their order, or names; WhatsApp takes one way or the other."""
    own = {k.removeprefix(prefix): v for k, v in values.items() if _is_of(k, prefix)}
    if all(key.isdigit() for key in own):
        return [{"type": "text", "text": own[key]} for key in sorted(own, key=int)]
    return [{"type": "text", "parameter_name": key, "text": text} for key, text in own.items()]


def _is_of(key: str, prefix: str) -> bool:
    return key.startswith(prefix) if prefix else ":" not in key


def _button(index: str, value: str, shown: Shown | None) -> Json:
    at = int(index) if index.isdigit() else 0
    kinds = shown.buttons if shown else ()
    kind = kinds[at] if at < len(kinds) else "url"
    parameter: Json = {"type": "text", "text": value}
    if kind == "quick_reply":
        parameter = {"type": "payload", "payload": value}
    elif kind == "copy_code":
        parameter = {"type": "coupon_code", "coupon_code": value}
    return {"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]}


def _without_none(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
