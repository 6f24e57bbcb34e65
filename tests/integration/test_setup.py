"""From a URL to a database that is ready, with a login that owns nothing."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from db import embedded, migrate
from db.setup import SetupError, open_database
from tests.support import TEST_SECRET, Postgres, fresh_database, one_at_a_time


@pytest.fixture
def bare(cluster: URL, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[URL]:
    with one_at_a_time(tmp_path_factory.getbasetemp().parent):
        yield fresh_database(cluster, f"bare_{worker_id}")


def open_(url: URL, *, strict: bool = False, owner: URL | None = None) -> URL:
    database = open_database(
        data_dir=Path("/nowhere"),
        database_url=url.render_as_string(hide_password=False),
        migration_database_url=owner.render_as_string(hide_password=False) if owner else None,
        listen_database_url=None,
        secret=TEST_SECRET,
        strict=strict,
    )
    return database.runtime


def who(url: URL) -> str:
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select session_user").fetchone()
    assert row is not None
    return str(row[0])


def test_one_url_of_an_owner_is_enough_to_try_things(bare: URL) -> None:
    runtime = open_(bare)
    assert who(runtime) == "app_backend"
    assert migrate.is_current(bare)


def test_real_mode_refuses_to_run_as_an_owner(bare: URL) -> None:
    with pytest.raises(SetupError, match="MIGRATION_DATABASE_URL"):
        open_(bare, strict=True)


def test_real_mode_runs_as_the_runtime_role_and_migrates_as_the_owner(
    bare: URL, postgres: Postgres
) -> None:
    runtime = postgres.runtime.set(database=bare.database)
    assert who(open_(runtime, strict=True, owner=bare)) == "app_backend"
    assert migrate.is_current(bare)
    # The next start needs no owner: the schema is there.
    assert who(open_(runtime, strict=True)) == "app_backend"


def test_the_runtime_role_alone_says_what_is_missing(bare: URL, postgres: Postgres) -> None:
    runtime = postgres.runtime.set(database=bare.database)
    with pytest.raises(SetupError, match="migrate"):
        open_(runtime, strict=True)


async def test_processes_that_start_together_migrate_once(bare: URL) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, bare) for _ in range(4)))
    assert migrate.is_current(bare)


def handles(data_dir: Path) -> Path:
    return data_dir / "postgres" / ".handle_pids.json"


def test_the_embedded_server_stops_with_its_last_user_though_another_was_killed(
    tmp_path: Path,
) -> None:
    starting = f"""
import os, pathlib, signal
from db import embedded
embedded.start(pathlib.Path({str(tmp_path)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", starting], cwd=root, check=False)
    assert killed.returncode < 0
    (left,) = json.loads(handles(tmp_path).read_text())

    server, _ = embedded.start(tmp_path)
    assert json.loads(handles(tmp_path).read_text()) == [os.getpid()] != [left]
    running = tmp_path / "postgres" / "postmaster.pid"  # Postgres removes it when it stops
    assert running.exists()
    server.cleanup()
    assert not running.exists()


@pytest.mark.parametrize("content", ["", "[1", "5", '["a"]'])
def test_a_list_of_users_that_was_cut_off_is_started_anew(tmp_path: Path, content: str) -> None:
    handles(tmp_path).parent.mkdir()
    handles(tmp_path).write_text(content)
    embedded._forget_the_dead(handles(tmp_path))
    assert json.loads(handles(tmp_path).read_text()) == []


def test_only_who_was_there_when_the_list_was_written_counts_as_a_user(tmp_path: Path) -> None:
    handles(tmp_path).parent.mkdir()
    content = json.dumps([os.getpid()])
    handles(tmp_path).write_text(content)
    embedded._forget_the_dead(handles(tmp_path))
    assert handles(tmp_path).read_text() == content
    # The id went to another process since, as after a restart of the machine.
    os.utime(handles(tmp_path), (0, 0))
    embedded._forget_the_dead(handles(tmp_path))
    assert json.loads(handles(tmp_path).read_text()) == []
