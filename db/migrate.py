"""Alembic, called from Python: at start under a lock, by command, and in tests."""

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import InternalError, OperationalError

RUNTIME_ROLE = "app_backend"

#: Any number, as long as every process that migrates takes the same one.
_LOCK = 7_230_114_055
#: How often the runtime role is tried, while another database of the cluster is at it.
_ATTEMPTS = 10


def upgrade(url: URL, revision: str = "head") -> None:
    """Bring the schema to `revision`. Processes that start together wait for one another."""
    _run(url, lambda config: command.upgrade(config, revision))


def downgrade(url: URL, revision: str = "base") -> None:
    """Take the schema back to `revision`. Roles and Supabase's own schemas stay."""
    _run(url, lambda config: command.downgrade(config, revision))


def configuration() -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _run(url: URL, action: Callable[[Config], None]) -> None:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.execute(text("create schema if not exists app_private"))
            connection.commit()
            config = configuration()
            config.attributes["connection"] = connection
            action(config)
            connection.commit()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()
    finally:
        engine.dispose()


def privileged(url: URL) -> bool:
    """Whether this login could pass row-level security: a superuser, BYPASSRLS, or an owner."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return _is_privileged(connection)
    finally:
        engine.dispose()


def _is_privileged(connection: Connection) -> bool:
    return bool(
        connection.scalar(
            text(
                "select rolsuper or rolbypassrls or rolcreaterole or exists ("
                "  select from pg_catalog.pg_class c join pg_catalog.pg_namespace n"
                "    on n.oid = c.relnamespace"
                "  where n.nspname in ('public', 'app_private') and c.relowner = r.oid)"
                " from pg_catalog.pg_roles r where rolname = session_user"
            )
        )
    )


def runtime_login(owner: URL, secret: str) -> URL:
    """Let the runtime role log in, and return its URL on the owner's database.

    The password is derived from the session secret, so that every process of one installation
    agrees on it and it is written down nowhere.
    """
    password = hmac.new(secret.encode(), RUNTIME_ROLE.encode(), hashlib.sha256).hexdigest()
    runtime = owner.set(username=RUNTIME_ROLE, password=password)
    for attempt in range(1, _ATTEMPTS + 1):
        # Nothing is altered that is right already: roles belong to the whole cluster, and two
        # databases of it that start together would alter the same row.
        if _lets_in(runtime):
            break
        if _set_password(owner, password):
            break
        time.sleep(0.1 * attempt)
    else:
        raise RuntimeError("the runtime role could not be let in: another database alters it")
    return runtime


def _set_password(owner: URL, password: str) -> bool:
    """Whether it could be set; somebody else was at it otherwise."""
    engine = _engine(owner)
    try:
        with engine.begin() as connection:
            # ALTER ROLE takes no parameters, so the server quotes the literal. An error would quote
            # the statement in its context: another one goes in its place.
            connection.execute(
                text("select set_config('acogida.password', :password, true)"),
                {"password": password},
            )
            connection.execute(
                text(
                    "do $$ begin execute format('alter role app_backend login password %L',"
                    " current_setting('acogida.password'));"
                    " exception when others then raise exception using errcode = sqlstate,"
                    " message = 'the runtime role cannot be altered'; end $$"
                )
            )
    except InternalError:  # tuple concurrently updated
        return False
    finally:
        engine.dispose()
    return True


def _lets_in(url: URL) -> bool:
    engine = _engine(url)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


def is_current(url: URL) -> bool:
    """Whether the schema is at the newest revision, as far as this login may see."""
    newest = newest_revision()
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            exists = connection.scalar(text("select to_regclass('app_private.alembic_version')"))
            if exists is None:
                return False
            found = connection.scalar(text("select version_num from app_private.alembic_version"))
            return bool(found == newest)
    finally:
        engine.dispose()


def newest_revision() -> str:
    """The revision that this version of the app was written for."""
    return str(ScriptDirectory.from_config(configuration()).get_current_head())


def _engine(url: URL) -> Engine:
    return create_engine(url.set(drivername="postgresql+psycopg"), hide_parameters=True)
