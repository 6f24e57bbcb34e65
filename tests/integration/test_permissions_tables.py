"""What Postgres itself lets each person do with each table, by any statement of their own.

As `authenticated`, as PostgREST and our own pages do. Each table holds rows, and each answer is
measured: what is expected stands in `TABLES`, and a new table fails until it is there.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from db.tables import metadata
from services.actors import Staff
from tests.support import OUTSIDER, Postgres

WHO = ("admin", "caseworker", "viewer", "outsider", "deactivated")

#: For select, insert, update, delete: what admin, caseworker, viewer, outsider and somebody who was
#: deactivated may. a: all rows; o: some, their own; -: the statement runs and finds nothing;
#: x: it is refused.
TABLES: dict[str, tuple[str, str, str, str]] = {
    #                     select   insert   update   delete
    "access_export_parts": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "access_exports": ("a----", "axxxx", "xxxxx", "a----"),
    "assignments": ("aaa--", "ooxxx", "oo---", "xxxxx"),
    "analytics_days": ("ao---", "xxxxx", "xxxxx", "xxxxx"),
    "analytics_deltas": ("ao---", "xxxxx", "xxxxx", "xxxxx"),
    "analytics_queue": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "analytics_rules": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "audit_log": ("ao---", "xxxxx", "xxxxx", "xxxxx"),
    "audit_seals": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "audit_values": ("ao---", "xxxxx", "xxxxx", "xxxxx"),
    "canned_replies": ("aaa--", "aaxxx", "aa---", "aa---"),
    "channel_checks": ("a----", "xxxxx", "a----", "xxxxx"),
    "client_identities": ("aaa--", "aaxxx", "aa---", "xxxxx"),
    "client_labels": ("aaa--", "xxxxx", "xxxxx", "aa---"),
    "client_notes": ("aaa--", "ooxxx", "xxxxx", "oo---"),
    "client_search": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "clients": ("aaa--", "aaxxx", "aa---", "xxxxx"),
    "desk_settings": ("aaa--", "axxxx", "a----", "xxxxx"),
    "disabled_keywords": ("aaa--", "axxxx", "xxxxx", "a----"),
    "documents": ("aaa--", "xxxxx", "aa---", "aa---"),
    "drafts": ("oo---", "ooxxx", "oo---", "oo---"),
    "erasures": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "exchanges": ("aa---", "xxxxx", "xxxxx", "xxxxx"),
    "identity_changes": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "identity_conflicts": ("aaa--", "xxxxx", "aa---", "xxxxx"),
    "message_media": ("aaa--", "xxxxx", "aa---", "xxxxx"),
    "marketing_choices": ("aaa--", "xxxxx", "xxxxx", "xxxxx"),
    "labels": ("aaa--", "xxxxx", "aa---", "aa---"),
    "message_sends": ("aaa--", "ooxxx", "xxxxx", "xxxxx"),
    "import_chunks": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "import_lines": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "import_mappings": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "import_rows": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "imports": ("a----", "oxxxx", "a----", "xxxxx"),
    "message_statuses": ("aaa--", "xxxxx", "xxxxx", "xxxxx"),
    "message_templates": ("aaa--", "xxxxx", "xxxxx", "xxxxx"),
    # Of an update only the decision about one that nobody knows of.
    "messages": ("aaa--", "ooxxx", "xx---", "oo---"),
    "note_mentions": ("aaa--", "ooxxx", "ooo--", "xxxxx"),
    "own_keywords": ("aaa--", "axxxx", "a----", "a----"),
    "presence": ("aaa--", "oooxx", "ooo--", "ooo--"),
    "rate_limits": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "retention_rules": ("a----", "axxxx", "a----", "xxxxx"),
    "sign_in_attempts": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "staff": ("aaa--", "axxxx", "a----", "xxxxx"),
    "staff_identities": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "staff_preferences": ("ooo--", "oooxx", "ooo--", "xxxxx"),
    "staff_sessions": ("aoo--", "xxxxx", "aoo--", "xxxxx"),
    "storage_removals": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
    "structured_messages": ("aaa--", "aaxxx", "aa---", "aa---"),
    "template_syncs": ("aaa--", "axxxx", "a----", "xxxxx"),
    "webhook_deliveries": ("a----", "xxxxx", "a----", "xxxxx"),
    "webhook_items": ("a----", "xxxxx", "a----", "xxxxx"),
    "webhook_refusals": ("a----", "xxxxx", "xxxxx", "xxxxx"),
    "whatsapp_numbers": ("aaa--", "xxxxx", "a----", "xxxxx"),
    "working_days": ("xxxxx", "xxxxx", "xxxxx", "xxxxx"),
}

CARMEN = "carmen.ortiz@acogida.example"

#: At least one row in every table; with rows of several people where some are somebody's own.
SEED = """
insert into clients (name) values ('Amina'), ('Fatou');
insert into client_identities (client_id, kind, value)
  select id, 'phone', '+34600' || row_number() over () from clients;
insert into identity_conflicts (client_id, other_client_id, kind, value)
  select min(id::text)::uuid, max(id::text)::uuid, 'phone', '+34600' from clients;
insert into identity_changes (previous, current, keys, occurred_at)
  values ('{}', '{}', '{k}', now());
insert into whatsapp_numbers (phone_number_id) values ('1');
insert into messages (client_id, phone_number_id, whatsapp_id, direction, type, sent_at, status)
  select id, '1', 'wamid.' || name, 'inbound', 'text', now(), 'received' from clients;
insert into message_media (message_id, client_id, media_id)
  select id, client_id, '1' from messages;
insert into messages (client_id, phone_number_id, direction, type, sent_at, status)
  select min(id::text)::uuid, '1', 'outbound', 'text', now(), 'queued' from clients;
insert into messages (client_id, phone_number_id, direction, type, sent_at, status)
  select min(id::text)::uuid, '1', 'outbound', 'text', now(), 'unknown' from clients;
insert into message_sends (message_id, client_id, phone_number_id, request, created_by)
  select m.id, m.client_id, '1', '{}', s.id from messages m, staff s
  where (m.status, s.email) in (('queued', 'omar.benali@acogida.example'),
    ('unknown', 'lucia.ferrer@acogida.example'));
insert into message_statuses (phone_number_id, whatsapp_id, status) values ('1', 'w', 'sent');
insert into webhook_deliveries (body, sha256) values ('{}', sha256('{}'));
insert into webhook_items (delivery_id, position, field, state, code, raw)
  values (1, 0, 'messages', 'quarantined', 'x', '{}');
insert into webhook_refusals (day, reason, count, last_at) values (now(), 'x', 1, now());
insert into staff_preferences (staff_id) select id from staff on conflict do nothing;
insert into staff_identities (issuer, subject, staff_id)
  select 'test', id::text, id from staff on conflict do nothing;
insert into sign_in_attempts (state_sha256, browser_sha256, provider, secrets, next_path)
  values (sha256('a'), sha256('b'), 'oidc', '', '/');
insert into rate_limits (rule, key_sha256, window_started_at, hits)
  values ('x', sha256('x'), now(), 1);
insert into documents (client_id, storage_key, name, media_type, size, sha256)
  select id, 'documents/' || id, 'x.pdf', 'application/pdf', 1, sha256('x') from clients;
insert into storage_removals (storage_key) values ('documents/gone');
insert into access_exports (client_id) select id from clients;
insert into access_export_parts (export_id, number, client_id, storage_key, size, sha256)
  select id, 1, client_id, 'exports/' || id, 1, sha256('x') from access_exports;
insert into erasures (client_id, reason) values (gen_random_uuid(), 'request');
insert into analytics_rules (timezone, hours) values ('Europe/Madrid', '12345 09:00-18:00');
insert into working_days (day, opens_at, closes_at, seconds_before)
  values ('2026-11-30', '2026-11-30 09:00+01', '2026-11-30 18:00+01', 0);
insert into exchanges (client_id, number, started_at) select id, 1, now() from clients;
update clients set assigned_to = (select min(s.id::text)::uuid from staff s where s.role = 'admin')
  where name = 'Amina';
insert into analytics_days (metric, day, profile, whose, key, n)
  select metric, day, profile, whose, key, sum(n) from analytics_deltas group by 1, 2, 3, 4, 5;
insert into retention_rules (kind, days, active) values ('rate_limits', 1, true);
insert into message_templates (meta_id, name, language, category, status, components)
  values ('1', 'cita', 'es', 'UTILITY', 'APPROVED', '[]');
insert into marketing_choices (client_id, wants, said_at) select id, false, now() from clients;
insert into template_syncs default values;
insert into channel_checks (phone_number_id) values ('1');
insert into canned_replies (shortcut, title, texts) values ('hola', 'Hola', '{"es": "Hola"}');
insert into structured_messages (title, kind, content) values ('Menú', 'buttons', '{}');
insert into drafts (client_id, staff_id, kind, text)
  select clients.id, staff.id, 'answer', 'Hola' from clients, staff;
insert into labels (name, colour) values ('x', 'blue');
insert into client_labels (client_id, label_id) select c.id, l.id from clients c, labels l;
insert into client_notes (client_id, author_id, body)
  select c.id, s.id, 'x' from clients c, staff s where s.active;
insert into note_mentions (note_id, staff_id, client_id)
  select n.id, s.id, n.client_id from client_notes n, staff s;
insert into assignments (client_id, assigned_to, assigned_by)
  select c.id, s.id, s.id from clients c, staff s where s.role <> 'viewer';
insert into presence (client_id, page, staff_id)
  select min(c.id::text)::uuid, s.id::text, s.id from clients c, staff s group by s.id;
insert into desk_settings (id) values (true);
insert into own_keywords (phrase, folded, profile_type, weight)
  values ('Hoja 19', 'hoja 19', 'ASYLUM', 0.5);
insert into disabled_keywords (language, keyword) values ('es', 'guerra');
insert into imports (requested_by, file_name, kind)
  select id, 'x.csv', 'csv' from staff where active;
insert into import_chunks (import_id, number, content) select id, 0, 'x' from imports;
insert into import_lines (import_id, row, line) select id, 1, 'x' from imports;
insert into import_rows (import_id, row, result) select id, 1, 'invalid' from imports;
insert into import_mappings (signature, columns) values ('x', '[]');
select app_private.seal_audit(2);
"""


@pytest.fixture
async def everybody(people: dict[str, Staff], database: Postgres) -> dict[str, UUID]:
    """The `sub` of each, with rows in every table."""
    with database.connect() as connection:
        connection.execute(SEED.encode())
        carmen = connection.execute(
            "update staff set active = false where email = %s returning user_id", [CARMEN]
        ).fetchone()
    assert carmen is not None
    assert isinstance(carmen[0], UUID)
    found = {role: person.user_id for role, person in people.items()}
    return {**found, "outsider": OUTSIDER.user_id, "deactivated": carmen[0]}


@pytest.fixture
def owner(database: Postgres) -> Iterator["psycopg.Connection[dict[str, Any]]"]:
    url = database.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, row_factory=dict_row) as connection:
        yield connection


class Table:
    """One table, tried as somebody; whatever happens is rolled back."""

    def __init__(self, name: str, connection: "psycopg.Connection[dict[str, Any]]") -> None:
        self.name = name
        self._connection = connection
        self._columns = connection.execute(
            "select attname as name, attgenerated <> '' or attidentity = 'a' as automatic,"
            " has_column_privilege('authenticated', attrelid, attnum, 'select') as select,"
            " has_column_privilege('authenticated', attrelid, attnum, 'insert') as insert,"
            " has_column_privilege('authenticated', attrelid, attnum, 'update') as update"
            " from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
            " order by attnum",
            [f"public.{name}"],
        ).fetchall()
        rows = connection.execute(f"select to_jsonb(t) as row from public.{name} t".encode())  # noqa: S608
        self._rows = [found["row"] for found in rows]
        self.size = len(self._rows)
        connection.rollback()

    def try_all(self, sub: UUID) -> list[str]:
        """One letter for each of select, insert, update, delete."""
        return [
            self._try(sub, self._select()),
            self._try_to_add(sub),
            self._try(sub, self._update()),
            self._try(sub, f"delete from public.{self.name}"),  # noqa: S608
        ]

    def _select(self) -> str:
        return f"select {self._one('select')} from public.{self.name}"  # noqa: S608

    def _update(self) -> str:
        column = self._one("update")
        # Without a condition: one would need the right to read, too.
        return f"update public.{self.name} set {column} = default"  # noqa: S608

    def _insert(self) -> str:
        settable = [c for c in self._columns if not c["automatic"]]
        columns = [c["name"] for c in settable if c["insert"]] or [c["name"] for c in settable]
        listed = ", ".join(f'"{name}"' for name in columns)
        return (
            f"insert into public.{self.name} ({listed}) select {listed}"  # noqa: S608
            f" from jsonb_populate_record(null::public.{self.name}, %s)"
        )

    def _one(self, right: str) -> str:
        """A column that may be read or changed, or any where none may."""
        settable = [c for c in self._columns if not c["automatic"] or right == "select"]
        names = [c["name"] for c in settable if c[right]] or [c["name"] for c in settable]
        return f'"{names[-1]}"'

    def _try_to_add(self, sub: UUID) -> str:
        """Each row once more: that it is there already is noticed after row-level security."""
        outcomes = {self._try(sub, self._insert(), [Jsonb(row)]) for row in self._rows}
        return outcomes.pop() if len(outcomes) == 1 else "o"

    def _try(self, sub: UUID, statement: str, values: list[Any] | None = None) -> str:
        connection = self._connection
        try:
            connection.execute("set local role authenticated")
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": str(sub)})]
            )
            count = connection.execute(statement.encode(), values).rowcount
        except psycopg.errors.InsufficientPrivilege:
            return "x"
        except psycopg.errors.IntegrityError:
            # Row-level security has let it through; the table's own rules had the last word.
            return "a"
        finally:
            connection.rollback()
        if values or count == self.size:
            return "a"
        return "o" if count else "-"


def test_every_table_is_expected_to_be_something() -> None:
    assert set(TABLES) == set(metadata.tables)


@pytest.mark.parametrize("name", sorted(metadata.tables))
async def test_a_table_gives_each_what_is_theirs(
    everybody: dict[str, UUID], owner: "psycopg.Connection[dict[str, Any]]", name: str
) -> None:
    table = Table(name, owner)
    assert table.size, "a table without rows shows nothing"
    letters = [table.try_all(everybody[who]) for who in WHO]
    found = tuple("".join(column) for column in zip(*letters, strict=True))
    assert found == TABLES[name]
