"""WhatsApp's side of sending: the Graph API over one HTTP client.

Every call tells apart what matters to whoever sends: WhatsApp said no (`GraphError`), the request
never left (`GraphUnreachable`), or nobody knows what became of it (`GraphUnanswered`).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from services.events import HELD, Held, Json

log = structlog.get_logger()

#: Seconds without a byte; and for the whole of a question, however slowly it drips.
_TIMEOUT = httpx.Timeout(30.0, connect=5.0, pool=5.0)
TOTAL = 40.0
TOTAL_OF_FILE = 120.0
#: A connection that was idle for longer may be closed by the other side at the moment we write,
#: and then nobody knows whether the message left.
_IDLE = 2.0
#: Bytes of an answer in JSON.
_MAX_ANSWER = 8 * 1024 * 1024
#: Pages of templates, 100 each.
_MAX_PAGES = 100
#: Where WhatsApp's files may lie, beside the host of the API itself.
_MEDIA_HOSTS = ("lookaside.fbsbx.com",)
_MEDIA_DOMAINS = (".fbcdn.net", ".fbsbx.com")

_TEMPLATE_FIELDS = (
    "id,name,language,status,category,correct_category,parameter_format,components,quality_score,"
    "rejected_reason"
)
_NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,status,name_status,throughput,"
    "messaging_limit_tier,platform_type,account_mode"
)


class GraphError(Exception):
    """WhatsApp said no. What its number means is said by `services.graph_errors`."""

    def __init__(
        self,
        code: int | None,
        subcode: int | None = None,
        details: str | None = None,
        http_status: int = 400,
        retry_after: float | None = None,
        *,
        title: str = "",
        is_transient: bool = False,
    ) -> None:
        # Details may quote a number, so they are in no text of the exception.
        super().__init__(f"{http_status} {code}")
        self.code = code
        self.subcode = subcode
        self.title = title
        self.details = details
        self.http_status = http_status
        #: Seconds that WhatsApp asks to wait.
        self.retry_after = retry_after
        self.is_transient = is_transient


class GraphUnanswered(Exception):
    """The request may have arrived, and what became of it is unknown."""


class GraphUnreachable(Exception):
    """The request never left."""


class DownloadRefused(Exception):
    """A file that is not fetched. `code`: `host`, `redirect`, `encoding`, `too_large`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Accepted:
    """WhatsApp took a message. It is not sent by that."""

    wamid: str
    #: What WhatsApp calls whom it goes to: digits, not always those that were asked for.
    wa_id: str | None
    bsuid: str | None
    #: It keeps it back for now.
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class MediaUrl:
    """Where a file can be fetched within five minutes, with the token."""

    url: str
    mime_type: str | None
    #: Hexadecimal or base64, as WhatsApp likes.
    sha256: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Downloaded:
    content: bytes
    #: As the server says.
    media_type: str | None


class Graph:
    """The API for one token. `base_url` is without the version, `phone_number_id` our number."""

    def __init__(
        self,
        base_url: str,
        version: str,
        token: str,
        *,
        phone_number_id: str,
        business_account_id: str,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self.phone_number_id = phone_number_id
        self.business_account_id = business_account_id
        self._base = f"{base_url}/{version}"
        own = urlsplit(base_url)
        self._origin = (own.scheme, own.netloc)
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._http = http or httpx.AsyncClient(
            timeout=_TIMEOUT,
            follow_redirects=False,
            # What is packed may unpack to anything.
            headers={"Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=40, keepalive_expiry=_IDLE),
        )

    async def send_message(self, phone_number_id: str, body: Json) -> Accepted:
        """Send one message: `body` is whole. Raises all three of this module's errors."""
        answer = await self._ask("POST", f"{phone_number_id}/messages", json=body)
        message = _first(answer, "messages")
        wamid = message.get("id")
        if not isinstance(wamid, str) or not 0 < len(wamid) <= 512:
            raise GraphUnanswered("an answer without an id")
        contact = _first(answer, "contacts")
        return Accepted(
            wamid,
            _text(contact.get("wa_id")),
            _text(contact.get("user_id")),
            _held(message.get("message_status")),
        )

    async def upload_media(
        self, phone_number_id: str, content: bytes, media_type: str, name: str
    ) -> str:
        """Hand WhatsApp a file; its id, which lives for 30 days."""
        answer = await self._ask(
            "POST",
            f"{phone_number_id}/media",
            total=TOTAL_OF_FILE,
            data={"messaging_product": "whatsapp", "type": media_type},
            files={"file": (name, content, media_type)},
        )
        if (media_id := _text(answer.get("id"))) is None:
            raise GraphUnanswered("an answer without an id")
        return media_id

    async def media_url(self, media_id: str) -> MediaUrl:
        """Where a file that came with a message lies for the next five minutes."""
        answer = await self._ask("GET", media_id)
        if (url := _text(answer.get("url"))) is None:
            raise GraphUnanswered("an answer without an address")
        return MediaUrl(
            url,
            _text(answer.get("mime_type")),
            _text(answer.get("sha256")),
            _size(answer.get("file_size")),
        )

    async def download(self, url: str, cap: int) -> Downloaded:
        """A file of at most `cap` bytes. The token goes to WhatsApp's hosts and nowhere else.

        Raises DownloadRefused, GraphError for any answer but 200, and the other two.
        """
        if not self._may_fetch(url):
            raise DownloadRefused("host")
        async with self._asking("GET", url, TOTAL_OF_FILE) as response:
            if response.is_redirect:
                raise DownloadRefused("redirect")
            if response.status_code != 200:
                raise _error_of(response, await _json(response))
            content = await _content(response, cap)
            return Downloaded(content, response.headers.get("content-type"))

    async def templates(self) -> list[Json]:
        """Every template of the account, as WhatsApp describes it."""
        return [template async for page in self.template_pages() for template in page]

    async def template_pages(self) -> AsyncIterator[list[Json]]:
        """The same, some at a time."""
        after: str | None = None
        for _ in range(_MAX_PAGES):
            params = {"fields": _TEMPLATE_FIELDS, "limit": "100"}
            if after is not None:
                params["after"] = after
            path = f"{self.business_account_id}/message_templates"
            answer = await self._ask("GET", path, params=params)
            listed = answer.get("data")
            if not isinstance(listed, list):
                raise GraphUnanswered("an answer without a list")
            yield [template for template in listed if isinstance(template, dict)]
            paging = _mapping(answer.get("paging"))
            after = _text(_mapping(paging.get("cursors")).get("after"))
            if after is None or not listed or not paging.get("next"):
                return

    async def phone_number(self, phone_number_id: str | None = None) -> Mapping[str, Any]:
        """How WhatsApp sees our number: quality, limits, state. That it answers shows that the
        token is good."""
        path = phone_number_id or self.phone_number_id
        return await self._ask("GET", path, params={"fields": _NUMBER_FIELDS})

    async def mark_read(
        self, wamid: str, typing: bool = False, *, phone_number_id: str | None = None
    ) -> None:
        """Show the person that this message and those before were read; that we are writing."""
        body: Json = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if typing:
            body["typing_indicator"] = {"type": "text"}
        await self._ask("POST", f"{phone_number_id or self.phone_number_id}/messages", json=body)

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(
        self, method: str, path: str, *, total: float = TOTAL, **what: Any
    ) -> Mapping[str, Any]:
        async with self._asking(method, f"{self._base}/{path}", total, **what) as response:
            answer = await _json(response)
            # An error is an error, whatever status it comes with.
            if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
                raise _error_of(response, answer)
            if 200 <= response.status_code < 300:
                if not isinstance(answer, dict):
                    raise GraphUnanswered("an answer that cannot be read")
                return answer
            if response.status_code >= 500:
                # A gateway's word: what is behind it may have done its work.
                raise GraphUnanswered(f"{response.status_code} without an error")
            raise _error_of(response, answer)

    @asynccontextmanager
    async def _asking(
        self, method: str, url: str, total: float, **what: Any
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with (
                asyncio.timeout(total),
                self._http.stream(method, url, headers=self._authorization, **what) as response,
            ):
                yield response
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise GraphUnreachable(type(error).__name__) from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise GraphUnanswered(type(error).__name__) from None

    def _may_fetch(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            httpx.URL(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except (ValueError, httpx.InvalidURL):
            return False
        if "@" in parts.netloc:
            return False
        if (parts.scheme, parts.netloc) == self._origin:
            return True
        is_whatsapps = host in _MEDIA_HOSTS or host.endswith(_MEDIA_DOMAINS)
        return parts.scheme == "https" and is_whatsapps and port in (None, 443)


async def _content(response: httpx.Response, cap: int) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise DownloadRefused("encoding")
    declared = response.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > cap:
        raise DownloadRefused("too_large")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > cap:
            raise DownloadRefused("too_large")
    return bytes(content)


async def _json(response: httpx.Response) -> Any:
    """The answer, or None where it is no JSON of a sensible size."""
    try:
        return json.loads(await _content(response, _MAX_ANSWER))
    except (ValueError, RecursionError, DownloadRefused):
        return None


def _error_of(response: httpx.Response, answer: Any) -> GraphError:
    error = _mapping(_mapping(answer).get("error"))
    data = error.get("error_data")
    details = data if isinstance(data, str) else _mapping(data).get("details")
    found = GraphError(
        _number(error.get("code")),
        _number(error.get("error_subcode")),
        _text(details),
        response.status_code,
        _seconds(response.headers.get("retry-after")),
        title=_text(error.get("message")) or "",
        is_transient=error.get("is_transient") is True,
    )
    log.warning(
        "graph.refused",
        status=response.status_code,
        code=found.code,
        subcode=found.subcode,
        trace=_text(error.get("fbtrace_id")),
    )
    return found


def _held(told: Any) -> Held | None:
    """A word that nobody knows means what 200 means: accepted, and no more."""
    held = next((known for known in HELD if known == told), None)
    if held is None and told not in (None, "accepted"):
        log.warning("graph.unheard_of_message_status", status=_text(told))
    return held


def _first(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    listed = answer.get(name)
    return _mapping(listed[0]) if isinstance(listed, list) and listed else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    """A text that can be stored, cut where it is longer than any that means something."""
    if not isinstance(value, str) or not value:
        return None
    return value.replace("\0", "").encode("utf-8", "replace").decode()[:2000]


def _number(value: Any) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    return value if usable else None


def _size(value: Any) -> int | None:
    """Bytes, as a number or as its digits."""
    digits = str(value) if isinstance(value, int | str) else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None


def _seconds(value: str | None) -> float | None:
    """`Retry-After` in seconds; dates and nonsense are left out."""
    usable = value is not None and value.isascii() and value.isdigit() and len(value) < 6
    return float(value) if usable and value else None
