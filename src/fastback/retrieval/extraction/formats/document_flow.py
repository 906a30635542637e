"""The text of a document as a reader walks through it: paragraphs, headings, lists, tables.

What comes out is plain text with a little Markdown: `#` before headings, so that texts are cut there, `-` before items,
a line a table's row, with `|` between cells.
"""

from __future__ import annotations

import re

from fastback.retrieval.extraction.formats.reader import MOST_TEXT, too_much

_BLANKS = re.compile(r"\s+")


def heading(level: int, text: str) -> str:
    """A heading in one line; nothing of an empty one."""
    line = _BLANKS.sub(" ", text).strip()
    return f"{'#' * min(max(level, 1), 6)} {line}" if line else ""


def row(cells: list[str]) -> str:
    """A table's row in one line; nothing of an empty one. Empty cells at the end are left out."""
    lines = [_BLANKS.sub(" ", one).strip() for one in cells]
    while lines and not lines[-1]:
        lines.pop()
    return f"| {' | '.join(lines)} |" if lines else ""


class Flow:
    """Gathers text. Paragraphs and tables may stand in one another; what is inside comes first."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._size = 0
        self._paragraphs: list[list[str]] = []
        # Tables that are open: the rows that are done, the cells of the row that is not, the blocks of its cell.
        self._tables: list[tuple[list[str], list[str], list[str]]] = []

    def write(self, text: str) -> None:
        """Text of the paragraph that is open; what stands in none is left out."""
        if self._paragraphs:
            self._grow(len(text))
            self._paragraphs[-1].append(text)

    def begin_paragraph(self) -> None:
        self._paragraphs.append([])

    def end_paragraph(self, *, level: int = 0, item: int = 0) -> None:
        """`level` of a heading, `item` for how deep in lists."""
        if not self._paragraphs:
            return
        text = "".join(self._paragraphs.pop()).strip()
        if level:
            text = heading(level, text)
        elif item and text:
            text = f"{'  ' * (min(item, 20) - 1)}- {text}"
        self.block(text)

    def block(self, text: str) -> None:
        """A paragraph as it is."""
        if not text:
            return
        self._grow(0)
        if self._tables:
            self._tables[-1][2].append(text)
        else:
            self._blocks.append(text)

    def begin_table(self) -> None:
        self._tables.append(([], [], []))

    def end_cell(self, times: int = 1) -> None:
        if self._tables:
            _, cells, blocks = self._tables[-1]
            text = " ".join(blocks)
            cells.extend([text] * min(times, 100 if text else 1))
            self._grow(len(text) * min(times, 100))
            blocks.clear()

    def end_row(self) -> None:
        if self._tables:
            rows, cells, _ = self._tables[-1]
            if line := row(cells):
                rows.append(line)
            cells.clear()

    def end_table(self) -> None:
        if self._tables:
            rows = self._tables.pop()[0]
            self.block("\n".join(rows))

    def _grow(self, size: int) -> None:
        self._size += size + 2
        if self._size > MOST_TEXT:
            raise too_much()

    def text(self) -> str:
        """All of it; items of lists and rows stand close, other blocks apart."""
        found: list[str] = []
        before = ""
        for block in self._blocks:
            if found:
                close = _is_item(before) and _is_item(block)
                found.append("\n" if close else "\n\n")
            found.append(block)
            before = block
        return "".join(found)


def _is_item(block: str) -> bool:
    return block.lstrip(" ").startswith("- ")
