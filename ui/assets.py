"""Our own stylesheets, scripts and icons, cached by browsers for as long as they do not change."""

from functools import cache
from hashlib import blake2s
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
MOUNT = "/static"


@cache
def asset(name: str) -> str:
    """The address of a file under `static/`; it changes with the content."""
    digest = blake2s((FOLDER / name).read_bytes(), digest_size=6).hexdigest()
    return f"{MOUNT}/{name}?v={digest}"


class Assets(StaticFiles):
    """Serves `static/`. A versioned address may be kept for a year, others are asked for again."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if versioned else "no-cache"
        )
        return response
