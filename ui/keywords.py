"""What the classifier looks for, a field to try it out, and the organisation's own keywords."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from nicegui import ui

from services import keyword_settings
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.keyword_settings import BuiltInKeyword, KeywordList, OwnKeyword
from services.keywords import KEYWORD_TYPES
from services.keywords import LANGUAGES as BUILT_IN_LANGUAGES
from services.keywords.words import split_words
from services.permissions import Permission, may
from ui.assets import asset
from ui.components.elements import Select, button, set_attribute, show
from ui.components.icons import icon
from ui.components.keyword_editor import KeywordEditor, built_in_card, own_card
from ui.components.keyword_trial import KeywordTrial
from ui.components.keyword_words import (
    keyword_language,
    keyword_problem,
    profile_dot,
    strength_words,
)
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.search_field import search_field
from ui.components.states import empty_state
from ui.components.tags import PROFILES, label_tag, profile_label
from ui.components.undo import UndoToast
from ui.formats import number
from ui.gate import current_staff, only_with, signed_in
from ui.i18n import _
from ui.layout import frame, page_head

PATH = "/settings/keywords"

Restore = Callable[[], Awaitable[object]]


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(keywords_page)


async def keywords_page() -> None:
    """`/settings/keywords`."""
    await only_with(Permission.READ_CLIENTS)
    for sheet in ("channel.css", "keywords.css"):
        ui.add_head_html(f'<link rel="stylesheet" href="{asset(sheet)}">')
    with frame(_("Keywords"), section="keywords", heading=False):
        await KeywordsPage().load()


@dataclass(frozen=True, slots=True)
class _Row:
    """A keyword in the list, and what the filters look at."""

    item: ui.element
    press: ui.html
    #: The heading it stands under: "" is the organisation's own, else the type.
    group: str
    language: str
    profile_type: str
    is_on: bool
    words: str


class KeywordsPage:
    """One open page: the list, and beside it a message to try or the keyword that was chosen."""

    def __init__(self) -> None:
        self._may_change = may(current_staff(), Permission.MANAGE_DESK)
        self._undo = UndoToast()
        self._words: list[str] = []
        self._type = self._language = ""
        self._only_off = False
        self._own: dict[UUID, OwnKeyword] = {}
        self._rows: dict[str, _Row] = {}
        self._headings: dict[tuple[str, str], list[ui.element]] = {}
        self._counts: dict[str, ui.html] = {}
        self._open = ""
        self._build_head()
        with ui.element("div").classes("ac-templates ac-keywords") as self._root:
            self._build_tools()
            with ui.element("div").classes("ac-templates-panes") as self._panes:
                with ui.element("div").classes("ac-templates-list"):
                    self._list = ui.element("div")
                    self._nothing = show(NOTHING)
                with ui.element("section").classes("ac-templates-one") as pane:
                    pane.props["aria-label"] = _("What is beside the list")
                    back = button(join([icon("back"), tag("span", _("All keywords"))]))
                    back.classes("ac-link-button ac-templates-back").on("click", self._close)
                    with ui.element("div") as self._trial_place:
                        self._trial = KeywordTrial()
                    self._pane = ui.element("div")
        self._show_trial(is_asked_for=False)

    def _build_head(self) -> None:
        with (
            page_head(_("Keywords")),
            ui.element("div").classes("ac-channel-act ac-channel-acts ac-keywords-acts"),
        ):
            trial = button(join([icon("sparkle"), tag("span", _("Try a message"))]))
            trial.classes("ac-button").on("click", self._open_trial)
            if self._may_change:
                add = button(join([icon("plus"), tag("span", _("New keyword"))]))
                add.classes("ac-button ac-button--primary").on("click", self._new)

    def _build_tools(self) -> None:
        with ui.element("div").classes("ac-templates-tools"):
            search_field(_("Search keywords"), on_type=self._search)
            types = {"": _("All profile types")}
            types |= {kind: profile_label(kind) for kind in KEYWORD_TYPES}
            _select(types, _("Profile type"), self._choose_type)
            self._languages = _select(
                {"": _("All languages")}, _("Language"), self._choose_language
            )
            self._off = button(NOTHING).classes("ac-chip").props("aria-pressed=false")
            self._off.on("click", self._choose_off)

    async def load(self) -> None:
        """Show what there is now."""
        listed = await keyword_settings.list_keywords(current_staff())
        if not self._root.is_deleted:
            self._fill(listed)

    # -- the list ---------------------------------------------------------------------------------

    def _fill(self, listed: KeywordList) -> None:
        self._list.clear()
        self._own = {own.id: own for own in listed.own}
        self._rows, self._headings, self._counts = {}, {}, {}
        with self._list:
            if listed.own:
                said = _("Keywords of the organisation")
                with self._group("", tag("span", said)), _list(said):
                    for own in listed.own:
                        self._add_own(own)
            for kind in KEYWORD_TYPES:
                name = join([profile_dot(kind), tag("span", profile_label(kind))])
                with self._group(kind, name):
                    for language in BUILT_IN_LANGUAGES:
                        self._add_language(kind, language, listed.built_in)
        spoken = {*BUILT_IN_LANGUAGES, *(own.language for own in listed.own if own.language)}
        names = sorted((keyword_language(code), code) for code in spoken)
        options = {"": _("All languages")} | {code: name for name, code in names}
        self._languages.offer(options, self._language)
        off = sum(not k.is_on for k in listed.built_in)
        words = tag("span", _("Switched off: {n}", n=number(off)))
        self._off.content = join([icon("pause"), words]).source
        self._off.set_visibility(off > 0)
        self._only_off = self._only_off and off > 0
        self._narrow()

    def _group(self, group: str, name: Html) -> ui.element:
        place = ui.element("section").classes("ac-keywords-group")
        with place, ui.element("div").classes("ac-keywords-heading"):
            show(tag("h2", name)).classes("ac-contents")
            self._counts[group] = show(NOTHING, "span").classes("ac-count")
        self._headings[group, ""] = [place]
        return place

    def _add_language(self, kind: str, language: str, known: list[BuiltInKeyword]) -> None:
        keywords = [k for k in known if k.entry.keyword.profile_type == kind]
        name = keyword_language(language)
        heading = show(tag("h3", name, class_="ac-eyebrow ac-keywords-language"))
        with _list(f"{profile_label(kind)}, {name}") as place:
            for keyword in keywords:
                if keyword.entry.keyword.language == language:
                    self._add_built_in(keyword)
        self._headings[kind, language] = [heading, place]

    def _add_own(self, own: OwnKeyword) -> None:
        kind = label_tag(PROFILES[own.profile_type][0], profile_label(own.profile_type))
        weight = f"{keyword_language(own.language)} · {strength_words(own.weight)}"
        self._add(
            str(own.id),
            _row_words(own.phrase, (), kind, weight),
            partial(self._open_own, own),
            group="",
            language=own.language,
            profile_type=own.profile_type,
            is_on=True,
            phrases=[own.phrase],
        )

    def _add_built_in(self, keyword: BuiltInKeyword) -> None:
        entry = keyword.entry
        off = None if keyword.is_on else label_tag("other", _("Switched off"), symbol="pause")
        others = (*entry.also, *entry.lacking)
        weight = strength_words(entry.keyword.weight)
        self._add(
            _key(keyword),
            _row_words(entry.keyword.text, others, off, weight),
            partial(self._open_built_in, keyword),
            group=entry.keyword.profile_type,
            language=entry.keyword.language,
            profile_type=entry.keyword.profile_type,
            is_on=keyword.is_on,
            phrases=entry.phrases,
        )

    def _add(
        self,
        key: str,
        words: Html,
        open_it: Callable[[], Awaitable[None]],
        *,
        group: str,
        language: str,
        profile_type: str,
        is_on: bool,
        phrases: Sequence[str],
    ) -> None:
        with ui.element("li") as item:
            press = button(words).classes("ac-templates-row")
            press.props["aria-pressed"] = str(key == self._open).lower()
            press.on("click", open_it, args=[])
        searched = " ".join(word for phrase in phrases for word in [*_folded(phrase), "|"])
        self._rows[key] = _Row(item, press, group, language, profile_type, is_on, searched)

    def _search(self, words: str) -> None:
        self._words = _folded(words[:100])
        self._narrow()

    async def _choose_type(self, profile_type: str) -> None:
        self._type = profile_type
        self._narrow()

    async def _choose_language(self, language: str) -> None:
        self._language = language
        self._narrow()

    def _choose_off(self) -> None:
        self._only_off = not self._only_off
        self._narrow()

    def _narrow(self) -> None:
        """Show what the filters leave, and the headings that something stands under."""
        set_attribute(self._off, "aria-pressed", str(self._only_off).lower())
        used: Counter[tuple[str, str]] = Counter()
        for row in self._rows.values():
            is_shown = self._fits(row)
            row.item.set_visibility(is_shown)
            if is_shown:
                used.update({(row.group, ""), (row.group, row.language)})
        for heading, places in self._headings.items():
            for place in places:
                place.set_visibility(heading in used)
        for group, counted in self._counts.items():
            counted.content = tag("span", number(used[group, ""])).source
        said = _("Search for other words, or choose all profile types and languages.")
        none = NOTHING if used else empty_state("search", _("No keyword matches"), said)
        self._nothing.content = none.source

    def _fits(self, row: _Row) -> bool:
        return (
            (not self._type or row.profile_type == self._type)
            # A keyword of any language is looked for in this one, too.
            and (not self._language or row.language in ("", self._language))
            and not (self._only_off and row.is_on)
            and all(word in row.words for word in self._words)
        )

    # -- what is beside the list ------------------------------------------------------------------

    def _mark(self, key: str) -> None:
        for known in (self._open, key):
            if row := self._rows.get(known):
                set_attribute(row.press, "aria-pressed", str(known == key).lower())
        self._open = key

    def _show_trial(self, *, is_asked_for: bool) -> None:
        self._mark("")
        self._pane.clear()
        self._pane.set_visibility(False)
        self._trial_place.set_visibility(True)
        # On a phone the list comes back by itself; the trial is asked for.
        self._panes.classes(remove="ac-templates-panes--open")
        if is_asked_for:
            self._panes.classes("ac-templates-panes--open")

    def _make_room(self, key: str) -> ui.element:
        self._mark(key)
        self._panes.classes("ac-templates-panes--open")
        self._trial_place.set_visibility(False)
        self._pane.set_visibility(True)
        self._pane.clear()
        return self._pane

    @signed_in
    async def _open_trial(self) -> None:
        with self._root:
            self._show_trial(is_asked_for=True)

    @signed_in
    async def _close(self) -> None:
        with self._root:
            self._show_trial(is_asked_for=False)

    @signed_in
    async def _new(self) -> None:
        self._edit(None)

    @signed_in
    async def _open_own(self, own: OwnKeyword) -> None:
        if self._may_change:
            self._edit(own)
            return
        with self._make_room(str(own.id)):
            own_card(own, on_close=self._close)

    @signed_in
    async def _open_built_in(self, keyword: BuiltInKeyword) -> None:
        self._show_built_in(keyword)

    def _show_built_in(self, keyword: BuiltInKeyword) -> None:
        with self._make_room(_key(keyword)):
            switch = self._switch if self._may_change else None
            built_in_card(keyword, on_switch=switch, on_close=self._close)

    def _edit(self, own: OwnKeyword | None) -> None:
        with self._make_room(str(own.id) if own else ""):
            KeywordEditor(
                own, on_saved=self._saved, on_delete=self._delete, on_close=self._close
            ).focus()

    # -- what is done -----------------------------------------------------------------------------

    async def _saved(self, before: OwnKeyword | None) -> None:
        with self._root:
            self._show_trial(is_asked_for=False)
            await self._refresh()
            if before is None:
                ui.notify(_("Saved."), type="positive")
                return
            if (now := self._own.get(before.id)) is not None:
                done = _("“{title}” has been changed.", title=before.phrase)
                self._offer(done, partial(_change_back, before, now.updated_at))

    @signed_in
    async def _delete(self, own: OwnKeyword) -> None:
        with self._root:
            removed = None
            try:
                with suppress(NotFound):  # a colleague was quicker
                    removed = await keyword_settings.delete_keyword(current_staff(), own.id)
            except Forbidden:
                ui.navigate.reload()
                return
            self._show_trial(is_asked_for=False)
            await self._refresh()
            if removed is not None:
                done = _("“{title}” has been deleted.", title=own.phrase)
                self._offer(done, partial(_put_back, removed))

    @signed_in
    async def _switch(self, keyword: BuiltInKeyword) -> None:
        """Switch a built-in keyword off, or on again."""
        language, text = keyword.entry.keyword.language, keyword.entry.keyword.text
        switches = (keyword_settings.switch_on, keyword_settings.switch_off)
        with self._root:
            try:
                await switches[keyword.is_on](current_staff(), language, text)
            except Conflict as conflict:
                ui.notify(keyword_problem(conflict.code), type="warning")
                return
            except Forbidden:
                ui.navigate.reload()
                return
            self._show_built_in(BuiltInKeyword(keyword.entry, not keyword.is_on))
            await self._refresh()
            done = (
                _("“{title}” has been switched off.", title=text)
                if keyword.is_on
                else _("“{title}” has been switched on.", title=text)
            )
            back = switches[not keyword.is_on]

            async def undo() -> None:
                await back(current_staff(), language, text)

            self._offer(done, undo)

    def _offer(self, done: str, restore: Restore) -> None:
        self._undo.offer(done, partial(self._take_back, restore))

    @signed_in
    async def _take_back(self, restore: Restore) -> None:
        with self._root:
            try:
                await restore()
            except (Conflict, Invalid, NotFound) as problem:
                codes = problem.fields.values() if isinstance(problem, Invalid) else ()
                code = problem.code if isinstance(problem, Conflict) else "changed_meanwhile"
                ui.notify(keyword_problem(next(iter(codes), code)), type="warning")
            except Forbidden:
                ui.navigate.reload()
                return
            self._show_trial(is_asked_for=False)
            await self._refresh()

    async def _refresh(self) -> None:
        """After a change: the list, and what the message that is being tried comes to now."""
        await self.load()
        await self._trial.look()


async def _put_back(removed: OwnKeyword) -> None:
    await keyword_settings.restore_keyword(current_staff(), removed)


async def _change_back(before: OwnKeyword, expected: datetime) -> None:
    await keyword_settings.change_keyword(
        current_staff(),
        before.id,
        phrase=before.phrase,
        language=before.language,
        profile_type=before.profile_type,
        weight=before.weight,
        expected=expected,
    )


def _select(
    options: dict[str, str], label: str, on_choose: Callable[[str], Awaitable[None]]
) -> Select:
    with ui.element("div").classes("ac-order ac-templates-choice"):
        select = Select(options, value="", label=label, on_choose=on_choose)
        show(icon("down")).classes("ac-contents")
    return select


def _list(label: str) -> ui.element:
    place = ui.element("ul").classes("ac-plain")
    place.props["aria-label"] = label
    return place


def _row_words(phrase: str, others: tuple[str, ...], mark: Html | None, weight: str) -> Html:
    also = tag("span", ", ".join(others), class_="ac-channel-begin ac-faint", dir="auto")
    return join(
        [
            tag(
                "span",
                tag("bdi", phrase, class_="ac-templates-name"),
                also if others else None,
                class_="ac-templates-words",
            ),
            mark,
            tag("span", weight, class_="ac-faint ac-channel-languages"),
        ]
    )


def _key(keyword: BuiltInKeyword) -> str:
    return f"{keyword.entry.keyword.language}:{keyword.entry.keyword.text}"


def _folded(words: str) -> list[str]:
    """As the classifier compares them, without what ends a clause."""
    return [word for word in split_words(words) if word[0].isalnum()]
