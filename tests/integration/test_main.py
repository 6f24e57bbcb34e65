"""The commands, each as a process of its own, as operations call them."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services import client_edits, erasures
from services.actors import Staff
from tests.support import TEST_SECRET, Postgres

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def environment(database: Postgres, tmp_path: Path) -> dict[str, str]:
    url = database.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    # The session secret that every test database's runtime login was made with.
    return {"DATA_DIR": str(tmp_path), "DATABASE_URL": url, "SESSION_SECRET": TEST_SECRET}


def test_help_lists_the_commands() -> None:
    answer = run("--help")
    assert answer.returncode == 0
    commands = ("serve", "migrate", "seed-demo", "create-admin", "export-openapi", "verify-audit")
    for command in (*commands, "list-returned", "unlink-account"):
        assert command in answer.stdout


def test_all_problems_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    answer = run(APP_MODE="real", PORT="x", DATA_DIR=str(tmp_path))
    assert answer.returncode == 2
    for name in ("PORT", "DATABASE_URL", "SESSION_SECRET", "SUPABASE_URL", "WHATSAPP_APP_SECRET"):
        assert name in answer.stderr
    assert "Traceback" not in answer.stderr


async def test_migrating_needs_only_the_owners_login(environment: dict[str, str]) -> None:
    owner = environment["DATABASE_URL"]
    answer = run("migrate", APP_MODE="real", MIGRATION_DATABASE_URL=owner)
    assert answer.returncode == 0, answer.stderr
    assert "newest" in answer.stdout


async def test_the_first_admin_is_created_once(
    environment: dict[str, str], database: Postgres
) -> None:
    first = run("create-admin", "jefa@example.org", "--name", "Jefa", **environment)
    assert first.returncode == 0, first.stderr
    again = run("create-admin", "JEFA@example.org", **environment)
    assert again.returncode == 1
    with database.connect() as connection:
        rows = connection.execute("select name, role, active from staff").fetchall()
    assert rows == [("Jefa", "admin", True)]


@pytest.mark.parametrize(
    ("email", "name", "said"),
    [
        ("not an email", "Jefa", "e-mail address"),
        ("", "Jefa", "empty"),
        ("a@b.example", "", "name"),
    ],
)
async def test_what_can_be_no_admin_is_told_plainly(
    environment: dict[str, str], database: Postgres, email: str, name: str, said: str
) -> None:
    answer = run("create-admin", email, "--name", name, **environment)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


async def test_an_account_that_was_made_again_is_tied_anew(
    environment: dict[str, str], admin: Staff, database: Postgres
) -> None:
    answer = run("unlink-account", admin.email.upper(), **environment)
    assert answer.returncode == 0, answer.stderr
    assert run("unlink-account", "nobody@example.org", **environment).returncode == 1
    with database.connect() as connection:
        row = connection.execute(
            "select s.user_id, count(i.subject) from staff s left join staff_identities i"
            " on i.staff_id = s.id where s.id = %s group by s.id",
            [admin.id],
        ).fetchone()
    assert row == (None, 0)


async def test_the_audit_log_is_proved_or_found_altered(
    environment: dict[str, str], database: Postgres
) -> None:
    with database.connect() as connection:
        connection.execute("insert into clients (name) values ('Amina')")
        connection.execute("select app_private.seal_audit(100)")
        answer = run("verify-audit", **environment)
        assert (answer.returncode, answer.stdout.splitlines()[-1]) == (0, "Intact.")
        connection.execute("alter table audit_log disable trigger user")
        connection.execute("update audit_log set actor_part = 'somebody else'")
        connection.execute("alter table audit_log enable trigger user")
    answer = run("verify-audit", **environment)
    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (1, "NOT intact.")
    assert "entries_altered: seal 1" in answer.stderr
    assert "Amina" not in answer.stdout + answer.stderr


async def test_after_a_restore_the_erased_who_are_back_are_named(
    environment: dict[str, str], admin: Staff, database: Postgres
) -> None:
    amina = await client_edits.create_client(admin, name="Amina", phone="+34600111222")
    await erasures.erase(admin, amina.summary.id, reason="request")
    back = await client_edits.create_client(admin, name="Amina", phone="+34600111222")
    answer = run("list-returned", **environment)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1].startswith(f"{back.summary.id} wrote again")


async def test_the_openapi_document_describes_the_webhook_and_health(
    environment: dict[str, str],
) -> None:
    answer = run("export-openapi", **environment)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert {"/webhook", "/health", "/ready"} <= set(document["paths"])
    assert "/login" not in document["paths"]


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_a_database_that_does_not_answer_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        where = f"host=127.0.0.1&port={port}&sslmode=disable"
        url = f"postgresql://canary-user:canary-password@/canary?{where}"
        answer = run(command, DATABASE_URL=url, DATA_DIR=str(tmp_path))
    assert answer.returncode == 2, answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert "DATABASE_URL" in answer.stderr
    assert "Connection refused" in answer.stderr
    told = answer.stderr + answer.stdout
    private = ("Traceback", "canary", "127.0.0.1", str(port), "sslmode", "disable")
    assert [word for word in private if word in told] == []
