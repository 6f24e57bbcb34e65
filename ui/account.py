"""A person's own account: who they are, how they like the app, where they are signed in."""

import asyncio
from functools import partial
from uuid import UUID

from nicegui import context, ui

from services import sessions
from services.errors import NotFound, TooMany
from services.sessions import OwnSession
from services.sign_in import ProviderUnavailable, SignIn, SignInRefused
from ui import sign_in_paths as paths
from ui.assets import asset
from ui.components import account_sections as sections
from ui.components.devices import device
from ui.components.door import notice
from ui.components.elements import button, show
from ui.components.markup import NOTHING, Html, tag
from ui.components.sign_in_words import OF_SETUP, trouble_words
from ui.gate import current_staff, signed_in
from ui.i18n import _, ngettext
from ui.layout import frame

#: Seconds for the identity provider to tell what it keeps. A page has three to be there at all.
_PATIENCE = 1.5


def register(sign_in: SignIn) -> None:
    """Add the page to NiceGUI."""

    async def account_page(said: str = "") -> None:
        """`/settings/account`."""
        ui.add_head_html(f'<link rel="stylesheet" href="{asset("account.css")}">')
        with frame(_("My account"), section="account"):
            await AccountPage(sign_in).show(said)

    ui.page(paths.ACCOUNT)(account_page)


class AccountPage:
    """One open page."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in

    async def show(self, said: str) -> None:
        """Put everything on the page."""
        staff = current_staff()
        with ui.element("div").classes("ac-account-page"):
            if message := sections.said(said):
                show(message)
            _section(None, sections.who(staff))
            _section(_("Preferences"), sections.preferences(staff))
            with _section(_("Where you are signed in")) as self._sessions:
                self._told = show(NOTHING).props('role="status"')
                self._list = ui.element("div").classes("ac-contents")
            await self._load()
            await self._show_second_factor()

    # -- open sessions ----------------------------------------------------------------------------

    async def _load(self) -> None:
        token = context.client.request.cookies.get(sessions.COOKIE, "")
        here = await sessions.find(token)
        found = await sessions.my_sessions(current_staff())
        if self._list.is_deleted:
            return
        this = here.id if here else None
        found.sort(key=lambda session: session.id != this)
        self._list.clear()
        with self._list:
            with ui.element("ul").classes("ac-plain ac-sessions"):
                for session in found:
                    self._row(session, is_this=session.id == this)
            others = sections.others(found, this)
            if len(others) > 1:
                end_all = button(tag("span", _("End all the others")))
                end_all.classes("ac-button").on("click", partial(self._end, others))

    def _row(self, session: OwnSession, *, is_this: bool) -> None:
        with ui.element("li").classes("ac-session"):
            show(sections.session_mark(session), "span").classes("ac-contents")
            words = show(sections.session_words(session, is_this=is_this))
            words.classes("ac-session-words")
            if not is_this:
                end_label = _("End")
                end = button(tag("span", end_label))
                end.props["aria-label"] = f"{end_label}: {device(session.user_agent)}"
                end.classes("ac-button").on("click", partial(self._end, [session.id]))

    @signed_in
    async def _end(self, which: list[UUID]) -> None:
        ended = 0
        for session_id in which:
            try:
                await sessions.end_session(current_staff(), session_id)
                ended += 1
            except NotFound:
                pass  # over already, which is what was asked for
        if self._list.is_deleted:
            return
        with self._sessions:
            await self._load()
            n = max(ended, 1)
            words = ngettext("{n} session ended.", "{n} sessions ended.", n)
            self._told.content = sections.done(words).source

    # -- second factor ----------------------------------------------------------------------------

    async def _show_second_factor(self) -> None:
        if self._sign_in.demo is not None:
            _section(_("Second step when signing in"), sections.demo_second_factor())
            return
        token = context.client.request.cookies.get(sessions.COOKIE, "")
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._sign_in.second_factors(token)
        except TimeoutError:
            words = trouble_words(ProviderUnavailable(), OF_SETUP)
            _section(_("Second step when signing in"), notice("warn", "warning", words))
            return
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            words = trouble_words(trouble, OF_SETUP)
            _section(_("Second step when signing in"), notice("warn", "warning", words))
            return
        _section(_("Second step when signing in"), sections.second_factor(found))
        if found.offered and self._sign_in.password is not None:
            _section(_("Password"), sections.password_link())


def _section(title: str | None, content: Html | None = None) -> ui.element:
    section = ui.element("section").classes("ac-account-section")
    with section:
        if title:
            show(tag("h2", title, class_="ac-subtitle")).classes("ac-contents")
        if content:
            show(content).classes("ac-contents")
    return section
