"""HTML."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from fastback.retrieval.extraction.formats.plain import text_of
from fastback.retrieval.extraction.formats.reading import Piece, Source

_SILENT = ["script", "style", "noscript", "template", "svg", "head"]


def read(source: Source) -> Iterator[Piece]:
    page = LexborHTMLParser(text_of(source))
    heading = page.css_first("title")
    title = heading.text().strip() if heading is not None else ""
    page.strip_tags(_SILENT, recursive=True)
    body = page.body
    text = body.text(separator="\n", strip=True) if body is not None else ""
    yield text, {**source.metadata, "title": title}
