"""The templates that the simulator serves, and whether a message fills one as it should.

`templates.json` holds them as `GET /<WABA>/message_templates` answers. `fill` checks a message's
parameters against one and writes the words that the person then reads.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.events import Json
from services.simulator.graph_problems import NoSuchObject, Refusal
from services.simulator.graph_requests import Component, Parameter, Template

_FILE = Path(__file__).parent / "templates.json"
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
#: What the words of a parameter may not have.
_UNFIT = re.compile(r"[\n\t]| {5}")
_BODY_LIMIT = 1024
_PAGE = 25

_NOT_SENDABLE = {"PAUSED": 132015, "DISABLED": 132016}


@dataclass(frozen=True, slots=True)
class Shown:
    """A template with its variables filled in, as a phone shows it."""

    header: str | None
    #: The object of the header's file, e.g. `{"id": ...}`, with its kind.
    file: tuple[str, Json] | None
    body: str
    footer: str | None
    #: `QUICK_REPLY`, `URL` or `PHONE_NUMBER`, the label, and what a press brings back.
    buttons: tuple[tuple[str, str, str], ...]


@cache
def catalogue() -> tuple[Json, ...]:
    """Every template of the demo's account, as it is at the start."""
    return tuple(json.loads(_FILE.read_text("utf-8")))


def fresh() -> list[Json]:
    """The same, to be changed at will."""
    return deepcopy(list(catalogue()))


def find(templates: Sequence[Json], name: str, language: str) -> Json | None:
    """Return the one of this name and language."""
    return next((t for t in templates if (t["name"], t["language"]) == (name, language)), None)


def page(templates: Sequence[Json], query: Mapping[str, str], address: str) -> Json:
    """Answer `GET .../message_templates`: `fields`, `limit`, `after`, `name`, `language`, `status`.

    `address` is where the next page is asked for. Refusal for a field that there is not.
    """
    found = [t for t in templates if all(t[k] == query[k] for k in _FILTERS & query.keys())]
    fields = [field for field in query.get("fields", "").split(",") if field]
    known = {key for template in catalogue() for key in template} | {"correct_category"}
    for field in fields:
        if field.strip() not in known:
            raise Refusal(
                100,
                message=f"(#100) Tried accessing nonexisting field ({field[:40]}) on node type "
                "(WhatsAppMessageTemplate)",
            )
    limit = _whole(query.get("limit"), _PAGE)
    start = _whole(query.get("after", "").removeprefix("after-"), 0)
    shown = found[start : start + limit]
    answer: Json = {"data": [_only(template, fields) for template in shown]}
    if shown:
        end = start + len(shown)
        answer["paging"] = {"cursors": {"before": f"after-{start}", "after": f"after-{end}"}}
        if end < len(found):
            kept = {k: v for k, v in query.items() if k != "after"}
            words = "&".join(f"{k}={v}" for k, v in (kept | {"after": f"after-{end}"}).items())
            answer["paging"]["next"] = f"{address}?{words}"
    return answer


def by_id(templates: Sequence[Json], template_id: str) -> Json:
    """Return the one of this id; NoSuchObject when there is none."""
    found = next((t for t in templates if t["id"] == template_id), None)
    if found is None:
        raise NoSuchObject("get", template_id)
    return found


def fill(templates: Sequence[Json], message: Template) -> Shown:
    """Fill a template as a message says. Refusal for one that cannot be sent like this."""
    language = message.language.code
    template = find(templates, message.name, language)
    status = template["status"] if template else None
    if template is None or status != "APPROVED":
        if status in _NOT_SENDABLE:
            raise Refusal(_NOT_SENDABLE[status], f"Template {message.name} is {status.lower()}.")
        raise Refusal(132001, f"template name ({message.name}) does not exist in {language}")
    parts = {part["type"]: part for part in template["components"]}
    given = _given(message.components)
    header, file = _header(parts.get("HEADER"), given.pop("header", ()), template)
    body = _words("body", parts["BODY"]["text"], given.pop("body", ()), template)
    if len(body) > _BODY_LIMIT:
        raise Refusal(132005, f"body: translated text is longer than {_BODY_LIMIT}")
    footer = parts.get("FOOTER", {}).get("text")
    labels = parts.get("BUTTONS", {}).get("buttons", [])
    buttons = tuple(_buttons(labels, given))
    if given:
        raise Refusal(131009, f"Button at index {min(given).split()[-1]} does not exist")
    return Shown(header, file, body, footer, buttons)


_FILTERS = {"name", "language", "status", "category"}


def _given(components: Sequence[Component]) -> dict[str, tuple[Parameter, ...]]:
    """By place: `header`, `body`, `quick_reply 0`, `url 1`."""
    given: dict[str, tuple[Parameter, ...]] = {}
    for component in components:
        place = component.type
        if component.type == "button":
            place = f"{component.sub_type} {component.index}"  # type: ignore[assignment]
        if place in given:
            raise Refusal(131009, f"Component {place} is there twice")
        given[place] = tuple(component.parameters)
    return given


def _header(
    part: Json | None, given: Sequence[Parameter], template: Json
) -> tuple[str | None, tuple[str, Json] | None]:
    if part is None or part["format"] == "TEXT":
        words = _words("header", part["text"] if part else "", given, template)
        return words or None, None
    expected = part["format"]
    kind = expected.lower()
    if len(given) != 1 or given[0].type != kind:
        received = given[0].type.upper() if given else "UNKNOWN"
        raise Refusal(132012, f"header: Format mismatch, expected {expected}, received {received}")
    file = getattr(given[0], kind).model_dump(exclude_none=True)
    return None, (kind, file)


def _words(place: str, text: str, given: Sequence[Parameter], template: Json) -> str:
    wanted = list(dict.fromkeys(_VARIABLE.findall(text)))
    if len(given) != len(wanted):
        raise Refusal(
            132000,
            f"{place}: number of localizable_params ({len(given)}) does not match the expected "
            f"number of params ({len(wanted)})",
        )
    values: dict[str, str] = {}
    for index, parameter in enumerate(given):
        if parameter.type != "text" or parameter.text is None:
            raise Refusal(132012, f"{place}: parameter {index} is not of type text")
        if not parameter.text.strip():
            raise Refusal(131008, "Parameter of type text is missing text value")
        if _UNFIT.search(parameter.text):
            raise Refusal(
                132018,
                "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
            )
        name = parameter.parameter_name
        if template["parameter_format"] == "NAMED":
            if name not in wanted or name in values:
                raise Refusal(132012, f"{place}: Parameter name is missing or empty")
        elif name is not None:
            raise Refusal(132012, f"{place}: this template has no named parameters")
        values[name or wanted[index]] = parameter.text
    return _VARIABLE.sub(lambda match: values[match[1]], text)


def _buttons(
    labels: Sequence[Json], given: dict[str, tuple[Parameter, ...]]
) -> Iterator[tuple[str, str, str]]:
    for index, label in enumerate(labels):
        match label["type"]:
            case "QUICK_REPLY":
                payload = given.pop(f"quick_reply {index}", ())
                if any(parameter.type != "payload" for parameter in payload) or len(payload) > 1:
                    raise Refusal(131009, f"Button {index}: a quick reply has one payload")
                back = payload[0].payload if payload else label["text"]
                yield label["type"], label["text"], back or label["text"]
            case "URL":
                yield label["type"], label["text"], _address(index, label["url"], given)
            case _:
                yield label["type"], label["text"], label["phone_number"]


def _address(index: int, url: str, given: dict[str, tuple[Parameter, ...]]) -> str:
    suffix = given.pop(f"url {index}", ())
    if len(suffix) != len(_VARIABLE.findall(url)):
        raise (
            Refusal(131008, f"Button at index {index} of type Url requires a parameter")
            if "{{" in url
            else Refusal(131009, f"Button at index {index} takes no parameter")
        )
    if not suffix:
        return url
    if suffix[0].type != "text" or not suffix[0].text:
        raise Refusal(131008, f"Button at index {index} of type Url requires a text parameter")
    return _VARIABLE.sub(lambda _: suffix[0].text or "", url)


def _only(template: Json, fields: Sequence[str]) -> dict[str, Any]:
    if not fields:
        return template
    wanted = {field.strip() for field in fields} | {"id"}
    return {key: value for key, value in template.items() if key in wanted}


def _whole(value: str | None, otherwise: int) -> int:
    return int(value) if value and value.isascii() and value.isdigit() else otherwise
