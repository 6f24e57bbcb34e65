"""What stands in for the app while its webhook is measured: `python -m tests.bench.servers NAME`.

Each is started through `main.main`, so that server settings and logging are the app's own.
"""

import sys
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

import main
from services import deliveries, logs
from services.actors import System
from services.deliveries import Reader


def plain() -> None:
    """The same server around one FastAPI route that takes a body and keeps nothing."""

    def without_database(*_: object, **__: object) -> FastAPI:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

        @app.post("/webhook", response_class=PlainTextResponse)
        async def receive(request: Request) -> PlainTextResponse:
            await request.body()
            return PlainTextResponse("OK")

        @app.get("/health")
        async def health() -> dict[str, str]:
            return {"status": "ok"}

        app.add_middleware(logs.RequestId)
        return app

    main.create_app = without_database


def paused() -> None:
    """The app, but for its worker, which leaves every delivery where it is."""

    async def nothing(actor: System, read: Reader) -> int:
        return 0

    deliveries.process = nothing


SERVERS: dict[str, Callable[[], None]] = {"plain": plain, "paused": paused}

if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
    sys.exit(main.main(["serve", "--no-demo"]))
