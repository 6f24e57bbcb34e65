"""The table that `make bench` ends with."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing beside its baseline. `ratio` is what `target` is about."""

    what: str
    baseline: str
    ours: str
    ratio: float
    target: float
    #: Whether the ratio should be at most `target`; else at least.
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


def show(lines: list[Line]) -> str:
    """The lines as a table for a terminal."""
    rows = [
        (
            line.what,
            line.baseline,
            line.ours,
            f"{line.ratio:.2f}",
            f"{'<=' if line.at_most else '>='} {line.target:g}",
            "met" if line.met else "MISSED",
        )
        for line in lines
    ]
    return table(("what", "baseline", "ours", "ratio", "target", "verdict"), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as they need, the first to the left and all others to the right."""
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, tuple("-" * width for width in widths), *rows)
    )


def machine() -> str:
    """How busy the machine is: by others' work all figures are the lower."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, load average {load}"


def percentile(ordered: list[float], part: float) -> float:
    """The value below which `part` (0..1) of the ordered values lie."""
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
