"""Bodies of answers: anything msgspec can encode, or bytes that are JSON already."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

encoder = msgspec.json.Encoder()


class Json(Response):
    """A JSON answer with a status or headers of its own; a handler that needs neither returns the value itself."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(encoder.encode(content), status_code=status, headers=headers)


class JsonBytes:
    """Ready bytes of JSON: what a hot read answers with, without being encoded again."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content
