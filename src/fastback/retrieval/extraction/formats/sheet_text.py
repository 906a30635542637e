"""Collect the text of a workbook: sheet by sheet, each row in one line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from fastback.retrieval.extraction.formats.document_flow import format_row
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, too_much_text


def format_cell(value: object) -> str:
    """Return the text of a cell's value."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        is_date = value.time() == dt.time(0)
        return value.date().isoformat() if is_date else value.isoformat(" ", "seconds")
    return str(value)


class WorkbookText:
    """The text of a workbook. Raises: JobFailed, where it exceeds `MAX_TEXT`."""

    def __init__(self) -> None:
        self._sheets: list[list[str]] = []
        self._size = 0

    @property
    def has_sheets(self) -> bool:
        """Return whether a sheet has begun."""
        return bool(self._sheets)

    def begin_sheet(self, name: str) -> None:
        """Begin a sheet."""
        self._sheets.append([f"Sheet: {name}"])

    def add_row(self, values: Iterable[object]) -> None:
        """Add a row to the sheet that began last; empty rows are left out."""
        if line := format_row([format_cell(value) for value in values]):
            self._sheets[-1].append(line)
            self._size += len(line)
            if self._size > MAX_TEXT:
                raise too_much_text()

    def join_sheets(self) -> str:
        """Return the whole text."""
        return "\n\n".join("\n".join(lines) for lines in self._sheets)
