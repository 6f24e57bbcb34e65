"""The media that the simulated Graph API holds: what people sent, and what was uploaded."""

import gzip
import hashlib
import time
from dataclasses import dataclass
from functools import cache
from secrets import randbelow, token_urlsafe

from services.events import Json
from services.simulator import specimens
from services.simulator.graph_problems import NoSuchObject, Refusal

_MB = 1024 * 1024
#: What may be uploaded, and how big.
UPLOADS = {
    "audio/aac": 16 * _MB,
    "audio/amr": 16 * _MB,
    "audio/mpeg": 16 * _MB,
    "audio/mp4": 16 * _MB,
    "audio/ogg": 16 * _MB,
    "image/jpeg": 5 * _MB,
    "image/png": 5 * _MB,
    "image/webp": 500 * 1024,
    "video/mp4": 16 * _MB,
    "video/3gpp": 16 * _MB,
    "text/plain": 100 * _MB,
    "application/pdf": 100 * _MB,
    "application/msword": 100 * _MB,
    "application/vnd.ms-excel": 100 * _MB,
    "application/vnd.ms-powerpoint": 100 * _MB,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": 100 * _MB,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": 100 * _MB,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": 100 * _MB,
}
#: What a message of each type takes; a document is any of them.
_TAKES = {
    "image": ("image/jpeg", "image/png"),
    "video": ("video/",),
    "audio": ("audio/",),
    "sticker": ("image/webp",),
    "document": ("",),
}
#: Bytes of uploads that are remembered; the oldest go first.
_ROOM = 256 * _MB
#: What the bomb unpacks to: more than anything inbound may have.
_BOMB_SIZE = 160 * _MB


@dataclass(frozen=True, slots=True)
class Medium:
    """A file with the type it was said to have."""

    id: str
    mime_type: str
    content: bytes


class MediaStore:
    """Media by id, and the addresses under which they can be had for five minutes."""

    #: Seconds.
    address_lifetime = 300.0

    def __init__(self) -> None:
        self._uploads: dict[str, Medium] = {}
        self._addresses: dict[str, tuple[str, float]] = {}
        self._expired: set[str] = set()

    def add(self, mime_type: str, content: bytes) -> Medium:
        """Keep an upload. Refusal for a type or a size that WhatsApp does not take."""
        plain = mime_type.split(";", maxsplit=1)[0].strip().lower()
        if plain not in UPLOADS:
            known = ", ".join(UPLOADS)
            raise Refusal(
                100,
                message="(#100) Param file must be a file with one of the following types: "
                f"{known}. Received file of type '{plain[:80]}'.",
            )
        if not content:
            raise Refusal(100, message="(#100) Param file is empty.")
        if len(content) > UPLOADS[plain]:
            raise Refusal(131053, f"File of {len(content)} bytes is too large for {plain}.")
        medium = Medium(f"99{randbelow(10**14):014d}", mime_type, content)
        self._uploads[medium.id] = medium
        while sum(len(m.content) for m in self._uploads.values()) > _ROOM:
            del self._uploads[next(iter(self._uploads))]
        return medium

    def find(self, media_id: str) -> Medium | None:
        """Return a medium that was uploaded, or that somebody sent from their phone."""
        if media_id in self._expired:
            return None
        if (upload := self._uploads.get(media_id)) is not None:
            return upload
        if (specimen := specimens.of_id(media_id)) is not None:
            return Medium(media_id, specimen.mime_type, specimen.content)
        return None

    def check(self, kind: str, media_id: str) -> str | None:
        """Say why a message of this type cannot carry it; Refusal when there is no such medium."""
        medium = self.find(media_id)
        if medium is None:
            raise Refusal(131009, f"Media id {media_id[:40]} does not exist")
        if not medium.mime_type.startswith(_TAKES[kind]):
            return f"Media of type {medium.mime_type} cannot be sent as {kind}."
        return None

    def describe(self, media_id: str, files: str) -> Json:
        """Answer `GET /<MEDIA_ID>` with a new address below `files`."""
        medium = self.find(media_id)
        if medium is None:
            raise NoSuchObject("get", media_id)
        token = token_urlsafe(24)
        self._addresses[token] = (media_id, time.monotonic() + self.address_lifetime)
        return {
            "messaging_product": "whatsapp",
            "url": f"{files}?mid={media_id}&hash={token}",
            "mime_type": medium.mime_type,
            "sha256": hashlib.sha256(medium.content).hexdigest(),
            "file_size": str(len(medium.content)),
            "id": media_id,
        }

    def fetch(self, token: str) -> Medium | None:
        """Return what an address stands for; None for one that is over or was never given."""
        media_id, until = self._addresses.get(token, ("", 0.0))
        return self.find(media_id) if time.monotonic() < until else None

    def forget(self, media_id: str) -> None:
        """Let its days be over."""
        self._expired.add(media_id)
        self._uploads.pop(media_id, None)


@cache
def bomb() -> bytes:
    """A few hundred kilobytes of gzip that unpack to a thousand times as much."""
    return gzip.compress(bytes(_BOMB_SIZE), compresslevel=9, mtime=0)
