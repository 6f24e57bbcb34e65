"""How long what is kept, and every copy and erasure with its proof: for admins."""

import functools
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec
from uuid import UUID

from nicegui import ui

from services import access_exports, erasures, retention
from services.access_exports import AccessExport
from services.erasures import Erasure
from services.errors import NotFound
from services.permissions import Permission, may
from services.retention import LEAST_DAYS, MOST_DAYS, MOST_DAYS_OF, Example, Kind, Preview, Rule
from ui.assets import asset
from ui.components.elements import button, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.rights_words import (
    REASONS,
    erasure_counts,
    erasure_proof,
    export_facts,
    export_progress,
    export_state,
    moment,
)
from ui.components.tags import label_tag
from ui.components.whatsapp_text import without_reordering
from ui.formats import day, day_and_time, number
from ui.gate import current_staff, only_with, signed_in, still_signed_in
from ui.i18n import N_, _, ngettext
from ui.layout import frame, page_head

P = ParamSpec("P")

PATH = "/settings/privacy"
#: The page looks for news this often (seconds).
_LOOK_EVERY = 3.0
#: The newest of each kind that the page shows.
_MOST = 50

#: Kind -> title, what the rule removes.
_RULES: dict[Kind, tuple[str, str]] = {
    "archived_clients": (
        N_("Archived files"),
        N_(
            "Erases files for good, so many days after they were archived and the person last"
            " wrote. Files with a legal hold stay."
        ),
    ),
    "rejected_documents": (
        N_("Rejected documents"),
        N_(
            "Deletes documents of the files, so many days after somebody rejected them. Files with"
            " a legal hold keep theirs."
        ),
    ),
    "message_media": (
        N_("Files of messages"),
        N_(
            "Deletes photos, voice notes and other files of conversations, so many days after they"
            " arrived. The messages stay, and so does what was put into the file."
        ),
    ),
    "webhook_deliveries": (
        N_("Raw WhatsApp deliveries"),
        N_(
            "Empties what WhatsApp sent us once it is in the conversations. What could not be"
            " processed is never removed."
        ),
    ),
    "ended_sessions": (
        N_("Ended sessions of the team"),
        N_("Removes from where and when members of the team were signed in."),
    ),
    "rate_limits": (
        N_("Counts of attempts"),
        N_("Removes counts of failed sign-ins and requests that are over."),
    ),
    "imports": (
        N_("Imported lists"),
        N_(
            "Removes the files that were imported, with what was found in each row. Until then an"
            " import can be undone. People who were imported stay."
        ),
    ),
}


def register() -> None:
    """Add the page to NiceGUI."""
    ui.page(PATH)(privacy_page)


async def privacy_page() -> None:
    """`/settings/privacy`."""
    await only_with(Permission.MANAGE_RETENTION)
    ui.add_head_html(f'<link rel="stylesheet" href="{asset("rights.css")}">')
    with frame(_("Privacy"), section="privacy", heading=False):
        await PrivacyPage().start()


def _for_admins(
    handler: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, Coroutine[Any, Any, None]]:
    """Start the page anew where who looks is no admin any more; it says who may see it."""

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        if may(current_staff(), Permission.MANAGE_RETENTION):
            await handler(*args, **kwargs)
        else:
            ui.navigate.reload()

    return guarded


class PrivacyPage:
    """One open page, which keeps itself up to date."""

    def __init__(self) -> None:
        page_head(_("Privacy"))
        self._shown: tuple[list[AccessExport], list[Erasure]] | None = None
        self._rules: dict[Kind, _RuleCard] = {}
        self._cards: dict[UUID, _ErasureCard] = {}
        with ui.element("div").classes("ac-privacy") as self._root:
            with ui.element("section"):
                _heading(_("How long data is kept"))
                said = _(
                    "The rules run every night. Look at what one would remove before using it."
                )
                show(tag("p", said, class_="ac-muted"))
                self._rule_place = ui.element("div").classes("ac-rights-list")
            with ui.element("section"):
                _heading(_("Erased people"))
                self._erasures = ui.element("div").classes("ac-rights-list")
            with ui.element("section"):
                _heading(_("Copies of data"))
                self._exports = ui.element("div").classes("ac-rights-list")

    async def start(self) -> None:
        """Fill the page and look for news from time to time."""
        rules = {rule.kind: rule for rule in await retention.rules(current_staff())}
        with self._rule_place:
            for kind in _RULES:
                self._rules[kind] = _RuleCard(rules[kind], self._load_rules)
        await self._load()
        with self._root:
            ui.timer(_LOOK_EVERY, self._look, immediate=False)
        # What the address points to was not there yet when the browser looked for it.
        ui.run_javascript(
            "setTimeout(() => { if (location.hash) location.replace(location.hash); })"
        )

    @still_signed_in
    @_for_admins
    async def _look(self) -> None:
        await self._load_rules()
        await self._load()

    async def _load_rules(self) -> None:
        found = await retention.rules(current_staff())
        if self._root.is_deleted:
            return
        for rule in found:
            self._rules[rule.kind].describe(rule)

    async def _load(self) -> None:
        staff = current_staff()
        found = (
            await access_exports.list_exports(staff, limit=_MOST),
            await erasures.list_erasures(staff, limit=_MOST),
        )
        if self._root.is_deleted or found == self._shown:
            return
        before, self._shown = self._shown, found
        if before is None or before[1] != found[1]:
            self._show_erasures(found[1])
        if before is None or before[0] != found[0]:
            self._show_exports(found[0])

    def _show_erasures(self, found: list[Erasure]) -> None:
        if found and [erasure.id for erasure in found] == list(self._cards):
            # In place: what the address points to stays the same element.
            for erasure in found:
                self._cards[erasure.id].describe(erasure)
            return
        self._erasures.clear()
        with self._erasures:
            if not found:
                _nothing(_("Nobody has been erased. What was removed, and its proof, stays here."))
            self._cards = {erasure.id: _ErasureCard(erasure, self._load) for erasure in found}

    def _show_exports(self, found: list[AccessExport]) -> None:
        self._exports.clear()
        with self._exports:
            if not found:
                _nothing(_("No copies yet. They are prepared in the file of each person."))
            for export in found:
                with ui.element("article").classes("ac-rights-item"):
                    address = f"/clients/{export.client_id}"
                    head = [export_state(export), tag("a", _("Open the file"), href=address)]
                    show(join(head)).classes("ac-privacy-head")
                    show(export_facts(export))
                    show(export_progress(export)).classes("ac-rights-progress")


class _ErasureCard:
    """An erasure, its proof, and what an admin has to decide for it."""

    def __init__(
        self, erasure: Erasure, on_settled: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._id = erasure.id
        self._on_settled = on_settled
        self._asked: tuple[int, ...] = ()
        with ui.element("article").classes("ac-rights-item") as card:
            card.props["id"] = f"erasure-{erasure.id}"
            self._head = show(tag("span")).classes("ac-privacy-head")
            self._proof = show(tag("span"))
            self._questions = ui.element("div").classes("ac-rights-list")
            self._counts = show(tag("span"))
        self.describe(erasure)

    def describe(self, erasure: Erasure) -> None:
        """Show the erasure as it is now."""
        self._head.content = _erasure_head(erasure).source
        self._proof.content = erasure_proof(erasure).source
        self._counts.content = erasure_counts(erasure.counts).source
        self._questions.set_visibility(bool(erasure.unreadable_deliveries))
        if erasure.unreadable_deliveries == self._asked:
            return
        self._asked = erasure.unreadable_deliveries
        self._questions.clear()
        with self._questions:
            for delivery_id in self._asked:
                self._ask(delivery_id)

    def _ask(self, delivery_id: int) -> None:
        said = _(
            "Delivery {id} could not be read and names this person. Other people's words may be in"
            " it, too. Whose is it?",
            id=delivery_id,
        )
        look = tag("a", _("Unprocessed deliveries"), href="/settings/deliveries")
        with ui.element("div"):
            show(tag("p", said, " ", look))
            with ui.element("div").classes("ac-privacy-rule"):
                for label, is_theirs in (
                    (_("Of the erased person: empty it for good"), True),
                    (_("Of other people: keep it"), False),
                ):
                    choice = button(tag("span", label)).classes("ac-button")
                    choice.on("click", partial(self._settle, delivery_id, is_theirs), args=[])

    @signed_in
    @_for_admins
    async def _settle(self, delivery_id: int, is_theirs: bool) -> None:
        try:
            await erasures.settle(current_staff(), self._id, delivery_id, is_theirs=is_theirs)
        except NotFound:
            ui.notify(_("That has been settled meanwhile."), type="warning")
        await self._on_settled()


class _RuleCard:
    """A rule, what it would remove, and the switch, which comes after the look."""

    def __init__(self, rule: Rule, on_changed: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._kind: Kind = rule.kind
        self._rule = rule
        self._on_changed = on_changed
        title, meaning = _RULES[rule.kind]
        with ui.element("article").classes("ac-rights-item"):
            self._head = show(tag("span")).classes("ac-privacy-head")
            show(tag("p", _(meaning), class_="ac-muted"))
            with ui.element("form").classes("ac-privacy-rule") as form:
                label = _("Days")
                with ui.element("div"):
                    show(tag("span", label, class_="ac-rights-label"))
                    self._days = ui.input(value=str(rule.days)).classes("ac-privacy-days")
                    self._days.props("inputmode=numeric autocomplete=off no-error-icon")
                    self._days.props["aria-label"] = f"{_(title)}: {label}"
                words = join([icon("eye"), tag("span", _("Look at what would go"))])
                self._look = show(words, "button").props("type=submit").classes("ac-button")
                self._off = button(tag("span", _("Switch off"))).classes("ac-button")
                self._off.on("click", self._switch_off, args=[])
            form.on("submit.prevent", self._preview)
            self._problem = ui.label("").classes("ac-rights-problem").props("role=alert")
            self._place = ui.element("div").classes("ac-privacy-preview").props("role=status")
            self._place.set_visibility(False)
        self._days.on_value_change(self._forget)
        self.describe(rule)

    def describe(self, rule: Rule) -> None:
        """Show the rule as it is now; days that somebody is about to change stay."""
        before, self._rule = self._rule, rule
        if (before.days, before.active) != (rule.days, rule.active):
            if self._days.value == str(before.days):
                self._days.set_value(str(rule.days))
            self._place.set_visibility(False)  # it was a look at another rule
        self._head.content = _rule_head(rule).source
        self._off.set_visibility(rule.active)

    def _forget(self) -> None:
        """What was looked at was for other days."""
        self._problem.set_text("")
        self._place.set_visibility(False)

    @signed_in
    @_for_admins
    async def _preview(self) -> None:
        days = self._read_days()
        if days is None:
            return
        found = await retention.preview(current_staff(), self._kind, days)
        self._place.clear()
        self._place.set_visibility(True)
        with self._place:
            show(_preview_words(found, self._kind))
            same = self._rule.active and days == self._rule.days
            if same:
                show(tag("p", _("This is how the rule works now."), class_="ac-muted"))
            else:
                use = _use_button(self._kind, days)
                use.on("click", partial(self._use, days), args=[])

    @signed_in
    @_for_admins
    async def _use(self, days: int) -> None:
        was_active = self._rule.active
        await retention.set_rule(current_staff(), self._kind, days, True)
        self._days.set_value(str(days))
        self._place.set_visibility(False)
        await self._on_changed()
        said = (
            _("Saved. It counts from the coming night.")
            if was_active
            else _("The rule is on. It counts from the coming night.")
        )
        ui.notify(said, type="positive")
        focus(self._look)

    @signed_in
    @_for_admins
    async def _switch_off(self) -> None:
        await retention.set_rule(current_staff(), self._kind, self._rule.days, False)
        await self._on_changed()
        ui.notify(_("The rule is off. It removes nothing any more."), type="positive")
        focus(self._look)

    def _read_days(self) -> int | None:
        least, most = LEAST_DAYS[self._kind], MOST_DAYS_OF.get(self._kind, MOST_DAYS)
        typed = str(self._days.value or "").strip().replace(".", "")
        if typed.isascii() and typed.isdigit() and least <= int(typed[:9]) <= most:
            return int(typed)
        said = _("A whole number from {least} to {most}.", least=least, most=number(most))
        self._problem.set_text(said)
        return None


def _use_button(kind: Kind, days: int) -> ui.html:
    if kind == "archived_clients":
        said = ngettext(
            "Erase for good after {n} day", "Erase for good after {n_text} days", days, n_text=days
        )
        use = button(join([icon("warning"), tag("span", said)]))
        return use.classes("ac-button ac-button--danger")
    said = ngettext("Use with {n} day", "Use with {n_text} days", days, n_text=days)
    use = button(join([icon("check"), tag("span", said)]))
    return use.classes("ac-button ac-button--primary")


def _rule_head(rule: Rule) -> Html:
    state = (
        label_tag("ok", _("On"), symbol="ok")
        if rule.active
        else label_tag("other", _("Off"), symbol="pause")
    )
    said = []
    if rule.active:
        said.append(ngettext("after {n} day", "after {n_text} days", rule.days, n_text=rule.days))
    if rule.last_run_at is not None:
        removed = number(rule.last_removed or 0)
        when = day_and_time(rule.last_run_at)
        said.append(_("last run {time}: {n} removed", time=when, n=removed))
    if rule.updated_at is not None and rule.updated_by:
        said.append(_("changed by {name}", name=rule.updated_by))
    title = tag("h3", _(_RULES[rule.kind][0]), class_="ac-rights-title")
    return join([title, state, tag("span", " · ".join(said), class_="ac-muted")])


def _preview_words(found: Preview, kind: Kind) -> Html:
    parts: list[Html | str | None] = []
    if found.count == 0:
        parts.append(tag("p", _("Nothing would go tonight.")))
    else:
        said = ngettext(
            "{n_text} would go tonight.",
            "{n_text} would go tonight.",
            found.count,
            n_text=number(found.count),
        )
        oldest = _(" The oldest is from {day}.", day=day(found.oldest)) if found.oldest else ""
        parts.append(tag("p", said + oldest))
        if kind != "rate_limits":
            parts.append(tag("ul", *(tag("li", _example(e, kind)) for e in found.examples)))
    if found.held:
        said = ngettext(
            "{n} file stays because of a legal hold.",
            "{n} files stay because of a legal hold.",
            found.held,
        )
        parts.append(tag("p", said))
    return join(parts)


def _example(example: Example, kind: Kind) -> Html:
    since = day_and_time(example.since)
    if kind == "archived_clients":
        name = without_reordering(example.name or "") or _("Without a name")
        person = tag("a", tag("bdi", name), href=f"/clients/{example.id}")
        return join([person, " · ", since])
    if kind == "webhook_deliveries":
        return join([_("Delivery {id}", id=example.id), " · ", since])
    return join([tag("bdi", example.name or ""), " · ", since])


def _erasure_head(erasure: Erasure) -> Html:
    proved = erasure.rows_verified_at and erasure.files_verified_at
    if erasure.leftovers:
        state = label_tag("danger", _("Not complete"), symbol="warning")
    elif proved:
        state = label_tag("ok", _("Proved"), symbol="ok")
    elif erasure.unreadable_deliveries or erasure.waiting_deliveries:
        state = label_tag("warn", _("To be settled"), symbol="warning")
    else:
        state = label_tag("info", _("Being proved"), symbol="clock")
    by = erasure.requested_by or _("by a retention rule")
    address = f"{PATH}#erasure-{erasure.id}"
    return join(
        [
            state,
            tag("a", moment(erasure.requested_at), href=address, title=_("Link to this erasure")),
            tag("span", f"{_(REASONS[erasure.reason])} · {by}", class_="ac-muted"),
        ]
    )


def _heading(title: str) -> None:
    show(tag("h2", title, class_="ac-subtitle")).classes("ac-contents")


def _nothing(said: str) -> None:
    show(tag("p", said, class_="ac-muted"))
