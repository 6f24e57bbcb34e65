"""How Postgres carries out what the client list asks, for a person to read."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection

from db.engine import begin
from services.actors import Staff
from services.clients import list_clients


async def plans_of(person: Staff, asked: dict[str, Any]) -> str:
    """EXPLAIN (ANALYZE, BUFFERS) of what `list_clients(person, **asked)` sends."""
    lines = [f"==== list_clients({asked})", ""]
    for statement, parameters in await _statements(person, asked):
        async with begin(person) as connection:
            plan = await connection.exec_driver_sql(
                f"explain (analyze, buffers) {statement}", parameters
            )
            lines += [statement, f"-- {parameters}", *(f"    {row[0]}" for row in plan), ""]
    return "\n".join(lines) + "\n"


async def _statements(person: Staff, asked: dict[str, Any]) -> list[tuple[str, Any]]:
    """Statements and parameters, without what makes the transaction the person's."""
    seen: list[tuple[str, Any]] = []

    def note(
        _connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if "set_config" not in statement:
            seen.append((statement, parameters))

    event.listen(Connection, "before_cursor_execute", note)
    try:
        await list_clients(person, **asked)
    finally:
        event.remove(Connection, "before_cursor_execute", note)
    return seen
