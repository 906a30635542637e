"""Detect the format of a file: by its first bytes, then by its name and the content type that the browser sent."""

from __future__ import annotations

import codecs
import re
import zipfile

from fastback import messages
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats import archive, compound_file
from fastback.retrieval.extraction.formats.package_relationships import find_main_part
from fastback.retrieval.extraction.formats.pdf_header import HEADER, SEARCHED_BY_PDFIUM, find_header
from fastback.retrieval.extraction.formats.plain_text import looks_binary
from fastback.retrieval.extraction.formats.reader import SourceFile, unreadable_file

_SAMPLE_SIZE = 4096
#: Bytes that may precede the signature of a format: white space, and those of a byte order mark.
_LEADING_BYTES = b"\xef\xbb\xbf \t\r\n"
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: How XML without a byte order mark begins in UTF-16.
_UTF_16_STARTS = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))
#: Readers by a member of the archive.
_READERS_BY_MEMBER = (
    ("word/document.xml", "docx"),
    ("ppt/presentation.xml", "pptx"),
    ("xl/workbook.xml", "xlsx"),
    ("xl/workbook.bin", "xlsb"),
)
#: Readers by the root element of the main part.
_READERS_BY_ROOT = (
    (re.compile(rb"<(?:\w+:)?document[\s>]"), "docx"),
    (re.compile(rb"<(?:\w+:)?presentation[\s>]"), "pptx"),
    (re.compile(rb"<(?:\w+:)?workbook[\s>]"), "xlsx"),
)
#: Readers by the root element of a document that is one XML file.
_READERS_BY_XML_ROOT = (
    (re.compile(rb"<(?:\w+:)?wordDocument\s"), "word_2003"),
    (re.compile(rb"<(?:\w+:)?Workbook\s[^<>]*urn:schemas-microsoft-com:office:spreadsheet"), "excel_2003"),
)
#: Readers by the media type in the archive's member `mimetype`.
_READERS_BY_MIMETYPE = (
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.", "opendocument"),
    ("application/epub+zip", "epub"),
)
_READERS_BY_STREAM = (
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("PP97_DUALSTORAGE", "ppt"),
    ("Workbook", "xls"),
    ("Book", "xls"),
)
#: Kinds of files that are never plain text, by extension, as error texts call them.
_KINDS = {
    "pdf": "a PDF",
    **dict.fromkeys(("docx", "odt"), "a document"),
    **dict.fromkeys(("pptx", "odp"), "a presentation"),
    **dict.fromkeys(("xlsx", "xlsb", "xlsm", "ods"), "a spreadsheet"),
    "epub": "a book",
    "msg": "an e-mail",
}


def _detect_archive_format(source: SourceFile) -> str:
    try:
        with zipfile.ZipFile(source.path) as file:
            names = {name.replace("\\", "/") for name in file.namelist()}
            mimetype = _read_mimetype(file) if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, NotImplementedError) as error:
        raise unreadable_file(_KINDS.get(source.extension, "a document"), "it is damaged.") from error
    for member, reader in _READERS_BY_MEMBER:
        if member in names:
            return reader
    for name, reader in _READERS_BY_MIMETYPE:
        if mimetype.startswith(name):
            return reader
    if "META-INF/container.xml" in names:
        return "epub"
    if "_rels/.rels" in names and (reader := _detect_by_main_part(source)):
        return reader
    if source.extension in _KINDS:
        raise unreadable_file(_KINDS[source.extension], "its content is missing.")
    raise JobFailed(messages.FILE_NOT_SUPPORTED)


def _detect_by_main_part(source: SourceFile) -> str:
    """Return the reader of an Office document whose main part has an unusual name; empty for other archives."""
    with archive.open_archive(source) as zip_archive:
        part = find_main_part(zip_archive, "")
        if not part:
            return ""
        with zip_archive.open_member(part) as stream:
            start = stream.read(_SAMPLE_SIZE)
    if part.endswith(".bin"):
        return "xlsb"
    return next((reader for root, reader in _READERS_BY_ROOT if root.search(start)), "")


def _read_mimetype(file: zipfile.ZipFile) -> str:
    """Return the media type that an archive states.

    Its unpacked size is not checked yet, so only the first bytes are unpacked.
    """
    with file.open("mimetype") as member:
        return member.read(100).decode("latin-1").strip()


def _is_declared_pdf(source: SourceFile) -> bool:
    return source.extension == "pdf" or source.content_type == "application/pdf"


def _is_pdf(source: SourceFile, sample: bytes) -> bool:
    """Return whether a file is a PDF.

    The signature may be preceded by up to a kilobyte of other bytes; but a text may mention the signature, too.
    """
    before, signature, _ = sample[:SEARCHED_BY_PDFIUM].partition(HEADER)
    return bool(signature) and (_is_declared_pdf(source) or not before.strip(_LEADING_BYTES) or looks_binary(sample))


def _detect_compound_format(source: SourceFile) -> str:
    with compound_file.open_compound_file(source) as streams:
        for name, reader in _READERS_BY_STREAM:
            if streams.has_stream(name):
                return reader
        if streams.has_stream("__properties_version1.0"):
            return "msg"
    raise JobFailed(messages.FILE_NOT_SUPPORTED)


def _recode_sample(sample: bytes) -> bytes:
    """Return the first bytes of a file in UTF-8 where they are UTF-16."""
    if sample.startswith(_UTF_16_MARKS):
        return sample.decode("utf-16", "ignore").encode("utf-8", "ignore")
    encoding = next((encoding for start, encoding in _UTF_16_STARTS if sample.startswith(start)), "")
    return sample.decode(encoding, "ignore").encode("utf-8", "ignore") if encoding else sample


def _detect_xml_format(sample: bytes) -> str:
    """Return the reader of an Office 2003 document that is one XML file; empty for all other files."""
    start = sample.lstrip(_LEADING_BYTES)
    if not start.startswith((b"<?xml", b"<w:", b"<Workbook")):
        return ""
    return next((reader for root, reader in _READERS_BY_XML_ROOT if root.search(start)), "")


def _detect_by_name(source: SourceFile) -> str:
    match source.extension, source.content_type:
        case ("csv" | "tsv", _) | (_, "text/csv" | "text/tab-separated-values"):
            return "delimited_text"
        case ("htm" | "html" | "xhtml", _):
            return "html"
        case ("eml", _) | (_, "message/rfc822"):
            return "mail"
    return ""


def detect_format(source: SourceFile) -> str:
    """Return the name of the module that reads a file.

    Raises:
        JobFailed: the file is empty or damaged, or no module reads its format.
    """
    with open(source.path, "rb") as file:
        sample = file.read(_SAMPLE_SIZE)
    if _is_pdf(source, sample):
        return "pdf"
    if sample.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_archive_format(source)
    if sample.startswith(compound_file.MAGIC):
        return _detect_compound_format(source)
    if sample.startswith(b"{\\rtf"):
        return "rtf"
    recoded_sample = _recode_sample(sample)
    if reader := _detect_xml_format(recoded_sample):
        return reader
    if _is_declared_pdf(source) and find_header(source.path) >= 0:
        return "pdf"
    if source.extension in _KINDS:
        raise (
            JobFailed(messages.EMPTY_CONTENT)
            if not sample
            else unreadable_file(_KINDS[source.extension], "it is none.")
        )
    if looks_binary(sample):
        raise JobFailed(messages.FILE_NOT_SUPPORTED)
    if reader := _detect_by_name(source):
        return reader
    start = recoded_sample.lstrip(_LEADING_BYTES).lower()
    # Some programs save HTML pages with the extensions of Office documents.
    may_be_page = source.content_type in ("text/html", "application/xhtml+xml") or source.extension in (
        "doc",
        "xls",
        "ppt",
    )
    if may_be_page and start.startswith((b"<!doctype html", b"<html", b"<table", b"<?xml", b"<meta")):
        return "html"
    return "plain_text"
