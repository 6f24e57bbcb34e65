"""Reading XLSX in a process of its own, which can be as large, slow or broken as the file makes it.

    python -m services.imports.sheets FILE

writes the first sheet's rows to standard output, in UTF-8, cells and lines apart as in `files`.
Exit code 3: the file cannot be read; what stands on standard error then is a code.
"""

import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from services.imports.files import CELL, LINE, MAX_COLUMNS, MAX_ROWS, NO_TEXT, Unreadable

#: What a workbook may unpack to, and how long its reading may take (seconds).
_MAX_UNPACKED = 2 * 1024 * 1024 * 1024
_MAX_SECONDS = 600
#: Memory of the process that reads.
_MAX_MEMORY = 4 * 1024 * 1024 * 1024
#: Bytes of a workbook's table of contents.
_MAX_CONTENTS = 1024 * 1024
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s")
_READ_AT_ONCE = 256 * 1024
_UNREADABLE = 3
_CODES = frozenset({"damaged", "too_large", "no_sheet", "too_many_rows", "too_many_columns"})


def lines_of(path: Path, *, most: int | None = None) -> Iterator[list[tuple[int, str]]]:
    """Every row that is not blank, as `files.lines_of` gives them. Blocks. Raises Unreadable."""
    command = [sys.executable, "-m", "services.imports.sheets", str(path), str(most or 0)]
    home = Path(__file__).parents[2]
    with subprocess.Popen(  # noqa: S603 - our own module, and a path of ours
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home
    ) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        try:
            number, left = 0, b""
            while part := reader.stdout.read(_READ_AT_ONCE):
                *whole, left = (left + part).split(LINE.encode())
                lines = [line.decode() for line in whole]
                batch = [(n, line) for n, line in enumerate(lines, number + 1) if line.strip(CELL)]
                number += len(lines)
                if batch:
                    yield batch
            told = reader.stderr.read().decode(errors="replace")
            if reader.wait(_MAX_SECONDS):
                code = told.strip().splitlines()[-1:] or ["damaged"]
                raise Unreadable(code[0] if code[0] in _CODES else "damaged")
        finally:
            reader.kill()


def count(path: Path) -> int:
    """How many sheets a workbook has; 1 where it does not say."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("xl/workbook.xml") as part:
            return max(len(_SHEET.findall(part.read(_MAX_CONTENTS))), 1)
    except (zipfile.BadZipFile, OSError, KeyError, ValueError, RuntimeError, zlib.error):
        return 1


def main(path: str, most: str) -> int:
    """Write the rows of a workbook's first sheet."""
    _limit_memory()
    try:
        _check_archive(Path(path))
        for line in _lines(path, int(most)):
            sys.stdout.write(line + LINE)
    except Unreadable as problem:
        print(problem.code, file=sys.stderr)
        return _UNREADABLE
    sys.stdout.flush()
    return 0


def _lines(path: str, most: int) -> Iterator[str]:
    import python_calamine

    try:
        book = python_calamine.load_workbook(path)
        if not book.sheet_names:
            raise Unreadable("no_sheet")
        sheet = book.get_sheet_by_index(0)
        if sheet.total_height > MAX_ROWS + 1:
            raise Unreadable("too_many_rows")
        if sheet.total_width > MAX_COLUMNS:
            raise Unreadable("too_many_columns")
        rows = sheet.iter_rows()
    except Unreadable:
        raise
    except Exception as error:  # whatever the reader makes of a hostile file
        raise Unreadable("damaged") from error
    for number, row in enumerate(rows, 1):
        if most and number > most:
            return
        yield CELL.join([_text(cell) for cell in row])


def _text(cell: Any) -> str:
    """A cell as people see it: numbers without a decimal point that they do not have."""
    match cell:
        case str():
            text = cell
        case bool():
            text = "TRUE" if cell else "FALSE"
        case float() if cell.is_integer() and abs(cell) < 1e15:
            text = str(int(cell))
        case datetime():
            text = cell.isoformat(" ")
        case date() | time() | timedelta():
            text = str(cell)
        case _:
            text = "" if cell is None else str(cell)
    clean = text.encode("utf-8", "replace").decode()
    for mark in ("\0", CELL, LINE):
        clean = clean.replace(mark, NO_TEXT)
    return clean


def _check_archive(path: Path) -> None:
    """A few kilobytes may claim to be gigabytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if "xl/workbook.xml" not in {part.filename for part in parts}:
                raise Unreadable("damaged")
            if sum(part.file_size for part in parts) > _MAX_UNPACKED:
                raise Unreadable("too_large")
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Unreadable("damaged") from error


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    sys.exit(main(*sys.argv[1:]))
