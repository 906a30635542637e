"""PDF documents, read by PDFium."""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import mmap
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import ocr, pdf_fonts
from fastback.retrieval.extraction.formats.pdf_annotations import read_annotation_texts
from fastback.retrieval.extraction.formats.pdf_header import HEADER, SEARCHED_BY_PDFIUM, find_header
from fastback.retrieval.extraction.formats.reader import ExtractedText, Metadata, SourceFile, unreadable_file

pdf_fonts.add_stub_fonts()

_DATE_FIELDS = ("creationdate", "moddate")


def _format_date(value: str) -> str:
    """Return a PDF date such as `D:20240131120000+01'00'` in ISO format; any other text unchanged."""
    with contextlib.suppress(ValueError):
        return dt.datetime.strptime(value.replace("'", ""), "D:%Y%m%d%H%M%S%z").isoformat()
    return value


def _read_metadata(document: pdfium.PdfDocument, source: SourceFile) -> Metadata:
    fields: Metadata = {"producer": "", "creator": "", "creationdate": ""}
    for key, value in document.get_metadata_dict(skip_empty=True).items():
        name = key.lower()
        fields[name] = _format_date(value) if name in _DATE_FIELDS else value.strip()
    return {**fields, **source.metadata, "total_pages": len(document)}


def _map_content(path: str, offset: int) -> ctypes.Array[ctypes.c_char]:
    """Map a file into memory from `offset` on, without reading it."""
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return (ctypes.c_char * (len(content) - offset)).from_buffer(content, offset)


def _open_document(source: SourceFile) -> pdfium.PdfDocument:
    offset = find_header(source.path)
    try:
        return pdfium.PdfDocument(
            source.path if offset < SEARCHED_BY_PDFIUM - len(HEADER) else _map_content(source.path, offset)
        )
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise JobFailed("This PDF is protected by a password. Upload it without one.") from None
        if "security" in str(error).lower():
            raise JobFailed(
                "This PDF is protected in a way that is not supported. Upload it without protection."
            ) from None
        raise unreadable_file("a PDF", "it is damaged, or no PDF at all.") from error


def _read_page_text(page: Any) -> str:
    text_page = page.get_textpage()
    try:
        text: str = text_page.get_text_bounded()
    finally:
        text_page.close()
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield a document for each page, with `page` (from 0) and `page_label`; or one, with form feeds between pages.

    A page that cannot be read is empty; the others are still read.
    """
    document = _open_document(source)
    with contextlib.suppress(pdfium.PdfiumError):
        document.init_forms()
    metadata = _read_metadata(document, source)
    texts: list[str] = []
    finished_fields: set[tuple[str, str]] = set()
    for index in range(len(document)):
        try:
            page = document[index]
            annotation_texts = read_annotation_texts(page, document.formenv, finished_fields)
            text = "\n".join(filter(None, (_read_page_text(page), *annotation_texts)))
            if source.pdf_images and (image_text := ocr.read_image_text(page, source.ocr)):
                text = f"{text}\n\n{image_text}".strip()
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
