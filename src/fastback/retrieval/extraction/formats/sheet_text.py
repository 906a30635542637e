"""Collect the text of a workbook: sheet by sheet, each row in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, count, islice

from fastback.retrieval.extraction.formats.cell_text import NumberFormatter, format_column, is_normal
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text
from fastback.retrieval.extraction.formats.row_layouts import MAX_GAP, SEPARATOR, RowLayouts

#: The columns and the texts of cells.
Row = tuple[list[int], list[str]]

_LINE_END = "\n"
#: Characters around a row.
_ROW_FRAME = len("|  |\n")
#: How many rows, or cells, are added together.
_BLOCK_ROWS, _BLOCK_CELLS = 1000, 10_000
#: Characters of rows that are joined.
_BLOCK_SIZE = 1 << 16
#: How many empty cells a workbook may have, and how many more for each value; longer runs are then written as one.
_FREE_GAPS = 10_000
_MAX_GAPS_PER_VALUE = 10


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

    def add_lines(self, first: int, lines: list[str], size: int) -> None:
        """Add rows whose texts begin in the column `first`; `size` is the number of their characters."""
        if first != self._first or self._size >= _BLOCK_SIZE:
            self._join_lines()
            self._first = first
        self._lines += lines
        self._size += size

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
        self._layouts = RowLayouts()
        # Rows that are not added yet, and the number of their cells.
        self._rows: list[Row] = []
        self._cells = 0

    @property
    def has_sheets(self) -> bool:
        """Return whether a sheet has begun."""
        return bool(self._sheets)

    @property
    def has_rows(self) -> bool:
        """Return whether any cell has a value."""
        return self._values > 0 or bool(self._rows)

    def begin_sheet(self, name: str) -> None:
        """Begin a sheet."""
        self._end_rows()
        self._sheets.append(_Sheet(name))

    def add_rows(self, rows: Iterable[Sequence[object]], formatters: Mapping[int, NumberFormatter]) -> None:
        """Add rows of the same width to the sheet that began last; empty rows are left out.

        `formatters` return the texts of integers in some columns.
        """
        rest = iter(rows)
        while block := list(islice(rest, _BLOCK_ROWS)):
            columns = enumerate(zip(*block, strict=True))
            if texts := [format_column(values, formatters.get(index)) for index, values in columns]:
                self._add_columns(texts)

    def _add_columns(self, columns: list[Sequence[str]]) -> None:
        """Add rows, which are given by their columns. Most steps are single calls for all rows."""
        rows = list(zip(*columns, strict=True))
        gaps = sum(column.count("") for column in columns)
        if "" in columns[0] or "" in columns[-1] or len(columns) > MAX_GAP or gaps > self._count_free_gaps():
            for row in rows:
                self.add_cells(list(compress(count(), row)), list(filter(None, row)))
            return
        self._end_rows()
        self._values += len(rows) * len(columns) - gaps
        self._gaps += gaps
        self._add_lines(0, list(map(SEPARATOR.join, rows)))

    def add_cells(self, columns: list[int], texts: list[str], *, repeats: int = 1) -> None:
        """Add the cells of a row that are not empty, in their order: the column and the text of each.

        The row is added `repeats` times. The lists must not be changed afterwards.
        """
        if not texts:
            return
        self._rows.append((columns, texts))
        self._cells += len(texts)
        if repeats > 1 or self._cells > _BLOCK_CELLS:
            self._end_rows(repeats)

    def _end_rows(self, repeats: int = 1) -> None:
        """Add the rows that are not added yet; the last of them `repeats` times."""
        rows, self._rows, self._cells = self._rows, [], 0
        last = rows.pop() if repeats > 1 else None
        is_plain = is_normal(SEPARATOR.join(chain.from_iterable([texts for _, texts in rows])))
        lines: list[str] = []
        first = 0
        for columns, texts in rows:
            layout = self._layouts.find(columns) if is_plain or is_normal(SEPARATOR.join(texts)) else None
            if layout is None or layout.gaps > self._count_free_gaps():
                self._add_lines(first, lines)
                lines = []
                self._add_row(columns, texts)
                continue
            if layout.first != first:
                self._add_lines(first, lines)
                lines, first = [], layout.first
            self._values += len(texts)
            self._gaps += layout.gaps
            lines.append(layout.template % tuple(texts) if layout.gaps else SEPARATOR.join(texts))
        self._add_lines(first, lines)
        if last is not None:
            self._add_row(*last, repeats)

    def _add_row(self, columns: list[int], texts: list[str], repeats: int = 1) -> None:
        """Add a row whose texts may need to be normalized, or whose empty cells may be too many."""
        self._values += len(texts)
        cells = [(column, " ".join(text.split())) for column, text in zip(columns, texts, strict=True)]
        cells = [(column, text) for column, text in cells if text]
        if cells:
            self._add_lines(cells[0][0], [SEPARATOR.join(self._fill_gaps(cells))] * repeats)

    def _fill_gaps(self, cells: list[tuple[int, str]]) -> Iterator[str]:
        """Yield the texts of cells, and between them an empty text for each empty cell."""
        previous = cells[0][0]
        for column, text in cells:
            yield from [""] * self._limit_gap(column - previous - 1)
            yield text
            previous = column

    def _add_lines(self, first: int, lines: list[str]) -> None:
        """Add rows whose texts begin in the column `first`."""
        if lines:
            size = sum(map(len, lines)) + _ROW_FRAME * len(lines)
            self._count_text(size)
            self._sheets[-1].add_lines(first, lines, size)

    def add_note(self, text: str) -> None:
        """Add what is beside the cells of the sheet that began last: a chart, a text box, a comment."""
        self._sheets[-1].notes.append(text)
        self._count_text(len(text))

    def _count_free_gaps(self) -> int:
        """Return how many empty cells may still be written."""
        return _FREE_GAPS + _MAX_GAPS_PER_VALUE * self._values - self._gaps

    def _limit_gap(self, gap: int) -> int:
        """Return how many empty cells are written for `gap` of them."""
        if gap <= 0:
            return 0
        gap = min(gap, MAX_GAP)
        if gap > self._count_free_gaps():
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
        self._end_rows()
        return "\n\n".join("\n".join(self._join_rows(sheet)) for sheet in self._sheets)
