"""What Supabase Auth's errors mean here.

Newer servers say {"code": "...", "message": "..."} when asked for this version, older ones
{"code": 400, "error_code": "...", "msg": "..."}; gateways in front of them say anything at all.
"""

from typing import Any

import httpx
import structlog

from services.adapters.identity import ProviderUnavailable, SignInRefused
from services.errors import TooMany

API_VERSION = "2024-01-01"

#: Seconds until one may try again where Supabase does not say.
_RETRY_AFTER = 60.0
_REFUSALS = {
    "bad_code_verifier": "mismatch",
    "bad_jwt": "expired",
    "bad_oauth_state": "mismatch",
    "email_exists": "exists",
    "email_not_confirmed": "email_not_confirmed",
    "flow_state_expired": "expired",
    "flow_state_not_found": "expired",
    "insufficient_aal": "second_factor_required",
    "invalid_credentials": "invalid_credentials",
    "mfa_challenge_expired": "wrong_code",
    "mfa_factor_not_found": "refused",
    "mfa_verification_failed": "wrong_code",
    "mfa_verification_rejected": "wrong_code",
    "no_authorization": "expired",
    "otp_expired": "expired",
    "provider_email_needs_verification": "email_not_confirmed",
    "reauthentication_needed": "sign_in_again",
    "refresh_token_already_used": "expired",
    "refresh_token_not_found": "expired",
    "same_password": "same_password",
    "session_expired": "expired",
    "session_not_found": "expired",
    "signup_disabled": "not_staff",
    "user_banned": "user_banned",
    "user_already_exists": "exists",
    "user_not_found": "expired",
    "weak_password": "weak_password",
}

log = structlog.get_logger()


def refusal(code: str) -> str | None:
    """Our word for one of Supabase's codes, if it is a refusal that we know."""
    return _REFUSALS.get(code)


def raise_for(response: httpx.Response) -> None:
    """Raise what an answer means unless it is a success.

    SignInRefused, TooMany, or ProviderUnavailable for everything that is not Supabase's own word.
    """
    if response.is_success:
        return
    code = _code_of(response)
    if response.status_code == 429:
        raise TooMany(_retry_after(response))
    if response.status_code >= 500 or code is None:
        # Among them a key that the gateway does not know: nothing that the person could mend.
        log.error("supabase.unavailable", status=response.status_code)
        raise ProviderUnavailable
    known = refusal(code)
    if known is None:
        log.warning("supabase.refused", status=response.status_code, code=code)
    raise SignInRefused(known or "refused")


def _code_of(response: httpx.Response) -> str | None:
    try:
        body: Any = response.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    for name in ("error_code", "code"):
        if isinstance(body.get(name), str):
            return str(body[name])[:60]
    return None


def _retry_after(response: httpx.Response) -> float:
    try:
        return max(1.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return _RETRY_AFTER
