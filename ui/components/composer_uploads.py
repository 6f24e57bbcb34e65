"""Where the files of an answer arrive: one request a file, answered with what is wrong with it.

The address lies under that of the page it belongs to, so the gate lets in nobody but its person.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast, get_args
from uuid import UUID

from fastapi import Request
from nicegui import app
from nicegui.element import Element
from starlette.datastructures import FormData, UploadFile

from services.outgoing import MAX_CAPTION, File, FileKind


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file as it came, with the browser's own id of its sending."""

    key: UUID
    file: File
    quoting: UUID | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a file was not taken; None when it was. `as_document`: it could go as one."""

    problem: str | None
    as_document: bool = False


class Uploads:
    """An address for the files of one element of a page; closed with it."""

    def __init__(
        self, element: Element, receive: Callable[[Arrived], Awaitable[Verdict | None]]
    ) -> None:
        """`receive` takes a file over; None for somebody who is no longer signed in."""
        self.address = f"/_nicegui/client/{element.client.id}/upload/{element.id}"

        @app.post(self.address, include_in_schema=False)
        async def upload(request: Request) -> dict[str, str | bool | None]:
            async with request.form(max_files=1, max_fields=4) as form:
                arrived = await _arrived(form)
            with element:
                verdict = await receive(arrived) if arrived and not element.is_deleted else None
            if verdict is None:
                return {}
            return {"problem": verdict.problem, "as_document": verdict.as_document}

    def close(self) -> None:
        """Take nothing more."""
        app.remove_route(self.address)


async def _arrived(form: FormData) -> Arrived | None:
    """What a form holds, which comes from a browser and may hold anything."""
    upload = form.get("file")
    kind = str(form.get("kind", ""))
    key = id_of(form.get("key"))
    if not isinstance(upload, UploadFile) or kind not in get_args(FileKind) or key is None:
        return None
    name = upload.filename or ""
    content = await upload.read()
    caption = str(form.get("caption", "")).strip()[:MAX_CAPTION] or None
    return Arrived(
        key,
        File(
            cast(FileKind, kind),
            name,
            content,
            caption=None if kind == "audio" else caption,
            voice=kind == "audio" and content.startswith(b"OggS"),
        ),
        id_of(form.get("quoting")),
    )


def id_of(value: object) -> UUID | None:
    """An id from a browser, None for whatever is none."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
