"""Postgres itself decides who sees what, whatever the app's code asks for."""

import json

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from db.engine import begin
from services import clients
from services.actors import Staff, System
from services.errors import Forbidden
from tests.support import STRANGER, Postgres

SYSTEM = System("test")

#: Tables of schema public.
TABLES = "pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"


@pytest.fixture
async def three_clients(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("insert into clients (name) values ('Amina'), ('Óscar'), ('Fatou')")


async def _count(actor: Staff | System) -> int:
    async with begin(actor) as connection:
        return int(await connection.scalar(text("select count(*) from clients")) or 0)


@pytest.mark.usefixtures("three_clients")
class TestClients:
    async def test_active_staff_see_all(self, people: dict[str, Staff]) -> None:
        for staff in people.values():
            assert await _count(staff) == 3
            assert (await clients.list_clients(staff)).total == 3

    async def test_a_supabase_user_who_is_not_staff_sees_none(self) -> None:
        assert await _count(STRANGER) == 0
        assert (await clients.list_clients(STRANGER)).items == []

    async def test_somebody_deactivated_sees_none_from_the_next_statement_on(
        self, admin: Staff, database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute("update staff set active = false where id = %s", (admin.id,))
        assert await _count(admin) == 0
        assert (await clients.list_clients(admin)).total == 0

    async def test_the_service_role_sees_all(self, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute("set role service_role")
            assert connection.execute("select count(*) from clients").fetchone() == (3,)

    async def test_anon_is_refused(self, database: Postgres) -> None:
        with database.connect() as connection:
            connection.execute("set role anon")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select count(*) from clients")

    async def test_a_viewer_changes_nothing(self, viewer: Staff) -> None:
        found = await clients.list_clients(viewer)
        with pytest.raises(Forbidden):
            await clients.decide_profile(viewer, found.items[0].id, "ASYLUM")
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with begin(viewer) as connection:
                await connection.execute(text("insert into clients (name) values ('X')"))

    async def test_staff_cannot_make_themselves_admins(
        self, caseworker: Staff, database: Postgres
    ) -> None:
        async with begin(caseworker) as connection:
            await connection.execute(text("update staff set role = 'admin'"))
        with database.connect() as connection:
            admins = connection.execute("select count(*) from staff where role = 'admin'")
            assert admins.fetchone() == (1,)

    async def test_only_admins_see_deliveries(
        self, people: dict[str, Staff], database: Postgres
    ) -> None:
        with database.connect() as connection:
            connection.execute(
                "insert into webhook_deliveries (body, sha256) values ('{}', sha256('{}'))"
            )
        seen = {}
        for role, staff in people.items():
            async with begin(staff) as connection:
                seen[role] = await connection.scalar(
                    text("select count(*) from webhook_deliveries")
                )
        assert seen == {"admin": 1, "caseworker": 0, "viewer": 0}

    async def test_acting_as_a_person_leaves_no_trace_in_the_pool(self, admin: Staff) -> None:
        for _ in range(10):
            await _count(admin)
        async with begin(SYSTEM) as connection:
            role = await connection.scalar(text("select current_user"))
            claims = await connection.scalar(
                text("select current_setting('request.jwt.claims', true)")
            )
        assert (role, claims or "") == ("app_backend", "")

    @pytest.mark.parametrize(
        "column",
        [
            *("last_message_preview", "last_message_at", "last_inbound_at", "profile_evidence"),
            *("created_at", "profile_name", "username", "archived_at", "id"),
        ],
    )
    async def test_nobody_on_the_staff_writes_what_nobody_would_be_told_of(
        self, admin: Staff, column: str
    ) -> None:
        """The audit log leaves these out, as it is the software that moves them along."""
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with begin(admin) as connection:
                await connection.execute(
                    text(f"update clients set {column} = default")  # noqa: S608
                )
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with begin(admin) as connection:
                await connection.execute(
                    text(f"insert into clients (name, {column}) values ('X', default)")  # noqa: S608
                )

    async def test_a_caseworker_holds_no_file_that_is_new(self, caseworker: Staff) -> None:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with begin(caseworker) as connection:
                await connection.execute(
                    text("insert into clients (name, legal_hold) values ('X', 'mine')")
                )

    @pytest.mark.parametrize("column", ["address", "request_id", "*"])
    async def test_where_a_colleague_works_from_is_for_admins(
        self, people: dict[str, Staff], column: str
    ) -> None:
        for staff in people.values():
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with begin(staff) as connection:
                    await connection.execute(text(f"select {column} from audit_log"))  # noqa: S608
            async with begin(staff) as connection:
                told = text("select count(*) from app_private.audit_origins")
                assert bool(await connection.scalar(told)) is (staff.role == "admin")
        async with begin(STRANGER) as connection:
            assert await connection.scalar(told) == 0

    @pytest.mark.parametrize("column", ["email", "has_second_factor", "*"])
    async def test_what_a_colleague_signs_in_with_is_for_admins(
        self, people: dict[str, Staff], column: str
    ) -> None:
        for staff in people.values():
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with begin(staff) as connection:
                    await connection.execute(text(f"select {column} from staff"))  # noqa: S608
            async with begin(staff) as connection:
                told = text("select count(*) from app_private.staff_emails")
                assert bool(await connection.scalar(told)) is (staff.role == "admin")
        async with begin(STRANGER) as connection:
            assert await connection.scalar(told) == 0


class TestSessions:
    """Whoever ends a session says so in their own name."""

    END = (
        "update staff_sessions set ended_at = timestamptz '2020-01-01', ended_by = :by,"
        " ended_reason = 'expired' where staff_id = :of"
    )

    @pytest.mark.parametrize(
        ("role", "of", "reason"),
        [
            ("caseworker", "caseworker", "own"),
            ("admin", "admin", "own"),
            ("admin", "viewer", "admin"),
        ],
    )
    async def test_nobody_ends_one_in_anothers_name(
        self, people: dict[str, Staff], database: Postgres, role: str, of: str, reason: str
    ) -> None:
        ends = {"by": people["viewer"].id, "of": people[of].id}
        async with begin(people[role]) as connection:
            await connection.execute(text(self.END), ends)
        with database.connect() as connection:
            told = connection.execute(
                "select distinct ended_by, ended_reason, ended_at > now() - interval '1 minute'"
                " from staff_sessions where staff_id = %s",
                [people[of].id],
            ).fetchall()
        assert told == [(people[role].id, reason, True)]

    async def test_nobody_rewrites_who_ended_one(
        self, caseworker: Staff, viewer: Staff, database: Postgres
    ) -> None:
        forged = text("update staff_sessions set ended_by = :by, ended_reason = 'expired'")
        async with begin(caseworker) as connection:
            await connection.execute(forged, {"by": viewer.id})
        async with begin(caseworker) as connection:
            await connection.execute(text(self.END), {"by": viewer.id, "of": caseworker.id})
        async with begin(caseworker) as connection:
            await connection.execute(forged, {"by": viewer.id})
        with database.connect() as connection:
            told = connection.execute(
                "select distinct ended_by, ended_reason from staff_sessions"
                " where ended_by is not null or ended_reason is not null"
            ).fetchall()
        assert told == [(caseworker.id, "own")]


class TestRuntimeRole:
    async def test_it_owns_nothing_and_cannot_bypass(self, database: Postgres) -> None:
        with database.connect() as connection:
            row = connection.execute(
                "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
                " (select count(*) from pg_class where relowner = r.oid)"
                " from pg_roles r where rolname = 'app_backend'"
            ).fetchone()
        assert row == (False, False, False, False, 0)

    @pytest.mark.parametrize(
        "statement",
        [
            "set role service_role",
            "set role postgres",
            "alter table clients disable row level security",
            "create table public.mine (id int)",
            "drop policy clients_backend on clients",
        ],
    )
    async def test_it_cannot_free_itself(self, database: Postgres, statement: str) -> None:
        with pytest.raises(ProgrammingError):
            async with begin(SYSTEM) as connection:
                await connection.execute(text(statement))


class TestCatalogue:
    """What a reviewer would look for in every table, now and in later migrations."""

    def test_every_table_has_row_level_security_and_a_policy(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            bare = connection.execute(
                f"select relname from {TABLES} and (not c.relrowsecurity"  # noqa: S608
                " or not exists (select from pg_policy p where p.polrelid = c.oid))"
            ).fetchall()
        assert bare == []

    def test_a_table_of_the_apps_own_schema_is_closed_as_well(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            open_ones = connection.execute(
                "select c.relname from pg_class c"
                " where c.relnamespace = 'app_private'::regnamespace and c.relkind in ('r', 'p')"
                " and (not c.relrowsecurity"
                # Without a policy it is its owner's alone, and nobody else has a grant either.
                "  or not exists (select from pg_policy p where p.polrelid = c.oid)"
                "   and exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)"
                "  or not exists (select from pg_index i where i.indrelid = c.oid"
                "   and i.indisprimary))"
            ).fetchall()
        assert open_ones == []

    def test_every_table_has_a_primary_key(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            bare = connection.execute(
                f"select relname from {TABLES} and not exists"  # noqa: S608
                " (select from pg_index i where i.indrelid = c.oid and i.indisprimary)"
            ).fetchall()
        assert bare == []

    def test_every_foreign_key_is_indexed(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            bare = connection.execute(
                "select k.conrelid::regclass::text, k.conname from pg_constraint k"
                " where k.contype = 'f' and k.connamespace = 'public'::regnamespace"
                " and not exists (select from pg_index i where i.indrelid = k.conrelid"
                "  and i.indpred is null"
                "  and (i.indkey::int2[])[0:array_length(k.conkey, 1) - 1] = k.conkey)"
            ).fetchall()
        assert bare == []

    def test_anon_and_public_are_granted_nothing(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            granted = connection.execute(
                "select c.relname, a.privilege_type from pg_class c"
                " join pg_namespace n on n.oid = c.relnamespace,"
                " aclexplode(c.relacl) a"
                " where n.nspname in ('public', 'app_private')"
                " and (a.grantee = 0 or a.grantee = 'anon'::regrole)"
            ).fetchall()
            functions = connection.execute(
                "select p.proname from pg_proc p where p.pronamespace = 'app_private'::regnamespace"
                " and has_function_privilege('anon', p.oid, 'execute')"
            ).fetchall()
        assert (granted, functions) == ([], [])

    def test_no_security_definer_function_is_exposed_or_finds_names_by_search_path(
        self, postgres: Postgres
    ) -> None:
        with postgres.connect() as connection:
            exposed = connection.execute(
                "select proname from pg_proc where prosecdef"
                " and pronamespace = 'public'::regnamespace"
            ).fetchall()
            loose = connection.execute(
                "select proname from pg_proc where pronamespace = 'app_private'::regnamespace"
                # Aggregates have no body. A setting would keep the others from becoming a part of
                # the query that calls them, where their names, written in full, find the same.
                " and prokind <> 'a' and proname not in ('people_facts', 'document_key')"
                " and not coalesce(proconfig::text like '%search_path%', false)"
            ).fetchall()
        assert (exposed, loose) == ([], [])

    def test_policies_ask_once_a_statement_not_once_a_row(self, postgres: Postgres) -> None:
        with postgres.connect() as connection:
            policies = connection.execute(
                "select tablename, policyname, coalesce(qual, '') || coalesce(with_check, '')"
                " from pg_policies where schemaname = 'public'"
            ).fetchall()
        calls = [p for p in policies if "app_private." in str(p[2]) or "auth." in str(p[2])]
        assert calls
        assert [p for p in calls if "SELECT" not in str(p[2])] == []


async def test_claims_that_are_no_claims_see_nothing(database: Postgres) -> None:
    with database.connect() as connection:
        connection.execute("insert into clients (name) values ('Amina')")
        for claims in ("", json.dumps({}), json.dumps({"sub": None})):
            with connection.transaction():
                connection.execute("set local role authenticated")
                connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
                assert connection.execute("select count(*) from clients").fetchone() == (0,)
