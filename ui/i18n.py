"""The words on screen, in the language of whoever looks at it.

    from ui.i18n import N_, _, language, ngettext

Write messages in English and call `_` while the page is built or a handler runs, never at import:
the language is that of the page the code runs for. Constants are marked with `N_` and translated
where they are shown. Values are passed by name, `_("Signed in as {name}", name=staff.name)`, so
that a translation can move them. `python -m ui.catalogue` collects the messages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import c2py
from pathlib import Path
from typing import Any, Literal

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from nicegui import context
from nicegui.slot import Slot

Language = Literal["es", "en"]

#: Each in its own name, as the switch shows them.
LANGUAGES: dict[Language, str] = {"es": "Español", "en": "English"}
DEFAULT: Language = "es"
LOCALE_FOLDER = Path(__file__).parent / "locale"

_chosen: ContextVar[Language | None] = ContextVar("language", default=None)


def language() -> Language:
    """The language of the page this code runs for.

    Handlers and live updates run in their page's slot, so this is right there too. Outside of any
    page it is the default, or what `speaking` says.
    """
    if (chosen := _chosen.get()) is not None:
        return chosen
    if Slot.get_stack():
        request = context.client.request
        here: Language = getattr(request.state, "language", DEFAULT)
        return here
    return DEFAULT


@contextmanager
def speaking(chosen: Language) -> Iterator[None]:
    """Use a language for what is rendered outside of a NiceGUI page."""
    token = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(token)


def known_language(name: str | None) -> Language | None:
    """Read a language from outside (`es`, `es-ES`, `EN_gb`), None if we do not speak it."""
    base = (name or "").replace("_", "-").split("-")[0].strip().lower()
    return base if base in LANGUAGES else None


def preferred_language(accept_language: str) -> Language:
    """Choose by an `Accept-Language` header."""
    wishes: list[tuple[float, int, Language]] = []
    for place, part in enumerate(accept_language[:500].split(",")):
        name, _semicolon, quality = part.partition(";")
        known = known_language(name)
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if known and weight > 0:
            wishes.append((-weight, place, known))
    return min(wishes)[2] if wishes else DEFAULT


def _(message: str, **values: Any) -> str:
    """Translate a message and fill in its values."""
    translated = _singular(message)
    return translated.format(**values) if values else translated


def ngettext(singular: str, plural: str, n: int, **values: Any) -> str:
    """Translate a message that counts; `{n}` is there without being passed.

    Pass `n` formatted (`n_text`) where it can exceed 999.
    """
    here = language()
    entry = _catalogue(here).get(singular)
    forms = entry.string if entry is not None else ()
    if isinstance(forms, tuple) and all(forms) and forms:
        text = str(forms[_plural_rule(here)(n)])
    else:
        text = singular if n == 1 else plural
    return text.format(n=n, **values)


def N_(message: str) -> str:
    """Mark a constant for the catalogue; it is translated where it is shown."""
    return message


def catalogue(of: Language) -> Catalog:
    """All translations into a language. English is the language of the messages themselves."""
    return _catalogue(of)


def _singular(message: str) -> str:
    entry = _catalogue(language()).get(message)
    translated = entry.string if entry is not None else None
    return translated if isinstance(translated, str) and translated else message


@cache
def _catalogue(of: Language) -> Catalog:
    """Read the catalogue once per process: no compiled file to forget to rebuild."""
    merged = Catalog(locale=of)
    for path in sorted((LOCALE_FOLDER / of).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=of):
                if message.id and not message.fuzzy:
                    merged[message.id] = message
    return merged


@cache
def _plural_rule(of: Language) -> Any:
    return c2py(_catalogue(of).plural_expr)
