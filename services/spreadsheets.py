"""Writing tables that spreadsheets open and that nobody's formulas run in."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import IO, Self
from xml.sax.saxutils import escape

#: What makes a spreadsheet take a cell for a formula, or a program's line for another; and the mark
#: that keeps it from that, so that reading takes off exactly what writing has put on.
FORMULA_STARTS = frozenset("=+-@\t\r\0＝＋－＠")
MARK = "'"
#: Rows that a sheet has.
MAX_SHEET_ROWS = 1_048_576


def harmless(value: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    follows = value[1:2]
    marked = value.startswith(MARK) and (follows in FORMULA_STARTS or follows == MARK)
    return f"{MARK}{value}" if value[:1] in FORMULA_STARTS or (marked and follows) else value


def harmless_again(cell: str) -> str:
    """A cell of somebody's file, which may have the mark already and then keeps it as it is."""
    return f"{MARK}{cell}" if cell[:1] in FORMULA_STARTS else cell


def csv_rows(
    rows: Iterable[Sequence[str]], delimiter: str, *, made: Callable[[str], str] = harmless
) -> bytes:
    """Rows of a CSV file in UTF-8, every cell made harmless."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([[made(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8", "replace")


class Workbook:
    """An XLSX file of one sheet, written row by row, every cell a text."""

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        for name, content in _PARTS.items():
            self._archive.writestr(name, _HEAD + content)
        self._sheet = self._archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True)
        self._sheet.write((_HEAD + _SHEET).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._archive.close()

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Add rows."""
        self._sheet.write("".join(_row(row) for row in rows).encode("utf-8", "replace"))


def _row(cells: Sequence[str]) -> str:
    # A text is no formula, whatever it begins with. What has the mark already, or an equals sign
    # that somebody may save as CSV, is marked as there, so that reading is the same for both.
    texts = (harmless(c) if c[:1] in ("=", MARK) else c for c in cells)
    return f"<row>{''.join(_cell(text) for text in texts)}</row>"


def _cell(text: str) -> str:
    if not text:
        return "<c/>"
    # What XML has no letter for.
    clean = "".join(c if c >= " " or c in "\t\n\r" else " " for c in text)
    shown = escape(clean.replace("\uffff", " ").replace("\ufffe", " "))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = f'<worksheet xmlns="{_MAIN}"><sheetData>'
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Acogida" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
