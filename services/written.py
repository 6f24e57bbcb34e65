"""Words that staff write for one another, as they are kept."""

import re

#: What no text holds, however many lines it has.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def checked(words: str, most: int) -> str:
    """The words without what surrounds them. The message of a ValueError is the code of what is
    wrong: `required`, `too_long`, `not_text`."""
    clean = words.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not clean:
        raise ValueError("required")
    if _CONTROL.search(clean):
        raise ValueError("not_text")
    if len(clean) > most:
        raise ValueError("too_long")
    return clean
