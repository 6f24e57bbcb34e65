"""JSON that somebody else wrote, shown so that it cannot pretend to be anything else.

Strings are readable in any script, but each stands in an isolation of its own, and whatever would
be invisible or turn the direction of the line around is written as its escape.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from ui.components.markup import Html, join, tag
from ui.i18n import _

#: What is beyond this is cut: nobody reads it, and the page has to carry it.
MOST = 20_000

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
#: Unicode categories of what cannot be seen: controls, formats, private use, separators of lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def json_view(value: Any) -> Html:
    """Show a value as indented JSON."""
    try:
        source = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    except (RecursionError, ValueError):
        source = _("This data is nested too deeply to be shown.")
    return _block(source)


def json_text_view(source: str) -> Html:
    """Show JSON that is still text; what is no JSON is shown as it is."""
    try:
        return json_view(json.loads(source))
    except (RecursionError, ValueError):
        return _block(source)


def visible(words: str) -> str:
    """Write what cannot be seen as escapes; line ends stay."""
    return "".join(map(_seen, words))


def _block(source: str) -> Html:
    if len(source) > MOST:
        source = f"{source[:MOST]}\n…"
    return tag(
        "pre",
        *_pieces(source),
        class_="ac-json",
        dir="ltr",
        tabindex="0",
        role="region",
        aria_label=_("Data as it came"),
    )


def _pieces(source: str) -> Iterator[Html | str]:
    position = 0
    for found in _STRING.finditer(source):
        yield visible(source[position : found.start()])
        position = found.end()
        kind = "ac-json-key" if source[position : position + 1] == ":" else "ac-json-string"
        yield tag("bdi", visible(found.group()), class_=kind)
    yield join([visible(source[position:])])


def _seen(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
