"""Whose message is it? Finding, making and moving the identities of clients.

A `Directory` holds every identity that a batch of events mentions, under locks, and answers from
memory; what it decided is written in one go. Two rules stand above convenience: one person is
never split because a number changed, and two people are never merged by guess.
"""

import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from db import inbound as sql
from services import phones
from services.events import IdentityChange, Person

Key = tuple[str, str]


@dataclass(slots=True)
class _Owners:
    """Who bears an identity today, and who bore it until when."""

    active: UUID | None = None
    retired: list[tuple[UUID, datetime]] = field(default_factory=list)

    def at(self, when: datetime) -> UUID | None:
        """The client that a message of that time belongs to: also a late one, from before."""
        former = self.former(when)
        return former[0] if former else self.active

    def former(self, when: datetime) -> tuple[UUID, datetime] | None:
        """Who bore it at that time and does so no longer, and until when."""
        before = [(until, client) for client, until in self.retired if when <= until]
        if not before:
            return None
        until, client = min(before)
        return client, until


class Directory:
    """The identities of one batch. Make it with `open_directory`, end it with `write`."""

    def __init__(self) -> None:
        self._owners: dict[Key, _Owners] = {}
        #: The accounts of a client, by when they were left; None are those of today.
        self._bsuids: dict[UUID, dict[str, datetime | None]] = {}
        self._new_clients: dict[UUID, Person] = {}
        self._new_identities: dict[Key, UUID] = {}
        self._retirements: list[tuple[UUID, Key, datetime]] = []
        #: Made and moved on within the batch: still needed, so that late messages find the client.
        self._born_retired: list[tuple[UUID, Key, datetime]] = []
        self._conflicts: set[tuple[UUID, UUID, str, str]] = set()
        #: Changes of people whom nobody knew when WhatsApp told them, by id; from the database and,
        #: with ids below zero, from this batch.
        self._kept: dict[int, tuple[IdentityChange, datetime]] = {}
        self._new_change = itertools.count(-1, -1)
        self._carried_out: list[int] = []

    def client_of(self, person: Person, when: datetime) -> UUID:
        """The client that this person is, made if there is none. Learns the person's new names."""
        found = self._matches(person, when)
        client_id = found[0][0] if found else uuid4()
        if not found:
            self._new_clients[client_id] = person
        for other, key in found[1:]:
            if other != client_id:
                self._note_conflict(client_id, other, key)
        self._attach(client_id, person, when)
        self._carry_out_kept(person)
        return client_id

    def learn(self, client_id: UUID, person: Person, when: datetime) -> None:
        """Names of a client whom we wrote to, as WhatsApp told them. One that somebody else bears
        stays theirs, and the conflict is left to a person."""
        self._attach(client_id, person, when)

    def existing(self, person: Person, when: datetime) -> UUID | None:
        """The client that this person is, or None."""
        found = self._matches(person, when)
        return found[0][0] if found else None

    def move(self, change: IdentityChange, when: datetime) -> UUID | None:
        """Carry out WhatsApp's word that an identity became another.

        Returns the client, or None when neither name is known: then the change is kept until one
        of the two writes. Where both names are known and belong to two clients, nothing moves and
        the conflict is left to a person.
        """
        before = self.existing(change.previous, when)
        after = self.existing(change.current, when)
        if before is not None and after is not None and before != after:
            for key in _own_keys(change.current):
                if self._owner(key).at(when) == after:
                    self._note_conflict(before, after, key)
            return before
        client_id = before or after
        if client_id is None:
            self._kept[next(self._new_change)] = (change, when)
            return None
        keep = set(_own_keys(change.current))
        for key in _names_to_keep(change.previous):
            owners = self._owner(key)
            if key in keep:
                continue
            if owners.active == client_id:
                self._retire(key, client_id, when)
            elif owners.active is None and owners.at(when) is None:
                # The new name wrote first; what the old one wrote may still be on its way.
                owners.retired.append((client_id, when))
                self._born_retired.append((client_id, key, when))
                if key[0] == "bsuid":
                    self._bsuids.setdefault(client_id, {})[key[1]] = when
        self._attach(client_id, change.current, when)
        # The next change of a chain may have come first, and waits for a client with these names.
        self._carry_out_kept(change.previous, change.current)
        return client_id

    async def write(self, connection: AsyncConnection) -> None:
        """Write every decision. The order matters: a retired value is free for its next owner."""
        await sql.insert_clients(
            connection,
            [
                {"id": str(id), "profile_name": p.profile_name, "username": p.username}
                for id, p in self._new_clients.items()
            ],
        )
        await sql.retire_identities(
            connection, [_identity_row(*retirement) for retirement in self._retirements]
        )
        await sql.insert_identities(
            connection,
            [_identity_row(client_id, key, None) for key, client_id in self._new_identities.items()]
            + [_identity_row(*born) for born in self._born_retired],
        )
        await sql.insert_conflicts(
            connection,
            [
                {
                    "client_id": str(client_id),
                    "other_client_id": str(other),
                    "kind": kind,
                    "value": value,
                }
                for client_id, other, kind, value in sorted(self._conflicts)
            ],
        )
        await sql.keep_changes(
            connection, [_change_row(*kept) for id, kept in self._kept.items() if id < 0]
        )
        await sql.drop_changes(connection, self._carried_out)

    def _owner(self, key: Key) -> _Owners:
        return self._owners.setdefault(key, _Owners())

    def _matches(self, person: Person, when: datetime) -> list[tuple[UUID, Key]]:
        """Clients found by this person's names, the most trustworthy name first."""
        found: list[tuple[UUID, Key]] = []
        for key in _own_keys(person):
            client_id = self._owner(key).at(when)
            if client_id is None or self._is_somebody_else(client_id, key, person, when):
                continue
            found.append((client_id, key))
        if not found:
            for key in _variant_keys(person):
                client_id = self._owner(key).at(when)
                if client_id and not self._is_somebody_else(client_id, key, person, when):
                    return [(client_id, key)]
        return found

    def _is_somebody_else(self, client_id: UUID, key: Key, person: Person, when: datetime) -> bool:
        """Whether a number leads to a client whom WhatsApp knows by another account.

        Numbers are given to new people; account ids are not. Without WhatsApp's word that the one
        became the other, the newcomer gets a file of their own, and the conflict is on record.
        A number that was left counts with the accounts that were left with it.
        """
        if key[0] in ("bsuid", "parent_bsuid") or person.bsuid is None:
            return False
        former = self._owner(key).former(when)
        until = former[1] if former else None
        known = self._bsuids.get(client_id, {})
        accounts = {account for account, left in known.items() if left == until}
        return bool(accounts) and person.bsuid not in accounts

    def _carry_out_kept(self, *people: Person) -> None:
        """These names have a client now, so the changes that waited for one can be made."""
        names = {key for person in people for key in _own_keys(person)}
        for id, (change, when) in list(self._kept.items()):
            if id in self._kept and names & set(_all_own_keys(change)):
                del self._kept[id]
                if id > 0:
                    self._carried_out.append(id)
                self.move(change, when)

    def _attach(self, client_id: UUID, person: Person, when: datetime) -> None:
        for key in _names_to_keep(person):
            owners = self._owner(key)
            if owners.active is not None:
                if owners.active != client_id:
                    self._note_conflict(client_id, owners.active, key)
                continue
            if (former := owners.at(when)) is not None:
                # A late message under an old name does not bring the name back.
                if former != client_id:
                    self._note_conflict(client_id, former, key)
                continue
            if key[0] == "bsuid":
                self._bsuids.setdefault(client_id, {})[key[1]] = None
            owners.active = client_id
            self._new_identities[key] = client_id

    def _retire(self, key: Key, client_id: UUID, when: datetime) -> None:
        owners = self._owner(key)
        owners.active = None
        owners.retired.append((client_id, when))
        if key[0] == "bsuid":
            self._bsuids.setdefault(client_id, {})[key[1]] = when
        if self._new_identities.pop(key, None) is not None:
            self._born_retired.append((client_id, key, when))
        else:
            self._retirements.append((client_id, key, when))

    def _note_conflict(self, client_id: UUID, other: UUID, key: Key) -> None:
        first, second = sorted((client_id, other))
        self._conflicts.add((first, second, *key))


async def open_directory(
    connection: AsyncConnection, people: Iterable[Person], also_locked: Iterable[Key] = ()
) -> Directory:
    """Lock and load every identity that these people could be known by.

    `also_locked` are keys of other things that this transaction must have for itself.
    """
    keys = _all_keys(people)
    directory = Directory()
    await sql.lock_identities(connection, [*keys, *also_locked])
    if not keys:
        return directory
    asked: list[Key] = []
    while asked != keys:
        # A change may be one of a chain, which is followed to both its ends.
        asked = keys
        for row in await sql.kept_changes(connection, keys):
            change = IdentityChange(_person(row["previous"]), _person(row["current"]))
            directory._kept[row["id"]] = (change, row["occurred_at"])
        involved = [p for c, _ in directory._kept.values() for p in (c.previous, c.current)]
        keys = sorted({*keys, *_all_keys(involved)})
        if keys != asked:
            await sql.lock_identities(connection, keys)
    for row in await sql.find_identities(connection, keys):
        owners = directory._owner((row["kind"], row["value"]))
        if row["retired_at"] is None:
            owners.active = row["client_id"]
        else:
            owners.retired.append((row["client_id"], row["retired_at"]))
    clients = {
        client
        for owners in directory._owners.values()
        for client in (owners.active, *(former for former, _ in owners.retired))
        if client is not None
    }
    for row in await sql.bsuids(connection, clients):
        directory._bsuids.setdefault(row["client_id"], {})[row["value"]] = row["retired_at"]
    return directory


def _all_keys(people: Iterable[Person]) -> list[Key]:
    return sorted({k for p in people for k in (*_own_keys(p), *_variant_keys(p))})


def _all_own_keys(change: IdentityChange) -> list[Key]:
    return [*_own_keys(change.previous), *_own_keys(change.current)]


def _person(value: dict[str, Any]) -> Person:
    return Person(**value | {"attested_phones": tuple(value["attested_phones"])})


def _change_row(change: IdentityChange, when: datetime) -> dict[str, Any]:
    keys = _all_keys([change.previous, change.current])
    return {
        "previous": asdict(change.previous),
        "current": asdict(change.current),
        "keys": [f"{kind}:{value}" for kind, value in keys],
        "occurred_at": when.isoformat(),
    }


def _identity_row(client_id: UUID, key: Key, retired_at: datetime | None) -> dict[str, Any]:
    return {
        "client_id": str(client_id),
        "kind": key[0],
        "value": key[1],
        "retired_at": retired_at.isoformat() if retired_at else None,
    }


def _own_keys(person: Person) -> list[Key]:
    """The person's names as identities, the most trustworthy first."""
    keys: list[Key] = []
    if person.bsuid:
        keys.append(("bsuid", person.bsuid))
    if person.parent_bsuid:
        keys.append(("parent_bsuid", person.parent_bsuid))
    if person.wa_id:
        keys += [("wa_id", person.wa_id), ("phone", f"+{person.wa_id}")]
    keys += [("phone", phone) for phone in person.attested_phones]
    return keys


def _variant_keys(person: Person) -> list[Key]:
    """Other spellings of the number, looked at only when nothing else finds the person."""
    if not person.wa_id:
        return []
    return [
        key
        for digits in phones.variants(person.wa_id)
        for key in (("wa_id", digits), ("phone", f"+{digits}"))
    ]


def _names_to_keep(person: Person) -> list[Key]:
    """The identities that a client gets from this person: a number counts only if it can be one."""
    keys = [key for key in _own_keys(person) if key != ("phone", f"+{person.wa_id}")]
    if person.wa_id and (phone := phones.from_wa_id(person.wa_id)):
        keys.append(("phone", phone))
    return keys
