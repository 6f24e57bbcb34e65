"""Round trips to an identity provider that have not come back yet: used once, for ten minutes."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, func, insert

from db.engine import begin
from db.tables import sign_in_attempts
from services import keys
from services.actors import System
from services.adapters.identity import SignInRefused

#: How long a person may take on the provider's pages.
LIFETIME = timedelta(minutes=10)

_PURPOSE = "sign-in attempt"
_MOST_PATH = 2_000
_SYSTEM = System("sign-in")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was remembered of a round trip that has come back."""

    #: Its key in the settings' list of providers.
    provider: str
    secrets: Mapping[str, str] = field(repr=False)
    next_path: str


def new_state() -> str:
    """What the provider hands back, to find the attempt by."""
    return secrets.token_urlsafe(32)


async def remember(state: str, provider: str, kept: Mapping[str, str], next_path: str) -> str:
    """Keep an attempt; returns the token that the browser must come back with."""
    browser_token = secrets.token_urlsafe(32)
    async with begin(_SYSTEM) as connection:
        await connection.execute(
            delete(sign_in_attempts).where(sign_in_attempts.c.created_at < func.now() - LIFETIME)
        )
        await connection.execute(
            insert(sign_in_attempts).values(
                state_sha256=_digest(state),
                browser_sha256=_digest(browser_token),
                provider=provider,
                secrets=keys.encrypt(_PURPOSE, json.dumps(dict(kept)).encode()),
                next_path=next_path if _is_ours(next_path) else "/",
            )
        )
    return browser_token


async def take(state: str, browser_token: str) -> Attempt:
    """The attempt of this state in this browser, which is spent with it, whatever comes of it.

    SignInRefused: `expired`; `mismatch` for a state that was never given out or is spent, and for
    one that another browser began.
    """
    async with begin(_SYSTEM) as connection:
        row = (
            await connection.execute(
                delete(sign_in_attempts)
                .where(
                    sign_in_attempts.c.state_sha256 == _digest(state),
                    # What another browser shows is not spent by it.
                    sign_in_attempts.c.browser_sha256 == _digest(browser_token),
                )
                .returning(
                    sign_in_attempts,
                    (sign_in_attempts.c.created_at < func.now() - LIFETIME).label("late"),
                )
            )
        ).one_or_none()
    if row is None:
        raise SignInRefused("mismatch")
    if row.late:
        raise SignInRefused("expired")
    try:
        kept = json.loads(keys.decrypt(_PURPOSE, row.secrets))
    except keys.Undecipherable:
        raise SignInRefused("expired") from None
    return Attempt(row.provider, kept, row.next_path)


def _is_ours(path: str) -> bool:
    """Whether a path leads into the app; `//` and `/\\` lead anywhere."""
    return path[:1] == "/" and path[1:2] not in ("/", "\\") and len(path) <= _MOST_PATH


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
