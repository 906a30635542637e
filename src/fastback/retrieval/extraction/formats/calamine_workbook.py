"""Read the sheets of a workbook with calamine, each row in one line."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import python_calamine as calamine

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.reader import SourceFile, unreadable_file
from fastback.retrieval.extraction.formats.sheet_text import WorkbookText


@contextmanager
def _open_workbook(source: SourceFile, kind: str) -> Iterator[calamine.CalamineWorkbook]:
    """Open a workbook of the detected kind; calamine trusts the extension of a path, which may be another."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"workbook.{kind}")
        os.symlink(os.path.abspath(source.path), path)
        with calamine.CalamineWorkbook.from_path(path) as book:
            yield book


def add_sheets(source: SourceFile, kind: str, text: WorkbookText, notes: dict[str, list[str]]) -> None:
    """Add all sheets to a text, and after the cells of each sheet its notes, which `notes` maps to its name.

    `kind` is the extension that the content would have. A chart has no cells, and a sheet that calamine cannot read is
    skipped while others can be read.

    Raises:
        JobFailed: the workbook is damaged or protected, or no sheet can be read.
    """
    failure: Exception | None = None
    try:
        with _open_workbook(source, kind) as book:
            for sheet in book.sheets_metadata:
                sheet_notes = notes.pop(sheet.name, [])
                if sheet.typ is not calamine.SheetTypeEnum.ChartSheet:
                    try:
                        rows = book.get_sheet_by_name(sheet.name).iter_rows()
                    except (calamine.CalamineError, OSError, ValueError) as error:
                        failure = error
                        continue
                    text.begin_sheet(sheet.name)
                    for row in rows:
                        text.add_row(row)
                elif sheet_notes:
                    text.begin_sheet(sheet.name)
                for note in sheet_notes:
                    text.add_note(note)
    except calamine.PasswordError:
        raise JobFailed("This spreadsheet is protected by a password. Upload it without one.") from None
    except (calamine.CalamineError, OSError) as error:
        raise unreadable_file("a spreadsheet", "it is damaged.") from error
    if failure is not None and not text.has_sheets:
        raise unreadable_file("a spreadsheet", "it is damaged.") from failure
