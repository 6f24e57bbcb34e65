"""What every answer carries, whoever gives it: pages, files, errors, and the one to a bug.

Some headers are the answer's own affair and stay as it set them (a page's content policy); what it
does not say is shut. Starlette answers to an unhandled exception outside of all middleware, so that
answer is given here, in front of it.
"""

import json

import structlog
from psycopg import OperationalError as PsycopgTrouble
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.logs import App, Message, Receive, Scope, Send

log = structlog.get_logger()

#: A client's page looks at the list it was opened from, so our own pages tell each other where one
#: comes from; nobody else hears it.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
}
#: Of whatever is no page: nothing in it runs, shows or sends anything.
_SHUT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#: A year, as browsers' lists of such sites want it.
_HTTPS_ONLY = "max-age=31536000; includeSubDomains"
#: The same for everybody, and cached as their own answers say. Of the rest no copy is kept.
_FILES = ("/static/", "/_nicegui/", "/favicon.ico")

_Headers = list[tuple[bytes, bytes]]


#: What an absent, restarting or overwhelmed database looks like.
_TROUBLE = (OperationalError, InterfaceError, PoolTimeout, PsycopgTrouble, ConnectionError)


def is_trouble(error: BaseException) -> bool:
    """Whether the database is to blame, so that trying again soon may help."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, _TROUBLE)


class SecureAnswers:
    """ASGI middleware. `https`: browsers reach the app under https, and then must always do so.

    Plain ASGI that reads nothing, because every delivery passes through it.
    """

    def __init__(self, app: App, *, https: bool) -> None:
        self.app = app
        always = dict(SECURITY_HEADERS)
        if https:
            always["Strict-Transport-Security"] = _HTTPS_ONLY
        always["Content-Security-Policy"] = _SHUT
        self._files = _raw(always)
        self._all_else = _raw({**always, "Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        wanted = self._files if path.startswith(_FILES) else self._all_else
        has_begun = False

        async def answer(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                said = list(message.get("headers", ()))
                names = {name.lower() for name, _ in said}
                message["headers"] = said + [one for one in wanted if one[0] not in names]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if has_begun:
                raise
            if not is_trouble(error):
                await _apologise(answer, path, 500)
                raise  # the server logs it
            log.warning("request.unavailable", error=type(error).__name__)
            await _apologise(answer, path, 503)


def _raw(headers: dict[str, str]) -> _Headers:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_WORDS = {
    500: ("internal_error", "Something broke on our side. Algo ha fallado por nuestra parte."),
    503: ("unavailable", "Try again in a moment. Inténtalo de nuevo en un momento."),
}


async def _apologise(send: Send, path: str, status: int) -> None:
    """The last resort: says nothing of what happened."""
    code, words = _WORDS[status]
    if path.startswith("/api/"):
        kind, body = "application/json", json.dumps({"error": {"code": code, "message": words}})
    else:
        kind, body = "text/plain; charset=utf-8", f"{words}\n"
    content = body.encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(content)).encode()),
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
