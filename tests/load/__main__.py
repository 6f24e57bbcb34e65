"""`make load`: WhatsApp's traffic on the real app, which is killed meanwhile, and what came of it.

LOAD_SECONDS, LOAD_SENDERS, LOAD_KILLS, LOAD_PEOPLE and LOAD_PACE change the size of it. The exit
code is 1 if anything was lost, doubled, or left running.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Said by the embedded Postgres where no desktop session is.
warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")

from tests.bench.report import machine, percentile, table  # noqa: E402
from tests.load.app import ROOT, SECRET, App  # noqa: E402
from tests.load.check import Check, compare, waiting, watch  # noqa: E402
from tests.load.traffic import Truth  # noqa: E402

SECONDS = float(os.environ.get("LOAD_SECONDS", "60"))
SENDERS = int(os.environ.get("LOAD_SENDERS", "100"))
KILLS = int(os.environ.get("LOAD_KILLS", "2"))
PEOPLE = int(os.environ.get("LOAD_PEOPLE", "1000"))
PACE = float(os.environ.get("LOAD_PACE", "0.2"))

#: Seconds that the app stays dead, at least; starting takes some more.
OUTAGE = 1.0
#: Seconds after a start in which senders still make up for the outage.
AFTERMATH = 5.0
#: Seconds for senders to finish, and for the backlog to drain.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the senders saw, and how long the app took after them."""

    report: dict[str, Any]
    sending: float
    #: Times of day from each kill until the app answered again.
    outages: list[tuple[float, float]]
    backlog: int
    draining: float
    checks: list[Check]


def main() -> int:
    print(f"Before: {machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="acogida-load-") as name:
        app = App(Path(name))
        try:
            app.start()
            outcome = run(app)
        finally:
            app.stop()
            left = app.postgres_runs()
            app.stop_postgres()
    checks = [*outcome.checks, Check("servers left running", int(left))]
    print(f"After: {machine()}\n\n{show(outcome, checks)}")
    bad = [check.name for check in checks if not check.good]
    print(f"\nNot as it should be: {', '.join(bad)}" if bad else "\nNothing lost, nothing doubled.")
    return 1 if bad else 0


def run(app: App) -> Outcome:
    """Let the senders send, kill the app in between, and compare what is left."""
    watch(app.postgres())
    report = app.folder / "report.json"
    start = time.monotonic()
    senders = _start_senders(app, report)
    outages: list[tuple[float, float]] = []
    try:
        for n in range(KILLS):
            time.sleep(max(0.0, start + SECONDS * (n + 1) / (KILLS + 1) - time.monotonic()))
            killed = time.time()
            app.kill()
            time.sleep(OUTAGE)
            app.start()
            outages.append((killed, time.time()))
            print(f"  killed and started again, {waiting(app.postgres())} waiting", flush=True)
        if senders.wait(SECONDS + PATIENCE) != 0:
            raise RuntimeError(f"the senders failed:\n{_senders_log(app).read_text()[-4000:]}")
    finally:
        senders.kill()
    sending = time.monotonic() - start
    backlog = waiting(app.postgres())
    draining = _drained(app)
    content = json.loads(report.read_text())
    checks = compare(app.postgres(), Truth.from_json(content["truth"]))
    return Outcome(content, sending, outages, backlog, draining, checks)


def _start_senders(app: App, report: Path) -> subprocess.Popen[bytes]:
    with _senders_log(app).open("wb") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "locust", "--headless", "--only-summary"),
                *("-f", str(ROOT / "tests/load/locustfile.py"), "--host", app.url),
                *("--users", str(SENDERS), "--spawn-rate", str(SENDERS)),
                *("--run-time", f"{SECONDS:.0f}s", "--exit-code-on-error", "0"),
            ],
            cwd=app.folder,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "LOAD_SECRET": SECRET,
                "LOAD_REPORT": str(report),
                "LOAD_PEOPLE": str(PEOPLE),
                "LOAD_PACE": str(PACE),
            },
            stdout=log,
            stderr=log,
        )


def _senders_log(app: App) -> Path:
    return app.folder / "senders.log"


def _drained(app: App) -> float:
    """Wait until nothing waits; the seconds it took."""
    start = time.monotonic()
    while (left := waiting(app.postgres())) and time.monotonic() - start < PATIENCE:
        print(f"  {left} waiting", flush=True)
        time.sleep(1)
    return time.monotonic() - start


def show(outcome: Outcome, checks: list[Check]) -> str:
    answers = outcome.report["answers"]
    calm = [
        seconds
        for sent, seconds in answers
        if not any(killed - 1 < sent < up + AFTERMATH for killed, up in outcome.outages)
    ]
    refusals = outcome.report["refusals"]
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in refusals.items())
    dead = " and ".join(f"{up - killed:.1f} s" for killed, up in outcome.outages)
    facts = [
        ("senders at once", str(SENDERS)),
        ("requests answered 200", f"{len(answers):,}"),
        ("requests a second, outages included", f"{len(answers) / outcome.sending:,.0f}"),
        ("latency p50, p95, p99", _percentiles([seconds for _, seconds in answers])),
        ("latency away from the kills", _percentiles(calm)),
        ("kills", f"{len(outcome.outages)}" + (f", away for {dead}" if dead else "")),
        ("retries", f"{sum(refusals.values()):,}" + (f" ({reasons})" if reasons else "")),
        ("backlog at the end", f"{outcome.backlog:,}, drained in {outcome.draining:.1f} s"),
    ]
    compared = [
        (check.name, f"{check.found:,}", f"{check.expected:,}", "ok" if check.good else "WRONG")
        for check in checks
    ]
    return (
        table(("traffic", ""), facts)
        + "\n\n"
        + table(("afterwards", "found", "expected", ""), compared)
    )


def _percentiles(latencies: list[float]) -> str:
    ordered = sorted(latencies) or [0.0]
    return ", ".join(f"{1000 * percentile(ordered, part):.0f} ms" for part in (0.5, 0.95, 0.99))


if __name__ == "__main__":
    sys.exit(main())
