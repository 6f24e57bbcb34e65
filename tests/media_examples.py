"""Small files of every kind that people send, made here so that nobody's are in the repository."""

import io
import struct
import zipfile
from collections.abc import Mapping

from PIL import Image


def jpeg(*, turn: int = 1, place: bytes = b"40.4168 N", size: tuple[int, int] = (64, 48)) -> bytes:
    """A photo with the place where it was taken in its notes."""
    picture = Image.new("RGB", size, (13, 107, 97))
    exif = Image.Exif()
    exif[0x0112] = turn
    exif[0x010E] = place.decode()
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=b"taken by " + place)
    return out.getvalue()


def png(note: str = "40.4168 N") -> bytes:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Comment", note)
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(out, "PNG", pnginfo=notes)
    return out.getvalue()


def webp(note: bytes = b"40.4168 N") -> bytes:
    exif = Image.Exif()
    exif[0x010E] = note.decode()
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (200, 10, 10, 90)).save(out, "WEBP", exif=exif)
    return out.getvalue()


def pdf(words: str = "Contrato") -> bytes:
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(words) + 30}>>stream\nBT /F 18 Tf 20 100 Td ({words}) Tj ET\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj{content}endobj\n".encode()
    start = len(out)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    out += f"xref\n0 6\n0000000000 65535 f \n{table}trailer<</Size 6/Root 1 0 R>>\n".encode()
    return out + f"startxref\n{start}\n%%EOF\n".encode()


def voice_note(seconds: float = 4.0) -> bytes:
    """As much of an Ogg/Opus recording as says what it is and how long."""
    head = b"OpusHead\x01\x01\x38\x01" + struct.pack("<I", 48_000) + b"\0\0\0"
    return (
        _page(0, 2, head)
        + _page(0, 0, b"OpusTags" + bytes(8))
        + _page(round(seconds * 48_000), 4, b"\xfc\xff\xfe")
    )


def _page(samples: int, flags: int, body: bytes) -> bytes:
    head = b"OggS\0" + bytes([flags]) + struct.pack("<q", samples) + bytes(12)
    return head + bytes([1, len(body)]) + body


def film() -> bytes:
    return _box(b"ftyp", b"mp42\0\0\0\0mp42isom") + _box(
        b"moov", _box(b"hdlr", b"\0" * 8 + b"vide")
    )


def sound() -> bytes:
    return _box(b"ftyp", b"M4A \0\0\0\0M4A isom") + _box(
        b"moov", _box(b"hdlr", b"\0" * 8 + b"soun")
    )


def _track(holds: bytes) -> bytes:
    return _box(b"moov", _box(b"hdlr", bytes(8) + holds))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def office(part: str = "word/document.xml", more: Mapping[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "<document/>")
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return out.getvalue()
