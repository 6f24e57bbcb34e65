"""Text as words that can be compared: no case, no accents, one spelling of Arabic letters."""

import unicodedata

#: Stands among the words where a clause ends: sentence punctuation, a line break, an emoji.
CLAUSE_END = "."

#: The same where the clause is a question: "es asilo no?" asks and does not deny.
QUESTION = "?"

#: As long as a WhatsApp text may be. What comes after is not looked at.
MAX_CHARACTERS = 4_096

_ENDING = frozenset(".,;:!¿¡…()[]{}<>|،؛۔–—\n\r\v\f\x85\u2028\u2029")
_QUESTION_MARKS = frozenset("?؟")
_BETWEEN_WORDS = frozenset({" ", CLAUSE_END, QUESTION})
#: Unicode categories of what stands inside a word without being a letter of it: accents,
#: vowel signs, and invisible marks of direction and joining.
_INVISIBLE = frozenset({"Mn", "Mc", "Me", "Cf"})
#: Pictures and mathematical or currency signs; people use emoji as full stops.
_SYMBOLS = frozenset({"So", "Sm"})

#: Variants that decomposition leaves alone, Persian and Urdu keyboards' among them. Tatweel, which
#: only stretches a word, goes.
_ARABIC_LETTERS = str.maketrans("ىةٱکیەھہ", "يهاكيههه", "ـ")


def split_words(text: str) -> list[str]:
    """Return the folded words of a text, with CLAUSE_END or QUESTION after each clause."""
    folded = text[:MAX_CHARACTERS].translate(_FOLD)[:MAX_CHARACTERS]
    return folded.replace(CLAUSE_END, " . ").replace(QUESTION, " ? ").split()


def find_spans(text: str) -> list[tuple[int, int]]:
    """Return where each word of `split_words(text)` starts and ends in the text.

    Several times slower than splitting, so for texts in which something was found. A word that
    splitting cuts at its limit keeps its whole span; words behind it may be listed too.
    """
    spans: list[tuple[int, int]] = []
    # Of the word that is being read; -1 between words.
    start = last = -1
    for index, character in enumerate(text[:MAX_CHARACTERS]):
        # Accents and joiners fold to nothing and belong to the word they stand in.
        for part in _FOLD[ord(character)]:
            if part not in _BETWEEN_WORDS:
                last = index
                if start < 0:
                    start = index
                continue
            if start >= 0:
                # A part of this very character may belong to the word: "¼" is two words.
                spans.append((start, max(index, last + 1)))
                start = -1
            if part != " ":
                spans.append((index, index + 1))
    if start >= 0:
        spans.append((start, min(len(text), MAX_CHARACTERS)))
    return spans


def excerpt(text: str, *, at_most: int) -> str:
    """Return the text as written, fit for one line: white space collapsed, what can't be stored
    or shown (control characters, half surrogate pairs, marks of direction) left out.
    """
    if not text.isprintable():
        text = "".join(map(_printable, text))
    return " ".join(text.split())[:at_most].rstrip()


def is_arabic(word: str) -> bool:
    return "\u0621" <= word[0] <= "\u06ff"


class _Fold(dict[int, str]):
    """Translation table that works a character out when it is first met.

    Character by character and not over the whole text: normalising ten thousand combining marks
    in a row as one string takes time in the square of their number.
    """

    #: More characters than people use; beyond it a hostile text costs time, not memory.
    _LIMIT = 8_192

    def __missing__(self, codepoint: int) -> str:
        folded = _fold(chr(codepoint))
        if len(self) < self._LIMIT:
            self[codepoint] = folded
        return folded


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    # A joiner stands inside a word, the rest between words.
    return "" if unicodedata.category(character) == "Cf" else " "


def _fold(character: str) -> str:
    if character in _QUESTION_MARKS:
        return QUESTION
    if character in _ENDING or unicodedata.category(character) in _SYMBOLS:
        return CLAUSE_END
    # Twice, because lower case may bring accents of its own ("İ").
    decomposed = unicodedata.normalize("NFKD", character).casefold()
    return "".join(_fold_part(part) for part in unicodedata.normalize("NFKD", decomposed))


def _fold_part(character: str) -> str:
    if unicodedata.category(character) in _INVISIBLE:
        return ""
    return character.translate(_ARABIC_LETTERS) if character.isalnum() else " "


_FOLD = _Fold()
# Latin and Arabic are worked out now, so that a text full of rare characters can't keep them
# out of the table.
for _codepoint in (*range(0x0250), *range(0x0600, 0x0700), *range(0x2000, 0x2070)):
    _FOLD[_codepoint]
