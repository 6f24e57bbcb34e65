"""Messages that are a card of facts: a place, a contact, an order."""

import math
import re
from typing import Any

from services.conversations import TimelineMessage
from ui.components.copyable import copyable
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.message_pieces import (
    items,
    labelled,
    mapping,
    note,
    raw,
    words,
    words_of,
)
from ui.formats import phone
from ui.i18n import _

#: People send their whole address book now and then; the rest is in the raw data.
_MOST_CARDS = 20
_MOST_ITEMS = 50

#: Nothing but a number: what else a card says beside one must not be lost.
_PLAIN_NUMBER = re.compile(r"\+[0-9 ()-]{6,24}")


def location(message: TimelineMessage) -> Html:
    data = mapping(message.payload.get("location"))
    name, address = words(data.get("name")), words(data.get("address"))
    where = _coordinates(data.get("latitude"), data.get("longitude"))
    return tag(
        "div",
        tag("span", icon("location"), class_="ac-file-icon"),
        tag(
            "div",
            tag("div", name or _("Location"), class_="ac-file-name", dir="auto"),
            tag("div", address, class_="ac-file-kind", dir="auto") if address else None,
            copyable(where, _("Copy the coordinates")) if where else None,
            None if where or address or name else note(_("WhatsApp sent no place with it")),
            class_="ac-file-words",
        ),
        class_="ac-file",
    )


def contacts(message: TimelineMessage) -> Html:
    cards = [mapping(card) for card in items(message.payload.get("contacts"))]
    if not cards:
        return join(
            [
                labelled("contacts", _("Contact card without content")),
                raw(message.payload),
            ]
        )
    more = len(cards) - _MOST_CARDS
    return join(
        [
            *(_contact_card(card) for card in cards[:_MOST_CARDS]),
            note(_("And {n} more", n=more)) if more > 0 else None,
            raw(message.payload) if more > 0 else None,
        ]
    )


def order(message: TimelineMessage) -> Html:
    data = mapping(message.payload.get("order"))
    products = [mapping(product) for product in items(data.get("product_items"))]
    lines = [tag("li", _order_line(product), dir="auto") for product in products[:_MOST_ITEMS]]
    return join(
        [
            labelled("order", _("Order")),
            tag("ul", *lines, class_="ac-order") if lines else None,
            words_of(words(data.get("text"))),
            raw(message.payload),
        ]
    )


def _contact_card(card: dict[str, Any]) -> Html:
    own = card.get("origin") == "contact_request"
    whose = _("Their own number, confirmed by WhatsApp") if own else _("Somebody else's card")
    entries = [mapping(entry) for entry in items(card.get("phones"))]
    numbers = [words(entry.get("phone")) or words(entry.get("wa_id")) for entry in entries]
    emails = [words(mapping(email).get("email")) for email in items(card.get("emails"))]
    company = words(mapping(card.get("org")).get("company"))
    return tag(
        "div",
        tag("span", icon("ok" if own else "person"), class_="ac-file-icon"),
        tag(
            "div",
            tag("div", tag("bdi", _card_name(card)), class_="ac-file-name"),
            tag("div", whose, class_="ac-file-kind"),
            tag("div", company, class_="ac-file-kind", dir="auto") if company else None,
            *(_phone(number) for number in numbers if number),
            *(copyable(email, _("Copy the address")) for email in emails if email),
            class_="ac-file-words",
        ),
        class_="ac-file ac-contact",
    )


def _phone(number: str) -> Html:
    shown = phone(number) if _PLAIN_NUMBER.fullmatch(number) else number
    return copyable(number, _("Copy the number"), shown=shown)


def _card_name(card: dict[str, Any]) -> str:
    name = mapping(card.get("name"))
    parts = [words(name.get(key)) for key in ("first_name", "middle_name", "last_name")]
    written = words(name.get("formatted_name")) or " ".join(part for part in parts if part)
    return written or _("No name")


def _order_line(product: dict[str, Any]) -> str:
    quantity = words(product.get("quantity")) or "?"
    name = words(product.get("product_retailer_id")) or "?"
    price, currency = words(product.get("item_price")), words(product.get("currency"))
    each = " ".join(part for part in (price, currency) if part)
    return f"{quantity} × {name} · {each}" if each else f"{quantity} × {name}"


def _coordinates(latitude: Any, longitude: Any) -> str | None:
    try:
        north, east = float(latitude), float(longitude)
    except (TypeError, ValueError, OverflowError):
        return None
    return f"{north:.5f}, {east:.5f}" if math.isfinite(north) and math.isfinite(east) else None
