"""WhatsApp's templates: what may be sent when the 24-hour window is closed.

They are written and approved at Meta; `services.template_sync` reads the list, the webhook tells
what happens in between (`services.channel_news`). A template is known by name and language, and
`en-US` is `en_US`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import marketing_choices, message_templates
from services.actors import Actor
from services.errors import Conflict, NotFound
from services.permissions import Permission, requires
from services.template_parts import (
    Header,
    Parts,
    TemplateButton,
    Variable,
    fill,
    parse,
)

__all__ = ["Header", "Template", "TemplateButton", "Variable", "fill"]

#: Of all states the only one in which WhatsApp sends a template.
APPROVED = "APPROVED"
MARKETING = "MARKETING"
#: Codes of `why_not`.
NOT_APPROVED, GONE, UNSUPPORTED, OPTED_OUT = (
    "template_not_approved",
    "template_gone",
    "template_unsupported",
    "marketing_stopped",
)


@dataclass(frozen=True, slots=True)
class Template:
    """A template in one language, as it was last read."""

    id: UUID
    meta_id: str
    name: str
    #: As WhatsApp writes it: `es`, `en_US`.
    language: str
    #: MARKETING, UTILITY or AUTHENTICATION; Meta may add to them.
    category: str
    #: What WhatsApp is about to take it for, if that is something else.
    correct_category: str | None
    #: APPROVED, PENDING, REJECTED, PAUSED, DISABLED, ...
    status: str
    #: GREEN, YELLOW, RED or UNKNOWN.
    quality: str
    rejected_reason: str | None
    #: Whether variables go by name, else by number.
    named: bool
    parts: Parts
    synced_at: datetime
    #: Something has happened to it since, and it is being read again.
    dirty: bool
    #: WhatsApp has it no longer.
    gone: bool

    @property
    def header(self) -> Header | None:
        return self.parts.header

    @property
    def body(self) -> str:
        return self.parts.body

    @property
    def footer(self) -> str | None:
        return self.parts.footer

    @property
    def buttons(self) -> tuple[TemplateButton, ...]:
        return self.parts.buttons

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What has to be filled in, in the order in which people do."""
        return self.parts.variables

    @property
    def why_not(self) -> str | None:
        """Why it cannot be sent to anybody, as a code; None if it can."""
        if self.gone:
            return GONE
        if self.status != APPROVED:
            return NOT_APPROVED
        return UNSUPPORTED if self.parts.unsupported else None

    @property
    def sendable(self) -> bool:
        return self.why_not is None

    def missing(self, values: Mapping[str, str], *, has_header: bool) -> list[str]:
        """The keys that still need a value; `header` stands for a file that has to go along."""
        needed = [v.key for v in self.variables if not (values.get(v.key) or "").strip()]
        if self.header is not None and self.header.is_media and not has_header:
            needed.insert(0, "header")
        return needed

    def filled_body(self, values: Mapping[str, str]) -> str:
        """The text as the person will read it."""
        return fill(self.body, values)

    def filled_header(self, values: Mapping[str, str]) -> str:
        """The words above the text, if there are some."""
        return fill(self.header.text or "", values, prefix="header:") if self.header else ""


def language_key(language: str) -> str:
    """The same for `en_US`, `en-us` and `EN-US`."""
    return language.replace("-", "_").lower()


@requires(Permission.READ_CLIENTS)
async def list_templates(
    actor: Actor, *, sendable_only: bool = False, with_gone: bool = False
) -> list[Template]:
    """Every template, by name and language; those that WhatsApp has no longer only on request."""
    query = select(message_templates).order_by(
        message_templates.c.name, message_templates.c.language_key
    )
    if not with_gone:
        query = query.where(message_templates.c.gone_at.is_(None))
    async with begin(actor) as connection:
        rows = (await connection.execute(query)).mappings().all()
    found = [of_row(row) for row in rows]
    return [template for template in found if template.sendable] if sendable_only else found


@requires(Permission.READ_CLIENTS)
async def get_template(actor: Actor, name: str, language: str) -> Template:
    """One template, however its language is spelt. Raises NotFound."""
    async with begin(actor) as connection:
        found = await find(connection, name, language)
    if found is None:
        raise NotFound
    return found


@requires(Permission.CHANGE_CLIENTS)
async def may_send(actor: Actor, client_id: UUID, template: Template) -> None:
    """Return if this template may be sent to this client.

    Raises Conflict with a code of `why_not`, or `marketing_stopped`: the person told WhatsApp that
    they want no advertising from us.
    """
    async with begin(actor) as connection:
        await check(connection, client_id, template)


async def find(connection: AsyncConnection, name: str, language: str) -> Template | None:
    """The template of a name and language that WhatsApp has today."""
    t = message_templates.c
    row = await connection.execute(
        select(message_templates).where(
            t.name == name, t.language_key == language_key(language), t.gone_at.is_(None)
        )
    )
    found = row.mappings().one_or_none()
    return of_row(found) if found else None


async def check(connection: AsyncConnection, client_id: UUID, template: Template) -> None:
    """`may_send` for whoever queues a message in a transaction of their own."""
    if template.why_not is not None:
        raise Conflict(template.why_not)
    if template.category == MARKETING and await has_stopped(connection, client_id):
        raise Conflict(OPTED_OUT)


async def has_stopped(connection: AsyncConnection, client_id: UUID) -> bool:
    """Whether the person told WhatsApp that they want no advertising from us."""
    choice = marketing_choices.c
    wants = await connection.scalar(select(choice.wants).where(choice.client_id == client_id))
    return wants is False


async def touch(connection: AsyncConnection, meta_ids: Sequence[str]) -> None:
    """Have these templates read again: something has happened to them."""
    await connection.execute(
        text(
            "update message_templates set dirty_at = clock_timestamp()"
            " where meta_id = any (cast(:ids as text[])) and gone_at is null"
        ),
        {"ids": list(meta_ids)},
    )


async def number_of_templates(connection: AsyncConnection) -> int:
    """How many WhatsApp has, as far as we know."""
    query = select(func.count()).where(message_templates.c.gone_at.is_(None))
    return await connection.scalar(query) or 0


def of_row(row: RowMapping | Mapping[str, Any]) -> Template:
    """A row of the table, read."""
    return Template(
        id=row["id"],
        meta_id=row["meta_id"],
        name=row["name"],
        language=row["language"],
        category=row["category"],
        correct_category=row["correct_category"],
        status=row["status"],
        quality=row["quality"],
        rejected_reason=row["rejected_reason"],
        named=row["parameter_format"] == "NAMED",
        parts=parse(row["components"]),
        synced_at=row["synced_at"],
        dirty=row["dirty_at"] is not None,
        gone=row["gone_at"] is not None,
    )
