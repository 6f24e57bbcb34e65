"""Files of messages are fetched whatever goes wrong, or it is said that they are lost."""

import asyncio
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from structlog.testing import capture_logs

from services import files, limits, media_fetching, public_addresses
from services.adapters.graph import Graph
from services.adapters.local_storage import LocalStorage
from services.adapters.storage import MAX_OBJECT_BYTES, Storage
from services.adapters.supabase_storage import SupabaseStorage
from services.simulator import bodies
from services.simulator.bodies import DEMO_NUMBER, Sender
from tests import media_examples as examples
from tests.fake_media import (
    BASE_URL,
    TOKEN,
    VERSION,
    FakeMedia,
    Held,
    base64_digest,
    hex_digest,
    refused,
)
from tests.supabase_storage import SERVICE_KEY, URL, FakeSupabaseStorage
from tests.support import SYSTEM, Postgres, deliver

AMINA = Sender("34600111222", profile_name="Amina Béjaïa")
PHOTO = examples.jpeg()


@pytest.fixture(params=["local", "supabase"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    if request.param == "local":
        storage: Storage = LocalStorage(tmp_path / "documents", "http://127.0.0.1:8000")
    else:
        http = httpx.AsyncClient(transport=FakeSupabaseStorage().transport)
        storage = SupabaseStorage(URL, SERVICE_KEY, "documents", http=http)
    await storage.ensure()
    files.use(storage)
    yield storage
    files.use(None)
    await storage.close()


class Desk:
    """The database, WhatsApp, and the passing of time."""

    def __init__(self, database: Postgres, whatsapp: FakeMedia, graph: Graph) -> None:
        self.database = database
        self.whatsapp = whatsapp
        self.graph = graph

    async def receive(self, *messages: Any) -> None:
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, *messages))

    async def photo(self, held: Held | None, **said: Any) -> None:
        """Amina sends a photo that WhatsApp holds like this."""
        if held is not None:
            self.whatsapp.held["1"] = held
            said.setdefault("sha256", base64_digest(held.content))
        await self.receive(bodies.image(AMINA, media_id="1", **said))

    async def fetch(self) -> int:
        return await media_fetching.fetch_next(SYSTEM, self.graph, only_public=False)

    async def fetch_all(self) -> None:
        while await self.fetch():
            pass

    def later(self, seconds: float) -> None:
        """Let time pass for everything that waits."""
        self.execute(
            "update message_media set"
            " next_attempt_at = next_attempt_at - make_interval(secs => %s),"
            " leased_until = leased_until - make_interval(secs => %s),"
            " expires_at = expires_at - make_interval(secs => %s)",
            [seconds] * 3,
        )

    def execute(self, statement: str, values: list[Any] | None = None) -> None:
        with self.database.connect() as connection:
            connection.execute(statement.encode(), values)

    def rows(self) -> list[dict[str, Any]]:
        url = self.database.owner.set(drivername="postgresql")
        with psycopg.connect(
            url.render_as_string(hide_password=False), row_factory=dict_row
        ) as connection:
            found = connection.execute(
                "select *, next_attempt_at - now() as pause from message_media order by media_id"
            )
            return found.fetchall()

    def row(self) -> dict[str, Any]:
        [row] = self.rows()
        return row


@pytest.fixture
async def desk(database: Postgres, storage: Storage) -> AsyncIterator[Desk]:
    whatsapp = FakeMedia()
    graph = Graph(
        BASE_URL,
        VERSION,
        TOKEN,
        phone_number_id="1",
        business_account_id="2",
        http=httpx.AsyncClient(
            transport=whatsapp, follow_redirects=False, headers={"Accept-Encoding": "identity"}
        ),
    )
    yield Desk(database, whatsapp, graph)
    await graph.close()


async def stored(desk: Desk, storage: Storage) -> bytes:
    row = desk.row()
    assert row["state"] == "stored"
    return await storage.get(row["storage_key"])


class TestWhatIsFetched:
    @pytest.mark.parametrize("digest", [hex_digest, base64_digest])
    async def test_a_photo_is_kept_as_it_came(
        self, desk: Desk, storage: Storage, digest: Any
    ) -> None:
        await desk.photo(Held(PHOTO), sha256=digest(PHOTO))
        assert await desk.fetch() == 1
        assert await stored(desk, storage) == PHOTO
        row = desk.row()
        assert (row["kept_type"], row["size"]) == ("image/jpeg", len(PHOTO))
        assert (row["width"], row["height"]) == (64, 48)
        assert row["sha256"].hex() == hex_digest(PHOTO)
        assert not row["is_altered"]
        assert row["storage_key"].startswith("media/")
        assert await desk.fetch() == 0

    async def test_the_token_goes_with_both_requests_and_nothing_may_come_packed(
        self, desk: Desk
    ) -> None:
        await desk.photo(Held(PHOTO))
        await desk.fetch()
        assert list(desk.whatsapp.paths()) == [f"/{VERSION}/1", "/files/1"]
        for request in desk.whatsapp.requests:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            assert request.headers["accept-encoding"] == "identity"

    async def test_old_news_from_the_phone_has_its_files_too(
        self, desk: Desk, storage: Storage
    ) -> None:
        await desk.photo(Held(PHOTO))
        desk.execute("update messages set historical = true, sent_at = now() - interval '90 days'")
        await desk.fetch()
        assert await stored(desk, storage) == PHOTO

    async def test_content_decides_what_it_is_and_not_what_was_said(self, desk: Desk) -> None:
        await desk.photo(Held(b"<!doctype html><script>alert(1)</script>"))
        await desk.fetch()
        row = desk.row()
        assert (row["state"], row["kept_type"]) == ("stored", "application/octet-stream")
        assert row["storage_key"].endswith(".bin")

    async def test_another_sum_is_told_and_the_file_is_kept(
        self, desk: Desk, storage: Storage
    ) -> None:
        await desk.photo(Held(PHOTO, sha256="00" * 32), sha256="AAAA")
        with capture_logs() as logs:
            await desk.fetch()
        assert await stored(desk, storage) == PHOTO
        assert desk.row()["is_altered"]
        assert "media.altered" in [entry["event"] for entry in logs]

    async def test_a_program_is_refused(self, desk: Desk) -> None:
        await desk.photo(Held(b"MZ" + bytes(100)))
        await desk.fetch()
        assert (desk.row()["state"], desk.row()["problem"]) == ("refused", "program")


class TestWhatDoesNotComeAtOnce:
    async def test_not_found_then_fine(self, desk: Desk, storage: Storage) -> None:
        await desk.photo(None)
        await desk.fetch()
        row = desk.row()
        assert (row["state"], row["problem"], row["attempts"]) == ("pending", "not_found", 1)
        assert timedelta(0) < row["pause"] <= timedelta(seconds=2)
        assert await desk.fetch() == 0  # not before its time
        desk.whatsapp.held["1"] = Held(PHOTO)
        desk.later(2)
        assert await desk.fetch() == 1
        assert await stored(desk, storage) == PHOTO
        assert desk.row()["problem"] is None

    async def test_an_address_that_is_over_is_asked_for_anew_at_once(
        self, desk: Desk, storage: Storage
    ) -> None:
        await desk.photo(Held(PHOTO))
        address = httpx.Response(200, json={"url": f"{BASE_URL}/files/1"})
        desk.whatsapp.fail(address, refused(404, 0))
        await desk.fetch()
        assert await stored(desk, storage) == PHOTO
        assert list(desk.whatsapp.paths()) == [f"/{VERSION}/1", "/files/1"] * 2

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (httpx.ReadTimeout("slow"), "unavailable"),
            (httpx.ConnectError("away"), "unavailable"),
            (refused(500, 2), "unavailable"),
            (refused(429, 80007), "busy"),
            (refused(401, 190), "token"),
            (httpx.Response(200, content=b"<html>a gateway</html>"), "unavailable"),
        ],
    )
    async def test_a_fault_of_the_way_is_never_the_end(
        self, desk: Desk, storage: Storage, answer: Any, code: str
    ) -> None:
        await desk.photo(Held(PHOTO))
        for attempt in range(1, 9):
            desk.whatsapp.fail(answer)
            await desk.fetch()
            row = desk.row()
            assert (row["state"], row["problem"], row["attempts"]) == ("pending", code, attempt)
            pause = media_fetching.PAUSES[min(attempt, 7) - 1]
            assert timedelta(seconds=pause - 1) < row["pause"] <= timedelta(seconds=pause)
            desk.later(pause)
        await desk.fetch()
        assert await stored(desk, storage) == PHOTO

    async def test_what_whatsapp_does_not_have_is_given_up_and_said(self, desk: Desk) -> None:
        await desk.photo(None)
        with capture_logs() as logs:
            for _ in range(media_fetching.MOST_REFUSED):
                assert await desk.fetch() == 1
                desk.later(3600)
        assert (desk.row()["state"], desk.row()["problem"]) == ("failed", "not_found")
        assert logs[-1]["event"] == "media.given_up"
        assert logs[-1]["log_level"] == "error"
        assert await desk.fetch() == 0

    async def test_after_a_week_it_is_expired_and_that_is_an_alarm(self, desk: Desk) -> None:
        await desk.photo(Held(PHOTO))
        desk.whatsapp.fail(httpx.ReadTimeout("slow"))
        desk.later(6.6 * 24 * 3600)  # another attempt would come too late
        with capture_logs() as logs:
            await desk.fetch()
        assert desk.row()["state"] == "expired"
        assert ("media.expired", "error") in [(e["event"], e["log_level"]) for e in logs]

    async def test_what_was_never_tried_expires_too(self, desk: Desk) -> None:
        await desk.photo(Held(PHOTO))
        desk.later(7 * 24 * 3600 + 3700)
        with capture_logs() as logs:
            assert await media_fetching.expire(SYSTEM) == 1
        assert desk.row()["state"] == "expired"
        assert ("media.expired", "error") in [(e["event"], e["log_level"]) for e in logs]
        assert await media_fetching.expire(SYSTEM) == 0

    async def test_too_many_refusals_give_whatsapp_a_rest(self, desk: Desk) -> None:
        for number in range(20):
            await desk.receive(bodies.image(AMINA, media_id=f"gone-{number}"))
        for _ in range(4):
            await desk.fetch_all()
            desk.later(3600)
        # WhatsApp counts 20 an hour; up to four are under way at once.
        assert len(desk.whatsapp.requests) == limits.MEDIA_REFUSALS.most <= 16
        desk.execute("update rate_limits set window_started_at = now() - interval '61 minutes'")
        assert await desk.fetch() == 1

    async def test_a_crash_in_the_middle_costs_a_lease_and_no_file(
        self, desk: Desk, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await desk.photo(Held(PHOTO))
        with monkeypatch.context() as patched:
            patched.setattr(storage, "put", _killed)
            with pytest.raises(_KilledError):
                await desk.fetch()
        assert await desk.fetch() == 0
        desk.later(5 * 60)
        assert await desk.fetch() == 1
        assert await stored(desk, storage) == PHOTO

    async def test_storage_that_is_away_is_waited_for(
        self, desk: Desk, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await desk.photo(Held(PHOTO))
        with monkeypatch.context() as patched:
            patched.setattr(storage, "put", _away)
            await desk.fetch()
        assert desk.row()["problem"] == "storage_unavailable"
        desk.later(2)
        await desk.fetch()
        assert await stored(desk, storage) == PHOTO


class TestWhatIsNotTaken:
    @pytest.mark.parametrize(
        "url",
        [
            "https://files.example.org/1",
            "https://lookaside.fbsbx.com.example.org/1",
            "https://lookaside.fbsbx.com@example.org/1",
            "http://lookaside.fbsbx.com/1",
            "https://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "https://[::1]/1",
        ],
    )
    async def test_no_other_host_gets_the_token_or_is_asked_at_all(
        self, desk: Desk, url: str
    ) -> None:
        await desk.photo(Held(PHOTO, url=url))
        await desk.fetch()
        row = desk.row()
        assert (row["state"], row["problem"]) == ("pending", "host")
        assert {request.url.host for request in desk.whatsapp.requests} == {"graph.whatsapp.test"}

    async def test_a_redirect_is_not_followed(self, desk: Desk) -> None:
        await desk.photo(Held(PHOTO))
        away = httpx.Response(302, headers={"location": "https://files.example.org/1"})
        address = httpx.Response(200, json={"url": f"{BASE_URL}/files/1"})
        desk.whatsapp.fail(address, away)
        await desk.fetch()
        assert desk.row()["problem"] == "redirect"
        assert {request.url.host for request in desk.whatsapp.requests} == {"graph.whatsapp.test"}

    async def test_too_large_by_announcement_is_not_even_asked_for(self, desk: Desk) -> None:
        await desk.photo(Held(PHOTO, size=MAX_OBJECT_BYTES + 1))
        await desk.fetch()
        assert (desk.row()["state"], desk.row()["problem"]) == ("refused", "too_large")
        assert list(desk.whatsapp.paths()) == [f"/{VERSION}/1"]

    async def test_too_large_without_announcement_is_cut_off(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media_fetching, "MAX_OBJECT_BYTES", 1000)
        await desk.photo(Held(bytes(2000), size=10))
        await desk.fetch()
        assert (desk.row()["state"], desk.row()["problem"]) == ("refused", "too_large")

    async def test_what_comes_packed_is_not_unpacked(self, desk: Desk) -> None:
        packed = zlib.compressobj(wbits=31)
        bomb = packed.compress(bytes(30_000_000)) + packed.flush()
        await desk.photo(Held(bomb, headers={"content-encoding": "gzip"}))
        await desk.fetch()
        assert desk.row()["problem"] == "encoding"

    async def test_addresses_of_our_own_network_are_not_asked_in_real_mode(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def inside(_url: str) -> bool:
            return False

        monkeypatch.setattr(public_addresses, "is_public", inside)
        await desk.photo(Held(PHOTO))
        await media_fetching.fetch_next(SYSTEM, desk.graph, only_public=True)
        assert desk.row()["problem"] == "host"
        assert list(desk.whatsapp.paths()) == [f"/{VERSION}/1"]


class TestMemory:
    """Over a real connection, where whoever sends decides what comes."""

    @pytest.mark.parametrize("says_packed", [True, False])
    async def test_a_bomb_costs_no_more_than_what_travels(
        self, database: Postgres, tmp_path: Path, says_packed: bool
    ) -> None:
        packing = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packing.compress(bytes(1_000_000)) for _ in range(300)) + packing.flush()
        assert len(bomb) < 400_000  # 300 MB once it is unpacked
        extra = "Content-Encoding: gzip\r\n" if says_packed else ""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = await reader.readuntil(b"\r\n\r\n")
            is_file = b"/files/" in asked.split(b"\r\n")[0]
            body = bomb if is_file else json.dumps({"url": f"{base}/files/1"}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            writer.write(f"{head}{extra if is_file else ''}\r\n".encode() + body)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        graph = Graph(base, VERSION, TOKEN, phone_number_id="1", business_account_id="2")
        storage = LocalStorage(tmp_path / "documents", "http://127.0.0.1:8000")
        files.use(storage)
        await deliver(bodies.from_sender(DEMO_NUMBER, AMINA, bodies.image(AMINA, media_id="1")))
        tracemalloc.start()
        try:
            await media_fetching.fetch_next(SYSTEM, graph, only_public=False)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            server.close()
            await graph.close()
            files.use(None)
        assert peak < 8_000_000
        with database.connect() as connection:
            [state] = connection.execute(
                "select coalesce(problem, kept_type) from message_media"
            ).fetchone() or [None]
        assert state == ("encoding" if says_packed else "application/octet-stream")


class TestSeveralAtOnce:
    async def test_each_is_fetched_once_and_no_more_than_four_at_a_time(self, desk: Desk) -> None:
        for number in range(12):
            desk.whatsapp.held[str(number)] = Held(PHOTO)
            await desk.receive(bodies.image(AMINA, media_id=str(number)))
        under_way, most = 0, 0
        answer = desk.whatsapp.handle_async_request

        async def slow(request: httpx.Request) -> httpx.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            return await answer(request)

        desk.whatsapp.handle_async_request = slow  # type: ignore[method-assign]
        await asyncio.gather(*(desk.fetch_all() for _ in range(8)))
        await desk.fetch_all()
        assert {row["state"] for row in desk.rows()} == {"stored"}
        assert len(desk.whatsapp.requests) == 24
        assert 1 < most <= media_fetching.PARALLEL

    async def test_a_client_who_is_erased_meanwhile_leaves_no_file(
        self, desk: Desk, storage: Storage
    ) -> None:
        await desk.photo(Held(PHOTO))
        answer = desk.whatsapp.handle_async_request

        async def erasing(request: httpx.Request) -> httpx.Response:
            desk.execute("delete from clients")
            return await answer(request)

        desk.whatsapp.handle_async_request = erasing  # type: ignore[method-assign]
        assert await desk.fetch() == 1
        assert desk.rows() == []


class _KilledError(BaseException):
    """Stands for a process that is no more."""


async def _killed(*_: object) -> None:
    raise _KilledError


async def _away(*_: object) -> None:
    from services.adapters.storage import StorageProblem

    raise StorageProblem("unavailable")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.8", "192.168.1.1", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0"],
)
async def test_an_address_of_a_network_of_our_own_is_not_public(host: str) -> None:
    assert not await public_addresses.is_public(f"https://{host}/1")


async def test_an_address_of_the_internet_is_public() -> None:
    assert await public_addresses.is_public("https://8.8.8.8/1")
    assert await public_addresses.is_public("https://[2606:4700:4700::1111]/1")
    assert not await public_addresses.is_public("https://[::ffff:10.0.0.1]/1")
    assert not await public_addresses.is_public("nonsense")
