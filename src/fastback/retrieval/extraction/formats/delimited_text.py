"""Delimited text (CSV, TSV): a document for each row, with the column's name before each cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.plain_text import read_whole_text
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile, unreadable_file

csv.field_size_limit(16 * 1024 * 1024)
#: Characters from which the dialect is guessed.
_SAMPLE_SIZE = 4096


def _format_row(headings: list[str], cells: list[str]) -> str:
    """Return a line for each column, also where its heading is empty or repeated; `None` is what is missing."""
    lines = [f"{heading.strip()}: {cell.strip()}" for heading, cell in zip(headings, cells, strict=False)]
    lines += [f"{heading.strip()}: None" for heading in headings[len(cells) :]]
    if len(cells) > len(headings):
        lines.append(f"None: {','.join(cell.strip() for cell in cells[len(headings) :])}")
    return "\n".join(lines)


def _describe_table(text: str) -> str | None:
    """Return the size of the table and the names of its columns; None where it has no rows, or cannot be parsed."""
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:_SAMPLE_SIZE], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    rows, columns, headers = 0, 0, []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), dialect):
            rows += 1
            columns = max(columns, len(row))
            if rows == 1:
                headers = [heading.lstrip("\ufeff") for heading in row]
    except csv.Error:
        return None
    if not rows:
        return None
    return f"Table: {rows} rows incl. header; {rows - 1} data rows; {columns} columns: {', '.join(headers)}."


def _guess_delimiter(source: SourceFile, text: str) -> str:
    """Return the separator of cells: a comma, unless the headings contain none but another separator."""
    if source.extension == "tsv":
        return "\t"
    end = text.find("\n")
    headings = text[: end if end >= 0 else len(text)]
    return next((delimiter for delimiter in ",;\t|" if delimiter in headings), ",")


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield a document for each row. Metadata: `row`, from 0; -1 for the summary."""
    text = read_whole_text(source)
    if source.csv_summary and (summary := _describe_table(text)):
        yield summary, {**source.metadata, "row": -1}
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_guess_delimiter(source, text))
    try:
        headings = next(rows, [])
        for index, row in enumerate(row for row in rows if row):
            yield _format_row(headings, row), {**source.metadata, "row": index}
    except csv.Error as error:
        raise unreadable_file("a table", "it is damaged.") from error
