"""The audit log: what it is told, by whom it cannot be deceived, and who reads what of it."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.engine import ORIGIN, Origin, begin
from db.tables import metadata
from services import (
    audit,
    audit_reading,
    clients,
    conversations,
    documents,
    erasures,
    retention,
    staff_admin,
    unprocessed,
)
from services.actors import Outsider, Staff, System
from services.adapters.local_identity import LocalIdentity
from services.audit_reading import AuditEntry, Filters
from services.errors import Forbidden, NotFound
from services.sign_in import SignIn
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests.support import OUTSIDER, STRANGER, SYSTEM, Postgres, deliver, sign_in_demo

AMINA = Sender("34600111222", profile_name="Amina")

#: A row for each table that is told, as (table, insert, update); `:client` is a client's id.
CHANGES = {
    "clients": ("insert into clients (name) values ('Fatou')", "update clients set notes = 'x'"),
    "client_identities": (
        "insert into client_identities (client_id, kind, value) values (:client, 'phone', '+34')",
        "update client_identities set retired_at = now()",
    ),
    "staff": (
        "insert into staff (email, name, role) values ('x@example.org', 'X', 'viewer')",
        "update staff set active = false where email = 'x@example.org'",
    ),
    "documents": (
        "insert into documents (client_id, storage_key, name, media_type, size, sha256)"
        " values (:client, 'documents/x', 'x.pdf', 'application/pdf', 1, sha256(''))",
        "update documents set name = 'y.pdf'",
    ),
    "messages": (
        "insert into messages (client_id, phone_number_id, direction, type, text, sent_at, status)"
        " values (:client, '1', 'outbound', 'text', 'Hola', now(), 'queued')",
        "update messages set text = 'Adiós'",
    ),
    "access_exports": (
        "insert into access_exports (client_id) values (:client)",
        "update access_exports set state = 'done'",
    ),
    "imports": (
        "insert into imports (file_name, kind) values ('x.csv', 'csv')",
        "update imports set state = 'judged'",
    ),
    "retention_rules": (
        "insert into retention_rules (kind, days, active) values ('rate_limits', 30, true)",
        "update retention_rules set days = 90",
    ),
    "canned_replies": (
        "insert into canned_replies (shortcut, title, texts) values ('x', 'X', '{\"es\": \"x\"}')",
        "update canned_replies set title = 'Y'",
    ),
    "structured_messages": (
        "insert into structured_messages (title, kind, content) values ('X', 'buttons', '{}')",
        "update structured_messages set title = 'Y'",
    ),
    "client_notes": (
        "insert into client_notes (client_id, body) values (:client, 'x')",
        "update client_notes set body = 'y'",
    ),
    "client_labels": (
        "with made as (insert into labels (name, colour) values ('z', 'blue') returning id)"
        " insert into client_labels (client_id, label_id) select :client, id from made",
        "update client_labels set added_at = '2026-01-01'",
    ),
    "assignments": (
        "insert into assignments (client_id) values (:client)",
        "update assignments set note = 'x'",
    ),
    "labels": (
        "insert into labels (name, colour) values ('x', 'blue')",
        "update labels set name = 'y' where name = 'x'",
    ),
    "desk_settings": (
        "insert into desk_settings (id) values (true)",
        "update desk_settings set read_receipts = true",
    ),
    "own_keywords": (
        "insert into own_keywords (phrase, folded, profile_type, weight)"
        " values ('carta roja', 'carta roja', 'ASYLUM', 0.5)",
        "update own_keywords set weight = 0.6",
    ),
    "disabled_keywords": (
        "insert into disabled_keywords (language, keyword) values ('es', 'asilo')",
        "update disabled_keywords set keyword = 'asilado'",
    ),
}
#: Of these, what is about no client.
OF_NOBODY = {
    *("staff", "retention_rules", "canned_replies", "structured_messages"),
    *("labels", "desk_settings", "imports", "own_keywords", "disabled_keywords"),
}
#: Tables of which entries tell, with what they may never say.
TOLD = {*CHANGES, "identity_conflicts", "staff_identities", "staff_sessions", "erasures"} | {
    "webhook_items",
    # Only that sending was stopped, and that it goes on.
    "whatsapp_numbers",
}


@pytest.fixture
async def amina(database: Postgres) -> UUID:
    """A client, and an empty log."""
    with database.connect() as connection:
        row = connection.execute(
            "insert into clients (name, email) values ('Amina', 'amina@example.org') returning id"
        ).fetchone()
    empty(database)
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


def empty(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from audit_values")
        connection.execute("delete from audit_log")


def delete(database: Postgres, table: str) -> None:
    """As the owner: no role of the app may delete every row of every table."""
    with database.connect() as connection:
        connection.execute(f"delete from {table}".encode())  # noqa: S608 - of this module


def entries(database: Postgres, action: str | None = None) -> list[dict[str, Any]]:
    """Entries with their values, as the owner sees them, oldest first."""
    with connected(database) as connection:
        return connection.execute(
            "select l.*, v.old_values, v.new_values from audit_log l"
            " left join audit_values v on v.entry_id = l.id"
            " where %s::text is null or l.action = %s order by l.id",
            (action, action),
        ).fetchall()


@contextmanager
def connected(database: Postgres) -> Iterator[psycopg.Connection[DictRow]]:
    url = database.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


async def all_pages(admin: Staff, **wanted: Any) -> list[AuditEntry]:
    """Everything that a filter finds, read in the smallest pages there are."""
    found: list[AuditEntry] = []
    before = None
    while True:
        page = await audit_reading.read_log(admin, Filters(**wanted), before=before, limit=1)
        found += page.entries
        before = page.older
        if before is None:
            return found


async def run(actor: Staff | System, statement: str, **parameters: Any) -> None:
    async with begin(actor) as connection:
        await connection.execute(text(statement), parameters)


class TestRows:
    @pytest.mark.parametrize("table", CHANGES)
    async def test_each_change_of_a_row_is_told_with_what_was_and_what_is(
        self, database: Postgres, amina: UUID, table: str
    ) -> None:
        insert, update = CHANGES[table]
        await run(SYSTEM, insert, **({"client": amina} if ":client" in insert else {}))
        await run(SYSTEM, update)
        delete(database, table)
        told = [e for e in entries(database) if e["table_name"] == table]
        assert {"insert", "update", "delete"} == {e["action"] for e in told}
        inserted = next(e for e in told if e["action"] == "insert")
        updated = next(e for e in told if e["action"] == "update")
        deleted = next(e for e in told if e["action"] == "delete")
        assert (inserted["old_values"], deleted["new_values"]) == (None, None)
        assert set(updated["old_values"] | updated["new_values"]) == set(updated["fields"])
        assert sorted(inserted["new_values"]) == inserted["fields"]
        assert {e["actor_part"] for e in told if e["action"] != "delete"} == {"test"}
        if table not in OF_NOBODY:
            assert deleted["client_id"] is not None

    async def test_an_entry_names_who_from_where_which_row_and_which_fields(
        self, database: Postgres, amina: UUID, caseworker: Staff
    ) -> None:
        empty(database)
        token = ORIGIN.set(Origin("203.0.113.7", "3f2a"))
        try:
            await clients.decide_profile(caseworker, amina, "ASYLUM")
        finally:
            ORIGIN.reset(token)
        [entry] = [e for e in entries(database) if e["action"] == "update"]
        assert (entry["actor_kind"], entry["actor_id"]) == ("staff", caseworker.id)
        assert (entry["address"], entry["request_id"]) == ("203.0.113.7", "3f2a")
        assert (entry["table_name"], entry["row_id"]) == ("clients", str(amina))
        assert entry["client_id"] == amina
        assert "profile_type" in entry["fields"]
        assert entry["old_values"]["profile_type"] == "OTHER"
        assert entry["new_values"]["profile_type"] == "ASYLUM"

    async def test_it_is_rolled_back_with_what_it_tells(
        self, database: Postgres, amina: UUID
    ) -> None:
        with database.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute("update clients set notes = 'x'")
        assert entries(database) == []

    async def test_an_update_that_changes_nothing_is_not_told(
        self, database: Postgres, amina: UUID
    ) -> None:
        await run(SYSTEM, "update clients set name = name, updated_at = now()")
        assert entries(database) == []

    async def test_a_thousand_rows_of_one_statement_are_a_thousand_entries(
        self, database: Postgres, amina: UUID
    ) -> None:
        await run(
            SYSTEM, "insert into clients (name) select 'N' || g from generate_series(1, 1000) g"
        )
        told = entries(database)
        assert len({e["row_id"] for e in told}) == len(told) == 1000
        assert {e["new_values"]["name"] for e in told} == {f"N{n}" for n in range(1, 1001)}

    async def test_what_a_cascade_takes_along_is_told_too(
        self, database: Postgres, amina: UUID
    ) -> None:
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Hola")))
        empty(database)
        delete(database, "clients")
        gone = {e["table_name"] for e in entries(database)}
        assert gone == {"clients", "client_identities", "messages"}

    async def test_what_a_client_is_told_of_does_not_depend_on_a_list_of_columns(
        self, database: Postgres, amina: UUID
    ) -> None:
        with database.connect() as connection:
            connection.execute("alter table clients add column later text")
            try:
                connection.execute("update clients set later = 'x'")
            finally:
                connection.execute("alter table clients drop column later")
        [entry] = entries(database)
        assert entry["fields"] == ["later"]

    async def test_messages_and_statuses_of_whatsapp_write_nothing_beside_the_new_client(
        self, database: Postgres
    ) -> None:
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, "Hola")))
        first = entries(database)
        assert {(e["action"], e["table_name"]) for e in first} <= {
            ("insert", "clients"),
            ("insert", "client_identities"),
        }
        empty(database)
        for words in ("¿Hay alguien?", "Sigo aquí"):
            await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.text(AMINA, words)))
        assert entries(database) == []

    async def test_an_item_that_is_closed_is_told_without_its_content(
        self, database: Postgres, admin: Staff
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into webhook_items (delivery_id, position, field, state, code, reason, raw)"
                " values (1, 0, 'messages', 'quarantined', 'x', 'of Amina', '\"Amina\"')"
            )
        empty(database)
        await run(admin, "update webhook_items set state = 'closed', closed_at = now()")
        [entry] = entries(database)
        assert (entry["action"], entry["table_name"]) == ("update", "webhook_items")
        assert entry["actor_id"] == admin.id
        assert "Amina" not in json.dumps(entry, default=str)


class TestNothingPersonal:
    async def test_entries_themselves_hold_no_names_numbers_or_words(
        self, database: Postgres, people: dict[str, Staff], amina: UUID
    ) -> None:
        for insert, update in CHANGES.values():
            await run(SYSTEM, insert, **({"client": amina} if ":client" in insert else {}))
            await run(SYSTEM, update)
        await clients.list_clients(people["admin"], search="amina@example.org")
        await clients.get_client(people["admin"], amina)
        with database.connect() as connection:
            kept = str(
                connection.execute("select array_agg(to_jsonb(l)) from audit_log l").fetchone()
            )
        for personal in ("Amina", "amina@", "Fatou", "+34", "x.pdf", "Hola", "x@example.org"):
            assert personal not in kept

    def test_what_stands_for_a_row_is_its_key_or_an_id(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            arguments = connection.execute(
                "select c.relname, encode(t.tgargs, 'escape') from pg_trigger t"
                " join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid"
                " where p.proname in ('audit_row', 'audit_rows')"
            ).fetchall()
        assert {str(table) for table, _ in arguments} == TOLD
        keys = {str(table): str(given).split("\\000")[0] for table, given in arguments}
        # The provider's name for a member of staff is personal; its table has no id of its own.
        assert {t for t, key in keys.items() if key != "id"} <= {
            "retention_rules",
            "staff_identities",
            "whatsapp_numbers",
            # By the label: there is one of each on a client.
            "client_labels",
        }


class TestWhoActs:
    async def test_every_kind_of_actor_is_named_as_what_it_is(
        self, database: Postgres, caseworker: Staff
    ) -> None:
        empty(database)
        for actor in (caseworker, OUTSIDER, STRANGER, System("webhook")):
            await audit.record_alone(actor, "refuse")
        with database.connect() as connection:
            connection.execute("set role service_role")
            connection.execute("""set acogida.origin = '{"part": "webhook"}'""")
            connection.execute("select app_private.record_event('view', null, null, null, '{}')")
            connection.execute("reset role")
            connection.execute("update clients set notes = 'x'")
            connection.execute("insert into clients (name) values ('Of the owner')")
        told = [(e["actor_kind"], e["actor_id"], e["actor_part"]) for e in entries(database)]
        assert told == [
            ("staff", caseworker.id, None),
            ("outsider", OUTSIDER.user_id, None),
            ("outsider", STRANGER.user_id, None),
            ("system", None, "webhook"),
            ("system", None, "service_role"),
            ("system", None, database.owner.username),
        ]

    async def test_a_person_cannot_pass_for_the_software_or_for_somebody_else(
        self, database: Postgres, caseworker: Staff, admin: Staff, amina: UUID
    ) -> None:
        """As behind a REST interface: the role and the claims are the gateway's."""
        empty(database)
        with database.connect() as connection, connection.transaction():
            connection.execute("set local role authenticated")
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)",
                (json.dumps({"sub": str(caseworker.user_id), "staff_id": str(admin.id)}),),
            )
            connection.execute(
                "select set_config('acogida.origin', %s, true)",
                (json.dumps({"part": "webhook", "actor_id": str(admin.id), "kind": "system"}),),
            )
            connection.execute("update clients set notes = 'x'")
        [entry] = entries(database)
        assert (entry["actor_kind"], entry["actor_id"]) == ("staff", caseworker.id)
        assert entry["actor_part"] is None

    @pytest.mark.parametrize("action", ["insert", "update", "delete"])
    async def test_nobody_can_claim_a_change_of_a_row(
        self, database: Postgres, admin: Staff, action: str
    ) -> None:
        for actor in (admin, SYSTEM):
            with pytest.raises(DBAPIError, match="told by their triggers"):
                await audit.record_alone(actor, action, table="clients", row=uuid4())
        with database.connect() as connection:
            connection.execute("set role service_role")
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                connection.execute(
                    "select app_private.record_event(%s, 'clients', null, null, '{}')", (action,)
                )

    async def test_an_action_is_a_plain_word_and_details_are_short(self, admin: Staff) -> None:
        for action in ("Insert", "insert ", "_insert", "in sert", ""):
            with pytest.raises(DBAPIError):
                await audit.record_alone(SYSTEM, action)
        with pytest.raises(DBAPIError, match="too long"):
            await audit.record_alone(SYSTEM, "view", details={"x": "y" * 20_000})
        with pytest.raises(DBAPIError, match="too long"):
            await audit.record_alone(admin, "view", details={"x": "y" * 10_000})
        with pytest.raises(DBAPIError, match="too long"):
            await audit.record_alone(admin, "view", row="y" * 300)

    @pytest.mark.parametrize("action", ["verify", "erase", "sign_in", "sign_out", "retention"])
    async def test_people_tell_of_themselves_only_what_people_do(
        self, people: dict[str, Staff], amina: UUID, action: str
    ) -> None:
        actors: list[Staff | Outsider] = [*people.values(), OUTSIDER]
        for actor in actors:
            with pytest.raises(DBAPIError, match="only the software"):
                await audit.record_alone(actor, action, row=uuid4(), client=amina)


class TestAppendOnly:
    @pytest.mark.parametrize("role", ["authenticated", "app_backend", "service_role", "anon"])
    @pytest.mark.parametrize("table", ["audit_log", "audit_values", "audit_seals"])
    async def test_no_role_writes_into_it(
        self, database: Postgres, admin: Staff, role: str, table: str
    ) -> None:
        column = {"audit_log": "action", "audit_values": "new_values", "audit_seals": "entries"}
        statements = (
            f"insert into {table} default values",
            f"update {table} set {column[table]} = {column[table]}",  # noqa: S608
            f"delete from {table}",  # noqa: S608
            f"truncate {table} cascade",
        )
        with database.connect() as connection:
            connection.execute(f"set role {role}".encode())
            connection.execute(
                "select set_config('request.jwt.claims', %s, false)",
                (json.dumps({"sub": str(admin.user_id)}),),
            )
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())

    @pytest.mark.parametrize(
        "function",
        [
            "audit_actor()",
            "values_digest(null, null, null)",
            "seal_audit(1)",
            "audit_problems(1, 1)",
        ],
    )
    async def test_people_reach_none_of_its_functions_but_the_one_that_tells(
        self, database: Postgres, function: str
    ) -> None:
        with database.connect() as connection:
            for role in ("authenticated", "anon", "service_role"):
                connection.execute(f"set role {role}".encode())
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"select app_private.{function}".encode())
                connection.execute("reset role")

    async def test_its_owner_is_refused_too(self, database: Postgres, amina: UUID) -> None:
        await run(SYSTEM, "update clients set notes = 'x'")
        await run(SYSTEM, "select app_private.seal_audit(10)")
        with database.connect() as connection:
            for statement in (
                "update audit_log set address = '192.0.2.1'",
                "update audit_log set seal = null",
                "delete from audit_log",
                "truncate audit_log cascade",
                "update audit_seals set hash = sha256('')",
                "delete from audit_seals",
                "truncate audit_seals cascade",
                "update audit_values set new_values = '{}'",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())

    async def test_sealing_changes_nothing_but_the_seal(
        self, database: Postgres, amina: UUID
    ) -> None:
        await run(SYSTEM, "update clients set notes = 'x'")
        await run(SYSTEM, "select app_private.seal_audit(10)")
        await run(SYSTEM, "update clients set notes = 'y'")
        refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
        with database.connect() as connection, refused:
            connection.execute(
                "update audit_log set seal = 1, address = '192.0.2.1' where seal is null"
            )


class TestErasure:
    async def test_the_values_of_an_erased_client_go_and_the_entries_stay(
        self, database: Postgres, amina: UUID, admin: Staff
    ) -> None:
        await run(SYSTEM, "update clients set notes = 'x'")
        await erasures.erase(SYSTEM, amina, reason="request")
        assert "Amina" not in str(entries(database))
        page = await audit_reading.client_log(admin, amina)
        changes = [e for e in page.entries if e.table == "clients"]
        assert [e.action for e in changes] == ["delete", "update"]
        assert all(e.values_erased and e.old is None and e.new is None for e in changes)
        assert all(e.client_name is None for e in changes)

    async def test_nobody_erases_values_but_an_erasure(
        self, amina: UUID, people: dict[str, Staff], database: Postgres
    ) -> None:
        erase = "select app_private.erase_audit_values(:client)"
        for actor in (people["admin"], people["caseworker"], SYSTEM):
            with pytest.raises(DBAPIError, match="permission denied"):
                await run(actor, erase, client=amina)
        with database.connect() as connection:
            for client in (amina, uuid4()):
                with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                    connection.execute("select app_private.erase_audit_values(%s)", (client,))


class TestLooking:
    """Whoever sees something of somebody is told, wherever they see it."""

    async def test_a_list_tells_whom_it_showed_and_its_refreshes_nothing(
        self, database: Postgres, caseworker: Staff, amina: UUID
    ) -> None:
        empty(database)
        await clients.list_clients(caseworker)
        await clients.list_clients(caseworker, again=True)
        await clients.list_clients(caseworker, search="Amina")
        viewed, searched = entries(database)
        assert [(e["action"], e["table_name"]) for e in (viewed, searched)] == [
            ("view", "clients"),
            ("search", "clients"),
        ]
        assert viewed["details"] == searched["details"] == {"found": 1, "shown": [str(amina)]}

    async def test_a_list_of_the_longest_kind_is_told_whole(
        self, database: Postgres, caseworker: Staff
    ) -> None:
        await run(SYSTEM, "insert into clients (name) select 'N' from generate_series(1, 200)")
        await clients.list_clients(caseworker, limit=200)
        [told] = entries(database, "view")
        assert len(told["details"]["shown"]) == 200

    async def test_older_messages_are_told_and_the_newest_belong_to_the_file(
        self, database: Postgres, caseworker: Staff
    ) -> None:
        words = (bodies.text(AMINA, f"Hola {n}") for n in range(3))
        await deliver(*(bodies.from_sender(DEMO_NUMBER, AMINA, said) for said in words))
        [client] = (await clients.list_clients(caseworker)).items
        empty(database)
        page = await conversations.timeline(caseworker, client.id, limit=1)
        assert entries(database) == []
        await conversations.timeline(caseworker, client.id, before=page.older, again=True)
        assert entries(database) == []
        await conversations.timeline(caseworker, client.id, before=page.older)
        [told] = entries(database)
        assert (told["action"], told["table_name"]) == ("view", "messages")
        assert told["client_id"] == client.id

    async def test_documents_the_team_deliveries_holds_and_previews_are_told(
        self, database: Postgres, admin: Staff, amina: UUID
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into webhook_items (delivery_id, position, field, state, code, reason, raw)"
                " values (1, 0, 'messages', 'quarantined', 'x', 'x', '\"Amina\"')"
            )
            connection.execute("update clients set status = 'archived'")
            connection.execute(
                "update clients set archived_at = now() - interval '9 years',"
                " created_at = now() - interval '9 years'"
            )
        empty(database)
        await documents.list_documents(admin, amina)
        await staff_admin.list_staff(admin)
        await staff_admin.list_staff(admin, again=True)
        await staff_admin.sessions_of(admin, admin.id)
        await unprocessed.overview(admin)
        await unprocessed.overview(admin, again=True)
        await erasures.legal_hold_of(admin, amina)
        await retention.preview(admin, "archived_clients", 365)
        told = [(e["table_name"], e["client_id"]) for e in entries(database, "view")]
        assert told == [
            ("documents", amina),
            ("staff", None),
            ("staff_sessions", None),
            ("webhook_items", None),
            ("clients", amina),
            ("retention_rules", None),
        ]
        assert entries(database)[-1]["details"]["shown"] == [str(amina)]
        assert "Amina" not in json.dumps([e["details"] for e in entries(database)])


class TestReading:
    async def test_a_client_s_history_tells_who_did_what_newest_first(
        self, database: Postgres, people: dict[str, Staff], amina: UUID
    ) -> None:
        caseworker, admin = people["caseworker"], people["admin"]
        await clients.get_client(caseworker, amina)
        await clients.decide_profile(caseworker, amina, "ASYLUM")
        page = await audit_reading.client_log(admin, amina)
        decided, viewed = page.entries
        assert (viewed.action, viewed.table, viewed.row_id) == ("view", "clients", str(amina))
        assert decided.actor_name == caseworker.name
        assert decided.client_name == "Amina"
        assert decided.old is not None
        assert decided.new is not None
        assert (decided.old["profile_type"], decided.new["profile_type"]) == ("OTHER", "ASYLUM")
        assert not decided.sealed
        assert page.older is None

    async def test_it_has_the_lists_and_searches_that_showed_the_client(
        self, database: Postgres, people: dict[str, Staff], amina: UUID
    ) -> None:
        caseworker, viewer = people["caseworker"], people["viewer"]
        await run(SYSTEM, "insert into clients (name) values ('Fatou')")
        empty(database)
        await clients.list_clients(viewer)
        await clients.list_clients(viewer, search="Fatou")
        await clients.list_clients(viewer, search="Amina")
        await clients.get_client(viewer, amina)
        for reader in (caseworker, people["admin"]):
            page = await audit_reading.client_log(reader, amina)
            told = [e.action for e in page.entries if e.table == "clients"]
            assert told == ["view", "search", "view"]
            assert {e.actor_name for e in page.entries if e.table == "clients"} == {viewer.name}
        assert [e.action for e in await all_pages(people["admin"], client_id=amina)] == [
            *("view", "view"),
            *("view", "search", "view"),
        ]

    async def test_viewers_read_none_of_it_behind_the_services_either(
        self, people: dict[str, Staff], amina: UUID
    ) -> None:
        await clients.list_clients(people["caseworker"])
        async with begin(people["viewer"]) as connection:
            assert await connection.scalar(text("select count(*) from audit_log")) == 0

    async def test_somebody_s_doings_include_what_the_sign_in_tells_of_them(
        self, people: dict[str, Staff], database: Postgres, amina: UUID
    ) -> None:
        admin, caseworker = people["admin"], people["caseworker"]
        empty(database)
        token = await sign_in_demo(caseworker.email)
        assert token is not None
        await SignIn(public_url="http://127.0.0.1:8000", demo=LocalIdentity()).sign_out(token)
        await clients.get_client(caseworker, amina)
        # Of their row, but an admin's doing.
        await run(admin, "update staff set name = 'X' where id = :id", id=caseworker.id)
        found = await all_pages(admin, staff_id=caseworker.id)
        assert [e.action for e in found] == ["view", "sign_out", "sign_in"]
        assert {e.actor_name for e in found} == {"X"}
        access = await all_pages(admin, staff_id=caseworker.id, action="access")
        assert [e.action for e in access] == ["sign_out", "sign_in"]

    async def test_a_refusal_names_whose_file_it_was_about(
        self, people: dict[str, Staff], amina: UUID
    ) -> None:
        with pytest.raises(Forbidden):
            await erasures.erase(people["viewer"], amina, reason="request")
        newest, *_ = (await audit_reading.client_log(people["caseworker"], amina)).entries
        assert (newest.action, newest.actor_name) == ("refuse", people["viewer"].name)

    async def test_reading_is_told_as_well(
        self, database: Postgres, admin: Staff, amina: UUID
    ) -> None:
        empty(database)
        await audit_reading.client_log(admin, amina)
        await audit_reading.read_log(admin, Filters(table="clients"))
        by_client, by_table = entries(database)
        assert (by_client["action"], by_client["table_name"]) == ("view", "audit_log")
        assert by_client["client_id"] == amina
        assert by_table["details"] == {"table": "clients"}

    async def test_who_may_not_see_a_client_finds_nothing(
        self, people: dict[str, Staff], amina: UUID
    ) -> None:
        for staff in (people["admin"], people["caseworker"]):
            with pytest.raises(NotFound):
                await audit_reading.client_log(staff, uuid4())
        with pytest.raises(Forbidden):
            await audit_reading.client_log(people["viewer"], amina)

    async def test_an_erased_client_s_history_is_for_admins(
        self, people: dict[str, Staff], amina: UUID
    ) -> None:
        await erasures.erase(people["admin"], amina, reason="request")
        assert (await audit_reading.client_log(people["admin"], amina)).entries
        with pytest.raises(NotFound):
            await audit_reading.client_log(people["caseworker"], amina)

    async def test_colleagues_addresses_are_for_admins(
        self, people: dict[str, Staff], amina: UUID
    ) -> None:
        token = ORIGIN.set(Origin("203.0.113.7", "3f2a"))
        try:
            await clients.get_client(people["caseworker"], amina)
        finally:
            ORIGIN.reset(token)
        for_admin = await audit_reading.client_log(people["admin"], amina)
        for_others = await audit_reading.client_log(people["caseworker"], amina)
        assert "203.0.113.7" in {e.address for e in for_admin.entries}
        assert {e.address for e in for_others.entries} == {None}

    async def test_only_admins_read_the_log(self, people: dict[str, Staff], amina: UUID) -> None:
        for role in ("caseworker", "viewer"):
            with pytest.raises(Forbidden):
                await audit_reading.read_log(people[role])
            with pytest.raises(Forbidden):
                await audit_reading.export_log(people[role])
        async with begin(people["viewer"]) as connection:
            assert await connection.scalar(text("select count(*) from audit_log")) == 0

    async def test_pages_follow_each_other_without_gap_or_repetition(
        self, database: Postgres, admin: Staff
    ) -> None:
        # Several at the very same moment, as clocks allow.
        await run(SYSTEM, "insert into clients (name) select 'N' from generate_series(1, 60)")
        seen: list[int] = []
        before = None
        while True:
            page = await audit_reading.read_log(
                admin, Filters(table="clients", action="insert"), before=before, limit=7
            )
            seen += [e.id for e in page.entries]
            before = page.older
            if before is None:
                break
        assert len(seen) == len(set(seen)) == 60

    async def test_each_filter_narrows(
        self, database: Postgres, people: dict[str, Staff], amina: UUID
    ) -> None:
        admin, caseworker = people["admin"], people["caseworker"]
        empty(database)
        await clients.get_client(caseworker, amina)
        await clients.decide_profile(caseworker, amina, "ASYLUM")
        await audit.record_alone(admin, "export", table="clients")
        await audit.record_alone(SYSTEM, "something_new")
        now = datetime.now(UTC)

        async def actions(**wanted: Any) -> list[str]:
            page = await audit_reading.read_log(admin, Filters(**wanted))
            return [e.action for e in page.entries if e.table != "audit_log"]

        assert await actions(staff_id=caseworker.id) == ["update", "view"]
        assert await actions(action="changes") == ["update"]
        assert await actions(action="reading", staff_id=caseworker.id) == ["view"]
        assert await actions(action="export") == ["export"]
        assert await actions(action="other") == ["something_new"]
        assert await actions(table="clients", client_id=amina) == ["update", "view"]
        assert await actions(until=now - timedelta(hours=1)) == []
        assert await actions(since=now - timedelta(hours=1), action="copies") == ["export"]
        assert await actions(table="nothing") == []

    @pytest.mark.parametrize(
        "cursor", ["", "x", "-", "20261123T000000.0-x", "9" * 400, "\0", "é-1"]
    )
    async def test_a_cursor_that_nobody_was_given_is_no_error(
        self, admin: Staff, cursor: str
    ) -> None:
        await audit_reading.read_log(admin, before=cursor)


class TestExport:
    async def test_it_is_a_file_for_spreadsheets_without_names_of_clients(
        self, database: Postgres, admin: Staff, amina: UUID
    ) -> None:
        await run(SYSTEM, "update clients set notes = 'x'")
        export = await audit_reading.export_log(admin, Filters(client_id=amina))
        assert export.content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(export.content.decode("utf-8-sig"))))
        assert export.complete
        assert export.entries == len(rows) == 1
        assert (rows[0]["action"], rows[0]["fields"]) == ("update", "notes")
        assert rows[0]["client_id"] == str(amina)
        assert "Amina" not in export.content.decode()

    async def test_no_cell_is_a_formula(self, database: Postgres, admin: Staff) -> None:
        with database.connect() as connection:
            connection.execute(
                "update staff set name = '=HYPERLINK(\"http://x\")' where id = %s", (admin.id,)
            )
        await audit.record_alone(admin, "view", row="@SUM(1)")
        export = await audit_reading.export_log(admin)
        for row in csv.reader(io.StringIO(export.content.decode("utf-8-sig"))):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]

    async def test_it_is_told(self, database: Postgres, admin: Staff) -> None:
        export = await audit_reading.export_log(admin, Filters(action="access"))
        told = entries(database, "export")[-1]
        assert told["table_name"] == "audit_log"
        assert told["details"] == {"action": "access", "entries": export.entries}


def test_every_table_is_told_or_left_out_on_purpose() -> None:
    """A new table has to be put on one side or the other."""
    left_out = {
        # Of the app's own working; nothing in them is anybody's decision.
        *("client_search", "rate_limits", "storage_removals"),
        # Told by the export that they are of, and by every download.
        "access_export_parts",
        *("sign_in_attempts", "staff_preferences"),
        # Their writer's own until they are sent.
        "drafts",
        # Files and what was judged of them; what is written of it is told, client by client.
        *("import_chunks", "import_lines", "import_rows", "import_mappings"),
        # What WhatsApp says, kept as it came.
        *("identity_changes", "message_statuses", "webhook_deliveries", "webhook_refusals"),
        *("message_templates", "template_syncs", "marketing_choices", "channel_checks"),
        # A message's file: told with the message, and by every look at it.
        "message_media",
        # How far a message is on its way; that it is sent, and by whom, is told of itself.
        "message_sends",
        # Whom a note calls, told with the note; and who is there this minute.
        *("note_mentions", "presence"),
        # Numbers, counted from what is told elsewhere.
        *("analytics_days", "analytics_deltas", "analytics_queue", "analytics_rules"),
        *("exchanges", "working_days"),
        *("audit_log", "audit_values", "audit_seals"),
    }
    assert set(metadata.tables) - left_out == TOLD
