"""The form of a quick reply: its shortcut, and its text in each language, with a preview."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from nicegui import ui

from services import canned_replies
from services.canned_replies import MOST_SHORTCUT, MOST_TEXT, MOST_TITLE, CannedReply
from ui.components.client_editor import LANGUAGES
from ui.components.elements import Select, button, show
from ui.components.focus import focus
from ui.components.form_parts import form_acts, saving, text_field, words_of
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.message_preview import Preview, message_preview
from ui.components.reply_words import VARIABLES, problem
from ui.components.template_words import language_name
from ui.gate import current_staff, signed_in
from ui.i18n import _

#: Whom the preview is written to.
_EXAMPLE = "Amina Haddad"
_LINES = 5

OnSaved = Callable[[str], Awaitable[None]]


class ReplyEditor:
    """A reply being written; what was typed stays until it is saved."""

    def __init__(
        self,
        reply: CannedReply | None,
        *,
        on_saved: OnSaved,
        on_delete: Callable[[CannedReply], Awaitable[None]],
        on_close: Callable[[], Awaitable[None]],
    ) -> None:
        self._reply = reply
        self._on_saved = on_saved
        self._texts: dict[str, ui.textarea | ui.input] = {}
        self._last = canned_replies.FALLBACK
        with ui.element("form").classes("ac-channel-form").props("novalidate") as form:
            form.on("submit.prevent", self._save)
            title = _("Change the reply") if reply else _("New quick reply")
            show(tag("h2", title, class_="ac-subtitle"))
            self._problem = ui.label("").classes("ac-channel-problem").props("role=alert")
            self._shortcut = text_field(
                _("Shortcut"),
                MOST_SHORTCUT,
                value=reply.shortcut if reply else "",
                hint=_("What you type after / in a conversation, such as: cita"),
            )
            self._title = text_field(_("Title"), MOST_TITLE, value=reply.title if reply else "")
            self._places()
            self._place_of_texts = ui.element("div").classes("ac-channel-texts")
            texts = reply.texts if reply else {}
            for language in dict.fromkeys([canned_replies.FALLBACK, *texts]):
                self._add(language, texts.get(language, ""))
            self._add_language()
            show(tag("h3", _("Preview"), class_="ac-eyebrow"))
            self._preview = show(NOTHING)
            removing = partial(on_delete, reply) if reply is not None else None
            self._go = form_acts(on_close, removing)
        self._show_preview()

    def focus(self) -> None:
        """Put the keyboard where one begins."""
        focus(self._shortcut)

    def _places(self) -> None:
        """What fills itself in, each a button that puts it into the text last typed in."""
        with ui.element("div").classes("ac-channel-places"):
            show(tag("span", _("Fills itself in:"), class_="ac-muted"))
            for name, meaning in VARIABLES.items():
                word = "{{" + name + "}}"
                chip = button(tag("span", word)).classes("ac-chip")
                chip.props["title"] = _(meaning)
                chip.props["aria-label"] = f"{word}: {_(meaning)}"
                chip.on("click", partial(self._insert, word), args=[])
            meanings = [
                tag("div", tag("dt", tag("code", "{{" + name + "}}")), tag("dd", _(meaning)))
                for name, meaning in VARIABLES.items()
            ]
            show(
                tag(
                    "details",
                    tag("summary", _("What these become")),
                    tag("dl", *meanings, class_="ac-channel-meanings"),
                )
            )

    def _insert(self, word: str) -> None:
        field = self._texts[self._last]
        before = words_of(field)
        field.value = f"{before} {word}" if before and not before[-1:].isspace() else before + word
        focus(field)

    def _add(self, language: str, text: str) -> None:
        label = _("Text in {language}", language=language_name(language))
        with self._place_of_texts:
            field = text_field(
                label, MOST_TEXT, value=text, lines=_LINES, on_change=self._show_preview
            )
        field.props["input-class"] = "ac-channel-text"
        field.props["dir"] = "auto"
        field.on("focus", partial(self._remember, language), args=[])
        self._texts[language] = field
        self._last = language

    def _add_language(self) -> None:
        options = {"": _("Add a language")} | {
            code: language_name(code) for code in LANGUAGES if code not in self._texts
        }

        async def choose(language: str) -> None:
            if language and language not in self._texts:
                self._add(language, "")
                focus(self._texts[language])
                left = {code: name for code, name in options.items() if code not in self._texts}
                more.offer(left, "")

        with ui.element("div").classes("ac-order ac-channel-more"):
            more = Select(options, value="", label=_("Add a language"), on_choose=choose)
            show(icon("down")).classes("ac-contents")

    def _remember(self, language: str) -> None:
        self._last = language
        self._show_preview()

    def _show_preview(self) -> None:
        field = self._texts.get(self._last)
        text = words_of(field) if field else ""
        said = canned_replies.fill(text, _EXAMPLE, current_staff().name)
        self._preview.content = message_preview(Preview(body=said)).source

    @signed_in
    async def _save(self) -> None:
        texts = {language: words_of(field) for language, field in self._texts.items()}
        shortcut, title = words_of(self._shortcut), words_of(self._title)
        async with saving(self._go, self._complain):
            await self._write(shortcut, title, texts)
            await self._on_saved(shortcut)

    async def _write(self, shortcut: str, title: str, texts: Mapping[str, str]) -> None:
        me = current_staff()
        if self._reply is None:
            await canned_replies.create_canned(me, shortcut=shortcut, title=title, texts=texts)
            return
        await canned_replies.update_canned(
            me,
            self._reply.id,
            shortcut=shortcut,
            title=title,
            texts=texts,
            expected=self._reply.updated_at,
        )

    def _complain(self, fields: Mapping[str, str]) -> None:
        """Say beside each field what is wrong with it; the first one takes the keyboard."""
        inputs = {"shortcut": self._shortcut, "title": self._title}
        inputs |= {f"text:{language}": field for language, field in self._texts.items()}
        if fields.get("texts") == "missing":
            fields = {**fields, f"text:{canned_replies.FALLBACK}": "missing"}
        for name, field in inputs.items():
            field.error = problem(fields[name]) if name in fields else None
        rest = [code for name, code in fields.items() if name not in inputs and name != "texts"]
        self._problem.text = problem(rest[0]) if rest else ""
        wrong = [field for name, field in inputs.items() if name in fields]
        if wrong:
            focus(wrong[0])


def reply_row(reply: CannedReply) -> Html:
    """A reply in the list: shortcut, title, languages, how it begins."""
    languages = ", ".join(language_name(code) for code in reply.texts)
    return join(
        [
            tag(
                "span",
                tag(
                    "span",
                    tag("code", f"/{reply.shortcut}", class_="ac-channel-shortcut"),
                    " ",
                    tag("bdi", reply.title, class_="ac-templates-name"),
                ),
                tag("span", reply.text_in(None), class_="ac-channel-begin ac-faint", dir="auto"),
                class_="ac-templates-words",
            ),
            tag("span", languages, class_="ac-faint ac-channel-languages"),
        ]
    )
