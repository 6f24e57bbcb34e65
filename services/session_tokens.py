"""The identity provider's tokens of a session: encrypted at rest, fresh when they are needed."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import begin
from db.tables import staff_sessions
from services import keys
from services.actors import System
from services.adapters.identity import (
    PasswordProvider,
    ProviderUnavailable,
    SignInRefused,
    Tokens,
)
from services.errors import TooMany
from services.permissions import Permission, requires

#: An access token that ends sooner than this is exchanged first.
MARGIN = timedelta(minutes=2)

#: What the provider says of a session, or of its owner, that is over for good.
_OVER = ("expired", "user_banned")
#: Seconds that an exchange may take; then another process may try. And between looks for its end.
_LEASE = 15.0
_LOOK = 0.2
#: Exchanges under way in this process at most.
_MOST_EXCHANGES = 50
#: Whoever gave no sign of life for so long is not asked about: their session ends by itself.
_THERE = timedelta(hours=1)

_PURPOSE = "session tokens"
_SYSTEM = System("sign-in")

log = structlog.get_logger()

#: One exchange a session: whoever needs its tokens meanwhile waits for the same.
_exchanges: dict[UUID, asyncio.Task[Tokens]] = {}


async def tokens_of(session_id: UUID, provider: PasswordProvider) -> Tokens:
    """The provider's tokens for a session, exchanged for fresh ones when they are about to end.

    The exchange goes on when whoever asked is gone: a refresh token works once, and what it brings
    has to be kept. Raises SignInRefused: `not_offered` when the session has none, `expired` or
    `user_banned` when it is over at the provider; ProviderUnavailable, TooMany.
    """
    async with begin(_SYSTEM) as connection:
        tokens = await read(connection, session_id)
    if tokens is None:
        raise SignInRefused("not_offered")
    if _is_fresh(tokens):
        return tokens
    exchange = _exchanges.get(session_id)
    if exchange is None:
        if len(_exchanges) >= _MOST_EXCHANGES:
            raise ProviderUnavailable
        exchange = asyncio.create_task(_exchange(session_id, provider))
        _exchanges[session_id] = exchange
        exchange.add_done_callback(partial(_forget, session_id))
    return await asyncio.shield(exchange)


@requires(Permission.SYSTEM)
async def refresh_due(actor: System, provider: PasswordProvider, most: int = 10) -> int:
    """Exchange tokens that have ended, so that what the provider ended ends here; how many.

    As often as access tokens live, then, and only while somebody is there. Raises what the provider
    says when it cannot be asked; nothing is ended by that.
    """
    session = staff_sessions.c
    async with begin(actor) as connection:
        due = (
            await connection.scalars(
                select(session.id)
                .where(
                    session.ended_at.is_(None),
                    session.awaits_second_factor.is_(False),
                    session.tokens_expire_at < func.now(),
                    session.last_seen_at > func.now() - _THERE,
                    session.tokens_leased_until.is_(None)
                    | (session.tokens_leased_until < func.now()),
                )
                .order_by(session.tokens_expire_at)
                .limit(most)
            )
        ).all()
    unclear: SignInRefused | None = None
    for session_id in due:
        try:
            await tokens_of(session_id, provider)
        except SignInRefused as refused:
            if refused.code not in _OVER:
                unclear = refused
    if unclear is not None:
        raise unclear
    return len(due)


async def read(connection: AsyncConnection, session_id: UUID) -> Tokens | None:
    """The tokens of an open session as they are. None: there are none, or none to be read."""
    query = select(staff_sessions.c.tokens, staff_sessions.c.tokens_expire_at).where(
        staff_sessions.c.id == session_id, staff_sessions.c.ended_at.is_(None)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.tokens is None:
        return None
    try:
        pair = json.loads(keys.decrypt(_PURPOSE, row.tokens))
    except keys.Undecipherable:
        # The installation's secret has been changed since: the person signs in again.
        log.warning("session_tokens.undecipherable")
        return None
    return Tokens(pair["access"], pair["refresh"], row.tokens_expire_at)


async def keep(connection: AsyncConnection, session_id: UUID, tokens: Tokens) -> None:
    """Put new tokens in place of a session's old ones; an exchange under way is void."""
    await connection.execute(
        update(staff_sessions)
        .where(staff_sessions.c.id == session_id)
        .values(tokens_leased_until=None, **columns(tokens))
    )


def columns(tokens: Tokens | None) -> dict[str, Any]:
    """The tokens as a session's row holds them."""
    if tokens is None:
        return {"tokens": None, "tokens_expire_at": None}
    pair = json.dumps({"access": tokens.access, "refresh": tokens.refresh})
    return {
        "tokens": keys.encrypt(_PURPOSE, pair.encode()),
        "tokens_expire_at": tokens.expires_at,
    }


async def _exchange(session_id: UUID, provider: PasswordProvider) -> Tokens:
    """Fresh tokens, from the provider or from the process that is asking it already.

    No transaction is open while the provider is asked: it may take its time.
    """
    for _ in range(round(_LEASE / _LOOK)):
        async with begin(_SYSTEM) as connection:
            lease = await _lease(connection, session_id)
            tokens = await read(connection, session_id)
            if tokens is None:
                raise SignInRefused("expired")
            if _is_fresh(tokens):
                await _release(connection, session_id, lease)
                return tokens
        if lease is not None:
            return await _ask(session_id, provider, tokens, lease)
        await asyncio.sleep(_LOOK)
    raise ProviderUnavailable


async def _lease(connection: AsyncConnection, session_id: UUID) -> datetime | None:
    """Take the exchange of a session's tokens upon this process; None when another has."""
    session = staff_sessions.c
    until: datetime | None = await connection.scalar(
        update(staff_sessions)
        .where(
            session.id == session_id,
            session.ended_at.is_(None),
            session.tokens_leased_until.is_(None) | (session.tokens_leased_until < func.now()),
        )
        .values(tokens_leased_until=func.now() + timedelta(seconds=_LEASE))
        .returning(session.tokens_leased_until)
    )
    return until


async def _ask(
    session_id: UUID, provider: PasswordProvider, old: Tokens, lease: datetime
) -> Tokens:
    """The exchange itself, and what comes of it."""
    over: SignInRefused | None = None
    try:
        async with asyncio.timeout(_LEASE):
            new = await provider.refresh(old)
    except SignInRefused as refused:
        if refused.code not in _OVER:
            await _give_up(session_id, lease)
            raise
        over = refused
    except TimeoutError:
        raise ProviderUnavailable from None
    except (ProviderUnavailable, TooMany):
        await _give_up(session_id, lease)
        raise
    async with begin(_SYSTEM) as connection:
        held = await connection.scalar(_held(session_id, lease).with_for_update())
        if held is None:
            # The session has ended, or a second factor has brought newer tokens meanwhile.
            current = await read(connection, session_id)
            if current is None:
                raise SignInRefused("expired")
            return current
        if over is None:
            await keep(connection, session_id, new)
            return new
        await _end(connection, session_id)
    raise over


def _held(session_id: UUID, lease: datetime) -> Select[tuple[UUID]]:
    """The session, while its tokens are those that were leased."""
    return select(staff_sessions.c.id).where(
        staff_sessions.c.id == session_id,
        staff_sessions.c.ended_at.is_(None),
        staff_sessions.c.tokens_leased_until == lease,
    )


async def _give_up(session_id: UUID, lease: datetime) -> None:
    async with begin(_SYSTEM) as connection:
        await _release(connection, session_id, lease)


async def _release(connection: AsyncConnection, session_id: UUID, lease: datetime | None) -> None:
    session = staff_sessions.c
    await connection.execute(
        update(staff_sessions)
        .where(session.id == session_id, session.tokens_leased_until == lease)
        .values(tokens_leased_until=None)
    )


def _is_fresh(tokens: Tokens) -> bool:
    return tokens.expires_at > datetime.now(UTC) + MARGIN


def _forget(session_id: UUID, exchange: asyncio.Task[Tokens]) -> None:
    del _exchanges[session_id]
    # Nobody may be waiting for it any more.
    if not exchange.cancelled() and (error := exchange.exception()) is not None:
        log.info("session_tokens.not_exchanged", error=type(error).__name__)


async def _end(connection: AsyncConnection, session_id: UUID) -> None:
    from services import sessions  # which stores tokens through this module

    await sessions.end(connection, session_id, "provider", by=None)
