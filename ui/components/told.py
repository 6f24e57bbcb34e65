"""What is meant for the person of a page is said on it, wherever in the app they are."""

from nicegui import context, ui

from services import clients
from services.actors import Staff
from services.changes import PersonTold
from ui import live
from ui.components.whatsapp_text import without_reordering
from ui.gate import current_staff, still_signed_in
from ui.i18n import _

#: Milliseconds for which it is said.
_SAID_FOR = 10_000


def listen(staff: Staff) -> None:
    """Say on the page that is being built what is meant for its person, until it ends."""
    page = context.client

    @still_signed_in
    async def say(told: PersonTold) -> None:
        detail = await clients.get_client(current_staff(), told.client_id, again=True)
        if detail is None or page.is_deleted:
            return
        name = without_reordering(detail.summary.name or "").strip() or _("Without a name")
        if told.why == "assigned":
            words = _("A conversation was handed to you: {name}", name=name)
        else:
            words = _("A note about {name} calls you", name=name)
        address = f"/?view=all&client={told.client_id}"
        ui.notify(
            words,
            type="info",
            timeout=_SAID_FOR,
            actions=[
                {
                    "label": _("Open"),
                    "color": "white",
                    ":handler": f"() => location.assign('{address}')",
                }
            ],
        )

    async def hear(told: PersonTold) -> None:
        if told.staff_id == staff.id and not page.is_deleted:
            with page:
                await say(told)

    live.person_told.subscribe(hear)
