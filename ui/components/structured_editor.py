"""The form of a message with buttons or a list: WhatsApp's limits at each field, and a preview."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from nicegui import ui

from services import structured_messages
from services.outgoing import (
    MAX_BUTTON_TITLE,
    MAX_BUTTONS,
    MAX_BUTTONS_BODY,
    MAX_FOOTER,
    MAX_HEADER,
    MAX_ROW_DESCRIPTION,
    MAX_ROW_TITLE,
    MAX_ROWS,
    MAX_TEXT,
    Button,
    Buttons,
    Choices,
    Row,
    Section,
)
from services.structured_messages import MOST_TITLE, StructuredMessage
from ui.components.elements import button, show
from ui.components.focus import focus
from ui.components.form_parts import form_acts, saving, text_field, words_of
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.message_preview import Preview, message_preview
from ui.components.reply_words import problem
from ui.gate import current_staff, signed_in
from ui.i18n import _

_Field = ui.input | ui.textarea


@dataclass(slots=True)
class _RowFields:
    root: ui.element
    title: _Field
    description: _Field


@dataclass(slots=True)
class _SectionFields:
    root: ui.element
    title: _Field
    place: ui.element
    rows: list[_RowFields] = field(default_factory=list)


class StructuredEditor:
    """A message being made; what was typed stays until it is saved."""

    def __init__(
        self,
        message: StructuredMessage | None,
        *,
        is_list: bool,
        on_saved: Callable[[str], Awaitable[None]],
        on_delete: Callable[[StructuredMessage], Awaitable[None]],
        on_close: Callable[[], Awaitable[None]],
    ) -> None:
        self._message = message
        self._is_list = is_list
        self._on_saved = on_saved
        self._buttons: list[_Field] = []
        self._sections: list[_SectionFields] = []
        content = message.content if message else None
        with ui.element("form").classes("ac-channel-form").props("novalidate") as form:
            form.on("submit.prevent", self._save)
            show(tag("h2", self._heading(), class_="ac-subtitle"))
            self._problem = ui.label("").classes("ac-channel-problem").props("role=alert")
            self._title = text_field(
                _("Title"),
                MOST_TITLE,
                value=message.title if message else "",
                hint=_("What the team calls it; the person does not see it."),
            )
            self._header = self._text(_("Heading (optional)"), MAX_HEADER, content, "header")
            most = MAX_TEXT if is_list else MAX_BUTTONS_BODY
            self._body = self._text(_("Text"), most, content, "body", lines=4)
            self._footer = self._text(_("Small print (optional)"), MAX_FOOTER, content, "footer")
            if is_list:
                self._list_fields(content if isinstance(content, Choices) else None)
            else:
                self._button_fields(content if isinstance(content, Buttons) else None)
            show(tag("h3", _("Preview"), class_="ac-eyebrow"))
            self._preview = show(NOTHING)
            removing = partial(on_delete, message) if message is not None else None
            self._go = form_acts(on_close, removing)
        self._changed()

    def focus(self) -> None:
        """Put the keyboard where one begins."""
        focus(self._title)

    def _heading(self) -> str:
        if self._message is not None:
            return _("Change the message")
        return _("New message with a list") if self._is_list else _("New message with buttons")

    def _text(
        self, label: str, most: int, content: Buttons | Choices | None, name: str, lines: int = 1
    ) -> _Field:
        value = getattr(content, name) or "" if content else ""
        return text_field(label, most, value=value, lines=lines, on_change=self._changed)

    # -- buttons ----------------------------------------------------------------------------------

    def _button_fields(self, content: Buttons | None) -> None:
        with ui.element("fieldset").classes("ac-channel-set"):
            show(tag("legend", _("Buttons, at most {n}", n=MAX_BUTTONS)))
            titles = [b.title for b in content.buttons] if content else []
            for n in range(MAX_BUTTONS):
                label = _("Button {n}", n=n + 1)
                value = titles[n] if n < len(titles) else ""
                self._buttons.append(
                    text_field(label, MAX_BUTTON_TITLE, value=value, on_change=self._changed)
                )

    # -- lists ------------------------------------------------------------------------------------

    def _list_fields(self, content: Choices | None) -> None:
        self._opener = self._text(
            _("What the button says that opens the list"), MAX_BUTTON_TITLE, content, "button"
        )
        with ui.element("fieldset").classes("ac-channel-set"):
            show(tag("legend", _("What can be chosen, at most {n} in all", n=MAX_ROWS)))
            self._place_of_sections = ui.element("div").classes("ac-channel-form")
            for section in content.sections if content else (Section("", (Row("", ""),)),):
                self._add_section(section)
            more = button(join([icon("plus"), tag("span", _("Add a section"))]))
            more.classes("ac-link-button")
            more.on("click", partial(self._add_section, Section("", (Row("", ""),))), args=[])

    def _add_section(self, section: Section) -> None:
        with (
            self._place_of_sections,
            ui.element("div").classes("ac-channel-section") as root,
        ):
            title = text_field(
                _("Title of the section (needed when there are several)"),
                MAX_ROW_TITLE,
                value=section.title,
                on_change=self._changed,
            )
            found = _SectionFields(root, title, ui.element("div").classes("ac-channel-form"))
            for row in section.rows:
                self._add_row(found, row)
            with ui.element("div").classes("ac-channel-acts"):
                more = button(join([icon("plus"), tag("span", _("Add a choice"))]))
                more.classes("ac-link-button")
                more.on("click", partial(self._add_row, found, Row("", "")), args=[])
        self._sections.append(found)

    def _add_row(self, section: _SectionFields, row: Row) -> None:
        if sum(len(s.rows) for s in self._sections) >= MAX_ROWS:
            self._problem.text = problem("too_many")
            return
        with section.place, ui.element("div").classes("ac-channel-choice") as root:
            title = text_field(_("Choice"), MAX_ROW_TITLE, value=row.title, on_change=self._changed)
            description = text_field(
                _("Explanation (optional)"),
                MAX_ROW_DESCRIPTION,
                value=row.description or "",
                on_change=self._changed,
            )
            fields = _RowFields(root, title, description)
            away = button(icon("close", label=_("Remove this choice")))
            away.classes("ac-icon-button")
            away.on("click", partial(self._remove_row, section, fields), args=[])
        section.rows.append(fields)

    def _remove_row(self, section: _SectionFields, row: _RowFields) -> None:
        if row not in section.rows:
            return
        section.rows.remove(row)
        row.root.delete()
        if not section.rows and len(self._sections) > 1:
            self._sections.remove(section)
            section.root.delete()
        self._problem.text = ""
        self._changed()

    # -- what it is -------------------------------------------------------------------------------

    def _content(self) -> Buttons | Choices:
        header, body, footer = map(words_of, (self._header, self._body, self._footer))
        if not self._is_list:
            titles = [words_of(found).strip() for found in self._buttons]
            buttons = tuple(Button(title, title) for title in titles if title)
            return Buttons(body, buttons, header or None, footer or None)
        sections = tuple(
            Section(
                words_of(section.title).strip(),
                tuple(
                    Row(
                        words_of(row.title).strip(),
                        words_of(row.title).strip(),
                        words_of(row.description).strip() or None,
                    )
                    for row in section.rows
                ),
            )
            for section in self._sections
        )
        return Choices(body, words_of(self._opener), sections, header or None, footer or None)

    def _changed(self) -> None:
        if not hasattr(self, "_preview"):
            return  # while the form is being built
        self._preview.content = structured_preview(self._content()).source

    @signed_in
    async def _save(self) -> None:
        title, content = words_of(self._title), self._content()
        async with saving(self._go, self._complain):
            await self._write(title, content)
            await self._on_saved(title)

    async def _write(self, title: str, content: Buttons | Choices) -> None:
        me, message = current_staff(), self._message
        if message is None:
            await structured_messages.create_structured(me, title, content)
            return
        await structured_messages.update_structured(
            me, message.id, title, content, expected=message.updated_at
        )

    def _complain(self, fields: Mapping[str, str]) -> None:
        """Say beside each field what is wrong with it; the first one takes the keyboard."""
        inputs: dict[str, _Field] = {
            "title": self._title,
            "header": self._header,
            "body": self._body,
            "footer": self._footer,
        }
        if self._is_list:
            rows = [row for section in self._sections for row in section.rows]
            inputs |= {"button": self._opener}
            inputs |= {f"rows.{n}": row.title for n, row in enumerate(rows)}
            inputs |= {f"sections.{n}": s.title for n, s in enumerate(self._sections)}
        else:
            filled = [found for found in self._buttons if words_of(found).strip()]
            inputs |= {f"buttons.{n}": found for n, found in enumerate(filled)}
            if fields.get("buttons") == "required":
                inputs["buttons"] = self._buttons[0]
        said: dict[int, str] = {}
        for name, found in inputs.items():
            if name in fields:
                said[id(found)] = problem(fields[name])
        for found in inputs.values():
            found.error = said.get(id(found))
        rest = [code for name, code in fields.items() if name not in inputs]
        self._problem.text = problem(rest[0]) if rest else ""
        wrong = [found for found in inputs.values() if id(found) in said]
        if wrong:
            focus(wrong[0])


def structured_preview(content: Buttons | Choices) -> Html:
    """The message as the person sees it; of a list also what is in it."""
    shown = message_preview(
        Preview(
            body=content.body,
            header=content.header,
            footer=content.footer,
            buttons=[("reply", b.title) for b in content.buttons]
            if isinstance(content, Buttons)
            else [("more", content.button or "…")],
        )
    )
    if isinstance(content, Buttons):
        return shown
    return join([shown, tag("div", *_sections(content.sections), class_="ac-mock-list")])


def _sections(sections: Sequence[Section]) -> list[Html]:
    found = []
    for section in sections:
        rows = [
            tag(
                "li",
                tag("bdi", row.title or "…"),
                tag("span", row.description, class_="ac-faint", dir="auto")
                if row.description
                else None,
            )
            for row in section.rows
        ]
        heading = tag("span", section.title, class_="ac-eyebrow", dir="auto")
        found.append(
            tag("div", heading if section.title else None, tag("ul", *rows, class_="ac-plain"))
        )
    return found


def structured_row(message: StructuredMessage) -> Html:
    """A message in the list: its title, what it is, how it begins."""
    content = message.content
    kind = _("List") if isinstance(content, Choices) else _("Buttons")
    return join(
        [
            tag(
                "span",
                tag("bdi", message.title, class_="ac-templates-name"),
                tag("span", content.body, class_="ac-channel-begin ac-faint", dir="auto"),
                class_="ac-templates-words",
            ),
            tag("span", kind, class_="ac-faint ac-channel-languages"),
        ]
    )
