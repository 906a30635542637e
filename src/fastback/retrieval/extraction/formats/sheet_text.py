"""Collect the text of a workbook: sheet by sheet, each row in one line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text

_LINE_END = "\n"
#: Characters around a row.
_ROW_FRAME = len("|  |\n")
#: Characters of rows that are joined.
_BLOCK_SIZE = 1 << 16
#: The longest run of empty cells that is written.
_MAX_GAP = 100
#: How many empty cells a workbook may have, and how many more for each value; longer runs are then written as one.
_FREE_GAPS = 10_000
_MAX_GAPS_PER_VALUE = 10


def format_cell(value: object) -> str:
    """Return the text of a cell's value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        # Programs for spreadsheets calculate and show 15 digits.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        is_date = value.time() == dt.time(0)
        return value.date().isoformat() if is_date else value.isoformat(" ", "seconds")
    return str(value)


def format_reference(row: int, column: int) -> str:
    """Return the name of a cell, such as `AB12`; row and column count from 0."""
    letters = ""
    column += 1
    while column > 0:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row + 1}"


class _Sheet:
    """The rows of a sheet, and what is beside the cells.

    Rows that begin in the same column are joined, as an object for each row would cost more than its text.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        self._blocks: list[tuple[int, str]] = []
        self._first = 0
        self._lines: list[str] = []
        self._size = 0

    def add_row(self, first: int, line: str, repeats: int) -> None:
        """Add a row whose text begins in the column `first`."""
        if first != self._first or self._size >= _BLOCK_SIZE:
            self._join_lines()
            self._first = first
        self._lines.extend([line] * repeats)
        self._size += repeats * (len(line) + 1)

    def _join_lines(self) -> None:
        if self._lines:
            self._blocks.append((self._first, "\n".join(self._lines)))
            self._lines.clear()
            self._size = 0

    def take_blocks(self) -> list[tuple[int, str]]:
        """Return the rows: the column in which some of them begin, and their lines."""
        self._join_lines()
        return self._blocks


class WorkbookText:
    """The text of a workbook. Raises: JobFailed, where it exceeds `MAX_TEXT`.

    Columns before the first value of a sheet are left out. Empty cells between values are kept, so that columns stay
    aligned, but only as long as they are in proportion to the values.
    """

    def __init__(self) -> None:
        self._sheets: list[_Sheet] = []
        self._size = 0
        self._values = 0
        self._gaps = 0

    @property
    def has_sheets(self) -> bool:
        """Return whether a sheet has begun."""
        return bool(self._sheets)

    @property
    def has_rows(self) -> bool:
        """Return whether any cell has a value."""
        return self._values > 0

    def begin_sheet(self, name: str) -> None:
        """Begin a sheet."""
        self._sheets.append(_Sheet(name))

    def add_row(self, values: Iterable[object]) -> None:
        """Add a row to the sheet that began last; empty rows are left out."""
        texts = ((column, format_cell(value)) for column, value in enumerate(values))
        self.add_cells([(column, text) for column, text in texts if text])

    def add_cells(self, cells: list[tuple[int, str]], *, repeats: int = 1) -> None:
        """Add the cells of a row that are not empty, in their order; each with its column.

        The row is added `repeats` times.
        """
        self._values += len(cells)
        parts: list[str] = []
        first = previous = -1
        for column, text in cells:
            text = " ".join(text.split())
            if not text:
                continue
            if previous < 0:
                first = column
            else:
                parts += [""] * self._limit_gap(column - previous - 1)
            parts.append(text)
            previous = column
        if not parts:
            return
        line = " | ".join(parts)
        self._count_text(repeats * (len(line) + _ROW_FRAME))
        self._sheets[-1].add_row(first, line, repeats)

    def add_note(self, text: str) -> None:
        """Add what is beside the cells of the sheet that began last: a chart, a text box, a comment."""
        self._sheets[-1].notes.append(text)
        self._count_text(len(text))

    def _limit_gap(self, gap: int) -> int:
        """Return how many empty cells are written for `gap` of them."""
        if gap <= 0:
            return 0
        gap = min(gap, _MAX_GAP)
        if self._gaps + gap > _FREE_GAPS + _MAX_GAPS_PER_VALUE * self._values:
            return 1
        self._gaps += gap
        return gap

    def _count_text(self, size: int) -> None:
        self._size += size + 1
        if self._size > MAX_TEXT:
            raise too_much_text()

    def _join_rows(self, sheet: _Sheet) -> Iterable[str]:
        blocks = sheet.take_blocks()
        first_column = min((first for first, _ in blocks), default=0)
        yield f"Sheet: {sheet.name}"
        blocks.reverse()
        while blocks:  # a block is freed once it is written
            first, lines = blocks.pop()
            indent = " | " * self._limit_gap(first - first_column)
            self._count_text(len(indent) * (lines.count("\n") + 1))
            yield f"| {indent}{lines.replace(_LINE_END, f' |{_LINE_END}| {indent}')} |"
        yield from sheet.notes

    def join_sheets(self) -> str:
        """Return the whole text."""
        return "\n\n".join("\n".join(self._join_rows(sheet)) for sheet in self._sheets)
