"""Tokens as Supabase gives them, and a server that publishes the keys behind them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey
from joserfc.jws import JWSRegistry

from api.reference import Allowed, add_reference
from api.routes import add_api
from services.actors import Staff
from services.tokens import LocalTokens, Tokens, Verifier

ISSUER = "https://project.supabase.example/auth/v1"
LEGACY_SECRET = "the legacy secret of the project, as long as they are"
SERVICE_KEY = "sb_secret_of_the_tests_0123456789"


def claims_of(user_id: UUID | str | None, **changed: Any) -> dict[str, Any]:
    """The claims of an access token that is right in every way; a change to None removes one."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": None if user_id is None else str(user_id),
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now,
        "email": "somebody@example.org",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"], "role": "admin"},
        "user_metadata": {"role": "admin"},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": "0d6c0f5a-8b11-4f57-9f39-6f1a1c2e7d0b",
        "is_anonymous": False,
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def mint(claims: Mapping[str, Any], key: Key, algorithm: str, **header: Any) -> str:
    """A token with these claims, signed; with the key's id in its header where it has one."""
    named = {"alg": algorithm} | ({"kid": key.kid} if key.kid else {}) | header
    return jwt.encode(
        {name: value for name, value in named.items() if value is not None},
        dict(claims),
        key,
        registry=_signing(algorithm),
    )


def legacy(user_id: UUID | str | None, **changed: Any) -> str:
    """A token of a project that signs with the shared secret."""
    return mint(claims_of(user_id, **changed), OctKey.import_key(LEGACY_SECRET), "HS256")


def new_key() -> ECKey:
    """A signing key of today's projects."""
    return ECKey.generate_key("P-256", auto_kid=True)


def _signing(algorithm: str) -> JWSRegistry:
    registry = JWSRegistry(algorithms=[algorithm])
    known = JWSRegistry.algorithms[algorithm]
    quiet = type(known).__new__(type(known))
    quiet.__dict__.update(known.__dict__, security_warning="")
    registry.algorithms = {algorithm: quiet}
    return registry


class KeyServer:
    """`/auth/v1/.well-known/jwks.json` over HTTP, with the ways in which it can fail."""

    def __init__(self, *keys: Key) -> None:
        self.keys: list[Key] = list(keys)
        #: Requests so far.
        self.asked = 0
        self.status = 200
        #: In place of the key set.
        self.body: bytes | None = None
        self.delay = 0.0
        self.url = ""
        self.tasks: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.tasks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await asyncio.sleep(self.delay)
            public = {"keys": [key.as_dict(private=False) for key in self.keys]}
            body = json.dumps(public).encode() if self.body is None else self.body
            head = (
                f"HTTP/1.1 {self.status} x\r\ncontent-type: application/json\r\n"
                f"cache-control: max-age=600\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except asyncio.CancelledError:
            pass  # the test is over while this one still dawdles
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def published(*keys: Key) -> AsyncIterator[KeyServer]:
    """A key server on this machine."""
    key_server = KeyServer(*keys)
    server = await asyncio.start_server(key_server.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    key_server.url = f"http://127.0.0.1:{port}/auth/v1/.well-known/jwks.json"
    async with server:
        yield key_server
        for task in key_server.tasks:
            task.cancel()
        await asyncio.gather(*key_server.tasks, return_exceptions=True)


def staff_token(staff: Staff) -> str:
    """A right token of a member of staff."""
    return legacy(staff.user_id)


def api_app(
    *,
    tokens: Tokens | None = None,
    requests_per_minute: int = 100_000,
    mock: LocalTokens | None = None,
    allowed: Allowed | None = None,
) -> FastAPI:
    """A root app with the API on it, as `main` puts it there."""
    verifier = Verifier(ISSUER, jwt_secret=LEGACY_SECRET, jwks_url="")
    app = FastAPI(title="Acogida", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    add_api(
        app,
        tokens=tokens or Tokens(verifier, service_key=SERVICE_KEY),
        requests_per_minute=requests_per_minute,
        mock=mock,
    )
    add_reference(app, allowed=allowed)
    return app


@asynccontextmanager
async def calling(
    app: FastAPI, token: str | None = None, *, address: str = "203.0.113.7"
) -> AsyncIterator[httpx.AsyncClient]:
    """A program that asks this app, with a token if it has one."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://app", headers=headers
    ) as client:
        yield client
