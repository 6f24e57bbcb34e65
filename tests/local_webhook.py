"""The real webhook with its writer and worker, reached without a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services import deliveries
from services.worker import Worker
from tests.support import SYSTEM
from webhook import payloads, routes
from webhook.writer import Writer

APP_SECRET = "the app secret of the simulation"


class Line(httpx.AsyncBaseTransport):
    """A line to whatever app is at its other end at the moment."""

    def __init__(self) -> None:
        self.app: FastAPI | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.app is None:
            raise httpx.ConnectError("nobody is at the other end")
        return await httpx.ASGITransport(self.app).handle_async_request(request)


#: What pages that are simulated post to.
LINE = Line()


@asynccontextmanager
async def webhook_running() -> AsyncIterator[FastAPI]:
    """Answer on the line, store, and process, as the app does; refusals are counted at the end."""
    worker = Worker("deliveries", lambda: deliveries.process(SYSTEM, payloads.read))
    writer = Writer(on_stored=worker.ring)
    app = FastAPI()
    routes.add_webhook(app, app_secrets=[APP_SECRET], verify_token="verify me", writer=writer)
    tasks = [asyncio.create_task(loop) for loop in (worker.run(), writer.run())]
    LINE.app = app
    try:
        yield app
    finally:
        LINE.app = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await writer.count_refusals()
