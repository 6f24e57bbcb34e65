"""A template before it leaves: whether it may, what it still needs, and how it reads."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services import templates
from services.errors import Conflict, Invalid
from services.events import Json
from services.outgoing import TemplateMessage
from services.sending_drafts import Shown


async def filled(
    connection: AsyncConnection, client_id: UUID, content: TemplateMessage
) -> tuple[TemplateMessage, Shown]:
    """The template with its language as WhatsApp writes it, and how it reads.

    Raises Conflict with a code of `templates.check`, and Invalid for what is missing, does not
    belong to it, or is another file than it asks for.
    """
    template = await templates.find(connection, content.name, content.language)
    if template is None:
        raise Conflict(templates.GONE)
    await templates.check(connection, client_id, template)
    header = content.header
    missing = template.missing(content.values, has_header=header is not None)
    problems = {_input(key): "required" for key in missing}
    known = {variable.key for variable in template.variables}
    problems |= {_input(key): "unknown_field" for key in content.values if key not in known}
    asked = template.header.kind if template.header and template.header.is_media else None
    if header is not None and header.kind != asked:
        problems["header"] = "type_not_allowed"
    if problems:
        raise Invalid(problems)
    buttons = {button.index: button.kind for button in template.buttons}
    kinds = tuple(buttons.get(n, "") for n in range(max(buttons, default=-1) + 1))
    words = (template.filled_header(content.values), template.filled_body(content.values))
    shown = Shown("\n".join(line for line in words if line), kinds)
    return replace(content, language=template.language), shown


async def check_again(connection: AsyncConnection, client_id: UUID, request: Json) -> None:
    """Return if what was sent as this request may be sent once more. Raises Conflict as `filled`.

    Since then the template may have been paused, and the person may have stopped advertising.
    """
    named = request["template"]
    template = await templates.find(connection, named["name"], named["language"]["code"])
    if template is None:
        raise Conflict(templates.GONE)
    await templates.check(connection, client_id, template)


def _input(key: str) -> str:
    return key if key == "header" else f"values.{key[:60]}"
