"""`make bench`: what is fast enough, as ratios to named baselines, in one table.

BENCH_ONLY=accept,drain,... picks some. BENCH_CLIENTS and BENCH_RUNS make the client list
smaller, BENCH_MESSAGES the dashboard, BENCH_DATA_DIR keeps the databases of both for the next run,
BENCH_PLANS is where plans go.
"""

import os
import tempfile
import warnings
from pathlib import Path

# Said by the embedded Postgres where no desktop session is.
warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
os.environ.setdefault("PYTHONWARNINGS", "ignore:XDG_RUNTIME_DIR is not set:UserWarning")

from tests.bench import (  # noqa: E402
    accept,
    audit,
    conversation,
    dashboard,
    drain,
    importing,
    listing,
    pages,
    responsive,
)
from tests.bench.report import Line, machine, show  # noqa: E402

PARTS = {
    "accept": accept.measure,
    "drain": drain.measure,
    "audit": audit.measure,
    "conversation": conversation.measure,
    "listing": listing.measure,
    "importing": importing.measure,
    "responsive": responsive.measure,
    "dashboard": dashboard.measure,
    "pages": pages.measure,
}


def main() -> None:
    chosen = os.environ.get("BENCH_ONLY", ",".join(PARTS)).split(",")
    print(f"Before: {machine()}", flush=True)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="acogida-bench-") as folder:
        for name in chosen:
            print(f"{name}:", flush=True)
            lines += PARTS[name](Path(folder))
    print(f"After: {machine()}\n\n{show(lines)}")


if __name__ == "__main__":
    main()
