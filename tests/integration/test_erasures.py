"""Erasing a person: everything goes, the proof stays, and nobody else loses anything."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.engine import begin
from services import (
    audit_verify,
    client_edits,
    clients,
    conversations,
    deliveries,
    erasures,
    unprocessed,
)
from services.actors import Staff
from services.clients import ClientSummary
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import SYSTEM, Postgres, deliver

AMINA = Sender("34600111222", bsuid="ES.4711amina", profile_name="Amina Béjaïa")
YUSUF = Sender("212600333444", bsuid="MA.1349yusuf", profile_name="Yusuf Demir")
HARMLESS = "Buenos días"
SECRET = "me persiguen por mi religion"
DOCUMENT = "documents/00000000-0000-4000-8000-000000000001.pdf"
EXPORT = "exports/00000000-0000-4000-8000-000000000002.zip"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

#: Everything of hers that must be nowhere afterwards.
TRACES = (
    AMINA.wa_id or "",
    "ES.4711amina",
    "Amina",
    "amina@example.org",
    "X1234567L",
    "persiguen",
    "hermana en Burgos",
    "pasaporte de amina",
    "Un juzgado lo pide",
)


async def written(*senders: Sender, words: str = SECRET) -> None:
    for sender in senders:
        await deliver(bodies.from_sender(DEMO_NUMBER, sender, bodies.text(sender, words, at=NOW)))


async def called(staff: Staff, name: str) -> ClientSummary:
    found = await clients.list_clients(staff, limit=50, statuses=clients.CLIENT_STATUSES)
    [client] = [c for c in found.items if c.name and name in c.name]
    return client


@pytest.fixture
async def amina(admin: Staff, database: Postgres) -> ClientSummary:
    """A client with everything that a client can have."""
    await written(AMINA)
    await written(YUSUF, words=HARMLESS)
    client = await called(admin, "Amina")
    answer = bodies.text(AMINA, "Le contestamos")
    echo = bodies.echo(DEMO_NUMBER, AMINA, answer)
    await deliver(bodies.echoes(DEMO_NUMBER, echo))
    await deliver(
        bodies.envelope(
            DEMO_NUMBER, statuses=[bodies.status(AMINA, echo["id"], "delivered", at=NOW)]
        )
    )
    quarantined = bodies.text(AMINA, SECRET)
    del quarantined["id"]
    await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, quarantined))
    with database.connect() as connection:
        connection.execute(
            "update clients set name = 'Amina B.', email = 'amina@example.org',"
            " passport_or_nie = 'X1234567L', notes = 'Tiene una hermana en Burgos' where id = %s",
            [client.id],
        )
        connection.execute("update clients set notes = 'otra nota' where id = %s", [client.id])
        connection.execute(
            "insert into documents (client_id, storage_key, name, media_type, size, sha256)"
            " values (%s, %s, 'pasaporte de amina.pdf', 'application/pdf', 3, sha256('abc'))",
            [client.id, DOCUMENT],
        )
        connection.execute(
            "with export as (insert into access_exports (client_id, state)"
            "  values (%s, 'done') returning id, client_id)"
            " insert into access_export_parts"
            "  (export_id, number, client_id, storage_key, size, sha256)"
            " select id, 1, client_id, %s, 3, sha256('abc') from export",
            [client.id, EXPORT],
        )
        connection.execute(
            "insert into identity_changes (previous, current, keys, occurred_at)"
            " values (%s, %s, %s, now())",
            [
                json.dumps({"wa_id": AMINA.wa_id}),
                json.dumps({"wa_id": "34699999999"}),
                [f"wa_id:{AMINA.wa_id}"],
            ],
        )
        connection.execute(
            "insert into message_statuses (phone_number_id, whatsapp_id, status, payload)"
            " values ('1', 'unknown', 'sent', %s)",
            [json.dumps({"recipient_id": AMINA.wa_id})],
        )
        connection.execute(
            "insert into identity_conflicts (client_id, other_client_id, kind, value)"
            " select id, %(amina)s, 'phone', %(phone)s from clients where id <> %(amina)s",
            {"amina": client.id, "phone": f"+{AMINA.wa_id}"},
        )
    await erasures.set_legal_hold(admin, client.id, "Un juzgado lo pide")
    await erasures.clear_legal_hold(admin, client.id)
    return client


def everything(database: Postgres) -> dict[str, str]:
    """Each table of the schema as text; binary columns as the text in them."""
    found: dict[str, str] = {}
    with database.connect() as connection:
        tables = connection.execute(
            "select tablename from pg_tables where schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"select * from public.{table}".encode()).fetchall()  # noqa: S608
            found[str(table)] = "\n".join(" ".join(map(_as_text, row)) for row in rows)
    return found


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1") + " " + value.decode("utf-8", "ignore")
    return json.dumps(value, ensure_ascii=False, default=str)


def tables_with(database: Postgres, *words: str) -> dict[str, list[str]]:
    dump = everything(database)
    return {w: found for w in words if (found := sorted(t for t in dump if w in dump[t]))}


def remove_files(database: Postgres) -> None:
    """Storage says that everything it was asked to remove is gone."""
    with database.connect() as connection:
        connection.execute("update storage_removals set removed_at = now()")


async def prove() -> None:
    while await erasures.prove_next(SYSTEM):
        pass


class TestAnErasure:
    async def test_leaves_nothing_of_the_person_in_any_table(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        # The test can fail: before, each trace is somewhere.
        assert tables_with(database, *TRACES).keys() == set(TRACES)
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        assert tables_with(database, *TRACES) == {}
        assert tables_with(database, str(amina.id)) == {str(amina.id): ["audit_log", "erasures"]}

    async def test_counts_what_went_by_table(self, amina: ClientSummary, admin: Staff) -> None:
        await erasures.erase(admin, amina.id, reason="mistake")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert {name: erasure.counts[name] for name in ("clients", "documents", "files")} == {
            "clients": 1,
            "documents": 1,
            "files": 2,
        }
        assert erasure.counts["messages"] >= 1
        assert erasure.counts["client_identities"] >= 3
        assert erasure.counts["webhook_items"] == 1
        assert erasure.counts["identity_changes"] == 1
        assert erasure.counts["identity_conflicts"] == 1
        assert erasure.counts["message_statuses"] >= 1
        assert erasure.counts["webhook_deliveries"] >= 2
        assert (erasure.reason, erasure.requested_by) == ("mistake", admin.name)
        assert erasure.mentions == {}
        assert erasure.leftovers == {}

    async def test_takes_nothing_from_anybody_else(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        yusuf = await called(admin, "Yusuf")
        [message] = (await conversations.timeline(admin, yusuf.id)).messages
        assert message.text == HARMLESS
        with database.connect() as connection:
            [kept] = connection.execute(
                "select count(*) from webhook_deliveries where body <> ''"
            ).fetchall()
        assert kept == (1,)

    async def test_keeps_the_audit_entries_without_their_values_and_the_chain_verifies(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await audit_verify.seal(SYSTEM)
        await erasures.erase(admin, amina.id, reason="request")
        await audit_verify.seal(SYSTEM)
        with database.connect() as connection:
            problems = connection.execute(
                "select * from app_private.audit_problems(1, 1000000)"
            ).fetchall()
            entries = connection.execute(
                "select action, table_name, fields, values_sha256 is not null from audit_log"
                " where client_id = %s order by id",
                [amina.id],
            ).fetchall()
            values = connection.execute(
                "select count(*) from audit_values where client_id = %s", [amina.id]
            ).fetchall()
        assert problems == []
        assert values == [(0,)]
        assert ("update", "clients", ["notes"], True) in entries
        assert [entry[:2] for entry in entries].count(("delete", "clients")) == 1
        assert ("erase", "erasures") in [entry[:2] for entry in entries]

    async def test_is_the_admins_own_doing_in_the_log(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection:
            actors = connection.execute(
                "select distinct actor_id from audit_log where client_id = %s"
                " and action in ('delete', 'erase')",
                [amina.id],
            ).fetchall()
        assert actors == [(admin.id,)]

    async def test_queues_the_files_as_its_own(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        erasure = await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection:
            queued = connection.execute(
                "select storage_key, erasure_id from storage_removals order by storage_key"
            ).fetchall()
        assert queued == [
            (DOCUMENT, erasure.id),
            (EXPORT, erasure.id),
        ]

    async def test_keeps_a_retry_of_an_emptied_delivery_from_coming_back(
        self, admin: Staff, database: Postgres
    ) -> None:
        body = bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola", at=NOW))
        await deliver(body)
        client = await called(admin, "Amina")
        await erasures.erase(admin, client.id, reason="request")
        assert await deliver(body) == 0
        assert tables_with(database, AMINA.wa_id or "") == {}

    async def test_cannot_be_undone_by_trying_a_delivery_again(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection, pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("update webhook_deliveries set state = 'pending'")

    async def test_of_somebody_whose_number_another_client_bears_leaves_that_client_alone(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        yusuf = await called(admin, "Yusuf")
        with database.connect() as connection:
            connection.execute(
                "insert into client_identities (client_id, kind, value, retired_at)"
                " values (%s, 'wa_id', %s, now())",
                [yusuf.id, AMINA.wa_id],
            )
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert (erasure.leftovers, erasure.unsearched) == ({}, 1)
        detail = await clients.get_client(admin, yusuf.id)
        assert detail is not None
        assert AMINA.wa_id in [identity.value for identity in detail.identities]

    async def test_tells_where_others_have_named_the_person(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await written(YUSUF, words=f"Escribid a Amina, su numero es {AMINA.wa_id}")
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert erasure.mentions == {"messages": 1, "clients": 1}
        assert erasure.rows_verified_at is not None

    async def test_tells_open_pages(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute("listen acogida")
            await erasures.erase(admin, amina.id, reason="request")
            [note] = list(connection.notifies(timeout=5, stop_after=1))
        assert json.loads(note.payload) == {"c": str(amina.id), "m": []}


class TestWhatIsOthers:
    async def test_a_quarantined_message_in_the_same_delivery_can_still_be_tried_again(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        urgent = bodies.text(YUSUF, "YUSUF URGENTE")
        del urgent["id"]
        shared = bodies.batch(
            bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "hola", at=NOW)),
            bodies.from_sender(DEMO_NUMBER, YUSUF, urgent),
        )
        await deliver(shared)
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        [delivery] = erasure.waiting_deliveries
        assert erasure.rows_verified_at is None
        [item] = (await unprocessed.overview(admin)).quarantined
        assert (item.delivery_id, "YUSUF URGENTE" in item.raw) == (delivery, True)
        # Once it is closed, nothing in the delivery waits: it is emptied, and the proof comes.
        assert await unprocessed.close_item(admin, item.id)
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert (erasure.waiting_deliveries, erasure.rows_verified_at is not None) == ((), True)
        assert tables_with(database, AMINA.wa_id or "") == {}

    @pytest.mark.parametrize("is_theirs", [True, False])
    async def test_an_unreadable_delivery_is_emptied_only_when_an_admin_says_so(
        self, is_theirs: bool, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        shared = bodies.batch(
            bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "x", at=NOW)),
            bodies.from_sender(DEMO_NUMBER, YUSUF, bodies.text(YUSUF, "YUSUF URGENTE", at=NOW)),
        )
        await deliver(bodies.encode(shared)[:-1])
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert erasure.rows_verified_at is None
        [delivery] = erasure.unreadable_deliveries
        assert "YUSUF URGENTE" in tables_with(database, "YUSUF URGENTE")
        await erasures.settle(admin, erasure.id, delivery, is_theirs=is_theirs)
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert (erasure.unreadable_deliveries, erasure.rows_verified_at is not None) == ((), True)
        kept = "webhook_deliveries" in tables_with(database, "YUSUF URGENTE").get(
            "YUSUF URGENTE", []
        )
        assert kept is not is_theirs
        with pytest.raises(NotFound):
            await erasures.settle(admin, erasure.id, delivery, is_theirs=True)

    @pytest.mark.parametrize(
        "written_as",
        [
            f'{{"from": "{AMINA.wa_id}", '.encode("utf-16"),
            b"{+34 600-111 222",
            b'{"bsuid": "ES.4711amina"',
        ],
        ids=["in UTF-16", "apart", "by account"],
    )
    async def test_an_unreadable_delivery_is_recognised_however_it_writes_the_number(
        self, written_as: bytes, amina: ClientSummary, admin: Staff
    ) -> None:
        await deliver(written_as)
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert len(erasure.unreadable_deliveries) == 1

    async def test_a_quarantined_message_that_only_mentions_the_person_stays(
        self, amina: ClientSummary, admin: Staff
    ) -> None:
        asking = bodies.text(YUSUF, f"llamad a mi prima, {AMINA.wa_id}")
        asking["context"] = {"from": AMINA.wa_id, "id": "wamid.x"}
        del asking["id"]
        await deliver(bodies.from_sender(DEMO_NUMBER, YUSUF, asking))
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        [item] = (await unprocessed.overview(admin)).quarantined
        assert "mi prima" in item.raw
        [erasure] = await erasures.list_erasures(admin)
        assert erasure.waiting_deliveries == (item.delivery_id,)
        assert await unprocessed.replay(admin, item.delivery_id)

    async def test_a_longer_number_is_somebody_elses(
        self, admin: Staff, database: Postgres
    ) -> None:
        short = await client_edits.create_client(admin, name="Corta", phone="+376312345")
        stranger = bodies.text(YUSUF, "soy otra persona")
        stranger["from"] = "34376312345"
        del stranger["id"]
        await deliver(bodies.from_sender(DEMO_NUMBER, YUSUF, stranger))
        await erasures.erase(admin, short.summary.id, reason="mistake")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert (erasure.counts["webhook_items"], erasure.counts["webhook_deliveries"]) == (0, 0)
        assert (erasure.waiting_deliveries, erasure.unprocessed) == ((), 1)
        assert len((await unprocessed.overview(admin)).quarantined) == 1

    async def test_a_status_that_only_mentions_the_number_stays(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        sent = bodies.status(YUSUF, "wamid.z", "sent", at=NOW, callback_data=f"re {AMINA.wa_id}")
        await deliver(bodies.envelope(DEMO_NUMBER, statuses=[sent]))
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        with database.connect() as connection:
            kept = connection.execute("select whatsapp_id from message_statuses").fetchall()
        assert kept == [("wamid.z",)]
        [erasure] = await erasures.list_erasures(admin)
        assert (erasure.mentions, erasure.rows_verified_at is not None) == (
            {"message_statuses": 1},
            True,
        )

    async def test_the_organisations_own_number_is_nobodys(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        own = f"+{DEMO_NUMBER.digits}"
        with pytest.raises(Invalid) as refused:
            await client_edits.create_client(admin, name="Oficina", phone=own)
        assert refused.value.fields == {"phone": "own_number"}
        # One that was written down before WhatsApp told whose it is.
        office = await client_edits.create_client(admin, name="Oficina")
        with database.connect() as connection:
            connection.execute(
                "insert into client_identities (client_id, kind, value) values (%s, 'phone', %s)",
                [office.summary.id, own],
            )
        await erasures.erase(admin, office.summary.id, reason="mistake")
        await prove()
        [erasure] = await erasures.list_erasures(admin)
        assert erasure.unsearched == 1
        assert erasure.counts["webhook_deliveries"] == erasure.counts["webhook_items"] == 0
        assert len((await unprocessed.overview(admin)).quarantined) == 1


class TestLateNews:
    async def test_of_a_message_to_somebody_erased_brings_no_number_back(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        await prove()
        late = bodies.status(AMINA, "wamid.late", "read", at=NOW)
        other = bodies.status(YUSUF, "wamid.other", "read", at=NOW)
        await deliver(bodies.envelope(DEMO_NUMBER, statuses=[late, other]))
        await prove()
        assert tables_with(database, AMINA.wa_id or "", "ES.4711amina", "wamid.late") == {}
        assert tables_with(database, "wamid.other") == {"wamid.other": ["message_statuses"]}
        [erasure] = await erasures.list_erasures(admin)
        assert erasure.rows_verified_at is not None

    async def test_that_their_number_is_another_now_is_not_kept(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        change = {
            "id": "wamid.change",
            "from": AMINA.wa_id,
            "timestamp": str(int(NOW.timestamp())),
            "type": "system",
            "system": {
                "body": "User A changed",
                "wa_id": "34699888777",
                "type": "user_changed_number",
            },
        }
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, change))
        await prove()
        assert tables_with(database, AMINA.wa_id or "", "34699888777") == {}

    async def test_of_somebody_who_wrote_again_is_theirs(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        await written(AMINA)
        late = bodies.status(AMINA, "wamid.late", "read", at=NOW)
        await deliver(bodies.envelope(DEMO_NUMBER, statuses=[late]))
        assert tables_with(database, "wamid.late") != {}


class TestWhoWritesAgain:
    async def test_is_a_new_client(self, amina: ClientSummary, admin: Staff) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        await written(AMINA, words="Soy yo otra vez")
        again = await called(admin, "Amina")
        assert again.id != amina.id
        assert (again.unread_count, again.email) == (1, None)
        [message] = (await conversations.timeline(admin, again.id)).messages
        assert message.text == "Soy yo otra vez"

    async def test_while_the_erasure_runs_is_lost_to_nobody(
        self, amina: ClientSummary, admin: Staff
    ) -> None:
        """A message that is applied at the same moment finds the client or makes a new one."""
        fresh = bodies.encode(
            bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Sigo aqui", at=NOW))
        )

        async def try_to_erase() -> None:
            while True:
                try:
                    await erasures.erase(admin, amina.id, reason="request")
                    return
                except Conflict:
                    await asyncio.sleep(0.01)  # the message waits to be applied

        await asyncio.gather(deliver(fresh), try_to_erase())
        found = await clients.list_clients(admin)
        assert amina.id not in [c.id for c in found.items]


class TestAnErasureIsRefused:
    async def test_while_a_legal_hold_is_set(self, amina: ClientSummary, admin: Staff) -> None:
        await erasures.set_legal_hold(admin, amina.id, "  Recurso   ante el juzgado ")
        assert await erasures.legal_hold_of(admin, amina.id) == "Recurso ante el juzgado"
        with pytest.raises(Conflict) as refused:
            await erasures.erase(admin, amina.id, reason="request")
        assert refused.value.code == "legal_hold"
        await erasures.clear_legal_hold(admin, amina.id)
        await erasures.erase(admin, amina.id, reason="request")

    async def test_while_something_of_theirs_waits_to_be_applied(
        self, amina: ClientSummary, admin: Staff
    ) -> None:
        body = bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "otra cosa", at=NOW))
        await deliveries.store([bodies.encode(body)])
        with pytest.raises(Conflict) as refused:
            await erasures.erase(admin, amina.id, reason="request")
        assert refused.value.code == "messages_waiting"
        assert await clients.get_client(admin, amina.id) is not None

    async def test_for_whoever_is_not_there(self, admin: Staff) -> None:
        with pytest.raises(NotFound):
            await erasures.erase(admin, UUID(int=7), reason="request")
        with pytest.raises(NotFound):
            await erasures.outlook(admin, UUID(int=7))

    @pytest.mark.parametrize("role", ["caseworker", "viewer"])
    async def test_to_everybody_but_admins(
        self, role: str, amina: ClientSummary, people: dict[str, Staff]
    ) -> None:
        staff = people[role]
        for attempt in (
            erasures.erase(staff, amina.id, reason="request"),
            erasures.outlook(staff, amina.id),
            erasures.list_erasures(staff),
            erasures.set_legal_hold(staff, amina.id, "x"),
            erasures.clear_legal_hold(staff, amina.id),
        ):
            with pytest.raises(Forbidden):
                await attempt

    async def test_by_the_database_too(
        self, amina: ClientSummary, caseworker: Staff, admin: Staff
    ) -> None:
        for statement in (
            "select app_private.erase_client(:id, 'request', '{}', '')",
            "update clients set legal_hold = 'no' where id = :id",
        ):
            with pytest.raises(DBAPIError, match="only an admin"):
                async with begin(caseworker) as connection:
                    await connection.execute(text(statement), {"id": amina.id})
        await erasures.set_legal_hold(admin, amina.id, "Un juzgado lo pide")
        erase = text("select app_private.erase_client(:id, 'request', '{}', '')")
        with pytest.raises(DBAPIError, match="a legal hold is set"):
            async with begin(admin) as connection:
                await connection.execute(erase, {"id": amina.id})

    @pytest.mark.parametrize(("reason", "code"), [("  \0 ", "required"), ("x" * 501, "too_long")])
    async def test_a_hold_needs_a_reason_that_fits(
        self, reason: str, code: str, amina: ClientSummary, admin: Staff
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await erasures.set_legal_hold(admin, amina.id, reason)
        assert refused.value.fields == {"reason": code}

    async def test_by_the_database_whoever_asks(
        self, amina: ClientSummary, people: dict[str, Staff], database: Postgres
    ) -> None:
        admin, caseworker = people["admin"], people["caseworker"]
        for actor in (admin, caseworker, SYSTEM):
            with pytest.raises(DBAPIError, match="permission denied for table clients"):
                async with begin(actor) as connection:
                    await connection.execute(text("delete from clients"))
        with pytest.raises(DBAPIError, match="permission denied for function erase_audit_values"):
            async with begin(SYSTEM) as connection:
                await connection.execute(
                    text("select app_private.erase_audit_values(:id)"), {"id": amina.id}
                )
        await erasures.set_legal_hold(admin, amina.id, "Un juzgado lo pide")
        for statement in ("delete from documents", "delete from clients"):
            with (
                database.connect() as connection,
                pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="legal hold"),
            ):
                connection.execute(statement.encode())
        with pytest.raises(DBAPIError, match="a legal hold is set"):
            async with begin(caseworker) as connection:
                await connection.execute(text("delete from documents"))


class TestTheProof:
    async def test_comes_when_tables_and_storage_have_been_looked_at(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        assert _proof(await erasures.list_erasures(admin)) == [(False, False)]
        await prove()
        assert _proof(await erasures.list_erasures(admin)) == [(True, False)]
        remove_files(database)
        await prove()
        assert _proof(await erasures.list_erasures(admin)) == [(True, True)]
        assert await erasures.prove_next(SYSTEM) == 0

    @pytest.mark.parametrize(
        "plant",
        [
            "update staff set name = %s",
            "insert into webhook_deliveries (body, sha256, state)"
            " values (convert_to(%s, 'UTF8'), sha256('x'), 'done')",
            "insert into message_statuses (phone_number_id, whatsapp_id, status, payload)"
            " values ('1', 'x', 'sent', jsonb_build_object('id', %s::text))",
            "create table public.forgotten as select %s::uuid as somebody",
        ],
        ids=["text", "bytes", "json", "a table nobody thought of"],
    )
    async def test_does_not_come_while_the_clients_id_is_anywhere(
        self, plant: str, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection:
            connection.execute(plant.encode(), [str(amina.id)])
            try:
                await prove()
                [erasure] = await erasures.list_erasures(admin)
                assert erasure.rows_verified_at is None
                assert sum(erasure.leftovers.values()) >= 1
            finally:
                connection.execute("drop table if exists public.forgotten")

    async def test_searches_a_part_of_a_table_at_a_time_and_goes_on_where_it_was(
        self,
        amina: ClientSummary,
        admin: Staff,
        database: Postgres,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into webhook_deliveries (body, sha256, state, processed_at)"
                " select convert_to(repeat('x', 1500) || n, 'UTF8'), sha256(n::text::bytea),"
                "  'done', now() from generate_series(1, 200) n"
            )
            connection.execute(
                "update webhook_deliveries set body = convert_to(%s, 'UTF8')"
                " where id = (select max(id) from webhook_deliveries)",
                [f"from {AMINA.wa_id}"],
            )
        await erasures.erase(admin, amina.id, reason="request")
        monkeypatch.setattr(erasures, "SEARCHED_BLOCKS", 1)
        monkeypatch.setattr(erasures, "_STEP", 0.0)
        steps = 0
        while await erasures.prove_next(SYSTEM):
            steps += 1
        assert steps > 60
        assert tables_with(database, AMINA.wa_id or "") == {}
        [erasure] = await erasures.list_erasures(admin)
        assert erasure.rows_verified_at is not None

    async def test_leaves_nothing_of_what_it_looked_for(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection:
            sought = "select sought is null from erasures"
            assert connection.execute(sought.encode()).fetchall() == [(False,)]
            await prove()
            assert connection.execute(sought.encode()).fetchall() == [(True,)]


class TestAfterARestore:
    async def test_whoever_came_back_is_listed_and_stays(
        self, amina: ClientSummary, admin: Staff, database: Postgres
    ) -> None:
        erasure = await erasures.erase(admin, amina.id, reason="request")
        with database.connect() as connection:
            before = erasure.requested_at - timedelta(days=1)
            restored: Any = connection.execute(
                "insert into clients (id, name, created_at) values (%s, 'Amina', %s) returning id",
                [amina.id, before],
            ).fetchone()
            connection.execute(
                "insert into client_identities (client_id, kind, value) values (%s, 'phone', %s)",
                [restored[0], f"+{AMINA.wa_id}"],
            )
        [returned] = await erasures.list_returned(SYSTEM)
        assert (returned.client_id, returned.erasure_id) == (amina.id, erasure.id)
        assert returned.by_restore
        assert await clients.get_client(admin, amina.id) is not None

    async def test_whoever_wrote_again_is_told_apart(
        self, amina: ClientSummary, admin: Staff
    ) -> None:
        await erasures.erase(admin, amina.id, reason="request")
        assert await erasures.list_returned(SYSTEM) == []
        await written(AMINA)
        [returned] = await erasures.list_returned(SYSTEM)
        assert not returned.by_restore


def _proof(found: list[erasures.Erasure]) -> list[tuple[bool, bool]]:
    return [(e.rows_verified_at is not None, e.files_verified_at is not None) for e in found]
