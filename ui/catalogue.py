"""The messages of the code and their translations: `python -m ui.catalogue` brings them together.

It collects every `_("...")`, `ngettext` and `N_`, and writes one catalogue per language with the
translations there are; what has none is left empty for a translator, and a test fails until it is
filled in. Nothing is compiled: the app reads the catalogues at start.
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from ui.i18n import LANGUAGES, LOCALE_FOLDER

_CODE = Path(__file__).parent
_KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
#: The language of the messages themselves needs no catalogue.
TRANSLATED = tuple(code for code in LANGUAGES if code != "en")


def extracted() -> Catalog:
    """All messages in the code, with the files they come from."""
    catalogue = Catalog(project="Acogida", charset="utf-8")
    found = extract_from_dir(_CODE, method_map=[("**.py", "python")], keywords=_KEYWORDS)
    for file, _line, message, comments, context in found:
        # Files without lines: a moved function is no change of the catalogue.
        catalogue.add(
            message, locations=[(f"ui/{file}", 0)], auto_comments=comments, context=context
        )
    return catalogue


def merged(language: str) -> Catalog:
    """The messages in the code with the translations that any catalogue of the language holds."""
    catalogue = extracted()
    catalogue.locale = language
    for path in sorted((LOCALE_FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            for known in read_po(file, locale=language):
                wanted = catalogue.get(known.id) if known.id else None
                if wanted is not None and not known.fuzzy:
                    wanted.string = known.string
    return catalogue


def write(language: str) -> Path:
    """Write the one catalogue of a language; further files of it have been taken in and go."""
    catalogue = merged(language)
    buffer = BytesIO()
    # No header: it would say nothing but when it was written, and change with every run.
    write_po(buffer, catalogue, width=100, sort_output=True, include_lineno=False, omit_header=True)
    folder = LOCALE_FOLDER / language
    target = folder / "acogida.po"
    for path in folder.glob("*.po"):
        if path != target:
            path.unlink()
    target.write_bytes(buffer.getvalue())
    return target


if __name__ == "__main__":
    for code in TRANSLATED:
        missing = [message.id for message in merged(code) if message.id and not message.string]
        print(f"{write(code)}: {len(missing)} without a translation")
