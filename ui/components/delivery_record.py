"""What is kept for the record and waits for nobody: numbers, notices, refused requests."""

from collections.abc import Sequence
from datetime import date

from babel.dates import format_date

from services.unprocessed import Overview, Refusals, UnprocessedItem
from ui.components.delivery_words import field_name, notice_name, refusal_meaning, refusal_name
from ui.components.json_view import json_text_view
from ui.components.markup import Html, join, tag
from ui.formats import day_and_time, exact, number, time_of_day
from ui.i18n import _, language, ngettext


def numbers(found: Overview, today: str, most: int) -> Html:
    """How much there is of what. `most` is how many of each are shown at most."""
    refused = sum(refusal.count for refusal in found.refusals if refusal.day == today)
    to_decide, unreadable = len(found.quarantined), len(found.unreadable)
    facts = (
        (_("In the queue"), number(found.waiting), _("being processed")),
        (
            _("To decide"),
            _counted(to_decide, most),
            ngettext("item not processed", "items not processed", to_decide),
        ),
        (
            _("Unreadable"),
            _counted(unreadable, most),
            ngettext("unreadable delivery", "unreadable deliveries", unreadable),
        ),
        (
            _("Refused today"),
            number(refused),
            ngettext(
                "request that was not WhatsApp's", "requests that were not WhatsApp's", refused
            ),
        ),
    )
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", label),
                tag("dd", tag("strong", count), " ", tag("span", about, class_="ac-faint")),
            )
            for label, count, about in facts
        ),
        class_="ac-delivery-numbers",
    )


def notices(items: Sequence[UnprocessedItem]) -> Html:
    """Each notice in a line, its data one click away."""
    return tag("ul", *map(_notice, items), class_="ac-plain ac-delivery-notices")


def refusals(found: Sequence[Refusals]) -> Html:
    """Refused requests by day and reason."""
    heads = (_("Day"), _("Reason"), _("Requests"), _("Last one"))
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
        tag("tbody", *map(_refusal, found)),
        class_="ac-delivery-refusals",
    )


def _counted(count: int, most: int) -> str:
    return number(count) + ("+" if count >= most else "")


def _notice(item: UnprocessedItem) -> Html:
    when = tag("time", day_and_time(item.created_at), title=exact(item.created_at))
    name = notice_name(item.code)
    # What has no name of ours goes by WhatsApp's; once is enough.
    field = field_name(item.field) if item.field != name else None
    return tag(
        "li",
        tag(
            "details",
            tag(
                "summary",
                tag("span", name, class_="ac-delivery-notice-name"),
                tag("span", field, class_="ac-faint") if field else None,
                when,
            ),
            json_text_view(item.raw),
            class_="ac-folded",
        ),
    )


def _refusal(refusal: Refusals) -> Html:
    day = format_date(date.fromisoformat(refusal.day), "EEE d MMM", locale=language())
    meaning = refusal_meaning(refusal.reason)
    return tag(
        "tr",
        tag("td", day),
        tag(
            "td",
            join(
                [
                    tag("span", refusal_name(refusal.reason)),
                    tag("span", meaning, class_="ac-faint") if meaning else None,
                ]
            ),
        ),
        tag("td", number(refusal.count)),
        tag("td", tag("time", time_of_day(refusal.last_at), title=exact(refusal.last_at))),
    )
