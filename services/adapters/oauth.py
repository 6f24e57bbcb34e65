"""Authlib, as every identity provider here uses it: its registry, and what its calls may raise."""

import functools
import logging
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import structlog
from authlib.deprecate import AuthlibDeprecationWarning

from services.adapters.identity import ProviderUnavailable

# Authlib works with httpx and would rather have its successor; it says so at every import, and
# `-W ignore` does not reach it.
warnings.simplefilter("ignore", AuthlibDeprecationWarning)

from authlib.integrations.starlette_client import OAuth, OAuthError  # noqa: E402

# It would write verifiers into a log that is kept in detail.
logging.getLogger("authlib").setLevel(logging.INFO)

#: Seconds for a provider to answer.
TIMEOUT = 10.0

log = structlog.get_logger()


def http_options(given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How Authlib's HTTP clients are made: it makes one for each call."""
    return {"timeout": TIMEOUT, "verify": _trust(), **(given or {})}


@asynccontextmanager
async def reaching(provider: str) -> AsyncIterator[None]:
    """Turn every way in which a provider fails to answer as itself into ProviderUnavailable."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # Addresses and bodies stay out of it: they hold tokens.
        log.warning("sign_in.provider_unavailable", provider=provider, error=type(error).__name__)
        raise ProviderUnavailable from None


@functools.cache
def _trust() -> ssl.SSLContext:
    # Reading all certificates again for each call would hold the loop up.
    return httpx.create_ssl_context()


__all__ = ["OAuth", "OAuthError", "http_options", "reaching"]
