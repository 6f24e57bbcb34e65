"""Mock mode's links to files: whoever has one downloads the file while the link lives."""

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

from services.adapters.local_storage import LocalStorage
from services.adapters.storage import StorageProblem
from services.errors import NotFound

#: A file is somebody else's content: it is saved, never shown, kept or handed on.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "none",
}


def router(storage: LocalStorage) -> APIRouter:
    """`GET /files/{token}`: the token is all that opens a file, and it says for how long."""
    routes = APIRouter()

    @routes.get("/files/{token}", include_in_schema=False)
    async def download(token: str) -> Response:
        try:
            file = await storage.follow(token)
        except NotFound:
            # One answer for expired, forged and gone: a guess learns nothing.
            return PlainTextResponse("Not Found", 404, HEADERS)
        except StorageProblem:
            return PlainTextResponse("Try again", 503, HEADERS)
        return FileResponse(
            file.path, media_type=file.media_type, filename=file.name, headers=HEADERS
        )

    return routes
