"""Local HTTP servers for what the app talks to: real sockets, in a thread of their own."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from api import simulated_graph as simulated_graph_api
from services.settings import SIMULATED_TOKEN
from services.simulator import sender
from services.simulator.graph import Sent, SimulatedGraph, nameless
from services.simulator.graph_faults import Faults
from services.simulator.graph_people import Known
from services.simulator.wire import Sender


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of loopback; the URL it is at."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", loop="asyncio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Graph:
    """A simulated Graph API that runs, and what a test may ask of it."""

    #: What WHATSAPP_API_BASE_URL would be; paths begin with `/v26.0`.
    url: str
    simulated: SimulatedGraph
    #: Digits or business-scoped id -> who that is. Whoever is not here wrote just now.
    people: dict[str, Known] = field(default_factory=dict)
    token: str = SIMULATED_TOKEN

    @property
    def phone_number_id(self) -> str:
        return self.simulated.number.phone_number_id

    @property
    def business_account_id(self) -> str:
        return self.simulated.number.waba_id

    @property
    def sent(self) -> list[Sent]:
        """What was accepted, in order."""
        return self.simulated.heard.sent

    @property
    def faults(self) -> Faults:
        return self.simulated.faults

    @property
    def complaints(self) -> list[str]:
        """What WhatsApp took without a word and would have done wrong."""
        return [complaint for sent in self.sent for complaint in sent.complaints]

    def wrote(self, sender: Sender, at: datetime | None) -> None:
        """Say who somebody is and when they wrote last; None: never."""
        for address in filter(None, (sender.wa_id, sender.bsuid)):
            self.people[address] = Known(sender, at)

    def statuses(self, least: int = 0, *, patience: float = 5.0) -> list[bytes]:
        """Take the deliveries that tell of statuses, once there are `least` of them."""
        until = time.monotonic() + patience
        told = self.simulated.phones.deliveries
        while len(told) < least:
            assert time.monotonic() < until, f"{len(told)} statuses in place of {least}"
            time.sleep(0.01)
        taken = told[:]
        del told[: len(taken)]
        return taken


@contextmanager
def simulated_graph(
    *, webhook: str | None = None, secret: str = "", pace: float = 0.0
) -> Iterator[Graph]:
    """Run the simulated Graph API on a free port, with real HTTP and Meta's answers.

        with simulated_graph() as graph:
            client = Graph(graph.url, graph.token, ...)              # the app's own client
            await client.send_message(graph.phone_number_id, body)
            assert graph.sent[0].body == body                        # accepted, as it came
            assert graph.complaints == []                            # nothing WhatsApp would botch
            await deliver(*graph.statuses(2))                        # sent, delivered: apply them

    Statuses come without delay and are kept until `graph.statuses(n)` takes them (it waits for n).
    With `webhook` (an address) and `secret` they are also posted there, signed; `pace=1` is the
    pace of life.

    Everybody wrote just now, unless `graph.wrote(person, at)` says otherwise: free text to somebody
    whose last message is over 24 hours old is refused with 131047. Phones are on and nobody reads:
    `graph.simulated.phones.of(wa_id).on = False`, `.chat_open = True` before sending.

    What goes wrong is switched on before the request that meets it (see
    `services.simulator.graph_faults`):

        graph.faults.set("rate_limit")                    # the next message: 130429
        graph.faults.set("cut", times=2)                  # accepted, and the connection is cut
        graph.faults.set("hang", seconds=3)               # accepted, answered after 3 s
        graph.faults.set("error_500", on="media_url")     # of another operation
        graph.faults.set("token_expired", times=None)     # until graph.faults.clear()

    Media that people sent (`bodies.image(...)["image"]["id"]`) can be had at once; uploads by
    their id. `graph.simulated.media.forget(id)` lets an id expire.
    """
    graph = Graph("", SimulatedGraph(pace=pace))

    async def lookup(address: str) -> Known | None:
        if address in graph.people:
            return graph.people[address]
        return Known(nameless(address), datetime.now(UTC))

    async def post(body: bytes) -> None:
        if webhook is not None:
            async with httpx.AsyncClient(trust_env=False) as client:
                await sender.post(client, webhook, secret, body, delays=(0.0, 0.2, 1.0))

    graph.simulated = SimulatedGraph(post=post, lookup=lookup, pace=pace)
    app = FastAPI()
    app.include_router(simulated_graph_api.router(graph.simulated, prefix="/graph"))
    with serving(app) as address:
        graph.url = f"{address}/graph"
        yield graph
