"""What people send is kept as what it is; what a page may show runs nothing."""

import pytest

from services.errors import Invalid
from services.media_types import FILMS, PICTURES, SHOWN, SOUNDS, UNKNOWN, judge
from tests import media_examples as examples

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("content", "extension", "media_type"),
    [
        (examples.jpeg(), "jpg", "image/jpeg"),
        (examples.png(), "png", "image/png"),
        (examples.webp(), "webp", "image/webp"),
        (examples.pdf(), "pdf", "application/pdf"),
        (examples.voice_note(), "ogg", "audio/ogg"),
        (b"ID3\x04\0\0\0\0\0\0" + bytes(40), "mp3", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(40), "mp3", "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(40), "aac", "audio/aac"),
        (b"#!AMR\n" + bytes(40), "amr", "audio/amr"),
        (examples.sound(), "m4a", "audio/mp4"),
        (examples.film(), "mp4", "video/mp4"),
        (b"\0\0\0\x14ftyp3gp5" + bytes(40), "3gp", "video/3gpp"),
        (
            examples.office("ppt/presentation.xml"),
            "pptx",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        (
            examples.office(),
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_content_decides(content: bytes, extension: str, media_type: str) -> None:
    for declared in (None, "text/html", "image/svg+xml", "video/mp4"):
        kept = judge(content, declared=declared, name="something.else")
        assert (kept.extension, kept.media_type) == (extension, media_type)


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        HTML,
        b"\0\x01\x02 nobody knows",
        b"PK\x03\x04 no archive",
        examples.pdf() + b"<script>alert(1)</script>",
        examples.pdf().replace(b"/Type/Catalog", b"/JavaScript 1 0 R/Type/Catalog"),
        examples.jpeg() + HTML,
        examples.jpeg()[:200],
        b"\xff\xd8\xff" + HTML,
        b"OggS" + bytes(60),
        b"\0\0\0\x18ftypheic" + bytes(40),
        examples.office("word/document.xml", {"word/a.exe": b"MZ"}),
    ],
)
@pytest.mark.parametrize("declared", [None, "image/jpeg", "application/pdf", "text/html"])
def test_what_is_no_sound_file_of_a_known_kind_is_kept_and_never_shown(
    content: bytes, declared: str | None
) -> None:
    kept = judge(content, declared=declared)
    assert (kept.extension, kept.media_type) == ("bin", UNKNOWN)
    assert kept.media_type not in SHOWN


@pytest.mark.parametrize(
    "content", [b"MZ\x90\0" + bytes(60), b"\x7fELF" + bytes(60), b"#!/bin/sh\n"]
)
def test_a_program_is_not_kept(content: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        judge(content, declared="image/jpeg", name="foto.jpg")
    assert refused.value.fields == {"file": "program"}


@pytest.mark.parametrize("name", ["factura.js", "foto.JPG.exe", "a.lnk", "x.apk"])
def test_what_a_double_click_starts_is_not_kept(name: str) -> None:
    with pytest.raises(Invalid):
        judge(b"var a = 1;", name=name)


def test_nothing_is_no_file() -> None:
    with pytest.raises(Invalid) as refused:
        judge(b"")
    assert refused.value.fields == {"file": "empty"}


def test_text_needs_somebody_who_says_so() -> None:
    assert judge(b"hola", declared="text/plain").media_type == "text/plain"
    assert judge(b"hola", name="notas.txt").media_type == "text/plain"
    assert judge(b"hola").media_type == UNKNOWN
    assert judge(HTML, declared="text/plain").media_type == UNKNOWN


def test_the_older_formats_of_office_are_told_apart_by_what_is_said() -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40)
    assert judge(content, declared="application/msword").extension == "doc"
    assert judge(content, name="tabla.xls").extension == "xls"
    assert judge(content).extension == "bin"


def test_a_picture_knows_its_size_as_it_is_shown() -> None:
    upright, turned = judge(examples.jpeg()), judge(examples.jpeg(turn=6))
    assert (upright.width, upright.height) == (64, 48)
    assert (turned.width, turned.height) == (48, 64)


def test_a_voice_note_knows_how_long_it_is() -> None:
    assert judge(examples.voice_note(12.5)).seconds == 12.5
    # The last page may say anything.
    assert judge(examples.voice_note(-1)).seconds is None
    assert judge(examples.voice_note(90 * 3600)).seconds is None


def test_no_page_and_no_drawing_is_ever_shown() -> None:
    assert not SHOWN & {
        "image/svg+xml",
        "text/html",
        "application/xhtml+xml",
        "text/plain",
        UNKNOWN,
    }
    assert PICTURES | SOUNDS | FILMS | {"application/pdf"} == SHOWN
