"""Whether a file's content is what it should be, and nothing that runs: a check for each type.

Every check raises Invalid about `file` with the codes of `file_types.judge`.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers import expat

from PIL import Image, UnidentifiedImageError

from services.errors import Invalid

#: More than a scanner or a phone makes; a few kilobytes can claim to be far more.
MAX_PIXELS = 80_000_000
#: What an office file, or what a PDF keeps packed of its structure, may unpack to.
MAX_UNPACKED_BYTES = 100 * 1024 * 1024
#: What is larger than this unpacked may not be more than so many times the file: real documents are
#: some twenty times.
_SMALL, _MAX_RATIO = 20 * 1024 * 1024, 100
#: Parts of an office file.
MAX_PARTS = 5_000
#: What the parts that only name other parts may weigh together.
_MAX_RELATIONS = 8 * 1024 * 1024

#: Browsers look this far to guess a type; a file may not be a page to those that guess.
_SNIFFED = 2048
_MARKUP = re.compile(
    rb"<\s*(?:!doctype\s+html|(?:html|head|body|script|iframe|svg|object|embed|img)[\s>/])",
    re.IGNORECASE,
)
#: Long enough to be no accident in the middle of a picture.
_PAGE = re.compile(rb"<\s*(?:!doctype\s+html|(?:html|script|iframe|object)[\s>/])", re.IGNORECASE)
#: Control characters that no text has.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
#: The end of a ZIP, which is where it is read from; RAR; 7z.
_ARCHIVES = (b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")


def edges(content: bytes) -> None:
    """No page to whoever looks at the beginning or the end, whatever the type."""
    if _MARKUP.search(content[:_SNIFFED]) or _MARKUP.search(content[-_SNIFFED:]):
        raise no("active_content")


def pdf(content: bytes) -> None:
    """A PDF without scripts, programs to start and files inside.

    Of one that is encrypted only what is not is looked at: its structure may be hidden.
    """
    if not content.startswith(b"%PDF-"):
        raise no("type_mismatch")
    end = content.rfind(b"%%EOF")
    if end < 0:
        raise no("damaged")
    # Readers search for the end here; what follows it belongs to another file.
    if end < len(content) - 1024:
        raise no("active_content")
    if _RUNS.search(content) or _SCRIPT.search(_without_streams(content)):
        raise no("active_content")
    for packed in _packed_structure(content):
        if _RUNS.search(packed) or _SCRIPT.search(packed):
            raise no("active_content")


def image(content: bytes, form: str) -> None:
    """A picture, `form` being Pillow's name of its type, with nothing else in it or behind it."""
    try:
        # Reads the header and decodes nothing.
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
            found, pixels = picture.format, picture.width * picture.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise no("too_many_pixels") from None
    except UnidentifiedImageError:
        raise no("type_mismatch") from None
    except (OSError, ValueError, SyntaxError):
        raise no("damaged") from None
    if pixels > MAX_PIXELS:
        raise no("too_many_pixels")
    # Some phones put a second picture behind the first.
    if found != form and (found, form) != ("MPO", "JPEG"):
        raise no("type_mismatch")
    end = _ENDS[form](content)
    if end is None or end > len(content):
        raise no("damaged")
    rest = content[end:]
    if rest.strip(b"\0") and not (form == "JPEG" and _is_of_a_phone(rest)):
        raise no("active_content")
    if _PAGE.search(content) or any(mark in content[-70_000:] for mark in _ARCHIVES):
        raise no("active_content")


def office(content: bytes, body: str) -> None:
    """A document of Word or Excel with the part `body`, without macros, programs and objects, and
    without a template or an object from elsewhere."""
    if not content.startswith(b"PK\x03\x04"):
        raise no("type_mismatch")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            size = sum(part.file_size for part in parts)
            is_bomb = size > MAX_UNPACKED_BYTES or size > max(_SMALL, _MAX_RATIO * len(content))
            if len(parts) > MAX_PARTS or is_bomb or any(part.flag_bits & 1 for part in parts):
                raise no("damaged")
            if not {"[Content_Types].xml", body} <= {part.filename for part in parts}:
                raise no("type_mismatch")
            if any(_runs(part.filename) for part in parts):
                raise no("active_content")
            relations = [part for part in parts if part.filename.lower().endswith(".rels")]
            if sum(part.file_size for part in relations) > _MAX_RELATIONS:
                raise no("damaged")
            for part in relations:
                _check_relations(archive.read(part))
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, OSError, EOFError):
        raise no("damaged") from None


def text(content: bytes) -> None:
    """Text of any kind that editors write: UTF-8, UTF-16 with its mark, one byte a letter."""
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            words = content.decode("utf-16")
        else:
            words = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Windows wrote it; every byte is a letter there, so only control characters tell.
        words = content.decode("latin-1")
    if _NOT_TEXT.search(words) or words.startswith(("%PDF-", "<?xml")):
        raise no("type_mismatch")
    if _MARKUP.search(words.encode("utf-8", "replace")):
        raise no("active_content")


def no(code: str) -> Invalid:
    """What is said about a file that is not kept."""
    return Invalid({"file": code})


def _named(*names: str) -> bytes:
    """A pattern for names in a PDF: any character of them may be written as `#` and two digits."""
    spelled = (
        "".join(f"(?:{letter}|#(?i:{ord(letter):02x}))" for letter in name) for name in names
    )
    return f"/(?:{'|'.join(spelled)})".encode()


_RUNS = re.compile(_named("JavaScript", "Launch", "EmbeddedFile", "RichMedia"))
#: So short that it comes up in any picture: with what has to follow, and outside of streams.
_SCRIPT = re.compile(_named("JS") + rb"\s*(?:[(<]|\d+\s+\d+\s+R)")
_STREAM = re.compile(rb">>\s*stream\r?\n")
_STREAMS = re.compile(rb"stream\r?\n")
_PACKED = re.compile(_named("ObjStm"))
_ENCRYPTED = re.compile(_named("Encrypt") + rb"\s*(?:<<|\d)")
#: Streams that hold objects; large documents have some hundreds.
_MAX_PACKED = 10_000


# Both look at every byte once, whatever the file: it may have been written to take us long.
def _without_streams(content: bytes) -> bytes:
    kept, at = [], 0
    while found := _STREAM.search(content, at):
        end = content.find(b"endstream", found.end())
        if end < 0:
            break
        kept.append(content[at : found.start()])
        at = end
    return b"\n".join((*kept, content[at:]))


def _packed_structure(content: bytes) -> Iterator[bytes]:
    """What newer PDFs keep packed of their objects."""
    whole, at = memoryview(content), 0
    left, number = MAX_UNPACKED_BYTES, 0
    for start in _STREAMS.finditer(content):
        about, at = (at, start.start()), start.end()
        if not _PACKED.search(content, *about):
            continue
        number += 1
        unpacking = zlib.decompressobj()
        try:
            unpacked = unpacking.decompress(whole[at:], min(left, _SMALL))
        except zlib.error:
            if _ENCRYPTED.search(content) and number < _MAX_PACKED:
                continue
            raise no("damaged") from None
        left -= len(unpacked)
        if unpacking.unconsumed_tail or left <= 0 or number >= _MAX_PACKED:
            raise no("damaged")
        yield unpacked


def _end_of_png(content: bytes) -> int | None:
    at = 8
    while at + 12 <= len(content):
        kind = content[at + 4 : at + 8]
        at += 12 + int.from_bytes(content[at : at + 4], "big")
        if kind == b"IEND":
            return at
    return None


def _end_of_webp(content: bytes) -> int:
    size = int.from_bytes(content[4:8], "little")
    return 8 + size + size % 2


#: What ends a run of a JPEG's points: any mark but the ones that belong into it.
_MARK = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")


def _end_of_jpeg(content: bytes) -> int | None:
    at = 2
    while mark := _MARK.search(content, at):
        at = mark.end()
        if mark[1] == b"\xd9":
            return at
        if mark[1] not in (b"\xd8", b"\x01"):
            at += int.from_bytes(content[at : at + 2], "big")
    return None


def _is_of_a_phone(rest: bytes) -> bool:
    """Behind a photo: a further picture, a short film, or what Samsung notes."""
    rest = rest.lstrip(b"\0")
    return rest.startswith(b"\xff\xd8\xff") or b"ftyp" in rest[:8] or rest.endswith(b"SEFT")


_ENDS = {"PNG": _end_of_png, "WEBP": _end_of_webp, "JPEG": _end_of_jpeg}

_PROGRAMS = (
    *(".exe", ".dll", ".scr", ".com", ".msi", ".jar", ".lnk", ".hta", ".chm", ".reg"),
    *(".js", ".jse", ".vbs", ".vbe", ".wsf", ".wsh", ".bat", ".cmd", ".ps1", ".sct"),
    *(".docm", ".dotm", ".xlsm", ".xltm", ".xlsb", ".xlam", ".pptm", ".zip", ".html", ".htm"),
)
#: The binary parts that only describe: how somebody printed, what an add-in noted.
_PLAIN_BINARIES = re.compile(r"(?:^|/)(?:printersettings|customproperty)[^/]*/[^/]+\.bin$")
#: What a program fetches or starts by itself when the document is opened.
_FETCHED = ("/attachedTemplate", "/oleObject", "/frame", "/subDocument", "/aFChunk", "/package")


def _runs(part: str) -> bool:
    """Whether a part is a program, a macro or an object that another program opens."""
    name = part.lower()
    if name.endswith(".bin"):
        return not _PLAIN_BINARIES.search(name)
    return name.endswith(_PROGRAMS) or "/activex/" in name


def _check_relations(part: bytes) -> None:
    """Refuse what names something elsewhere that is opened without being asked for."""
    relations: list[dict[str, str]] = []

    def doctype(*_: object) -> None:
        raise no("damaged")

    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _, attributes: relations.append(attributes)
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(part, True)
    except expat.ExpatError:
        raise no("damaged") from None
    for relation in relations:
        is_elsewhere = relation.get("TargetMode", "").lower() == "external"
        if is_elsewhere and relation.get("Type", "").endswith(_FETCHED):
            raise no("active_content")
