"""What the file of a message is, judged by its content, and whether a page may show it.

People send whatever their phone has, so more is kept here than in a client's file
(`file_types`). What is recognised and sound is kept as what it is. Everything else is kept as
`application/octet-stream`, to be downloaded and never shown, and what starts by itself on a
caseworker's machine is not kept at all.
"""

import io
from dataclasses import dataclass

from PIL import Image

from services import file_checks, image_metadata
from services.errors import Invalid
from services.file_types import FILE_TYPES

#: What is kept as it came because nobody can tell what it is.
UNKNOWN = "application/octet-stream"

#: Extension -> media type, beside FILE_TYPES. One extension a type: keys in storage bear it.
EXTENSIONS = {
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "amr": "audio/amr",
    "mp4": "video/mp4",
    "3gp": "video/3gpp",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "bin": UNKNOWN,
}
_TYPES = {**FILE_TYPES, **EXTENSIONS}

#: What browsers show or play, and what shown runs nothing. No page, no SVG.
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
SOUNDS = frozenset({"audio/ogg", "audio/mpeg", "audio/aac", "audio/mp4"})
FILMS = frozenset({"video/mp4"})
SHOWN = PICTURES | SOUNDS | FILMS | {"application/pdf"}

#: How programs begin: Windows, Linux, macOS, scripts.
_PROGRAMS = (
    *(b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"),
    *(b"#!/", b"L\0\0\0\x01\x14\x02\0"),
)
#: Names that a double click starts.
_STARTS = (
    *("exe", "dll", "scr", "com", "msi", "jar", "lnk", "hta", "chm", "reg", "apk", "pif", "cpl"),
    *("js", "jse", "vbs", "vbe", "wsf", "wsh", "bat", "cmd", "ps1", "sct", "url", "iso", "img"),
)
#: The older formats of Office have one look from outside.
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = {
    "docx": "word/document.xml",
    "xlsx": "xl/workbook.xml",
    "pptx": "ppt/presentation.xml",
}
#: Turned by a quarter.
_ON_ITS_SIDE = range(5, 9)
_OPUS_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file is kept as."""

    extension: str
    media_type: str
    #: Of a picture, as it is shown.
    width: int | None = None
    height: int | None = None
    #: Of a voice note.
    seconds: float | None = None


def judge(content: bytes, *, declared: str | None = None, name: str | None = None) -> Kept:
    """What this is. `declared` and `name` only help to tell apart what looks the same.

    Raises Invalid about `file` with `empty`, or `program` for what starts by itself.
    """
    if not content:
        raise file_checks.no("empty")
    ending = (name or "").rpartition(".")[2].lower()
    if content.startswith(_PROGRAMS) or ending in _STARTS:
        raise file_checks.no("program")
    said = (declared or "").partition(";")[0].strip().lower()
    try:
        extension = _looks(content, said, ending)
        if extension is None:
            return _kept("bin")
        return _checked(extension, content)
    except Invalid:
        # It is something else, too, or nobody can look into it.
        return _kept("bin")


def _looks(content: bytes, said: str, ending: str) -> str | None:
    """The extension that the beginning of a file stands for."""
    head = content[:16]
    for start, extension in _BEGINNINGS:
        if head.startswith(start):
            return extension
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _film_or_sound(content)
    if head.startswith(b"PK\x03\x04"):
        return next((e for e, part in _OFFICE.items() if part.encode() in content), None)
    if head.startswith(_COMPOUND):
        return _older_office(said, ending)
    if len(head) > 1 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:
            return "aac"
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
            return "mp3"
    return "txt" if said in ("text/plain", "text/csv") or ending in ("txt", "csv") else None


_BEGINNINGS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"%PDF-", "pdf"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"#!AMR", "amr"),
)


def _film_or_sound(content: bytes) -> str | None:
    brand = content[8:12]
    if brand.startswith((b"3gp", b"3g2")):
        return "3gp"
    if brand in (b"M4A ", b"M4B "):
        return "m4a"
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx "):
        return None  # pictures that not every browser shows
    # The track's own word for what it holds.
    return "mp4" if b"vide" in content else "m4a" if b"soun" in content else None


def _older_office(said: str, ending: str) -> str | None:
    by_type = {_TYPES[extension]: extension for extension in ("doc", "xls", "ppt")}
    return by_type.get(said) or (ending if ending in by_type.values() else None)


def _checked(extension: str, content: bytes) -> Kept:
    """Raises Invalid where it is not sound."""
    if extension not in ("mp4", "m4a", "3gp", "mp3", "aac", "ogg", "amr"):
        file_checks.edges(content)
    if extension in ("jpg", "png", "webp"):
        return _picture(extension, content)
    if extension in _OFFICE:
        file_checks.office(content, _OFFICE[extension])
    elif extension == "pdf":
        file_checks.pdf(content)
    elif extension == "txt":
        file_checks.text(content)
    elif extension == "ogg":
        return _sound(content)
    return _kept(extension)


def _picture(extension: str, content: bytes) -> Kept:
    media_type = _TYPES[extension]
    file_checks.image(content, media_type.partition("/")[2].upper())
    try:
        # What cannot be freed of its notes is not shown.
        image_metadata.without(content, media_type)
    except ValueError:
        raise file_checks.no("damaged") from None
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
        width, height = picture.size
    if image_metadata.orientation(content, media_type) in _ON_ITS_SIDE:
        width, height = height, width
    return Kept(extension, media_type, width=width, height=height)


def _sound(content: bytes) -> Kept:
    head = content[:4096]
    if b"OpusHead" not in head and b"\x01vorbis" not in head:
        raise file_checks.no("type_mismatch")
    return Kept("ogg", "audio/ogg", seconds=_length(content) if b"OpusHead" in head else None)


def _length(content: bytes) -> float | None:
    """Seconds of an Opus recording: the last page says how many samples there were."""
    at = content.rfind(b"OggS")
    samples = int.from_bytes(content[at + 6 : at + 14], "little", signed=True)
    seconds = samples / _OPUS_RATE
    return round(seconds, 1) if 0 < seconds < 24 * 3600 else None


def _kept(extension: str) -> Kept:
    return Kept(extension, _TYPES[extension])
