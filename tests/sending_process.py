"""A process that sends what waits, for tests that kill it: `python -m tests.sending_process URL`.

The database's address is in the environment, as it holds a password.
"""

import asyncio
import os
import sys

from sqlalchemy import make_url

from db import engine
from services.adapters.graph import Graph
from services.dispatch import Dispatcher
from services.simulator.bodies import DEMO_NUMBER
from tests.sending import FAST


async def main(graph_url: str) -> None:
    """Send until killed."""
    engine.start(make_url(os.environ["SENDING_DATABASE"]), pool_size=3)
    graph = Graph(
        graph_url,
        "v26.0",
        "token",
        phone_number_id=DEMO_NUMBER.phone_number_id,
        business_account_id=DEMO_NUMBER.waba_id,
    )
    dispatcher = Dispatcher(graph, FAST)
    while True:
        if not await dispatcher.step():
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
