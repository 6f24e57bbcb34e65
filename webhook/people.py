"""Who somebody on WhatsApp is: a number, a business-scoped id, both, and a profile beside them.

Since usernames, Meta leaves out the number of a person who hides it, puts business-scoped ids
(BSUID) where numbers used to be, and describes senders in a separate list that is tied to the
messages by these ids alone.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import phonenumbers

from services.events import IdentityChange, Json, Person
from webhook.shapes import MAX_NAME, optional_part, optional_text, parts

#: `ES.1A2b`; with ENT it is the id that a group of linked organisations shares (parent).
_BSUID_FORM = r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}"
_BSUID = re.compile(_BSUID_FORM)
#: How WhatsApp ends the sentence about a changed id. What stands before is partly the person's
#: profile name, so only the end can be trusted.
_CHANGED = re.compile(rf" changed from ({_BSUID_FORM}) to ({_BSUID_FORM})\.?\Z")
#: What people and programs write between digits, invisible direction marks included.
_BETWEEN_DIGITS = str.maketrans("", "", "+ -()./\u00a0\u200e\u200f\u202a\u202c")
#: Types of system message that move an identity.
_MOVES = frozenset({"user_changed_number", "user_changed_user_id", "customer_changed_number"})


@dataclass(frozen=True, slots=True)
class Contact:
    """An entry of `contacts[]`. `person` is None when it has no usable id."""

    person: Person | None
    profile_name: str | None
    username: str | None
    raw: Json


class Contacts:
    """The `contacts[]` of a value, found by what they say about themselves, never by place."""

    def __init__(self) -> None:
        self.all: list[Contact] = []
        self._by_id: dict[str, Contact] = {}

    def add(self, raw: Json) -> None:
        """Take an entry in. Raises Unreadable and is then left as it was."""
        profile = optional_part(raw, "profile") or {}
        username = optional_text(profile, "username", "profile", MAX_NAME)
        contact = Contact(
            identify(raw.get("wa_id"), raw.get("user_id"), raw.get("parent_user_id")),
            optional_text(profile, "name", "profile", MAX_NAME),
            (username.removeprefix("@") or None) if username else None,
            raw,
        )
        self.all.append(contact)
        if contact.person is not None:
            for name in _ids(contact.person):
                self._by_id.setdefault(name, contact)

    def of(self, person: Person) -> Contact | None:
        """The entry that shares an id with the person and contradicts none."""
        if person.bsuid and (contact := self._by_id.get(person.bsuid)):
            return contact
        for name in _ids(person):
            contact = self._by_id.get(name)
            if contact and not _contradict(person, contact.person):
                return contact
        return None

    def only(self, person: Person) -> Contact | None:
        """The only entry there is, unless its ids say that it is about somebody else."""
        if len(self.all) != 1 or _contradict(person, self.all[0].person):
            return None
        return self.all[0]


def identify(*ids: Any) -> Person | None:
    """The person that these ids name, each recognised by its form; None if none is usable.

    The first id of a kind counts. A parent id alone stands for the id proper too: a message can
    be sent to it.
    """
    wa_id = bsuid = parent = None
    for value in ids:
        if not value or isinstance(value, bool):
            continue
        if isinstance(value, int):
            value = str(value)
        if not isinstance(value, str):
            continue
        if digits := digits_of(value):
            wa_id = wa_id or digits
        elif match := _BSUID.fullmatch(value):
            if ".ENT." in match[0]:
                parent = parent or value
            else:
                bsuid = bsuid or value
    if not (wa_id or bsuid or parent):
        return None
    return Person(wa_id=wa_id, bsuid=bsuid if wa_id or bsuid else parent, parent_bsuid=parent)


def digits_of(number: str) -> str | None:
    """The digits of a number however it is written, or None if it is none."""
    if not number.isdigit():
        number = number.translate(_BETWEEN_DIGITS)
    usable = 5 <= len(number) <= 20 and number.isascii() and number.isdigit()
    return number if usable else None


def describe(person: Person, contact: Contact | None) -> Person:
    """Add what the contact entry knows. Without a common id, that is the profile name alone."""
    if contact is None:
        return person
    known = contact.person
    if known is None or not set(_ids(person)) & set(_ids(known)):
        return replace(person, profile_name=contact.profile_name)
    return replace(
        merge(person, known), profile_name=contact.profile_name, username=contact.username
    )


def merge(person: Person, known: Person) -> Person:
    """Fill the person's missing ids from another description of the same person."""
    return Person(
        wa_id=person.wa_id or known.wa_id,
        bsuid=_proper(person) or _proper(known) or person.bsuid,
        parent_bsuid=person.parent_bsuid or known.parent_bsuid,
    )


def attested_phones(cards: list[Json]) -> tuple[str, ...]:
    """Numbers in E.164 that the sender shared as their own by WhatsApp's button.

    Any other contact card is about somebody, who may or may not be the sender.
    """
    phones: dict[str, None] = {}
    for n, card in enumerate(cards):
        if card.get("origin") != "contact_request":
            continue
        for phone in parts(card, "phones", f"contacts[{n}]"):
            if number := _e164(phone.get("wa_id")) or _e164(phone.get("phone"), plus=True):
                phones[number] = None
    return tuple(phones)


def read_system(message: Json) -> tuple[Person | None, IdentityChange | None]:
    """Whom a system message is about, and what became of their identity.

    The person is who they were before, which is how they are known to us. Older forms say
    `customer` and `new_wa_id`, and name the old business-scoped id in the sentence only.
    """
    system: Json = message["system"]
    kind, new_id = system.get("type"), system.get("user_id")
    current = identify(
        system.get("wa_id"), system.get("new_wa_id"), new_id, system.get("parent_user_id")
    )
    new_number = current.wa_id if current else None
    old_ids = [system.get("previous_user_id"), system.get("previous_parent_user_id")]
    moves = kind in _MOVES or old_ids[0] is not None
    if moves and old_ids[0] is None:
        old_ids[0] = _old_id(system.get("body"), new_id)
    numbers = [message.get("from"), system.get("customer")]
    left_behind = [n for n in numbers if _number(n) not in (None, new_number)]
    previous = identify(*old_ids, *(left_behind or numbers))
    if not moves or previous is None or current is None:
        sender = identify(message.get("from"), message.get("from_user_id"), system.get("customer"))
        return sender or previous or current, None
    if kind == "user_changed_user_id" and current.wa_id is None:
        # Only the id changed: the number stays theirs.
        current = replace(current, wa_id=previous.wa_id)
    if set(_ids(current)) <= set(_ids(previous)):
        return previous, None
    return previous, IdentityChange(previous=previous, current=current)


def _old_id(body: Any, new_id: Any) -> str | None:
    match = _CHANGED.search(body) if isinstance(body, str) else None
    return match[1] if match and match[2] == new_id else None


def _number(value: Any) -> str | None:
    person = identify(value)
    return person.wa_id if person else None


def _ids(person: Person) -> list[str]:
    """The person's ids, the most trustworthy first."""
    return [name for name in (person.bsuid, person.wa_id, person.parent_bsuid) if name]


def _proper(person: Person) -> str | None:
    """The business-scoped id, unless only the parent's stands for it."""
    return person.bsuid if person.bsuid != person.parent_bsuid else None


def _contradict(one: Person, other: Person | None) -> bool:
    """Whether the two bear different ids of the same kind."""
    if other is None:
        return False
    pairs = (
        (one.wa_id, other.wa_id),
        (_proper(one), _proper(other)),
        (one.parent_bsuid, other.parent_bsuid),
    )
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)


def _e164(value: Any, *, plus: bool = False) -> str | None:
    """E.164 of a number. `plus`: it must say its country by a leading +."""
    if not isinstance(value, str) or (plus and not value.lstrip().startswith("+")):
        return None
    digits = digits_of(value)
    if digits is None:
        return None
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
