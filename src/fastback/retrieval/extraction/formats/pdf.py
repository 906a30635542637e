"""PDF, by PDFium."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import ocr
from fastback.retrieval.extraction.formats.reader import Metadata, Piece, Source, broken

_DATES = ("creationdate", "moddate")


def _iso(value: str) -> str:
    """A PDF's date, `D:20240131120000+01'00'`, as ISO writes it; anything else as it is."""
    with contextlib.suppress(ValueError):
        return dt.datetime.strptime(value.replace("'", ""), "D:%Y%m%d%H%M%S%z").isoformat()
    return value


def _metadata(document: pdfium.PdfDocument, source: Source) -> Metadata:
    found: Metadata = {"producer": "", "creator": "", "creationdate": ""}
    for key, value in document.get_metadata_dict(skip_empty=True).items():
        name = key.lower()
        found[name] = _iso(value) if name in _DATES else value.strip()
    return {**found, **source.metadata, "total_pages": len(document)}


def _open(source: Source) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(source.path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise JobFailed("This PDF is protected by a password. Upload it without one.") from None
        raise broken("a PDF", "it is damaged, or no PDF at all.") from None


def _text(page: Any) -> str:
    content = page.get_textpage()
    try:
        text: str = content.get_text_bounded()
    finally:
        content.close()
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def read(source: Source) -> Iterator[Piece]:
    """A document a page, with `page` (from 0) and `page_label`; or one for all, pages behind form feeds.

    A page that cannot be read is empty; the others are not.
    """
    document = _open(source)
    metadata = _metadata(document, source)
    texts: list[str] = []
    for index in range(len(document)):
        try:
            page = document[index]
            text = _text(page)
            if source.pdf_images and (words := ocr.text_of(page, source.ocr)):
                text = f"{text}\n\n{words}".strip()
            page.close()
        except pdfium.PdfiumError:
            text = ""
        if source.pdf_pages:
            label = document.get_page_label(index) or str(index + 1)
            yield text, {**metadata, "page": index, "page_label": label}
        else:
            texts.append(text)
    if not source.pdf_pages:
        yield "\n\f".join(texts), metadata
