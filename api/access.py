"""Who may ask the API, and how often: what happens to every request before it is looked at."""

from collections.abc import Mapping
from typing import Annotated, cast

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import internal, problem, told
from services import audit, limits
from services.actors import Actor, Outsider, Staff, System
from services.errors import TooMany
from services.file_types import MAX_FILE_BYTES
from services.imports.files import MAX_BYTES as MAX_IMPORT
from services.tokens import InvalidToken, Tokens

log = structlog.get_logger()

#: Bytes of a body: of JSON, and of a form with a file.
MAX_BODY = 1024 * 1024
MAX_FORM = MAX_FILE_BYTES + MAX_BODY
#: Seconds in which requests are counted.
WINDOW = 60
#: Requests with no valid token, by address.
FAILURES = limits.Limit("api.failures", 30, WINDOW)
#: Of those, what is told to the audit log in a window, of all addresses together.
TOLD = limits.Limit("api.failures.told", 60, WINDOW)

#: An answer is about people: nobody keeps it, and no browser makes anything else of it.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}

_bearer = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    auto_error=False,
    description="The access token of a Supabase user, or the service role key. In mock mode, ask"
    " `POST /mock-auth` for one.",
)


def _actor(request: Request, _: Annotated[object, Depends(_bearer)]) -> Actor:
    return cast(Actor, request.state.actor)


#: A parameter of this type is who asks.
Acting = Annotated[Actor, Depends(_actor)]


class Guard:
    """The ASGI middleware in front of every endpoint below `/api`.

    Asks who the token belongs to, counts the request, and lets no body grow beyond its limit. What
    lies elsewhere (`/mock-auth`) needs no token.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, requests_per_minute: int) -> None:
        self._app = app
        self._tokens = tokens
        self._limit = limits.Limit("api", requests_per_minute, WINDOW)
        self._policy = {"RateLimit-Policy": f'"minute";q={requests_per_minute};w={WINDOW}'}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a lifespan or a socket: there are none
            return
        most = _most(scope)
        counted: dict[str, str] = {}
        started = finished = False

        async def answer(message: Message) -> None:
            nonlocal started, finished
            if message["type"] == "http.response.body":
                finished = not message.get("more_body", False)
            elif message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in (_HEADERS | counted).items():
                    headers[name] = value
            await send(message)

        try:
            if scope["path"].startswith("/api"):
                counted.update(self._policy)
                actor = await self._authenticate(scope)
                counted.update(await self._count(actor))
                scope.setdefault("state", {})["actor"] = actor
            if _declared(scope) > most:
                raise HTTPException(413)
            await self._app(scope, _capped(receive, most), answer)
        except Exception as error:
            if finished:
                return  # answered and logged; the framework raises it again for the server
            if started:
                raise
            response = _told(error)
            if isinstance(error, TooMany):
                counted["RateLimit"] = _standing(0, error.retry_after)
            await response(scope, receive, answer)

    async def _authenticate(self, scope: Scope) -> Actor:
        try:
            return await self._tokens.actor_of(_token(scope))
        except InvalidToken as error:
            log.warning("api.unauthenticated", reason=error.reason)
            client = scope.get("client")
            standing = await limits.hit(FAILURES, limits.by_address(client[0] if client else None))
            await _tell_refused(error.reason, FAILURES.most - standing.left)
            raise

    async def _count(self, actor: Actor) -> Mapping[str, str]:
        person = actor.user_id if isinstance(actor, Staff | Outsider) else "service"
        standing = await limits.hit(self._limit, str(person))
        return {"RateLimit": _standing(standing.left, standing.seconds)}


async def _tell_refused(reason: str, attempts: int) -> None:
    """Audit the first token of a window that an address was refused with, and the last counted."""
    if attempts not in (1, FAILURES.most):
        return
    try:
        await limits.hit(TOLD, "all")
    except TooMany:
        return  # from so many addresses at once that each would only fill the log
    details = {"reason": reason, "attempts": attempts}
    await audit.record_alone(System("api"), "refuse", details=details)


def _told(error: Exception) -> ASGIApp:
    if isinstance(error, HTTPException):
        return problem(error.status_code)
    return told(error) or internal(error)


def _standing(left: int, seconds: float) -> str:
    return f'"minute";r={left};t={max(round(seconds), 0)}'


def _token(scope: Scope) -> str:
    given = Headers(scope=scope).getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("missing")
    return token.strip()


def _most(scope: Scope) -> int:
    kind = Headers(scope=scope).get("content-type", "").lower()
    if scope["method"] != "POST" or not kind.startswith("multipart/form-data"):
        return MAX_BODY
    return next((most for end, most in _FORMS.items() if scope["path"].endswith(end)), MAX_BODY)


#: Ends of the paths that take files, and how large a form may be there.
_FORMS = {"/documents": MAX_FORM, "/imports": MAX_IMPORT + MAX_BODY}


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _capped(receive: Receive, most: int) -> Receive:
    """Says 413 in the middle of a body that grows too large without having said so."""
    size = 0

    async def capped() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise HTTPException(413)
        return message

    return capped
