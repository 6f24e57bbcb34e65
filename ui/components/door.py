"""The look of every page before one is in: a wall with an open door, and beside it one card."""

from urllib.parse import urlencode

from ui.assets import asset
from ui.components.icons import icon
from ui.components.markup import Html, tag
from ui.i18n import LANGUAGES, _, language

_STYLESHEETS = ("tokens.css", "base.css", "parts.css", "forms.css", "login.css")

#: "Welcome" in the languages of those who write most. Decoration, never translated.
_WELCOMES = (
    ("es", "Bienvenida"),
    ("ar", "أهلاً وسهلاً"),
    ("uk", "Ласкаво просимо"),
    ("fr", "Bienvenue"),
    ("en", "Welcome"),
    ("pt", "Boas-vindas"),
    ("wo", "Dalal ak jàmm"),
    ("ru", "Добро пожаловать"),
)


def door(title: str, *content: Html | None, here: str, wanted: str = "/", failed: bool) -> Html:
    """A whole document. The other language is a link to `here`, which leads on to `wanted`.

    `failed` says so in the title too: it is what a screen reader reads first.
    """
    shown = _("Error: {title}", title=title) if failed else title
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", f"{shown} · Acogida"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="robots", content="noindex"),
        tag("link", rel="icon", href=asset("logo.svg")),
        *[tag("link", rel="stylesheet", href=asset(sheet)) for sheet in _STYLESHEETS],
    )
    words = [
        tag("span", words, lang=code, dir="auto", class_=f"ac-welcome ac-welcome--{place}")
        for place, (code, words) in enumerate(_WELCOMES, start=1)
    ]
    aside = tag("div", *words, class_="ac-door", aria_hidden="true")
    brand = tag(
        "p",
        tag("span", icon("logo"), class_="ac-brand-mark"),
        tag("span", "Acogida"),
        class_="ac-brand ac-login-brand",
    )
    card = tag(
        "div",
        brand,
        tag("h1", title, class_="ac-title"),
        *content,
        _languages(here, wanted),
        class_="ac-login-card",
    )
    frame = tag("div", aside, tag("main", card, class_="ac-login"), class_="ac-login-frame")
    return tag("html", head, tag("body", frame, class_="ac-plain-page"), lang=language())


def notice(kind: str, symbol: str, words: Html | str, *, role: str | None = None) -> Html:
    """A coloured box with an icon; `kind` is danger, warn, info or ok."""
    return tag(
        "p",
        icon(symbol),
        tag("span", words),
        class_=f"ac-notice ac-notice--{kind}",
        role=role,
    )


def _languages(here: str, wanted: str) -> Html:
    onward = {} if wanted == "/" else {"next": wanted}
    start = f"{here}&" if "?" in here else f"{here}?"
    links = [
        tag(
            "a",
            name,
            href=start + urlencode({"lang": code, **onward}),
            lang=code,
            hreflang=code,
            aria_current="true" if code == language() else None,
        )
        for code, name in LANGUAGES.items()
    ]
    return tag("nav", *links, class_="ac-login-languages", aria_label=_("Language"))
