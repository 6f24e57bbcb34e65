"""What a file is, judged by its content and not by what it is called."""

from services import file_checks

#: Extension -> media type. A file is kept only if name, sender and content agree on one of these.
FILE_TYPES = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "jfif": "image/jpeg",  # what Windows calls a photo that was saved from WhatsApp
    "png": "image/png",
    "webp": "image/webp",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "txt": "text/plain",
}

MAX_FILE_BYTES = 25 * 1024 * 1024

#: What programs say who do not know: it contradicts nothing.
_UNSAID = ("", "application/octet-stream", "binary/octet-stream")
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}


def judge(name: str, content: bytes, declared: str | None = None) -> str:
    """The extension of a file that may be kept, in lower case: `FILE_TYPES` has its media type.

    `declared` is the media type that came along, if any. Raises Invalid about `file` with
    `empty`, `too_large`, `type_not_allowed`, `type_mismatch` (name, declared type and content do
    not agree), `damaged` (or nobody can look into it), `too_many_pixels` or `active_content`
    (it would also be a page, runs or starts something, or holds another file).
    """
    if not content:
        raise file_checks.no("empty")
    if len(content) > MAX_FILE_BYTES:
        raise file_checks.no("too_large")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    media_type = FILE_TYPES.get(extension)
    if media_type is None:
        raise file_checks.no("type_not_allowed")
    said = (declared or "").partition(";")[0].strip().lower()
    if said not in _UNSAID and _ALIASES.get(said, said) != media_type:
        raise file_checks.no("type_mismatch")
    file_checks.edges(content)
    _check(media_type, content)
    return extension


def _check(media_type: str, content: bytes) -> None:
    kind, _, form = media_type.partition("/")
    if kind == "image":
        file_checks.image(content, form.upper())
    elif media_type in _BODIES:
        file_checks.office(content, _BODIES[media_type])
    elif media_type == "application/pdf":
        file_checks.pdf(content)
    else:
        file_checks.text(content)


#: The part that makes an archive a file of that kind.
_BODIES = {FILE_TYPES["docx"]: "word/document.xml", FILE_TYPES["xlsx"]: "xl/workbook.xml"}
