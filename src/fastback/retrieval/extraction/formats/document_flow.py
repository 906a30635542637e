"""Collect the text of a document from the events of a parser: paragraphs, headings, lists, tables.

The result is plain text with a little Markdown: `#` before headings, so that the splitter cuts there; `-` before list
items; each table row in one line, with `|` between cells.
"""

from __future__ import annotations

import re

from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text

_WHITE_SPACE = re.compile(r"\s+")


def format_heading(level: int, text: str) -> str:
    """Return a heading in one line; empty where its text is empty."""
    line = _WHITE_SPACE.sub(" ", text).strip()
    return f"{'#' * min(max(level, 1), 6)} {line}" if line else ""


def format_row(cells: list[str]) -> str:
    """Return a table row in one line; empty where all cells are. Empty cells at the end are left out."""
    texts = [_WHITE_SPACE.sub(" ", cell).strip() for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return f"| {' | '.join(texts)} |" if texts else ""


class DocumentFlow:
    """Collect text. Paragraphs and tables may be nested; the inner ones are written before the outer ones."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._size = 0
        self._paragraphs: list[list[str]] = []
        # For each open table: the finished rows, the cells of the open row, the blocks of the open cell.
        self._tables: list[tuple[list[str], list[str], list[str]]] = []

    def write(self, text: str) -> None:
        """Add text to the open paragraph; text outside of paragraphs is left out."""
        if self._paragraphs:
            self._count_text(len(text))
            self._paragraphs[-1].append(text)

    def begin_paragraph(self) -> None:
        """Open a paragraph."""
        self._paragraphs.append([])

    def end_paragraph(self, *, level: int = 0, item: int = 0) -> None:
        """End the open paragraph. `level` is that of a heading, `item` the depth of a list item; 0 for neither."""
        if not self._paragraphs:
            return
        text = "".join(self._paragraphs.pop()).strip()
        if level:
            text = format_heading(level, text)
        elif item and text:
            text = f"{'  ' * (min(item, 20) - 1)}- {text}"
        self.add_block(text)

    def add_block(self, text: str) -> None:
        """Add a paragraph without formatting it."""
        if not text:
            return
        self._count_text(0)
        if self._tables:
            self._tables[-1][2].append(text)
        else:
            self._blocks.append(text)

    def begin_table(self) -> None:
        """Open a table."""
        self._tables.append(([], [], []))

    def end_cell(self, repeats: int = 1) -> None:
        """End the open cell, and add it `repeats` times."""
        if self._tables:
            _, cells, blocks = self._tables[-1]
            text = " ".join(blocks)
            cells.extend([text] * min(repeats, 100 if text else 1))
            self._count_text(len(text) * min(repeats, 100))
            blocks.clear()

    def end_row(self) -> None:
        """End the open row; empty rows are left out."""
        if self._tables:
            rows, cells, _ = self._tables[-1]
            if line := format_row(cells):
                rows.append(line)
            cells.clear()

    def end_table(self) -> None:
        """End the open table, and add it as a block."""
        if self._tables:
            rows = self._tables.pop()[0]
            self.add_block("\n".join(rows))

    def _count_text(self, size: int) -> None:
        """Count `size` characters. Raises: JobFailed, where the document exceeds `MAX_TEXT`."""
        self._size += size + 2
        if self._size > MAX_TEXT:
            raise too_much_text()

    def join_blocks(self) -> str:
        """Return the whole text. List items follow each other directly, other blocks after a blank line."""
        parts: list[str] = []
        previous = ""
        for block in self._blocks:
            if parts:
                is_same_list = _is_list_item(previous) and _is_list_item(block)
                parts.append("\n" if is_same_list else "\n\n")
            parts.append(block)
            previous = block
        return "".join(parts)

    def join_lines(self) -> str:
        """Return the whole text without blank lines between the blocks."""
        return self.join_blocks().replace("\n\n", "\n")


def _is_list_item(block: str) -> bool:
    return block.lstrip(" ").startswith("- ")
