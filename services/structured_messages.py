"""Messages with buttons, or with a list to choose from, that the team makes once and sends often.

What comes back when somebody presses is the id of the button or row: its place and its words, so
that whoever reads it knows what was chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.engine import begin
from db.tables import staff, structured_messages
from services.actors import Staff, System
from services.errors import Conflict, Invalid
from services.outgoing import Button, Buttons, Choices, Row, Section
from services.permissions import Permission, requires
from services.rows import hold_row, remove_row

MOST_TITLE = 80
Kind = Literal["buttons", "choices"]


@dataclass(frozen=True, slots=True)
class StructuredMessage:
    """A message ready to be sent: `services.sending.send(actor, client_id, message.content)`."""

    id: UUID
    #: What the team calls it; the person never sees it.
    title: str
    content: Buttons | Choices
    updated_at: datetime
    updated_by: str | None = None

    @property
    def kind(self) -> Kind:
        return "buttons" if isinstance(self.content, Buttons) else "choices"


@requires(Permission.CHANGE_CLIENTS)
async def list_structured(actor: Staff) -> list[StructuredMessage]:
    """Every one of them, by title."""
    async with begin(actor) as connection:
        rows = await connection.execute(
            select(structured_messages, staff.c.name.label("who"))
            .join(staff, staff.c.id == structured_messages.c.updated_by, isouter=True)
            .order_by(func.lower(structured_messages.c.title))
        )
        return [_message(row) for row in rows.mappings()]


@requires(Permission.CHANGE_CLIENTS)
async def create_structured(actor: Staff, title: str, content: Buttons | Choices) -> UUID:
    """Add one; its id.

    Raises Invalid with `title` or what `content.check` names, Conflict when the title is taken.
    """
    values = {"id": uuid4(), **_checked(title, content), "created_by": actor.id}
    return await _insert(actor, values | {"updated_by": actor.id})


@requires(Permission.CHANGE_CLIENTS)
async def update_structured(
    actor: Staff,
    message_id: UUID,
    title: str,
    content: Buttons | Choices,
    *,
    expected: datetime | None = None,
) -> None:
    """Change one. `expected` is the `updated_at` it was read with.

    Raises what `create_structured` does, NotFound, and Conflict `changed_meanwhile`.
    """
    values = _checked(title, content)
    try:
        async with begin(actor) as connection:
            await hold_row(connection, structured_messages, message_id, expected)
            await connection.execute(
                update(structured_messages)
                .where(structured_messages.c.id == message_id)
                .values(**values, updated_by=actor.id, updated_at=func.now())
            )
    except IntegrityError:
        raise Conflict("title_taken", "title") from None


@requires(Permission.CHANGE_CLIENTS)
async def delete_structured(actor: Staff, message_id: UUID) -> StructuredMessage:
    """Remove one; returns it, for `restore_structured`. Raises NotFound."""
    async with begin(actor) as connection:
        return _message(await remove_row(connection, structured_messages, message_id))


@requires(Permission.CHANGE_CLIENTS)
async def restore_structured(actor: Staff, message: StructuredMessage) -> None:
    """Put back what was removed. Raises Conflict when its title has another message now."""
    values = _checked(message.title, message.content)
    await _insert(actor, {"id": message.id, **values, "updated_by": actor.id})


@requires(Permission.SYSTEM)
async def add_demo_structured(actor: System, found: Mapping[str, Buttons | Choices]) -> None:
    """Add title -> message where there is none at all yet."""
    async with begin(actor) as connection:
        if await connection.scalar(select(func.count()).select_from(structured_messages)):
            return
        rows = [_checked(title, content) for title, content in found.items()]
        await connection.execute(insert(structured_messages), rows)


async def _insert(actor: Staff, values: dict[str, Any]) -> UUID:
    try:
        async with begin(actor) as connection:
            await connection.execute(insert(structured_messages).values(**values))
    except IntegrityError:
        raise Conflict("title_taken", "title") from None
    id: UUID = values["id"]
    return id


def _checked(title: str, content: Buttons | Choices) -> dict[str, Any]:
    """The values as they are stored. Raises Invalid."""
    problems: dict[str, str] = {}
    title = title.strip()
    if not title:
        problems["title"] = "required"
    elif len(title) > MOST_TITLE:
        problems["title"] = "too_long"
    elif "\0" in title or any("\ud800" <= c <= "\udfff" for c in title):
        problems["title"] = "not_text"
    content = _named(content)
    try:
        content.check()
    except Invalid as invalid:
        problems |= invalid.fields
    if problems:
        raise Invalid(problems)
    kind: Kind = "buttons" if isinstance(content, Buttons) else "choices"
    return {"title": title, "kind": kind, "content": _as_json(content)}


def _named(content: Buttons | Choices) -> Buttons | Choices:
    """With ids that say which and what; empty words are none."""
    content = replace(content, header=content.header or None, footer=content.footer or None)
    if isinstance(content, Buttons):
        buttons = [Button(f"{n}: {b.title}", b.title) for n, b in enumerate(content.buttons, 1)]
        return replace(content, buttons=tuple(buttons))
    number, sections = 0, []
    for section in content.sections:
        rows = []
        for row in section.rows:
            number += 1
            rows.append(Row(f"{number}: {row.title}", row.title, row.description or None))
        sections.append(Section(section.title, tuple(rows)))
    return replace(content, sections=tuple(sections))


def _as_json(content: Buttons | Choices) -> dict[str, Any]:
    said: dict[str, Any] = {
        "body": content.body,
        "header": content.header,
        "footer": content.footer,
    }
    if isinstance(content, Buttons):
        return said | {"buttons": [{"id": b.id, "title": b.title} for b in content.buttons]}
    sections = [
        {
            "title": section.title,
            "rows": [
                {"id": row.id, "title": row.title, "description": row.description}
                for row in section.rows
            ],
        }
        for section in content.sections
    ]
    return said | {"button": content.button, "sections": sections}


def _message(row: RowMapping) -> StructuredMessage:
    said = row["content"]
    words = {"body": said["body"], "header": said["header"], "footer": said["footer"]}
    content: Buttons | Choices
    if row["kind"] == "buttons":
        content = Buttons(buttons=tuple(Button(**b) for b in said["buttons"]), **words)
    else:
        sections = tuple(
            Section(section["title"], tuple(Row(**found) for found in section["rows"]))
            for section in said["sections"]
        )
        content = Choices(button=said["button"], sections=sections, **words)
    return StructuredMessage(row["id"], row["title"], content, row["updated_at"], row.get("who"))
