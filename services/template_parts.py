"""Reading what a WhatsApp template is made of, and filling it in.

`parse` makes of the components that Meta lists what a form and a preview need. It never raises:
what it does not know is left out, and `unsupported` names it, so that nobody sends half a template.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

HeaderKind = Literal["text", "image", "video", "document", "location"]
ButtonKind = Literal["quick_reply", "url", "phone_number", "copy_code", "flow"]
Place = Literal["header", "body", "button"]

#: `{{1}}` or `{{nombre}}`, as Meta writes them.
_VARIABLE = re.compile(r"\{\{\s*(\w{1,64})\s*\}\}", re.ASCII)
_HEADERS: dict[object, HeaderKind] = {
    "TEXT": "text",
    "IMAGE": "image",
    "VIDEO": "video",
    "DOCUMENT": "document",
    "LOCATION": "location",
}
_BUTTONS: dict[object, ButtonKind] = {
    "QUICK_REPLY": "quick_reply",
    "URL": "url",
    "PHONE_NUMBER": "phone_number",
    "COPY_CODE": "copy_code",
    "FLOW": "flow",
}
#: Headers that are sent as a file of ours.
MEDIA_HEADERS: frozenset[HeaderKind] = frozenset({"image", "video", "document"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A place to be filled in. `key` is what its value goes under when the template is sent:
    `1` or a name for the body, `header:1` or `header:name`, `button:0` by the button's index."""

    key: str
    place: Place
    #: As it stands in the text: a number or a name; of a button's address what comes after.
    name: str
    #: What whoever wrote the template gave as an example.
    example: str | None = None
    #: What the button says, for a variable of one.
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the text. `text` for words only."""

    kind: HeaderKind
    text: str | None = None

    @property
    def is_media(self) -> bool:
        """Whether it is a file that goes along."""
        return self.kind in MEDIA_HEADERS


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button below the text, in its place among them."""

    index: int
    kind: ButtonKind
    text: str
    #: Of a link, with `{{1}}` where something is added.
    url: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """A template as it is read. `unsupported` names what we cannot send, None if we can."""

    body: str
    header: Header | None = None
    footer: str | None = None
    buttons: tuple[TemplateButton, ...] = ()
    variables: tuple[Variable, ...] = ()
    unsupported: str | None = None


def parse(components: object) -> Parts:
    """Read the components of a template, whatever they hold."""
    body, footer, unsupported = "", None, None
    header: Header | None = None
    buttons: list[TemplateButton] = []
    variables: list[Variable] = []
    for part in _objects(components):
        match _word(part.get("type")):
            case "BODY":
                body = _text(part.get("text"))
                variables += _text_variables(part, "body", body)
            case "HEADER":
                kind = _HEADERS.get(_word(part.get("format")) or "TEXT")
                if kind is None:
                    unsupported = unsupported or f"header {_shown(part.get('format'))}"
                    continue
                text = _text(part.get("text")) if kind == "text" else None
                header = Header(kind, text)
                if kind == "location":
                    unsupported = unsupported or "header LOCATION"
                variables = [v for v in variables if v.place != "header"]
                variables += _text_variables(part, "header", text or "")
            case "FOOTER":
                footer = _text(part.get("text")) or None
            case "BUTTONS":
                for given in _objects(part.get("buttons")):
                    button = _button(given, len(buttons))
                    if button is None:
                        unsupported = unsupported or f"button {_shown(given.get('type'))}"
                        continue
                    buttons.append(button)
                    variables += _button_variables(given, button)
            case other:
                unsupported = unsupported or _shown(other)
    return Parts(
        body=body,
        header=header,
        footer=footer,
        buttons=tuple(buttons),
        variables=_once(variables),
        unsupported=unsupported,
    )


def fill(text: str, values: Mapping[str, str], *, prefix: str = "") -> str:
    """The text with its variables filled in; one without a value stays as it is.

    `prefix` is what comes before the variable's name in its key: `header:`.
    """

    def value(match: re.Match[str]) -> str:
        return values.get(prefix + match[1]) or match[0]

    return _VARIABLE.sub(value, text)


def variables_in(text: str) -> list[str]:
    """The names of the variables in a text, each once, in their order."""
    return list(dict.fromkeys(match[1] for match in _VARIABLE.finditer(text)))


def _text_variables(part: Mapping[str, Any], place: Place, text: str) -> Iterator[Variable]:
    examples = _examples(part.get("example"), place)
    prefix = "header:" if place == "header" else ""
    for name in variables_in(text):
        yield Variable(prefix + name, place, name, examples.get(name))


def _examples(given: object, place: Place) -> dict[str, str]:
    """Variable -> example. Positional ones come in a list, that of the body in a list of lists."""
    if not isinstance(given, dict):
        return {}
    named = {
        _text(entry.get("param_name")): _text(entry.get("example"))
        for entry in _objects(given.get(f"{place}_text_named_params"))
    }
    listed = given.get(f"{place}_text")
    if isinstance(listed, list) and listed and isinstance(listed[0], list):
        listed = listed[0]
    if isinstance(listed, list):
        named |= {str(n): _text(value) for n, value in enumerate(listed, start=1)}
    return {name: value for name, value in named.items() if name and value}


def _button(given: Mapping[str, Any], index: int) -> TemplateButton | None:
    kind = _BUTTONS.get(_word(given.get("type")))
    if kind is None:
        return None
    return TemplateButton(
        index=index,
        kind=kind,
        text=_text(given.get("text")),
        url=(_text(given.get("url")) or None) if kind == "url" else None,
        phone_number=(_text(given.get("phone_number")) or None) if kind == "phone_number" else None,
    )


def _button_variables(given: Mapping[str, Any], button: TemplateButton) -> Iterator[Variable]:
    key = f"button:{button.index}"
    examples = given.get("example")
    example = examples[0] if isinstance(examples, list) and examples else examples
    shown = _text(example) or None
    if button.kind == "url" and variables_in(button.url or ""):
        # The example is the whole address; what is filled in is its end.
        before = (button.url or "").partition("{{")[0]
        shown = (shown.removeprefix(before) or None) if shown else None
        yield Variable(key, "button", variables_in(button.url or "")[0], shown, button.text)
    if button.kind == "copy_code":
        yield Variable(key, "button", "code", shown, button.text)


def _once(variables: Sequence[Variable]) -> tuple[Variable, ...]:
    """Header, body, buttons: as somebody fills them in. Each key once."""
    places: tuple[Place, ...] = ("header", "body", "button")
    ordered = sorted(variables, key=lambda variable: places.index(variable.place))
    return tuple({variable.key: variable for variable in ordered}.values())


def _objects(given: object) -> list[dict[str, Any]]:
    return [part for part in given if isinstance(part, dict)] if isinstance(given, list) else []


def _text(given: object) -> str:
    return given if isinstance(given, str) else ""


def _word(given: object) -> str:
    return given.upper() if isinstance(given, str) else ""


def _shown(given: object) -> str:
    return _word(given)[:40] or "?"
