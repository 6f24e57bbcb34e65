"""Signing in and out, and how a person likes the app: plain HTML that works without JavaScript."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services import sessions
from services import staff as staff_service
from services.errors import TooMany
from services.sessions import WhyOver
from services.sign_in import (
    Opened,
    Options,
    ProviderUnavailable,
    SignIn,
    SignInRefused,
)
from ui import sign_in_paths as paths
from ui.components.door import door, notice
from ui.components.markup import Html, join
from ui.components.sign_in_forms import (
    demo_people,
    not_offered,
    or_else,
    password_form,
    provider_buttons,
)
from ui.components.sign_in_words import (
    Trouble,
    code_of,
    headers_of,
    missing_words,
    over_words,
    status_of,
    trouble_words,
    words_of,
)
from ui.gate import language_of, safe_next
from ui.i18n import _, known_language
from ui.passwords import PasswordPages
from ui.plain import Plain, browser_of
from ui.second_factor import SecondFactorPages, address_after
from ui.sign_in_paths import with_next

#: Ties a round trip to a provider to the browser that began it.
ATTEMPT_COOKIE = "acogida_sign_in"
_ATTEMPT_SECONDS = 600


def router(sign_in: SignIn) -> APIRouter:
    """Every route under which staff come and go."""
    plain = Plain(sign_in.public_url)
    routes = APIRouter(include_in_schema=False)
    for pages in (LoginPages, PasswordPages, SecondFactorPages):
        pages(sign_in, plain).add_to(routes)
    return routes


@dataclass(frozen=True, slots=True)
class LoginPages:
    """The sign-in page, round trips to other providers, signing out, preferences."""

    sign_in: SignIn
    plain: Plain

    def add_to(self, router: APIRouter) -> None:
        """Add its routes."""
        router.add_api_route(paths.LOGIN, self.show, methods=["GET"])
        router.add_api_route(paths.LOGIN, self.enter, methods=["POST"])
        router.add_api_route(paths.START + "/{provider}", self.depart, methods=["GET"])
        router.add_api_route(paths.CALLBACK, self.come_back, methods=["GET"])
        router.add_api_route("/logout", self.leave, methods=["POST"])
        router.add_api_route("/preferences", self.prefer, methods=["POST"])

    async def show(self, request: Request) -> Response:
        """The sign-in page; who is signed in already goes on."""
        wanted = safe_next(request.query_params.get("next"))
        if await self.plain.staff(request) is not None:
            return self.plain.redirect(wanted)
        options = await self.sign_in.options()
        problem = request.query_params.get("problem")
        # The browser still holds the token of a session that was ended for it, and it alone.
        token = request.cookies.get(sessions.COOKIE)
        over = await sessions.why_over(token) if token and not problem else None
        return self.plain.page(
            request,
            lambda: self._page(options, wanted, words_of(problem) if problem else None, over=over),
        )

    async def enter(self, request: Request) -> Response:
        """Open a session and go where the person wanted to go."""
        form = await self.plain.form(request)
        wanted, email = safe_next(form.get("next")), form.get("email", "").strip()
        browser = browser_of(request)
        options = await self.sign_in.options()
        if options.password and "password" in form and missing_words(email, form["password"]):
            return self._incomplete(request, options, wanted, email, form["password"])
        try:
            if "password" in form:
                opened = await self.sign_in.with_password(email, form["password"], browser)
            else:
                opened = await self.sign_in.as_demo(email, browser)
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            return await self._again(request, wanted, email, trouble)
        return await self._let_in(request, opened, wanted)

    async def depart(self, request: Request, provider: str) -> Response:
        """Send the browser to a provider's own pages."""
        wanted = safe_next(request.query_params.get("next"))
        try:
            departure = await self.sign_in.begin_redirect(provider, wanted, browser_of(request))
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            return self._back_to_door(trouble, wanted)
        response = self.plain.redirect(departure.url)
        self.plain.keep(
            response,
            ATTEMPT_COOKIE,
            departure.browser_token,
            path=paths.CALLBACK,
            seconds=_ATTEMPT_SECONDS,
        )
        return response

    async def come_back(self, request: Request) -> Response:
        """The browser is back. Whatever it brought leaves the address again at once."""
        attempt = request.cookies.get(ATTEMPT_COOKIE, "")
        try:
            opened, wanted = await self.sign_in.finish_redirect(
                request.query_params, attempt, browser_of(request)
            )
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            response = self._back_to_door(trouble)
        else:
            response = await self._let_in(request, opened, safe_next(wanted))
        self.plain.drop(response, ATTEMPT_COOKIE, path=paths.CALLBACK)
        return response

    async def leave(self, request: Request) -> Response:
        """End the session everywhere and show the sign-in page."""
        await self.plain.form(request)
        if token := request.cookies.get(sessions.COOKIE):
            await self.sign_in.sign_out(token)
        response = self.plain.redirect(paths.LOGIN)
        self.plain.forget_session(response)
        # Computers are shared: nothing of what was shown stays in the browser.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    async def prefer(self, request: Request) -> Response:
        """Remember a language, a theme or what Enter does, and show the same page again."""
        form = await self.plain.form(request)
        staff = await self.plain.staff(request)
        if staff is None:
            return self.plain.redirect(paths.LOGIN)
        seen = replace(staff, language=language_of(request, staff))
        await staff_service.set_preferences(
            seen,
            language=form.get("language"),
            theme=form.get("theme"),
            enter_sends={"sends": True, "new_line": False}.get(form.get("enter", "")),
        )
        response = self.plain.redirect(_came_from(request))
        if chosen := known_language(form.get("language")):
            self.plain.remember_language(response, chosen)
        return response

    async def _let_in(self, request: Request, opened: Opened, wanted: str) -> Response:
        if before := request.cookies.get(sessions.COOKIE):
            await self.sign_in.sign_out(before)
        response = self.plain.redirect(address_after(opened, wanted))
        await self.plain.let_in(request, response, opened.token)
        return response

    async def _again(self, request: Request, wanted: str, email: str, trouble: Trouble) -> Response:
        options = await self.sign_in.options()
        return self.plain.page(
            request,
            lambda: self._page(options, wanted, trouble_words(trouble), email),
            status=status_of(trouble),
            headers=headers_of(trouble),
        )

    def _incomplete(
        self, request: Request, options: Options, wanted: str, email: str, password: str
    ) -> Response:
        """What was left out is said here: it is no attempt, and counts as none."""
        return self.plain.page(
            request,
            lambda: self._page(options, wanted, None, email, wrong=missing_words(email, password)),
            status=422,
        )

    def _page(
        self,
        options: Options,
        wanted: str,
        problem: str | None,
        email: str = "",
        *,
        over: WhyOver | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Html:
        ways = [
            demo_people(options.demo, wanted) if self.sign_in.demo is not None else None,
            password_form(wanted, email=email, wrong=wrong) if options.password else None,
            provider_buttons(options.redirects, wanted) if options.redirects else None,
        ]
        offered = [way for way in ways if way is not None]
        between = [part for way in offered for part in (or_else(), way)][1:]
        return door(
            _("Sign in"),
            notice("danger", "error", problem, role="alert") if problem else None,
            notice("warn", "warning", over_words(over), role="status") if over else None,
            join(between) if offered else not_offered(),
            here=paths.LOGIN,
            wanted=wanted,
            failed=problem is not None or bool(wrong),
        )

    def _back_to_door(self, trouble: Trouble, wanted: str = "/") -> Response:
        return self.plain.redirect(with_next(paths.LOGIN, wanted, problem=code_of(trouble)))


def _came_from(request: Request) -> str:
    """The page of ours that a form was sent from."""
    try:
        page = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    return safe_next(f"{page.path}?{page.query}" if page.query else page.path)
