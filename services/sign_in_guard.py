"""What stands between the door and whoever tries it: limits on failed attempts, and their audit."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from db.engine import begin
from services import audit, limits, staff_identities
from services.actors import System
from services.adapters.identity import ProviderUnavailable, SignInRefused
from services.errors import TooMany
from services.limits import SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, SIGN_IN_PAIR, Limit
from services.sessions import Browser
from services.staff_identities import Known

MOST_EMAIL = 320

_SYSTEM = System("sign-in")

log = structlog.get_logger()


class KnownRefused(SignInRefused):
    """A refusal of which it is known whom it meets, if it is anybody on the staff."""

    def __init__(self, code: str, known: Known | None) -> None:
        super().__init__(code)
        self.staff_id = known.staff_id if known else None


Counted = Sequence[tuple[Limit, str]]


async def of_account(email: str, browser: Browser) -> Counted:
    """What a failed attempt at an account counts against.

    Where its owner has signed in from lately, only what fails there with this very account does:
    others at the address, and strangers elsewhere, never hold up who belongs there.
    """
    account, address = limits.by_account(email), limits.by_address(browser.address)
    pair = (SIGN_IN_PAIR, f"{account} {address}")
    if await belongs(email, browser):
        return [pair]
    return [pair, (SIGN_IN_ADDRESS, address), (SIGN_IN_ACCOUNT, account)]


async def belongs(email: str, browser: Browser) -> bool:
    """Whether whoever has this address signed in from where the browser is lately."""
    if not is_plausible(email, MOST_EMAIL):
        return False
    async with begin(_SYSTEM) as connection:
        known = await staff_identities.addresses_of(connection, email)
    return limits.by_address(browser.address) in {limits.by_address(one) for one in known}


@asynccontextmanager
async def throttled(counted: Counted, provider: str, email: str = "") -> AsyncIterator[None]:
    """Audit a refusal, and count it. Whoever has had too many is not even asked about: TooMany.

    Counted beforehand, so that guesses made at the same moment count too, and given back when it
    was none. `email` is what the attempt named.
    """
    paid: list[tuple[Limit, str]] = []
    try:
        for limit, key in counted:
            await limits.hit(limit, key)
            paid.append((limit, key))
        yield
    except SignInRefused as refused:
        log.info("sign_in.refused", reason=refused.code, provider=provider)
        async with begin(_SYSTEM) as connection:
            staff_id = refused.staff_id if isinstance(refused, KnownRefused) else None
            if staff_id is None and email and is_plausible(email, MOST_EMAIL):
                staff_id = await staff_identities.staff_with(connection, email)
            details = {"reason": refused.code, "provider": provider}
            await audit.record(connection, "refuse", table="staff", row=staff_id, details=details)
        raise
    except (ProviderUnavailable, TooMany):
        # Nobody has said anything about it.
        await _give_back(paid)
        raise
    else:
        await _give_back(paid)


def is_plausible(text: str, longest: int) -> bool:
    """Whether it is worth asking about: neither empty nor endless, and no database chokes on it."""
    return 0 < len(text) <= longest and "\0" not in text


async def _give_back(paid: Counted) -> None:
    for limit, key in paid:
        await limits.give_back(limit, key)
