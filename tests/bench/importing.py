"""What an import costs, beside COPY of the same file and beside django-import-export.

Ours runs in a process of its own, so that its peak of memory is its own. The dry run and the
import are measured together, reading and upload included: that is what whoever imports waits for.
BENCH_IMPORT_ROWS makes the file smaller, BENCH_DJANGO_ROWS the part for django-import-export.
"""

import asyncio
import itertools
import json
import os
import resource
import subprocess
import sys
import time
import venv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, make_url

from db import embedded, engine, migrate
from services import keys, sessions
from services import staff as staff_service
from services.imports import jobs, run, uploads
from services.imports.mapping import Mapping
from tests.bench.population import FIRST_NAMES, SURNAMES
from tests.bench.report import Line
from tests.support import SYSTEM, TEST_SECRET, fresh_database, sign_in_demo

ROWS = int(os.environ.get("BENCH_IMPORT_ROWS", "1000000"))
DJANGO_ROWS = int(os.environ.get("BENCH_DJANGO_ROWS", "100000"))
ROOT = Path(__file__).parents[2]
PROFILES = ("ASYLUM", "ARRAIGO", "STUDENT", "IRREGULAR", "OTHER")

#: A table of the file's columns with every index that a client has, and none of the triggers.
LISTED = """
create table listed (
  like public.clients including all,
  phone text,
  words text generated always as (app_private.normalise(coalesce(name, '') || ' '
    || coalesce(email, '') || ' ' || coalesce(phone, ''))) stored
);
create unique index on listed (phone);
create index on listed (phone, id);
create index on listed (id, phone);
create index on listed using gin (words extensions.gin_trgm_ops);
"""
COPY_LISTED = (
    "copy listed (name, phone, email, profile_type) from stdin"
    " with (format csv, delimiter ';', header, encoding 'WIN1252')"
)
#: The clients themselves, with the triggers that keep the search and tell the log; no phones.
COPY_CLIENTS = COPY_LISTED.replace("listed (name, phone,", "clients (name, language,")


def measure(folder: Path) -> list[Line]:
    """Copy, import and compare."""
    server, owner = embedded.start(folder / "importing")
    lines: list[Line] = []
    try:
        big, small = folder / "people.csv", folder / "fewer.csv"
        write_file(big, ROWS)
        write_file(small, DJANGO_ROWS)
        copied = _copy(fresh(owner, "copied"), LISTED, COPY_LISTED, big)
        told = _copy(fresh(owner, "copied"), "", COPY_CLIENTS, big, blank_phones=True)
        print(f"  COPY: {copied:.1f} s; into clients: {told:.1f} s", flush=True)
        ours = _ours(fresh(owner, "ours"), big)
        spent = ours["seconds"]
        print(f"  ours: {json.dumps(ours)}", flush=True)
        rows = f"{ROWS:,} rows"
        lines += [
            Line(f"import, {rows}, to COPY", f"{copied:.1f} s", f"{spent:.1f} s", spent / copied, 2,
                 at_most=True),
            Line("import, to COPY into clients", f"{told:.1f} s", f"{spent:.1f} s", spent / told, 2,
                 at_most=True),
            Line("import, peak memory", "500 MB", f"{ours['peak_mb']:.0f} MB",
                 ours["peak_mb"] / 500, 1, at_most=True),
        ]  # fmt: skip
        some = f"{DJANGO_ROWS:,} rows"
        django = _django(fresh(owner, "django"), small, folder)
        fewer = _ours(fresh(owner, "fewer"), small)["seconds"]
        floor = _copy(fresh(owner, "copied"), LISTED, COPY_LISTED, small)
        lines.append(
            Line(f"import, {some}, to django-import-export", f"{django:.1f} s", f"{fewer:.1f} s",
                 django / fewer, 10)
        )  # fmt: skip
        # What could be reached at all: COPY judges nothing and keeps no log.
        print(f"  COPY of {some}: {floor:.1f} s, {django / floor:.1f} times as fast", flush=True)
    finally:
        server.cleanup()
    return lines


def write_file(path: Path, rows: int) -> None:
    """A list as Excel writes it in Spain: semicolons and cp1252."""
    firsts = FIRST_NAMES.split()
    surnames = SURNAMES.split()
    with path.open("w", encoding="cp1252", errors="replace", newline="") as file:
        file.write("name;phone;email;profileType\r\n")
        for n in range(rows):
            first, last = firsts[n % len(firsts)], surnames[n // 7 % len(surnames)]
            more = surnames[n // 11 % len(surnames)]
            phone = f"6{n * 7919 % 100_000_000:08d}"
            profile = PROFILES[n % 5]
            file.write(f"{first} {last} {more};{phone};persona{n}@example.org;{profile}\r\n")


def fresh(owner: URL, name: str) -> URL:
    """An empty migrated database."""
    url = fresh_database(owner, name)
    migrate.upgrade(url)
    return url


def _dsn(owner: URL) -> str:
    return owner.set(drivername="postgresql").render_as_string(hide_password=False)


def _copy(owner: URL, table: str, copy: str, file: Path, *, blank_phones: bool = False) -> float:
    with psycopg.connect(_dsn(owner), autocommit=True) as connection:
        connection.execute(table.encode())
        started = time.perf_counter()
        with connection.cursor().copy(copy.encode()) as copying, file.open("rb") as source:
            while part := source.read(1024 * 1024):
                copying.write(part)
        spent = time.perf_counter() - started
        if not blank_phones:
            connection.execute("drop table listed")
        return spent


def _ours(owner: URL, file: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.importing", str(file)]
    url = owner.render_as_string(hide_password=False)
    answer = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"BENCH_URL": url}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if answer.returncode:
        raise RuntimeError(answer.stderr[-3000:])
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def _django(owner: URL, file: Path, folder: Path) -> float:
    with psycopg.connect(_dsn(owner), autocommit=True) as connection:
        connection.execute(LISTED.encode())
    home = folder / "django-venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "-qq",
            "django",
            "django-import-export",
            "psycopg[binary]",
        ],
        check=True,
    )
    answer = subprocess.run(
        [python, ROOT / "tests" / "bench" / "django_import.py", str(file)],
        env=os.environ | {"BENCH_URL": _dsn(owner)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode:
        raise RuntimeError(answer.stderr[-3000:])
    found = json.loads(answer.stdout.splitlines()[-1])
    print(f"  django-import-export: {json.dumps(found)}", flush=True)
    return float(found["seconds"])


async def _parts(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        while part := source.read(1024 * 1024):
            yield part


async def _import(file: Path) -> dict[str, Any]:
    owner = make_url(os.environ["BENCH_URL"])
    keys.use_secret(TEST_SECRET)
    engine.start(migrate.runtime_login(owner, TEST_SECRET))
    await staff_service.add_demo_staff(SYSTEM)
    email = next(email for email, _, role in staff_service.DEMO_STAFF if role == "admin")
    admin = await sessions.staff_of(await sign_in_demo(email) or "")
    assert admin is not None
    moments = [("start", time.perf_counter())]
    import_id = await uploads.receive(admin, file.name, _parts(file))
    moments.append(("upload", time.perf_counter()))
    sample = await uploads.sample(admin, import_id)
    await jobs.start_judging(admin, import_id, sample.reading, Mapping(tuple(sample.columns)))
    await run.work(SYSTEM)
    moments.append(("dry_run", time.perf_counter()))
    found = await jobs.get(admin, import_id)
    assert found.state == "judged", (found.state, found.problem)
    assert found.counts["new"] == found.counts["rows"], found.counts
    await jobs.start_import(admin, import_id)
    await run.work(SYSTEM)
    moments.append(("import", time.perf_counter()))
    done = await jobs.get(admin, import_id)
    assert done.state == "done", (done.state, done.problem)
    told = {name: round(at - before, 2) for (_, before), (name, at) in itertools.pairwise(moments)}
    if os.environ.get("BENCH_UNDO"):
        await jobs.undo(admin, import_id)
        started = time.perf_counter()
        await run.work(SYSTEM)
        told["undo"] = round(time.perf_counter() - started, 2)
        undone = await jobs.get(admin, import_id)
        assert undone.state == "undone", undone.problem
    await engine.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = moments[-1][1] - moments[0][1]
    return {"seconds": seconds, "peak_mb": peak, "rows": found.counts["rows"]} | told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_import(Path(sys.argv[1])))))
