"""Requests that the server sends itself: an operation of the HTTP interface, run as a user, without a connection."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from fastback.access.identity import IdentityResolver
from fastback.kit.http.application import Application

#: Bytes that are read of an uploaded file at a time.
_PART_SIZE = 256 * 1024


class InternalResponse(msgspec.Struct):
    """What an operation answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Upload(msgspec.Struct):
    """A file of a form: it is read from `path`."""

    field: str
    path: str
    filename: str
    content_type: str = "application/octet-stream"


class InternalRequests:
    """Run operations of the application, which connects itself once it is built."""

    def __init__(self, identities: IdentityResolver) -> None:
        self._identities = identities
        self._application: Application | None = None

    def connect(self, application: Application) -> None:
        """Run the operations of this application."""
        self._application = application

    async def send(
        self,
        user_id: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        content: Any = None,
        form: Mapping[str, str] | None = None,
        upload: Upload | None = None,
    ) -> InternalResponse:
        """Run an operation as a user, and return its response.

        `path` has values of parameters percent-encoded; `content` is the JSON of the body.

        Raises:
            Unauthorized: there is no such user.
        """
        if self._application is None:
            raise RuntimeError("the application is not built yet")
        headers = [(b"host", b"localhost")]
        if form is not None or upload is not None:
            boundary = secrets.token_hex(16)
            headers.append((b"content-type", f"multipart/form-data; boundary={boundary}".encode()))
            body = _iterate_form(boundary, form or {}, upload)
        else:
            encoded = b"" if content is None else msgspec.json.encode(content)
            headers += [(b"content-type", b"application/json"), (b"content-length", str(len(encoded)).encode())]
            body = _iterate_bytes(encoded)
        async with self._identities.impersonate(user_id) as token:
            headers.append((b"authorization", b"Bearer " + token.encode()))
            exchange = _Exchange(body)
            await self._application(_build_scope(method, path, query or {}, headers), exchange.receive, exchange.send)
        return exchange.get_response()


def _build_scope(method: str, path: str, query: Mapping[str, Any], headers: list[tuple[bytes, bytes]]) -> Any:
    pairs = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in query.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode([(name, value) for name, value in pairs if value is not None], doseq=True).encode(),
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": {},
    }


async def _iterate_bytes(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _iterate_form(boundary: str, form: Mapping[str, str], upload: Upload | None) -> AsyncIterator[bytes]:
    """Yield the parts of a multipart form; a thread reads the file."""
    for name, value in form.items():
        yield f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if upload is not None:
        filename = upload.filename.replace("\\", "\\\\").replace('"', "%22").replace("\r", " ").replace("\n", " ")
        yield (
            f'--{boundary}\r\ncontent-disposition: form-data; name="{upload.field}"; filename="{filename}"\r\n'
            f"content-type: {upload.content_type}\r\n\r\n"
        ).encode()
        file = await asyncio.to_thread(Path(upload.path).open, "rb")
        try:
            while part := await asyncio.to_thread(file.read, _PART_SIZE):
                yield part
        finally:
            file.close()
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


class _Exchange:
    """The request and the response of one call of the application."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._has_sent_body = False
        self._status = 500
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._ended = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self._has_sent_body:
            async for part in self._body:
                return {"type": "http.request", "body": part, "more_body": True}
            self._has_sent_body = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._ended.wait()  # the client of this request never disconnects
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self._parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body"):
                self._ended.set()

    def get_response(self) -> InternalResponse:
        self._ended.set()
        return InternalResponse(self._status, self._headers, b"".join(self._parts))
