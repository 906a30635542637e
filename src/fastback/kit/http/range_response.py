"""A file that lies elsewhere, sent as it comes from there; whole, or the part of it that was asked for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from fastback.kit.http.streaming_response import send_pieces

_ONE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)", re.IGNORECASE)


class RangedResponse(Response):
    """`read(start, stop)` gives the bytes in pieces. Several ranges at once are answered with the whole."""

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
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        start, stop = 0, self._size
        wanted = asked.get(b"range")
        whole_if = asked.get(b"if-range")
        if wanted and (whole_if is None or whole_if in (self.headers["etag"], self.headers["last-modified"])):
            found = _ONE.fullmatch(wanted.strip())
            if found and any(found.groups()):
                first, last = found.groups()
                start = int(first) if first else max(self._size - int(last), 0)
                stop = min(int(last) + 1, self._size) if first and last else self._size
                if start >= self._size or start >= stop:
                    refused = PlainTextResponse(status_code=416, headers={"content-range": f"bytes */{self._size}"})
                    await refused(scope, receive, send)
                    return
                self.status_code = 206
                self.headers["content-range"] = f"bytes {start}-{stop - 1}/{self._size}"
                self.headers["content-length"] = str(stop - start)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send_pieces(self._read(start, stop), receive, send)
