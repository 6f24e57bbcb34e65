"""Which files WhatsApp takes from us, judged by their content."""

import asyncio
import hashlib
from dataclasses import dataclass

from services import file_names, file_types, media_types
from services.errors import Invalid
from services.outgoing import File, FileKind

#: Bytes that WhatsApp takes of each kind. Documents may weigh what we keep ourselves.
MAX_BYTES: dict[FileKind, int] = {
    "image": 5 * 1024 * 1024,
    "audio": 16 * 1024 * 1024,
    "video": 16 * 1024 * 1024,
    "document": file_types.MAX_FILE_BYTES,
}
#: Media types that WhatsApp takes, by kind. A document may be anything that we keep in a file.
TAKEN: dict[FileKind, frozenset[str]] = {
    "image": frozenset({"image/jpeg", "image/png"}),
    "audio": frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}),
    "video": frozenset({"video/mp4", "video/3gpp"}),
    "document": frozenset(file_types.FILE_TYPES.values()),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file that may be sent is."""

    name: str
    extension: str
    media_type: str
    sha256: bytes
    #: Of a picture; of a voice note.
    width: int | None = None
    height: int | None = None
    seconds: float | None = None


async def judge(file: File) -> Kept:
    """What the file is. Raises Invalid about `file` with the codes of `file_types.judge`,
    `too_large_to_send` where WhatsApp takes less than we keep, or `not_a_voice_note`."""
    # Off the loop: reading through 25 MB takes a moment.
    return await asyncio.to_thread(_judge, file)


def _judge(file: File) -> Kept:
    name = file_names.clean(file.name)
    if len(file.content) > MAX_BYTES[file.kind]:
        raise Invalid({"file": "too_large_to_send"})
    if file.kind in ("image", "document"):
        # As strictly as what is put into somebody's file.
        extension = file_types.judge(name, file.content)
        if file_types.FILE_TYPES[extension] not in TAKEN[file.kind]:
            raise Invalid({"file": "type_not_allowed"})
    found = media_types.judge(file.content, name=name)
    if found.media_type not in TAKEN[file.kind]:
        raise Invalid({"file": "type_not_allowed"})
    # Of OGG WhatsApp takes Opus alone; of another sound no length is known.
    is_opus = found.media_type == "audio/ogg" and b"OpusHead" in file.content[:4096]
    if found.media_type == "audio/ogg" and not is_opus:
        raise Invalid({"file": "type_not_allowed"})
    if file.voice and not is_opus:
        raise Invalid({"file": "not_a_voice_note"})
    return Kept(
        name,
        found.extension,
        found.media_type,
        hashlib.sha256(file.content).digest(),
        found.width,
        found.height,
        found.seconds,
    )
