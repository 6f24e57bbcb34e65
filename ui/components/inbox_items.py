"""A conversation in the list of the inbox, as markup.

What `static/inbox.js` reads from it:

    li#i-<uuid>        one conversation
      data-order       its place: these strings compare as the list's order does
    a[data-ac-row]     leads to it
"""

from datetime import UTC, datetime, timedelta

from services.inbox import SOON, InboxItem, View, order_of
from ui.components.avatars import avatar
from ui.components.icons import icon
from ui.components.label_tags import team_labels
from ui.components.markup import Html, tag
from ui.components.message_words import TYPE_ICONS, type_name
from ui.components.whatsapp_text import without_reordering
from ui.formats import day_and_time, exact, number, phone, relative
from ui.i18n import _, ngettext

_MOST_LABELS = 2


def item(one: InboxItem, view: View, *, now: datetime | None = None) -> Html:
    """One conversation."""
    now = now or datetime.now(UTC)
    classes = ["ac-inbox-item"]
    classes += ["ac-inbox-item--unread"] if one.unread_count else []
    return tag(
        "li",
        tag(
            "a",
            avatar(without_reordering(one.name or ""), seed=str(one.id)),
            tag(
                "span",
                _head(one, view, now),
                _preview(one),
                _foot(one, view, now),
                class_="ac-inbox-words",
            ),
            href=f"/?view={view}&client={one.id}",
            class_="ac-inbox-link",
            data_ac_row=True,
        ),
        id=f"i-{one.id}",
        class_=" ".join(classes),
        data_order=order_of(one, view),
    )


def called(one: InboxItem) -> str:
    """What to call who may have neither name nor number."""
    name = without_reordering(one.name or "").strip()
    if name:
        return name
    if one.phone:
        return phone(one.phone)
    return f"@{one.username}" if one.username else _("Without a name")


def short_wait(moment: datetime, now: datetime) -> str:
    """`5 min`, `3 h`, `2 d`: how long somebody has waited, for little room."""
    waited = max(now - moment, timedelta())
    if waited < timedelta(hours=1):
        return _("{n} min", n=waited // timedelta(minutes=1))
    if waited < timedelta(days=1):
        return _("{n} h", n=waited // timedelta(hours=1))
    return _("{n} d", n=waited // timedelta(days=1))


def _head(one: InboxItem, view: View, now: datetime) -> Html:
    name = tag("span", called(one), class_="ac-inbox-name", dir="auto")
    moment = one.mentioned_at if view == "mentions" else one.last_message_at
    return tag("span", name, _moment(moment, now), class_="ac-inbox-line")


def _moment(moment: datetime | None, now: datetime) -> Html | None:
    if moment is None:
        return None
    return tag(
        "time",
        relative(moment, now=now),
        datetime=moment.isoformat(),
        title=exact(moment),
        class_="ac-inbox-when",
    )


def _preview(one: InboxItem) -> Html:
    unread = _unread(one)
    if one.last_message_at is None:
        words: list[Html | None] = [tag("span", _("No messages yet"), class_="ac-inbox-preview")]
    else:
        kind = one.last_message_type or "unknown"
        named = type_name(kind) if kind in TYPE_ICONS else ""
        text = (one.last_message_preview or "").strip() or named or _("Empty message")
        ours = one.last_message_direction == "outbound"
        words = [
            icon("outbound", label=_("Sent")) if ours else None,
            icon(TYPE_ICONS[kind], label=named) if kind in TYPE_ICONS else None,
            tag("span", text, class_="ac-inbox-preview", dir="auto"),
        ]
    return tag("span", *words, unread, class_="ac-inbox-line ac-inbox-last")


def _unread(one: InboxItem) -> Html | None:
    if not one.unread_count:
        return None
    shown = "99+" if one.unread_count > 99 else str(one.unread_count)
    said = ngettext(
        "{count} unread message",
        "{count} unread messages",
        one.unread_count,
        count=number(one.unread_count),
    )
    return tag(
        "span",
        tag("span", shown, aria_hidden="true"),
        tag("span", said, class_="ac-sr-only"),
        class_="ac-badge",
    )


def _foot(one: InboxItem, view: View, now: datetime) -> Html | None:
    """What is to know before opening it: how long they wait, until when we can answer, whose."""
    marks = [
        _news(one, view),
        _waiting(one, now),
        _window(one, now),
        _snoozed(one, now),
        _mark("edit", _("Draft"), "info") if one.has_draft else None,
    ]
    labels = team_labels(one.labels, most=_MOST_LABELS)
    whose = _assignee(one) if view != "mine" else None
    if not any(marks) and labels is None and whose is None:
        return None
    return tag("span", *marks, labels, whose, class_="ac-inbox-foot")


def _mark(symbol: str, words: str, state: str, *, title: str | None = None) -> Html:
    return tag(
        "span",
        icon(symbol),
        tag("span", words),
        class_=f"ac-inbox-mark ac-inbox-mark--{state}",
        title=title,
    )


def _news(one: InboxItem, view: View) -> Html | None:
    if not one.is_news:
        return None
    return _mark("info", _("New for you") if view != "mentions" else _("Not seen"), "accent")


def _waiting(one: InboxItem, now: datetime) -> Html | None:
    if one.waiting_since is None:
        if one.due_since is None:
            return None
        said = _("Back since {time}", time=day_and_time(one.due_since, now=now))
        return _mark("refresh", _("Back again"), "quiet", title=said)
    said = _("Waiting since {time}", time=exact(one.waiting_since))
    waited = _("Waits {time}", time=short_wait(one.waiting_since, now))
    return _mark("clock", waited, "quiet", title=said)


def _window(one: InboxItem, now: datetime) -> Html | None:
    """The 24 hours, where they matter: somebody waits, and they end soon or are over."""
    if one.waiting_since is None:
        return None
    closes = one.window_closes_at
    if closes is None or closes <= now:
        said = _("More than 24 hours since they last wrote: only a template can be sent.")
        return _mark("lock", _("Window closed"), "danger", title=said)
    if closes - now > SOON:
        return None
    left = closes - now
    hours, minutes = left // timedelta(hours=1), left // timedelta(minutes=1) % 60
    words = _("{n} h", n=hours) if hours else _("{n} min", n=minutes)
    title = _("We can answer freely until {time}.", time=day_and_time(closes, now=now))
    return _mark("warning", _("Closes in {time}", time=words), "warn", title=title)


def _snoozed(one: InboxItem, now: datetime) -> Html | None:
    if one.snoozed_until is None or one.snoozed_until <= now:
        return None
    until = day_and_time(one.snoozed_until, now=now)
    return _mark("pause", until, "quiet", title=_("Snoozed until {time}", time=until))


def _assignee(one: InboxItem) -> Html | None:
    if one.assigned_to is None or one.assignee is None:
        return None
    said = _("Carried by {name}", name=one.assignee)
    return tag(
        "span",
        avatar(one.assignee, seed=str(one.assigned_to)),
        tag("span", said, class_="ac-sr-only"),
        class_="ac-inbox-whose",
        title=said,
    )
