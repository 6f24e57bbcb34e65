"""Links from e-mails, and choosing a password: after an invitation, when forgotten, or by wish."""

import re
from dataclasses import dataclass
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services import sessions
from services.actors import Staff
from services.adapters.identity import LinkKind
from services.errors import TooMany
from services.sign_in import ProviderUnavailable, SignIn, SignInRefused
from ui import sign_in_paths as paths
from ui.components.markup import Html
from ui.components.password_cards import (
    broken_link,
    choose_password,
    follow_link,
    forgotten,
    link_sent,
)
from ui.components.sign_in_words import (
    OF_LINKS,
    Trouble,
    headers_of,
    missing_words,
    password_words,
    status_of,
    trouble_words,
)
from ui.gate import safe_next
from ui.plain import Plain, browser_of
from ui.second_factor import address_after
from ui.sign_in_paths import account_saying, with_next

#: What the link of an e-mail carried, until its button is pressed: an address would be kept by
#: histories and told to others.
LINK_COOKIE = "acogida_link"
_LINK_SECONDS = 600
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,256}\Z")

#: Codes that are about the words in the field, not about who types them.
_OF_THE_FIELD = ("weak_password", "long_password", "same_password")


@dataclass(frozen=True, slots=True)
class PasswordPages:
    """Everything about passwords but giving one."""

    sign_in: SignIn
    plain: Plain

    def add_to(self, router: APIRouter) -> None:
        """Add its routes."""
        router.add_api_route(paths.FORGOT, self.ask_for_address, methods=["GET"])
        router.add_api_route(paths.FORGOT, self.send_link, methods=["POST"])
        router.add_api_route(paths.CONFIRM, self.follow, methods=["GET"])
        router.add_api_route(paths.CONFIRM, self.confirm, methods=["POST"])
        router.add_api_route(paths.PASSWORD, self.ask_for_password, methods=["GET"])
        router.add_api_route(paths.PASSWORD, self.set_password, methods=["POST"])

    async def ask_for_address(self, request: Request) -> Response:
        """Whose password is it."""
        if not (await self.sign_in.options()).password:
            return self.plain.redirect(paths.LOGIN)
        return self.plain.page(request, forgotten)

    async def send_link(self, request: Request) -> Response:
        """Have a link sent. Nobody learns here whether there is an account."""
        email = (await self.plain.form(request)).get("email", "").strip()
        if missing_words(email):
            return self.plain.page(
                request, lambda: forgotten(email, wrong=missing_words(email)["email"]), status=422
            )
        try:
            await self.sign_in.forgot_password(email, browser_of(request))
        except SignInRefused:
            pass  # to say so would tell who has an account
        except (ProviderUnavailable, TooMany) as trouble:
            return self._not_sent(request, email, trouble)
        return self.plain.page(request, link_sent)

    async def follow(self, request: Request) -> Response:
        """A link of an e-mail was opened, by its reader or by a scanner: nothing happens yet.

        What it carries moves from the address into a cookie.
        """
        kind, token_hash = request.query_params.get("type"), request.query_params.get("token_hash")
        if kind is None and token_hash is None:
            link = _link_of(request)
            return self.plain.page(
                request,
                lambda: follow_link(link[0]) if link else broken_link(),
                status=200 if link else 400,
            )
        response = self.plain.redirect(paths.CONFIRM)
        value = f"{kind}.{token_hash}"
        if _read_link(value):
            self.plain.keep(response, LINK_COOKIE, value, path=paths.CONFIRM, seconds=_LINK_SECONDS)
        else:
            self.plain.drop(response, LINK_COOKIE, path=paths.CONFIRM)
        return response

    async def confirm(self, request: Request) -> Response:
        """The reader pressed the button: the link is used up, and they may choose a password."""
        await self.plain.form(request)
        link = _link_of(request)
        if link is None:
            return self.plain.page(request, broken_link, status=400)
        kind, token_hash = link
        try:
            opened = await self.sign_in.confirm_link(token_hash, kind, browser_of(request))
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            return self._not_confirmed(request, kind, trouble)
        if before := request.cookies.get(sessions.COOKIE):
            await self.sign_in.sign_out(before)
        response = self.plain.redirect(address_after(opened, paths.PASSWORD))
        await self.plain.let_in(request, response, opened.token)
        self.plain.drop(response, LINK_COOKIE, path=paths.CONFIRM)
        return response

    async def ask_for_password(self, request: Request) -> Response:
        """Choose a password, signed in."""
        staff = await self.plain.staff(request)
        if staff is None:
            return self.plain.redirect(with_next(paths.LOGIN, "/", problem="expired"))
        wanted = safe_next(request.query_params.get("next"))
        return self.plain.page(request, lambda: choose_password(staff, wanted), staff=staff)

    async def set_password(self, request: Request) -> Response:
        """Replace the password, then go on."""
        form = await self.plain.form(request)
        staff, wanted = await self.plain.staff(request), safe_next(form.get("next"))
        token = request.cookies.get(sessions.COOKIE)
        if staff is None or token is None:
            return self.plain.redirect(with_next(paths.LOGIN, "/", problem="expired"))
        password = form.get("password", "")
        if password != form.get("repeated", ""):
            return self.plain.page(
                request,
                lambda: choose_password(staff, wanted, differs=True),
                status=422,
                staff=staff,
            )
        try:
            await self.sign_in.set_password(token, password)
        except (SignInRefused, ProviderUnavailable, TooMany) as trouble:
            return self._not_set(request, staff, wanted, trouble, password)
        said = account_saying("password") if wanted == paths.ACCOUNT else wanted
        return self.plain.redirect(said)

    def _not_sent(self, request: Request, email: str, trouble: Trouble) -> Response:
        return self.plain.page(
            request,
            lambda: forgotten(email, trouble_words(trouble)),
            status=status_of(trouble),
            headers=headers_of(trouble),
        )

    def _not_confirmed(self, request: Request, kind: LinkKind, trouble: Trouble) -> Response:
        # Only who can try again in a while keeps what the link carried.
        is_over = isinstance(trouble, SignInRefused)

        def render() -> Html:
            words = trouble_words(trouble, OF_LINKS)
            return broken_link(words) if is_over else follow_link(kind, words)

        response = self.plain.page(
            request, render, status=status_of(trouble), headers=headers_of(trouble)
        )
        if is_over:
            self.plain.drop(response, LINK_COOKIE, path=paths.CONFIRM)
        return response

    def _not_set(
        self, request: Request, staff: Staff, wanted: str, trouble: Trouble, password: str
    ) -> Response:
        about_field = isinstance(trouble, SignInRefused) and trouble.code in _OF_THE_FIELD
        return self.plain.page(
            request,
            lambda: choose_password(
                staff, wanted, password_words(trouble, password), about_field=about_field
            ),
            status=422 if about_field else status_of(trouble),
            headers=headers_of(trouble),
            staff=staff,
        )


def _link_of(request: Request) -> tuple[LinkKind, str] | None:
    return _read_link(request.cookies.get(LINK_COOKIE, ""))


def _read_link(value: str) -> tuple[LinkKind, str] | None:
    name, _dot, token_hash = value.partition(".")
    kind = next((kind for kind in get_args(LinkKind) if kind == name), None)
    return (kind, token_hash) if kind and _TOKEN.match(token_hash) else None
