"""Mock mode's storage: files below DATA_DIR, and links that this installation alone can make.

A link's token is encrypted and not only signed, because a document's name tells of somebody, and
addresses end up in histories and logs.
"""

import asyncio
import base64
import binascii
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from services import keys
from services.adapters.storage import (
    LINK_SECONDS,
    MAX_OBJECT_BYTES,
    MEDIA_TYPES,
    StorageProblem,
    media_type_of,
)
from services.errors import NotFound

log = structlog.get_logger()

_PURPOSE = "file link"


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """What a link leads to."""

    path: Path
    #: As it is downloaded.
    name: str
    media_type: str


class LocalStorage:
    """Implements `Storage`. `folder` is private to the app; `public_url` is where it is reached."""

    def __init__(self, folder: Path, public_url: str) -> None:
        self._folder = folder
        self._links = f"{public_url}/files/"

    async def ensure(self) -> None:
        with _told():
            await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)

    async def put(self, key: str, content: bytes, media_type: str) -> None:
        path = self._path(key)
        if media_type not in MEDIA_TYPES.values():
            raise StorageProblem("type_refused")
        if len(content) > MAX_OBJECT_BYTES:
            raise StorageProblem("too_large")
        with _told():
            await asyncio.to_thread(_write, path, content)

    async def get(self, key: str) -> bytes:
        if not await self.exists(key):
            raise NotFound
        with _told():
            return await asyncio.to_thread(self._path(key).read_bytes)

    async def read(self, key: str, start: int, end: int) -> bytes:
        if not await self.exists(key):
            raise NotFound
        with _told():
            return await asyncio.to_thread(_read, self._path(key), start, end)

    async def remove(self, key: str) -> None:
        with _told():
            await asyncio.to_thread(_remove, self._path(key))

    async def exists(self, key: str) -> bool:
        with _told():
            return await asyncio.to_thread(_exists, self._folder, self._path(key))

    async def link(self, key: str, name: str, *, seconds: int = LINK_SECONDS) -> str:
        if not await self.exists(key):
            raise NotFound
        told = json.dumps([key, name, int(_now()) + seconds])
        sealed = keys.encrypt(_PURPOSE, told.encode())
        return self._links + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    async def follow(self, token: str) -> LinkedFile:
        """The file behind a link's last part. Raises NotFound, the same for whatever is wrong."""
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            key, name, expires_at = json.loads(keys.decrypt(_PURPOSE, sealed))
        except (ValueError, binascii.Error, keys.Undecipherable):
            raise NotFound from None
        if _now() >= expires_at or not await self.exists(key):
            raise NotFound
        return LinkedFile(self._path(key), name, media_type_of(key))

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, key: str) -> Path:
        media_type_of(key)  # refuses what is no key, and so every way out of the folder
        return self._folder / key


def _now() -> float:
    return time.time()


@contextmanager
def _told() -> Iterator[None]:
    """Puts what the disk says into storage's words."""
    try:
        yield
    except OSError as error:
        log.warning("storage.unavailable", error=type(error).__name__)
        raise StorageProblem("unavailable") from None


def _write(path: Path, content: bytes) -> None:
    """The file is there whole or not at all. What a crash leaves beside it goes with its key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = _unfinished(path)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        os.link(unfinished, path)
    except FileExistsError:
        raise StorageProblem("exists") from None
    finally:
        unfinished.unlink()
    _sync(path.parent)


def _read(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(max(end - start, 0))


def _remove(path: Path) -> None:
    for file in (_unfinished(path), path):
        file.unlink(missing_ok=True)
    if path.parent.exists():
        _sync(path.parent)


def _exists(folder: Path, path: Path) -> bool:
    """A folder that is not there, as of a disk that is not mounted, tells nothing of its files."""
    folder.stat()
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
