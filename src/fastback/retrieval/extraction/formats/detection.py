"""Which reader a file gets: by how it begins, then by what it is called and what the browser said of it."""

from __future__ import annotations

import zipfile

from fastback import messages
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.plain_text import looks_binary
from fastback.retrieval.extraction.formats.reader import Source, broken

_SAMPLE = 4096
#: What may stand before the beginning, a byte order mark among it.
_BLANK = b"\xef\xbb\xbf \t\r\n"
#: Readers by what archives hold.
_MEMBERS = (
    ("word/document.xml", "docx"),
    ("ppt/presentation.xml", "pptx"),
    ("xl/workbook.xml", "spreadsheets"),
    ("xl/workbook.bin", "spreadsheets"),
)
#: Readers by what an archive says of itself, as its first member.
_TYPES = (
    ("application/vnd.oasis.opendocument.spreadsheet", "spreadsheets"),
    ("application/vnd.oasis.opendocument.", "opendocument"),
    ("application/epub+zip", "epub"),
)
_STREAMS = (
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("Workbook", "spreadsheets"),
    ("Book", "spreadsheets"),
)
#: What files are that must not begin like a text, by the end of their names and what browsers call them.
_NAMES = {
    "pdf": "a PDF",
    **dict.fromkeys(("docx", "odt"), "a document"),
    **dict.fromkeys(("pptx", "odp"), "a presentation"),
    **dict.fromkeys(("xlsx", "xlsb", "xlsm", "ods"), "a spreadsheet"),
    "epub": "a book",
    "msg": "an e-mail",
}


def _archive(source: Source) -> str:
    try:
        with zipfile.ZipFile(source.path) as file:
            names = set(file.namelist())
            kind = _said(file) if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, NotImplementedError) as error:
        raise broken(_NAMES.get(source.extension, "a document"), f"it is damaged ({error}).") from None
    for member, reader in _MEMBERS:
        if member in names:
            return reader
    for name, reader in _TYPES:
        if kind.startswith(name):
            return reader
    if "META-INF/container.xml" in names:
        return "epub"
    if source.extension in _NAMES:
        raise broken(_NAMES[source.extension], "its content is missing.")
    raise JobFailed(messages.FILE_NOT_SUPPORTED)


def _said(file: zipfile.ZipFile) -> str:
    """What an archive says it is. Nothing of it has been judged yet: no more is unpacked than counts."""
    with file.open("mimetype") as member:
        return member.read(100).decode("latin-1").strip()


def _is_pdf(source: Source, sample: bytes) -> bool:
    """Some PDFs begin with something else, up to a kilobyte of it; but a text may speak of how they begin."""
    before, mark, _ = sample[:1024].partition(b"%PDF-")
    named = source.extension == "pdf" or source.content_type == "application/pdf"
    return bool(mark) and (named or not before.strip(_BLANK) or looks_binary(sample))


def _compound(source: Source) -> str:
    with compound_file.opened(source) as streams:
        for name, reader in _STREAMS:
            if streams.has(name):
                return reader
        if streams.has("__properties_version1.0"):
            return "msg"
    raise JobFailed(messages.FILE_NOT_SUPPORTED)


def _by_name(source: Source) -> str:
    match source.extension, source.content_type:
        case ("csv" | "tsv", _) | (_, "text/csv" | "text/tab-separated-values"):
            return "delimited_text"
        case ("htm" | "html" | "xhtml", _):
            return "html"
        case ("eml", _) | (_, "message/rfc822"):
            return "mail"
    return ""


def kind_of(source: Source) -> str:
    """The name of the module that reads it.

    Raises:
        JobFailed: it is empty or damaged, or of a kind that nobody reads.
    """
    with open(source.path, "rb") as file:
        sample = file.read(_SAMPLE)
    if _is_pdf(source, sample):
        return "pdf"
    if sample.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(source)
    if sample.startswith(compound_file.MAGIC):
        return _compound(source)
    if sample.startswith(b"{\\rtf"):
        return "rtf"
    if source.extension in _NAMES:
        raise JobFailed(messages.EMPTY_CONTENT) if not sample else broken(_NAMES[source.extension], "it is none.")
    if looks_binary(sample):
        raise JobFailed(messages.FILE_NOT_SUPPORTED)
    if found := _by_name(source):
        return found
    begin = sample.lstrip(_BLANK).lower()
    # Programs save pages under the names of documents.
    pages = source.content_type in ("text/html", "application/xhtml+xml") or source.extension in ("doc", "xls", "ppt")
    if pages and begin.startswith((b"<!doctype html", b"<html", b"<table", b"<?xml", b"<meta")):
        return "html"
    return "plain_text"
