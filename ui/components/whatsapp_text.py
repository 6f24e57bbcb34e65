"""The words of a message as markup: WhatsApp's own formatting, and links that are safe to press.

Everything here takes time in proportion to the length of the text, whatever the text is.
"""

import re
import unicodedata
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

from ui.components.markup import Html, join, tag

_TAGS = {"*": "strong", "_": "em", "~": "s"}
_FENCE = "```"

#: Controls that reorder what a reader sees; they have no place in an address or a file name.
_REORDERING = "\u202a-\u202e\u2066-\u2069"
_ADDRESS = re.compile(rf"https?://[^\s<>\"'`\u200e\u200f{_REORDERING}]+", re.IGNORECASE)
_AFTER_ADDRESS = ".,;:!?)]}*_~…»”’"
_ATOM = re.compile(r"[*_~\n]")
#: An emoji with its skin tone, joiners and variation selectors is a handful of code points.
_FEW_EMOJI = 12


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    name: str


def formatted(text: str) -> Html:
    """Render bold, italic, struck out and monospaced passages, and link http(s) addresses."""
    parts = text.split(_FENCE)
    # An odd number of fences: the last one is not closed and stands for itself.
    if len(parts) % 2 == 0:
        tail = parts.pop()
        parts[-1] += _FENCE + tail
    return join(
        tag("code", part, class_="ac-mono") if position % 2 else _inline(part)
        for position, part in enumerate(parts)
    )


def is_only_emoji(text: str) -> bool:
    """Say whether the text is one to three emoji or so and nothing else."""
    if not text or len(text) > _FEW_EMOJI:
        return False
    kinds = [unicodedata.category(character) for character in text]
    return "So" in kinds and all(kind in {"So", "Sk", "Cf", "Mn", "Zs"} for kind in kinds)


def without_reordering(text: str) -> str:
    """Drop the controls with which `photo_gpj.exe` can pose as `photo_exe.jpg`."""
    return re.sub(f"[{_REORDERING}]", "", text)


def _inline(text: str) -> Html:
    links = [link for match in _ADDRESS.finditer(text) if (link := _link_at(text, match))]
    spans = _formatting(text, links)
    ordered = sorted([*spans, *links], key=lambda span: (span.start, -span.end))
    return _build(text, 0, len(text), deque(ordered))


def _link_at(text: str, match: re.Match[str]) -> _Span | None:
    address = match.group()
    kept = address.rstrip(_AFTER_ADDRESS)
    # `(see https://example.org/a_(b))`: a closing bracket belongs to the address that opened it.
    closing = len(address[len(kept) :]) - len(address[len(kept) :].lstrip(")"))
    kept += ")" * min(closing, max(0, kept.count("(") - kept.count(")")))
    start = match.start()
    return _Span(start, start + len(kept), "a") if _is_plain_address(kept) else None


def _is_plain_address(address: str) -> bool:
    """Whether the address leads where it seems to: a host, and no name before an `@`."""
    try:
        parts = urlsplit(address)
        return (
            parts.scheme.lower() in {"http", "https"}
            and bool(parts.hostname)
            and "@" not in parts.netloc
        )
    except ValueError:
        return False


def _formatting(text: str, links: list[_Span]) -> list[_Span]:
    """Find the pairs of `*`, `_` and `~` that mean something, well nested, outside addresses."""
    found: list[_Span] = []
    opened: dict[str, int] = {}
    upcoming = iter(links)
    link = next(upcoming, None)
    for match in _ATOM.finditer(text):
        at, mark = match.start(), match.group()
        while link is not None and link.end <= at:
            link = next(upcoming, None)
        if link is not None and link.start <= at:
            continue
        if mark == "\n":
            opened.clear()
        elif mark in opened and _may_close(text, at, opened[mark]):
            start = opened.pop(mark)
            found.append(_Span(start, at + 1, _TAGS[mark]))
            # What was opened inside and not closed stands for itself.
            opened = {other: position for other, position in opened.items() if position < start}
        elif mark not in opened and _may_open(text, at):
            opened[mark] = at
    return found


def _may_open(text: str, at: int) -> bool:
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    return not before.isalnum() and bool(after) and not after.isspace()


def _may_close(text: str, at: int, opened_at: int) -> bool:
    before, after = text[at - 1], text[at + 1 : at + 2]
    return at - opened_at > 1 and not before.isspace() and not after.isalnum()


def _build(text: str, start: int, end: int, spans: deque[_Span]) -> Html:
    """Wrap the passages; `spans` are well nested, outer ones first."""
    pieces: list[Html | str] = []
    position = start
    while spans and spans[0].start < end:
        span = spans.popleft()
        pieces.append(text[position : span.start])
        pieces.append(_wrapped(text, span, spans))
        position = span.end
    pieces.append(text[position:end])
    return join(pieces)


def _wrapped(text: str, span: _Span, spans: deque[_Span]) -> Html:
    if span.name != "a":
        return tag(span.name, _build(text, span.start + 1, span.end - 1, spans))
    address = text[span.start : span.end]
    return tag(
        "a",
        address,
        href=address,
        target="_blank",
        rel="noopener noreferrer nofollow",
        dir="ltr",
    )
