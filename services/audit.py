"""The audit log: what services tell of it. Changes of rows are told by the database itself."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from services.actors import Actor

_RECORD = text(
    "select app_private.record_event(:action, :table, :row, :client, :details)"
).bindparams(bindparam("details", type_=JSONB))


async def record(
    connection: AsyncConnection,
    action: str,
    *,
    table: str | None = None,
    row: UUID | str | int | None = None,
    client: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Tell the log of something in the transaction it belongs to.

    `action` is a verb: `view`, `search`, `export`, `download`, `sign_in`, `refuse`, ... `details`
    holds ids, counts and codes, never what somebody wrote or is called.
    """
    await connection.execute(
        _RECORD,
        {
            "action": action,
            "table": table,
            "row": None if row is None else str(row),
            "client": client,
            "details": dict(details or {}),
        },
    )


async def record_alone(actor: Actor, action: str, **what: Any) -> None:
    """The same in a transaction of its own, for what was refused."""
    async with begin(actor) as connection:
        await record(connection, action, **what)
