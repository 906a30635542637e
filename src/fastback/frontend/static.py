"""Static files: sent compressed if a compressed copy is stored beside the file.

Hashed assets are immutable, pictures and fonts are used for an hour; browsers revalidate all other files at each use.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from pathlib import Path
from typing import Any, BinaryIO

from fastback.frontend import negotiation
from fastback.frontend.file_entries import COMPRESSED_SUFFIXES, FileEntry, FileTable
from fastback.kit.http import content_encoding

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_CHUNK_BYTES = 128 * 1024
#: Largest file that is cached in memory after its first request, and size of the cache (bytes).
_MAX_CACHED_FILE = 64 * 1024
_CACHE_BYTES = 1024 * 1024
#: Below these prefixes an unknown path is a missing file, not a page of the application.
_FILE_PREFIXES = ("/api/", "/static/", "/ollama/", "/openai/", "/_app/", "/assets/", "/pyodide/")
#: Files that browsers use for an hour without asking: a page shows dozens of them, and they hardly ever change.
#: Files that administrators edit, empty in most installations. The page waits for them, so that browsers show it with
#: what they have, and ask for changes in the background.
_CUSTOMIZATIONS = frozenset({"/static/custom.css", "/static/loader.js"})
_PICTURE_SUFFIXES = (".png", ".svg", ".ico", ".jpg", ".jpeg", ".gif", ".webp", ".woff2", ".woff", ".ttf", ".otf")
_FILE_SUFFIXES = (".js", ".mjs", ".css", ".map")


class StaticFiles:
    """An ASGI application that serves a table of files; other paths are pages of the single-page application."""

    def __init__(self, table: FileTable, *, missing: bytes) -> None:
        self._table = table
        self._missing = missing
        #: Contents by path, with the time of change of the file, least recently used first.
        self._cache: dict[str, tuple[int, bytes]] = {}
        self._cache_size = 0

    def find_path(self, url: str) -> str | None:
        """Return the path on disk of the file at a URL path, or None."""
        entry = self._table.find_entry(url)
        return entry.path if entry else None

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        head = scope["method"] == "HEAD"
        if not head and scope["method"] != "GET":
            await _send_response(
                send, 405, b'{"detail":"Method Not Allowed"}', "application/json", [(b"allow", b"GET, HEAD")]
            )
            return
        url: str = scope["path"]
        entry = self._table.find_entry(url) or (
            self._table.find_entry(url.rstrip("/") + "/index.html") if url != "/" else None
        )
        if entry is None:
            if url.endswith(_FILE_SUFFIXES) or url.startswith(_FILE_PREFIXES):
                await _send_not_found(send, head=head)
                return
            entry = self._table.find_entry("/index.html")
        if entry is None:
            status = 200 if url == "/" else 404
            await _send_response(send, status, self._missing, "text/html; charset=utf-8", [_REVALIDATE], head=head)
            return
        try:
            await self._send_file(entry, url, scope, send, head=head)
        except FileNotFoundError:  # deleted meanwhile; nothing has been sent yet
            await _send_not_found(send, head=head)

    async def _send_file(self, entry: FileEntry, url: str, scope: Scope, send: Send, *, head: bool) -> None:
        request_headers: dict[bytes, bytes] = dict(scope["headers"])
        headers: Headers = [
            (b"last-modified", formatdate(entry.modified, usegmt=True).encode()),
            (b"cache-control", _choose_cache_control(entry, url)),
        ]
        encodings = entry.list_encodings()
        if encodings:
            headers.append((b"vary", b"Accept-Encoding"))
        if url.startswith("/pyodide/"):
            # Python runs in a frame without an origin, which loads its packages from here.
            headers.append((b"access-control-allow-origin", b"*"))
        try:
            byte_range = negotiation.parse_range(request_headers, entry.build_etag(None), entry.modified, entry.size)
        except negotiation.Unsatisfiable:
            await _send_response(
                send, 416, b"", "text/plain", [*headers, (b"content-range", f"bytes */{entry.size}".encode())]
            )
            return
        encoding = (
            content_encoding.choose_encoding(encodings, request_headers.get(b"accept-encoding", b""))
            if byte_range is None
            else None
        )
        tag = entry.build_etag(encoding)
        headers.append((b"etag", tag.encode()))
        if negotiation.is_unchanged(request_headers, tag, entry.modified):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        path, size = entry.path, entry.size
        if encoding:
            path += COMPRESSED_SUFFIXES[encoding]
            size = entry.br if encoding == "br" else entry.gzip
            headers.append((b"content-encoding", encoding.encode()))
        else:
            headers.append((b"accept-ranges", b"bytes"))
        headers.append((b"content-type", entry.content_type.encode()))

        def build_start(size: int) -> tuple[dict[str, Any], int, int]:
            """Return the start message of the response for a file of this size, and the range of bytes to send."""
            start, end = byte_range or (0, size)
            if byte_range is not None:
                headers.append((b"content-range", f"bytes {start}-{end - 1}/{size}".encode()))
            headers.append((b"content-length", str(end - start).encode()))
            status = 200 if byte_range is None else 206
            return {"type": "http.response.start", "status": status, "headers": headers}, start, end

        # The file is opened before anything is sent, and its size read from it: it may have been replaced.
        if head:
            await send(build_start(size)[0])
            await send({"type": "http.response.body", "body": b""})
        elif size <= _MAX_CACHED_FILE:
            content = self._read_cached(path, entry.modified_ns)
            first, start, end = build_start(len(content))
            await send(first)
            await send({"type": "http.response.body", "body": content[start:end]})
        else:
            file = await asyncio.to_thread(open, path, "rb")
            try:
                first, start, end = build_start(os.fstat(file.fileno()).st_size)
                await send(first)
                await _stream_file(file, start, end, send)
            finally:
                file.close()

    def _read_cached(self, path: str, modified_ns: int) -> bytes:
        cached_ns, content = self._cache.pop(path, (0, b""))
        self._cache_size -= len(content)
        if cached_ns != modified_ns:
            with open(path, "rb") as file:
                content = file.read()
        self._cache[path] = (modified_ns, content)
        self._cache_size += len(content)
        while self._cache_size > _CACHE_BYTES:
            _, evicted = self._cache.pop(next(iter(self._cache)))
            self._cache_size -= len(evicted)
        return content


def _choose_cache_control(entry: FileEntry, url: str) -> bytes:
    if entry.immutable:
        return b"public, max-age=31536000, immutable"
    if url in _CUSTOMIZATIONS:
        return b"public, max-age=60, stale-while-revalidate=86400"
    return b"public, max-age=3600" if entry.name.endswith(_PICTURE_SUFFIXES) else b"no-cache"


async def _stream_file(file: BinaryIO, start: int, end: int, send: Send) -> None:
    file.seek(start)
    remaining = end - start
    while remaining > 0:
        content = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, remaining))
        if not content:
            break
        remaining -= len(content)
        await send({"type": "http.response.body", "body": content, "more_body": remaining > 0})


_REVALIDATE = (b"cache-control", b"no-cache")


async def _send_not_found(send: Send, *, head: bool) -> None:
    await _send_response(send, 404, b'{"detail":"Not Found"}', "application/json", head=head)


async def _send_response(
    send: Send, status: int, body: bytes, content_type: str, extra_headers: Headers | None = None, *, head: bool = False
) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *(extra_headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


MISSING_FRONTEND_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Fastback</title>
<body style="font-family:system-ui;max-width:40rem;margin:4rem auto;line-height:1.5">
<h1>Fastback is running</h1>
<p>The API serves. The page is not here yet: the frontend is Open WebUI's own and is fetched once, with</p>
<pre>fastback frontend</pre><p>then start the server again.</p></body></html>"""


def build_static_files(build: Path | None, static: list[Path]) -> StaticFiles:
    """Return the files of a built frontend at `/`, and at `/static` those of the directories; the first one wins."""
    roots = [("/static", directory) for directory in static]
    if build is not None:
        roots.append(("", build))
    return StaticFiles(FileTable(roots), missing=MISSING_FRONTEND_PAGE)
