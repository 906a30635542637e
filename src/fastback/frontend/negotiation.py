"""Conditional requests and range requests for files (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from fastback.kit.http.conditional_requests import is_tag_listed

#: Values of request headers by lower-case name.
RequestHeaders = Mapping[bytes, bytes]

_RANGE = re.compile(r"\s*+bytes\s*+=\s*+(\d{0,30})\s*+-\s*+(\d{0,30})\s*+", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The requested range is outside the file; the response has status 416."""


def is_unchanged(headers: RequestHeaders, tag: str, modified: int) -> bool:
    """Return whether the client has this content: by `If-None-Match`, else by `If-Modified-Since` (Unix time)."""
    tags = headers.get(b"if-none-match")
    if tags is not None:
        return is_tag_listed(tags, tag)
    since = headers.get(b"if-modified-since")
    return since is not None and modified <= _parse_http_date(since)


def _parse_http_date(date: bytes) -> float:
    try:
        return parsedate_to_datetime(date.decode("latin-1")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return -1.0


def parse_range(headers: RequestHeaders, tag: str, modified: int, size: int) -> tuple[int, int] | None:
    """Return the requested range of a file as (start, end) in bytes; None for the complete file.

    The complete file is also sent if the header lists several ranges or is invalid, and if `If-Range` names another
    version of the file.

    Raises:
        Unsatisfiable: the range starts behind the end of the file.
    """
    value = headers.get(b"range")
    if value is None:
        return None
    condition = headers.get(b"if-range")
    if condition is not None and condition.decode("latin-1").strip() != tag and modified != _parse_http_date(condition):
        return None
    match = _RANGE.fullmatch(value.decode("latin-1"))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return start, end
