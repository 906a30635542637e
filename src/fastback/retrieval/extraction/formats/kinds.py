"""Which reader a file gets: by what it is called, what the browser said, and how it begins."""

from __future__ import annotations

from fastback.retrieval.extraction.formats.reading import Source


def kind_of(source: Source) -> str:
    """The name of the module that reads it."""
    match source.extension:
        case "pdf":
            return "pdf"
        case "csv" | "tsv":
            return "table"
        case "htm" | "html" | "xhtml":
            return "html"
    if source.content_type == "application/pdf":
        return "pdf"
    if source.content_type in ("text/html", "application/xhtml+xml"):
        return "html"
    return "plain"
