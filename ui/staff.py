"""The team: who may sign in and what each may do. For admins."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from nicegui import ui

from services import sessions, staff_admin
from services.actors import Role
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.staff_admin import Send, StaffMember
from ui.assets import asset
from ui.components.elements import button, show
from ui.components.icons import icon
from ui.components.markup import Html, join, tag
from ui.components.staff_invite import InviteForm
from ui.components.staff_row import StaffRow
from ui.components.staff_words import count, named, problem, role_name
from ui.components.states import empty_state
from ui.components.tags import Colour
from ui.components.undo import UndoToast
from ui.gate import current_staff, signed_in, still_signed_in
from ui.i18n import _, ngettext
from ui.layout import frame, page_head

P = ParamSpec("P")

PATH = "/settings/staff"
#: The page looks for news this often (seconds).
_LOOK_EVERY = 15.0


def register(send: Send | None) -> None:
    """Add the page to NiceGUI. `send` mails invitations; None where nothing is mailed."""

    async def staff_page() -> None:
        """`/settings/staff`."""
        people = await staff_admin.list_staff(current_staff())
        ui.add_head_html(f'<link rel="stylesheet" href="{asset("staff.css")}">')
        with frame(_("Team"), section="staff", heading=False):
            StaffPage(people, send)

    ui.page(PATH)(staff_page)


def decides(
    handler: Callable[Concatenate["StaffPage", P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate["StaffPage", P], Coroutine[Any, Any, None]]:
    """Let a press decide something while who pressed is signed in and an admin.

    For whoever is no admin any more the page starts anew, and says who may see it.
    """

    @signed_in
    async def guarded(page: "StaffPage", *args: P.args, **kwargs: P.kwargs) -> None:
        # What was pressed may be gone when it is done; the page is not.
        with page.root:
            page.forget_said()
            try:
                await handler(page, *args, **kwargs)
            except Forbidden:
                ui.navigate.reload()

    async def pressed(page: "StaffPage", /, *args: P.args, **kwargs: P.kwargs) -> None:
        await guarded(page, *args, **kwargs)

    return pressed


class StaffPage:
    """One open page, which keeps itself up to date."""

    def __init__(self, people: list[StaffMember], send: Send | None) -> None:
        self._send = send
        self._rows: dict[UUID, StaffRow] = {}
        self._undo = UndoToast()
        with page_head(_("Team")):
            self._count = ui.label().classes("ac-count").props("aria-live=polite")
            opener = button(join([icon("plus"), tag("span", _("Invite somebody"))]))
            opener.classes("ac-button ac-button--primary ac-staff-open")
        with ui.element("div").classes("ac-staff") as self.root:
            self._form = InviteForm(self._invite, mails=send is not None)
            self._form.opened_by(opener)
            self._said = ui.element("div").classes("ac-contents").props("role=status")
            self._list = ui.element("ul").classes("ac-plain ac-staff-list")
            self._list.props["aria-label"] = _("Team")
            self._alone = show(_only_you())
        self._show(people)
        ui.timer(_LOOK_EVERY, self._look_again, immediate=False)

    @still_signed_in
    async def _look_again(self) -> None:
        try:
            await self._load()
        except Forbidden:
            ui.navigate.reload()

    async def _load(self) -> None:
        people = await staff_admin.list_staff(current_staff(), again=True)
        if not self.root.is_deleted:
            self._show(people)

    def _show(self, people: list[StaffMember]) -> None:
        me = current_staff().id
        for place, member in enumerate(people):
            row = self._rows.get(member.id)
            if row is None:
                with self._list:
                    row = StaffRow(
                        member, is_me=member.id == me, mails=self._send is not None, page=self
                    )
                self._rows[member.id] = row
            else:
                row.update(member)
            if list(self._list).index(row.root) != place:
                row.root.move(target_index=place)
        gone = self._rows.keys() - {member.id for member in people}
        for id in gone:
            self._rows.pop(id).root.delete()
        self._count.text = count(people)
        self._alone.set_visibility(len(people) == 1)

    # -- who comes --------------------------------------------------------------------------------

    @decides
    async def _invite(self, name: str, email: str, role: Role) -> None:
        try:
            invited = await staff_admin.invite(
                current_staff(), email=email, name=name, role=role, send=self._send
            )
        except Invalid as invalid:
            self._form.complain(invalid.fields)
            return
        except Conflict as conflict:
            self._form.complain({conflict.field or "email": conflict.code})
            return
        self._form.close()
        await self._load()
        row = self._rows[invited.id]
        if invited.sent:
            self._say("ok", "ok", _("{name} has been invited.", name=named(row.member.name)))
        elif self._send is None:
            said = _("{name} is on the team and can sign in.", name=named(row.member.name))
            self._say("ok", "ok", said)
        else:
            self._not_sent(row)

    @decides
    async def invite_again(self, row: StaffRow) -> None:
        """Have the invitation mailed once more."""
        row.forget()
        try:
            sent = await staff_admin.invite_again(current_staff(), row.member.id, send=self._send)
        except (Conflict, NotFound) as error:
            await self._explain(row, error)
            return
        await self._load()
        if sent:
            row.say("ok", "ok", _("The invitation is on its way."))
        else:
            self._not_sent(row)

    def _not_sent(self, row: StaffRow) -> None:
        said = _(
            "{name} is on the team, but the invitation could not be sent. Wait a little and send it"
            " again: it is under “Manage”.",
            name=named(row.member.name),
        )
        row.say("warn", "warning", said)

    # -- what each may do -------------------------------------------------------------------------

    @decides
    async def change_role(self, row: StaffRow, role: Role, *, before: Role) -> None:
        """Give somebody a role in place of the one seen; ask first when it is one's own."""
        if role == before:
            row.close_panel()
            row.take_focus()
            return
        if not row.is_me:
            await self._set_role(row, role, before)
            return

        async def give_up() -> None:
            await self._give_up(row, role, before)

        async def keep() -> None:
            row.show_role()

        question = _("You stop being an administrator at once, and no longer see this page.")
        row.ask(question, _("Yes, change my role"), give_up, never_mind=keep)

    async def _set_role(self, row: StaffRow, role: Role, before: Role) -> None:
        if not await self._give(row, role, before):
            return

        async def take_back() -> None:
            await self._take_back(row, before, role)

        row.close_panel()
        row.take_focus()
        done = _("{name}: {role} from now on", name=named(row.member.name), role=role_name(role))
        self._undo.offer(done, take_back)

    @decides
    async def _give_up(self, row: StaffRow, role: Role, before: Role) -> None:
        if await self._give(row, role, before):
            ui.navigate.reload()

    @decides
    async def _take_back(self, row: StaffRow, role: Role, given: Role) -> None:
        if await self._give(row, role, given):
            row.say("ok", "ok", _("{name} has the role they had.", name=named(row.member.name)))
        row.take_focus()

    async def _give(self, row: StaffRow, role: Role, expected: Role) -> bool:
        row.forget()
        try:
            await staff_admin.change_role(current_staff(), row.member.id, role, expected=expected)
        except (Conflict, NotFound) as error:
            await self._explain(row, error)
            if row.is_open:
                row.show_role()
            return False
        if not row.is_me:
            await self._load()
        return True

    @decides
    async def rename(self, row: StaffRow, name: str) -> None:
        """Correct somebody's name."""
        try:
            await staff_admin.rename(current_staff(), row.member.id, name)
        except Invalid as invalid:
            row.name_is_wrong(problem(invalid.fields["name"]))
            return
        except NotFound as error:
            await self._explain(row, error)
            return
        row.close_panel()
        await self._load()
        row.say("ok", "ok", _("The name has been changed."))
        row.take_focus()

    # -- who leaves -------------------------------------------------------------------------------

    @decides
    async def deactivate(self, row: StaffRow) -> None:
        """Shut somebody out."""
        try:
            await staff_admin.deactivate(current_staff(), row.member.id)
        except (Conflict, NotFound) as error:
            await self._explain(row, error)
            return
        if row.is_me:
            ui.navigate.reload()
            return
        row.close_panel()
        await self._load()
        row.say("ok", "ok", _("Deactivated: signed out everywhere."))
        row.take_focus()

    @decides
    async def reactivate(self, row: StaffRow) -> None:
        """Let somebody come back."""
        try:
            await staff_admin.reactivate(current_staff(), row.member.id)
        except NotFound as error:
            await self._explain(row, error)
            return
        row.close_panel()
        await self._load()
        row.say("ok", "ok", _("Reactivated: they can sign in again, with the role they had."))
        row.take_focus()

    # -- where they are signed in -----------------------------------------------------------------

    @decides
    async def open_panel(self, row: StaffRow) -> None:
        """Show what can be decided about somebody."""
        row.show_panel(await staff_admin.sessions_of(current_staff(), row.member.id))

    @decides
    async def end_session(self, row: StaffRow, session_id: UUID) -> None:
        """Sign somebody out in one place."""
        with suppress(NotFound):  # over already
            await sessions.end_session(current_staff(), session_id)
        await self._after_ending(row, 1)

    @decides
    async def end_sessions(self, row: StaffRow) -> None:
        """Sign somebody out everywhere."""
        ended = await staff_admin.end_sessions(current_staff(), row.member.id)
        await self._after_ending(row, max(ended, 1))

    async def _after_ending(self, row: StaffRow, ended: int) -> None:
        await self._load()
        row.show_sessions(await staff_admin.sessions_of(current_staff(), row.member.id))
        row.focus_sessions()
        words = ngettext("{n} session ended.", "{n} sessions ended.", ended)
        row.say("ok", "ok", words)

    # -- what is said -----------------------------------------------------------------------------

    async def _explain(self, row: StaffRow, error: Conflict | NotFound) -> None:
        await self._load()
        if isinstance(error, Conflict):
            row.say("warn", "warning", problem(error.code))
        else:
            self._say("warn", "warning", _("This person is no longer on the team."))

    def forget_said(self) -> None:
        """Take away what was told before: it is about what somebody did earlier."""
        self._say(None)
        for row in self._rows.values():
            row.forget_said()

    def _say(self, colour: Colour | None, symbol: str = "", words: str = "") -> None:
        self._said.clear()
        if colour is not None:
            with self._said:
                said = show(join([icon(symbol), tag("span", words)]))
                said.classes(f"ac-notice ac-tag--{colour}")


def _only_you() -> Html:
    return empty_state(
        "people",
        _("Nobody else yet"),
        _(
            "Invite the people you work with. Each signs in with an account of their own, so that"
            " everybody sees who did what."
        ),
    )
