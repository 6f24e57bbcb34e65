"""A sign-in without a database or a provider, for tests of what its pages say and where they lead.

Everybody's password is RIGHT, every code CODE; whatever stands in `trouble` is raised instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.actors import Staff
from services.adapters.identity import DemoPerson, Enrolment, Factor, LinkKind
from services.sign_in import (
    Browser,
    Departure,
    Opened,
    Options,
    SecondFactors,
    SignIn,
    SignInRefused,
    Waiting,
)

ANA = Staff(UUID(int=1), UUID(int=1), "ana@acogida.example", "Ana Prueba", "caseworker")
RIGHT = "una frase que nadie adivina"
CODE = "123456"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
URI = f"otpauth://totp/Acogida:ana%40acogida.example?secret={SECRET}&issuer=Acogida"
BROWSER_TOKEN = "only-this-browser"
LINK = "abcdef0123456789abcdef0123456789"


@dataclass(frozen=True, slots=True)
class FakeSignIn(SignIn):
    """What is done is written down in `done`; `state` says which session is what."""

    offers: Options = field(default_factory=lambda: Options(password=True, redirects=[], demo=[]))
    #: token -> `in`, `waiting`, `enrolling` or `over`
    state: dict[str, str] = field(default_factory=dict)
    done: list[tuple[str, Any]] = field(default_factory=list)
    #: What a new session is, and what is raised in place of an answer.
    opens: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    factors: list[Factor] = field(default_factory=list)

    def staff_of(self, token: str) -> Staff | None:
        """In place of `sessions.staff_of`."""
        return ANA if self.state.get(token) == "in" else None

    async def options(self) -> Options:
        return self.offers

    async def with_password(self, email: str, password: str, browser: Browser) -> Opened:
        self._note("with_password", (email, browser))
        if password != RIGHT:
            raise SignInRefused("invalid_credentials")
        return self._new()

    async def as_demo(self, email: str, browser: Browser) -> Opened:
        self._note("as_demo", (email, browser))
        if email not in [person.email for person in self.offers.demo]:
            raise SignInRefused("not_staff")
        return self._new()

    async def begin_redirect(self, key: str, next_path: str, browser: Browser) -> Departure:
        self._note("begin_redirect", (key, next_path))
        return Departure("https://provider.example/authorize?state=s", BROWSER_TOKEN)

    async def finish_redirect(
        self, query: Mapping[str, str], browser_token: str, browser: Browser
    ) -> tuple[Opened, str]:
        self._note("finish_redirect", dict(query))
        if browser_token != BROWSER_TOKEN:
            raise SignInRefused("mismatch")
        return self._new(), "/clients?page=2"

    async def confirm_link(self, token_hash: str, kind: LinkKind, browser: Browser) -> Opened:
        self._note("confirm_link", (token_hash, kind))
        if token_hash != LINK:
            raise SignInRefused("expired")
        return self._new()

    async def waiting(self, token: str) -> Waiting | None:
        state = self.state.get(token)
        return Waiting(state == "enrolling") if state in ("waiting", "enrolling") else None

    async def give_code(self, token: str, code: str, browser: Browser) -> Opened:
        self._note("give_code", code)
        return self._renew(token, code, "waiting")

    async def second_factors(self, token: str) -> SecondFactors:
        self._note("second_factors", None)
        return SecondFactors(offered=True, required=False, factors=self.factors)

    async def enrol_second_factor(self, token: str) -> Enrolment:
        self._note("enrol_second_factor", None)
        return Enrolment("factor-1", SECRET, URI)

    async def confirm_second_factor(
        self, token: str, factor_id: str, code: str, browser: Browser
    ) -> Opened:
        self._note("confirm_second_factor", (factor_id, code))
        opened = self._renew(token, code, "in", "enrolling")
        self.factors.append(Factor(factor_id, "", datetime.now(UTC)))
        return opened

    async def remove_second_factor(self, token: str, factor_id: str, code: str) -> None:
        self._note("remove_second_factor", (factor_id, code))
        if code != CODE:
            raise SignInRefused("wrong_code")
        self.factors.clear()

    async def forgot_password(self, email: str, browser: Browser) -> None:
        self._note("forgot_password", email)

    async def set_password(self, token: str, new_password: str) -> None:
        self._note("set_password", new_password)
        if len(new_password) < 12:
            raise SignInRefused("weak_password")

    async def sign_out(self, token: str) -> None:
        self._note("sign_out", token)
        self.state[token] = "over"

    def _note(self, what: str, how: Any) -> None:
        self.done.append((what, how))
        if self.trouble and what != "sign_out":
            raise self.trouble[0]

    def _new(self) -> Opened:
        token = f"token-{len(self.state) + 1}"
        state = self.state[token] = self.opens[0] if self.opens else "in"
        return Opened(token, state != "in", state == "enrolling")

    def _renew(self, token: str, code: str, *allowed: str) -> Opened:
        if self.state.get(token) not in allowed:
            raise SignInRefused("expired")
        if code != CODE:
            raise SignInRefused("wrong_code")
        self.state[token] = "over"
        self.opens.clear()
        return self._new()


DEMO = Options(
    password=False,
    redirects=[],
    demo=[
        DemoPerson(ANA.email, ANA.name, "caseworker"),
        DemoPerson("x@y", '"><script>alert(1)</script>', "robot"),
    ],
)
EVERYTHING = Options(
    password=True,
    redirects=[("azure", "Microsoft"), ("oidc", "Cruz de la Esperanza")],
    demo=[],
)

#: What `integration/simulated_account.py` builds the account page on.
DOOR: SignIn = FakeSignIn("http://127.0.0.1:8000")
