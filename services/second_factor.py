"""The second factor of a session: giving its code, setting one up, and letting go of it.

Supabase keeps the secrets and checks the codes. Here is decided which session may do what: one
that opens nothing yet may give a code, and may set a factor up only while there is none, or whoever
knows a password could add a factor of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from db.engine import begin
from services import audit, limits, session_tokens, sessions, staff_identities
from services.actors import System
from services.adapters.identity import (
    Enrolment,
    Factor,
    PasswordProvider,
    Proof,
    ProviderUnavailable,
    SignInRefused,
    Tokens,
)
from services.errors import TooMany
from services.limits import Limit
from services.sessions import Browser, Opened, Session

#: As authenticator apps show it beside the code.
ISSUER = "Acogida"
#: A code is good for some thirty seconds around its own, and is taken once.
_USED_CODE = Limit("second_factor.code", 1, 120)
_SYSTEM = System("sign-in")


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """What the account page shows of second factors."""

    #: Whether whoever signed this person in keeps second factors here at all.
    offered: bool
    #: Whether the last one has to stay.
    required: bool
    factors: list[Factor] = field(default_factory=list)


async def give_code(
    provider: PasswordProvider, session: Session, code: str, browser: Browser
) -> Opened:
    """The second factor of a session that awaits it: it goes on under a new token."""
    if not session.awaits_second_factor or session.must_enrol:
        raise SignInRefused("expired")
    tokens = await session_tokens.tokens_of(session.id, provider)
    factors = await provider.factors(tokens)
    proof = await _verify(provider, session, tokens, [factor.id for factor in factors], code)
    return await _raise_assurance(session, proof, browser, "sign_in")


async def enrol(provider: PasswordProvider, session: Session) -> Enrolment:
    """Begin to set a second factor up."""
    tokens = await _tokens_to_change(provider, session)
    return await provider.enrol(tokens, ISSUER)


async def confirm(
    provider: PasswordProvider, session: Session, factor_id: str, code: str, browser: Browser
) -> Opened:
    """The first code of a factor that is being set up. Sessions without one are over with it."""
    tokens = await _tokens_to_change(provider, session)
    proof = await _verify(provider, session, tokens, [factor_id], code)
    return await _raise_assurance(session, proof, browser, "add_second_factor")


async def remove(
    provider: PasswordProvider, session: Session, factor_id: str, code: str, *, required: bool
) -> None:
    """Forget a second factor, against a code of it."""
    if session.awaits_second_factor:
        raise SignInRefused("second_factor_required")
    tokens = await session_tokens.tokens_of(session.id, provider)
    ids = [factor.id for factor in await provider.factors(tokens)]
    if factor_id not in ids:
        raise SignInRefused("refused")
    if required and len(ids) == 1:
        raise SignInRefused("second_factor_required")
    proof = await _verify(provider, session, tokens, [factor_id], code)
    tokens = proof.tokens or tokens
    async with begin(_SYSTEM) as connection:
        await session_tokens.keep(connection, session.id, tokens)
    await provider.remove_factor(tokens, factor_id)
    async with begin(_SYSTEM) as connection:
        await staff_identities.note_second_factor(connection, session.staff_id, len(ids) > 1)
        await audit.record(
            connection,
            "remove_second_factor",
            table="staff",
            row=session.staff_id,
            details={"factor": factor_id, "provider": session.provider},
        )


async def _tokens_to_change(provider: PasswordProvider, session: Session) -> Tokens:
    """The tokens of a session that may set a factor up."""
    if session.awaits_second_factor and not session.must_enrol:
        raise SignInRefused("second_factor_required")
    tokens = await session_tokens.tokens_of(session.id, provider)
    # Asked afresh: one may have been set up elsewhere since this session was opened.
    if session.assurance == 1 and await provider.factors(tokens):
        raise SignInRefused("second_factor_required")
    return tokens


async def _verify(
    provider: PasswordProvider,
    session: Session,
    tokens: Tokens,
    factor_ids: Sequence[str],
    code: str,
) -> Proof:
    """Check a code against each factor, as often as the limit has it. Each code counts once."""
    code = code.replace(" ", "")
    person = str(session.staff_id)
    # Counted before it is checked: guesses made at the same moment count too.
    await limits.hit(limits.SECOND_FACTOR, person)
    if len(code) == 6 and code.isascii() and code.isdigit():
        try:
            await limits.hit(_USED_CODE, f"{person} {code}")
        except TooMany:
            await _refuse(session)
        for factor_id in factor_ids:
            try:
                proof = await provider.verify(tokens, factor_id, code)
            except SignInRefused as refused:
                if refused.code != "wrong_code":
                    raise
            except ProviderUnavailable:
                # Nothing was tried.
                await limits.forget(_USED_CODE, f"{person} {code}")
                raise
            else:
                await limits.forget(limits.SECOND_FACTOR, person)
                return proof
    return await _refuse(session)


async def _refuse(session: Session) -> Proof:
    details = {"reason": "wrong_code", "provider": session.provider}
    await audit.record_alone(
        _SYSTEM, "refuse", table="staff", row=session.staff_id, details=details
    )
    raise SignInRefused("wrong_code")


async def _raise_assurance(session: Session, proof: Proof, browser: Browser, action: str) -> Opened:
    if proof.tokens is None:
        raise ProviderUnavailable
    async with begin(_SYSTEM) as connection:
        opened = await sessions.rotate(connection, session, browser, proof.tokens)
        if opened is not None:
            # Supabase ends the sessions that lack the second factor; so it goes here.
            await sessions.end_unassured(connection, session.staff_id, session.provider)
            await staff_identities.note_second_factor(connection, session.staff_id, True)
            details = {"provider": session.provider, "second_factor": True}
            await audit.record(
                connection, action, table="staff", row=session.staff_id, details=details
            )
    if opened is None:
        raise SignInRefused("expired")
    return opened
