"""The audit log: what services tell of it. Changes of rows are told by the database itself."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, ColumnElement, func, null
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from services.actors import Actor

# psycopg's own statement: every look at a client ends with it.
_RECORD = "select app_private.record_event(%(action)s, %(table)s, %(row)s, %(client)s, %(details)s)"


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
    await connection.exec_driver_sql(
        _RECORD,
        {
            "action": action,
            "table": table,
            "row": None if row is None else str(row),
            "client": client,
            "details": Jsonb(dict(details or {})),
        },
    )


def telling(action: str, *, table: str, details: ColumnElement[Any]) -> ColumnElement[int]:
    """The same as a part of the statement that reads what is told of: one trip less."""
    return func.app_private.record_event(action, table, null(), null(), details, type_=BigInteger)


async def record_alone(actor: Actor, action: str, **what: Any) -> None:
    """The same in a transaction of its own, for what was refused."""
    async with begin(actor) as connection:
        await record(connection, action, **what)
