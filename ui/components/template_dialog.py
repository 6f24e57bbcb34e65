"""Choosing a template, filling it in and sending it, with the message as the phone will show it."""

from uuid import UUID, uuid4

from nicegui import ui
from nicegui.events import UploadEventArguments

from services import canned_replies, templates
from services.clients import ClientDetail
from services.outgoing import MAX_VALUE, File, FileKind, TemplateMessage
from services.templates import Template, Variable
from ui.components.client_file import called
from ui.components.dialogs import cancel
from ui.components.elements import button, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.message_preview import template_preview
from ui.components.place_dialog import Send
from ui.components.states import empty_state
from ui.components.template_words import (
    category_name,
    header_words,
    language_name,
    variable_label,
)
from ui.components.whatsapp_text import without_reordering
from ui.gate import current_staff, signed_in
from ui.i18n import _

#: Templates that are listed at a time; the search narrows them down.
_MOST_LISTED = 40
#: Names of variables that a client's own name fits.
_NAMES = ("nombre", "name", "nom", "first_name", "customer_name")

_ACCEPTED = {"image": "image/jpeg,image/png", "video": "video/mp4", "document": ".pdf,.docx,.xlsx"}


class TemplateDialog:
    """A dialog of two steps: which template, and what goes into its places."""

    def __init__(self, detail: ClientDetail, send: Send) -> None:
        self._detail = detail
        self._send = send
        self._found: list[Template] = []
        self._chosen: Template | None = None
        self._key = uuid4()
        self._file: File | None = None
        self._fields: dict[str, ui.input] = {}
        self._rows: dict[UUID, ui.html] = {}
        with (
            ui.dialog().props(f'aria-label="{_("Send a template")}"') as self._dialog,
            ui.card().classes("ac-dialog ac-dialog--wide ac-pick"),
        ):
            self._body = ui.element("div").classes("ac-pick-body")

    def refresh(self, detail: ClientDetail) -> None:
        """Keep up with whom it goes to."""
        self._detail = detail

    async def open(self) -> None:
        """Show which templates can be sent, those in the person's language first."""
        found = await templates.list_templates(current_staff(), sendable_only=True)
        wanted = (self._detail.language or "").split("-")[0]
        self._found = sorted(found, key=lambda t: (_distance(t.language, wanted), t.name))
        self._show_list("")
        self._dialog.open()

    # --- which one ------------------------------------------------------------------------------

    def _show_list(self, words: str) -> None:
        self._chosen = None
        self._body.clear()
        with self._body:
            show(tag("h2", _("Send a template"), class_="ac-subtitle"))
            said = _(
                "WhatsApp has approved these texts. They can be sent at any time, "
                "also when the 24 hours are over."
            )
            show(tag("p", said, class_="ac-muted"))
            if not self._found:
                show(
                    empty_state(
                        "template",
                        _("No template can be sent"),
                        _("Templates are written and approved at WhatsApp."),
                        link=(_("See the templates"), "/templates"),
                        heading="h3",
                    )
                )
                self._end()
                return
            search = ui.input(value=words).props("type=search clearable debounce=150 autofocus")
            search.props["placeholder"] = search.props["aria-label"] = _("Search templates")
            self._rows = {}
            with ui.element("div").classes("ac-pick-list"):
                place = ui.element("div").classes("ac-contents")
                rest = show(NOTHING).classes("ac-contents")
            search.on_value_change(lambda event: self._fill(place, rest, event.value or ""))
            self._fill(place, rest, words)
            self._end()
            focus(search)

    def _fill(self, place: ui.element, rest: ui.html, words: str) -> None:
        found = [t for t in self._found if _fits(t, words)]
        listed = found[:_MOST_LISTED]
        for id in self._rows.keys() - {template.id for template in listed}:
            self._rows.pop(id).delete()
        # A row that stays is the same row: a press that is on its way still finds it.
        for index, template in enumerate(listed):
            if template.id in self._rows:
                continue
            with place:
                row = self._rows[template.id] = button(_row(template)).classes("ac-pick-row")
            row.on("click", lambda _event, chosen=template: self._show_form(chosen))
            row.move(target_index=index)
        said = ""
        if len(found) > _MOST_LISTED:
            said = _("There are more. Search to find them.")
        elif not found:
            said = _("No template has these words.")
        rest.content = tag("p", said, class_="ac-muted").source if said else ""

    # --- what goes into it ------------------------------------------------------------------------

    def _show_form(self, template: Template) -> None:
        self._chosen, self._key, self._file = template, uuid4(), None
        self._fields = {}
        self._body.clear()
        with self._body:
            with ui.element("div").classes("ac-pick-head"):
                back = button(icon("back", label=_("Other templates"))).classes("ac-icon-button")
                back.on("click", lambda: self._show_list(""))
                show(tag("h2", _pretty(template.name), class_="ac-subtitle"))
                show(tag("span", language_name(template.language), class_="ac-muted"), "span")
            with ui.element("div").classes("ac-pick-columns"):
                with ui.element("form").classes("ac-pick-form").props("novalidate") as form:
                    form.on("submit.prevent", self._submit, args=[])
                    if template.header is not None and template.header.is_media:
                        self._add_file(template)
                    for variable in template.variables:
                        self._add_field(variable)
                    if not template.variables and not (
                        template.header is not None and template.header.is_media
                    ):
                        show(tag("p", _("There is nothing to fill in."), class_="ac-muted"))
                    self._problem = show(tag("span"), "div").classes("ac-contents")
                    self._problem.props("role=alert")
                with ui.element("div").classes("ac-pick-preview"):
                    show(tag("p", _("As the person will see it"), class_="ac-eyebrow"))
                    self._preview = show(NOTHING)
            self._end(send=True)
            self._show_preview()
            if self._fields:
                focus(next(iter(self._fields.values())))

    def _add_field(self, variable: Variable) -> None:
        label = variable_label(variable)
        with ui.element("div").classes("ac-dialog-field"):
            show(tag("span", label, aria_hidden="true"), "span")
            field = ui.input(value=self._known(variable)).props("autocomplete=off no-error-icon")
            field.props("dir=auto debounce=100")
            field.props["aria-label"] = label
            field.props["maxlength"] = MAX_VALUE
            if variable.example:
                field.props["placeholder"] = _("For example: {example}", example=variable.example)
        field.on_value_change(self._show_preview)
        self._fields[variable.key] = field

    def _known(self, variable: Variable) -> str:
        """What we can fill in ourselves: the person's first name."""
        if variable.place == "button" or variable.name.casefold() not in _NAMES:
            return ""
        return canned_replies.fill("{{nombre}}", self._detail.summary.name, "")

    def _add_file(self, template: Template) -> None:
        assert template.header is not None
        kind = template.header.kind
        _symbol, name = header_words(kind)

        async def arrived(event: UploadEventArguments) -> None:
            if self._chosen is not template:
                return
            content = await event.file.read()
            self._file = File(_kind(kind), event.file.name, content)
            self._say("")
            self._file_name.content = tag("bdi", event.file.name).source
            self._show_preview()

        upload = ui.upload(auto_upload=True, on_upload=arrived).classes("hidden")
        upload.props["accept"] = _ACCEPTED[kind]
        with ui.element("div").classes("ac-dialog-field"):
            show(tag("span", name), "span")
            with ui.element("div").classes("ac-pick-file"):
                pick = button(join([icon("attach"), tag("span", _("Choose a file"))]))
                pick.classes("ac-button").on(
                    "click", js_handler=f"() => getElement({upload.id}).$refs.qRef.pickFiles()"
                )
                self._file_name = show(tag("span", _("No file yet"), class_="ac-muted"), "span")

    def _values(self) -> dict[str, str]:
        return {key: str(field.value or "").strip() for key, field in self._fields.items()}

    def _show_preview(self) -> None:
        assert self._chosen is not None
        values = {key: value for key, value in self._values().items() if value}
        file = self._file.name if self._file else None
        self._preview.content = template_preview(self._chosen, values, file=file).source

    @signed_in
    async def _submit(self) -> None:
        template = self._chosen
        if template is None:
            return
        values = self._values()
        missing = template.missing(values, has_header=self._file is not None)
        for key, field in self._fields.items():
            field.error = _("This is still empty.") if key in missing else None
        if missing:
            self._say(_("A file is still missing.") if "header" in missing else "")
            wrong = [field for key, field in self._fields.items() if key in missing]
            if wrong:
                focus(wrong[0])
            return
        message = TemplateMessage(template.name, template.language, values, header=self._file)
        problem = await self._send(message, self._key)
        if problem is not None:
            self._say(problem)
            return
        self._chosen = None
        self._dialog.close()

    def _say(self, words: str) -> None:
        said = tag("div", icon("error"), tag("p", words), class_="ac-notice ac-notice--danger")
        self._problem.content = said.source if words else ""

    def _end(self, *, send: bool = False) -> None:
        with ui.element("div").classes("ac-dialog-end"):
            if send:
                name = called(self._detail.summary)
                to = show(tag("span", _("To {name}", name=name)), "span")
                to.classes("ac-muted ac-pick-to")
            cancel(self._dialog)
            if send:
                words = join([icon("send"), tag("span", _("Send"))])
                go = button(words).classes("ac-button ac-button--primary")
                go.on("click", self._submit, args=[])


def _row(template: Template) -> Html:
    begins = template.filled_body({})
    return join(
        [
            tag("strong", _pretty(template.name)),
            tag(
                "span",
                f"{language_name(template.language)} · {category_name(template.category)}",
                class_="ac-muted",
            ),
            tag("span", without_reordering(begins), class_="ac-pick-begin", dir="auto"),
        ]
    )


def _pretty(name: str) -> str:
    """`cita_recordatorio` as people say it."""
    return name.replace("_", " ").strip().capitalize() or name


def _distance(language: str, wanted: str) -> int:
    base = language.replace("-", "_").split("_")[0].lower()
    return 0 if wanted and base == wanted else 1 if base == "es" else 2


def _fits(template: Template, words: str) -> bool:
    everything = f"{template.name.replace('_', ' ')} {template.body} {template.language}".casefold()
    return all(word in everything for word in words.casefold().split())


def _kind(kind: str) -> FileKind:
    return "image" if kind == "image" else "video" if kind == "video" else "document"
