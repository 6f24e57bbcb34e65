"""The file of a message in its bubble: what is shown, what can be pressed, and what is said."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.media_rows import MediaFile, MediaState
from tests.unit.test_timeline import message
from ui.components.timeline import render
from ui.i18n import speaking


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with speaking("en"):
        yield


STORED = MediaFile(state="stored", kept_type="image/jpeg", name=None, size=58_237)
WAITING = MediaFile(state="pending", kept_type=None, name=None, size=None)
PDF = replace(STORED, kept_type="application/pdf", name="Contrato.pdf", size=1_234_567)


def shown(media: MediaFile, kind: str = "image", text: str | None = None) -> str:
    """The markup of a message with this file."""
    return render([message(type=kind, text=text, payload={kind: {"id": "1"}}, media=media)])


def test_a_photo_leaves_room_before_it_comes_and_opens_in_the_viewer() -> None:
    found = shown(replace(STORED, width=3000, height=4000))
    assert 'width="255" height="340"' in found
    assert 'loading="lazy"' in found
    assert "data-photo=" in found
    # Never larger than it is.
    assert 'width="40" height="30"' in shown(replace(STORED, width=40, height=30))


def test_a_sticker_is_no_document_and_opens_nothing() -> None:
    found = shown(replace(STORED, kept_type="image/webp"), "sticker")
    assert "<img" in found
    assert "data-photo" not in found
    assert "data-media-act" not in found


def test_a_voice_note_plays_in_place_and_says_how_long_it_is() -> None:
    found = shown(replace(STORED, kept_type="audio/ogg", seconds=64.2), "audio")
    assert "<audio controls" in found
    assert "1:05" in found
    assert 'data-media-act="keep"' not in found


@pytest.mark.parametrize("kept", ["audio/amr", "video/3gpp", "application/octet-stream"])
def test_what_browsers_do_not_play_is_a_card_to_download(kept: str) -> None:
    found = shown(replace(STORED, kept_type=kept, name="x"), "video")
    assert "<video" not in found
    assert "<audio" not in found
    assert "?download" in found
    assert "?open" not in found
    unknown = "could not look into this file" in found
    assert unknown == (kept == "application/octet-stream")


def test_a_pdf_opens_downloads_and_goes_into_the_file_once() -> None:
    found = shown(PDF, "document")
    assert "Contrato.pdf" in found
    assert "1.2 MB" in found
    assert "?open" in found
    assert "?download" in found
    assert 'data-media-act="keep"' in found
    kept = shown(replace(PDF, document_id=UUID(int=1)), "document")
    assert 'data-media-act="keep"' not in kept
    assert "In the file" in kept


def test_a_name_is_text_whatever_it_says() -> None:
    found = shown(replace(PDF, name='<img src=x onerror="alert(1)">.pdf'), "document")
    assert "<img src=x" not in found
    assert "&lt;img src=x" in found


def test_what_is_being_fetched_says_so_and_asks_for_nothing() -> None:
    found = shown(WAITING)
    assert "Fetching the file…" in found
    assert "data-media-act" not in found


def test_what_does_not_come_says_why_and_until_when_it_is_tried() -> None:
    until = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
    found = shown(replace(WAITING, problem="busy", attempts=1, expires_at=until))
    assert "WhatsApp asks us to wait. We keep trying until" in found
    assert 'data-media-act="fetch"' in found


@pytest.mark.parametrize(
    ("state", "problem", "words", "may_ask"),
    [
        ("failed", "not_found", "WhatsApp says that it does not have this file.", True),
        ("expired", "unavailable", "Ask the person to send it again.", True),
        ("refused", "too_large", "larger than the 50 MB", False),
        ("refused", "program", "It is a program", False),
        ("removed", None, "retention rule", False),
        ("failed", "storage_not_allowed", "It could not be fetched.", True),
    ],
)
def test_what_will_not_come_says_what_to_do(
    state: MediaState, problem: str | None, words: str, may_ask: bool
) -> None:
    found = shown(replace(WAITING, state=state, problem=problem))
    assert words in found
    assert ('data-media-act="fetch"' in found) == may_ask


def test_a_file_that_is_not_what_was_announced_says_so() -> None:
    assert "not exactly what WhatsApp announced" in shown(replace(STORED, is_altered=True))
    assert "not exactly what WhatsApp announced" not in shown(STORED)


def test_a_caption_stays_below() -> None:
    found = shown(STORED, text="Mi pasaporte")
    assert found.index("<img") < found.index("Mi pasaporte")


def test_a_template_has_its_file_above_its_words() -> None:
    found = shown(PDF, "template")
    assert "Contrato.pdf" in found
    assert "?open" in found
