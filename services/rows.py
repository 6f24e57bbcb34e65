"""A row that somebody has read and now changes or removes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.errors import Conflict, NotFound


async def hold_row(
    connection: AsyncConnection, table: Table, row_id: UUID, expected: datetime | None
) -> RowMapping:
    """The row, held for the rest of the transaction. `expected` is the `updated_at` it was read
    with; None takes it as it is.

    Raises NotFound, and Conflict `changed_meanwhile`.
    """
    found = await connection.execute(select(table).where(table.c.id == row_id).with_for_update())
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound
    if expected is not None and row["updated_at"] != expected:
        raise Conflict("changed_meanwhile")
    return row


async def remove_row(connection: AsyncConnection, table: Table, row_id: UUID) -> RowMapping:
    """Delete the row; returns what it was. Raises NotFound."""
    found = await connection.execute(delete(table).where(table.c.id == row_id).returning(table))
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound
    return row
