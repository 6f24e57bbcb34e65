"""Who a person is, according to an identity provider, and what such a provider can be asked.

Everything behind this is the same whoever vouches: Supabase, a standard OpenID Connect provider, or
in mock mode the demo's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

LinkKind = Literal["invite", "recovery"]


class SignInRefused(Exception):
    """Somebody may not come in, or may not change how they come in. `code` says why.

    invalid_credentials, email_not_confirmed, user_banned: the provider's word on a password.
    not_staff: known to the provider, and not on the active staff.
    cancelled, mismatch, expired: a round trip or link that was given up, is not this browser's, or
    is over.
    wrong_code, second_factor_required, not_offered: of second factors.
    weak_password, long_password, same_password, sign_in_again: of a new password.
    exists: an account that was to be made.
    refused: anything else that the provider declined.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ProviderUnavailable(Exception):
    """The provider cannot be reached or does not answer as itself: try again later."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider vouches for: its own lasting id, and an address it has verified."""

    #: `local`, or the URL that the provider calls itself by.
    issuer: str
    subject: str
    #: None where the provider has not verified it: such an address proves nothing.
    verified_email: str | None
    #: What row-level security knows the person by, where the provider's tokens reach the database:
    #: Supabase's own id.
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A provider's tokens for one session. They stay on the server."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """A person has proved to a provider who they are."""

    identity: Identity
    #: 1: a password or what the provider took for one; 2: a second factor as well.
    assurance: Literal[1, 2] = 1
    #: None where the provider gives none that would be of use.
    tokens: Tokens | None = None
    #: A second factor is set up, and the provider expects it to be asked for.
    has_second_factor: bool = False


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor that works: an authenticator app with a shared secret."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor that is being set up: it counts once a first code has been given."""

    factor_id: str
    #: Base32, for typing by hand.
    secret: str = field(repr=False)
    #: `otpauth://...`, for a QR code.
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to choose on the mock sign-in page."""

    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Outward:
    """Where a browser goes to prove who its person is, and what must be remembered until then."""

    url: str
    #: Verifier and nonce: never leave the server.
    secrets: Mapping[str, str] = field(repr=False)


class RedirectProvider(Protocol):
    """Staff prove who they are on the provider's own pages.

    Every method raises ProviderUnavailable.
    """

    @property
    def label(self) -> str:
        """What the button on the sign-in page calls it."""

    @property
    def session_provider(self) -> str:
        """Whose tokens a session opened through it holds: `supabase`, `oidc`."""

    async def begin(self, callback: str, state: str) -> Outward:
        """The first half of the round trip; the browser comes back to `callback` with `state`."""

    async def finish(
        self, query: Mapping[str, str], callback: str, secrets: Mapping[str, str]
    ) -> Proof:
        """The second half, from what the browser brought back. Raises SignInRefused."""


class PasswordProvider(Protocol):
    """Keeps accounts with passwords and second factors.

    Every method raises SignInRefused, ProviderUnavailable, or TooMany where the provider says so.
    """

    async def sign_in(self, email: str, password: str) -> Proof:
        """Whose address and password these are."""

    async def refresh(self, tokens: Tokens) -> Tokens:
        """Fresh tokens; the old ones are used up. SignInRefused(`expired`): the session is over."""

    async def sign_out(self, tokens: Tokens) -> None:
        """End the session that the tokens are of."""

    async def send_recovery(self, email: str) -> None:
        """Send a link for a new password, if there is such an account."""

    async def follow_link(self, token_hash: str, kind: LinkKind) -> Proof:
        """Whose link this is; it works once."""

    async def set_password(self, tokens: Tokens, password: str) -> None:
        """Replace the password."""

    async def invite(self, email: str, name: str) -> None:
        """Create the account and send a link; for a new password where there is an account."""

    async def factors(self, tokens: Tokens) -> Sequence[Factor]:
        """The second factors that work, asked afresh."""

    async def enrol(self, tokens: Tokens, name: str) -> Enrolment:
        """Begin to set up a second factor."""

    async def verify(self, tokens: Tokens, factor_id: str, code: str) -> Proof:
        """Give a code. SignInRefused(`wrong_code`) for any other."""

    async def remove_factor(self, tokens: Tokens, factor_id: str) -> None:
        """Forget a second factor."""


def text_of(value: Any) -> str:
    """A string out of somebody else's JSON; empty for anything that is not one."""
    return value if isinstance(value, str) else ""
