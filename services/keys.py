"""What the installation's own secret is good for: digests that only it can make, and encryption.

Each purpose has a key of its own, derived from `SESSION_SECRET`; the composition root says it once.
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12

_secret: bytes | None = None


class Undecipherable(Exception):
    """Not encrypted with this installation's secret, or altered since."""


def use_secret(secret: str) -> None:
    """Derive every key of this process from `secret`."""
    global _secret
    _secret = secret.encode()


def digest(purpose: str, value: str) -> bytes:
    """32 bytes that stand for `value` and that nobody without the secret can find by trying."""
    return hmac.digest(_key(purpose), value.encode(), "sha256")


def encrypt(purpose: str, plain: bytes) -> bytes:
    """AES-256-GCM: 12 bytes of nonce, then the ciphertext with its tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_key(purpose)).encrypt(nonce, plain, purpose.encode())


def decrypt(purpose: str, sealed: bytes) -> bytes:
    """The reverse of `encrypt`. Raises Undecipherable."""
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(_key(purpose)).decrypt(nonce, ciphertext, purpose.encode())
    except (InvalidTag, ValueError):
        raise Undecipherable from None


def _key(purpose: str) -> bytes:
    if _secret is None:
        raise RuntimeError("the secret has not been set")
    return hmac.digest(_secret, b"acogida " + purpose.encode(), hashlib.sha256)
