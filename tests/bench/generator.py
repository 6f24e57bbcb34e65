"""A load generator that costs less than what it measures: HTTP/1.1 on bare sockets.

It runs in a process of its own. `prepare` makes all requests beforehand; `fire` sends some of them
over a number of connections, each connection its next request once the last was answered.
"""

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import cast

import uvloop

from services.signature import HEADER, sign
from tests.bench.traffic import delivery

CONNECTIONS = 100

_requests: list[bytes] = []


@dataclass(frozen=True, slots=True)
class Run:
    """What some requests took, in seconds."""

    seconds: float
    #: In order of length.
    latencies: list[float]
    refused: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds


def prepare(count: int, secret: str, *, seed: int = 1) -> None:
    """Make `count` different signed deliveries as whole requests."""
    random = Random(seed)
    for _ in range(count):
        body = delivery(random, range(2000))
        head = (
            "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: facebookexternalua\r\n"
            "Accept: */*\r\nContent-Type: application/json\r\n"
            f"{HEADER}: {sign(secret, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        _requests.append(head.encode() + body)


def fire(port: int, first: int, last: int) -> Run:
    """Send requests `first` up to `last` to the server on loopback."""
    return uvloop.run(_fire(port, _requests[first:last]))


async def _fire(port: int, requests: list[bytes]) -> Run:
    loop = asyncio.get_running_loop()
    waiting = requests[::-1]
    latencies: list[float] = []
    refusals: list[bytes] = []
    connections: list[_Connection] = []
    for _ in range(CONNECTIONS):
        _, connection = await loop.create_connection(
            lambda: _Connection(waiting, latencies, refusals), "127.0.0.1", port
        )
        connections.append(connection)
    start = time.perf_counter()
    for connection in connections:
        connection.send_next()
    await asyncio.gather(*(connection.done for connection in connections))
    seconds = time.perf_counter() - start
    return Run(seconds, sorted(latencies), len(refusals))


class _Connection(asyncio.Protocol):
    """One keep-alive connection; `done` when there is nothing left to send."""

    def __init__(self, waiting: list[bytes], latencies: list[float], refusals: list[bytes]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        self._latencies = latencies
        self._refusals = refusals
        self._answer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.WriteTransport, transport)

    def send_next(self) -> None:
        if not self._waiting:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(self._waiting.pop())

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._latencies.append(time.perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._refusals.append(head)
        self._answer = b""
        self.send_next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("the server hung up"))
