"""Where files lie: private, under random keys, reached by links that live for a minute."""

import re
from typing import Protocol
from uuid import uuid4

from services.file_types import FILE_TYPES
from services.media_types import EXTENSIONS

#: Seconds that a link to a file works.
LINK_SECONDS = 60

#: What one object may weigh: Supabase takes no more in one request, whatever the bucket says.
MAX_OBJECT_BYTES = 50 * 1024 * 1024

#: By extension: what staff may add, what comes with messages, and the archives of the app itself.
MEDIA_TYPES = {**FILE_TYPES, **EXTENSIONS, "zip": "application/zip"}

_KEY = re.compile(r"[a-z]{1,20}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.([a-z0-9]{1,5})")


class StorageProblem(Exception):
    """Storage refused or cannot be reached. `code` says why:

    `unavailable`    no answer, or none that makes sense; may work later
    `exists`         the key is taken
    `too_large`      more than MAX_OBJECT_BYTES
    `type_refused`   a media type that storage is not meant to hold
    `not_allowed`    storage does not accept the app's key, or has no such bucket
    `not_removed`    storage said yes and the object is still there
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Storage(Protocol):
    """One bucket. Keys are ASCII, `<kind>/<uuid>.<ext>`, and say nothing about anybody.

    A key of another shape is a ValueError.
    """

    async def ensure(self) -> None:
        """Make the bucket if need be, and make sure that it is private. Raises StorageProblem.

        Called at start; where that failed, before the first object is stored.
        """

    async def put(self, key: str, content: bytes, media_type: str) -> None:
        """Store a new object. Raises StorageProblem; an existing key is `exists`."""

    async def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound or StorageProblem."""

    async def read(self, key: str, start: int, end: int) -> bytes:
        """The object's bytes from `start` up to `end`, as far as there are any.

        Raises NotFound or StorageProblem.
        """

    async def remove(self, key: str) -> None:
        """Remove an object; one that is not there is fine. Raises StorageProblem."""

    async def exists(self, key: str) -> bool:
        """Whether storage has the object, asked afresh. Raises StorageProblem."""

    async def link(self, key: str, name: str, *, seconds: int = LINK_SECONDS) -> str:
        """An absolute URL that downloads the object under `name`, for so many seconds.

        Raises NotFound or StorageProblem.
        """

    async def close(self) -> None:
        """Let go of connections."""


def new_key(kind: str, extension: str) -> str:
    """A key that nobody can guess, such as `documents/<uuid>.pdf`."""
    key = f"{kind}/{uuid4()}.{extension}"
    media_type_of(key)
    return key


def media_type_of(key: str) -> str:
    """The media type behind a key. ValueError for anything that is no key."""
    match = _KEY.fullmatch(key)
    if match is None or match[1] not in MEDIA_TYPES:
        raise ValueError("no key of an object")
    return MEDIA_TYPES[match[1]]
