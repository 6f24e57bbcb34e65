"""How a person likes the app: small forms that `/preferences` answers."""

from services.actors import Staff
from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.i18n import LANGUAGES, N_, _, language

THEMES = {
    "light": (N_("Light"), "sun"),
    "dark": (N_("Dark"), "moon"),
    "auto": (N_("As the device"), "contrast"),
}


def language_choice() -> Html:
    """The language of the app, each in its own name."""
    options = [
        _option("language", code, name, None, code == language(), lang=code)
        for code, name in LANGUAGES.items()
    ]
    return _choices(_("Language"), options)


def theme_choice(staff: Staff) -> Html:
    """Light, dark, or as the device says."""
    options = [
        _option("theme", key, _(label), symbol, key == staff.theme)
        for key, (label, symbol) in THEMES.items()
    ]
    return _choices(_("Appearance"), options)


def enter_choice(staff: Staff) -> Html:
    """What Enter does in the field for answers and notes."""
    options = [
        _option("enter", "sends", _("Sends"), "send", staff.enter_sends),
        _option("enter", "new_line", _("Begins a new line"), "text", not staff.enter_sends),
    ]
    return _choices(_("The Enter key while writing"), options)


def _choices(title: str, options: list[Html]) -> Html:
    return tag(
        "form",
        tag(
            "fieldset",
            tag("legend", title, class_="ac-eyebrow"),
            tag("div", *options, class_="ac-segments"),
        ),
        method="post",
        action="/preferences",
        class_="ac-menu-choice",
    )


def _option(
    field: str, value: str, label: str, symbol: str | None, chosen: bool, lang: str | None = None
) -> Html:
    return tag(
        "button",
        icon(symbol) if symbol else None,
        tag("span", label),
        type="submit",
        name_=field,
        value=value,
        lang=lang,
        class_="ac-segment",
        aria_pressed=str(chosen).lower(),
    )
