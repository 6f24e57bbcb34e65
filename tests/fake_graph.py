"""A small Graph API over a real socket that does what a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

#: What to do with a request: bytes to answer with, or None to cut the connection.
Answer = Callable[[dict[str, Any]], bytes | None]


@dataclass
class FakeGraph:
    """Answers of `faults` come first, then WhatsApp takes everything."""

    url: str = ""
    #: Bodies of `/messages`, in the order in which they came.
    sent: list[dict[str, Any]] = field(default_factory=list)
    #: Paths that were asked for, with their method.
    asked: list[str] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    faults: list[Answer] = field(default_factory=list)
    upload_faults: list[Answer] = field(default_factory=list)
    #: Seconds before an answer.
    delay: float = 0.0
    #: What the number's own page says.
    health: Answer | None = None
    wamids: dict[str, str] = field(default_factory=dict)
    #: Set once a message was taken.
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with one request."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
            length = next(
                (
                    int(line.partition(":")[2])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length:")
                ),
                0,
            )
            body = await reader.readexactly(length)
            answer = self._answer(method, path, body)
            if self.delay:
                await asyncio.sleep(self.delay)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> bytes | None:
        self.asked.append(f"{method} {path}")
        if path.endswith("/media"):
            self.uploads.append(body)
            if self.upload_faults:
                return self.upload_faults.pop(0)({})
            return ok({"id": f"media-{len(self.uploads)}"})
        if not path.endswith("/messages"):
            return self.health({}) if self.health else ok({"id": path.rpartition("/")[2]})
        message = json.loads(body)
        self.sent.append(message)
        if self.faults:
            return self.faults.pop(0)(message)
        return self.take(message)

    def take(
        self, message: dict[str, Any], *, wa_id: str | None = None, message_status: object = None
    ) -> bytes:
        """The answer of a Graph that takes a message."""
        wamid = f"wamid.{uuid4().hex}"
        self.wamids[message["biz_opaque_callback_data"]] = wamid
        self.taken.set()
        asked = message.get("to", message.get("recipient", ""))
        contact = {"input": asked, "wa_id": wa_id or asked.lstrip("+")}
        if "recipient" in message:
            contact = {"input": asked, "user_id": asked}
        taken: dict[str, Any] = {"id": wamid}
        if message_status is not None:
            taken["message_status"] = message_status
        return ok(
            {"messaging_product": "whatsapp", "contacts": [contact], "messages": [taken]},
        )

    def take_and_cut(self, message: dict[str, Any]) -> None:
        """Takes it, and the answer is lost."""
        self.take(message)


def http(status: int, content: bytes, *headers: str) -> bytes:
    """An answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(content)}", "connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + content


def ok(answer: object) -> bytes:
    return http(200, json.dumps(answer).encode(), "content-type: application/json")


def error(
    code: int, *, status: int = 400, details: str = "x", headers: tuple[str, ...] = ()
) -> Answer:
    """WhatsApp says no."""
    told = {
        "error": {
            "message": f"(#{code}) No",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": details},
            "fbtrace_id": "A1",
        }
    }
    content = json.dumps(told).encode()
    return lambda _: http(status, content, "content-type: application/json", *headers)


def plain(status: int, content: bytes = b"") -> Answer:
    """What something in between says."""
    return lambda _: http(status, content, "content-type: text/html")


@asynccontextmanager
async def graph_server() -> AsyncIterator[FakeGraph]:
    """One on a free port of this machine."""
    fake = FakeGraph()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield fake
        for task in fake.tasks:
            task.cancel()
        await asyncio.gather(*fake.tasks, return_exceptions=True)
