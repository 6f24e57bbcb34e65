"""Both storages keep the same promises: private, under keys, reached by links that end."""

import re
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs

from api import files as files_api
from services import keys
from services.adapters import local_storage
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import (
    MAX_OBJECT_BYTES,
    MEDIA_TYPES,
    Storage,
    StorageProblem,
    new_key,
)
from services.adapters.supabase_storage import SupabaseStorage
from services.errors import NotFound
from tests.supabase_storage import SERVICE_KEY, URL, Bucket, FakeSupabaseStorage
from tests.support import TEST_SECRET

PDF = "application/pdf"
LOCAL_URL = "http://127.0.0.1:8000"
NAMES = [
    "Pasaporte.pdf",
    "Pasaporte ñ.pdf",
    "جواز سفر.pdf",
    'Amina "la mayor".pdf',
    "100% & más #1?.pdf",
]


@dataclass
class Place:
    """A storage, and what a browser and the passing of time do to it."""

    storage: Storage
    browse: Callable[[str], Awaitable[httpx.Response]]
    later: Callable[[float], None]


@pytest.fixture
def server() -> FakeSupabaseStorage:
    return FakeSupabaseStorage()


@pytest.fixture
async def supabase(server: FakeSupabaseStorage) -> AsyncIterator[SupabaseStorage]:
    http = httpx.AsyncClient(transport=server.transport)
    storage = SupabaseStorage(URL, SERVICE_KEY, "documents", http=http)
    yield storage
    await storage.close()


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    keys.use_secret(TEST_SECRET)
    return LocalStorage(tmp_path / "documents", LOCAL_URL)


@pytest.fixture(params=["local", "supabase"])
async def place(
    request: pytest.FixtureRequest,
    local: LocalStorage,
    supabase: SupabaseStorage,
    server: FakeSupabaseStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Place]:
    if request.param == "local":
        app = FastAPI()
        app.include_router(files_api.router(local))
        transport: httpx.AsyncBaseTransport = httpx.ASGITransport(app)
        storage: Storage = local
    else:
        transport, storage = server.transport, supabase

    def later(seconds: float) -> None:
        server.ahead = seconds
        now = time.time()
        monkeypatch.setattr(local_storage, "_now", lambda: now + seconds)

    await storage.ensure()
    async with httpx.AsyncClient(transport=transport) as browser:
        yield Place(storage, browser.get, later)


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.storage


@pytest.fixture
async def key(storage: Storage) -> str:
    key = new_key("documents", "pdf")
    await storage.put(key, b"content", PDF)
    return key


class TestBoth:
    async def test_what_is_stored_comes_back(self, storage: Storage, key: str) -> None:
        assert await storage.get(key) == b"content"
        assert await storage.exists(key)

    @pytest.mark.parametrize(
        ("start", "end", "part"),
        [
            (0, 7, b"content"),
            (2, 5, b"nte"),
            (5, 99, b"nt"),
            (7, 9, b""),
            (99, 100, b""),
            (3, 3, b""),
        ],
    )
    async def test_a_part_comes_back_alone(
        self, storage: Storage, key: str, start: int, end: int, part: bytes
    ) -> None:
        assert await storage.read(key, start, end) == part

    async def test_a_part_of_what_is_not_there_is_not_found(self, storage: Storage) -> None:
        with pytest.raises(NotFound):
            await storage.read(new_key("documents", "pdf"), 0, 1)

    @pytest.mark.parametrize(
        "extension", ["ogg", "mp3", "aac", "m4a", "amr", "mp4", "3gp", "webp", "pptx", "doc", "bin"]
    )
    async def test_what_people_send_is_taken(self, storage: Storage, extension: str) -> None:
        key = new_key("media", extension)
        await storage.put(key, b"content", MEDIA_TYPES[extension])
        assert await storage.get(key) == b"content"

    async def test_a_taken_key_is_refused_and_keeps_its_object(
        self, storage: Storage, key: str
    ) -> None:
        with pytest.raises(StorageProblem, match="exists"):
            await storage.put(key, b"other", PDF)
        assert await storage.get(key) == b"content"

    async def test_what_was_removed_is_gone(self, storage: Storage, key: str) -> None:
        await storage.remove(key)
        assert not await storage.exists(key)
        with pytest.raises(NotFound):
            await storage.get(key)

    async def test_removing_what_is_not_there_is_fine(self, storage: Storage, key: str) -> None:
        await storage.remove(new_key("documents", "pdf"))
        await storage.remove(key)
        await storage.remove(key)

    async def test_nothing_but_the_removed_object_goes(self, storage: Storage, key: str) -> None:
        other = new_key("documents", "pdf")
        await storage.put(other, b"other", PDF)
        await storage.remove(key)
        assert await storage.get(other) == b"other"

    async def test_too_much_is_refused(self, storage: Storage) -> None:
        key = new_key("exports", "zip")
        with pytest.raises(StorageProblem, match="too_large"):
            await storage.put(key, bytes(MAX_OBJECT_BYTES + 1), "application/zip")
        assert not await storage.exists(key)

    @pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", ""])
    async def test_other_types_are_refused(self, storage: Storage, media_type: str) -> None:
        key = new_key("documents", "pdf")
        with pytest.raises(StorageProblem, match="type_refused"):
            await storage.put(key, b"<svg onload=alert(1)>", media_type)
        assert not await storage.exists(key)

    @pytest.mark.parametrize(
        "key",
        [
            "../secrets.json",
            "documents/../../secrets.json",
            f"documents/{UUID(int=1)}.exe",
            f"documents/{UUID(int=1)}.pdf/x",
            f"documents/{UUID(int=1)}.pdf\n",
            f"/documents/{UUID(int=1)}.pdf",
            "documents/pasaporte-de-amina.pdf",
            "",
        ],
    )
    async def test_only_random_keys_are_keys(self, storage: Storage, key: str) -> None:
        for work in (
            storage.put(key, b"x", PDF),
            storage.get(key),
            storage.remove(key),
            storage.exists(key),
            storage.link(key, "x.pdf"),
        ):
            with pytest.raises(ValueError, match="no key"):
                await work

    @pytest.mark.parametrize("name", NAMES)
    async def test_a_link_downloads_under_its_name(self, place: Place, key: str, name: str) -> None:
        answer = await place.browse(await place.storage.link(key, name))
        assert (answer.status_code, answer.content) == (200, b"content")
        assert answer.headers["content-type"] == PDF
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment; filename")
        assert _name_in(disposition) == name

    async def test_a_link_is_absolute_and_says_nothing_of_anybody_in_its_path(
        self, storage: Storage, key: str
    ) -> None:
        parts = urlsplit(await storage.link(key, "Amina Benali.pdf"))
        assert f"{parts.scheme}://{parts.netloc}" in (LOCAL_URL, URL)
        assert "amina" not in parts.path.lower()

    async def test_a_link_lives_for_a_minute(self, place: Place, key: str) -> None:
        url = await place.storage.link(key, "x.pdf")
        place.later(58)
        assert (await place.browse(url)).status_code == 200
        place.later(62)
        assert _refused(await place.browse(url))

    async def test_a_link_that_was_tampered_with_opens_nothing(
        self, place: Place, key: str
    ) -> None:
        other = new_key("documents", "pdf")
        await place.storage.put(other, b"other", PDF)
        url = await place.storage.link(key, "x.pdf")
        token = re.split(r"/files/|token=", url.partition("&")[0])[1]
        middle = len(token) // 2
        swapped = "A" if token[middle] != "A" else "B"
        for wrong in (token[:middle] + swapped + token[middle + 1 :], token[:-8], token + "AAAA"):
            assert _refused(await place.browse(url.replace(token, wrong)))
        assert _refused(await place.browse(url.replace(token, "%00")))
        if key in url:
            assert _refused(await place.browse(url.replace(key, other)))
            assert _refused(await place.browse(url.partition("?")[0]))

    async def test_a_link_to_what_was_removed_since_opens_nothing(
        self, place: Place, key: str
    ) -> None:
        url = await place.storage.link(key, "x.pdf")
        await place.storage.remove(key)
        assert _refused(await place.browse(url))

    async def test_there_is_no_link_to_what_is_not_there(self, storage: Storage) -> None:
        with pytest.raises(NotFound):
            await storage.link(new_key("documents", "pdf"), "x.pdf")

    async def test_without_a_link_there_is_no_way_in(self, place: Place, key: str) -> None:
        for path in (
            f"/files/{key}",
            f"/documents/{key}",
            f"/storage/v1/object/documents/{key}",
            f"/storage/v1/object/public/documents/{key}",
            f"/storage/v1/object/authenticated/documents/{key}",
            f"/storage/v1/object/sign/documents/{key}",
        ):
            for origin in (LOCAL_URL, URL):
                assert _refused(await place.browse(origin + path))

    async def test_ensuring_twice_loses_nothing(self, storage: Storage, key: str) -> None:
        await storage.ensure()
        assert await storage.get(key) == b"content"


class TestLocal:
    async def test_only_the_app_reads_the_files(self, local: LocalStorage, tmp_path: Path) -> None:
        await local.ensure()
        key = new_key("documents", "pdf")
        await local.put(key, b"content", PDF)
        modes = {
            path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
            for path in tmp_path.rglob("*")  # noqa: ASYNC240 - two folders
        }
        kept = f"documents/{key}"
        assert modes == {"documents": 0o700, "documents/documents": 0o700, kept: 0o600}

    async def test_what_a_crash_left_of_a_file_goes_with_its_key(
        self, local: LocalStorage, tmp_path: Path
    ) -> None:
        await local.ensure()
        key = new_key("documents", "pdf")
        folder = tmp_path / "documents" / "documents"
        folder.mkdir()
        (tmp_path / "documents" / f"{key}.part").write_bytes(b"half of a passp")
        assert not await local.exists(key)
        await local.remove(key)
        assert list(folder.iterdir()) == []

    async def test_no_file_of_another_installation(self, local: LocalStorage) -> None:
        await local.ensure()
        key = new_key("documents", "pdf")
        await local.put(key, b"content", PDF)
        token = (await local.link(key, "x.pdf")).rpartition("/")[2]
        keys.use_secret("another secret, as long as it has to be")
        with pytest.raises(NotFound):
            await local.follow(token)

    async def test_a_disk_that_fails_is_told(self, local: LocalStorage, tmp_path: Path) -> None:
        (tmp_path / "documents").write_text("in the way")
        for work in (
            local.ensure(),
            local.put(new_key("documents", "pdf"), b"content", PDF),
            local.remove(new_key("documents", "pdf")),
        ):
            with pytest.raises(StorageProblem, match="unavailable"):
                await work

    async def test_a_disk_that_is_not_there_is_no_proof_that_an_object_is_gone(
        self, local: LocalStorage
    ) -> None:
        with pytest.raises(StorageProblem, match="unavailable"):
            await local.exists(new_key("documents", "pdf"))

    async def test_a_download_is_saved_and_never_shown_kept_or_handed_on(
        self, local: LocalStorage
    ) -> None:
        await local.ensure()
        key = new_key("documents", "txt")
        await local.put(key, b"<script>alert(1)</script>", "text/plain")
        app = FastAPI()
        app.include_router(files_api.router(local))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
            good = await browser.get(await local.link(key, "notas\r\nSet-Cookie: a=b.txt"))
            bad = await browser.get(f"{LOCAL_URL}/files/x")
        assert good.status_code == 200
        assert "set-cookie" not in good.headers
        assert good.headers["content-type"].startswith("text/plain")
        for answer in (good, bad):
            assert {
                "cache-control": "no-store",
                "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
                "cross-origin-resource-policy": "same-origin",
                "referrer-policy": "no-referrer",
                "x-content-type-options": "nosniff",
            }.items() <= dict(answer.headers).items()
        assert (bad.status_code, bad.text) == (404, "Not Found")

    async def test_a_link_while_the_disk_is_away_is_a_503(
        self, local: LocalStorage, tmp_path: Path
    ) -> None:
        await local.ensure()
        key = new_key("documents", "pdf")
        await local.put(key, b"content", PDF)
        url = await local.link(key, "x.pdf")
        (tmp_path / "documents").rename(tmp_path / "elsewhere")
        app = FastAPI()
        app.include_router(files_api.router(local))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
            assert (await browser.get(url)).status_code == 503


class TestSupabase:
    async def test_the_bucket_is_made_private_and_limited(
        self, supabase: SupabaseStorage, server: FakeSupabaseStorage
    ) -> None:
        await supabase.ensure()
        bucket = server.buckets["documents"]
        assert (bucket.public, bucket.limit) == (False, MAX_OBJECT_BYTES)
        assert bucket.types is not None
        assert PDF in bucket.types
        assert not {"text/html", "image/svg+xml"} & set(bucket.types)

    async def test_a_bucket_that_was_opened_is_closed_again(
        self, supabase: SupabaseStorage, server: FakeSupabaseStorage
    ) -> None:
        await supabase.ensure()
        server.buckets["documents"] = Bucket(public=True, limit=None, types=None)
        await supabase.ensure()
        bucket = server.buckets["documents"]
        assert (bucket.public, bucket.limit) == (False, MAX_OBJECT_BYTES)
        assert bucket.types

    async def test_nothing_is_stored_before_the_bucket_is_known_to_be_private(
        self, supabase: SupabaseStorage, server: FakeSupabaseStorage
    ) -> None:
        server.instead = [httpx.ConnectError("down"), httpx.ConnectError("down")]
        with pytest.raises(StorageProblem, match="unavailable"):
            await supabase.ensure()
        with pytest.raises(StorageProblem, match="unavailable"):
            await supabase.put(new_key("documents", "pdf"), b"content", PDF)
        assert {path for _, path in server.requests} == {"/storage/v1/bucket"}
        await supabase.put(new_key("documents", "pdf"), b"content", PDF)
        assert not server.buckets["documents"].public

    async def test_what_it_does_not_remove_is_noticed(
        self, supabase: SupabaseStorage, server: FakeSupabaseStorage
    ) -> None:
        key = new_key("documents", "pdf")
        await supabase.put(key, b"content", PDF)
        server.keeps_everything = True
        with pytest.raises(StorageProblem, match="not_removed"):
            await supabase.remove(key)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.ConnectError("refused"),
            httpx.ReadTimeout("slow"),
            PlainTextResponse("<html>Bad gateway</html>", 502),
            PlainTextResponse("<html>Not found</html>", 404),
            PlainTextResponse("<html>Welcome to the hotel's network</html>", 200),
        ],
        ids=["refused", "slow", "502", "404", "200"],
    )
    async def test_whatever_is_no_answer_of_storage_is_unavailable_and_never_a_no(
        self,
        supabase: SupabaseStorage,
        server: FakeSupabaseStorage,
        answer: PlainTextResponse | httpx.TransportError,
    ) -> None:
        key = new_key("documents", "pdf")
        await supabase.put(key, b"content", PDF)
        # A page that came with 200 might be the object: nothing tells it from one.
        certain = not (isinstance(answer, PlainTextResponse) and answer.status_code == 200)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: supabase.put(new_key("documents", "pdf"), b"content", PDF),
            lambda: supabase.remove(key),
            lambda: supabase.link(key, "x.pdf"),
            lambda: supabase.exists(key),
        ]
        if certain:
            calls.append(lambda: supabase.get(key))
        for call in calls:
            server.instead = [answer]
            with capture_logs() as logs, pytest.raises(StorageProblem, match="unavailable"):
                await call()
            assert not re.search(f"{SERVICE_KEY}|html|{key}", str(logs))

    async def test_a_key_that_is_not_accepted(self, server: FakeSupabaseStorage) -> None:
        http = httpx.AsyncClient(transport=server.transport)
        storage = SupabaseStorage(URL, "sb_secret_of_somebody_else", "documents", http=http)
        with pytest.raises(StorageProblem, match="not_allowed") as caught:
            await storage.ensure()
        assert "sb_secret" not in str(caught.value)
        with pytest.raises(StorageProblem, match="not_allowed"):
            await storage.exists(new_key("documents", "pdf"))
        await storage.close()

    async def test_a_bucket_that_is_not_there_is_no_proof_that_an_object_is_gone(
        self, supabase: SupabaseStorage
    ) -> None:
        with pytest.raises(StorageProblem, match="not_allowed"):
            await supabase.exists(new_key("documents", "pdf"))


def _refused(answer: httpx.Response) -> bool:
    """Storage answers 400 where others say 401, 403 or 404."""
    return 400 <= answer.status_code < 500 and answer.content not in (b"content", b"other")


def _name_in(disposition: str) -> str:
    """RFC 6266: the name that a browser saves under."""
    encoded = re.search(r"filename\*=utf-8''([^;]+)", disposition, re.IGNORECASE)
    if encoded:
        return unquote(encoded[1])
    plain = re.search(r'filename="([^"]+)"', disposition)
    assert plain is not None
    return plain[1]
