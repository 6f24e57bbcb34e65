"""What keywords are called on screen: how strong, in which language, and what is wrong with one."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from services.classification import Evidence, Located
from services.keyword_settings import MOST_OWN
from ui.components.markup import Html, join, tag
from ui.components.tags import PROFILES, profile_label
from ui.components.template_words import language_name
from ui.components.whatsapp_text import without_reordering
from ui.formats import percent
from ui.i18n import N_, _

Strength = Literal["strong", "medium", "weak"]

#: What a new keyword weighs.
WEIGHTS: dict[Strength, float] = {"strong": 0.85, "medium": 0.55, "weak": 0.3}

_STRENGTHS: dict[Strength, str] = {
    "strong": N_("Strong"),
    "medium": N_("Medium"),
    "weak": N_("Weak"),
}


def strength_of(weight: float) -> Strength:
    """How much a keyword says, in a word."""
    if weight >= 0.7:
        return "strong"
    return "medium" if weight >= 0.4 else "weak"


def strength_words(weight: float) -> str:
    """`Strong · 85 %`."""
    return f"{_(_STRENGTHS[strength_of(weight)])} · {percent(weight)}"


def keyword_language(code: str) -> str:
    """`español`, or that the language does not matter."""
    return language_name(code) if code else _("any language")


def profile_dot(profile_type: str) -> Html:
    """The colour of a type, beside its name."""
    return tag("span", class_=f"ac-dot ac-dot--{PROFILES[profile_type][0]}", aria_hidden="true")


def highlighted(text: str, located: Sequence[Located]) -> Html:
    """A text with the evidence marked in it. Where two pieces overlap the shorter one shows."""
    edges = sorted({0, len(text), *(edge for one in located for edge in (one.start, one.end))})
    pieces: list[Html | str] = []
    for start, end in pairwise(edges):
        words = without_reordering(text[start:end])
        over = [one for one in located if one.start <= start and end <= one.end]
        shown = min(over, key=lambda one: one.end - one.start) if over else None
        pieces.append(_marked(words, shown.evidence) if shown else words)
    return join(pieces)


def _marked(words: str, evidence: Evidence) -> Html:
    if evidence.negated:
        title = _("denied, does not count")
        return tag("mark", words, class_="ac-keywords-mark ac-keywords-mark--denied", title=title)
    colour = PROFILES[evidence.profile_type][0]
    title = f"{profile_label(evidence.profile_type)} · {strength_words(evidence.weight)}"
    return tag("mark", words, class_=f"ac-keywords-mark ac-tag--{colour}", title=title)


def keyword_problem(code: str) -> str:
    """What is wrong with a keyword, and what to do."""
    match code:
        case "missing":
            return _("Write a word or a few.")
        case "too_long":
            return _("This is too long.")
        case "too_short":
            return _("One letter alone stands in too many messages.")
        case "not_one_clause":
            return _("Only words, without full stops, commas or other signs between them.")
        case "says_nothing":
            return _("These words stand in any message. Add one that says something.")
        case "never_found":
            return _("It would never be found like this. Leave out the small words.")
        case "built_in_has_it":
            return _("There is a built-in keyword for this. Search for it in the list.")
        case "passed_over":
            return _(
                "These words are passed over on purpose: they look like a keyword and are none."
            )
        case "own_has_it":
            return _("You have a keyword for this already.")
        case "too_many_keywords":
            return _("There are {n} keywords already. Delete one first.", n=MOST_OWN)
        case "changed_meanwhile":
            return _("A colleague has changed it meanwhile. Close it and open it again.")
        case _:
            return _("This cannot be used.")
