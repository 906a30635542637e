"""Read the sheets of a workbook with calamine, each row in one line."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import python_calamine as calamine

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.cell_text import NumberFormatter
from fastback.retrieval.extraction.formats.reader import SourceFile
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText

_ERRORS = (calamine.CalamineError, OSError, ValueError, OverflowError)


class UnreadableWorkbook(Exception):
    """calamine cannot read a workbook; another reader may."""


@contextmanager
def _open_workbook(source: SourceFile, kind: str) -> Iterator[calamine.CalamineWorkbook]:
    """Open a workbook of the detected kind; calamine trusts the extension of a path, which may be another."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"workbook.{kind}")
        os.symlink(os.path.abspath(source.path), path)
        try:
            with calamine.CalamineWorkbook.from_path(path) as book:
                yield book
        except calamine.PasswordError:
            raise JobFailed("This spreadsheet is protected by a password. Upload it without one.") from None
        except _ERRORS as error:
            raise UnreadableWorkbook from error
        except BaseException as error:  # what calamine raises where it panics is derived from nothing else
            if type(error).__name__ == "PanicException":
                raise UnreadableWorkbook from error
            raise


def read_sheets(
    source: SourceFile,
    kind: str,
    notes: Mapping[str, list[str]] = MappingProxyType({}),
    formatters: Mapping[str, Mapping[int, NumberFormatter]] = MappingProxyType({}),
    *,
    skips_damaged_sheets: bool = False,
) -> WorkbookText:
    """Return the text of all sheets, and after the cells of each sheet its notes. A chart has no cells.

    `kind` is the extension that the content would have. `notes` are by the names of sheets; so are `formatters`, which
    return the texts of integers in some columns. Damaged sheets are skipped only while others can be read.

    Raises:
        UnreadableWorkbook: the workbook, or a sheet, cannot be read.
        JobFailed: the workbook is protected, or has too much text.
    """
    text = WorkbookText()
    failure: Exception | None = None
    with _open_workbook(source, kind) as book:
        for sheet in book.sheets_metadata:
            sheet_notes = notes.get(sheet.name, [])
            if sheet.typ is not calamine.SheetTypeEnum.ChartSheet:
                try:
                    cells = book.get_sheet_by_name(sheet.name)
                except _ERRORS as error:
                    failure = error
                    continue
                text.begin_sheet(sheet.name)
                _add_rows(text, cells, formatters.get(sheet.name, {}))
            elif sheet_notes:
                text.begin_sheet(sheet.name)
            for note in sheet_notes:
                text.add_note(note)
    if failure is not None and not (skips_damaged_sheets and text.has_sheets):
        raise UnreadableWorkbook from failure
    return text


def _add_rows(text: WorkbookText, cells: calamine.CalamineSheet, formatters: Mapping[int, NumberFormatter]) -> None:
    first_column = cells.start[1] if cells.start else 0
    text.add_rows(cells.iter_rows(), {column - first_column: formatters[column] for column in formatters})
