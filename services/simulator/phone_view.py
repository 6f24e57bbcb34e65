"""What a phone makes of the organisation's templates, buttons and lists, and what a press sends.

seen = on_phone(message.type, message.payload, templates)
seen.presses[0]                          # "Sí, continuar"
pressed(person, wamid, seen.presses[0])  # the message that the press becomes
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from services.events import Json
from services.simulator import bodies, graph_templates
from services.simulator.graph_problems import Refusal
from services.simulator.graph_requests import (
    Buttons,
    ContactRequest,
    Interactive,
    List,
    Template,
    TextHeader,
)
from services.simulator.wire import DEMO_NUMBER, Sender

_INTERACTIVE: TypeAdapter[Any] = TypeAdapter(Interactive)


@dataclass(frozen=True, slots=True)
class Press:
    """Something on a message that can be pressed. `id` is what the organisation gets back."""

    kind: Literal["template", "button", "row", "number"]
    title: str
    id: str = ""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class OnPhone:
    """A message as it is read: words, a file, and what can be pressed."""

    body: str
    header: str | None = None
    #: Its kind and its object, e.g. `("image", {"id": ...})`.
    file: tuple[str, Json] | None = None
    footer: str | None = None
    presses: tuple[Press, ...] = ()
    #: The button that opens a list.
    menu: str | None = None
    #: Label and address of what leads out of WhatsApp.
    links: tuple[tuple[str, str], ...] = ()


def on_phone(
    kind: str, payload: Mapping[str, Any], templates: Sequence[Json] | None = None
) -> OnPhone | None:
    """Read a template or an interactive message of the organisation; None for anything else."""
    try:
        match kind:
            case "template":
                message = Template.model_validate(payload.get("template"))
                return _template(graph_templates.fill(_sendable(templates), message))
            case "interactive":
                return _interactive(_INTERACTIVE.validate_python(payload.get("interactive")))
    except (Refusal, ValidationError):
        return None  # it was sent in another shape, or its template is gone
    return None


def pressed(person: Sender, wamid: str, press: Press) -> Json:
    """Return what a person sends by pressing something on the message `wamid`."""
    context = bodies.quoting(wamid, DEMO_NUMBER.digits)
    match press.kind:
        case "template":
            return bodies.button(person, press.title, payload=press.id, context=context)
        case "button":
            return bodies.button_reply(person, press.title, button_id=press.id, context=context)
        case "row":
            return bodies.list_reply(
                person,
                press.title,
                row_id=press.id,
                description=press.description,
                context=context,
            )
        case "number":
            card = bodies.own_card(person, f"+{person.wa_id}")
            return bodies.contacts(person, card, context=context)


def _sendable(templates: Sequence[Json] | None) -> list[Json]:
    """What was sent once was approved then, whatever became of the template."""
    known = graph_templates.catalogue() if templates is None else templates
    return [template | {"status": "APPROVED"} for template in known]


def _template(shown: graph_templates.Shown) -> OnPhone:
    presses = tuple(
        Press("template", label, back)
        for kind, label, back in shown.buttons
        if kind == "QUICK_REPLY"
    )
    links = tuple(
        (label, back if kind == "URL" else f"tel:{back}")
        for kind, label, back in shown.buttons
        if kind != "QUICK_REPLY"
    )
    return OnPhone(shown.body, shown.header, shown.file, shown.footer, presses, None, links)


def _interactive(message: Any) -> OnPhone:
    presses, menu = tuple(_presses(message)), None
    header, file = None, None
    if isinstance(message, List):
        menu = message.action.button
    shown = getattr(message, "header", None)
    if isinstance(shown, TextHeader):
        header = shown.text
    elif shown is not None:
        file = (shown.type, getattr(shown, shown.type).model_dump(exclude_none=True))
    footer = getattr(message, "footer", None)
    return OnPhone(message.body.text, header, file, footer.text if footer else None, presses, menu)


def _presses(message: Any) -> Iterator[Press]:
    if isinstance(message, Buttons):
        for button in message.action.buttons:
            yield Press("button", button.reply.title, button.reply.id)
    elif isinstance(message, List):
        for section in message.action.sections:
            for row in section.rows:
                yield Press("row", row.title, row.id, row.description)
    elif isinstance(message, ContactRequest):
        yield Press("number", message.action.name)
