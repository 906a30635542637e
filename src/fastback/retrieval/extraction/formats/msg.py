"""Outlook messages (.msg): headers and text. Attachments are named, not read."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.encoding import decode_text
from fastback.retrieval.extraction.formats.html import extract_page_text
from fastback.retrieval.extraction.formats.mail import format_message
from fastback.retrieval.extraction.formats.reader import ExtractedText, SourceFile

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


def _read_text(streams: compound_file.CompoundFile, property_id: str, *folder: str) -> str:
    """Return the value of a text property; empty where it is missing."""
    for type_code in ("001F", "001E"):
        content = streams.read_stream(*folder, f"__substg1.0_{property_id}{type_code}")
        if content:
            text = content.decode("utf-16-le", "replace") if type_code == "001F" else decode_text(content)
            return text.rstrip("\x00")
    return ""


def _read_date(streams: compound_file.CompoundFile) -> str:
    """Return when the message was sent, else delivered, from the stream of properties with fixed size."""
    content = streams.read_stream("__properties_version1.0")
    times: dict[int, int] = {}
    for offset in range(32, len(content) - 15, 16):
        type_code, property_id, _, value = struct.unpack_from("<HHIQ", content, offset)
        if type_code == 0x0040:
            times[property_id] = value
    ticks = times.get(_SUBMIT_TIME) or times.get(_DELIVERY_TIME) or 0
    with suppress(OverflowError):
        return (_EPOCH + dt.timedelta(microseconds=ticks // 10)).isoformat(" ", "seconds") if ticks else ""
    return ""


def _read_body(streams: compound_file.CompoundFile) -> str:
    if text := _read_text(streams, _BODY):
        return text
    page = streams.read_stream(f"__substg1.0_{_HTML}0102")
    return extract_page_text(decode_text(page))[1] if page else extract_page_text(_read_text(streams, _HTML))[1]


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document with headers and text. Metadata: `title`, the subject."""
    with compound_file.open_compound_file(source) as streams:
        sender, address = (
            _read_text(streams, _SENDER_NAME),
            _read_text(streams, _SMTP_ADDRESS) or _read_text(streams, _NATIVE_ADDRESS),
        )
        headers = {
            "Subject": _read_text(streams, _SUBJECT),
            "From": f"{sender} <{address}>" if sender and "@" in address and address != sender else sender or address,
            "To": _read_text(streams, _DISPLAY_TO),
            "Cc": _read_text(streams, _DISPLAY_CC),
            "Date": _read_date(streams),
        }
        folders = sorted({name[0] for name in streams.names if name[0].startswith("__attach_version1.0_")})
        names = [
            _read_text(streams, _LONG_FILENAME, folder) or _read_text(streams, _SHORT_FILENAME, folder)
            for folder in folders
        ]
        body = _read_body(streams)
    yield format_message(headers, body, [name for name in names if name], source)
