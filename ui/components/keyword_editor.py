"""One keyword beside the list: the form of one of the organisation's, or what there is to know."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from nicegui import ui

from services import keyword_settings
from services.keyword_settings import LANGUAGES, MOST_PHRASE, BuiltInKeyword, OwnKeyword
from services.keywords import KEYWORD_TYPES
from ui.components.elements import Select, button, set_attribute, show
from ui.components.focus import focus
from ui.components.form_parts import form_acts, saving, text_field, words_of
from ui.components.icons import icon
from ui.components.keyword_words import (
    WEIGHTS,
    keyword_language,
    keyword_problem,
    profile_dot,
    strength_of,
    strength_words,
)
from ui.components.markup import Html, join, tag
from ui.components.tags import PROFILES, label_tag, profile_label
from ui.components.template_words import language_name
from ui.gate import current_staff, signed_in
from ui.i18n import _

#: What was before, where a keyword was changed.
OnSaved = Callable[[OwnKeyword | None], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


class KeywordEditor:
    """A keyword of the organisation being written; what was typed stays until it is saved."""

    def __init__(
        self,
        keyword: OwnKeyword | None,
        *,
        on_saved: OnSaved,
        on_delete: Callable[[OwnKeyword], Awaitable[None]],
        on_close: Close,
    ) -> None:
        self._keyword = keyword
        self._on_saved = on_saved
        self._language = keyword.language if keyword else ""
        with ui.element("form").classes("ac-channel-form").props("novalidate") as form:
            form.on("submit.prevent", self._save)
            title = _("Change the keyword") if keyword else _("New keyword")
            show(tag("h2", title, class_="ac-subtitle"))
            self._problem = ui.label("").classes("ac-channel-problem").props("role=alert")
            self._phrase = text_field(
                _("Word or phrase"),
                MOST_PHRASE,
                value=keyword.phrase if keyword else "",
                hint=_("As people write it. Capitals and accents do not matter."),
            )
            self._phrase.props["dir"] = "auto"
            self._languages()
            types: dict[str, Html] = {
                kind: join([profile_dot(kind), tag("span", profile_label(kind))])
                for kind in KEYWORD_TYPES
            }
            self._type = _Choice(
                _("Points to"), types, keyword.profile_type if keyword else KEYWORD_TYPES[0]
            )
            weights: dict[str, Html] = {
                strength: tag("span", strength_words(weight))
                for strength, weight in WEIGHTS.items()
            }
            self._weight = _Choice(
                _("Weight"), weights, strength_of(keyword.weight if keyword else WEIGHTS["medium"])
            )
            said = _("It counts from the next message on. What was proposed before stays as it is.")
            show(tag("p", said, class_="ac-muted"))
            removing = partial(on_delete, keyword) if keyword is not None else None
            self._go = form_acts(on_close, removing)

    def focus(self) -> None:
        """Put the keyboard where one begins."""
        focus(self._phrase)

    def _languages(self) -> None:
        names = sorted((language_name(code), code) for code in LANGUAGES)
        options = {"": keyword_language("")} | {code: name for name, code in names}

        async def choose(language: str) -> None:
            self._language = language

        with ui.element("div").classes("ac-formfield"):
            show(tag("span", _("Language"), class_="ac-formfield-label", aria_hidden="true"))
            with ui.element("div").classes("ac-order ac-channel-more"):
                Select(options, value=self._language, label=_("Language"), on_choose=choose)
                show(icon("down")).classes("ac-contents")

    @signed_in
    async def _save(self) -> None:
        async with saving(self._go, self._complain):
            before = await self._write()
            await self._on_saved(before)

    async def _write(self) -> OwnKeyword | None:
        me, known = current_staff(), self._keyword
        phrase, profile_type = words_of(self._phrase), self._type.chosen
        if known is None:
            await keyword_settings.add_keyword(
                me,
                phrase=phrase,
                language=self._language,
                profile_type=profile_type,
                weight=self._chosen_weight(),
            )
            return None
        return await keyword_settings.change_keyword(
            me,
            known.id,
            phrase=phrase,
            language=self._language,
            profile_type=profile_type,
            weight=self._chosen_weight(),
            expected=known.updated_at,
        )

    def _chosen_weight(self) -> float:
        return next(weight for name, weight in WEIGHTS.items() if name == self._weight.chosen)

    def _complain(self, fields: Mapping[str, str]) -> None:
        """Say beside the phrase what is wrong with it, and anything else above."""
        wrong = fields.get("phrase")
        self._phrase.error = keyword_problem(wrong) if wrong else None
        rest = [code for name, code in fields.items() if name != "phrase"]
        self._problem.text = keyword_problem(rest[0]) if rest else ""
        if wrong:
            focus(self._phrase)


class _Choice:
    """One of a few, all in sight."""

    def __init__(self, label: str, options: Mapping[str, Html], chosen: str) -> None:
        self._chips: dict[str, ui.html] = {}
        with ui.element("div").classes("ac-formfield"):
            show(tag("span", label, class_="ac-formfield-label", aria_hidden="true"))
            with ui.element("div").classes("ac-chips").props("role=group") as group:
                group.props["aria-label"] = label
                for name, words in options.items():
                    chip = button(words).classes("ac-chip")
                    chip.on("click", partial(self._choose, name), args=[])
                    self._chips[name] = chip
        self._choose(chosen)

    def _choose(self, name: str) -> None:
        self.chosen = name
        for one, chip in self._chips.items():
            set_attribute(chip, "aria-pressed", str(one == name).lower())


def built_in_card(
    keyword: BuiltInKeyword,
    *,
    on_switch: Callable[[BuiltInKeyword], Awaitable[None]] | None,
    on_close: Close,
) -> None:
    """What the classifier looks for under a built-in keyword. Without `on_switch` only to read."""
    entry = keyword.entry
    facts = [
        (_("Points to"), _points_to(entry.keyword.profile_type)),
        (_("Weight"), tag("span", strength_words(entry.keyword.weight))),
        (_("Language"), tag("span", keyword_language(entry.keyword.language))),
        (_("Also written"), _phrases(entry.also)),
        (_("Counts when somebody has none"), _phrases(entry.lacking)),
    ]
    _card(entry.keyword.text, _("Built-in keyword"), facts, is_on=keyword.is_on)
    if entry.always:
        show(tag("p", _("Counts even where it is denied."), class_="ac-muted"))
    if not keyword.is_on:
        show(tag("p", _("Nobody's messages are searched for it now."), class_="ac-muted"))
    with ui.element("div").classes("ac-channel-acts"):
        if on_switch is not None:
            symbol, words = ("pause", _("Switch off")) if keyword.is_on else ("ok", _("Switch on"))
            switch = button(join([icon(symbol), tag("span", words)])).classes("ac-button")
            switch.on("click", partial(on_switch, keyword), args=[])
        button(tag("span", _("Close"))).classes("ac-button").on("click", on_close)


def own_card(keyword: OwnKeyword, *, on_close: Close) -> None:
    """A keyword of the organisation for whoever only reads it."""
    facts = [
        (_("Points to"), _points_to(keyword.profile_type)),
        (_("Weight"), tag("span", strength_words(keyword.weight))),
        (_("Language"), tag("span", keyword_language(keyword.language))),
        (_("Changed by"), tag("bdi", keyword.updated_by) if keyword.updated_by else None),
    ]
    _card(keyword.phrase, _("Keyword of the organisation"), facts, is_on=True)
    with ui.element("div").classes("ac-channel-acts"):
        button(tag("span", _("Close"))).classes("ac-button").on("click", on_close)


def _card(phrase: str, kind: str, facts: list[tuple[str, Html | None]], *, is_on: bool) -> None:
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts if value]
    off = None if is_on else label_tag("other", _("Switched off"), symbol="pause")
    show(
        join(
            [
                tag("h2", tag("bdi", phrase), class_="ac-subtitle ac-templates-title"),
                tag("p", kind, " ", off, class_="ac-muted ac-keywords-kind"),
                tag("dl", *rows, class_="ac-facts"),
            ]
        )
    )


def _points_to(profile_type: str) -> Html:
    return label_tag(PROFILES[profile_type][0], profile_label(profile_type))


def _phrases(phrases: tuple[str, ...]) -> Html | None:
    """Phrases of whatever script, one after the other."""
    if not phrases:
        return None
    return tag(
        "ul", *(tag("li", phrase, dir="auto") for phrase in phrases), class_="ac-keywords-all"
    )
