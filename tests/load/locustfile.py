"""Locust's side of `make load`: senders that post like WhatsApp, until they are answered with 200.

Locust replaces the standard library's sockets by its own, so it is a process of its own. What it
sent and what it saw goes to LOAD_REPORT when it ends.
"""

import json
import os
import time
from pathlib import Path
from random import Random
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.pool import Group  # type: ignore[import-untyped]
from locust import FastHttpUser, constant_pacing, events, task
from locust.env import Environment

from services.signature import HEADER, sign
from tests.load.traffic import Post, World, digest

SECRET = os.environ["LOAD_SECRET"]
REPORT = Path(os.environ["LOAD_REPORT"])
PEOPLE = int(os.environ["LOAD_PEOPLE"])
#: Seconds from one thing that a sender sends to the next.
PACE = float(os.environ["LOAD_PACE"])
#: Seconds before another attempt: WhatsApp waits longer, and gives up after days.
DELAYS = (0.1, 0.3, 1.0, 2.0, 4.0)

world = World(PEOPLE, seed=7)
random = Random(8)
#: (time of day, seconds) of each request that was answered with 200.
answers: list[tuple[float, float]] = []
refusals: dict[str, int] = {}
#: What was begun is finished, also when Locust is done with the user.
at_work = Group()


class Meta(FastHttpUser):
    """One of WhatsApp's senders."""

    wait_time = constant_pacing(PACE)
    connection_timeout = 5.0
    network_timeout = 20.0
    concurrency = 50

    @task
    def send(self) -> None:
        at_work.spawn(self._send).join()

    def _send(self) -> None:
        for post in world.next():
            copies = [gevent.spawn(self._deliver, post) for _ in range(post.copies)]
            gevent.joinall(copies, raise_error=True)

    def _deliver(self, post: Post) -> None:
        headers = {"content-type": "application/json", HEADER: sign(SECRET, post.body)}
        attempt = 0
        while True:
            sent, start = time.time(), time.perf_counter()
            answer = self.client.post("/webhook", data=post.body.decode("ascii"), headers=headers)
            if answer.status_code == 200:
                answers.append((sent, time.perf_counter() - start))
                world.truth.accepted.add(digest(post.body))
                return
            # 0: there was no answer.
            reason = str(answer.status_code or "no answer")
            refusals[reason] = refusals.get(reason, 0) + 1
            gevent.sleep(DELAYS[min(attempt, len(DELAYS) - 1)] * random.uniform(0.5, 1.5))
            attempt += 1


def report(environment: Environment, **_: Any) -> None:
    at_work.join()
    REPORT.write_text(
        json.dumps({"truth": world.truth.as_json(), "answers": answers, "refusals": refusals})
    )


events.quitting.add_listener(report)  # type: ignore[no-untyped-call]
