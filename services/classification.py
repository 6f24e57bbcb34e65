"""Proposes a profile type from the words people write, with those words as evidence.

Pure functions over text: the built-in vocabulary is read and checked once, when this module is
loaded, and a bad entry raises `services.keywords.KeywordError` there and then. What the
organisation adds to it or switches off comes from `services.keyword_settings`. A proposal is
advice. It never overrules a person's decision, and it rests on everything the client wrote so far,
so no single message flips it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from services import keywords
from services.clients import PROFILE_TYPES, ProfileType
from services.keywords import KEYWORD_TYPES, Keyword, Meaning, Node, Vocabulary
from services.keywords.words import CLAUSE_END, excerpt, find_spans, split_words

#: Per profile type, and as many denied: what is kept of a client's evidence. The strongest stay.
MAX_EVIDENCE_PER_TYPE = 8

#: Characters of the client's words that are quoted as evidence.
MAX_FOUND_CHARACTERS = 80

#: A machine that reads keywords is never certain.
MAX_CONFIDENCE = 0.99

#: Competing evidence takes up to this share of the confidence.
_COMPETITION = 0.5

#: What the files say, as they come.
BUILT_IN = keywords.load()

#: Words between a negation and what it denies: "no quiero pedir ya ningún tipo de asilo" is long.
_MAX_REACH = 6

#: From a keyword to the end of its clause, in "estudiante yo ya no soy".
_MAX_AFTER = 6

#: In a row, inside a phrase: "la visa ya se me venció".
_MAX_FILLERS = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """A keyword that a client wrote."""

    #: The entry's own spelling, whichever was written.
    keyword: str
    profile_type: ProfileType
    #: Language of the entry: es, en, fr, ar, pt. What two languages share is listed under one; ""
    #: in a keyword that the organisation looks for in all.
    language: str
    #: How sure one may be of the type on this keyword alone, 0..1.
    weight: float
    #: The client denied it ("no soy estudiante"): shown to staff, not counted.
    negated: bool = False
    #: What the client wrote, as they wrote it; "" in evidence that was stored without.
    found: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "keyword": self.keyword,
            "profile_type": self.profile_type,
            "language": self.language,
            "weight": self.weight,
            "negated": self.negated,
            "found": self.found,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Evidence":
        """Read what `as_json` wrote. Raises ValueError on anything else."""
        match {"found": "", **value}:
            case {
                "keyword": str(keyword),
                "profile_type": str(profile_type),
                "language": str(language),
                "weight": int(weight) | float(weight),
                "negated": bool(negated),
                "found": str(found),
            } if profile_type in KEYWORD_TYPES and 0 <= weight <= 1:
                known_type = cast(ProfileType, profile_type)
                return cls(keyword, known_type, language, float(weight), negated, found)
        raise ValueError("not a piece of evidence")


@dataclass(frozen=True, slots=True)
class Proposal:
    """The profile type that the evidence speaks for. OTHER with confidence 0 when none does."""

    profile_type: ProfileType
    #: 0..1, two decimals.
    confidence: float
    #: All of it, for and against, strongest first.
    evidence: list[Evidence]


@dataclass(frozen=True, slots=True)
class Located:
    """Evidence, and where in the text it stands: from one character up to another."""

    evidence: Evidence
    start: int
    end: int


def classify(text: str) -> Proposal:
    """Propose a type from one text alone, by the built-in vocabulary."""
    return propose(find_evidence(text))


def find_evidence(text: str, vocabulary: Vocabulary = BUILT_IN) -> list[Evidence]:
    """Return each keyword of the text once, in order of appearance."""
    return [located.evidence for located in locate_evidence(text, vocabulary)]


def locate_evidence(text: str, vocabulary: Vocabulary = BUILT_IN) -> list[Located]:
    """Return each keyword of the text once, in order of appearance, with where it first stands.

    A negation denies the next keyword when nothing but light words ("un", "de", "quiero") stands
    between and the clause does not end; "or" carries it on to one more. It denies the keyword
    before it when it ends the clause ("estudiante no soy"), unless that is a question. A longer
    phrase wins over the shorter ones inside it. Only the first 4,096 characters count.
    """
    words = split_words(text)
    # (keyword, denied): where it first stands, from one word up to another.
    found: dict[tuple[Keyword, bool], tuple[int, int]] = {}
    first_words = vocabulary.root.next
    # How many more words the current negation may cross; 0 outside a negation.
    reach = 0
    # Where that negation stands.
    negation = 0
    # The word before was a denied keyword.
    denied_before = False
    position, end = 0, len(words)
    while position < end:
        word, start = words[position], position
        position += 1
        node = first_words.get(word)
        meaning = None
        if node is not None:
            meaning, position = _longest_phrase(node, words, position, vocabulary)
        if meaning is None:
            if reach:
                reach = reach - 1 if word in vocabulary.through else 0
            elif denied_before and word in vocabulary.alternatives:
                reach = _MAX_REACH
            denied_before = False
        elif meaning.negates:
            reach, denied_before, negation = _MAX_REACH, False, start
        else:
            stop = position
            denied_after = 0 if reach else _negation_after(words, position, vocabulary)
            if denied_after:
                position = denied_after
            if (reach or denied_after) and meaning.lacking is not None:
                # "papeles" alone would say the contrary of "no tengo papeles".
                if meaning.affirmed is None:
                    start, stop = (negation, stop) if reach else (start, denied_after)
                found.setdefault((meaning.lacking, False), (start, stop))
            elif meaning.affirmed is not None:
                found.setdefault((meaning.affirmed, reach + denied_after > 0), (start, stop))
            denied_before, reach = reach > 0, 0
    return _quote(text, found) if found else []


def merge(earlier: Iterable[Evidence], later: Iterable[Evidence]) -> list[Evidence]:
    """Unite the evidence of several messages, whatever their order, each keyword once.

    At most MAX_EVIDENCE_PER_TYPE affirmed and as many denied keywords are kept of each type.
    """
    kept: list[Evidence] = []
    count: dict[tuple[ProfileType, bool], int] = {}
    for evidence in _distinct([*earlier, *later]):
        group = (evidence.profile_type, evidence.negated)
        count[group] = count.get(group, 0) + 1
        if count[group] <= MAX_EVIDENCE_PER_TYPE:
            kept.append(evidence)
    return kept


def propose(evidence: Iterable[Evidence]) -> Proposal:
    """Weigh the evidence; its order does not matter, nor does a keyword's repetition.

    A type's strength is the probability that at least one of its keywords is right, each being
    right with its weight. The strongest type wins (of equals, the first of PROFILE_TYPES), and
    the strength of everything that speaks for other types takes away up to half its confidence.
    """
    distinct = _distinct(evidence)
    affirmed = [piece for piece in distinct if not piece.negated and piece.profile_type != "OTHER"]
    if not affirmed:
        return Proposal("OTHER", 0.0, distinct)
    strengths = {
        profile_type: _strength(p for p in affirmed if p.profile_type == profile_type)
        for profile_type in PROFILE_TYPES
    }
    winner = max(strengths, key=lambda profile_type: strengths[profile_type])
    competing = _strength(piece for piece in affirmed if piece.profile_type != winner)
    confidence = strengths[winner] * (1 - _COMPETITION * competing)
    return Proposal(winner, round(min(confidence, MAX_CONFIDENCE), 2), distinct)


def _longest_phrase(
    node: Node, words: list[str], position: int, vocabulary: Vocabulary
) -> tuple[Meaning | None, int]:
    """Follow the words from `position` on; return what they mean together and where they end."""
    meaning, end = node.meaning, position
    passed_over = 0
    while position < len(words) and node.next:
        word = words[position]
        position += 1
        following = node.next.get(word)
        if following is not None:
            node, passed_over = following, 0
            if node.meaning is not None:
                meaning, end = node.meaning, position
        elif word in vocabulary.fillers and passed_over < _MAX_FILLERS:
            passed_over += 1
        else:
            break
    return meaning, end


def _negation_after(words: list[str], position: int, vocabulary: Vocabulary) -> int:
    """Return where the negation that ends the clause at `position` stops; 0 if there is none."""
    negated = False
    for end in range(position, position + _MAX_AFTER + 1):
        word = words[end] if end < len(words) else CLAUSE_END
        if word in vocabulary.after:
            negated = True
        elif word not in vocabulary.beside:
            return end if negated and (word == CLAUSE_END or word in vocabulary.ending) else 0
    return 0


def _quote(text: str, found: Mapping[tuple[Keyword, bool], tuple[int, int]]) -> list[Located]:
    spans = find_spans(text)
    located = []
    for (keyword, denied), (first, stop) in found.items():
        start, end = spans[first][0], spans[stop - 1][1]
        words = excerpt(text[start:end], at_most=MAX_FOUND_CHARACTERS)
        evidence = Evidence(
            keyword.text, keyword.profile_type, keyword.language, keyword.weight, denied, words
        )
        located.append(Located(evidence, start, end))
    return located


def _strength(evidence: Iterable[Evidence]) -> float:
    return 1 - prod(1 - min(max(piece.weight, 0.0), 1.0) for piece in evidence)


def _distinct(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Each keyword once, strongest first, in an order that depends on nothing else.

    Of what was found for a keyword, the shortest is kept: any would do, but always the same.
    """
    strongest: dict[tuple[str, ProfileType, bool], Evidence] = {}
    for piece in sorted(set(evidence), key=_rank, reverse=True):
        key = (piece.keyword, piece.profile_type, piece.negated)
        kept = strongest.setdefault(key, piece)
        if _rank(piece) == _rank(kept) and _plainness(piece) < _plainness(kept):
            strongest[key] = piece
    return list(strongest.values())


def _plainness(evidence: Evidence) -> tuple[bool, int, str]:
    return not evidence.found, len(evidence.found), evidence.found


def _rank(evidence: Evidence) -> tuple[bool, float, str, str, str]:
    return (
        not evidence.negated,
        evidence.weight,
        evidence.profile_type,
        evidence.keyword,
        evidence.language,
    )
