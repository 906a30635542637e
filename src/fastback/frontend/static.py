"""Serving files: looked up in a table made once, sent compressed where a compressed twin stands beside them.

Hashed assets are immutable; everything else is asked for again with its validator.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from fastback.frontend import negotiation
from fastback.kit.http import content_encoding

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_PIECE = 128 * 1024
#: Files up to this size are kept in memory once asked for, up to so much in all (bytes).
_KEPT_FILE = 64 * 1024
_KEPT_ALL = 2 * 1024 * 1024
#: The suffix of a compressed twin, by encoding; the better one first.
_TWINS = {"br": ".br", "gzip": ".gz"}
#: A twin may be so much older than its file (ns): copying a directory does not keep the order of times.
_TWIN_AGE = 60_000_000_000

#: Below these an unknown path is a missing file and no page.
_NO_PAGES = ("/api/", "/static/", "/ollama/", "/openai/", "/_app/", "/assets/", "/pyodide/")
_NO_PAGE_SUFFIXES = (".js", ".mjs", ".css", ".map")

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


class Entry(msgspec.Struct, gc=False):
    """A file that may be asked for. There are thousands, so it holds little: the path is `root` and `name` together."""

    root: str
    name: str
    size: int
    modified_ns: int
    content_type: str
    immutable: bool
    #: Sizes of the compressed twins; 0: there is none.
    br: int = 0
    gzip: int = 0

    @property
    def path(self) -> str:
        return self.root + self.name

    @property
    def modified(self) -> int:
        return self.modified_ns // 1_000_000_000

    def encodings(self) -> list[str]:
        return [name for name, size in (("br", self.br), ("gzip", self.gzip)) if size]

    def tag(self, encoding: str | None) -> str:
        return f'"{self.modified_ns:x}-{self.size:x}{"-" + encoding if encoding else ""}"'


@lru_cache(maxsize=256)
def _content_type(suffix: str) -> str:
    kind = mimetypes.guess_type("file" + suffix)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _files(root: str, below: str = "") -> list[tuple[str, tuple[int, int]]]:
    """Every file below `root`: its path from there, size and time (ns). What cannot be read is left out."""
    found = []
    try:
        with os.scandir(root + below) as listed:
            for one in listed:
                name = f"{below}/{one.name}"
                try:
                    if one.is_dir():
                        if not one.is_symlink():  # it could lead in a circle
                            found += _files(root, name)
                    elif one.is_file():
                        status = one.stat()
                        found.append((name, (status.st_size, status.st_mtime_ns)))
                except OSError:
                    continue
    except OSError:
        pass
    return found


def scan(root: Path, prefix: str = "") -> dict[str, Entry]:
    """The files below `root` by the path they are asked for at."""
    base = str(root)
    files = dict(_files(base))
    found: dict[str, Entry] = {}
    for name, (size, modified) in files.items():
        stem, suffix = os.path.splitext(name)
        if suffix in (".br", ".gz") and stem in files:
            continue  # a twin
        url = prefix + name if prefix else name
        entry = Entry(base, name, size, modified, _content_type(suffix), url.startswith("/_app/immutable/"))
        for encoding, twin_suffix in _TWINS.items():
            twin = files.get(name + twin_suffix)
            if twin is not None and twin[1] + _TWIN_AGE >= modified:
                setattr(entry, encoding, twin[0])
        found[url] = entry
    return found


class StaticFiles:
    """An ASGI application over a table of files; unknown pages are the single-page application's."""

    def __init__(self, entries: dict[str, Entry], *, missing: bytes) -> None:
        self._entries = entries
        self._missing = missing
        #: Contents by path, the one asked for last at the end.
        self._kept: dict[str, bytes] = {}
        self._kept_size = 0

    def path_of(self, url: str) -> str | None:
        """Where the file of a URL path lies, or None."""
        entry = self._entries.get(url)
        return entry.path if entry else None

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        head = scope["method"] == "HEAD"
        if not head and scope["method"] != "GET":
            await _whole(send, 405, b'{"detail":"Method Not Allowed"}', "application/json", [(b"allow", b"GET, HEAD")])
            return
        url: str = scope["path"]
        entry = self._current(url) or (self._current(url.rstrip("/") + "/index.html") if url != "/" else None)
        if entry is None:
            if url.endswith(_NO_PAGE_SUFFIXES) or url.startswith(_NO_PAGES):
                await _not_found(send, head=head)
                return
            entry = self._current("/index.html")
        if entry is None:
            status = 200 if url == "/" else 404
            await _whole(send, status, self._missing, "text/html; charset=utf-8", [_AGAIN], head=head)
            return
        try:
            await self._send(entry, url, scope, send, head=head)
        except FileNotFoundError:  # gone since the table was made; nothing has been sent yet
            await _not_found(send, head=head)

    def _current(self, url: str) -> Entry | None:
        """The entry of a path. A file that somebody edited since is looked at anew; hashed assets never change."""
        entry = self._entries.get(url)
        if entry is None or entry.immutable:
            return entry
        try:
            status = os.stat(entry.path)
        except OSError:
            return None
        if (status.st_mtime_ns, status.st_size) != (entry.modified_ns, entry.size):
            self._forget(entry)
            entry = msgspec.structs.replace(entry, size=status.st_size, modified_ns=status.st_mtime_ns, br=0, gzip=0)
            self._entries[url] = entry
        return entry

    async def _send(self, entry: Entry, url: str, scope: Scope, send: Send, *, head: bool) -> None:
        asked: dict[bytes, bytes] = dict(scope["headers"])
        headers: Headers = [
            (b"last-modified", formatdate(entry.modified, usegmt=True).encode()),
            (b"cache-control", b"public, max-age=31536000, immutable" if entry.immutable else b"no-cache"),
        ]
        offered = entry.encodings()
        if offered:
            headers.append((b"vary", b"Accept-Encoding"))
        if url.startswith("/pyodide/"):
            # Python runs in a frame without an origin, which loads its packages from here.
            headers.append((b"access-control-allow-origin", b"*"))
        try:
            part = negotiation.part(asked, entry.tag(None), entry.modified, entry.size)
        except negotiation.Unsatisfiable:
            await _whole(send, 416, b"", "text/plain", [*headers, (b"content-range", f"bytes */{entry.size}".encode())])
            return
        encoding = (
            content_encoding.choose_encoding(offered, asked.get(b"accept-encoding", b"")) if part is None else None
        )
        tag = entry.tag(encoding)
        headers.append((b"etag", tag.encode()))
        if negotiation.unchanged(asked, tag, entry.modified):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        path, size = entry.path, entry.size
        if encoding:
            path += _TWINS[encoding]
            size = entry.br if encoding == "br" else entry.gzip
            headers.append((b"content-encoding", encoding.encode()))
        else:
            headers.append((b"accept-ranges", b"bytes"))
        headers.append((b"content-type", entry.content_type.encode()))

        def begin(size: int) -> tuple[dict[str, Any], int, int]:
            """The first message of the answer for a file of this size, and what is to be sent of it."""
            start, end = part or (0, size)
            if part is not None:
                headers.append((b"content-range", f"bytes {start}-{end - 1}/{size}".encode()))
            headers.append((b"content-length", str(end - start).encode()))
            status = 200 if part is None else 206
            return {"type": "http.response.start", "status": status, "headers": headers}, start, end

        # A file is opened before anything is sent, and its size taken from there: it may have been replaced.
        if head:
            await send(begin(size)[0])
            await send({"type": "http.response.body", "body": b""})
        elif size <= _KEPT_FILE:
            content = self._small(path)
            first, start, end = begin(len(content))
            await send(first)
            await send({"type": "http.response.body", "body": content[start:end]})
        else:
            file = await asyncio.to_thread(open, path, "rb")
            try:
                first, start, end = begin(os.fstat(file.fileno()).st_size)
                await send(first)
                await _stream(file, start, end, send)
            finally:
                file.close()

    def _small(self, path: str) -> bytes:
        content = self._kept.pop(path, None)
        if content is None:
            with open(path, "rb") as file:
                content = file.read()
            self._kept_size += len(content)
        self._kept[path] = content
        while self._kept_size > _KEPT_ALL:
            self._kept_size -= len(self._kept.pop(next(iter(self._kept))))
        return content

    def _forget(self, entry: Entry) -> None:
        for suffix in ("", *_TWINS.values()):
            self._kept_size -= len(self._kept.pop(entry.path + suffix, b""))


async def _stream(file: BinaryIO, start: int, end: int, send: Send) -> None:
    file.seek(start)
    left = end - start
    while left > 0:
        content = await asyncio.to_thread(file.read, min(_PIECE, left))
        if not content:
            break
        left -= len(content)
        await send({"type": "http.response.body", "body": content, "more_body": left > 0})


_AGAIN = (b"cache-control", b"no-cache")


async def _not_found(send: Send, *, head: bool) -> None:
    await _whole(send, 404, b'{"detail":"Not Found"}', "application/json", head=head)


async def _whole(
    send: Send, status: int, body: bytes, kind: str, more: Headers | None = None, *, head: bool = False
) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *(more or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


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
