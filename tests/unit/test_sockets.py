"""A connected browser is heard as fast as a person can press, and no faster."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import Client, core
from structlog.testing import capture_logs

from ui import sockets


class Page:
    """As much of a page as a socket needs: one element with one listener."""

    def __init__(self) -> None:
        self.elements = {4: SimpleNamespace(_event_listeners={"a": None})}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(sockets, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    heard: list[str] = []
    names = ("event", "javascript_response", "ack", "log")
    handlers: dict[str, Any] = {
        name: lambda sid, message, name=name: heard.append(name) for name in names
    }

    async def handshake(sid: str, message: Any) -> bool:
        heard.append("handshake")
        return True

    async def connect(sid: str, environ: Any, auth: Any = None) -> None:
        heard.append("connect")

    handlers |= {"handshake": handshake, "connect": connect}
    monkeypatch.setitem(core.sio.handlers, "/", handlers)
    monkeypatch.setattr(sockets, "_told", {})
    monkeypatch.setattr(core.sio, "_handle_event", packets(heard))
    monkeypatch.setattr(core.sio, "rooms", lambda sid: {sid, f"page-of-{sid}"})
    for name in ("ana", "leo"):
        Client.instances[f"page-of-{name}"] = Page()  # type: ignore[assignment]
    sockets.guard_sockets()
    yield heard
    for name in ("ana", "leo"):
        Client.instances.pop(f"page-of-{name}", None)


def packets(heard: list[str]) -> Any:
    async def handle(eio_sid: str, namespace: str, id: int | None, data: Any) -> None:
        heard.append(f"packet {data[0]}")

    return handle


def press(who: str, times: int) -> None:
    for _ in range(times):
        message: dict[str, Any] = {"client_id": f"page-of-{who}", "id": 4, "listener_id": "a"}
        core.sio.handlers["/"]["event"](who, message)


def test_a_hundred_events_at_once_are_heard_and_no_more(
    heard: list[str], clock: list[float]
) -> None:
    press("ana", 150)
    assert len(heard) == 100


def test_twenty_a_second_are_heard_for_ever(heard: list[str], clock: list[float]) -> None:
    press("ana", 200)
    heard.clear()
    for _ in range(10):
        clock[0] += 1.0
        press("ana", 20)
    assert len(heard) == 200


def test_a_page_that_rests_may_hurry_again_but_not_more_than_before(
    heard: list[str], clock: list[float]
) -> None:
    press("ana", 100)
    heard.clear()
    clock[0] += 3600
    press("ana", 150)
    assert len(heard) == 100


def test_one_page_never_slows_another(heard: list[str], clock: list[float]) -> None:
    press("ana", 150)
    heard.clear()
    press("leo", 10)
    assert len(heard) == 10


def test_what_a_browser_answers_by_itself_is_always_heard(
    heard: list[str], clock: list[float]
) -> None:
    press("ana", 150)
    heard.clear()
    own = {"client_id": "page-of-ana"}
    core.sio.handlers["/"]["ack"]("ana", {**own, "next_message_id": 7})
    core.sio.handlers["/"]["javascript_response"]("ana", {**own, "request_id": "r"})
    assert heard == ["ack", "javascript_response"]


def test_a_flood_is_one_line_in_the_log(heard: list[str], clock: list[float]) -> None:
    with capture_logs() as lines:
        press("ana", 500)
    assert [line["event"] for line in lines] == ["gate.too_many_events"]


def test_a_page_that_is_gone_leaves_nothing_behind(heard: list[str], clock: list[float]) -> None:
    press("ana", 5)
    assert len(sockets._buckets) == 1
    del Client.instances["page-of-ana"]
    assert len(sockets._buckets) == 0


def test_nobody_answers_a_thousand_times_a_second_for_long(
    heard: list[str], clock: list[float]
) -> None:
    for _ in range(1500):
        core.sio.handlers["/"]["ack"]("ana", {"client_id": "page-of-ana", "next_message_id": 7})
    assert len(heard) == 1000
    clock[0] += 1.0
    for _ in range(1500):
        core.sio.handlers["/"]["ack"]("ana", {"client_id": "page-of-ana", "next_message_id": 7})
    assert len(heard) == 1200


def test_a_press_on_what_is_no_longer_there_is_ignored(
    heard: list[str], clock: list[float]
) -> None:
    own: dict[str, Any] = {"client_id": "page-of-ana", "id": 4, "listener_id": "a"}
    core.sio.handlers["/"]["event"]("ana", {**own, "listener_id": "gone"})
    core.sio.handlers["/"]["event"]("ana", {**own, "id": 5})
    assert heard == []


@pytest.mark.parametrize("name", ["event", "javascript_response", "ack", "log"])
@pytest.mark.parametrize("arguments", [(), (None,), ([],), ({}, {}), ("x", 1, 2)])
def test_nonsense_of_any_length_is_ignored(
    heard: list[str], clock: list[float], name: str, arguments: tuple[Any, ...]
) -> None:
    core.sio.handlers["/"][name]("ana", *arguments)
    assert heard == []


HANDSHAKE = {"client_id": "page-of-ana", "tab_id": "t", "document_id": "d"}


@pytest.mark.parametrize(
    ("message", "is_heard"),
    [
        (HANDSHAKE, True),
        ({**HANDSHAKE, "old_tab_id": None, "next_message_id": 7}, True),
        ({**HANDSHAKE, "old_tab_id": "o", "next_message_id": "7"}, True),
        ({**HANDSHAKE, "next_message_id": "x"}, False),
        ({**HANDSHAKE, "tab_id": []}, False),
        ({**HANDSHAKE, "client_id": {}}, False),
        ({}, False),
        ([], False),
        ("x", False),
    ],
)
async def test_a_handshake_has_its_shape(
    heard: list[str], clock: list[float], message: Any, is_heard: bool
) -> None:
    assert await core.sio.handlers["/"]["handshake"]("ana", message) is is_heard
    assert heard == ["handshake"] * is_heard
    assert await core.sio.handlers["/"]["handshake"]("ana") is False


async def test_a_handshake_in_the_address_has_its_shape_too(
    heard: list[str], clock: list[float]
) -> None:
    connect = core.sio.handlers["/"]["connect"]
    whole = "implicit_handshake=true&client_id=page-of-ana&tab_id=t&document_id=d&next_message_id=0"
    await connect("ana", {"QUERY_STRING": whole})
    await connect("ana", {"QUERY_STRING": "client_id=page-of-ana"})
    assert heard == ["connect", "connect"]
    for broken in ("implicit_handshake=true", whole.replace("tab_id", "x"), whole + "x"):
        with pytest.raises(ConnectionRefusedError):
            await connect("ana", {"QUERY_STRING": broken})
    assert heard == ["connect", "connect"]


@pytest.mark.parametrize(
    "data", [None, [], {}, "event", [["event"], {}], [{}], [7], ["connect", {}], ["disconnect"]]
)
async def test_a_packet_without_the_name_of_an_event_goes_no_further(
    heard: list[str], clock: list[float], data: Any
) -> None:
    await core.sio._handle_event("socket", "/", None, data)
    assert heard == []


async def test_a_packet_with_the_name_of_an_event_goes_on(
    heard: list[str], clock: list[float]
) -> None:
    for name in ("event", "handshake", "ack"):
        await core.sio._handle_event("socket", "/", None, [name, {}])
    assert heard == ["packet event", "packet handshake", "packet ack"]


async def test_however_much_nonsense_comes_it_is_a_line_a_minute(
    heard: list[str], clock: list[float]
) -> None:
    with capture_logs() as lines:
        for _ in range(200):
            core.sio.handlers["/"]["event"]("ana", "nonsense")
            core.sio.handlers["/"]["ack"]("ana", {"client_id": "page-of-leo"})
            await core.sio.handlers["/"]["handshake"]("ana", {})
            await core.sio._handle_event("socket", "/", None, [])
        clock[0] += 61
        core.sio.handlers["/"]["event"]("ana", "nonsense")
    assert [line["event"] for line in lines] == [
        "gate.malformed_event",
        "gate.foreign_event",
        "gate.malformed_handshake",
        "gate.malformed_event",
    ]


def test_packets_that_nobody_can_read_fill_no_log(heard: list[str], clock: list[float]) -> None:
    log = core.sio.eio.logger
    record = log.makeRecord(log.name, 40, "x.py", 1, "message async handler error", (), None)
    assert [bool(log.filter(record)) for _ in range(3)] == [True, False, False]
