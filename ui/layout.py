"""The frame around every page: the rail, the title, the signed-in person.

    @ui.page("/clients")
    async def clients_page() -> None:
        with frame(_("Clients"), section="clients"):
            ...

On a phone the rail is a bar at the bottom; `deep=True` (a page one comes to from a list) leaves
the whole screen to the page, which offers the way back itself or through `back`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from nicegui import Client, context, ui
from nicegui.element import Element

from services import staff as staff_service
from services.actors import Staff
from ui.components import told
from ui.components.channel_banner import channel_banner
from ui.components.elements import set_attribute, show
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.gate import current_staff, signed_in
from ui.i18n import _, language
from ui.notices import explain
from ui.rail import rail_foot, rail_links

PRODUCT = "Acogida"

#: What Quasar's and NiceGUI's own words are in.
_QUASAR = {"es": "es", "en": "en-GB"}
_DARK = {"light": False, "dark": True, "auto": None}


@contextmanager
def frame(
    title: str,
    *,
    section: str | None = None,
    heading: bool = True,
    deep: bool = False,
    back: str | None = None,
) -> Iterator[Element]:
    """Put a page into the frame; yields the element that holds the page's content.

    `title` names the page in the tab and, with `heading`, above the content; a page without has
    an h1 of its own. `back` is the list the page belongs to. No title may name a client: titles
    stay in the browser's history.
    """
    staff = current_staff()
    _prepare_document(title, staff)
    told.listen(staff)
    client = context.client
    shell, main = client.layout.classes("ac-frame"), _main_of(client)
    if staff.rail_collapsed:
        shell.classes("ac-frame--folded")
    if deep:
        shell.classes("ac-frame--deep")
    with shell, ui.element("nav").classes("ac-rail") as rail:
        rail.props["aria-label"] = _("Main menu")
        show(rail_links(section, staff)).classes("ac-rail-body")
        with ui.element("div").classes("ac-rail-foot"):
            _fold_button(shell, folded=staff.rail_collapsed)
            show(rail_foot(staff)).classes("ac-contents")
    rail.move(target_index=0)
    ui.skip_link(_("Skip to content"), target=main)
    channel_banner(staff)
    if heading:
        page_head(title, back=back)
    yield client.content


def page_head(title: str, *, back: str | None = None) -> Element:
    """Show the page's title; what is put into the returned element stands at its right."""
    head = ui.element("header").classes("ac-head")
    way_back = tag("a", icon("back", label=_("Back")), href=back, class_="ac-icon-button")
    with head:
        words = join([way_back if back else None, tag("h1", title, class_="ac-title")])
        show(words).classes("ac-head-title")
    return head


def _main_of(client: Client) -> Element:
    """NiceGUI's own `main`, which the content is in."""
    slot = client.content.parent_slot
    assert slot is not None
    main = slot.parent.classes("ac-main")
    main.props["tabindex"] = "-1"
    return main


def _prepare_document(title: str, staff: Staff) -> None:
    """Set what belongs to the whole document: title, language, theme."""
    client = context.client
    # Everybody who opens this address shares the page object; language and theme are one person's.
    client.page = copy(client.page)
    client.page.language = _QUASAR[language()]  # type: ignore[assignment]
    dark = client.page.dark = _DARK.get(staff.theme)
    ui.page_title(f"{title} · {PRODUCT}")
    if dark is not None:
        # Until Quasar has started this keeps a dark page from flashing white.
        scheme = "dark" if dark else "light"
        ui.add_head_html(f"<style>:root {{ color-scheme: {scheme}; }}</style>")
    ui.on_exception(explain)


def _fold_button(shell: Element, *, folded: bool) -> None:
    @signed_in
    async def fold() -> None:
        nonlocal folded
        folded = not folded
        shell.classes(toggle="ac-frame--folded")
        set_attribute(button, "aria-pressed", str(folded).lower())
        await staff_service.set_preferences(current_staff(), rail_collapsed=folded)

    words = join([icon("panel"), tag("span", _("Narrow menu"), class_="ac-rail-label")])
    with ui.element("button").classes("ac-rail-link ac-rail-fold").on("click", fold) as button:
        button.props["type"] = "button"
        button.props["title"] = _("Narrow menu")
        button.props["aria-pressed"] = str(folded).lower()
        show(words).classes("ac-contents")
