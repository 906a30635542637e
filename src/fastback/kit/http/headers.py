"""Read single headers of a request without the objects that read all of them."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import HTTPConnection


def find_header(connection: HTTPConnection, name: bytes) -> str | None:
    """Return the first header with a name, which is in lower case; None without one."""
    value = find_raw_header(connection.scope["headers"], name)
    return None if value is None else value.decode("latin-1")


def find_raw_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the first of the headers with a name; None without one. Names are compared as they are."""
    for header, value in headers:
        if header == name:
            return value
    return None
