"""A response with a file of a remote storage, or the range of it that the client asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from fastback.kit.http.streaming_response import send_chunks

_SINGLE_RANGE = re.compile(r"bytes\s*+=\s*+(\d{0,30})\s*+-\s*+(\d{0,30})", re.IGNORECASE)


class RangedResponse(Response):
    """Send the chunks of `read(start, stop)`; a request for several ranges gets the complete file."""

    def __init__(
        self,
        read: Callable[[int, int], AsyncIterator[bytes]],
        *,
        size: int,
        modified: float,
        etag: str,
        media_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._read = read
        self._size = size
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)
        self.headers["accept-ranges"] = "bytes"
        self.headers["content-length"] = str(size)
        self.headers["last-modified"] = formatdate(modified, usegmt=True)
        self.headers["etag"] = f'"{etag}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        start, stop = 0, self._size
        range_header = request_headers.get(b"range")
        if_range = request_headers.get(b"if-range")
        if range_header and (if_range is None or if_range in (self.headers["etag"], self.headers["last-modified"])):
            match = _SINGLE_RANGE.fullmatch(range_header.strip())
            if match and any(match.groups()):
                first_byte, last_byte = match.groups()
                start = int(first_byte) if first_byte else max(self._size - int(last_byte), 0)
                stop = min(int(last_byte) + 1, self._size) if first_byte and last_byte else self._size
                if start >= self._size or start >= stop:
                    refusal = PlainTextResponse(status_code=416, headers={"content-range": f"bytes */{self._size}"})
                    await refusal(scope, receive, send)
                    return
                self.status_code = 206
                self.headers["content-range"] = f"bytes {start}-{stop - 1}/{self._size}"
                self.headers["content-length"] = str(stop - start)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send_chunks(self._read(start, stop), receive, send)
