"""Signing in and out: the one way from a person at the door to a session.

    sign_in = SignIn(password=..., redirects={...}, demo=None, public_url=...)
    opened = await sign_in.with_password(email, password, browser)

Every way in raises SignInRefused, ProviderUnavailable or TooMany. What is refused is audited, with
the reason and never with the address that was typed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from db.engine import begin
from services import (
    audit,
    limits,
    passwords,
    second_factor,
    session_tokens,
    sessions,
    sign_in_attempts,
    staff_identities,
)
from services.actors import Role, Staff, System
from services.adapters.identity import (
    DemoPerson,
    Enrolment,
    Factor,
    LinkKind,
    PasswordProvider,
    Proof,
    ProviderUnavailable,
    RedirectProvider,
    SignInRefused,
)
from services.adapters.local_identity import LocalIdentity
from services.errors import TooMany
from services.limits import SIGN_IN_CALLBACK, SIGN_IN_DEPARTURE, SIGN_IN_LINK
from services.permissions import Permission, may, refuse
from services.second_factor import SecondFactors
from services.sessions import Browser, Opened, SecondFactorPolicy, Session
from services.sign_in_guard import MOST_EMAIL, KnownRefused, is_plausible, of_account, throttled

#: Where a browser comes back to from a provider's pages; providers must know `public_url` + this.
CALLBACK_PATH = "/login/callback"
#: Where links in the provider's e-mails lead, with `token_hash` and `type` in the query.
CONFIRM_PATH = "/login/confirm"
#: Characters of a new password, at least.
SHORTEST_PASSWORD = passwords.SHORTEST

_LOCAL = "local"
_SYSTEM = System("sign-in")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session that awaits a second factor."""

    #: None is set up, and one has to be before the session opens anything.
    must_enrol: bool


@dataclass(frozen=True, slots=True)
class Departure:
    """The browser leaves for a provider's pages."""

    url: str
    #: For an HttpOnly, SameSite=Lax cookie that lives for ten minutes.
    browser_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What the sign-in page offers."""

    password: bool
    #: (key for `begin_redirect`, label)
    redirects: list[tuple[str, str]]
    #: Whom a demo lets one choose; empty outside mock mode.
    demo: list[DemoPerson]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Every way in, as the settings offer them."""

    public_url: str
    password: PasswordProvider | None = None
    redirects: Mapping[str, RedirectProvider] = field(default_factory=dict)
    demo: LocalIdentity | None = None
    #: Who has to give a second factor: those who set one up, admins, or everybody.
    second_factor: SecondFactorPolicy = "optional"

    async def options(self) -> Options:
        """What the sign-in page offers."""
        return Options(
            password=self.password is not None,
            redirects=[(key, provider.label) for key, provider in self.redirects.items()],
            demo=await self.demo.people() if self.demo else [],
        )

    async def with_password(self, email: str, password: str, browser: Browser) -> Opened:
        """An address and a password. The same answer for an account that does not exist."""
        provider = self._password_provider()
        email = email.strip()
        async with throttled(await of_account(email, browser), "supabase", email):
            if not is_plausible(email, MOST_EMAIL) or not is_plausible(password, 1_000):
                raise SignInRefused("invalid_credentials")
            proof = await provider.sign_in(email, password)
            return await self._open(proof, "supabase", browser)

    async def as_demo(self, email: str, browser: Browser) -> Opened:
        """Mock mode: the person that was chosen."""
        if self.demo is None:
            raise SignInRefused("not_offered")
        async with throttled(await of_account(email, browser), _LOCAL, email):
            identity = await self.demo.identify(email) if is_plausible(email, MOST_EMAIL) else None
            if identity is None:
                raise SignInRefused("not_staff")
            return await self._open(Proof(identity), _LOCAL, browser)

    async def begin_redirect(self, key: str, next_path: str, browser: Browser) -> Departure:
        """Send the browser to a provider's pages. `next_path`: where to go in the end."""
        provider = self._redirect_provider(key)
        await limits.hit(SIGN_IN_DEPARTURE, limits.by_address(browser.address))
        state = sign_in_attempts.new_state()
        outward = await provider.begin(self.public_url + CALLBACK_PATH, state)
        token = await sign_in_attempts.remember(state, key, outward.secrets, next_path)
        return Departure(outward.url, token)

    async def finish_redirect(
        self, query: Mapping[str, str], browser_token: str, browser: Browser
    ) -> tuple[Opened, str]:
        """The browser is back at CALLBACK_PATH: the session, and where to go. Works once."""
        if not browser_token:
            # Whatever page somebody has open can send them here, and counts against nobody.
            raise SignInRefused("mismatch")
        counted = [(SIGN_IN_CALLBACK, limits.by_address(browser.address))]
        async with throttled(counted, "redirect"):
            attempt = await sign_in_attempts.take(query.get("state", ""), browser_token)
        provider = self._redirect_provider(attempt.provider)
        async with throttled(counted, attempt.provider):
            callback = self.public_url + CALLBACK_PATH
            proof = await provider.finish(query, callback, attempt.secrets)
            opened = await self._open(proof, provider.session_provider, browser)
        return opened, attempt.next_path

    async def confirm_link(self, token_hash: str, kind: LinkKind, browser: Browser) -> Opened:
        """A link of an invitation or for a new password has been followed. Works once.

        Call it on a press, never on opening the page: mail scanners open links too.
        """
        provider = self._password_provider()
        counted = [(SIGN_IN_LINK, limits.by_address(browser.address))]
        async with throttled(counted, "supabase"):
            if kind not in ("invite", "recovery") or not is_plausible(token_hash, 500):
                raise SignInRefused("expired")
            proof = await provider.follow_link(token_hash, kind)
            return await self._open(proof, "supabase", browser)

    async def waiting(self, token: str) -> Waiting | None:
        """What this session waits for; None when it is over or waits for nothing."""
        session = await sessions.find(token)
        if session is None or not session.awaits_second_factor:
            return None
        return Waiting(session.must_enrol)

    async def give_code(self, token: str, code: str, browser: Browser) -> Opened:
        """The second factor of a session that awaits it: a new session, and the old one is over.

        SignInRefused: `wrong_code`, `expired`.
        """
        session = await _session_of(token)
        return await second_factor.give_code(self._provider_of(session), session, code, browser)

    async def second_factors(self, token: str) -> SecondFactors:
        """The second factors of whoever is signed in."""
        session = await _session_of(token)
        required = self._requires(session.role)
        if self.password is None or session.provider != "supabase":
            return SecondFactors(offered=False, required=required)
        tokens = await session_tokens.tokens_of(session.id, self.password)
        return SecondFactors(True, required, list(await self.password.factors(tokens)))

    async def enrol_second_factor(self, token: str) -> Enrolment:
        """Begin to set one up, signed in or with a session that must enrol."""
        session = await _session_of(token)
        return await second_factor.enrol(self._provider_of(session), session)

    async def confirm_second_factor(
        self, token: str, factor_id: str, code: str, browser: Browser
    ) -> Opened:
        """The first code of a new second factor: it counts from now on, in a new session."""
        session = await _session_of(token)
        provider = self._provider_of(session)
        return await second_factor.confirm(provider, session, factor_id, code, browser)

    async def remove_second_factor(self, token: str, factor_id: str, code: str) -> None:
        """Forget a second factor; `code` is one of its own, to show that it is still theirs.

        SignInRefused: `wrong_code`; `second_factor_required` for the last one where one is.
        """
        session = await _session_of(token)
        await second_factor.remove(
            self._provider_of(session),
            session,
            factor_id,
            code,
            required=self._requires(session.role),
        )

    async def forgot_password(self, email: str, browser: Browser) -> None:
        """Have a link for a new password sent. The same answer for everybody.

        Raises ProviderUnavailable, and TooMany for an address that asks for many people.
        """
        await passwords.send_recovery(self._password_provider(), email, browser)

    async def set_password(self, token: str, new_password: str) -> None:
        """Replace the password of whoever is signed in; their other sessions end.

        SignInRefused: `weak_password`, `long_password`, `same_password`; `sign_in_again` when the
        session is older than a quarter of an hour.
        """
        session = await _session_of(token)
        await passwords.replace(self._provider_of(session), session, new_password)

    async def invite(self, actor: Staff, email: str, name: str) -> None:
        """Have the provider invite somebody who is on the staff already; local mode does nothing.

        Raises Forbidden, ProviderUnavailable, TooMany, SignInRefused(`refused`).
        """
        if not may(actor, Permission.MANAGE_STAFF):
            await refuse(actor, Permission.MANAGE_STAFF, "sign_in.invite")
        if self.password is not None:
            await self.password.invite(email, name)

    async def sign_out(self, token: str) -> None:
        """End the session here, and at the provider as far as it can be reached."""
        ended = await sessions.sign_out(token)
        if ended is None:
            return
        session, tokens = ended
        await audit.record_alone(
            _SYSTEM,
            "sign_out",
            table="staff",
            row=session.staff_id,
            details={"provider": session.provider},
        )
        if self.password is None or tokens is None:
            return
        try:
            await self.password.sign_out(tokens)
        except (SignInRefused, ProviderUnavailable, TooMany) as problem:
            # Its tokens are forgotten here, and nobody else has them.
            log.info("sign_in.provider_not_told", problem=type(problem).__name__)

    async def _open(self, proof: Proof, provider: str, browser: Browser) -> Opened:
        """A session for whoever has proved who they are, if that is somebody on the staff."""
        async with begin(_SYSTEM) as connection:
            known = await staff_identities.recognise(connection, proof.identity)
            if known is not None and known.active:
                if proof.identity.user_id is not None:
                    # Set up or removed by other means than this app, too.
                    has_one = proof.has_second_factor
                    await staff_identities.note_second_factor(connection, known.staff_id, has_one)
                required = provider != _LOCAL and self._requires(known.role)
                lacks = proof.assurance == 1 and (required or proof.has_second_factor)
                if not lacks or proof.tokens is not None:
                    opened = await sessions.open_session(
                        connection,
                        known.staff_id,
                        browser,
                        provider=provider,
                        tokens=proof.tokens,
                        assurance=proof.assurance,
                        awaits_second_factor=lacks,
                        must_enrol=lacks and not proof.has_second_factor,
                    )
                    if not lacks:
                        await audit.record(
                            connection,
                            "sign_in",
                            table="staff",
                            row=known.staff_id,
                            details={"provider": provider},
                        )
                    return opened
        if known is None or not known.active:
            raise KnownRefused("not_staff", known)
        # Somebody else's pages asked for no second factor, and it cannot be given here.
        raise KnownRefused("second_factor_required", known)

    def _requires(self, role: Role) -> bool:
        return self.second_factor == "everybody" or (
            self.second_factor == "admins" and role == "admin"
        )

    def _password_provider(self) -> PasswordProvider:
        if self.password is None:
            raise SignInRefused("not_offered")
        return self.password

    def _provider_of(self, session: Session) -> PasswordProvider:
        if session.provider != "supabase":
            raise SignInRefused("not_offered")
        return self._password_provider()

    def _redirect_provider(self, key: str) -> RedirectProvider:
        if key not in self.redirects:
            raise SignInRefused("not_offered")
        return self.redirects[key]


async def _session_of(token: str) -> Session:
    session = await sessions.find(token)
    if session is None:
        raise SignInRefused("expired")
    return session


__all__ = [
    "CALLBACK_PATH",
    "CONFIRM_PATH",
    "Browser",
    "Departure",
    "Enrolment",
    "Factor",
    "Opened",
    "Options",
    "ProviderUnavailable",
    "SecondFactors",
    "SignIn",
    "SignInRefused",
    "Waiting",
]
