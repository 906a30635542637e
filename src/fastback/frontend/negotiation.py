"""What a request for a file asks for: only what is new, or a part (RFC 9110: 13, 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

#: Header names, in lower case, to their values.
Asked = Mapping[bytes, bytes]

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The part that is asked for lies outside the file: 416."""


def unchanged(asked: Asked, tag: str, modified: int) -> bool:
    """Whether the client has this content: by `If-None-Match`, else `If-Modified-Since` (`modified`: Unix time)."""
    tags = asked.get(b"if-none-match")
    if tags is not None:
        # A proxy that touched the content has made the tag a weak one.
        known = (one.strip().removeprefix("W/") for one in tags.decode("latin-1").split(","))
        return any(one in ("*", tag) for one in known)
    since = asked.get(b"if-modified-since")
    return since is not None and modified <= _seconds(since)


def _seconds(date: bytes) -> float:
    try:
        return parsedate_to_datetime(date.decode("latin-1")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return -1.0


def part(asked: Asked, tag: str, modified: int, size: int) -> tuple[int, int] | None:
    """The part of a file that is asked for, as (start, end) in bytes; None for the whole.

    The whole is due, too, when several parts are asked for, when the header is no range, and when `If-Range` names
    another content.

    Raises:
        Unsatisfiable: it begins behind the end of the file.
    """
    wanted = asked.get(b"range")
    if wanted is None:
        return None
    condition = asked.get(b"if-range")
    if condition is not None and condition.decode("latin-1").strip() != tag and modified != _seconds(condition):
        return None
    found = _RANGE.fullmatch(wanted.decode("latin-1"))
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return start, end
