"""`GET /media/{message}`: the file of a message, for whoever is signed in, and nobody else.
`GET /documents/{document}`: a document of a client's file, to be looked at, for the same people.

The page asks for it while it shows a conversation. It is handed on by the app itself, so that a
page loads nothing from elsewhere, nobody can pass an address on, and a picture leaves behind where
it was taken. `?download` saves it (from storage, by a link that lives for a minute), `?open` opens
it in a tab of its own; both are audited.
"""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from services import media, sessions
from services.actors import Staff
from services.adapters.storage import StorageProblem
from services.errors import NotFound
from services.media import OpenFile
from ui.gate import same_origin

log = structlog.get_logger()

#: Somebody else's content: nothing in it runs, and no other site shows it or keeps it.
HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "none",
}
#: Viewers of browsers open no PDF in a sandbox. One that runs something was never kept as a PDF.
#: Our own pages show it without leaving the conversation, and nobody else's do.
_PDF_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def router(public_url: str) -> APIRouter:
    """The route, for the root app: it has nothing of NiceGUI's."""
    routes = APIRouter()

    @routes.get("/media/{message_id}", include_in_schema=False)
    async def file_of_message(message_id: str, request: Request) -> Response:
        if not same_origin(request, public_url):
            return PlainTextResponse("Forbidden", 403, HEADERS)
        staff = await _staff(request)
        if staff is None:
            return PlainTextResponse("Not signed in", 401, HEADERS)
        download = "download" in request.query_params
        try:
            file = await media.open_file(
                staff, UUID(message_id), alone="open" in request.query_params, download=download
            )
            if (download or not file.is_shown) and file.content is None:
                return RedirectResponse(await file.link(), 303, HEADERS)
            return await _answer(file, request.headers.get("range"), download=download)
        except (NotFound, ValueError):
            return PlainTextResponse("Not Found", 404, HEADERS)
        except StorageProblem:
            return PlainTextResponse("Try again", 503, {**HEADERS, "Retry-After": "5"})

    @routes.get("/documents/{document_id}", include_in_schema=False)
    async def document(document_id: str, request: Request) -> Response:
        if not same_origin(request, public_url):
            return PlainTextResponse("Forbidden", 403, HEADERS)
        staff = await _staff(request)
        if staff is None:
            return PlainTextResponse("Not signed in", 401, HEADERS)
        try:
            file = await media.open_document(staff, UUID(document_id))
            return await _answer(file, request.headers.get("range"), download=False)
        except (NotFound, ValueError):
            return PlainTextResponse("Not Found", 404, HEADERS)
        except StorageProblem:
            return PlainTextResponse("Try again", 503, {**HEADERS, "Retry-After": "5"})

    return routes


async def _staff(request: Request) -> Staff | None:
    """Who asks. A page fetches by itself, so it is no sign of life."""
    token = request.cookies.get(sessions.COOKIE)
    return await sessions.staff_of(token, touch=False) if token else None


async def _answer(file: OpenFile, asked: str | None, *, download: bool) -> Response:
    """Raises NotFound and StorageProblem, as long as nothing has been sent."""
    kind = "attachment" if download else "inline"
    headers = {
        **HEADERS,
        "Content-Disposition": f"{kind}; filename*=UTF-8''{quote(file.name, safe='')}",
    }
    if file.media_type == "application/pdf":
        headers |= _PDF_HEADERS
    if file.content is not None:
        return Response(file.content, 200, headers, media_type=file.media_type)
    headers["Accept-Ranges"] = "bytes"
    part = _part(asked, file.size)
    if part is None:
        headers["Content-Range"] = f"bytes */{file.size}"
        return Response(status_code=416, headers=headers)
    start, end = part
    headers["Content-Length"] = str(end - start)
    is_part = asked is not None and _RANGE.fullmatch(asked) is not None
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    pieces = file.pieces(start, end)
    first = await anext(pieces, b"")
    return StreamingResponse(
        _after(first, pieces), 206 if is_part else 200, headers, media_type=file.media_type
    )


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What fails in the middle cuts the answer short; a player asks again for the rest."""
    yield first
    try:
        async for piece in pieces:
            yield piece
    except (NotFound, StorageProblem) as problem:
        log.warning("media.cut_off", error=type(problem).__name__)
        raise ConnectionError("storage has stopped") from None


def _part(asked: str | None, size: int) -> tuple[int, int] | None:
    """The part that is asked for, from and up to; all of it where none is; None beyond the end.

    Of several parts, which no player asks for, nothing is understood, and all of it is answered.
    """
    match = _RANGE.fullmatch(asked or "")
    if match is None or match[1] == match[2] == "":
        return 0, size
    if not match[1]:  # the last so many bytes
        length = min(int(match[2]), size)
        return (size - length, size) if length else None
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else None
