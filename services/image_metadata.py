"""Pictures without what their makers noted in them: where, when and with what they were taken.

Nothing is decoded and encoded again: the picture stays the same, point by point. Which way is up
is kept, because a photo would lie on its side without it; so are profiles of colours.
"""

import struct

#: Parts of a JPEG that are needed to show it: all but the notes (APP1-13, APP15, COM).
_NOTES = {0xFE, 0xEF, *range(0xE1, 0xEE)}
_COLOURS = b"ICC_PROFILE\0"
_EXIF = b"Exif\0\0"
_TURN = 0x0112

_PNG_KEPT = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT"),
    *(b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"),
}
_WEBP_NOTES = {b"EXIF", b"XMP "}
_WEBP_FLAGS = 0b0000_1100


def without(content: bytes, media_type: str) -> bytes:
    """The picture alone. Raises ValueError for what is no such picture."""
    match media_type:
        case "image/jpeg":
            return _jpeg(content)
        case "image/png":
            return _png(content)
        case "image/webp":
            return _webp(content)
        case _:
            raise ValueError("no picture")


def orientation(content: bytes, media_type: str) -> int:
    """Which way a photo was held, 1 to 8 as cameras count; 1 is upright."""
    if media_type != "image/jpeg":
        return 1
    for kind, start, end in _segments(content):
        if kind == 0xE1 and content[start : start + 6] == _EXIF:
            return _turn(content[start + 6 : end])
    return 1


def _jpeg(content: bytes) -> bytes:
    kept = [b"\xff\xd8"]
    turn = orientation(content, "image/jpeg")
    if turn != 1:
        kept.append(_only_turn(turn))
    scans = False
    for kind, start, end in _segments(content):
        if kind == 0xDA:  # the points themselves, up to the end of the picture
            kept.append(content[start - 4 : end])
            scans = True
        elif kind not in _NOTES or (kind == 0xE2 and content.startswith(_COLOURS, start)):
            kept.append(content[start - 4 : end])
    if not scans:
        raise ValueError("a picture without points")
    return b"".join((*kept, b"\xff\xd9"))


def _segments(content: bytes) -> list[tuple[int, int, int]]:
    """Each part's kind and where its content begins and ends; the points end at the next part."""
    if not content.startswith(b"\xff\xd8"):
        raise ValueError("no JPEG")
    found: list[tuple[int, int, int]] = []
    at = 2
    while True:
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        if len(content) < at + 2 or content[at] != 0xFF:
            raise ValueError("a part is missing")
        kind = content[at + 1]
        if kind == 0xD9:
            return found
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:
            at += 2
            continue
        start = at + 4
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if end < start or end > len(content):
            raise ValueError("a part is cut off")
        if kind == 0xDA:
            end = _end_of_points(content, end)
        found.append((kind, start, end))
        at = end


def _end_of_points(content: bytes, at: int) -> int:
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 1 >= len(content):
            raise ValueError("the points do not end")
        if content[at + 1] in (0x00, *range(0xD0, 0xD8)):
            at += 2
        elif content[at + 1] == 0xFF:
            at += 1
        else:
            return at


def _turn(exif: bytes) -> int:
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for n in range(min(count, 200)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * n)
            if tag == _TURN:
                return value if 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        return 1
    return 1


def _only_turn(turn: int) -> bytes:
    exif = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, _TURN, 3, 1, turn, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", 2 + len(_EXIF) + len(exif)) + _EXIF + exif


def _png(content: bytes) -> bytes:
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("no PNG")
    kept, at = [content[:8]], 8
    while at + 12 <= len(content):
        kind = content[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if end > len(content):
            break
        if kind in _PNG_KEPT:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise ValueError("the picture does not end")


def _webp(content: bytes) -> bytes:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise ValueError("no WebP")
    whole = min(len(content), 8 + int.from_bytes(content[4:8], "little"))
    kept, at = [], 12
    while at + 8 <= whole:
        kind = content[at : at + 4]
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if at + 8 + size > len(content):
            raise ValueError("a part is cut off")
        part = content[at:end]
        if kind == b"VP8X" and size:
            part = part[:8] + bytes([part[8] & ~_WEBP_FLAGS]) + part[9:]
        if kind not in _WEBP_NOTES:
            kept.append(part + b"\0" * (end - at - len(part)))
        at = end
    if not kept:
        raise ValueError("a picture without points")
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
