"""The viewers of photos and of PDFs: a dialog each, which `static/media.js` opens and fills."""

from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.i18n import _


def media_viewer() -> Html:
    """The dialog, closed and empty."""
    return tag(
        "dialog",
        tag(
            "header",
            tag("span", class_="ac-viewer-caption", aria_live="polite"),
            _button("out", "minus", _("Smaller")),
            _button("in", "plus", _("Larger")),
            tag(
                "a",
                icon("download", label=_("Download")),
                class_="ac-viewer-button",
                data_viewer_download=True,
                title=_("Download"),
                rel="noopener",
            ),
            _button("close", "close", _("Close")),
            class_="ac-viewer-bar",
        ),
        _button("previous", "previous", _("Previous photo")),
        tag(
            "div",
            tag("img", alt=""),
            class_="ac-viewer-stage",
            tabindex="0",
            role="region",
            aria_label=_("Photo"),
        ),
        _button("next", "next", _("Next photo")),
        class_="ac-viewer",
        aria_label=_("Photos of the conversation"),
        data_of=_("{n} of {total}", n="{n}", total="{total}"),
    )


def pdf_viewer() -> Html:
    """The same for a PDF, which the browser's own viewer shows in a frame."""
    return tag(
        "dialog",
        tag(
            "header",
            tag("bdi", class_="ac-viewer-caption"),
            tag(
                "a",
                icon("external", label=_("Open in a tab of its own")),
                class_="ac-viewer-button",
                data_viewer_apart=True,
                title=_("Open in a tab of its own"),
                target="_blank",
                rel="noopener",
            ),
            _button("close", "close", _("Close")),
            class_="ac-viewer-bar",
        ),
        tag("iframe", title="PDF", class_="ac-viewer-pdf"),
        class_="ac-viewer ac-viewer--pdf",
        aria_label=_("Preview of the PDF"),
    )


def _button(act: str, symbol: str, words: str) -> Html:
    return tag(
        "button",
        icon(symbol, label=words),
        type="button",
        class_=f"ac-viewer-button ac-viewer-{act}",
        data_viewer=act,
        title=words,
    )
