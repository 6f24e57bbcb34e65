"""HTML as a value of its own, so that escaping happens in one place.

A `str` is words and is always escaped; only `Html`, which this module alone makes, goes out as it
is. Whoever composes a page from `tag` and `join` cannot forget to escape.
"""

import html
from collections.abc import Iterable
from dataclasses import dataclass

#: What an attribute can be: words, a bare attribute (True), or left out (False, None).
Value = str | bool | None

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is safe to send."""

    source: str

    def __str__(self) -> str:
        return self.source


NOTHING = Html("")


def escape(words: str) -> Html:
    """Turn words into markup that shows exactly these words, in text and in attributes."""
    # NUL and lone surrogates cannot be in the database, but a page must survive them anyway.
    clean = words.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return Html(html.escape(clean, quote=True))


def join(children: Iterable[Html | str | None]) -> Html:
    """Put markup and words one after the other."""
    return Html("".join(_source(child) for child in children))


def tag(name: str, *children: Html | str | None, **attributes: Value) -> Html:
    """Build one element.

    `class_` stands for `class`, other underscores for hyphens: `data_at` is `data-at`.
    """
    opening = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{join(children)}</{name}>")


def _source(child: Html | str | None) -> str:
    if child is None:
        return ""
    return child.source if isinstance(child, Html) else escape(child).source


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
