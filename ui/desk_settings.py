"""How the desk works: the team's labels, and what the person sees of us reading and writing."""

from uuid import UUID

from nicegui import ui

from services import desk_settings, labels
from services.desk_settings import DeskSettings
from services.errors import Conflict, Invalid
from services.labels import LABEL_COLOURS, MOST_NAME, LabelColour, LabelUse
from services.permissions import Permission, may
from ui.assets import asset
from ui.components.dialogs import cancel
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.label_tags import TINTS, colour_name, team_label
from ui.components.markup import NOTHING, join, tag
from ui.components.states import empty_state
from ui.formats import number
from ui.gate import current_staff, only_with, signed_in
from ui.i18n import _, ngettext
from ui.layout import frame, page_head

PATH = "/settings/desk"


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(desk_page)


async def desk_page() -> None:
    """`/settings/desk`."""
    await only_with(Permission.CHANGE_CLIENTS)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("search.css")}">')
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("desk.css")}">')
    with frame(_("Labels and receipts"), section="desk", heading=False):
        page_head(_("Labels and receipts"))
        with ui.element("div").classes("ac-found-page"):
            LabelList(await labels.labels_in_use(current_staff()))
            if may(current_staff(), Permission.MANAGE_DESK):
                _receipts(await desk_settings.read_settings(current_staff()))


class LabelList:
    """The labels, and the form that makes or changes one."""

    def __init__(self, found: list[LabelUse]) -> None:
        self._changing: UUID | None = None
        with ui.element("section").classes("ac-labels"):
            show(tag("h2", _("Labels"), class_="ac-subtitle"))
            said = _("What the team sorts conversations by. Everybody sees them, the person never.")
            show(tag("p", said, class_="ac-muted"))
            self._list = ui.element("ul").classes("ac-plain ac-labels-list")
            # Beside the list: what is no item has no place in one.
            said = _("For example: first interview, waiting for documents, urgent.")
            self._empty = show(empty_state("filter", _("No labels yet"), said, heading="h3"))
            self._build_form()
        self._fill(found)

    def _build_form(self) -> None:
        with ui.element("form").classes("ac-labels-form") as form:
            self._field = ui.input(_("Name of the label"))
            self._field.props["maxlength"] = MOST_NAME
            with ui.element("div").classes("ac-chips").props("role=group") as group:
                group.props["aria-label"] = _("Colour")
                self._colours = {colour: self._colour(colour) for colour in LABEL_COLOURS}
            self._choose("blue")
            self._save = ui.element("button").classes("ac-button ac-button--primary")
            self._save.props["type"] = "submit"
            with self._save:
                self._save_words = show(tag("span", _("Add the label")), "span")
            self._cancel = button(tag("span", _("Cancel"))).classes("ac-button")
            self._cancel.on("click", self._begin_anew)
            self._cancel.set_visibility(False)
        form.on("submit.prevent", self._submit)

    def _colour(self, colour: LabelColour) -> ui.html:
        mark = tag("span", class_=f"ac-label-dot ac-avatar--{TINTS[colour][0]}")
        chip = button(join([mark, tag("span", colour_name(colour))])).classes("ac-chip")
        chip.on("click", lambda: self._choose(colour))
        return chip

    def _choose(self, colour: LabelColour) -> None:
        self._chosen = colour
        for one, chip in self._colours.items():
            set_attribute(chip, "aria-pressed", str(one == colour).lower())

    def _fill(self, found: list[LabelUse]) -> None:
        self._list.clear()
        with self._list:
            for use in found:
                with ui.element("li").classes("ac-labels-item"):
                    show(team_label(use.label), "span")
                    borne = ngettext(
                        "on {n_text} conversation",
                        "on {n_text} conversations",
                        use.clients,
                        n_text=number(use.clients),
                    )
                    show(tag("span", borne, class_="ac-muted"), "span")
                    edit = button(icon("edit", label=_("Change {name}", name=use.label.name)))
                    edit.classes("ac-icon-button")
                    edit.on("click", lambda _event, use=use: self._change(use))
                    delete = button(icon("close", label=_("Delete {name}", name=use.label.name)))
                    delete.classes("ac-icon-button")
                    delete.on("click", lambda _event, use=use: self._ask_to_delete(use))
        self._list.set_visibility(bool(found))
        self._empty.set_visibility(not found)

    def _change(self, use: LabelUse) -> None:
        self._changing = use.label.id
        self._field.value = use.label.name
        self._choose(use.label.colour)
        self._save_words.content = tag("span", _("Save the label")).source
        self._cancel.set_visibility(True)

    def _begin_anew(self) -> None:
        self._changing = None
        self._field.value = ""
        self._save_words.content = tag("span", _("Add the label")).source
        self._cancel.set_visibility(False)

    @signed_in
    async def _submit(self) -> None:
        name = str(self._field.value or "")
        try:
            if self._changing is None:
                await labels.create_label(current_staff(), name=name, colour=self._chosen)
            else:
                await labels.change_label(
                    current_staff(), self._changing, name=name, colour=self._chosen
                )
        except (Invalid, Conflict) as problem:
            self._field.props["error"] = True
            self._field.props["error-message"] = _why(problem)
            self._field.update()
            return
        self._field.props.pop("error", None)
        self._begin_anew()
        await self._refresh()

    def _ask_to_delete(self, use: LabelUse) -> None:
        with ui.dialog() as dialog, ui.card().classes("ac-dialog"):
            show(tag("h2", _("Delete “{name}”", name=use.label.name), class_="ac-subtitle"))
            said = ngettext(
                "It is taken off {n_text} conversation. This cannot be undone.",
                "It is taken off {n_text} conversations. This cannot be undone.",
                use.clients,
                n_text=number(use.clients),
            )
            show(tag("p", said))

            async def delete() -> None:
                dialog.close()
                await self._delete(use.label.id)

            with ui.element("div").classes("ac-dialog-end"):
                cancel(dialog)
                gone = button(tag("span", _("Delete the label")))
                gone.classes("ac-button ac-button--danger").on("click", delete)
        dialog.on("hide", dialog.delete)
        dialog.open()

    @signed_in
    async def _delete(self, label_id: UUID) -> None:
        await labels.delete_label(current_staff(), label_id)
        await self._refresh()

    async def _refresh(self) -> None:
        found = await labels.labels_in_use(current_staff())
        if not self._list.is_deleted:
            self._fill(found)


def _receipts(now: DeskSettings) -> None:
    """Two switches, each saved as it is pressed."""

    @signed_in
    async def save() -> None:
        wanted = DeskSettings(bool(read.value), bool(typing.value))
        await desk_settings.change_settings(current_staff(), wanted)
        saved.content = tag("span", _("Saved.")).source

    with ui.element("section").classes("ac-labels"):
        show(tag("h2", _("What people see of us on WhatsApp"), class_="ac-subtitle"))
        said = _(
            "Whoever sees that a message was read waits differently for the answer. What somebody"
            " with read-only access opens is never shown as read."
        )
        show(tag("p", said, class_="ac-muted"))
        read = ui.switch(_("Show when we have read a message"), value=now.read_receipts)
        typing = ui.switch(_("Show when we are writing"), value=now.typing_indicator)
        saved = show(NOTHING, "p").classes("ac-muted").props("role=status")
        read.on_value_change(save)
        typing.on_value_change(save)


def _why(problem: Invalid | Conflict) -> str:
    code = problem.code if isinstance(problem, Conflict) else problem.fields.get("name", "")
    match code:
        case "name_taken":
            return _("There is a label of this name already.")
        case "too_many_labels":
            return _("There are {n} labels already. Delete one first.", n=labels.MOST_LABELS)
        case "required":
            return _("Give the label a name.")
        case "too_long":
            return _("A name has {n} characters at most.", n=MOST_NAME)
        case _:
            return _("This name cannot be used.")
