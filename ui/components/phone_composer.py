"""The lower end of the phone: phrases, the field, and what else can be sent."""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui
from nicegui.events import GenericEventArguments

from ui.components.elements import button, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import join, tag
from ui.components.message_words import TYPE_ICONS
from ui.components.phone_words import ATTACHMENTS, DIFFICULT, PHRASES, Attachment
from ui.i18n import _

#: Enter sends, Shift and Enter is a new line. The field is emptied in the browser, so that nothing
#: typed while the server answers is lost.
_ON_ENTER = """(event) => {
  if (event.shiftKey || event.isComposing) return;
  event.preventDefault();
  const words = event.target.value;
  event.target.value = "";
  event.target.dispatchEvent(new Event("input", { bubbles: true }));
  emit(words);
}"""


class Composer:
    """Calls `say` with words, `attach` with what is no words and the caption in the field."""

    def __init__(
        self,
        say: Callable[[str], Awaitable[None]],
        attach: Callable[[Attachment, str | None], Awaitable[None]],
        react_to_last: Callable[[], Awaitable[None]],
    ) -> None:
        self._say = say
        self._attach = attach
        self._phrases()
        with ui.element("div").classes("ac-phone-composer"):
            self._menu(react_to_last)
            self._field = ui.textarea(placeholder=_("Write as this person"))
            self._field.classes("ac-phone-field")
            self._field.props("rows=1 borderless dir=auto data-ac-key=r", remove="outlined")
            self._field.props["aria-label"] = _("Message")
            self._field.on("keydown.enter", self._on_enter, js_handler=_ON_ENTER)
            send_button = button(icon("send", label=_("Send")))
            send_button.classes("ac-icon-button ac-phone-send").on("click", self._on_send)

    def fill(self, words: str) -> None:
        """Put words into the field, for changing them."""
        self._field.value = words

    def focus(self) -> None:
        """Move the keyboard into the field."""
        focus(self._field)

    def _phrases(self) -> None:
        with ui.element("div").classes("ac-phone-phrases") as row:
            row.props["role"] = "group"
            row.props["aria-label"] = _("Quick phrases")
            for code, words in PHRASES:
                chip = button(tag("bdi", words, lang=code)).classes("ac-chip")
                chip.props["title"] = words
                chip.on("click", partial(self._say, words))
            for label, words in DIFFICULT:
                chip = button(join([icon("warning"), tag("span", _(label))])).classes("ac-chip")
                chip.on("click", partial(self._say, words))

    def _menu(self, react_to_last: Callable[[], Awaitable[None]]) -> None:
        with ui.element("button").classes("ac-icon-button") as opener:
            opener.props("type=button aria-haspopup=menu")
            show(icon("plus", label=_("Send something else")), "span").classes("ac-contents")
            with ui.menu().props('role=menu anchor="top left" self="bottom left"') as menu:
                menu.props["aria-label"] = _("Send something else")
                for attachment in ATTACHMENTS:
                    send = partial(self._on_attachment, attachment)
                    _menu_item(TYPE_ICONS[attachment.type], _(attachment.label), send)
                ui.separator()
                _menu_item("reaction", _("❤️ to the organisation's last message"), react_to_last)

    async def _on_enter(self, event: GenericEventArguments) -> None:
        await self._say(str(event.args or ""))

    async def _on_send(self) -> None:
        await self._say(self._take())
        self.focus()

    async def _on_attachment(self, attachment: Attachment) -> None:
        await self._attach(attachment, self._take() or None if attachment.captioned else None)

    def _take(self) -> str:
        words = str(self._field.value or "").strip()
        self._field.value = ""
        return words


def _menu_item(symbol: str, label: str, act: Callable[[], Awaitable[None]]) -> None:
    with ui.menu_item(on_click=act).props("role=menuitem dense"):
        show(join([icon(symbol), tag("span", label)])).classes("ac-sim-menu-item")
