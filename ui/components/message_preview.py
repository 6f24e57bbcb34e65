"""A message as the phone shows it, before it is sent: templates, buttons, lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.templates import Template
from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.components.template_words import BUTTON_ICONS, header_words
from ui.components.whatsapp_text import formatted
from ui.i18n import _


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preview shows. `buttons`: icon and label, below the text."""

    body: str
    header: str | None = None
    footer: str | None = None
    #: A picture, video or document above the text: icon and what it is called.
    file: tuple[str, str] | None = None
    buttons: Sequence[tuple[str, str]] = ()


def template_preview(
    template: Template, values: Mapping[str, str], *, file: str | None = None
) -> Html:
    """A template with what was filled in so far; `file` names what stands above the text."""
    header = template.header
    shown = None
    if header is not None and header.kind != "text":
        symbol, name = header_words(header.kind)
        shown = (symbol, file or name)
    return message_preview(
        Preview(
            body=template.filled_body(values),
            header=template.filled_header(values) or None,
            footer=template.footer,
            file=shown,
            buttons=[(BUTTON_ICONS[b.kind], b.text) for b in template.buttons],
        )
    )


def message_preview(preview: Preview) -> Html:
    """A bubble on the person's screen."""
    header = tag("strong", preview.header, class_="ac-mock-header", dir="auto")
    footer = tag("span", preview.footer, class_="ac-mock-footer", dir="auto")
    bubble = tag(
        "div",
        _file(*preview.file) if preview.file else None,
        header if preview.header else None,
        tag("div", formatted(preview.body), class_="ac-mock-text", dir="auto"),
        footer if preview.footer else None,
        class_="ac-mock-bubble",
    )
    buttons = [
        tag("span", icon(symbol), tag("bdi", label), class_="ac-mock-button")
        for symbol, label in preview.buttons
    ]
    return tag(
        "div",
        tag("span", _("This is how the person sees it:"), class_="ac-sr-only"),
        tag("div", bubble, *buttons, class_="ac-mock-message"),
        class_="ac-mock",
    )


def _file(symbol: str, name: str) -> Html:
    return tag("span", icon(symbol), tag("bdi", name), class_="ac-mock-file")
