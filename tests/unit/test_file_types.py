"""A file is what its content says, and only if its name and its sender agree."""

import io
import time
import zipfile
import zlib
from collections.abc import Mapping

import pytest
from PIL import Image

from services import file_checks, file_names, file_types
from services.errors import Invalid

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\nxref\ntrailer<</Root 1 0 R>>\n%%EOF\n"
HTML = b"<html><body><script>alert(document.domain)</script></body></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def picture(form: str, size: tuple[int, int] = (4, 3), comment: bytes = b"") -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", size).save(kept, form, **({"comment": comment} if comment else {}))
    return kept.getvalue()


def archive(parts: Mapping[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            # Without a date the archive would be another in every process, and so its test's name.
            file.writestr(
                zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED
            )
    return kept.getvalue()


TYPES = {"[Content_Types].xml": b"<Types/>"}
DOCX = archive(TYPES | {"word/document.xml": b"<w:document/>"})
XLSX = archive(TYPES | {"xl/workbook.xml": b"<workbook/>"})
JPEG, PNG, WEBP = picture("JPEG"), picture("PNG"), picture("WEBP")
TEXT = "Cita el martes, señora Ndiaye.\r\nموعد".encode()

GOOD = {
    "pasaporte.pdf": PDF,
    "foto.jpg": JPEG,
    "foto.JPEG": JPEG,
    "WhatsApp Image.jfif": JPEG,
    "foto.png": PNG,
    "foto.webp": WEBP,
    "carta.docx": DOCX,
    "gastos.xlsx": XLSX,
    "notas.txt": TEXT,
}


def code(name: str, content: bytes, declared: str | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        file_types.judge(name, content, declared)
    assert list(caught.value.fields) == ["file"]
    return caught.value.fields["file"]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("said", ["right", None, "", "application/octet-stream"])
def test_name_sender_and_content_agree(name: str, said: str | None) -> None:
    extension = name.rpartition(".")[2].lower()
    declared = file_types.FILE_TYPES[extension] + "; charset=utf-8" if said == "right" else said
    assert file_types.judge(name, GOOD[name], declared) == extension


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("other", GOOD)
def test_an_extension_with_the_content_of_another_is_refused(name: str, other: str) -> None:
    if (
        file_types.FILE_TYPES[name.rpartition(".")[2].lower()]
        == file_types.FILE_TYPES[other.rpartition(".")[2].lower()]
    ):
        file_types.judge(name, GOOD[other])
        return
    assert code(name, GOOD[other]) in ("type_mismatch", "damaged")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("declared", ["text/html", "image/svg+xml", "image/gif", "nonsense"])
def test_a_sender_who_says_something_else_is_refused(name: str, declared: str) -> None:
    assert code(name, GOOD[name], declared) == "type_mismatch"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", HTML),
        ("drawing.svg", SVG),
        ("macro.docm", DOCX),
        ("program.exe", b"MZ"),
        ("scan.pdf.exe", PDF),
        ("archive.zip", DOCX),
        ("foto.gif", b"GIF89a"),
        ("pdf", PDF),
        ("", PDF),
        ("scan.", PDF),
    ],
)
def test_other_extensions_are_refused_whatever_is_inside(name: str, content: bytes) -> None:
    assert code(name, content) == "type_not_allowed"


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_no_file(name: str) -> None:
    assert code(name, b"") == "empty"


def test_a_file_has_a_size_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_types.MAX_FILE_BYTES == 25 * 1024 * 1024
    monkeypatch.setattr(file_types, "MAX_FILE_BYTES", len(TEXT))
    assert file_types.judge("a.txt", TEXT) == "txt"
    assert code("a.txt", TEXT + b".") == "too_large"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.pdf", HTML),
        ("page.jpg", HTML),
        ("page.txt", HTML),
        ("page.txt", b"\n <!DOCTYPE html><title>Hola</title>"),
        ("drawing.png", SVG),
        ("drawing.txt", SVG),
        ("polyglot.pdf", b"%PDF-1.7\n" + HTML + PDF),
        ("polyglot.pdf", PDF.replace(b"%%EOF", b"%%EOF\n" + HTML)),
        ("polyglot.pdf", PDF + bytes(3000) + HTML),
        ("polyglot.pdf", PDF + bytes(3000)),
        ("polyglot.jpg", picture("JPEG", comment=b"<script>alert(1)</script>")),
        ("polyglot.png", PNG + HTML),
        ("polyglot.webp", WEBP + SVG),
        ("polyglot.jpg", picture("JPEG", (900, 900)) + HTML),
        ("polyglot.docx", DOCX + HTML),
        ("macro.docx", archive(TYPES | {"word/document.xml": b"", "word/vbaProject.bin": b"x"})),
    ],
)
def test_a_file_that_is_also_a_page_or_a_program_is_refused(name: str, content: bytes) -> None:
    assert code(name, content) == "active_content"


def pdf(objects: bytes) -> bytes:
    return PDF.replace(b"xref", objects + b"\nxref")


def stream(about: bytes, content: bytes) -> bytes:
    return b"2 0 obj<<" + about + b">>stream\n" + content + b"\nendstream endobj"


PACKED = b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode"
SCRIPT = b"<</S/JavaScript/JS(app.alert(1))>>"


@pytest.mark.parametrize(
    "content",
    [
        pdf(b"2 0 obj<</OpenAction<</S/JavaScript/JS 3 0 R>>>>endobj"),
        pdf(b"2 0 obj<</OpenAction<</S/J#61va#53cript/J#53 3 0 R>>>>endobj"),
        pdf(b"2 0 obj<</S/Rendition/JS(app.alert(1))>>endobj"),
        pdf(b"2 0 obj<</A<</S/Launch/F(cmd.exe)>>>>endobj"),
        pdf(b"2 0 obj<</Names<</EmbeddedFiles 3 0 R>>>>endobj"),
        pdf(stream(b"/Type/EmbeddedFile", b"MZ")),
        pdf(stream(PACKED, zlib.compress(SCRIPT))),
        pdf(stream(PACKED.replace(b"ObjStm", b"Obj#53tm"), zlib.compress(SCRIPT))),
        # What looks like a stream in a comment hides nothing.
        pdf(b"% >>stream\n" + SCRIPT + b"% endstream"),
    ],
)
def test_a_pdf_that_runs_or_holds_something_is_refused(content: bytes) -> None:
    assert code("a.pdf", content) == "active_content"


@pytest.mark.parametrize(
    "content",
    [
        pdf(b"2 0 obj<</Type/Action/S/URI/URI(https://example.org)>>endobj"),
        pdf(stream(PACKED, zlib.compress(b"<</Type/Page/Contents 3 0 R>>"))),
        # Three bytes that any photo has somewhere.
        pdf(stream(b"/Subtype/Image", b"\x01/JS(\x02")),
        # Nobody can look into it.
        pdf(stream(PACKED, b"\x93" * 40) + b"trailer<</Encrypt 5 0 R>>"),
    ],
)
def test_a_pdf_with_links_and_pictures_is_kept(content: bytes) -> None:
    assert file_types.judge("a.pdf", content) == "pdf"


@pytest.mark.parametrize(
    "content",
    [
        pdf(stream(PACKED, b"\x93" * 40)),
        pdf(stream(PACKED, zlib.compress(bytes(30_000_000)))),
        pdf(stream(PACKED, zlib.compress(b"")) * 10_000),
    ],
)
def test_a_pdf_whose_structure_cannot_be_looked_at_is_refused(content: bytes) -> None:
    assert code("a.pdf", content) == "damaged"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7\n" + b">>stream\n" * 300_000 + b"%%EOF"),
        ("a.pdf", b"%PDF-1.7\n" + b"/ObjStm/" * 300_000 + b"%%EOF"),
        ("a.jpg", JPEG[:-2] + b"\xff" * 3_000_000 + b"\x00\xff\xd9"),
    ],
)
def test_no_file_takes_long_to_judge(name: str, content: bytes) -> None:
    started = time.monotonic()
    file_types.judge(name, content)
    assert time.monotonic() - started < 5


def relation(kind: str, mode: str = ' TargetMode="External"') -> bytes:
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="a" Type="{base}/{kind}" Target="https://example.org/x"{mode}/>'
        "</Relationships>"
    ).encode()


def docx(part: str, content: bytes) -> bytes:
    return archive(TYPES | {"word/document.xml": b"", part: content})


RELATIONS = "word/_rels/settings.xml.rels"


@pytest.mark.parametrize(
    "content",
    [
        docx(RELATIONS, relation("attachedTemplate")),
        docx(RELATIONS, relation("oleObject")),
        docx(RELATIONS, relation("attachedTemplate").decode().encode("utf-16")),
        docx(RELATIONS, relation("attachedTemplate").replace(b"External", b"&#69;xternal")),
        docx("word/embeddings/oleObject1.bin", b"\xd0\xcf\x11\xe0"),
        docx("word/activeX/activeX1.xml", b"<ax/>"),
        docx("word/x.VBS", b"MsgBox 1"),
        docx("word/embeddings/x.xlsm", b"PK"),
    ],
)
def test_a_document_that_runs_or_fetches_something_is_refused(content: bytes) -> None:
    assert code("a.docx", content) == "active_content"


@pytest.mark.parametrize(
    "content",
    [
        docx(RELATIONS, relation("hyperlink")),
        docx(RELATIONS, relation("attachedTemplate", mode="")),
        docx("word/embeddings/Microsoft_Excel_Sheet.xlsx", b"PK"),
        docx("word/printerSettings/printerSettings1.bin", b"x"),
    ],
)
def test_a_document_with_links_and_charts_is_kept(content: bytes) -> None:
    assert file_types.judge("a.docx", content) == "docx"


@pytest.mark.parametrize(
    "content",
    [
        docx(RELATIONS, b'<!DOCTYPE x [<!ENTITY e "External">]><x/>'),
        docx(RELATIONS, b"<Relationships"),
        docx("word/media/image1.bmp", bytes(100_000_000)),
        docx("word/media/image1.bmp", bytes(30_000_000)),
        docx(RELATIONS, b" " * 9_000_000),
    ],
)
def test_a_document_that_nobody_can_look_into_is_refused(content: bytes) -> None:
    assert code("a.docx", content) == "damaged"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", PNG + DOCX),
        ("a.png", PNG + b"x"),
        ("a.webp", WEBP + b"xx"),
        ("a.jpg", JPEG + b"x"),
        ("a.jpg", JPEG + DOCX),
        ("a.jpg", JPEG + JPEG + DOCX),
        ("a.jpg", picture("JPEG", comment=b" " * 5000 + HTML + b" " * 5000)),
    ],
)
def test_a_picture_with_something_else_in_it_is_refused(name: str, content: bytes) -> None:
    assert code(name, content) == "active_content"


@pytest.mark.parametrize(
    "rest",
    [bytes(40), bytes(7) + JPEG, b"\x00\x00\x00\x18ftypmp42" + bytes(90), b"notes\x00SEFT"],
)
def test_what_phones_put_behind_a_photo_is_kept(rest: bytes) -> None:
    assert file_types.judge("a.jpg", JPEG + rest) == "jpg"


@pytest.mark.parametrize("name", ["foto.png", "foto.jpg", "foto.webp"])
def test_half_a_picture_is_refused(name: str) -> None:
    assert code(name, GOOD[name][:-8]) == "damaged"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_text_with_a_mark_at_its_start_is_text(encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert file_types.judge("a.txt", mark + "Señora Núñez: موعد".encode(encoding)) == "txt"
    page = " " * 3000 + SVG.decode()[21:] + " " * 3000
    assert code("a.txt", mark + page.encode(encoding)) == "active_content"
    assert code("a.txt", mark + "a\0b".encode(encoding)) == "type_mismatch"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("late.pdf", b"\n" * 20 + PDF),
        ("zip.docx", archive({"word/document.xml": b""})),
        ("binary.txt", b"a\x00b"),
        ("other.xlsx", archive(TYPES | {"ppt/presentation.xml": b""})),
        ("gif.jpg", b"GIF89a\x01\x00\x01\x00"),
        ("feed.txt", b'<?xml version="1.0"?><feed/>'),
    ],
)
def test_what_is_something_else_inside_is_refused(name: str, content: bytes) -> None:
    assert code(name, content) == "type_mismatch"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("half.pdf", PDF[:30]),
        ("half.docx", DOCX[:60]),
        ("half.docx", DOCX[:-30]),
    ],
)
def test_half_a_file_is_refused(name: str, content: bytes) -> None:
    assert code(name, content) == "damaged"


def test_a_photo_with_a_second_picture_behind_it_is_a_photo() -> None:
    kept = io.BytesIO()
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(kept, "MPO", save_all=True, append_images=[second])
    assert file_types.judge("foto.jpg", kept.getvalue()) == "jpg"


def test_text_of_windows_is_text() -> None:
    assert file_types.judge("notas.txt", "Señora Núñez".encode("cp1252")) == "txt"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_small_file_may_not_claim_a_huge_picture(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = picture(form, (100, 100))
    assert file_types.judge(f"a.{form.lower()}", content)
    monkeypatch.setattr(file_checks, "MAX_PIXELS", 9_999)
    assert code(f"a.{form.lower()}", content) == "too_many_pixels"


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_decompression_bomb_is_not_opened(side: int) -> None:
    bomb = bytearray(PNG)
    bomb[16:24] = side.to_bytes(4, "big") * 2
    bomb[29:33] = _crc(bytes(bomb[12:29]))
    assert code("a.png", bytes(bomb)) == "too_many_pixels"


def test_an_office_file_may_not_unpack_to_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive(TYPES | {"word/document.xml": bytes(1_000_000)})
    assert file_types.judge("a.docx", bomb) == "docx"
    monkeypatch.setattr(file_checks, "MAX_UNPACKED_BYTES", 999_999)
    assert code("a.docx", bomb) == "damaged"
    monkeypatch.undo()
    monkeypatch.setattr(file_checks, "MAX_PARTS", 1)
    assert code("a.docx", bomb) == "damaged"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Pasaporte ñ.pdf", "Pasaporte ñ.pdf"),
        ("Pasaporte n\u0303.pdf", "Pasaporte ñ.pdf"),
        ("جواز سفر.pdf", "جواز سفر.pdf"),
        ('Amina "la mayor".pdf', 'Amina "la mayor".pdf'),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Users\\Omar\\scan.pdf", "scan.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("scan\u202efdp.exe", "scanfdp.exe"),
        ("\u2066scan\u2069\u200e.pdf", "scan.pdf"),
        ("a\0b\x7f\ud800.pdf", "ab.pdf"),
        ("  a   b .pdf ", "a b .pdf"),
        (".htaccess", "htaccess"),
        ("...", ""),
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("y" * 300, "y" * 150),
    ],
)
def test_a_name_is_made_fit_to_be_shown_and_sent(given: str, kept: str) -> None:
    assert file_names.clean(given) == kept
    assert file_names.clean(kept) == kept


def _crc(chunk: bytes) -> bytes:
    return zlib.crc32(chunk).to_bytes(4, "big")
