"""One client: the conversation in the middle, the file beside it."""

from uuid import UUID

from nicegui import ui

from ui.assets import asset
from ui.components.open_client import OpenClient, prepare_page, read_opening
from ui.errors import not_found
from ui.gate import current_staff
from ui.i18n import _
from ui.layout import frame


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page("/clients/{client_id}")(client_page)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("client.css")}">', shared=True)
    ui.add_head_html(f'<script defer src="{asset("copy.js")}"></script>', shared=True)
    ui.add_head_html(f'<script defer src="{asset("way_back.js")}"></script>', shared=True)


async def client_page(client_id: str, at: str = "") -> None:
    """`/clients/{id}`; whatever is no client's id leads to the page for what is not there.

    `at`: the id of a message or a note at which the conversation opens.
    """
    id = _id_of(client_id)
    opening = await read_opening(current_staff(), id, at=_id_of(at)) if id else None
    if opening is None:
        ui.status_code(404)
        with frame(_("Page not found"), heading=False):
            not_found()
        return
    prepare_page()
    with frame(_("Client"), section="clients", heading=False, deep=True):
        OpenClient(opening)


def _id_of(address: str) -> UUID | None:
    try:
        return UUID(address)
    except ValueError:
        return None
