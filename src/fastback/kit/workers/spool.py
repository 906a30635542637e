"""A file through which much text goes between server and worker: in pieces, so that none takes long to decode.

Rows are `(head, text)`; a head is what MessagePack knows. The file is a row of frames, each a list of
`[head, piece, more]`: with `more` the text goes on in the next piece, whose head is None.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from fastback.kit.workers.frames import HEAD, decode, frame

#: Characters of a piece, and of a frame unless a single piece is longer.
PIECE = 1 << 18
#: What a row costs besides its text, in characters.
_ROW = 64

Row = tuple[Any, str]


def write_pieces(path: str | Path, head: Any, texts: Iterable[str]) -> None:
    """Write a single row whose text comes in pieces; for workers and threads."""
    with open(path, "wb") as sink:
        before = ""
        for piece in texts:
            if before:
                sink.write(frame([[head, before, True]]))
                head = None
            before = piece
        sink.write(frame([[head, before, False]]))


def _frames(rows: Iterable[Row]) -> Iterator[bytearray]:
    pieces: list[list[Any]] = []
    size = 0
    for head, text in rows:
        for start in range(0, len(text) or 1, PIECE):
            piece = text[start : start + PIECE]
            pieces.append([head if start == 0 else None, piece, start + PIECE < len(text)])
            size += len(piece) + _ROW
            if size >= PIECE:
                yield frame(pieces)
                pieces, size = [], 0
    if pieces:
        yield frame(pieces)


class _Joined:
    """Puts pieces together."""

    def __init__(self) -> None:
        self._head: Any = None
        self._parts: list[str] = []

    def rows(self, content: bytes) -> Iterator[Row]:
        for head, piece, more in decode(content):
            if not self._parts:
                self._head = head
            self._parts.append(piece)
            if not more:
                yield self._head, self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
                self._parts = []


def _next_frame(source: BinaryIO) -> bytes:
    """The next frame's content; empty at the end."""
    head = source.read(HEAD.size)
    return source.read(HEAD.unpack(head)[0]) if len(head) == HEAD.size else b""


def pieces(path: str | Path) -> Iterator[tuple[str, bool]]:
    """The texts, piece by piece, and whether the text goes on in the next one; for workers and threads."""
    with open(path, "rb") as source:
        while content := _next_frame(source):
            for _, piece, more in decode(content):
                yield piece, more


def write(path: str | Path, rows: Iterable[Row]) -> None:
    """Write all rows; for workers and threads."""
    with open(path, "wb") as sink:
        for content in _frames(rows):
            sink.write(content)


def read(path: str | Path) -> Iterator[Row]:
    """Every row; for workers and threads."""
    joined = _Joined()
    with open(path, "rb") as source:
        while content := _next_frame(source):
            yield from joined.rows(content)


async def send(path: str | Path, rows: Iterable[Row]) -> None:
    """Write all rows; for the server: nothing holds the loop for long."""
    with open(path, "wb") as sink:
        for content in _frames(rows):
            await asyncio.to_thread(sink.write, content)


async def keep(path: str | Path, content: bytes) -> None:
    """Write bytes that are no rows; for the server."""
    await asyncio.to_thread(Path(path).write_bytes, content)


async def receive(path: str | Path) -> AsyncIterator[Row]:
    """Every row; for the server."""
    joined = _Joined()
    with open(path, "rb") as source:
        while content := await asyncio.to_thread(_next_frame, source):
            for row in joined.rows(content):
                yield row


@asynccontextmanager
async def spool() -> AsyncIterator[str]:
    """A fresh file that only we may read, gone in the end."""
    handle, path = tempfile.mkstemp(prefix="fastback-")
    os.close(handle)
    try:
        yield path
    finally:
        with suppress(OSError):
            os.unlink(path)
