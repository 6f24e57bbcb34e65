"""A picture loses its notes and nothing else."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image

from services import image_metadata
from tests import media_examples as examples

PICTURES = {
    "image/jpeg": examples.jpeg(),
    "image/png": examples.png(),
    "image/webp": examples.webp(),
}


def points(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.tobytes()


@pytest.mark.parametrize("media_type", PICTURES)
def test_the_notes_go_and_the_points_stay(media_type: str) -> None:
    content = PICTURES[media_type]
    assert b"40.4168" in content
    plain = image_metadata.without(content, media_type)
    assert b"40.4168" not in plain
    assert points(plain) == points(content)
    with Image.open(io.BytesIO(plain)) as picture:
        assert set(picture.getexif()) <= {0x0112}
    assert image_metadata.without(plain, media_type) == plain


@pytest.mark.parametrize("turn", range(1, 9))
def test_which_way_is_up_stays(turn: int) -> None:
    content = examples.jpeg(turn=turn)
    assert image_metadata.orientation(content, "image/jpeg") == turn
    plain = image_metadata.without(content, "image/jpeg")
    with Image.open(io.BytesIO(plain)) as picture:
        assert picture.getexif().get(0x0112, 1) == turn
    assert image_metadata.orientation(plain, "image/jpeg") == turn


def test_colours_of_a_jpeg_stay() -> None:
    out = io.BytesIO()
    Image.new("CMYK", (8, 8), (10, 20, 30, 40)).save(out, "JPEG", icc_profile=b"p" * 300)
    plain = image_metadata.without(out.getvalue(), "image/jpeg")
    assert points(plain) == points(out.getvalue())
    with Image.open(io.BytesIO(plain)) as picture:
        assert picture.info["icc_profile"] == b"p" * 300


def test_a_second_picture_behind_the_first_goes_with_its_notes() -> None:
    content = examples.jpeg() + examples.jpeg(place=b"41.3851 N")
    plain = image_metadata.without(content, "image/jpeg")
    assert b"41.3851" not in plain
    assert points(plain) == points(content)


def test_a_picture_in_steps_is_kept_whole() -> None:
    out = io.BytesIO()
    noise = Image.frombytes("RGB", (64, 64), random.Random(7).randbytes(64 * 64 * 3))
    noise.save(out, "JPEG", progressive=True)
    assert points(image_metadata.without(out.getvalue(), "image/jpeg")) == points(out.getvalue())


@pytest.mark.parametrize("media_type", PICTURES)
def test_what_is_cut_off_is_no_picture(media_type: str) -> None:
    content = PICTURES[media_type]
    with pytest.raises(ValueError, match=r"picture|part|points|no "):
        image_metadata.without(content[: len(content) // 2], media_type)
    with pytest.raises(ValueError, match=r"picture|part|points|no "):
        image_metadata.without(b"something else", media_type)


def test_notes_that_lead_anywhere_are_read_safely() -> None:
    hostile = b"MM\0*" + struct.pack(">I", 0xFFFFFFFF)
    segment = b"\xff\xe1" + struct.pack(">H", 8 + len(hostile)) + b"Exif\0\0" + hostile
    content = examples.jpeg()
    content = content[:2] + segment + content[2:]
    assert image_metadata.orientation(content, "image/jpeg") == 1
    plain = image_metadata.without(content, "image/jpeg")
    assert points(plain) == points(examples.jpeg())


def test_a_png_that_animates_still_does() -> None:
    chunk = b"acTL" + struct.pack(">II", 1, 0)
    made = struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content = examples.png()
    assert made in image_metadata.without(content[:33] + made + content[33:], "image/png")
