"""Under which names the app answers; under any other it says 421, Misdirected Request.

Mock mode lets anybody in, so it answers only under the names of this machine. Listening on the
loopback interface is not enough: a tunnel, or a name that somebody points at 127.0.0.1, reaches
that too, and is given away by the host it asks for.

Real mode answers under its public name, so that a name that somebody else points at it gets no
pages of ours. Health checks ask by address, and learn nothing there.
"""

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from urllib.parse import urlsplit

from services.logs import App, Receive, Scope, Send
from services.settings_rules import is_loopback

_PORT = re.compile(rb":\d{1,5}\Z")
#: A tunnel that puts its own Host in place of the visitor's says so in the second.
_HEADERS = (b"host", b"x-forwarded-host")
_MISDIRECTED = 421
_POLICY_VIOLATION = 1008
_HEALTH = ("/health", "/ready")


class _KnownHosts(ABC):
    """ASGI middleware: a request for another host is refused with 421.

    A WebSocket is closed before it opens, which the server turns into 403.
    """

    reason: bytes

    def __init__(self, app: App) -> None:
        self.app = app

    @abstractmethod
    def answers(self, scope: Scope) -> bool:
        """Whether the app answers under the name that a request asks for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self.answers(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            headers = [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(self.reason)).encode()),
            ]
            await send({"type": "http.response.start", "status": _MISDIRECTED, "headers": headers})
            await send({"type": "http.response.body", "body": self.reason})


class LoopbackOnly(_KnownHosts):
    """For mock mode: this machine, by any of its names."""

    reason = b"Mock mode answers only on this machine, as localhost or 127.0.0.1.\n"

    def answers(self, scope: Scope) -> bool:
        return _is_local(scope)


class PublicHostOnly(_KnownHosts):
    """For real mode: the host of `public_url`, by whatever port."""

    reason = b"This is not the app's address. A proxy in front has to pass Host on unchanged.\n"

    def __init__(self, app: App, public_url: str) -> None:
        super().__init__(app)
        # As browsers write it: ASCII, whatever the letters.
        self._host = (urlsplit(public_url).hostname or "").encode("idna")

    def answers(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["path"] in _HEALTH:
            return True
        asked = [_host(value).strip(b"[]") for name, value in scope["headers"] if name == b"host"]
        return asked == [self._host]


def _is_local(scope: Scope) -> bool:
    hosts = [(name, value) for name, value in scope["headers"] if name in _HEADERS]
    return any(name == b"host" for name, _ in hosts) and all(_names_us(value) for _, value in hosts)


@lru_cache(maxsize=64)
def _names_us(value: bytes) -> bool:
    return is_loopback(_host(value).decode("latin-1"))


def _host(value: bytes) -> bytes:
    """A Host without its port."""
    return _PORT.sub(b"", value.lower())
