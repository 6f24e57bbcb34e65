"""Pieces that bubbles are made of, and ways to read JSON that may have any shape.

Payloads come from outside. Nothing about their shape is taken for granted: what is missing is
left out, what is of another type than expected is treated as missing.
"""

import json
from typing import Any

from services.conversations import MessageError, TimelineMessage
from services.events import MessageType
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, tag
from ui.components.message_words import TYPE_ICONS, is_our_own
from ui.components.whatsapp_text import formatted, is_only_emoji
from ui.i18n import _

#: Raw data beyond this is cut: nobody reads it, and the page has to carry it.
_MOST_RAW = 20_000
_MOST_ERRORS = 3


def words_of(text: str | None) -> Html:
    """Render what somebody wrote, each paragraph in its own direction."""
    if not text:
        return NOTHING
    size = "ac-text ac-only-emoji" if is_only_emoji(text) else "ac-text"
    return tag("div", formatted(text), class_=size, dir="auto")


def raw(payload: Any) -> Html:
    """Offer the data as it came, folded away."""
    try:
        source = json.dumps(payload, ensure_ascii=False, indent=2, default=str)
    except (RecursionError, ValueError):
        source = _("This data is nested too deeply to be shown.")
    if len(source) > _MOST_RAW:
        source = source[:_MOST_RAW] + "\n…"
    return tag(
        "details",
        tag("summary", _("Show the data as it came")),
        tag("pre", source, dir="ltr", tabindex="0", aria_label=_("Data as it came")),
        class_="ac-raw",
    )


def errors_of(message: TimelineMessage) -> list[MessageError]:
    """What WhatsApp reports about a message: why ours failed, or what is missing in theirs."""
    if message.error is not None:
        return [message.error]
    found = []
    for reported in map(mapping, items(message.payload.get("errors"))[:_MOST_ERRORS]):
        code = reported.get("code")
        title = words(reported.get("title")) or words(reported.get("message")) or ""
        details = words(mapping(reported.get("error_data")).get("details"))
        found.append(MessageError(code if isinstance(code, int) else None, title, details))
    return found


def verbatim(error: MessageError) -> Html:
    """Offer what WhatsApp itself says about an error, folded away."""
    if is_our_own(error):
        return NOTHING
    said = error.title
    if error.code is not None:
        said = _("Error {code}: {title}", code=error.code, title=error.title)
    return tag(
        "details",
        tag("summary", _("What WhatsApp says")),
        tag("div", said, dir="auto"),
        tag("div", error.details, dir="auto") if error.details else None,
    )


def labelled(kind: MessageType, said: str) -> Html:
    """A line above the content: which kind of thing this is."""
    return tag("div", icon(TYPE_ICONS[kind]), tag("span", said), class_="ac-label")


def note(said: str) -> Html:
    return tag("div", said, class_="ac-note-line")


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def words(value: Any) -> str | None:
    """A text or a number as words; None for nothing, blanks and everything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return str(value).strip() or None
    except ValueError:  # a number of more digits than Python is willing to print
        return None
