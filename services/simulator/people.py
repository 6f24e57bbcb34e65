"""Whom the simulator can play: the demo's people, whoever wrote before, somebody made up."""

import re
from dataclasses import dataclass, replace
from random import Random
from uuid import UUID

from services import phones
from services.actors import Actor
from services.clients import CLIENT_STATUSES, ClientDetail, get_client, list_clients
from services.permissions import Permission, requires
from services.simulator.script import Script, scripts
from services.simulator.wire import Sender

#: Letters of a profile name, as in WhatsApp.
MAX_NAME = 25
#: How many of those who wrote last are offered.
MAX_OTHERS = 30

_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._]{1,28})[a-z0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody who can be played. `key` names them in an address: never a name or number."""

    key: str
    sender: Sender
    #: ISO 639-1 codes, where we know what the person writes.
    languages: tuple[str, ...] = ()
    #: Nobody knows them before they write.
    made_up: bool = False


class NotAPerson(ValueError):
    """WhatsApp has nobody like this; `field` is `name`, `number` or `username`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def demo_people() -> list[Persona]:
    """The people of the demo, as they are after the last line of their conversation."""
    return [Persona(script.key, _now(script), script.languages) for script in scripts()]


@requires(Permission.READ_CLIENTS)
async def others(actor: Actor) -> list[Persona]:
    """Who is none of the demo's people and wrote, newest first.

    Of their names on WhatsApp only what a list shows is in them; `of_client` has the rest.
    """
    known = [person.sender for person in demo_people()]
    names = {sender.profile_name for sender in known}
    numbers = {phones.from_wa_id(sender.wa_id) for sender in known if sender.wa_id}
    page = await list_clients(
        actor, statuses=CLIENT_STATUSES, sort="created", limit=MAX_OTHERS + len(known)
    )
    return [
        Persona(
            str(client.id),
            Sender(
                wa_id=client.phone.removeprefix("+") if client.phone else None,
                profile_name=client.name or "",
            ),
        )
        for client in page.items
        if client.last_message_at and client.name not in names and client.phone not in numbers
    ][:MAX_OTHERS]


@requires(Permission.READ_CLIENTS)
async def of_client(actor: Actor, client_id: UUID) -> Persona | None:
    """The person that a client is on WhatsApp, or None when WhatsApp knows them by no name."""
    client = await get_client(actor, client_id, again=True)
    sender = _sender_of(client) if client else None
    return Persona(str(client_id), sender) if sender else None


@requires(Permission.READ_CLIENTS)
async def client_of(actor: Actor, sender: Sender) -> UUID | None:
    """The client that this person is, or None while they have not written."""
    for words in filter(None, (sender.wa_id, sender.username, sender.profile_name)):
        page = await list_clients(
            actor, search=words, statuses=CLIENT_STATUSES, limit=20, again=True
        )
        for found in page.items:
            client = await get_client(actor, found.id, again=True)
            if client and _is(client, sender):
                return client.summary.id
    return None


def invent(name: str, *, number: str | None, username: str = "", random: Random) -> Sender:
    """Make somebody up. `number` may be written in any way; None hides it behind `username`.

    NotAPerson, naming the field, for what WhatsApp would not have.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise NotAPerson("name")
    bsuid = f"ES.{random.randrange(10**19, 10**20)}"
    if number is None:
        handle = username.strip().lower().removeprefix("@")
        if not _USERNAME.fullmatch(handle):
            raise NotAPerson("username")
        return Sender(bsuid=bsuid, profile_name=name, username=handle)
    wa_id = re.sub(r"\D", "", number).removeprefix("00")
    if not wa_id.isascii() or phones.from_wa_id(wa_id) is None:
        raise NotAPerson("number")
    return Sender(wa_id=wa_id, bsuid=bsuid, profile_name=name)


def _now(script: Script) -> Sender:
    sender = script.sender
    for line in script.lines:
        if line.kind == "number_change":
            sender = replace(sender, wa_id=line.wa_id, bsuid=line.bsuid)
    return sender


def _sender_of(client: ClientDetail) -> Sender | None:
    current = {i.kind: i.value for i in client.identities if not i.retired}
    wa_id, bsuid = current.get("wa_id"), current.get("bsuid")
    if not wa_id and not bsuid and "phone" in current:
        wa_id = current["phone"].removeprefix("+")  # imported, and never wrote
    if not wa_id and not bsuid:
        return None
    return Sender(
        wa_id=wa_id,
        bsuid=bsuid,
        profile_name=client.profile_name or client.summary.name or "",
        username=client.summary.username,
    )


def _is(client: ClientDetail, sender: Sender) -> bool:
    wanted = {("wa_id", sender.wa_id), ("bsuid", sender.bsuid)}
    return any((i.kind, i.value) in wanted for i in client.identities if not i.retired)
