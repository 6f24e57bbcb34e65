"""What can be done with a conversation without writing in it: whose, later, done, put away, labels.

Stands above the conversation, in the inbox as on the client's page; every press has a way back.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from nicegui import ui

from services import assignments, inbox, labels, triage
from services.actors import Staff
from services.assignments import Colleague
from services.errors import Conflict, Invalid
from services.inbox import InboxItem
from services.labels import Label
from services.permissions import Permission, may
from services.triage import Before
from ui.components.avatars import avatar
from ui.components.dialogs import cancel
from ui.components.elements import button, set_attribute, show
from ui.components.icons import icon
from ui.components.label_tags import TINTS, team_labels
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.presence_line import PresenceLine
from ui.components.snooze_times import morning, snooze_times
from ui.components.undo import UndoToast
from ui.formats import day_and_time, zone
from ui.gate import current_staff, signed_in
from ui.i18n import _


@dataclass(frozen=True, slots=True)
class Desk:
    """What the bar shows: the conversation, who could carry it, which labels there are."""

    item: InboxItem
    people: list[Colleague]
    labels: list[Label]


async def read_desk(staff: Staff, client_id: UUID) -> Desk | None:
    """Read what the bar shows; None without such a client."""
    found = await inbox.read_items(staff, [client_id])
    if client_id not in found:
        return None
    people = await assignments.colleagues(staff)
    return Desk(found[client_id], people, await labels.list_labels(staff))


class DeskBar:
    """The bar of one conversation, until `close`."""

    def __init__(self, desk: Desk, undo: UndoToast) -> None:
        self._desk = desk
        self._id = desk.item.id
        self._undo = undo
        self._may = may(current_staff(), Permission.CHANGE_CLIENTS)
        with ui.element("div").classes("ac-desk") as self._bar:
            self._bar.props["role"] = "toolbar"
            self._bar.props["aria-label"] = _("Conversation")
            self._build_whose()
            self._build_labels()
            self.presence = PresenceLine(self._id)
            if self._may:
                self._build_presses()
        self._show()

    def close(self) -> None:
        """It is taken off the page with what is around it."""
        self.presence.close()

    async def refresh(self) -> None:
        """Show the conversation as it is now."""
        desk = await read_desk(current_staff(), self._id)
        if desk is None or self._bar.is_deleted:
            return
        if (desk.people, desk.labels) != (self._desk.people, self._desk.labels):
            self._desk = desk
            if self._may:
                self._fill_people()
                self._fill_labels()
        self._desk = desk
        self._show()

    # --- what it shows ------------------------------------------------------------------------

    def _build_whose(self) -> None:
        if not self._may:
            self._whose = show(NOTHING, "span").classes("ac-desk-whose")
            return
        opener, self._whose = _opener("a", _("Whose conversation it is"))
        with opener, ui.menu().classes("ac-desk-menu"):
            self._people = ui.element("div").classes("ac-contents")
        self._fill_people()

    def _fill_people(self) -> None:
        me = current_staff().id
        self._people.clear()
        with self._people:
            _choice(join([icon("person"), _("Take it myself")]), lambda: self._assign(me))
            for person in self._desk.people:
                if person.answers and person.id != me:
                    words = join([avatar(person.name, seed=str(person.id)), person.name])
                    _choice(words, lambda to=person.id: self._assign(to))  # type: ignore[misc]
            ui.separator()
            _choice(join([icon("send"), _("Hand over with a note…")]), self._open_handover)
            _choice(join([icon("close"), _("Nobody carries it")]), lambda: self._assign(None))

    def _build_labels(self) -> None:
        self._borne = show(NOTHING).classes("ac-contents")
        if not self._may:
            return
        opener, words = _opener("l", _("Labels"))
        opener.classes("ac-desk-button--quiet")
        words.content = join([icon("plus"), tag("span", _("Label"))]).source
        with opener, ui.menu().classes("ac-desk-menu"):
            self._label_choices = ui.element("div").classes("ac-contents")
        self._label_items: dict[UUID, ui.html] = {}
        self._fill_labels()

    def _fill_labels(self) -> None:
        self._label_choices.clear()
        self._label_items.clear()
        with self._label_choices:
            for label in self._desk.labels:
                one = _choice(
                    _label_words(label, is_on=False),
                    lambda id=label.id: self._toggle_label(id),  # type: ignore[misc]
                    closes=False,
                )
                self._label_items[label.id] = one
            if self._desk.labels:
                ui.separator()
            _choice(
                join([icon("settings"), _("Manage labels")]),
                lambda: ui.navigate.to("/settings/desk"),
            )

    def _build_presses(self) -> None:
        with ui.element("div").classes("ac-desk-presses"):
            words = join([icon("check"), tag("span", _("No answer needed"))])
            self._done = button(words).classes("ac-desk-button")
            self._done.props["data-ac-key"] = "d"
            self._done.props["title"] = _("They do not wait for an answer")
            self._done.on("click", self._no_answer_needed)
            self._later, self._later_words = _opener("s", _("Snooze"))
            with self._later, ui.menu().classes("ac-desk-menu") as self._later_menu:
                self._times = ui.element("div").classes("ac-contents")
            # What is offered depends on the hour at which the menu is opened.
            self._later_menu.on("before-show", self._fill_times)
            self._archive = button(NOTHING).classes("ac-desk-button")
            self._archive.props["data-ac-key"] = "e"
            self._archive.props["data-ac-meaning"] = _("Archive, or bring back")
            self._archive.on("click", self._turn_archived)

    def _fill_times(self) -> None:
        self._times.clear()
        with self._times:
            if self._is_snoozed:
                _choice(join([icon("refresh"), _("Bring it back now")]), self._wake)
                ui.separator()
            for name, until in snooze_times(datetime.now(UTC), zone()):
                when = tag("span", day_and_time(until), class_="ac-muted")
                words = join([icon("clock"), tag("span", _(name)), when])
                _choice(words, lambda until=until: self._snooze(until))  # type: ignore[misc]
            ui.separator()
            with ui.element("label").classes("ac-desk-date"):
                show(tag("span", _("Until a day")), "span")
                field = ui.element("input").props("type=date")
                field.props["min"] = datetime.now(zone()).date().isoformat()
                field.on(
                    "change",
                    lambda event: self._snooze_until_day(str(event.args)),
                    js_handler="(event) => emit(event.target.value)",
                )

    def _show(self) -> None:
        item = self._desk.item
        self._whose.content = _whose_words(item).source
        labels_shown = team_labels(item.labels)
        self._borne.content = (labels_shown or NOTHING).source
        if not self._may:
            return
        borne = {label.id for label in item.labels}
        for label in self._desk.labels:
            if (one := self._label_items.get(label.id)) is not None:
                one.content = _label_words(label, is_on=label.id in borne).source
                set_attribute(one, "aria-checked", str(label.id in borne).lower())
        self._done.set_visibility(item.due_since is not None)
        later = _("Snooze")
        if self._is_snoozed and item.snoozed_until is not None:
            later = _("Snoozed until {time}", time=day_and_time(item.snoozed_until))
        self._later_words.content = join([icon("pause"), tag("span", later)]).source
        self._later.set_visibility(item.status != "archived")
        archive = _("Bring back") if item.status == "archived" else _("Archive")
        self._archive.content = join([icon("archive"), tag("span", archive)]).source

    @property
    def _is_snoozed(self) -> bool:
        until = self._desk.item.snoozed_until
        return until is not None and until > datetime.now(UTC)

    # --- what people do -----------------------------------------------------------------------

    @signed_in
    async def _assign(self, to: UUID | None, note: str | None = None) -> None:
        try:
            before = await assignments.assign(current_staff(), self._id, to, note=note)
        except Invalid:
            ui.notify(_("They cannot carry a conversation now. Choose somebody else."))
            return
        if before == to:
            return
        names = {person.id: person.name for person in self._desk.people}
        if to is None:
            done = _("Nobody carries this conversation now.")
        elif to == current_staff().id:
            done = _("You carry this conversation now.")
        else:
            done = _("{name} carries this conversation now.", name=names.get(to, ""))
        self._undo.offer(done, lambda: self._assign_back(before))
        await self.refresh()

    @signed_in
    async def _assign_back(self, before: UUID | None) -> None:
        try:
            await assignments.assign(current_staff(), self._id, before)
        except Invalid:
            await assignments.assign(current_staff(), self._id, None)
        await self.refresh()

    def _open_handover(self) -> None:
        me = current_staff().id
        people = {
            str(person.id): person.name
            for person in self._desk.people
            if person.answers and person.id != me
        }
        with ui.dialog() as dialog, ui.card().classes("ac-dialog"):
            show(tag("h2", _("Hand over"), class_="ac-subtitle"))
            with ui.element("label").classes("ac-dialog-field"):
                ui.label(_("To"))
                to = ui.select(people)
                to.props["aria-label"] = _("To")
            with ui.element("label").classes("ac-dialog-field"):
                ui.label(_("What they should know"))
                note = ui.textarea().props("autogrow")
                note.props["aria-label"] = _("What they should know")
                note.props["maxlength"] = assignments.MOST_NOTE
            show(tag("p", _("Only the team sees this."), class_="ac-muted"))

            async def hand_over() -> None:
                if not to.value:
                    to.props("error").props["error-message"] = _("Choose somebody.")
                    to.update()
                    return
                dialog.close()
                await self._assign(UUID(to.value), note.value or None)

            with ui.element("div").classes("ac-dialog-end"):
                cancel(dialog)
                give = button(tag("span", _("Hand over")))
                give.classes("ac-button ac-button--primary").on("click", hand_over)
        dialog.on("hide", dialog.delete)
        dialog.open()

    @signed_in
    async def _toggle_label(self, label_id: UUID) -> None:
        borne = {label.id for label in self._desk.item.labels}
        try:
            if label_id in borne:
                await labels.take_label(current_staff(), self._id, label_id)
            else:
                await labels.put_label(current_staff(), self._id, label_id)
        except Conflict:
            ui.notify(_("A conversation can have {n} labels at most.", n=labels.MOST_OF_CLIENT))
        await self.refresh()

    @signed_in
    async def _no_answer_needed(self) -> None:
        if self._desk.item.due_since is None:
            return
        await self._press(
            lambda: triage.no_answer_needed(current_staff(), self._id),
            _("Nobody waits for us here now."),
        )

    async def _snooze_until_day(self, chosen: str) -> None:
        try:
            day = date.fromisoformat(chosen)
        except ValueError:
            return
        self._later_menu.close()
        await self._snooze(morning(day, zone()))

    @signed_in
    async def _snooze(self, until: datetime) -> None:
        try:
            await self._press(
                lambda: triage.snooze(current_staff(), self._id, until),
                _("Snoozed until {time}.", time=day_and_time(until)),
            )
        except Invalid:
            ui.notify(_("Choose a day that is still to come, within a year."))

    @signed_in
    async def _wake(self) -> None:
        await self._press(
            lambda: triage.wake(current_staff(), self._id), _("It is back in the inbox.")
        )

    @signed_in
    async def _turn_archived(self) -> None:
        if self._desk.item.status == "archived":
            await self._press(
                lambda: triage.restore(current_staff(), self._id), _("Out of the archive.")
            )
        else:
            said = _("Archived. It comes back when the person writes.")
            await self._press(lambda: triage.archive(current_staff(), self._id), said)

    async def _press(self, press: Callable[[], Awaitable[Before]], done: str) -> None:
        before = await press()
        self._undo.offer(done, lambda: self._put_back(before))
        await self.refresh()

    @signed_in
    async def _put_back(self, before: Before) -> None:
        if not await triage.put_back(current_staff(), before):
            ui.notify(_("Somebody else has changed it in the meantime."), type="warning")
        await self.refresh()


def _opener(key: str, meaning: str) -> tuple[ui.element, ui.html]:
    """A button that opens a menu, which is put into it, and the words on it."""
    opener = ui.element("button").classes("ac-desk-button").props("type=button aria-haspopup=menu")
    opener.props["data-ac-key"] = key
    opener.props["title"] = meaning
    with opener:
        return opener, show(NOTHING, "span").classes("ac-contents")


def _choice(words: Html, then: Callable[[], object], *, closes: bool = True) -> ui.html:
    """A line of a menu."""
    with ui.menu_item(on_click=then, auto_close=closes).classes("ac-desk-choice"):
        return show(words, "span").classes("ac-desk-choice-words")


def _whose_words(item: InboxItem) -> Html:
    if item.assigned_to is None:
        return join([icon("person"), tag("span", _("Nobody carries it"))])
    name = item.assignee or _("Somebody who was on the team")
    return join([avatar(name, seed=str(item.assigned_to)), tag("span", name)])


def _label_words(label: Label, *, is_on: bool) -> Html:
    mark = tag("span", class_=f"ac-label-dot ac-avatar--{TINTS[label.colour][0]}")
    check = icon("check") if is_on else tag("span", class_="ac-icon")
    return join([check, mark, tag("span", label.name, dir="auto")])
