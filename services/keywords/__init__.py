"""The vocabulary of the classifier: one TOML file per language, read into a tree of words.

A phrase is found by walking the tree word by word, so what a message costs depends on its
length and not on how many keywords there are. The files' fields are explained in `es.toml`.
"""

import tomllib
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

from services.clients import PROFILE_TYPES, ProfileType
from services.keywords.words import CLAUSE_END, QUESTION, is_arabic, split_words

LANGUAGES = ("es", "en", "fr", "ar", "pt")
KEYWORD_TYPES = tuple(kind for kind in PROFILE_TYPES if kind != "OTHER")

_FOLDER = Path(__file__).parent

#: The lists of single words in a file's [negation].
_NEGATION_WORDS = ("through", "or", "after", "beside", "ending")

_CLAUSE_ENDS = frozenset({CLAUSE_END, QUESTION})

#: What Arabic writes attached to the front of a word: and/so, then in/as/for, then the article.
_PARTICLES = ("و", "ف")
_PREFIXES = tuple(
    conjunction + ("لل" if preposition + article == "لال" else preposition + article)
    for conjunction in ("", *_PARTICLES)
    for preposition in ("", "ب", "ك", "ل")
    for article in ("", "ال")
    if conjunction + preposition + article
)


class KeywordError(ValueError):
    """An entry of a keyword file is unusable; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """An entry of a keyword file, by whichever of its spellings it was found."""

    text: str
    profile_type: ProfileType
    language: str
    weight: float


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a keyword file with everything it is found by, as written there."""

    keyword: Keyword
    also: tuple[str, ...]
    lacking: tuple[str, ...]
    always: bool

    @property
    def phrases(self) -> tuple[str, ...]:
        return (self.keyword.text, *self.also, *self.lacking)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase says where it is found. All unset: it is passed over as a whole."""

    #: What it says outside a negation.
    affirmed: Keyword | None = None
    #: What it says under a negation, where that is no denial: "papeles" in "no tengo papeles".
    lacking: Keyword | None = None
    #: Begins a negation.
    negates: bool = False


@dataclass(slots=True)
class Node:
    """A word of a phrase: the words that may follow, and what the phrase means if it ends here."""

    next: dict[str, "Node"] = field(default_factory=dict)
    meaning: Meaning | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything the files say."""

    root: Node
    #: Words that are passed over inside a phrase.
    fillers: frozenset[str]
    #: A negation reaches a keyword only through these words.
    through: frozenset[str]
    #: Words that carry a negation on from one keyword to the next.
    alternatives: frozenset[str]
    #: Negations that also deny the keyword before them: "asilo no".
    after: frozenset[str]
    #: Words that may stand beside those: "estudiante ya no soy".
    beside: frozenset[str]
    #: Words that end the clause like a comma would: "asilo no pero arraigo sí".
    ending: frozenset[str]
    #: The entries of the files that count, in their order.
    entries: tuple[Entry, ...]

    @property
    def spellings(self) -> Iterator[tuple[str, Keyword]]:
        """(spelling, keyword it stands for), as written in the files, `lacking` words left out."""
        for entry in self.entries:
            for spelling in (entry.keyword.text, *entry.also):
                yield spelling, entry.keyword

    def words_of(self, phrase: str) -> tuple[str, ...]:
        """A phrase as it is compared: its folded words, without the fillers inside."""
        return _without_fillers(split_words(phrase), self.fillers)

    def meaning_of(self, words: Sequence[str]) -> Meaning | None:
        """What exactly these words mean together, as `words_of` gives them."""
        node: Node | None = self.root
        for word in words:
            node = node.next.get(word) if node else None
        return node.meaning if node else None

    def says_nothing(self, words: Sequence[str]) -> bool:
        """Whether all of these words stand in any sentence, or only begin a negation."""
        light = (self.fillers, self.through, self.alternatives, self.after, self.beside)
        common = frozenset(self.ending.union(*light))
        meaning = self.meaning_of(words)
        return common.issuperset(words) or (meaning is not None and meaning.negates)


def load(
    folder: Path = _FOLDER,
    *,
    own: Iterable[Keyword] = (),
    disabled: frozenset[tuple[str, str]] = frozenset(),
) -> Vocabulary:
    """Read and check every language's file. Raises KeywordError at the first bad entry.

    `own` keywords are looked for beside the files' and win where both have a phrase; `disabled` are
    entries of the files that do not count, by language and keyword.
    """
    builder = _Builder(disabled)
    files = [(language, _Place(f"{language}.toml")) for language in LANGUAGES]
    contents = [_read(place, folder / place.text) for _, place in files]
    for (_, place), content in zip(files, contents, strict=True):
        builder.add_fillers(place.at("fillers"), content.get("fillers", []))
    for (language, place), content in zip(files, contents, strict=True):
        builder.add_file(place, language, content)
    for keyword in own:
        builder.add_own(keyword)
    return builder.finish()


def _read(place: "_Place", path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        place.fail(str(error))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the files we are, for errors."""

    text: str

    def at(self, part: str) -> "_Place":
        return _Place(f"{self.text}: {part}")

    def fail(self, problem: str) -> NoReturn:
        raise KeywordError(f"{self.text}: {problem}")


class _Builder:
    def __init__(self, disabled: frozenset[tuple[str, str]]) -> None:
        self.disabled = disabled
        self.root = Node()
        self.fillers: set[str] = set()
        #: By their names in the files.
        self.negation: dict[str, set[str]] = {name: set() for name in _NEGATION_WORDS}
        self.entries: list[Entry] = []
        self.places: dict[tuple[str, ...], tuple[Meaning, _Place]] = {}

    def add_fillers(self, place: _Place, words: Any) -> None:
        """All languages' first: a phrase of one is written without the fillers of any."""
        self.fillers |= {_single_word(place, word) for word in _texts(place, words)}

    def add_file(self, place: _Place, language: str, content: dict[str, Any]) -> None:
        _check_fields(
            place,
            content,
            required={"language", "keywords"},
            optional={"fillers", "ignored", "negation"},
        )
        if content["language"] != language:
            place.fail(f"language must be {language!r}")
        for phrase in _texts(place.at("ignored"), content.get("ignored", [])):
            self._add(place.at("ignored"), phrase, Meaning())
        self._add_negation(place.at("negation"), content.get("negation", {}))
        by_type = content["keywords"]
        if not isinstance(by_type, dict):
            place.fail("keywords must be a table")
        for profile_type, entries in by_type.items():
            if profile_type not in KEYWORD_TYPES:
                place.fail(f"{profile_type!r} is not one of {', '.join(KEYWORD_TYPES)}")
            if not isinstance(entries, list):
                place.fail(f"{profile_type} must be a list")
            for number, entry in enumerate(entries, start=1):
                entry_place = place.at(f"{profile_type} entry {number}")
                self._add_entry(entry_place, language, cast(ProfileType, profile_type), entry)

    def finish(self) -> Vocabulary:
        _attach_arabic_prefixes(self.root)
        return Vocabulary(
            root=self.root,
            fillers=frozenset(self.fillers),
            through=frozenset(self.negation["through"]),
            alternatives=frozenset(self.negation["or"]),
            after=frozenset(self.negation["after"]),
            beside=frozenset(self.negation["beside"]),
            ending=frozenset(self.negation["ending"]),
            entries=tuple(self.entries),
        )

    def _add_negation(self, place: _Place, table: Any) -> None:
        if not isinstance(table, dict):
            place.fail("must be a table")
        _check_fields(place, table, required=set(), optional={"words", *_NEGATION_WORDS})
        for phrase in _texts(place.at("words"), table.get("words", [])):
            self._add(place.at("words"), phrase, Meaning(negates=True))
        for name, target in self.negation.items():
            for word in _texts(place.at(name), table.get(name, [])):
                target.add(_single_word(place.at(name), word))

    def _add_entry(
        self, place: _Place, language: str, profile_type: ProfileType, entry: Any
    ) -> None:
        if not isinstance(entry, dict):
            place.fail("must be a table")
        if isinstance(entry.get("keyword"), str):
            place = place.at(repr(entry["keyword"]))
        _check_fields(
            place, entry, required={"keyword", "weight"}, optional={"also", "always", "lacking"}
        )
        (text,) = _texts(place, [entry["keyword"]])
        weight = entry["weight"]
        # bool is an int to Python; NaN fails both comparisons.
        if type(weight) not in (int, float) or not 0 < weight < 1:
            place.fail("weight must be a number above 0 and below 1")
        keyword = Keyword(text, profile_type, language, float(weight))
        always = entry.get("always", False)
        if not isinstance(always, bool):
            place.fail("always must be true or false")
        also = tuple(_texts(place.at("also"), entry.get("also", [])))
        lacking = tuple(_texts(place.at("lacking"), entry.get("lacking", [])))
        if (language, text) in self.disabled:
            return
        meaning = Meaning(affirmed=keyword, lacking=keyword if always else None)
        for spelling in (text, *also):
            self._add(place, spelling, meaning)
        for phrase in lacking:
            self._add(place, phrase, Meaning(lacking=keyword))
        self.entries.append(Entry(keyword, also, lacking, always))

    def add_own(self, keyword: Keyword) -> None:
        """After all files. What a newer file makes unusable is left out: it was checked against
        the files of its time, and must not keep the others from being found."""
        words = _without_fillers(split_words(keyword.text), self.fillers)
        earlier, _ = self.places.get(words, (None, None))
        if is_one_clause(words) and not (earlier and earlier.negates):
            self._put(words, Meaning(affirmed=keyword))

    def _add(self, place: _Place, phrase: str, meaning: Meaning) -> None:
        words = _without_fillers(split_words(phrase), self.fillers)
        if not is_one_clause(words):
            place.fail(f"{phrase!r} must be words of one clause")
        if words in self.places:
            earlier, earlier_place = self.places[words]
            if earlier == meaning and meaning.affirmed is None and meaning.lacking is None:
                return
            place.fail(f"{phrase!r} is already in {earlier_place.text}")
        self.places[words] = (meaning, place)
        self._put(words, meaning)

    def _put(self, words: Sequence[str], meaning: Meaning) -> None:
        node = self.root
        for word in words:
            node = node.next.setdefault(word, Node())
        node.meaning = meaning


def is_one_clause(words: Sequence[str]) -> bool:
    """Whether a phrase can be found at all: a clause's end is never passed over."""
    return bool(words) and _CLAUSE_ENDS.isdisjoint(words)


def _without_fillers(words: Sequence[str], fillers: Container[str]) -> tuple[str, ...]:
    inner = (word for word in words[1:-1] if word not in fillers)
    return (*words[:1], *inner, *words[1:][-1:])


def _attach_arabic_prefixes(root: Node) -> None:
    """Let every Arabic word of every phrase be found behind attached particles too."""
    for node in _nodes(root):
        for word, following in list(node.next.items()):
            if not is_arabic(word):
                continue
            negates = following.meaning is not None and following.meaning.negates
            # "لما" is "when", not "ل" and "not".
            for prefix in _PARTICLES if negates else _PREFIXES:
                node.next.setdefault(prefix + word, following)


def _nodes(root: Node) -> Iterator[Node]:
    for following in list(root.next.values()):
        yield from _nodes(following)
    yield root


def _check_fields(
    place: _Place, table: dict[str, Any], *, required: set[str], optional: set[str]
) -> None:
    for name in sorted(required - table.keys()):
        place.fail(f"{name} is missing")
    for name in table:
        if name not in required | optional:
            place.fail(f"unknown field {name!r}")


def _texts(place: _Place, value: Any) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        place.fail("must be a list of texts")
    return cast(list[str], value)


def _single_word(place: _Place, text: str) -> str:
    words = split_words(text)
    if len(words) != 1 or words[0] in _CLAUSE_ENDS:
        place.fail(f"{text!r} must be one word")
    return words[0]
