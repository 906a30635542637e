"""Read single headers of a request without the objects that read all of them."""

from __future__ import annotations

from starlette.requests import HTTPConnection


def find_header(connection: HTTPConnection, name: bytes) -> str | None:
    """Return the first header with a name, which is in lower case; None without one."""
    for header, value in connection.scope["headers"]:
        if header == name:
            text: str = value.decode("latin-1")
            return text
    return None
