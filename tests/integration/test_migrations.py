"""The schema goes up, down and up again, wherever it is put, and is what the queries think."""

import traceback
from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from db import migrate
from db.tables import metadata
from tests.support import TEST_SECRET, Postgres, fresh_database, one_at_a_time

#: What Supabase has made before we come: its auth schema with functions that are not ours.
SUPABASE = """
create schema auth;
create function auth.uid() returns uuid language sql stable as $$
  select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
create function auth.jwt() returns jsonb language sql stable as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
create schema extensions;
create extension pg_trgm with schema extensions;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated;
"""


@pytest.fixture
def empty(cluster: URL, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[URL]:
    with one_at_a_time(tmp_path_factory.getbasetemp().parent):
        yield fresh_database(cluster, f"empty_{worker_id}")


def _tables(url: URL) -> set[str]:
    with _connect(url) as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = 'public'")
        return {row[0] for row in found}


def _connect(url: URL) -> psycopg.Connection[tuple[str]]:
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(dsn, autocommit=True)


def test_up_down_and_up_again_on_plain_postgres(empty: URL) -> None:
    migrate.upgrade(empty)
    assert _tables(empty) == set(metadata.tables)
    migrate.downgrade(empty)
    assert _tables(empty) == set()
    migrate.upgrade(empty)
    assert _tables(empty) == set(metadata.tables)
    assert migrate.is_current(empty)


def test_up_down_and_up_again_where_supabase_was_first(empty: URL, postgres: Postgres) -> None:
    # The roles belong to the cluster; `postgres` has made them.
    with _connect(empty) as connection:
        connection.execute(SUPABASE)
    migrate.upgrade(empty)
    migrate.downgrade(empty)
    migrate.upgrade(empty)
    assert _tables(empty) == set(metadata.tables)


def test_a_password_that_cannot_be_set_is_not_told(postgres: Postgres) -> None:
    with pytest.raises(DBAPIError, match="cannot be altered") as refused:
        migrate._set_password(postgres.runtime, TEST_SECRET)
    assert TEST_SECRET not in "".join(traceback.format_exception(refused.value))


def test_the_tables_of_the_queries_are_those_of_the_migrations(postgres: Postgres) -> None:
    engine = create_engine(postgres.owner.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_server_default": False, "compare_type": True}
        )
        differences = compare_metadata(context, metadata)
    # The queries say nothing of indexes, constraints and what may be null.
    structure = [
        d
        for d in differences
        if not isinstance(d, list) and d[0] in {"add_table", "remove_table", "add_column"}
    ]
    columns = [
        d for group in differences if isinstance(group, list) for d in group if "type" in d[0]
    ]
    removed = [d for d in differences if not isinstance(d, list) and d[0] == "remove_column"]
    assert (structure, columns, removed) == ([], [], [])


def test_a_database_that_was_never_migrated_is_not_current(empty: URL) -> None:
    assert not migrate.is_current(empty)


def test_the_owner_is_privileged_and_the_runtime_is_not(postgres: Postgres) -> None:
    assert migrate.privileged(postgres.owner)
    assert not migrate.privileged(postgres.runtime)
