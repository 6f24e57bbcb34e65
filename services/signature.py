"""The signature that WhatsApp puts on a delivery: HMAC-SHA256 of the body, keyed by the app secret.

It covers the bytes as they were on the wire. JSON that was parsed and written again has other
bytes (escapes, spaces) and fails for the first accent in it.
"""

import hmac
import re
from collections.abc import Sequence

#: The request header, lower case, that carries the signature.
HEADER = "x-hub-signature-256"

_SHAPE = re.compile(rb"sha256=[0-9a-f]{64}")


def sign(secret: str, body: bytes) -> str:
    """Return the header value for `body`. ValueError without a secret: anybody could sign so."""
    if not secret:
        raise ValueError("a signature needs a secret")
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"


def is_valid(secrets: Sequence[str], body: bytes, header: bytes | str | None) -> bool:
    """Say whether one of `secrets` signed `body`. Several stand while a secret is being rotated.

    Anything may be in `header`; what is not exactly a signature is False, never an error. The
    time taken tells nothing about the secrets. Empty secrets sign nothing.
    """
    if header is None:
        return False
    given = header.encode(errors="replace") if isinstance(header, str) else header
    if not _SHAPE.fullmatch(given):
        return False
    # All are compared: stopping at the first match would tell which secret it was.
    matches = [
        hmac.compare_digest(sign(secret, body).encode(), given) for secret in secrets if secret
    ]
    return any(matches)
