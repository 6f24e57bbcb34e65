"""Names of files as people give them, made fit to be shown, stored and sent in a header."""

import unicodedata

MAX_LENGTH = 150

#: They reorder what is shown, so that `fdp.exe` reads as `exe.pdf`.
_BIDI = {
    chr(code) for code in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
#: Cc control, Cs half a character, Cn nobody's, Co private, Zl and Zp line breaks.
_INVISIBLE = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}


def clean(name: str) -> str:
    """The last part of a path, in composed letters of any script, of at most MAX_LENGTH.

    The extension survives the shortening. Empty where nothing of the name is left.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        character
        for character in unicodedata.normalize("NFC", last)
        if character not in _BIDI and unicodedata.category(character) not in _INVISIBLE
    )
    kept = " ".join(kept.split()).strip(". ")
    if len(kept) <= MAX_LENGTH:
        return kept
    stem, dot, extension = kept.rpartition(".")
    if not dot or len(extension) > 10:
        return kept[:MAX_LENGTH].strip()
    return stem[: MAX_LENGTH - len(extension) - 1].strip() + "." + extension
