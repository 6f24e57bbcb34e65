"""What became of a message of ours, in words, with what a person can do about it.

A button carries `data-act`; `static/timeline.js` reports it with the message's id, and
`ui.components.answering` carries it out.
"""

from services.conversations import TimelineMessage
from services.graph_errors import WINDOW_CLOSED
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.message_words import STATUS_ICONS, held_meaning, status_name
from ui.formats import time_of_day
from ui.i18n import _

#: States that say so in words, and not in a tick alone.
_SAID = ("queued", "sending", "unknown")


def tick(message: TimelineMessage) -> Html | None:
    """The mark in a bubble's corner."""
    name = status_name(message.status)
    if name is None:
        return None
    if message.sending is not None and message.sending.held is not None:
        said = _("Held back by WhatsApp")
        return tag("span", icon("pause"), tag("span", said), class_="ac-state ac-state-held")
    return tag(
        "span",
        icon(STATUS_ICONS[message.status]),
        tag("span", name, class_=None if message.status in _SAID else "ac-sr-only"),
        class_=f"ac-state ac-state-{message.status}",
        title=name,
    )


def author(message: TimelineMessage) -> Html | None:
    """Who of the team wrote it."""
    if message.sending is None or not message.sending.author:
        return None
    return tag("span", tag("bdi", message.sending.author), class_="ac-author")


def attempt(message: TimelineMessage) -> Html | None:
    """A line above what was sent before and failed."""
    if message.sending is None or message.sending.retry_of is None:
        return None
    return tag("div", icon("refresh"), tag("span", _("Sent once more")), class_="ac-label")


def outcome(message: TimelineMessage, *, may_act: bool) -> list[Html]:
    """What is to be known, or decided, below the message."""
    found: list[Html] = []
    sending = message.sending
    if message.contradictory:
        said = _("WhatsApp reported both that it failed and that it arrived. Ask the person.")
        found.append(_said("warning", said))
    if sending is None:
        return found
    match message.status:
        case "queued":
            said = ""
            if sending.waits_until is not None:
                said = _("Tried again at {time}.", time=time_of_day(sending.waits_until))
            take_back = _act("cancel", _("Take back")) if may_act else None
            if said or take_back:
                found.append(_said(None, said, take_back))
        case "accepted" if sending.held is not None:
            found.append(_said(None, held_meaning(sending.held)))
        case "unknown" if sending.finished:
            said = _("No answer came from WhatsApp. Ask the person, or look at their reply.")
            acts = [_act("arrived", _("It arrived")), _act("again", _("Send again"))]
            found.append(_said("question", said, *(acts if may_act else [])))
        case "unknown":
            said = _("No answer came from WhatsApp yet. We wait some minutes for its word.")
            found.append(_said("question", said))
        case "failed" if sending.retried:
            found.append(_said(None, _("It was sent once more, further down.")))
        case "failed" if may_act and sending.remedy == "again":
            came_late = message.error is not None and message.error.code == WINDOW_CLOSED
            said = _("They have written since, and it can be sent now.") if came_late else ""
            found.append(_said(None, said, _act("retry", _("Send again"))))
        case "failed" if may_act and sending.remedy == "template":
            said = _("Until they write again, only a template can be sent.")
            found.append(_said(None, said, _act("template", _("A template instead"))))
    return found


def _said(symbol: str | None, words: str, *acts: Html | None) -> Html:
    buttons = [act for act in acts if act is not None]
    return tag(
        "div",
        icon(symbol) if symbol else None,
        tag("span", words) if words else None,
        join(buttons) if buttons else None,
        class_="ac-outcome",
    )


def _act(act: str, words: str) -> Html:
    return tag("button", words, type="button", class_="ac-act", data_act=act)
