"""Taking values out of Meta's objects, or saying which one is not what it should be.

Null counts as absent everywhere: some senders write it where others leave the key out.
"""

from datetime import UTC, datetime
from typing import Any

from services.events import Json
from webhook.safe_json import is_deep

#: Most items, contacts included, that are read of one body. Meta's limit is 1,000 updates.
MAX_ITEMS = 50_000
#: Longest WhatsApp id, ours or theirs, that is kept; a btree refuses much longer keys.
MAX_ID = 512
#: Longest text. WhatsApp's own limit for a message is 4,096.
MAX_TEXT = 65_536
#: Longest name of a person; WhatsApp's own limit is 25.
MAX_NAME = 512
#: Longest of Meta's own words: names of fields and statuses, ids of numbers.
MAX_WORD = 64

#: Nothing was on WhatsApp before: 1 January 2009, in seconds.
_FIRST_MOMENT = 1_230_768_000
#: A timestamp above this is in milliseconds; in seconds it would be the year 5138.
_MOST_SECONDS = 100_000_000_000

#: Never more than the place: what stands there may be somebody's secret.
_SENTENCES = {
    "wrong_type": "{place} is missing or not of the expected type.",
    "missing_id": "{place} is missing or empty.",
    "missing_phone_number_id": "{place} is missing or empty.",
    "no_sender": "{place} says nothing usable about who the other person is.",
    "too_long": "{place} is longer than we keep.",
    "too_deep": "{place} is nested more deeply than we keep.",
    "too_many_items": "{place} and all that follows is more than we read of one delivery.",
    "unexpected": "{place} could not be read because of a mistake in this program.",
}


class Unreadable(Exception):
    """An item can't be read.

    `place` leads from the item to the part at fault; "" is the item itself. With `of_value` it
    leads from the value around the item.
    """

    def __init__(self, code: str, place: str = "", *, of_value: bool = False) -> None:
        super().__init__(code, place)
        self.code = code
        self.place = place
        self.of_value = of_value

    def sentence(self, item: str) -> str:
        """Say in English what is wrong, `item` being where the item is in the body."""
        start = item.partition(".value.")[0] + ".value" if self.of_value else item
        place = f"{start}.{self.place}" if self.place else start
        return _SENTENCES[self.code].format(place=place)


def mapping(value: Any, place: str) -> Json:
    """Return an object, or raise `wrong_type`."""
    if not isinstance(value, dict):
        raise Unreadable("wrong_type", place)
    return value


def shallow(value: Json, place: str = "") -> None:
    """Raise `too_deep` for what code that recurses must not touch."""
    if is_deep(value):
        raise Unreadable("too_deep", place)


def part(holder: Json, key: str, at: str = "") -> Json:
    """Return the object under a key. `at` is where `holder` is in the item."""
    return mapping(holder.get(key), _join(at, key))


def optional_part(holder: Json, key: str, at: str = "") -> Json | None:
    value = holder.get(key)
    return None if value is None else mapping(value, _join(at, key))


def parts(holder: Json, key: str, at: str = "") -> list[Json]:
    """Return the objects in the list under a key; none if there is no list."""
    values = holder.get(key)
    if values is None:
        return []
    if not isinstance(values, list):
        raise Unreadable("wrong_type", _join(at, key))
    return [mapping(value, f"{_join(at, key)}[{n}]") for n, value in enumerate(values)]


def optional_text(holder: Json, key: str, at: str = "", most: int = MAX_TEXT) -> str | None:
    """Return the text under a key; None if it is absent or empty."""
    value = holder.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable("wrong_type", _join(at, key))
    if len(value) > most:
        raise Unreadable("too_long", _join(at, key))
    return value or None


def text(holder: Json, key: str, at: str = "", most: int = MAX_TEXT) -> str:
    """Return the text under a key, or raise `wrong_type` if there is none."""
    value = optional_text(holder, key, at, most)
    if value is None:
        raise Unreadable("wrong_type", _join(at, key))
    return value


def whatsapp_id(holder: Json, key: str, at: str = "") -> str:
    """Return the id of a message, or raise `missing_id`."""
    value = optional_text(holder, key, at, MAX_ID)
    if value is None:
        raise Unreadable("missing_id", _join(at, key))
    return value


def moment(value: Any, latest: float) -> datetime | None:
    """Return the time that a timestamp means, or None if that can't be true.

    Takes seconds, as number or digits, and milliseconds, which some senders mistake for them.
    `latest` is in seconds.
    """
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int):
        return None
    seconds = value / 1000 if value > _MOST_SECONDS else value
    if not _FIRST_MOMENT <= seconds <= latest:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
