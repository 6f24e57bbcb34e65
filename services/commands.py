"""What whoever runs the installation types: `python main.py COMMAND`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pydantic import SecretStr

from db import engine
from db.setup import Database, migrate_database, open_database
from services import audit_verify, erasures, keys, logs, staff, staff_admin
from services.actors import System
from services.analytics import counting
from services.errors import Invalid
from services.settings import Settings, load_for_database
from services.simulator import demo

T = TypeVar("T")

COMMAND = System("command")

_FIELDS = {"email": "e-mail address", "name": "name"}
_PROBLEMS = {
    "required": "it is empty",
    "not_an_email": "no mail could be sent there",
    "too_long": "it is too long",
    "not_readable": "it holds what cannot be read",
}

#: Makes the OpenAPI document of the whole app, which only the composition root knows.
Describe = Callable[[Settings, Database], dict[str, Any]]


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    arguments = argparse.ArgumentParser(
        prog="python main.py", description="Acogida: casework on WhatsApp."
    )
    commands = arguments.add_subparsers(dest="command", metavar="command")
    serving = commands.add_parser("serve", help="serve the app (the default)")
    serving.add_argument(
        "--no-demo", action="store_true", help="mock mode: start without demo data"
    )
    commands.add_parser("migrate", help="bring the database's schema up to date")
    commands.add_parser(
        "seed-demo", help="post the demo data to the app that runs here (mock mode)"
    )
    admin = commands.add_parser("create-admin", help="add the first admin to the staff")
    admin.add_argument("email")
    admin.add_argument("--name", default="Admin", help="as colleagues will see it")
    unlinking = commands.add_parser(
        "unlink-account", help="tie somebody's entry anew, whose account was made again"
    )
    unlinking.add_argument("email")
    verifying = commands.add_parser("verify-audit", help="prove that nobody altered the audit log")
    verifying.add_argument("--head", help="the last seal's hash, as a log line noted it earlier")
    proving = commands.add_parser(
        "verify-analytics", help="prove that the dashboard's numbers are what the rows say"
    )
    proving.add_argument(
        "--rebuild", action="store_true", help="count everything anew first: after a restore"
    )
    commands.add_parser("list-returned", help="after a restore: erased clients who are back")
    commands.add_parser("export-openapi", help="print the OpenAPI document")
    return arguments


def migrate() -> None:
    """Migrate with nothing but the database's settings at hand, as a deployment does."""
    settings = load_for_database()
    logs.configure(settings.log_level, settings.log_format)
    owner = settings.migration_database_url or settings.database_url
    migrate_database(data_dir=settings.data_dir, owner_url=revealed(owner))
    print("The database is at the newest version.")


def carry_out(arguments: argparse.Namespace, settings: Settings, describe: Describe) -> int:
    """Carry out one of the commands beside `serve`; returns the exit code."""
    if arguments.command == "seed-demo":
        seeding = demo.seed_app(settings.public_url, settings.whatsapp_app_secrets[0])
        print(f"{asyncio.run(seeding)} deliveries posted to {settings.public_url}/webhook")
        return 0
    keys.use_secret(settings.session_secret.get_secret_value())
    database = connect(settings)
    try:
        if arguments.command == "create-admin":
            return _create_admin(database, arguments.email, arguments.name)
        if arguments.command == "unlink-account":
            if not run(database, staff_admin.unlink_address(COMMAND, arguments.email)):
                print("Nobody on the staff has this address.", file=sys.stderr)
                return 1
            print("Done. The entry is tied to the account that next signs in with this address.")
        elif arguments.command == "verify-audit":
            return _verify_audit(database, arguments.head)
        elif arguments.command == "verify-analytics":
            return _verify_analytics(database, rebuild=arguments.rebuild)
        elif arguments.command == "list-returned":
            for client in run(database, erasures.list_returned(COMMAND)):
                why = "came back with a backup" if client.by_restore else "wrote again"
                print(f"{client.client_id} {why}; erased on {client.erased_at:%Y-%m-%d}")
        elif arguments.command == "export-openapi":
            print(json.dumps(describe(settings, database), indent=2))
    finally:
        database.close()
    return 0


def connect(settings: Settings) -> Database:
    """The migrated database that the settings name."""
    return open_database(
        data_dir=settings.data_dir,
        database_url=revealed(settings.database_url),
        migration_database_url=revealed(settings.migration_database_url),
        listen_database_url=revealed(settings.listen_database_url),
        secret=settings.session_secret.get_secret_value(),
        strict=not settings.mock,
    )


def run(database: Database, work: Coroutine[Any, Any, T]) -> T:
    """Run one piece of work with the connection pool open."""

    async def with_pool() -> T:
        engine.start(database.runtime)
        try:
            return await work
        finally:
            await engine.stop()

    return asyncio.run(with_pool())


def revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _verify_analytics(database: Database, *, rebuild: bool) -> int:
    """Compare all kept numbers with the rows; returns the exit code."""
    if rebuild:
        run(database, counting.rebuild(COMMAND))
        print("Everything has been counted anew.")
    found = run(database, counting.verify(COMMAND))
    for row in found.differences:
        what = " ".join(str(row[name]) for name in ("metric", "day", "profile", "whose", "key"))
        print(f"{what}: {row['stored']} kept, {row['counted']} counted", file=sys.stderr)
    if found.wrong_exchanges:
        print(f"{found.wrong_exchanges} exchanges are not what their messages say", file=sys.stderr)
    if not found.is_right:
        return 1
    print(f"All numbers of {found.days} days are what the rows say.")
    return 0


def _create_admin(database: Database, email: str, name: str) -> int:
    """Add the first admin; returns the exit code."""
    try:
        made = run(database, staff.add_admin(COMMAND, email=email, name=name))
    except Invalid as invalid:
        for field, problem in invalid.fields.items():
            print(f"This cannot be the {_FIELDS[field]}: {_PROBLEMS[problem]}.", file=sys.stderr)
        return 2
    if not made:
        print("Somebody on the staff has this address already.", file=sys.stderr)
        return 1
    print("Created. The account is tied to the person at the first sign-in.")
    return 0


def _verify_audit(database: Database, head: str | None) -> int:
    """Print whether the audit log is intact; returns the exit code, 1 when it is not."""
    found = run(database, audit_verify.verify(COMMAND, noted_head=head))
    print(
        f"{found.entries} entries under {found.seals} seals, {found.unsealed} not sealed yet."
        f" Head: {found.head or 'none'}"
    )
    for problem in found.problems:
        print(f"{problem.code}: seal {problem.seal}, entry {problem.entry}", file=sys.stderr)
    print("Intact." if found.intact else "NOT intact.")
    return 0 if found.intact else 1
