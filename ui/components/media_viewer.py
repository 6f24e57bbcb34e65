"""The viewer of photos: one dialog a page, which `static/media.js` opens and fills."""

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


def _button(act: str, symbol: str, words: str) -> Html:
    return tag(
        "button",
        icon(symbol, label=words),
        type="button",
        class_=f"ac-viewer-button ac-viewer-{act}",
        data_viewer=act,
        title=words,
    )
