"""What tests of imports share: a file in, the work done, the rows of the database."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from services.actors import Actor
from services.imports import jobs, run, uploads
from services.imports.files import Reading
from services.imports.jobs import Import
from services.imports.mapping import Mapping
from tests.support import SYSTEM, Postgres

HEAD = "Nombre;Teléfono;Correo electrónico;Perfil;NIE;Notas;Idioma"


def csv_of(*rows: str, head: str = HEAD) -> str:
    return "\r\n".join([head, *rows]) + "\r\n"


async def in_parts(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def upload(actor: Actor, content: str | bytes, name: str = "personas.csv") -> UUID:
    raw = content.encode() if isinstance(content, str) else content
    return await uploads.receive(actor, name, in_parts(raw))


async def work() -> None:
    """Let the worker do everything that waits."""
    while await run.work(SYSTEM):
        pass


async def judged(
    actor: Actor,
    content: str | bytes,
    *,
    name: str = "personas.csv",
    columns: Sequence[str | None] | None = None,
    reading: Reading | None = None,
    **said: Any,
) -> Import:
    """A file that was uploaded and judged, its columns guessed unless they are given."""
    import_id = await upload(actor, content, name)
    sample = await uploads.sample(actor, import_id, reading)
    mapping = Mapping.of({"columns": list(columns or sample.columns), **said})
    await jobs.start_judging(actor, import_id, sample.reading, mapping)
    await work()
    return await jobs.get(actor, import_id)


async def imported(actor: Actor, content: str | bytes, **said: Any) -> Import:
    """The same, and written."""
    found = await judged(actor, content, **said)
    assert found.state == "judged", found.problem
    await jobs.start_import(actor, found.id, only_valid=bool(found.counts["invalid"]))
    await work()
    return await jobs.get(actor, found.id)


def results(database: Postgres, import_id: UUID) -> dict[int, tuple[str, list[str]]]:
    """Row -> its result and problems."""
    with database.connect() as connection:
        rows = connection.execute(
            "select row, result, problems from import_rows where import_id = %s order by row",
            [import_id],
        ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}  # type: ignore[misc]


def people(database: Postgres) -> list[tuple[object, ...]]:
    """Name, phones, e-mail, profile, its source, NIE, notes and language of everybody."""
    with database.connect() as connection:
        return connection.execute(
            "select c.name, (select string_agg(i.value, ',' order by i.id) from client_identities i"
            " where i.client_id = c.id and i.kind = 'phone' and i.retired_at is null), c.email,"
            " c.profile_type, c.profile_source, c.passport_or_nie, c.notes, c.language"
            " from clients c order by c.name"
        ).fetchall()


#: Everything that an import writes, and an undo takes back; sequences and the log aside.
_STATE = (
    "select id, name, email, passport_or_nie, notes, language, profile_type, profile_source,"
    " profile_confidence, status, created_at, updated_at from clients order by id",
    "select id, client_id, kind, value, retired_at from client_identities order by id",
    "select * from client_search order by client_id",
)


def state(database: Postgres) -> str:
    """A digest of the clients and all that hangs on them."""
    with database.connect() as connection:
        rows = [connection.execute(query.encode()).fetchall() for query in _STATE]
    return hashlib.sha256(repr(rows).encode()).hexdigest()
