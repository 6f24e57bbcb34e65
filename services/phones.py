"""Phone numbers: E.164 in the database, WhatsApp's digits beside it."""

from functools import lru_cache

import phonenumbers

#: Characters; fifteen digits with everything people write in between.
_LONGEST = 40


@lru_cache(maxsize=10_000)  # a conversation asks for the same number with each of its messages
def from_wa_id(wa_id: str) -> str | None:
    """E.164 of WhatsApp's digits, or None when they are no possible phone number."""
    try:
        number = phonenumbers.parse(f"+{wa_id}")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def parse(written: str, region: str = "ES") -> str | None:
    """E.164 of a number as people write it, or None when it is no possible phone number.

    Without a country code it is one of `region`.
    """
    if len(written) > _LONGEST or any(c.isalpha() for c in written):
        return None
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    digits = e164.removeprefix("+")
    # A number may be written with the prefix of mobiles that its country has given up.
    possible = (found for d in (digits, *variants(digits)) if (found := from_wa_id(d)))
    return next(possible, None)


def variants(wa_id: str) -> list[str]:
    """Other digits under which the same mobile may be known; to find somebody, never to rewrite.

    Brazil's ninth digit, Mexico's and Argentina's mobile prefix come and go between WhatsApp and
    the person's own number. An Argentine number without 9 may be a landline, so only the longer
    form looks for the shorter one.
    """
    if wa_id.startswith("55") and len(wa_id) == 13 and wa_id[4] == "9":
        return [wa_id[:4] + wa_id[5:]]
    if wa_id.startswith("55") and len(wa_id) == 12 and wa_id[4] in "6789":
        return [wa_id[:4] + "9" + wa_id[4:]]
    if wa_id.startswith("521") and len(wa_id) == 13:
        return ["52" + wa_id[3:]]
    if wa_id.startswith("52") and len(wa_id) == 12:
        return ["521" + wa_id[2:]]
    if wa_id.startswith("549") and len(wa_id) == 13:
        return ["54" + wa_id[3:]]
    return []
