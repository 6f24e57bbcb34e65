"""The JSON API as a whole, and where it meets the root app.

It is an app of its own, so that every error below `/api`, an unknown address included, is answered
in one shape, and nothing that the API does reaches the pages.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api import analytics, audit_log, clients, mock_auth
from api.access import Guard
from api.problems import handle_problems
from services.tokens import LocalTokens, Tokens

#: What the API answers, found or not.
PREFIXES = ("/api", "/mock-auth")


def add_api(
    app: FastAPI,
    *,
    tokens: Tokens,
    requests_per_minute: int,
    mock: LocalTokens | None = None,
    more: Sequence[APIRouter] = (),
) -> None:
    """Put the API on the root app, before the pages, which answer what is left.

    `mock` hands out tokens at `/mock-auth`; without it that is a 404. `more` are routers of other
    modules below `/api`; their errors are told in the same way. The root app's OpenAPI document
    tells of it all.
    """
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for router in (clients.router(), audit_log.router(), analytics.router(), *more):
        api.include_router(router)
    if mock is not None:
        api.include_router(mock_auth.router(mock))
    handle_problems(api)
    app.router.routes.append(_Below(PREFIXES, Guard(api, tokens, requests_per_minute)))
    _document_with(app, api)


class _Below(BaseRoute):
    """Hands everything below some paths on, whole: unlike a mount, it cuts nothing off the path."""

    def __init__(self, prefixes: Sequence[str], app: Guard) -> None:
        self._prefixes = prefixes
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path = scope["path"]
        ours = any(path == p or path.startswith(f"{p}/") for p in self._prefixes)
        return (Match.FULL if ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _document_with(app: FastAPI, api: FastAPI) -> None:
    """Let the root app's OpenAPI document hold the API's paths and schemas, too."""
    own = app.openapi

    def document() -> dict[str, Any]:
        described, added = own(), api.openapi()
        parts = {**described.get("components", {})}
        for kind, named in added.get("components", {}).items():
            parts[kind] = {**parts.get(kind, {}), **named}
        paths = {**added["paths"], **described["paths"]}
        return {**described, "paths": paths, "components": parts}

    app.openapi = document  # type: ignore[method-assign]
