"""A mock app behind a tunnel, or under a stranger's name for 127.0.0.1, answers nobody; a real one
answers under its public name."""

import pytest

from services.hosts import LoopbackOnly, PublicHostOnly
from services.logs import App, Message, Receive, Scope, Send


async def call(
    *headers: tuple[bytes, bytes], kind: str = "http", public_url: str = "", path: str = "/"
) -> list[Message]:
    """What the client of an app behind the middleware receives; the app itself says `reached`.

    In mock mode, or with `public_url` in real mode.
    """
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "reached"})

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": kind, "path": path, "headers": list(headers)}
    if kind == "lifespan":
        del scope["headers"]
    guarded: App = PublicHostOnly(app, public_url) if public_url else LoopbackOnly(app)
    await guarded(scope, receive, send)
    return sent


REACHED = [{"type": "reached"}]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:8000", "127.8.9.10:1", "[::1]:8000"],
)
async def test_this_machine_is_answered_under_each_of_its_names(kind: str, host: str) -> None:
    assert await call((b"host", host.encode()), kind=kind) == REACHED


FOREIGN = [
    *("evil.example.org", "evil.example.org:8000", "10.0.0.7", "[::2]:8000", "[::]", "0.0.0.0"),
    *("localhost.example.org", "127.0.0.1.nip.io", "evil.example.org:127.0.0.1", "localhost:x"),
    *("127.0.0.1@evil.example.org", "localhost:8000:1", "localhost:8000\n", "", "\xff"),
]


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_request_for_another_host_is_refused_in_words(host: str) -> None:
    start, body = await call((b"host", host.encode("latin-1")))
    assert start["status"] == 421
    assert b"localhost" in body["body"]
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_websocket_for_another_host_is_closed_before_it_opens(host: str) -> None:
    sent = await call((b"host", host.encode("latin-1")), kind="websocket")
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"localhost"), (b"host", b"evil.example.org")],
        [(b"host", b"localhost:8000"), (b"x-forwarded-host", b"evil.example.org")],
        [(b"x-forwarded-host", b"localhost")],
    ],
)
async def test_every_header_that_names_a_host_has_to_name_this_machine(
    headers: list[tuple[bytes, bytes]],
) -> None:
    start, _ = await call(*headers)
    assert start["status"] == 421


@pytest.mark.parametrize("public_url", ["", "https://acogida.example"])
async def test_starting_and_stopping_pass(public_url: str) -> None:
    assert await call(kind="lifespan", public_url=public_url) == REACHED


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("https://acogida.example", "acogida.example"),
        ("https://acogida.example", "Acogida.Example:443"),
        ("https://acogida.example:8443", "acogida.example:8443"),
        ("https://acogidá.example", "xn--acogid-uta.example"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
    ],
)
async def test_a_real_app_answers_under_its_public_name(
    kind: str, public_url: str, host: str
) -> None:
    assert await call((b"host", host.encode()), kind=kind, public_url=public_url) == REACHED


OTHERS = [
    *("evil.example.org", "acogida.example.evil.org", "www.acogida.example", "localhost"),
    *("10.0.0.7", "", "acogida.example:x", "acogida.example@evil.example.org", "\xff"),
]


@pytest.mark.parametrize("host", OTHERS)
async def test_a_real_app_answers_under_no_other_name(host: str) -> None:
    named = (b"host", host.encode("latin-1"))
    start, body = await call(named, public_url="https://acogida.example")
    assert start["status"] == 421
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    [closed] = await call(named, public_url="https://acogida.example", kind="websocket")
    assert closed["type"] == "websocket.close"


async def test_a_real_app_wants_one_host() -> None:
    named = (b"host", b"acogida.example")
    for headers in ([], [named, (b"host", b"evil.example.org")]):
        start, _ = await call(*headers, public_url="https://acogida.example")
        assert start["status"] == 421


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_a_health_check_may_ask_by_address(path: str) -> None:
    named = (b"host", b"10.0.0.7:8000")
    assert await call(named, public_url="https://acogida.example", path=path) == REACHED
    [start, _] = await call(named, public_url="https://acogida.example", path=path + "/x")
    assert start["status"] == 421
