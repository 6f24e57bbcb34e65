"""New passwords. The identity provider keeps them; here is decided who may set one, and which."""

from datetime import UTC, datetime, timedelta

import structlog

from db.engine import begin
from services import audit, limits, session_tokens, sessions
from services.actors import System
from services.adapters.identity import PasswordProvider, SignInRefused
from services.errors import TooMany
from services.limits import Limit
from services.sessions import Browser, Session
from services.sign_in_guard import MOST_EMAIL, belongs, is_plausible

#: Characters at least, and bytes at most: Supabase's bcrypt reads no more.
SHORTEST = 12
LONGEST = 72
#: Only whoever has just shown who they are sets a new one.
FRESH = timedelta(minutes=15)
#: E-mails with a link for a new password: for one account from one address, from one address, and
#: for one account from wherever its owner is not known to be, which no single address can use up.
RECOVERY_PAIR = Limit("recovery.pair", 3, 900)
RECOVERY_ADDRESS = Limit("recovery.address", 20, 900)
RECOVERY_ACCOUNT = Limit("recovery.account", 20, 3600)

_SYSTEM = System("sign-in")

log = structlog.get_logger()


async def send_recovery(provider: PasswordProvider, email: str, browser: Browser) -> None:
    """Have a link for a new password sent. The same answer for everybody.

    Raises ProviderUnavailable, and TooMany for an address that asks for many people.
    """
    email = email.strip()
    await limits.hit(RECOVERY_ADDRESS, limits.by_address(browser.address))
    if not is_plausible(email, MOST_EMAIL):
        return
    try:
        account = limits.by_account(email)
        await limits.hit(RECOVERY_PAIR, f"{account} {limits.by_address(browser.address)}")
        if not await belongs(email, browser):
            await limits.hit(RECOVERY_ACCOUNT, account)
        await provider.send_recovery(email)
    except (TooMany, SignInRefused) as refused:
        # To say so would tell who has an account.
        log.info("sign_in.recovery_not_sent", reason=type(refused).__name__)


async def replace(provider: PasswordProvider, session: Session, password: str) -> None:
    """Set a new password for a session's owner; their other sessions end.

    SignInRefused: `weak_password`, `long_password`, `same_password`; `sign_in_again` when the
    session is older than FRESH, `second_factor_required` when it opens nothing yet.
    """
    if session.awaits_second_factor:
        raise SignInRefused("second_factor_required")
    if session.created_at < datetime.now(UTC) - FRESH:
        raise SignInRefused("sign_in_again")
    if len(password) < SHORTEST:
        raise SignInRefused("weak_password")
    if len(password.encode("utf-8", "replace")) > LONGEST:
        raise SignInRefused("long_password")
    tokens = await session_tokens.tokens_of(session.id, provider)
    await provider.set_password(tokens, password)
    async with begin(_SYSTEM) as connection:
        owner = session.staff_id
        await sessions.end_all_sessions(
            connection, owner, "password_changed", owner, but=session.id
        )
        await audit.record(connection, "set_password", table="staff", row=owner)
