"""The files that people of the demo send are real ones, and stay what they were."""

import base64
import hashlib
import io
import subprocess
import sys
from random import Random

import pytest
from PIL import Image

from services.events import Json
from services.simulator import bodies, specimens
from services.simulator.graph_media import MediaStore
from services.simulator.wire import Sender

AMINA = Sender("34600000199", "MA.1")

BUILT: dict[str, tuple[str, Json]] = {
    "photo": ("image", bodies.image(AMINA)),
    "scan": ("image", bodies.image(AMINA, mime_type="image/png")),
    "paper": ("document", bodies.document(AMINA)),
    "voice note": ("audio", bodies.audio(AMINA)),
    "film": ("video", bodies.video(AMINA)),
    "sticker": ("sticker", bodies.sticker(AMINA)),
    "note": ("document", bodies.document(AMINA, "apuntes.txt", mime_type="text/plain")),
}


@pytest.mark.parametrize(("kind", "message"), BUILT.values(), ids=BUILT)
def test_a_medium_of_the_webhook_is_the_bytes_that_are_served(kind: str, message: Json) -> None:
    said = message[kind]
    medium = MediaStore().find(said["id"])
    assert medium is not None
    assert medium.mime_type == said["mime_type"]
    assert base64.b64decode(said["sha256"]) == hashlib.sha256(medium.content).digest()
    assert 0 < len(medium.content) < 100_000


@pytest.mark.parametrize("number", specimens.SPECIMENS)
def test_a_file_is_of_its_type(number: int) -> None:
    specimen = specimens.SPECIMENS[number]
    content = specimen.content
    match specimen.mime_type.split(";")[0]:
        case "image/jpeg" | "image/png" | "image/webp" as kind:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                assert image.format == kind.removeprefix("image/").upper()
                assert min(image.size) > 400
        case "application/pdf":
            assert content.startswith(b"%PDF-1.4\n")
            start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
            assert content[start : start + 4] == b"xref"
            entries = content[start:].split(b"\n")[3:9]
            for number, entry in enumerate(entries, start=1):
                assert content[int(entry[:10]) :].startswith(b"%d 0 obj\n" % number)
        case "audio/ogg":
            assert content.startswith(b"OggS")
            assert b"OpusHead" in content[:64]
        case "video/mp4":
            assert content[4:8] == b"ftyp"
            assert b"avc1" in content
        case "text/plain":
            assert content.decode()
        case other:
            pytest.fail(f"no look at {other}")


def test_what_is_said_of_a_paper_is_what_it_is() -> None:
    def title(message: Json, kind: str) -> int:
        return int(message[kind]["id"][:2]) % 10

    assert title(bodies.image(AMINA, "El volante de las dos"), "image") == 0
    assert title(bodies.document(AMINA, "padrón.pdf"), "document") == 0
    assert title(bodies.document(AMINA, "Pasaporte.pdf"), "document") == 1
    assert title(bodies.image(AMINA, "Tasa pagada señorita"), "image") == 3


def test_papers_are_the_same_bytes_at_every_start() -> None:
    said = (
        "from services.simulator import specimens as s;"
        "print(s.checksum(s.SPECIMENS[10].content), s.checksum(s.SPECIMENS[31].content),"
        " s.checksum(s.SPECIMENS[22].content), s.checksum(s.SPECIMENS[60].content))"
    )
    there = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60
    )
    here = [specimens.checksum(specimens.SPECIMENS[n].content) for n in (10, 31, 22, 60)]
    assert there.stdout.split() == here


def test_an_id_follows_from_the_message_and_is_one_persons() -> None:
    wamid = bodies.new_wamid("34600000199", random=Random(7))
    first, again = (bodies.image(AMINA, wamid=wamid)["image"]["id"] for _ in range(2))
    assert first == again != bodies.image(AMINA)["image"]["id"]
    assert len(first) == 16


@pytest.mark.parametrize("media_id", ["", "7", "0000000000000000", "1٤00000000000000", "x" * 16])
def test_an_id_of_nothing_is_nothing(media_id: str) -> None:
    assert specimens.of_id(media_id) is None
