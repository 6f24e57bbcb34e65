"""What a page of NiceGUI may run and load: nothing that this server did not write into it.

Every page gets a nonce of its own, put on each script that NiceGUI wrote; one that came in with
somebody's words has none, and neither has an `onerror`. `'unsafe-eval'` stays because NiceGUI
compiles its templates in the browser, and inline styles because Quasar writes them.
"""

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

_POLICY = (
    "default-src 'self'; script-src 'self' {scripts}'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self'; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "frame-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
#: What NiceGUI marks its pages with.
_IS_PAGE = "x-nicegui-content"
#: Within a page's data `<` is always written as `&lt;`, so each of these is the template's own.
_SCRIPT = re.compile(rb"<script(?=[\s>])")


def secured(send: Send) -> Send:
    """Put the content policy onto an answer, and its nonce into a page."""
    start: Message | None = None
    chunks: list[bytes] = []
    nonce = ""

    async def with_policy(message: Message) -> None:
        nonlocal start, nonce
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get(_IS_PAGE) == "page" and "html" in headers.get("content-type", ""):
                nonce = secrets.token_urlsafe(16)
                headers["Content-Security-Policy"] = _POLICY.format(scripts=f"'nonce-{nonce}' ")
                start = message
                return
            headers.setdefault("Content-Security-Policy", _POLICY.format(scripts=""))
            await send(message)
        elif start is None or message["type"] != "http.response.body":
            await send(message)
        else:
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                # Without quotes: it may stand inside of a script's text.
                body = _SCRIPT.sub(b"<script nonce=" + nonce.encode(), b"".join(chunks))
                MutableHeaders(scope=start)["content-length"] = str(len(body))
                await send(start)
                await send({"type": "http.response.body", "body": body})

    return with_policy
