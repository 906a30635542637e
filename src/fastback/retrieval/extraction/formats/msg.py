"""Outlook's messages (.msg): who wrote to whom, and what. Attachments are named, not read."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator
from contextlib import suppress

from fastback.retrieval.extraction.formats import compound_file
from fastback.retrieval.extraction.formats.encoding import decoded
from fastback.retrieval.extraction.formats.html import page_text
from fastback.retrieval.extraction.formats.mail import letter
from fastback.retrieval.extraction.formats.reader import Piece, Source

#: Properties by their number.
_SUBJECT, _SENDER, _ADDRESS, _TO, _CC, _BODY, _HTML = "0037", "0C1A", "5D01", "0E04", "0E03", "1000", "1013"
_OLD_ADDRESS, _FILENAME, _SHORT_NAME = "0C1F", "3707", "3704"
_SENT, _DELIVERED = 0x0039, 0x0E06
#: Where the times of Windows begin.
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)


def _text(streams: compound_file.Compound, number: str, *folder: str) -> str:
    """A property that is text."""
    for kind in ("001F", "001E"):
        content = streams.content(*folder, f"__substg1.0_{number}{kind}")
        if content:
            text = content.decode("utf-16-le", "replace") if kind == "001F" else decoded(content)
            return text.rstrip("\x00")
    return ""


def _date(streams: compound_file.Compound) -> str:
    """When it was sent, from the list of properties that are no text."""
    content = streams.content("__properties_version1.0")
    found: dict[int, int] = {}
    for place in range(32, len(content) - 15, 16):
        kind, number, _, value = struct.unpack_from("<HHIQ", content, place)
        if kind == 0x0040:
            found[number] = value
    ticks = found.get(_SENT) or found.get(_DELIVERED) or 0
    with suppress(OverflowError):
        return (_EPOCH + dt.timedelta(microseconds=ticks // 10)).isoformat(" ", "seconds") if ticks else ""
    return ""


def _body(streams: compound_file.Compound) -> str:
    if text := _text(streams, _BODY):
        return text
    page = streams.content(f"__substg1.0_{_HTML}0102")
    return page_text(decoded(page))[1] if page else page_text(_text(streams, _HTML))[1]


def read(source: Source) -> Iterator[Piece]:
    with compound_file.opened(source) as streams:
        sender, address = _text(streams, _SENDER), _text(streams, _ADDRESS) or _text(streams, _OLD_ADDRESS)
        headers = {
            "Subject": _text(streams, _SUBJECT),
            "From": f"{sender} <{address}>" if sender and "@" in address and address != sender else sender or address,
            "To": _text(streams, _TO),
            "Cc": _text(streams, _CC),
            "Date": _date(streams),
        }
        folders = sorted({name[0] for name in streams.names if name[0].startswith("__attach_version1.0_")})
        names = [_text(streams, _FILENAME, one) or _text(streams, _SHORT_NAME, one) for one in folders]
        body = _body(streams)
    yield letter(headers, body, [one for one in names if one], source)
