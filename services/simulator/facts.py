"""What the staff of the demo have already entered in its files: NIE, e-mail, notes, status."""

import asyncio
import tomllib
from pathlib import Path

from sqlalchemy import func, select, update

from db.engine import begin
from db.tables import client_identities, clients, webhook_deliveries
from services.actors import System
from services.permissions import Permission, requires

#: Seconds for the demo's deliveries to be applied, and between two looks.
_PATIENCE = 120.0
_PAUSE = 0.5

_FILE = Path(__file__).parent / "demo_facts.toml"
FIELDS = {"email", "passport_or_nie", "notes", "language", "status"}


def facts() -> dict[str, dict[str, str]]:
    """The facts by wa_id. ValueError on a field that a file does not have."""
    found: dict[str, dict[str, str]] = tomllib.loads(_FILE.read_text("utf-8"))
    for wa_id, fields in found.items():
        if unknown := fields.keys() - FIELDS:
            raise ValueError(f"{_FILE.name}, {wa_id}: {sorted(unknown)} are no facts of a client")
    return found


@requires(Permission.SYSTEM)
async def enter_facts(actor: System) -> int:
    """Enter them once every delivery is applied; how many files were filled in."""
    async with asyncio.timeout(_PATIENCE):
        while await _waiting(actor):  # noqa: ASYNC110 - the worker of this process rings nobody
            await asyncio.sleep(_PAUSE)
    filled = 0
    async with begin(actor) as connection:
        for wa_id, fields in facts().items():
            owner = select(client_identities.c.client_id).where(
                client_identities.c.kind == "wa_id", client_identities.c.value == wa_id
            )
            result = await connection.execute(
                update(clients).where(clients.c.id.in_(owner)).values(**fields)
            )
            filled += result.rowcount
    return filled


async def _waiting(actor: System) -> int:
    async with begin(actor) as connection:
        pending = webhook_deliveries.c.state == "pending"
        return await connection.scalar(select(func.count()).where(pending)) or 0
