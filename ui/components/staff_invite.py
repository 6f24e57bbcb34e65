"""The form that puts somebody on the team."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from nicegui import ui

from services.actors import Role
from services.staff_admin import MOST_EMAIL, MOST_NAME
from ui.components.elements import Select, button, set_attribute, show
from ui.components.focus import focus
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.staff_words import MEANINGS, problem, role_choices
from ui.components.staff_working import working
from ui.i18n import _

#: Name, address and role, as they were typed.
OnInvite = Callable[[str, str, Role], Awaitable[None]]


class InviteForm:
    """Who is to come and what they may do. What was typed stays until it has worked."""

    def __init__(self, on_invite: OnInvite, *, mails: bool) -> None:
        self._on_invite = on_invite
        self._role: Role = "caseworker"
        self._opener: ui.html | None = None
        with ui.element("form").classes("ac-staff-invite").props("novalidate") as self._form:
            # The browser would load the page anew.
            self._form.on("submit.prevent", self._submit)
            show(tag("h2", _("Invite somebody"), class_="ac-subtitle"))
            self._name = self._input(_("Name and surname"), MOST_NAME)
            self._email = self._input(_("E-mail"), MOST_EMAIL)
            self._email.props("type=email inputmode=email spellcheck=false autocapitalize=none")
            with ui.element("div").classes("ac-staff-field"):
                show(
                    tag("span", _("Role on the team"), class_="ac-staff-label", aria_hidden="true")
                )
                with ui.element("div").classes("ac-staff-role"):
                    Select(
                        role_choices(),
                        value=self._role,
                        label=_("Role on the team"),
                        on_choose=self._choose,
                    )
                    show(icon("down")).classes("ac-contents")
                self._meaning = show(tag("span"), "p").classes("ac-muted ac-staff-hint")
            said = (
                _("They get an e-mail with a link, and are on the team from now on.")
                if mails
                else _("Nobody gets an e-mail here: tell them to sign in with this address.")
            )
            show(tag("p", said, class_="ac-muted ac-staff-hint"))
            with ui.element("div").classes("ac-staff-acts"):
                self._go = show(_words("send", _("Invite")), "button").props("type=submit")
                self._go.classes("ac-button ac-button--primary")
                never_mind = button(tag("span", _("Cancel"))).classes("ac-button")
                never_mind.on("click", self.close)
        self._form.set_visibility(False)
        self._explain()

    def opened_by(self, opener: ui.html) -> None:
        """Let a button open the form."""
        self._opener = opener
        set_attribute(opener, "aria-expanded", "false")
        opener.on("click", self.open)

    def open(self) -> None:
        """Show the form, ready to type."""
        self._show(shown=True)
        focus(self._name)

    def close(self) -> None:
        """Put the form away, empty."""
        self._show(shown=False)
        for field in (self._name, self._email):
            field.value, field.error = "", None
        if self._opener is not None:
            focus(self._opener)

    def complain(self, fields: Mapping[str, str]) -> None:
        """Say beside each field what is wrong with it; the first one takes the keyboard."""
        inputs = {"name": self._name, "email": self._email}
        for name, field in inputs.items():
            field.error = problem(fields[name]) if name in fields else None
        wrong = [field for name, field in inputs.items() if name in fields]
        if wrong:
            focus(wrong[0])

    def _show(self, *, shown: bool) -> None:
        self._form.set_visibility(shown)
        if self._opener is not None:
            set_attribute(self._opener, "aria-expanded", str(shown).lower())

    async def _submit(self) -> None:
        self.complain({})
        async with working(self._go):
            await self._on_invite(self._name.value or "", self._email.value or "", self._role)

    async def _choose(self, role: str) -> None:
        self._role = cast(Role, role)
        self._explain()

    def _explain(self) -> None:
        self._meaning.content = tag("span", _(MEANINGS[self._role])).source

    @staticmethod
    def _input(label: str, most: int) -> ui.input:
        with ui.element("div").classes("ac-staff-field"):
            show(tag("span", label, class_="ac-staff-label", aria_hidden="true"))
            field = ui.input().props("autocomplete=off no-error-icon")
            field.props["aria-label"] = label
            field.props["maxlength"] = most
        return field


def _words(symbol: str, label: str) -> Html:
    return join([icon(symbol), tag("span", label)])
