"""Bodies of responses: values that msgspec encodes, or bytes of JSON."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from starlette.responses import Response

encoder = msgspec.json.Encoder()

T = TypeVar("T")


class Json(Response):
    """A JSON response with a status or headers; a handler that needs neither returns the value itself."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(encoder.encode(content), status_code=status, headers=headers)


class JsonBytes:
    """Bytes that are JSON already: the response to a frequent read, from a cache."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content


class WithHeaders(Generic[T]):
    """What a handler returns, with headers for its response: pairs of a lower-case name and a value."""

    __slots__ = ("content", "headers")

    def __init__(self, content: T, headers: list[tuple[bytes, bytes]]) -> None:
        self.content = content
        self.headers = headers
