"""Outlook messages (.msg): headers and text, also of attached messages. Attachments are named, not read."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.code_pages import find_encoding
from fastback.retrieval.extraction.formats.compressed_rtf import unpack_rtf
from fastback.retrieval.extraction.formats.encoding import decode_text
from fastback.retrieval.extraction.formats.html import extract_page_text
from fastback.retrieval.extraction.formats.mail import format_headers, format_message
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile
from fastback.retrieval.extraction.formats.rtf import extract_rtf_text

#: Ids of properties, in hexadecimal as in the names of streams.
_SUBJECT, _SENDER_NAME, _SMTP_ADDRESS, _DISPLAY_TO, _DISPLAY_CC, _BODY, _HTML = (
    "0037",
    "0C1A",
    "5D01",
    "0E04",
    "0E03",
    "1000",
    "1013",
)
_NATIVE_ADDRESS, _LONG_FILENAME, _SHORT_FILENAME = "0C1F", "3707", "3704"
_SUBMIT_TIME, _DELIVERY_TIME = 0x0039, 0x0E06
#: Time 0 of Windows file times, which count units of 100 ns.
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)


#: Properties of 32 bits that state code pages: of the texts with one byte a character, and of the HTML body.
_TEXT_CODE_PAGE, _HTML_CODE_PAGE = 0x3FFD, 0x3FDE
_COMPRESSED_RTF = "1009"
#: The folder of a message in an attachment, and how deeply such messages are read.
_EMBEDDED_MESSAGE = "__substg1.0_3701000D"
_MAX_DEPTH = 20


class _MessageReader:
    """Read the message in a folder of the file; the outermost message has no folder."""

    def __init__(self, streams: compound_file.CompoundFile, folder: tuple[str, ...] = ()) -> None:
        self._streams = streams
        self._folder = folder
        self._numbers = self._read_numbers()
        self._encoding = find_encoding(self._numbers.get((_TEXT_CODE_PAGE, 3), 0))

    def _read_numbers(self) -> dict[tuple[int, int], int]:
        """Return the properties with fixed size, by id and type."""
        content = self._streams.read_stream(*self._folder, "__properties_version1.0")
        numbers: dict[tuple[int, int], int] = {}
        for offset in range(24 if self._folder else 32, len(content) - 15, 16):
            type_code, property_id, _, value = struct.unpack_from("<HHIQ", content, offset)
            numbers[property_id, type_code] = value & 0xFFFFFFFF if type_code == 3 else value
        return numbers

    def _read_property(self, property_id: str, type_code: str, *folder: str) -> bytes:
        return self._streams.read_stream(*self._folder, *folder, f"__substg1.0_{property_id}{type_code}")

    def _read_text(self, property_id: str, *folder: str) -> str:
        """Return the value of a text property; empty where it is missing."""
        if content := self._read_property(property_id, "001F", *folder):
            return content.decode("utf-16-le", "replace").rstrip("\x00")
        content = self._read_property(property_id, "001E", *folder).rstrip(b"\0")
        return _decode_bytes(content, self._encoding)

    def _read_date(self) -> str:
        """Return when the message was sent, else delivered."""
        ticks = self._numbers.get((_SUBMIT_TIME, 0x40)) or self._numbers.get((_DELIVERY_TIME, 0x40)) or 0
        with suppress(OverflowError):
            return (_EPOCH + dt.timedelta(microseconds=ticks // 10)).isoformat(" ", "seconds") if ticks else ""
        return ""

    def read_headers(self) -> dict[str, str]:
        """Return the headers, by name."""
        sender, address = (
            self._read_text(_SENDER_NAME),
            self._read_text(_SMTP_ADDRESS) or self._read_text(_NATIVE_ADDRESS),
        )
        return {
            "Subject": self._read_text(_SUBJECT),
            "From": f"{sender} <{address}>" if sender and "@" in address and address != sender else sender or address,
            "To": self._read_text(_DISPLAY_TO),
            "Cc": self._read_text(_DISPLAY_CC),
            "Date": self._read_date(),
        }

    def _read_own_body(self) -> str:
        """Return the first body that is not empty: plain text, HTML, rich text."""
        if (text := self._read_text(_BODY)).strip():
            return text
        page = _decode_bytes(
            self._read_property(_HTML, "0102"), find_encoding(self._numbers.get((_HTML_CODE_PAGE, 3), 0))
        )
        if text := extract_page_text(page or self._read_text(_HTML))[1]:
            return text
        return extract_rtf_text(unpack_rtf(self._read_property(_COMPRESSED_RTF, "0102")))

    def read_body(self, depth: int = 0) -> tuple[str, list[str]]:
        """Return the text with that of attached messages, and the names of the other attachments."""
        texts, attachments = [self._read_own_body().strip()], []
        for name in self._streams.list_folder(*self._folder):
            if not name.startswith("__attach_version1.0_"):
                continue
            inner_folder = (*self._folder, name, _EMBEDDED_MESSAGE)
            if depth < _MAX_DEPTH and self._streams.list_folder(*inner_folder):
                inner = _MessageReader(self._streams, inner_folder)
                text, inner_attachments = inner.read_body(depth + 1)
                texts += [format_headers(inner.read_headers(), inner_attachments), text]
            else:
                attachments.append(self._read_text(_LONG_FILENAME, name) or self._read_text(_SHORT_FILENAME, name))
        return "\n\n".join(text for text in texts if text), [name for name in attachments if name]


def _decode_bytes(content: bytes, encoding: str) -> str:
    """Return the text in the stated encoding where it fits, else in the encoding that is guessed."""
    if encoding:
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return decode_text(content)


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with headers and text. Metadata: `title`, the subject."""
    with compound_file.open_compound_file(source) as streams:
        message = _MessageReader(streams)
        headers = message.read_headers()
        body, attachments = message.read_body()
    yield format_message(headers, body, attachments, source)
