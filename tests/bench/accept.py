"""How much of a bare FastAPI route's speed the webhook keeps, durable commit included."""

import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import psycopg

from tests.bench.generator import CONNECTIONS, Run, fire, prepare
from tests.bench.report import Line, percentile
from tests.load.app import SECRET, SERVE, App

#: Many short turns, because a busy machine changes its mind every second.
ROUNDS = 15
REQUESTS = 3_000
WARM_UP = 1_500
TARGET = 0.7

_BASELINE = ("-m", "tests.bench.servers", "plain")
#: In the order in which they take turns.
_SERVERS = {
    "plain FastAPI route": _BASELINE,
    "POST /webhook, worker paused": ("-m", "tests.bench.servers", "paused"),
    "POST /webhook, worker draining": SERVE,
}


@dataclass(frozen=True, slots=True)
class _Turn:
    run: Run
    #: Processor time of the server, in microseconds a request.
    cpu: float


def measure(folder: Path) -> list[Line]:
    """Let the servers take turns under the same requests."""
    with ExitStack() as stack:
        apps = {
            name: stack.enter_context(running(App(folder / f"accept-{n}", command)))
            for n, (name, command) in enumerate(_SERVERS.items())
        }
        generator = stack.enter_context(
            ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
        )
        generator.submit(prepare, WARM_UP + ROUNDS * REQUESTS, SECRET).result()
        for app in apps.values():
            _turn(generator, app, 0, WARM_UP)
        turns: dict[str, list[_Turn]] = {name: [] for name in apps}
        for n in range(ROUNDS):
            first = WARM_UP + n * REQUESTS
            for name, app in apps.items():
                turns[name].append(_turn(generator, app, first, first + REQUESTS))
        for name, app in apps.items():
            kept = _deliveries(app)
            if app.command != _BASELINE and kept != WARM_UP + ROUNDS * REQUESTS:
                raise RuntimeError(f"{name}: {kept} deliveries are stored, which is not all")
    for name, taken in turns.items():
        print(f"  {name}: {_details(taken)}", flush=True)
    (_, base), *ours = turns.items()
    return [_line(name, base, taken) for name, taken in ours]


@contextmanager
def running(app: App) -> Iterator[App]:
    """The app, for as long as it is needed."""
    try:
        app.start()
        yield app
    finally:
        app.stop()
        app.stop_postgres()


def _turn(generator: Executor, app: App, first: int, last: int) -> _Turn:
    before = app.cpu()
    run = generator.submit(fire, app.port, first, last).result()
    cpu = app.cpu() - before
    if run.refused:
        raise RuntimeError(f"{run.refused} requests were refused:\n{app.log.read_text()[-2000:]}")
    _wait_until_idle(app)
    return _Turn(run, 1e6 * cpu / (last - first))


def _line(name: str, base: list[_Turn], ours: list[_Turn]) -> Line:
    # Round by round: what else the machine does, it does to neighbours in time alike.
    ratio = median(o.run.rate / b.run.rate for b, o in zip(base, ours, strict=True))
    return Line(name, _rate(base), _rate(ours), ratio, TARGET)


def _rate(turns: list[_Turn]) -> str:
    return f"{median(turn.run.rate for turn in turns):,.0f}/s"


def _details(turns: list[_Turn]) -> str:
    rates = " ".join(f"{turn.run.rate:,.0f}" for turn in turns)
    p50, p99 = (
        1000 * median(percentile(turn.run.latencies, part) for turn in turns)
        for part in (0.5, 0.99)
    )
    cpu = median(turn.cpu for turn in turns)
    best = max(turn.run.rate for turn in turns)
    return (
        f"{rates} requests/s, {best:,.0f} at best; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        f" on {CONNECTIONS} connections; {cpu:.0f} µs of processor time a request"
    )


def _wait_until_idle(app: App) -> None:
    """Let what one server left to do not fall into the next one's turn."""
    time.sleep(0.2)
    if app.command != SERVE:
        return
    with psycopg.connect(app.postgres(), autocommit=True) as connection:
        while connection.execute(
            "select exists (select from webhook_deliveries where state = 'pending')"
        ).fetchone() == (True,):
            time.sleep(0.2)


def _deliveries(app: App) -> int:
    with psycopg.connect(app.postgres()) as connection:
        row = connection.execute("select count(*) from webhook_deliveries").fetchone()
        assert row is not None
        return int(row[0])
