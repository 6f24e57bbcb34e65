"""Reading tables of people out of whatever is called a CSV file.

What a file is encoded in is never left to a detector alone: the ladder goes byte order mark, the
pattern of UTF-16's zero bytes, strict UTF-8, cp1252. Whoever imports sees a sample and may say
otherwise. A file that cannot be read as a whole raises Unreadable, with the row where that shows.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

Encoding = Literal["utf-8", "cp1252", "utf-16-le", "utf-16-be"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
DELIMITERS = (";", ",", "\t", "|")

MAX_BYTES = 200 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 200
#: Characters of one cell. What a quotation mark that is never closed swallows grows beyond it.
MAX_CELL = 4 * 1024 * 1024
#: What is looked at to find out how a file is written, and shown of it.
HEAD_BYTES = 256 * 1024

#: Between the cells of a line, and between lines, on their way into the database.
CELL, LINE = "\x1f", "\x1e"
#: Stands for what no text has: a zero byte, one of the two above, or what cp1252 has no letter for.
NO_TEXT = "\x02"
_NO_TEXT_BYTES = bytes.maketrans(b"\x00\x1e\x1f", b"\x02\x02\x02")

#: First bytes of what is no table of text -> what the file is.
_MAGIC = {
    b"%PDF-": "pdf",
    b"\x89PNG": "picture",
    b"\xff\xd8\xff": "picture",
    b"GIF8": "picture",
    b"\xd0\xcf\x11\xe0": "old_excel",
    b"Rar!": "archive",
    b"7z\xbc\xaf": "archive",
    b"\x1f\x8b": "archive",
}
_XLSX = b"PK\x03\x04"
_BOMS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Excel's own first line, which names the delimiter.
_SEP = re.compile(r"\ufeff?\"?sep=(.)\"?\r?\n?", re.IGNORECASE)

codecs.register_error("acogida-no-text", lambda error: (NO_TEXT, error.end))  # type: ignore[attr-defined]


class Unreadable(Exception):
    """The file as a whole is no table. `code` says why; `row` is where, counted from 1."""

    def __init__(self, code: str, row: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.row = row


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read. `header`: whether its first row names the columns."""

    encoding: Encoding = "utf-8"
    delimiter: str = ";"
    header: bool = True

    @classmethod
    def of(cls, value: dict[str, Any]) -> Self:
        """From JSON, nothing of which is trusted. Raises ValueError."""
        encoding, delimiter = value.get("encoding", "utf-8"), value.get("delimiter", ";")
        if encoding not in ENCODINGS or delimiter not in DELIMITERS:
            raise ValueError("no such reading")
        return cls(encoding, delimiter, bool(value.get("header", True)))

    def json(self) -> dict[str, Any]:
        """As JSON, for the database."""
        return {"encoding": self.encoding, "delimiter": self.delimiter, "header": self.header}


class Inspection:
    """What a file is, found while it arrives: feed it every part, then ask."""

    def __init__(self) -> None:
        self.head = b""
        self.size = 0
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True

    def feed(self, part: bytes) -> None:
        """Look at the next part. Raises Unreadable as soon as it is clear that it is no table."""
        if not self.size and part:
            self._refuse_magic(part)
        self.size += len(part)
        if self.size > MAX_BYTES:
            raise Unreadable("too_large")
        if len(self.head) < HEAD_BYTES:
            self.head += part[: HEAD_BYTES - len(self.head)]
        if self._is_utf8:
            try:
                self._utf8.decode(part)
            except UnicodeDecodeError:
                self._is_utf8 = False

    @property
    def kind(self) -> Literal["csv", "xlsx"]:
        """What reads the file."""
        return "xlsx" if self.head.startswith(_XLSX) else "csv"

    def reading(self) -> Reading:
        """How the file seems to be written. Raises Unreadable."""
        if not self.size or not self.head.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
            raise Unreadable("empty")
        if self.kind == "xlsx":
            return Reading()
        encoding = self._encoding()
        text = _head_text(self.head, encoding)
        # Text has tabs and line ends, and a stray mark at most.
        strange = sum(1 for c in text[:20_000] if c < " " and c not in "\t\r\n\x02\x1a")
        if strange > 2 + len(text[:20_000]) // 100:
            raise Unreadable("not_a_table")
        delimiter = find_delimiter(text)
        return Reading(encoding, delimiter)

    def _encoding(self) -> Encoding:
        for mark, encoding in _BOMS:
            if self.head.startswith(mark):
                return encoding
        even, odd = self.head[::2], self.head[1::2]
        half = max(len(odd), 1)
        if odd.count(0) > half * 0.4 and even.count(0) < half * 0.1:
            return "utf-16-le"
        if even.count(0) > half * 0.4 and odd.count(0) < half * 0.1:
            return "utf-16-be"
        # A part of a letter may be missing at the very end; then it is not UTF-8.
        try:
            self._utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            self._is_utf8 = False
        return "utf-8" if self._is_utf8 else "cp1252"

    def _refuse_magic(self, part: bytes) -> None:
        for magic, what in _MAGIC.items():
            if part.startswith(magic):
                raise Unreadable(f"is_{what}")


def find_delimiter(text: str) -> str:
    """The delimiter that makes the first lines agree best on how many columns there are."""
    if (said := _SEP.match(text)) and said[1] in DELIMITERS:
        return said[1]
    lines = _physical_lines(text)[:200]
    best, best_score = ";", 0.0
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in _lenient(lines, delimiter) if any(row))
        if not widths:
            continue
        width, agreeing = widths.most_common(1)[0]
        score = agreeing / widths.total() * min(width - 1, 20)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def head_rows(head: bytes, reading: Reading, *, most: int = 50, whole: bool = True) -> list[Any]:
    """The first rows of a file, blank ones left out, as (row, cells).

    Of a file that goes on (`whole` is False) the last line may be cut and is left out. A quotation
    mark that is not closed shows in the sample; staging is what refuses it.
    """
    text = _head_text(head, reading.encoding)
    lines = _physical_lines(text)
    if not whole and len(lines) > 1:
        lines = lines[:-1]
    skipped = bool(lines and _SEP.match(lines[0]))
    rows = _lenient(lines[1:] if skipped else lines, reading.delimiter)
    numbered = enumerate(rows, 2 if skipped else 1)
    return [(n, row) for n, row in _first(numbered, most * 4) if any(row)][:most]


def lines_of(
    pull: Callable[[], bytes], reading: Reading, *, rows_at_once: int = 4_000
) -> Iterator[list[tuple[int, str]]]:
    """Every row that is not blank, as (row, its cells joined by CELL), many at a time.

    `pull` gives the next part of the file, and nothing at its end; it may block. Raises Unreadable.
    """
    csv.field_size_limit(MAX_CELL)
    batch: list[tuple[int, str]] = []
    number = total = 0
    # strict: an unclosed quotation mark would otherwise swallow the rest without a word.
    source = _text_of(pull, reading.encoding)
    reader = csv.reader(_without_sep(source), delimiter=reading.delimiter, strict=True)
    shift = 0
    try:
        for number, row in enumerate(reader, 1):
            if number == 1 and source.had_sep:
                shift = 1
            if any(row):
                total += 1
                if len(row) > MAX_COLUMNS:
                    raise Unreadable("too_many_columns", number + shift)
                batch.append((number + shift, CELL.join(row)))
                if len(batch) >= rows_at_once:
                    _check_rows(total)
                    yield batch
                    batch = []
    except csv.Error as error:
        code = "unclosed_quote" if _is_unclosed(error) else "stray_quote"
        raise Unreadable(code, number + shift + 1) from None
    except UnicodeError:
        raise Unreadable("cannot_decode", number + shift + 1) from None
    _check_rows(total)
    if batch:
        yield batch


def copy_text(batch: Iterable[tuple[int, str]]) -> str:
    """Lines as COPY takes them in its text format: the row, the line.

    Escaped all at once: a million calls for a million lines would be most of the work.
    """
    numbers, lines = zip(*batch, strict=True)
    whole = LINE.join(lines)
    for raw, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        if raw in whole:
            whole = whole.replace(raw, escaped)
    pairs = zip(numbers, whole.split(LINE), strict=True)
    return "".join([f"{n}\t{line}\n" for n, line in pairs])


def _check_rows(total: int) -> None:
    # One more for a header.
    if total > MAX_ROWS + 1:
        raise Unreadable("too_many_rows")


def _is_unclosed(error: csv.Error) -> bool:
    return "end of data" in str(error) or "field larger" in str(error)


def _physical_lines(text: str) -> list[str]:
    """Lines as the whole file is read: `splitlines` parts text at page breaks and U+2028, too."""
    return list(io.StringIO(text, newline=""))


def _lenient(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_CELL)
    try:
        yield from csv.reader(lines, delimiter=delimiter)
    except csv.Error:
        return  # what was read before it is a sample, too


def _first(rows: Iterator[Any], most: int) -> Iterator[Any]:
    for _, row in zip(range(most), rows, strict=False):
        yield row


def _head_text(head: bytes, encoding: Encoding) -> str:
    """As far as it can be decoded: the last letter may be cut."""
    source = _Source(iter([head, b""]).__next__, encoding, lenient=True)
    text = source.readall().decode("utf-8" if encoding != "cp1252" else encoding, "acogida-no-text")
    return text.removeprefix("\ufeff")


class _Source(io.RawIOBase):
    """The bytes of a file, UTF-16 made UTF-8, without what no text has."""

    def __init__(
        self, pull: Callable[[], bytes], encoding: Encoding, *, lenient: bool = False
    ) -> None:
        self._pull = pull
        self._left = b""
        self._ended = False
        self._wide = None
        if encoding.startswith("utf-16"):
            errors = "replace" if lenient else "strict"
            self._wide = codecs.getincrementaldecoder(encoding)(errors)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._ended:
            part = self._pull()
            self._ended = not part
            if self._wide is not None:
                part = self._wide.decode(part, final=self._ended).encode("utf-8", "replace")
            self._left = part.translate(_NO_TEXT_BYTES)
        taken = min(len(buffer), len(self._left))
        buffer[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        return taken


class _Text(io.TextIOWrapper):
    had_sep = False


def _text_of(pull: Callable[[], bytes], encoding: Encoding) -> _Text:
    raw = io.BufferedReader(_Source(pull, encoding), 256 * 1024)
    if encoding == "cp1252":
        return _Text(raw, encoding, errors="acogida-no-text", newline="")
    return _Text(raw, "utf-8-sig", errors="strict", newline="")


def _without_sep(source: _Text) -> Iterator[str]:
    first = source.readline()
    if _SEP.fullmatch(first):
        source.had_sep = True
    elif first:
        yield first
    yield from source
