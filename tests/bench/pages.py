"""What one new message costs the app while 50 and 500 inboxes are open: processor time, as a ratio.

A process of the app's own, with pages that are built and connected as NiceGUI's are, and without
browsers: what they would be sent is what their outboxes hold. Each is somebody's, signed in, so
that what a page asks before it changes is counted too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.bench.report import Line

#: Open inboxes: few, and ten times as many.
FEW, MANY = 50, 500
#: Ten times the pages may cost ten times as much; beyond that something is done once too often.
TARGET = 10.0
MESSAGES = int(os.environ.get("BENCH_PAGE_MESSAGES", "10"))


def measure(folder: Path) -> list[Line]:
    """Each number of pages in a process of its own."""
    few, many = (_measure(folder / f"pages-{count}", count) for count in (FEW, MANY))
    return [
        Line(
            f"a message to {MANY} open inboxes",
            f"{few['cpu_ms']:.1f} ms at {FEW}",
            f"{many['cpu_ms']:.1f} ms",
            many["cpu_ms"] / few["cpu_ms"],
            TARGET,
            at_most=True,
        ),
        Line(
            f"until the last of {MANY} shows it",
            "1000 ms",
            f"{many['last_ms']:.0f} ms",
            many["last_ms"] / 1000,
            1.0,
            at_most=True,
        ),
    ]


def _measure(folder: Path, pages: int) -> dict[str, float]:
    folder.mkdir()
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.open_inboxes", str(folder), str(pages), str(MESSAGES)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    print(f"  {pages} open inboxes: {found}", flush=True)
    return found
