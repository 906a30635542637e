"""Serving files: looked up in a table made once, sent compressed where a compressed twin stands beside them.

Hashed assets are immutable; everything else is asked for again with its validator.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]

_PIECE = 128 * 1024
#: Files up to this size are kept in memory once asked for, up to so much in all (bytes).
_KEPT_FILE = 64 * 1024
_KEPT_ALL = 2 * 1024 * 1024

for _suffix, _kind in (
    (".js", "text/javascript"),
    (".mjs", "text/javascript"),
    (".wasm", "application/wasm"),
    (".webp", "image/webp"),
    (".svg", "image/svg+xml"),
    (".webmanifest", "application/manifest+json"),
    (".json", "application/json"),
    (".woff2", "font/woff2"),
):
    mimetypes.add_type(_kind, _suffix)


class Entry(msgspec.Struct):
    """A file that may be asked for."""

    path: str
    size: int
    modified: float
    content_type: str
    immutable: bool
    #: Encoding to (path, size) of its compressed twins.
    packed: dict[str, tuple[str, int]]

    def tag(self, encoding: str | None) -> str:
        return f'"{int(self.modified):x}-{self.size:x}{"-" + encoding if encoding else ""}"'


def _content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def scan(root: Path, prefix: str = "") -> dict[str, Entry]:
    """The files below `root` by the path they are asked for at."""
    found: dict[str, Entry] = {}
    twins: list[tuple[str, str, str, int]] = []
    base = str(root)
    for folder, _, names in os.walk(base):
        for name in names:
            path = os.path.join(folder, name)
            status = os.stat(path)
            url = prefix + "/" + os.path.relpath(path, base).replace(os.sep, "/")
            stem, suffix = os.path.splitext(url)
            if suffix in (".br", ".gz"):
                twins.append((stem, suffix[1:], path, status.st_size))
                continue
            found[url] = Entry(
                path, status.st_size, status.st_mtime, _content_type(name), "/_app/immutable/" in url, {}
            )
    for stem, suffix, path, size in twins:
        if stem in found:
            found[stem].packed["br" if suffix == "br" else "gzip"] = (path, size)
    return found


class StaticFiles:
    """An ASGI application over a table of files; unknown pages are the single-page application's."""

    def __init__(self, entries: dict[str, Entry], *, missing: bytes) -> None:
        self._entries = entries
        self._missing = missing
        self._kept: dict[str, bytes] = {}
        self._kept_size = 0

    def path_of(self, url: str) -> str | None:
        """Where the file of a URL path lies, or None."""
        entry = self._entries.get(url)
        return entry.path if entry else None

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _whole(send, 405, b'{"detail":"Method Not Allowed"}', "application/json")
            return
        url: str = scope["path"]
        entry = self._entries.get(url) or (self._entries.get(url.rstrip("/") + "/index.html") if url != "/" else None)
        if entry is None:
            last = url.rsplit("/", 1)[-1]
            if last.endswith((".js", ".css", ".map")) or url.startswith(("/api/", "/static/", "/ollama/", "/openai/")):
                await _whole(send, 404, b'{"detail":"Not Found"}', "application/json")
                return
            entry = self._entries.get("/index.html")
        if entry is None:
            await _whole(send, 200 if url == "/" else 404, self._missing, "text/html; charset=utf-8")
            return
        await self._send(entry, scope, send)

    async def _send(self, entry: Entry, scope: Scope, send: Send) -> None:
        asked = {name: value for name, value in scope["headers"]}
        encoding = _encoding(entry, asked.get(b"accept-encoding", b""))
        wanted_range = asked.get(b"range")
        if wanted_range is not None:
            encoding = None
        path, size = entry.packed[encoding] if encoding else (entry.path, entry.size)
        tag = entry.tag(encoding)
        headers = [
            (b"content-type", entry.content_type.encode()),
            (b"etag", tag.encode()),
            (b"last-modified", formatdate(entry.modified, usegmt=True).encode()),
            (b"cache-control", b"public, max-age=31536000, immutable" if entry.immutable else b"no-cache"),
            (b"accept-ranges", b"bytes"),
        ]
        if entry.packed:
            headers.append((b"vary", b"Accept-Encoding"))
        if _unchanged(asked, tag, entry.modified):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        start, end, status = 0, size, 200
        if wanted_range is not None:
            bounds = _bounds(wanted_range.decode("latin-1"), size)
            if bounds is None:
                headers.append((b"content-range", f"bytes */{size}".encode()))
                await send({"type": "http.response.start", "status": 416, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
            start, end = bounds
            status = 206
            headers.append((b"content-range", f"bytes {start}-{end - 1}/{size}".encode()))
        headers.append((b"content-length", str(end - start).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
        elif size <= _KEPT_FILE:
            await send({"type": "http.response.body", "body": self._small(path, size)[start:end]})
        else:
            await _stream(path, start, end, send)

    def _small(self, path: str, size: int) -> bytes:
        known = self._kept.get(path)
        if known is None:
            with open(path, "rb") as file:
                known = file.read()
            if self._kept_size + size <= _KEPT_ALL:
                self._kept[path] = known
                self._kept_size += size
        return known


async def _stream(path: str, start: int, end: int, send: Send) -> None:
    def piece(file: Any, left: int) -> bytes:
        content: bytes = file.read(min(_PIECE, left))
        return content

    file = await asyncio.to_thread(open, path, "rb")
    try:
        file.seek(start)
        left = end - start
        while left > 0:
            content = await asyncio.to_thread(piece, file, left)
            if not content:
                break
            left -= len(content)
            await send({"type": "http.response.body", "body": content, "more_body": left > 0})
    finally:
        file.close()


def _encoding(entry: Entry, accepted: bytes) -> str | None:
    for name in ("br", "gzip"):
        if name in entry.packed and name.encode() in accepted:
            return name
    return None


def _unchanged(asked: dict[bytes, bytes], tag: str, modified: float) -> bool:
    tags = asked.get(b"if-none-match")
    if tags is not None:
        return tag in tags.decode("latin-1") or tags == b"*"
    since = asked.get(b"if-modified-since")
    if since is None:
        return False
    try:
        return int(modified) <= parsedate_to_datetime(since.decode("latin-1")).timestamp()
    except (TypeError, ValueError):
        return False


def _bounds(text: str, size: int) -> tuple[int, int] | None:
    """The first range of a `Range` header as (start, end); None when it cannot be given."""
    unit, _, ranges = text.partition("=")
    first, dash, last = ranges.split(",")[0].strip().partition("-")
    if unit.strip() != "bytes" or not dash:
        return None
    try:
        if not first:
            start, end = max(size - int(last), 0), size
        else:
            start, end = int(first), min(int(last) + 1, size) if last else size
    except ValueError:
        return None
    return (start, end) if 0 <= start < end else None


async def _whole(send: Send, status: int, body: bytes, kind: str) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


MISSING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Fastback</title>
<body style="font-family:system-ui;max-width:40rem;margin:4rem auto;line-height:1.5">
<h1>Fastback is running</h1>
<p>The API serves. The page is not here yet: the frontend is Open WebUI's own and is fetched once, with</p>
<pre>fastback frontend</pre><p>then start the server again.</p></body></html>"""


def site(build: Path | None, static: list[Path]) -> StaticFiles:
    """The files of a built frontend at `/`, and at `/static` those of the directories, the first one winning."""
    entries: dict[str, Entry] = {}
    if build is not None:
        entries.update(scan(build))
    for directory in reversed(static):
        if directory.is_dir():
            entries.update(scan(directory, "/static"))
    return StaticFiles(entries, missing=MISSING)
