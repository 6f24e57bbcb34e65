"""Comparing the database with the truth: nothing lost, nothing doubled, nobody split or merged."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.load.traffic import STATUSES, Truth, people

#: Writes down every status that goes backwards.
WATCH = """
create table public.load_regressions (message_id uuid, was text, became text);
create function public.load_watch() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if app_private.status_rank(new.status) < app_private.status_rank(old.status) then
    insert into public.load_regressions values (new.id, old.status, new.status);
  end if;
  return null;
end $$;
create trigger load_watch after update on public.messages
  for each row execute function public.load_watch();
"""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that is counted and should be a certain number, mostly none."""

    name: str
    found: int
    expected: int = 0

    @property
    def good(self) -> bool:
        return self.found == self.expected


def watch(url: str) -> None:
    """Keep an eye on statuses from now on."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WATCH)


def waiting(url: str) -> int:
    """How many deliveries are not applied yet."""
    with psycopg.connect(url) as connection:
        return _count(connection, "from webhook_deliveries where state = 'pending'")


def compare(url: str, truth: Truth) -> list[Check]:
    with psycopg.connect(url) as connection:
        messages = connection.execute(
            "select whatsapp_id, client_id, direction, text, status from messages"
        ).fetchall()
        clients = _count(connection, "from clients")
        bodies = {
            row[0]
            for row in connection.execute("select encode(sha256, 'hex') from webhook_deliveries")
        }
        in_database = [
            Check(name, _count(connection, of))
            for name, of in {
                "deliveries waiting": "from webhook_deliveries where state = 'pending'",
                "deliveries unreadable": "from webhook_deliveries where state = 'unreadable'",
                "items quarantined": "from webhook_items where state = 'quarantined'",
                "identity conflicts": "from identity_conflicts",
                "statuses gone backwards": "from load_regressions",
                "clients whose last message is wrong": "from clients c where last_message_at"
                " is distinct from (select max(sent_at) from messages m where m.client_id = c.id)",
            }.items()
        ]
        statuses = connection.execute("select whatsapp_id, status from message_statuses").fetchall()
        unread = {
            row[0]: int(row[1])
            for row in connection.execute("select id, unread_count from clients")
        }
    stored = Counter(id for id, *_ in messages)
    return [
        Check("messages", len(messages), len(truth.messages)),
        Check("messages lost", len(truth.messages.keys() - stored.keys())),
        Check("messages doubled", sum(n - 1 for n in stored.values())),
        Check("messages nobody sent", len(stored.keys() - truth.messages.keys())),
        Check("messages changed", sum(_changed(row, truth) for row in messages)),
        Check("bodies answered 200, but not stored", len(truth.accepted - bodies)),
        Check("bodies never answered 200", len(truth.sent - truth.accepted)),
        Check("statuses lost or doubled", _misplaced(statuses, truth)),
        Check("clients", clients, len(people(truth))),
        *_people(messages, truth, unread),
        *in_database,
    ]


def _people(messages: list[tuple[Any, ...]], truth: Truth, unread: dict[Any, int]) -> list[Check]:
    clients_of: dict[int, set[Any]] = defaultdict(set)
    people_of: dict[Any, set[int]] = defaultdict(set)
    inbound: Counter[Any] = Counter()
    answered: set[Any] = set()
    for id, client, direction, *_ in messages:
        if id in truth.messages:
            person = truth.messages[id][0]
            clients_of[person].add(client)
            people_of[client].add(person)
        if direction == "inbound":
            inbound[client] += 1
        else:
            answered.add(client)
    return [
        Check("people split", sum(len(clients) > 1 for clients in clients_of.values())),
        Check("people merged", sum(len(people) > 1 for people in people_of.values())),
        Check(
            "clients with a wrong number of unread messages",
            sum(unread[c] != n for c, n in inbound.items() if c not in answered),
        ),
    ]


def _changed(row: tuple[Any, ...], truth: Truth) -> bool:
    """Whether a message is not as it was sent, or not at the highest of its statuses."""
    id, _, direction, text, status = row
    if id not in truth.messages:
        return False
    if direction == "inbound":
        return (direction, text) != truth.messages[id][1:] or status != "received"
    highest = max(truth.statuses[id], key=STATUSES.index)
    return (direction, text) != truth.messages[id][1:] or status != highest


def _misplaced(stored: list[tuple[Any, ...]], truth: Truth) -> int:
    sent = Counter((id, word) for id, words in truth.statuses.items() for word in words)
    kept = Counter((str(id), str(word)) for id, word in stored)
    return (sent - kept).total() + (kept - sent).total()


def _count(connection: psycopg.Connection, of: str) -> int:
    row = connection.execute(f"select count(*) {of}".encode()).fetchone()
    assert row is not None
    return int(row[0])
