"""The second step of signing in: giving a code, and setting one up or removing it.

Plain routes, because a new second factor means a new session, and only these can set its cookie.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services import sessions
from services.actors import Staff
from services.errors import TooMany
from services.sign_in import Opened, ProviderUnavailable, SignIn, SignInRefused
from ui import sign_in_paths as paths
from ui.components.markup import Html
from ui.components.second_factor_cards import code_page, explanation, removal, scan_page
from ui.components.second_factor_steps import read_uri
from ui.components.sign_in_words import (
    OF_REMOVAL,
    OF_SETUP,
    Trouble,
    headers_of,
    status_of,
    trouble_words,
)
from ui.i18n import _
from ui.plain import Plain, browser_of
from ui.sign_in_paths import account_saying, onward, with_next


def address_after(opened: Opened, wanted: str) -> str:
    """Where a browser goes with a new session: straight on, or to the step that is missing."""
    if opened.must_enrol:
        return with_next(paths.SECOND_FACTOR, wanted)
    return with_next(paths.CODE, wanted) if opened.awaits_second_factor else wanted


@dataclass(frozen=True, slots=True)
class Owner:
    """Who sets up or removes a second factor."""

    token: str = field(repr=False)
    #: None for a session that opens nothing until one is set up.
    staff: Staff | None

    @property
    def must(self) -> bool:
        """Nothing else is open to them before."""
        return self.staff is None


@dataclass(frozen=True, slots=True)
class SecondFactorPages:
    """Codes of an authenticator app."""

    sign_in: SignIn
    plain: Plain

    def add_to(self, router: APIRouter) -> None:
        """Add its routes."""
        router.add_api_route(paths.CODE, self.ask_for_code, methods=["GET"])
        router.add_api_route(paths.CODE, self.give_code, methods=["POST"])
        router.add_api_route(paths.SECOND_FACTOR, self.explain, methods=["GET"])
        router.add_api_route(paths.SECOND_FACTOR_BEGIN, self.begin, methods=["POST"])
        router.add_api_route(paths.SECOND_FACTOR, self.confirm, methods=["POST"])
        router.add_api_route(paths.SECOND_FACTOR_REMOVE, self.ask_to_remove, methods=["GET"])
        router.add_api_route(paths.SECOND_FACTOR_REMOVE, self.remove, methods=["POST"])

    # -- signing in -------------------------------------------------------------------------------

    async def ask_for_code(self, request: Request) -> Response:
        """The page for the code of somebody whose password was right."""
        wanted = onward(request.query_params.get("next"))
        token = request.cookies.get(sessions.COOKIE)
        waiting = await self.sign_in.waiting(token) if token else None
        if waiting is None:
            return self.plain.redirect(with_next(paths.LOGIN, wanted))
        if waiting.must_enrol:
            return self.plain.redirect(with_next(paths.SECOND_FACTOR, wanted))
        return self.plain.page(request, lambda: code_page(wanted))

    async def give_code(self, request: Request) -> Response:
        """Take the code; with the right one, go where the person wanted to go."""
        sent = await self.plain.form(request)
        wanted = onward(sent.get("next"))
        token, code = request.cookies.get(sessions.COOKIE), _digits(sent.get("code"))
        if token is None:
            return self._over("/")
        if not code:
            return self._asked_again(request, lambda words: code_page(wanted, words))
        try:
            opened = await self.sign_in.give_code(token, code, browser_of(request))
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            if _is_over(trouble):
                return self._over(wanted)
            return self._page_with(request, lambda words: code_page(wanted, words), trouble)
        return await self._renewed(request, opened, wanted)

    # -- setting up -------------------------------------------------------------------------------

    async def explain(self, request: Request) -> Response:
        """What a second factor is, and a button to begin."""
        owner, wanted = await self._owner(request), onward(request.query_params.get("next"))
        if owner is None:
            return self.plain.redirect(with_next(paths.LOGIN, wanted))
        return self.plain.page(
            request, lambda: explanation(wanted, must=owner.must), staff=owner.staff
        )

    async def begin(self, request: Request) -> Response:
        """Show the code to scan, once."""
        sent = await self.plain.form(request)
        owner, wanted = await self._owner(request), onward(sent.get("next"))
        if owner is None:
            return self._over(wanted)
        try:
            enrolment = await self.sign_in.enrol_second_factor(owner.token)
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            if _is_over(trouble):
                return self._over(wanted)
            return self._page_with(
                request,
                lambda words: explanation(wanted, words, must=owner.must),
                trouble,
                owner.staff,
            )
        return self.plain.page(
            request, lambda: scan_page(enrolment, wanted, must=owner.must), staff=owner.staff
        )

    async def confirm(self, request: Request) -> Response:
        """Take the first code: from now on it is asked for, and this session is a new one."""
        sent = await self.plain.form(request)
        owner, wanted = await self._owner(request), onward(sent.get("next"))
        # The page shows again what it showed, from what it sent along: nobody else keeps it.
        enrolment = read_uri(sent.get("factor", ""), sent.get("uri", ""))
        if owner is None or enrolment is None:
            return self._over(wanted)
        code = _digits(sent.get("code"))
        if not code:
            return self._asked_again(
                request,
                lambda words: scan_page(enrolment, wanted, words, must=owner.must),
                owner.staff,
            )
        try:
            opened = await self.sign_in.confirm_second_factor(
                owner.token, enrolment.factor_id, code, browser_of(request)
            )
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            if _is_over(trouble):
                return self._over(wanted)
            return self._page_with(
                request,
                lambda words: scan_page(enrolment, wanted, words, must=owner.must),
                trouble,
                owner.staff,
            )
        said = account_saying("second_factor_added") if wanted == paths.ACCOUNT else wanted
        return await self._renewed(request, opened, said)

    # -- removing ---------------------------------------------------------------------------------

    async def ask_to_remove(self, request: Request) -> Response:
        """A code shows that the app is still the person's own."""
        staff, factor = await self.plain.staff(request), request.query_params.get("factor", "")
        if staff is None:
            return self.plain.redirect(with_next(paths.LOGIN, paths.ACCOUNT))
        return self.plain.page(request, lambda: removal(factor), staff=staff)

    async def remove(self, request: Request) -> Response:
        """Forget the second factor."""
        sent = await self.plain.form(request)
        staff, token = await self.plain.staff(request), request.cookies.get(sessions.COOKIE)
        if staff is None or token is None:
            return self._over(paths.ACCOUNT)
        factor, code = sent.get("factor", ""), _digits(sent.get("code"))
        if not code:
            return self._asked_again(request, lambda words: removal(factor, words), staff)
        try:
            await self.sign_in.remove_second_factor(token, factor, code)
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            if _is_over(trouble):
                return self._over(paths.ACCOUNT)
            return self._page_with(request, lambda words: removal(factor, words), trouble, staff)
        return self.plain.redirect(account_saying("second_factor_removed"))

    async def _owner(self, request: Request) -> Owner | None:
        """Whoever is signed in, or must set one up before they are."""
        token = request.cookies.get(sessions.COOKIE)
        if token is None:
            return None
        if staff := await sessions.staff_of(token):
            return Owner(token, staff)
        waiting = await self.sign_in.waiting(token)
        return Owner(token, None) if waiting and waiting.must_enrol else None

    async def _renewed(self, request: Request, opened: Opened, wanted: str) -> Response:
        response = self.plain.redirect(address_after(opened, wanted))
        await self.plain.let_in(request, response, opened.token)
        return response

    def _over(self, wanted: str) -> Response:
        return self.plain.redirect(with_next(paths.LOGIN, wanted, problem="expired"))

    def _asked_again(
        self, request: Request, render: Callable[[str], Html], staff: Staff | None = None
    ) -> Response:
        """No code is no attempt, and counts as none."""
        return self.plain.page(
            request,
            lambda: render(_("Type the six digits that the app shows now.")),
            status=422,
            staff=staff,
        )

    def _page_with(
        self,
        request: Request,
        render: Callable[[str], Html],
        trouble: Trouble,
        staff: Staff | None = None,
    ) -> Response:
        instead = OF_REMOVAL if request.url.path == paths.SECOND_FACTOR_REMOVE else OF_SETUP
        return self.plain.page(
            request,
            lambda: render(trouble_words(trouble, instead)),
            status=status_of(trouble),
            headers=headers_of(trouble),
            staff=staff,
        )


def _digits(code: str | None) -> str:
    """Apps show codes in groups, and people type them so."""
    return "".join((code or "").split())


def _is_over(trouble: Trouble) -> bool:
    return isinstance(trouble, SignInRefused) and trouble.code == "expired"
