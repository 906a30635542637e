"""Bodies of responses: values that msgspec encodes, or bytes of JSON."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastback.kit.large_json import LARGE_SIZE, iterate_slices
from fastback.kit.pacing import let_others_run

#: A key of the message that starts a response: its pieces are there already, so that they can be compressed one by one.
COMPRESSIBLE_IN_PIECES = "fastback.compressible_in_pieces"

encoder = msgspec.json.Encoder()

T = TypeVar("T")


class Json(Response):
    """A JSON response with a status or headers; a handler that needs neither returns the value itself."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(encoder.encode(content), status_code=status, headers=headers)


class JsonContent(Response):
    """A JSON response of bytes that are JSON already; they are sent in slices, as they may be megabytes."""

    media_type = "application/json"

    def __init__(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self.body) <= LARGE_SIZE:
            await super().__call__(scope, receive, send)
            return
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send({**start, COMPRESSIBLE_IN_PIECES: True})
        for part in iterate_slices(self.body):
            await send({"type": "http.response.body", "body": bytes(part), "more_body": True})
            await let_others_run()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
