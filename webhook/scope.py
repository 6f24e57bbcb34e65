"""What is true of all items in one value of a webhook body, and who they are from and to."""

import dataclasses
from itertools import islice
from typing import Any, Literal

from services.events import Json, Person
from webhook.people import Contact, Contacts, describe, digits_of, identify, merge
from webhook.shapes import MAX_ITEMS, MAX_WORD, Unreadable, mapping, optional_text

#: How messages came about: somebody wrote to us just now, we wrote from our own phone, or the
#: phone handed over its history.
Origin = Literal["live", "echo", "history"]


@dataclasses.dataclass(slots=True)
class Scope:
    """The surroundings of an item. `thread` is the chat that an item of the history is from."""

    field: str = ""
    value: Json = dataclasses.field(default_factory=dict)
    origin: Origin = "live"
    contacts: Contacts = dataclasses.field(default_factory=Contacts)
    thread: Json | None = None
    #: Whether all live messages are from the same person; None until somebody asks.
    one_sender: bool | None = None

    def number(self) -> tuple[str, str | None]:
        """The id of the organisation's number, and the number as displayed if it is there.

        Raises Unreadable.
        """
        try:
            metadata = mapping(self.value.get("metadata") or {}, "metadata")
            number = optional_text(metadata, "phone_number_id", "metadata", MAX_WORD)
            display = optional_text(metadata, "display_phone_number", "metadata", MAX_WORD)
        except Unreadable as problem:
            raise Unreadable(problem.code, problem.place, of_value=True) from None
        if number is None:
            place = "metadata.phone_number_id"
            raise Unreadable("missing_phone_number_id", place, of_value=True)
        return number, display

    def is_ours(self, message: Json, display: str | None) -> bool:
        """Whether the organisation wrote the message."""
        if self.origin != "history":
            return self.origin == "echo"
        own = digits_of(display or "")
        if own is None:
            # The history names a recipient only in what was sent from the phone.
            return bool(message.get("to"))
        sender = identify(message.get("from"))
        return sender is not None and sender.wa_id == own

    def person(self, message: Json, ours: bool) -> Person | None:
        """The person at the other end, as far as ids and `contacts[]` say."""
        person = self._by_ids(message, ours)
        return describe(person, self._contact(person)) if person else None

    def context(self, item: Any, *, is_list: bool) -> Json:
        """What stands around an item: its number, its sender, its thread.

        `is_list`: the item stands where a whole list of items should.
        """
        kept: Json = {}
        if "metadata" in self.value:
            kept["metadata"] = self.value["metadata"]
        kept["contacts"] = [contact.raw for contact in self._relevant(item, is_list)]
        if self.thread is not None:
            kept["thread"] = {key: self.thread.get(key) for key in ("id", "context")}
        return kept

    def _by_ids(self, message: Json, ours: bool) -> Person | None:
        end = "to" if ours else "from"
        person = identify(
            message.get(end),
            message.get(f"{end}_user_id"),
            message.get(f"{end}_parent_user_id"),
        )
        if self.thread is None:
            return person
        about = self.thread.get("context")
        about = about if isinstance(about, dict) else {}
        partner = identify(
            self.thread.get("id"),
            about.get("wa_id"),
            about.get("user_id"),
            about.get("parent_user_id"),
        )
        if person is None or partner is None:
            return person or partner
        same = person.wa_id == partner.wa_id or person.bsuid == partner.bsuid
        return merge(person, partner) if same else person

    def _contact(self, person: Person) -> Contact | None:
        contact = self.contacts.of(person)
        if contact is None and len(self.contacts.all) == 1 and self._is_from_one_sender():
            contact = self.contacts.only(person)
        return contact

    def _relevant(self, item: Any, is_list: bool) -> list[Contact]:
        """The contacts that an item may be about; all, if it is the list of the value's items."""
        if is_list and self.thread is None:
            return self.contacts.all
        if not isinstance(item, dict):
            return []
        people = [self._by_ids(item, False)]
        if self.origin != "live":
            people.append(self._by_ids(item, True))
        found = [self._contact(person) for person in people if person]
        return [contact for n, contact in enumerate(found) if contact and contact not in found[:n]]

    def _is_from_one_sender(self) -> bool:
        if self.one_sender is None:
            messages = self.value.get("messages") if self.origin == "live" else None
            senders = {
                self._by_ids(message, False)
                for message in islice(messages if isinstance(messages, list) else [], MAX_ITEMS)
                if isinstance(message, dict)
            }
            self.one_sender = len(senders) == 1
        return self.one_sender
