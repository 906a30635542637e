"""Tables in text: a document a row, each cell named by its column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fastback.retrieval.extraction.formats.plain_text import text_of
from fastback.retrieval.extraction.formats.reader import Piece, Source, broken

csv.field_size_limit(16 * 1024 * 1024)
#: Characters that the dialect is guessed from.
_SAMPLE = 4096


def _cell(value: str | list[str] | None) -> str | None:
    if isinstance(value, list):  # more cells than columns
        return ",".join(one.strip() for one in value)
    return value.strip() if value is not None else None


def _summary(text: str) -> str | None:
    """How large the table is, and what its columns are called."""
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:_SAMPLE], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    rows, columns, headers = 0, 0, []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), dialect):
            rows += 1
            columns = max(columns, len(row))
            if rows == 1:
                headers = [one.lstrip("\ufeff") for one in row]
    except csv.Error:
        return None
    if not rows:
        return None
    return f"Table: {rows} rows incl. header; {rows - 1} data rows; {columns} columns: {', '.join(headers)}."


def _delimiter(source: Source, text: str) -> str:
    """What stands between cells: a comma, unless the headings have none and something else."""
    if source.extension == "tsv":
        return "\t"
    end = text.find("\n")
    headings = text[: end if end >= 0 else len(text)]
    return next((one for one in ",;\t|" if one in headings), ",")


def read(source: Source) -> Iterator[Piece]:
    """Metadata: `row`, from 0; -1 for the summary."""
    text = text_of(source)
    if source.csv_summary and (summary := _summary(text)):
        yield summary, {**source.metadata, "row": -1}
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(source, text))
    try:
        for index, row in enumerate(rows):
            lines = (f"{key.strip() if key is not None else key}: {_cell(value)}" for key, value in row.items())
            yield "\n".join(lines), {**source.metadata, "row": index}
    except csv.Error as error:
        raise broken("a table", error) from None
