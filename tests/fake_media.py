"""WhatsApp's side of files, with every fault that it and whoever stands between can have."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import httpx

BASE_URL = "https://graph.whatsapp.test"
VERSION = "v26.0"
TOKEN = "a token of the tests"


@dataclass
class Held:
    """A file that WhatsApp holds."""

    content: bytes
    media_type: str = "image/jpeg"
    sha256: str | None = None
    size: int | None = None
    #: Where it is said to lie.
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def hex_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def base64_digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


class FakeMedia(httpx.AsyncBaseTransport):
    """Answers requests, and remembers them with the token they carried."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        #: What the next requests get in place of an answer, first come first served.
        self.instead: list[httpx.Response | httpx.TransportError] = []
        self.requests: list[httpx.Request] = []

    def fail(self, *answers: httpx.Response | httpx.TransportError) -> None:
        self.instead += answers

    def paths(self) -> Iterable[str]:
        return [request.url.path for request in self.requests]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _streamed(refused(401, 190))
        if self.instead:
            answer = self.instead.pop(0)
            if isinstance(answer, httpx.TransportError):
                raise answer
            return _streamed(answer)
        media_id = request.url.path.rpartition("/")[2]
        held = self.held.get(media_id)
        if held is None:
            return _streamed(refused(400, 100, 33))
        if request.url.path.startswith(f"/{VERSION}/"):
            return _streamed(
                httpx.Response(
                    200,
                    json={
                        "messaging_product": "whatsapp",
                        "url": held.url or f"{BASE_URL}/files/{media_id}",
                        "mime_type": held.media_type,
                        "sha256": held.sha256 or hex_digest(held.content),
                        "file_size": str(held.size or len(held.content)),
                        "id": media_id,
                    },
                )
            )
        return httpx.Response(
            200,
            headers={"content-type": held.media_type, **held.headers},
            stream=_Body(held.content),
        )


def _streamed(answer: httpx.Response) -> httpx.Response:
    """Not read yet, as from a network."""
    return httpx.Response(answer.status_code, headers=answer.headers, stream=_Body(answer.content))


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), 65_536):
            yield self._content[start : start + 65_536]


def refused(status: int, code: int, subcode: int | None = None) -> httpx.Response:
    error = {"message": "no", "type": "OAuthException", "code": code, "error_subcode": subcode}
    return httpx.Response(status, json={"error": error})
