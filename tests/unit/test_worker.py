"""The loop behind background work outlives every fault, and tells of an outage in two lines."""

import asyncio
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from services import worker
from services.worker import Worker


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a worker paused each time, in seconds; no pause takes any time."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    quick = SimpleNamespace(
        **{name: getattr(asyncio, name) for name in ("Event", "wait_for")}, sleep=pause
    )
    monkeypatch.setattr(worker, "asyncio", quick)
    return pauses


async def run(*outcomes: int | Exception) -> list[dict[str, object]]:
    """What the log says of a worker whose steps end like this, one after the other."""
    left = list(outcomes)
    done = asyncio.Event()

    async def step() -> int:
        if not left:
            done.set()
            return 0
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with capture_logs() as lines:
        task = asyncio.create_task(Worker("removals", step).run())
        await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return [dict(line) for line in lines]


FAILED = {"event": "worker.failed", "worker": "removals", "log_level": "warning"}
RECOVERED = {"event": "worker.recovered", "worker": "removals", "log_level": "info"}


async def test_an_outage_is_two_lines_however_long_it_lasts(pauses: list[float]) -> None:
    assert await run(*[OSError()] * 200, 1) == [{**FAILED, "error": "OSError"}, RECOVERED]
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-1] == worker.PATIENCE_MAX


async def test_another_error_during_it_is_told_too(pauses: list[float]) -> None:
    assert await run(OSError(), KeyError(), OSError(), KeyError(), 1) == [
        {**FAILED, "error": "OSError"},
        {**FAILED, "error": "KeyError"},
        RECOVERED,
    ]


async def test_the_next_outage_is_told_again(pauses: list[float]) -> None:
    told = await run(OSError(), 1, OSError(), 1)
    assert told == [{**FAILED, "error": "OSError"}, RECOVERED] * 2
    assert pauses == [0.2, 0.2]


async def test_work_that_goes_well_is_not_told(pauses: list[float]) -> None:
    assert await run(3, 2, 0) == []
