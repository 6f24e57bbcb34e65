"""One person of the team: who they are, what they may do, and what can be decided about them."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, cast
from uuid import UUID

from nicegui import ui

from services.actors import Role
from services.staff_admin import MOST_NAME, OpenSession, StaffMember
from ui.components.elements import Select, button, set_attribute, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import NOTHING, Html, join, tag
from ui.components.staff_words import (
    MEANINGS,
    name_id,
    named,
    role_choices,
    role_name,
    session_device,
    session_words,
    sessions_count,
    standing,
    who,
)
from ui.components.staff_working import working
from ui.components.tags import Colour
from ui.i18n import _

Act = Callable[[], Awaitable[None]]


class Decides(Protocol):
    """What a page does when somebody presses something in a row."""

    async def change_role(self, row: "StaffRow", role: Role, *, before: Role) -> None: ...
    async def rename(self, row: "StaffRow", name: str) -> None: ...
    async def deactivate(self, row: "StaffRow") -> None: ...
    async def reactivate(self, row: "StaffRow") -> None: ...
    async def invite_again(self, row: "StaffRow") -> None: ...
    async def open_panel(self, row: "StaffRow") -> None: ...
    async def end_session(self, row: "StaffRow", session_id: UUID) -> None: ...
    async def end_sessions(self, row: "StaffRow") -> None: ...


class StaffRow:
    """A row that stays while the person is in the list, whatever changes about them."""

    def __init__(self, member: StaffMember, *, is_me: bool, mails: bool, page: Decides) -> None:
        self.member = member
        self.is_me = is_me
        self._mails = mails
        self._page = page
        self._name: ui.input | None = None
        #: The role that stood in the panel when it was shown, and the one chosen there since.
        self._seen = self._chosen = member.role
        with ui.element("li").classes("ac-staff-row") as self.root:
            with ui.element("div").classes("ac-staff-line"):
                self._who = show(NOTHING).classes("ac-staff-who")
                self._role = ui.label().classes("ac-staff-role-name")
                self._standing = show(NOTHING).classes("ac-staff-where")
                self._count = ui.label().classes("ac-staff-count")
                self._toggle = button(_words("settings", _("Manage")))
                self._toggle.classes("ac-button").on("click", self._on_toggle)
                self._toggle.props["aria-describedby"] = name_id(member)
                set_attribute(self._toggle, "aria-expanded", "false")
            self._said = ui.element("div").classes("ac-contents").props("role=status")
            with ui.element("div").classes("ac-staff-panel") as self._panel:
                self._role_part = ui.element("section").classes("ac-staff-part")
                self._sessions = ui.element("section").classes("ac-staff-part ac-staff-sessions")
                self._acts = ui.element("div").classes("ac-contents")
            self._question = ui.element("div").classes("ac-contents")
        self._panel.set_visibility(False)
        self.update(member)

    @property
    def is_open(self) -> bool:
        """Whether somebody looks at what can be decided."""
        return bool(self._panel.visible)

    def update(self, member: StaffMember) -> None:
        """Show what is so now; what somebody has open stays open."""
        self.member = member
        for place, words in (
            (self._who, who(member, is_me=self.is_me)),
            (self._standing, standing(member, mails=self._mails)),
        ):
            if place.content != words.source:
                place.content = words.source
        self._role.text = role_name(member.role)
        self._count.text = sessions_count(member)
        self.root.classes(
            add="" if member.active else "ac-staff-row--gone",
            remove="ac-staff-row--gone" if member.active else "",
        )
        # Who has chosen another role already is told on saving that it changed meanwhile.
        if self.is_open and member.role != self._seen == self._chosen:
            self.show_role()

    def show_panel(self, sessions: Sequence[OpenSession]) -> None:
        """Show what can be decided about the person, and where they are signed in."""
        for part in (self._role_part, self._sessions):
            part.set_visibility(self.member.active)
        if self.member.active:
            self.show_role()
            self.show_sessions(sessions)
        self._show_acts()
        self._panel.set_visibility(True)
        set_attribute(self._toggle, "aria-expanded", "true")

    def close_panel(self) -> None:
        """Put all that away."""
        self._panel.set_visibility(False)
        for part in (self._role_part, self._sessions, self._acts):
            part.clear()
        self._name = None
        set_attribute(self._toggle, "aria-expanded", "false")

    def take_focus(self) -> None:
        """Move the keyboard to this person's own button."""
        focus(self._toggle)

    def say(self, colour: Colour, symbol: str, words: str) -> None:
        """Tell what came of something, below the line."""
        self.forget()
        with self._said:
            notice = show(_words(symbol, words)).classes(f"ac-notice ac-tag--{colour}")
            notice.classes("ac-staff-said")

    def forget(self) -> None:
        """Take away what was said or asked."""
        self.forget_said()
        self._question.clear()

    def forget_said(self) -> None:
        """Take away what was said."""
        self._said.clear()

    def name_is_wrong(self, words: str) -> None:
        """Say what is wrong with the name that was typed."""
        if self._name is not None:
            self._name.error = words
            focus(self._name)

    def ask(self, question: str, yes: str, act: Act, *, never_mind: Act | None = None) -> None:
        """Ask before something that reaches far. The keyboard is where nothing happens."""
        self.forget()

        async def go() -> None:
            async with working(first):
                await act()

        async def leave() -> None:
            with self.root:
                self.forget()
                if never_mind is not None:
                    await never_mind()
                self.take_focus()

        with self._question, ui.element("div").classes("ac-staff-question").props("role=alert"):
            show(tag("p", question))
            with ui.element("div").classes("ac-staff-acts"):
                stay = button(tag("span", _("Leave it as it is"))).classes("ac-button")
                stay.on("click", leave)
                first = button(tag("span", yes)).classes("ac-button ac-staff-danger")
                first.on("click", go)
        focus(stay)

    def show_role(self) -> None:
        """Let a role be chosen, and given only when it is saved."""
        self._seen = self._chosen = self.member.role
        self._role_part.clear()

        async def choose(role: str) -> None:
            self._chosen = cast(Role, role)
            meaning.content = tag("span", _(MEANINGS[self._chosen])).source

        async def save() -> None:
            async with working(go):
                await self._page.change_role(self, self._chosen, before=self._seen)

        with self._role_part:
            show(tag("h2", _("Role on the team"), class_="ac-staff-label"))
            with ui.element("div").classes("ac-staff-acts"):
                with ui.element("div").classes("ac-staff-role"):
                    Select(
                        role_choices(),
                        value=self._seen,
                        label=_("Role of {name}", name=self.member.name),
                        on_choose=choose,
                    )
                    show(icon("down")).classes("ac-contents")
                go = button(tag("span", _("Save the role"))).classes("ac-button").on("click", save)
            meaning = show(tag("span", _(MEANINGS[self._seen])), "p")
            meaning.classes("ac-muted ac-staff-hint")

    def show_sessions(self, sessions: Sequence[OpenSession]) -> None:
        """Show where the person is signed in; what else is open in the panel stays."""
        self._sessions.clear()
        with self._sessions:
            self._sessions_title = show(tag("span", _("Open sessions")), "h2")
            self._sessions_title.classes("ac-staff-label").props("tabindex=-1")
            if not sessions:
                show(tag("p", _("Not signed in anywhere now."), class_="ac-muted"))
                return
            with ui.element("ul").classes("ac-plain"):
                for session in sessions:
                    with ui.element("li").classes("ac-staff-session"):
                        show(session_words(session))
                        end = self._button(
                            "sign-out", _("End"), partial(self._page.end_session, self, session.id)
                        )
                        end.props["aria-label"] = f"{_('End')}: {session_device(session)}"
            if len(sessions) > 1:
                self._button("sign-out", _("End all"), partial(self._page.end_sessions, self))

    def focus_sessions(self) -> None:
        """Move the keyboard to the list of sessions, where Enter once more ends nothing."""
        focus(self._sessions_title)

    async def _on_toggle(self) -> None:
        self.forget()
        if self.is_open:
            self.close_panel()
            return
        async with working(self._toggle):
            await self._page.open_panel(self)

    def _show_acts(self) -> None:
        self._acts.clear()
        self._name = None
        with self._acts:
            with ui.element("div").classes("ac-staff-acts"):
                if not self.member.active:
                    self._button("ok", _("Reactivate"), partial(self._page.reactivate, self))
                    return
                self._button("edit", _("Change the name"), self._ask_name)
                if self._mails and not self.member.linked:
                    self._button(
                        "send",
                        _("Send the invitation again"),
                        partial(self._page.invite_again, self),
                    )
            self._rename = ui.element("div").classes("ac-contents")
            with ui.element("div").classes("ac-staff-leave"):
                leave = self._button("lock", _("Deactivate"), self._ask_to_deactivate)
                leave.classes("ac-staff-danger-quiet")

    async def _ask_to_deactivate(self) -> None:
        question = (
            _(
                "You leave every screen at once, this one too, and cannot come back unless another"
                " administrator reactivates you."
            )
            if self.is_me
            else _(
                "{name} leaves every screen at once and cannot sign in any more. What they did"
                " stays under their name, and you can reactivate them.",
                name=named(self.member.name),
            )
        )
        self.ask(question, _("Yes, deactivate"), partial(self._page.deactivate, self))

    async def _ask_name(self) -> None:
        if self._name is not None:
            focus(self._name)
            return

        async def save() -> None:
            name.error = None
            async with working(go):
                await self._page.rename(self, name.value or "")

        with self._rename, ui.element("form").classes("ac-staff-rename") as form:
            form.props("novalidate")
            form.on("submit.prevent", save)
            name = ui.input(value=self.member.name).props("autocomplete=off no-error-icon")
            name.props["aria-label"] = _("Name and surname")
            name.props["maxlength"] = MOST_NAME
            go = show(tag("span", _("Save the name")), "button").props("type=submit")
            go.classes("ac-button ac-button--primary")
        self._name = name
        focus(name)

    def _button(self, symbol: str, label: str, act: Act) -> ui.html:
        async def press() -> None:
            async with working(pressed):
                await act()

        pressed = button(_words(symbol, label)).classes("ac-button").on("click", press)
        return pressed


def _words(symbol: str, label: str) -> Html:
    return join([icon(symbol), tag("span", label)])
