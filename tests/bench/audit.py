"""What the audit log costs: the same statements with its triggers and without."""

import time
from pathlib import Path
from statistics import median

import psycopg

from db import embedded, migrate
from tests.bench.report import Line

ROUNDS = 7
#: Rows of one statement.
ROWS = 1_000
#: What WhatsApp brings: new people with their numbers, and messages that move their files along.
STATEMENTS = {
    "new clients": (
        "insert into clients (profile_name, username)"
        " select 'Nombre ' || g, 'user' || g from generate_series(1, %(rows)s) g"
    ),
    "new identities": (
        "insert into client_identities (client_id, kind, value)"
        " select id, 'phone', gen_random_uuid() from clients c"
        " where not exists (select from client_identities i where i.client_id = c.id)"
    ),
    "messages": (
        "update clients set last_message_at = now(), unread_count = unread_count + 1,"
        " updated_at = now() where id in (select id from clients order by id limit %(rows)s)"
    ),
}
#: So many times as long a statement may take with the log: two more rows for each that it tells.
ALLOWED = {"new clients": 3.0, "new identities": 4.0, "messages": 2.0}


def measure(folder: Path) -> list[Line]:
    """Run each statement in turn, on the same growing tables, with the triggers and without."""
    server, owner = embedded.start(folder / "audit")
    try:
        migrate.upgrade(owner)
        url = owner.set(drivername="postgresql").render_as_string(hide_password=False)
        times: dict[tuple[str, bool], list[float]] = {}
        with psycopg.connect(url, autocommit=True) as connection:
            for _ in range(ROUNDS):
                for is_told in (True, False):
                    _tell(connection, told=is_told)
                    for name, statement in STATEMENTS.items():
                        spent = _run(connection, statement)
                        times.setdefault((name, is_told), []).append(spent)
    finally:
        server.cleanup()
    lines = []
    for name, allowed in ALLOWED.items():
        with_log, without = (median(times[name, is_told]) for is_told in (True, False))
        lines.append(
            Line(
                f"audit, {name}",
                f"{without / ROWS * 1e6:.0f} us a row without",
                f"{with_log / ROWS * 1e6:.0f} us",
                with_log / without,
                allowed,
                at_most=True,
            )
        )
    return lines


def _tell(connection: psycopg.Connection, *, told: bool) -> None:
    """Switch the log's triggers on or off."""
    triggers = connection.execute(
        "select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
        " join pg_proc p on p.oid = t.tgfoid where p.proname in ('audit_row', 'audit_rows')"
    ).fetchall()
    word = "enable" if told else "disable"
    for table, trigger in triggers:
        connection.execute(f"alter table {table} {word} trigger {trigger}".encode())


def _run(connection: psycopg.Connection, statement: str) -> float:
    started = time.perf_counter()
    connection.execute(statement.encode(), {"rows": ROWS})
    return time.perf_counter() - started
