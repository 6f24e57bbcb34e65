"""A conversation as HTML: day separators, bubbles, ticks, quotes, reactions.

Pure: messages in, markup out. `static/timeline.css` gives it its look, `static/timeline.js` puts
pieces of it into an open page. What the script reads from the markup:

    article#m-<uuid>       one message; n-<uuid> a note, a-<number> whose it became
      data-at              its place: strings compare as (sent_at in microseconds, seq)
      data-day             its date on the organisation's clock
      data-from            in | out | system | note
      data-unread          present on what is news when it arrives
      data-ref             digest of its WhatsApp id, what `data-jump` of a quote points to
    .ac-day[data-day]      stands above the first message of a day
    .ac-new                stands above the first message nobody has read
    [data-copy]            a button that copies this value
    [data-act]             a button that does something with its message
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Literal
from uuid import UUID

from services.conversations import MessageError, Quote, Reaction, TimelineMessage
from services.events import Json
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.message_bodies import body, closing_words, preview
from ui.components.message_pieces import errors_of, verbatim, words_of
from ui.components.message_states import attempt, author, outcome, tick
from ui.components.message_words import error_meaning
from ui.formats import day, exact, local, time_of_day
from ui.i18n import _

#: Bubbles of one sender that follow each other within this time stand together.
GROUP_WITHIN = timedelta(minutes=5)

#: Entries that do not count as unread; the database counts the same way.
_NEVER_UNREAD = frozenset({"reaction", "edit", "revoke", "system"})


@dataclass(frozen=True, slots=True)
class Aside:
    """Something between the messages that was never one: a note, a line about the file."""

    #: Its id on the page.
    key: str
    at: datetime
    kind: Literal["note", "system"]
    #: What a screen reader calls it.
    label: str
    markup: Html


Entry = TimelineMessage | Aside


def key_of(entry: Entry) -> str:
    """What an entry is called on the page."""
    return entry.key if isinstance(entry, Aside) else f"m-{entry.id}"


def moment_of(entry: Entry) -> datetime:
    """When it was."""
    return entry.at if isinstance(entry, Aside) else entry.sent_at


def place_of(entry: Entry) -> tuple[datetime, int]:
    """Where it stands among the others."""
    return moment_of(entry), 0 if isinstance(entry, Aside) else entry.seq


def render(
    messages: Sequence[Entry], *, new_from: UUID | None = None, may_act: bool = False
) -> str:
    """Render entries, oldest first, each day under its separator.

    `new_from` is the entry above which the line "New messages" stands. `may_act`: whoever looks may
    send, and is offered what can be done with a message.
    """
    pieces: list[Html] = []
    previous: Entry | None = None
    for message in messages:
        if previous is None or _day_of(previous) != _day_of(message):
            pieces.append(_day_separator(message))
        is_first_new = isinstance(message, TimelineMessage) and message.id == new_from
        if is_first_new:
            pieces.append(new_messages_line())
        starts = previous is None or is_first_new or not _belong(previous, message)
        if isinstance(message, Aside):
            pieces.append(_aside(message, starts))
        else:
            pieces.append(_entry(message, starts, may_act))
        previous = message
    return join(pieces).source


def first_unread(messages: Sequence[Entry], unread: int) -> tuple[UUID | None, int]:
    """Find the oldest of the last `unread` messages of the person.

    Returns it, or None with how many more are further up than these entries reach.
    """
    for message in reversed(messages):
        if isinstance(message, Aside):
            continue
        if unread > 0 and counts_as_unread(message):
            unread -= 1
            if unread == 0:
                return message.id, 0
    return None, unread


def counts_as_unread(message: TimelineMessage) -> bool:
    """Whether this entry is something new to read when it arrives."""
    return (
        message.direction == "inbound"
        and not message.historical
        and message.type not in _NEVER_UNREAD
    )


def new_messages_line() -> Html:
    """The line above what nobody has read yet."""
    return tag("div", tag("span", _("New messages")), class_="ac-new")


# --- one entry --------------------------------------------------------------------------------


def _entry(message: TimelineMessage, starts: bool, may_act: bool) -> Html:
    side = _side(message)
    return tag(
        "article",
        _system_line(message) if side == "system" else _bubble(message, may_act),
        id=f"m-{message.id}",
        class_=f"ac-msg ac-{side}{' ac-first' if starts else ''}",
        data_at=_place(message),
        data_day=_day_of(message),
        data_from=side,
        data_unread=counts_as_unread(message),
        data_ref=_reference(message.whatsapp_id) if message.whatsapp_id else None,
        aria_label=_label(message),
        tabindex="-1",
    )


def _aside(aside: Aside, starts: bool) -> Html:
    return tag(
        "article",
        aside.markup,
        id=aside.key,
        class_=f"ac-msg ac-{aside.kind}{' ac-first' if starts else ''}",
        data_at=_place(aside),
        data_day=_day_of(aside),
        data_from=aside.kind,
        aria_label=aside.label,
        tabindex="-1",
    )


def _bubble(message: TimelineMessage, may_act: bool) -> Html:
    classes = ["ac-bubble"]
    classes += ["ac-revoked"] if message.revoked else []
    classes += ["ac-failed"] if message.status == "failed" else []
    return join(
        [
            tag(
                "div",
                _revoked(message) if message.revoked else None,
                attempt(message),
                *_origin(message.payload),
                _quote(message.quote) if message.quote else None,
                body(message),
                tag("div", closing_words(message), _footer(message), class_="ac-close"),
                _original(message) if message.edited else None,
                *(_error(error) for error in errors_of(message) if message.type != "unsupported"),
                *outcome(message, may_act=may_act),
                class_=" ".join(classes),
            ),
            _reactions(message.reactions) if message.reactions else None,
        ]
    )


def _system_line(message: TimelineMessage) -> Html:
    return tag("div", icon("info"), body(message), _time(message), class_="ac-system-line")


def _footer(message: TimelineMessage) -> Html:
    return tag(
        "div",
        tag("span", _("from the phone's history")) if message.historical else None,
        tag("span", _("edited")) if message.edited else None,
        author(message),
        _time(message),
        tick(message),
        class_="ac-footer",
    )


def _time(message: TimelineMessage) -> Html:
    return tag(
        "time",
        time_of_day(message.sent_at),
        datetime=message.sent_at.isoformat(),
        title=exact(message.sent_at),
    )


def _error(error: MessageError) -> Html:
    """What went wrong in plain words; the words of WhatsApp are one click away."""
    meaning = tag("div", icon("error"), tag("span", error_meaning(error)), class_="ac-error-words")
    return tag("div", meaning, verbatim(error), class_="ac-error")


def _original(message: TimelineMessage) -> Html | None:
    if not message.original_text:
        return None
    return tag(
        "details",
        tag("summary", _("Show the text before it was edited")),
        words_of(message.original_text),
        class_="ac-original",
    )


def _revoked(message: TimelineMessage) -> Html:
    ours = message.direction == "outbound"
    said = _("Deleted in WhatsApp; kept here") if ours else _("The person deleted this; kept here")
    return tag("div", icon("close"), tag("span", said), class_="ac-label")


def _quote(quote: Quote) -> Html:
    who = {"inbound": _("The person"), "outbound": _("Us"), None: None}[quote.direction]
    is_known = quote.type is not None
    return tag(
        "button" if is_known else "div",
        tag("span", who, class_="ac-quote-who") if who else None,
        tag("span", preview(quote.type, quote.text), class_="ac-quote-words"),
        type="button" if is_known else None,
        class_=f"ac-quote ac-quote-{quote.direction or 'missing'}",
        data_jump=_reference(quote.whatsapp_id) if is_known else None,
        title=_("Go to this message") if is_known else None,
    )


def _reactions(reactions: Sequence[Reaction]) -> Html:
    return tag(
        "ul",
        *map(_reaction, reactions),
        class_="ac-reactions",
        aria_label=_("Reactions"),
    )


def _reaction(reaction: Reaction) -> Html:
    who = _("The person") if reaction.direction == "inbound" else _("Us")
    ours = reaction.emoji if reaction.direction == "outbound" else None
    return tag("li", tag("span", reaction.emoji, dir="auto"), title=who, data_ours=ours)


def _origin(payload: Json) -> list[Html]:
    """Say where a message comes from when it was not simply written: forwarded, or an ad."""
    context = payload.get("context")
    context = context if isinstance(context, dict) else {}
    lines: list[Html] = []
    if context.get("frequently_forwarded") is True:
        lines.append(_origin_line("outbound", _("Forwarded many times")))
    elif context.get("forwarded") is True:
        lines.append(_origin_line("outbound", _("Forwarded")))
    if isinstance(context.get("referred_product"), dict):
        lines.append(_origin_line("order", _("Asks about a product of the catalogue")))
    referral = payload.get("referral")
    if isinstance(referral, dict):
        headline = referral.get("headline")
        words = headline if isinstance(headline, str) and headline else None
        said = _("Came through an advertisement: {title}", title=words) if words else None
        lines.append(_origin_line("external", said or _("Came through an advertisement")))
    return lines


def _origin_line(symbol: str, words: str) -> Html:
    return tag("div", icon(symbol), tag("span", words, dir="auto"), class_="ac-label")


# --- place and time ---------------------------------------------------------------------------


def _day_separator(message: Entry) -> Html:
    """The date, never "today": a page stays open overnight."""
    return tag(
        "h2",
        tag("span", day(moment_of(message))),
        class_="ac-day",
        data_day=_day_of(message),
    )


def _day_of(message: Entry) -> str:
    return local(moment_of(message)).date().isoformat()


def _side(message: Entry) -> str:
    if isinstance(message, Aside):
        return message.kind
    if message.type == "system":
        return "system"
    return "in" if message.direction == "inbound" else "out"


def _belong(before: Entry, after: Entry) -> bool:
    return (
        _side(before) == _side(after) != "system"
        and _day_of(before) == _day_of(after)
        and moment_of(after) - moment_of(before) <= GROUP_WITHIN
    )


def _place(message: Entry) -> str:
    moment, seq = place_of(message)
    micros = max(0, round(moment.timestamp() * 1_000_000))
    return f"{micros:017d}-{seq:019d}"


def _reference(whatsapp_id: str) -> str:
    """A short name for a WhatsApp id, which holds the phone number and stays out of the page."""
    return blake2s(whatsapp_id.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _label(message: TimelineMessage) -> str:
    at = time_of_day(message.sent_at)
    match _side(message):
        case "in":
            return _("The person, {time}", time=at)
        case "out":
            return _("Us, {time}", time=at)
        case _:
            return _("Notice, {time}", time=at)
