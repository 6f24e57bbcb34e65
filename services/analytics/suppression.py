"""Small numbers hidden from strangers: four people of a kind may be recognised.

A number below five is hidden, and as long as the total would give the hidden ones away, so is the
smallest of the others. A total that is small itself is hidden with everything below it. Zero says
nothing of anybody and stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")

#: From here on a number may be shown.
SHOWN_FROM = 5
#: What is hidden beside others could be at least this many different numbers.
LEAST_DOUBT = 5


@dataclass(frozen=True, slots=True)
class Hidden(Generic[K]):
    """Numbers with a total; None stands for one that is hidden."""

    cells: dict[K, int | None]
    total: int | None

    @property
    def is_whole(self) -> bool:
        return self.total is not None and None not in self.cells.values()


def hide(cells: Mapping[K, int]) -> Hidden[K]:
    """Hide what is too small to be shown beside the total of all."""
    total = sum(cells.values())
    if 0 < total < SHOWN_FROM:
        return Hidden(dict.fromkeys(cells), None)
    hidden = {key for key, n in cells.items() if 0 < n < SHOWN_FROM}
    others = sorted((n, str(key), key) for key, n in cells.items() if n >= SHOWN_FROM)
    while hidden and not _is_in_doubt([cells[key] for key in hidden]):
        if not others:
            # Even all of them together would be told by the total.
            return Hidden({key: None if key in hidden else n for key, n in cells.items()}, None)
        hidden.add(others.pop(0)[2])
    return Hidden({key: None if key in hidden else n for key, n in cells.items()}, total)


def hide_together(*tables: Mapping[str, int]) -> tuple[Hidden[str], ...]:
    """The same for several tables of the same people: a total that one hides no other may tell."""
    found = tuple(hide(cells) for cells in tables)
    if any(hidden.total is None for hidden in found):
        return tuple(Hidden(dict.fromkeys(cells), None) for cells in tables)
    return found


def hide_one(n: int) -> int | None:
    """Hide a number that stands alone."""
    return None if 0 < n < SHOWN_FROM else n


def _is_in_doubt(numbers: list[int]) -> bool:
    """Whether none of these can be told from their sum: each is at least one, and could be any
    number up to what the others leave."""
    return len(numbers) > 1 and sum(numbers) - len(numbers) + 1 >= LEAST_DOUBT
