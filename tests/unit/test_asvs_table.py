"""What the table of security requirements claims is really there to be run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "asvs.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)+)`", TABLE)))


@cache
def names_in(path: Path) -> frozenset[str]:
    """The tests of a module: `test_x`, and `TestY::test_x` for those of a class."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.update(
                f"{node.name}::{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            )
    return frozenset(name for name in found if name.split("::")[-1].startswith("test_"))


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert (ROOT / path).is_file()
    assert name in names_in(ROOT / path)


def test_every_row_names_a_test_or_is_said_to_be_open() -> None:
    met, _, is_open = TABLE.partition("\n## Open")
    rows = [line for line in met.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 50
    assert [row for row in rows if "`tests/" not in row] == []
    assert re.search(r"\| \d", is_open)


def test_nothing_is_named_in_another_spelling() -> None:
    assert len(NAMED) == len(set(re.findall(r"tests/[^`\s|]+", TABLE)))
