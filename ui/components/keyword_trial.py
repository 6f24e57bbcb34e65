"""Trying a message out: what the classifier would propose, and the words it rests on."""

from services import keyword_settings
from services.keyword_settings import MOST_TEXT, Trial
from ui.components.client_file import evidence
from ui.components.elements import button, show
from ui.components.form_parts import text_field, words_of
from ui.components.keyword_words import WEIGHTS, highlighted, strength_of, strength_words
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.tags import PROFILES, label_tag, profile_label
from ui.formats import percent
from ui.gate import current_staff, signed_in
from ui.i18n import N_, _

_LINES = 4
_EXAMPLE = N_("Hello, I have no papers. Can I apply for asylum?")


class KeywordTrial:
    """The field, what comes of it, and how keywords work. The text is in this page alone."""

    def __init__(self) -> None:
        show(tag("h2", _("Try a message"), class_="ac-subtitle"))
        said = _("See what would be proposed if somebody wrote this. It is not stored anywhere.")
        show(tag("p", said, class_="ac-muted"))
        self._field = text_field(_("Message"), MOST_TEXT, lines=_LINES)
        self._field.props["dir"] = "auto"
        self._field.props["placeholder"] = _("Write or paste what a person says")
        self._field.on_value_change(self.look)
        self._example = button(tag("span", _("Use an example"))).classes("ac-link-button")
        self._example.on("click", self._use_example)
        self._proposal = show(NOTHING).props("aria-live=polite")
        self._result = show(NOTHING)
        show(_how_keywords_work())

    @signed_in
    async def look(self) -> None:
        """Judge what stands in the field, by the keywords there are now."""
        written = words_of(self._field)[:MOST_TEXT]
        if not written.strip():
            self._show(NOTHING, NOTHING, is_empty=True)
            return
        trial = await keyword_settings.try_out(current_staff(), written)
        # Somebody who goes on writing has asked again meanwhile.
        if not self._field.is_deleted and written == words_of(self._field)[:MOST_TEXT]:
            self._show(_proposal(trial), _grounds(written, trial), is_empty=False)

    @signed_in
    async def _use_example(self) -> None:
        self._field.value = _(_EXAMPLE)

    def _show(self, proposal: Html, result: Html, *, is_empty: bool) -> None:
        self._proposal.content, self._result.content = proposal.source, result.source
        self._example.set_visibility(is_empty)


def _proposal(trial: Trial) -> Html:
    proposal = trial.proposal
    if not proposal.confidence:
        said = (
            _("Nothing would be proposed: what is found is denied.")
            if proposal.evidence
            else _("Nothing would be proposed: there is no keyword in it.")
        )
        return tag("p", said, class_="ac-keywords-proposal")
    colour = PROFILES[proposal.profile_type][0]
    label = f"{profile_label(proposal.profile_type)} · {percent(proposal.confidence)}"
    words = tag("span", _("Would be proposed:"))
    return tag("p", words, " ", label_tag(colour, label), class_="ac-keywords-proposal")


def _grounds(written: str, trial: Trial) -> Html:
    if not trial.located:
        return NOTHING
    text = tag("p", highlighted(written, trial.located), class_="ac-keywords-text", dir="auto")
    return join([text, evidence([piece.as_json() for piece in trial.proposal.evidence])])


def _how_keywords_work() -> Html:
    meanings = {
        "strong": _("hardly ever means anything else"),
        "medium": _("points there, and can mean something else"),
        "weak": _("counts only together with others"),
    }
    strengths = [
        tag("div", tag("dt", strength_words(weight)), tag("dd", meanings[strength_of(weight)]))
        for weight in WEIGHTS.values()
    ]
    return tag(
        "div",
        tag("h2", _("How keywords work"), class_="ac-subtitle"),
        tag(
            "p",
            _(
                "Every message is searched for all keywords, whatever its language. Capitals,"
                " accents and small words do not matter, and what is denied does not count."
            ),
        ),
        tag("dl", *strengths, class_="ac-keywords-strengths"),
        tag(
            "p",
            _(
                "A change counts from the next message on. What was proposed before stays as it is,"
                " and what somebody of the team decided always stays."
            ),
            class_="ac-muted",
        ),
        class_="ac-keywords-how",
    )
