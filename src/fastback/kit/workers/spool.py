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

from fastback.kit.workers.frames import HEAD, decode, encode_frame

#: Characters of a piece, and of a frame unless a single piece is longer.
CHUNK_SIZE = 1 << 18
#: What a row costs besides its text, in characters.
_ROW_COST = 64

Row = tuple[Any, str]


def write_chunks(path: str | Path, head: Any, texts: Iterable[str]) -> None:
    """Write a single row whose text comes in pieces; for workers and threads."""
    with open(path, "wb") as sink:
        previous = ""
        for chunk in texts:
            if previous:
                sink.write(encode_frame([[head, previous, True]]))
                head = None
            previous = chunk
        sink.write(encode_frame([[head, previous, False]]))


def _encode_frames(rows: Iterable[Row]) -> Iterator[bytearray]:
    chunks: list[list[Any]] = []
    size = 0
    for head, text in rows:
        for start in range(0, len(text) or 1, CHUNK_SIZE):
            chunk = text[start : start + CHUNK_SIZE]
            chunks.append([head if start == 0 else None, chunk, start + CHUNK_SIZE < len(text)])
            size += len(chunk) + _ROW_COST
            if size >= CHUNK_SIZE:
                yield encode_frame(chunks)
                chunks, size = [], 0
    if chunks:
        yield encode_frame(chunks)


class _RowJoiner:
    """Puts pieces together."""

    def __init__(self) -> None:
        self._head: Any = None
        self._parts: list[str] = []

    def join_rows(self, content: bytes) -> Iterator[Row]:
        for head, chunk, continues in decode(content):
            if not self._parts:
                self._head = head
            self._parts.append(chunk)
            if not continues:
                yield self._head, self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
                self._parts = []


def _read_frame(source: BinaryIO) -> bytes:
    """The next frame's content; empty at the end."""
    head = source.read(HEAD.size)
    return source.read(HEAD.unpack(head)[0]) if len(head) == HEAD.size else b""


def read_chunks(path: str | Path) -> Iterator[tuple[str, bool]]:
    """The texts, piece by piece, and whether the text goes on in the next one; for workers and threads."""
    with open(path, "rb") as source:
        while content := _read_frame(source):
            for _, chunk, more in decode(content):
                yield chunk, more


def write_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Write all rows; for workers and threads."""
    with open(path, "wb") as sink:
        for content in _encode_frames(rows):
            sink.write(content)


def read_rows(path: str | Path) -> Iterator[Row]:
    """Every row; for workers and threads."""
    joiner = _RowJoiner()
    with open(path, "rb") as source:
        while content := _read_frame(source):
            yield from joiner.join_rows(content)


async def send_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Write all rows; for the server: nothing holds the loop for long."""
    with open(path, "wb") as sink:
        for content in _encode_frames(rows):
            await asyncio.to_thread(sink.write, content)


async def write_content(path: str | Path, content: bytes) -> None:
    """Write bytes that are no rows; for the server."""
    await asyncio.to_thread(Path(path).write_bytes, content)


async def receive_rows(path: str | Path) -> AsyncIterator[Row]:
    """Every row; for the server."""
    joiner = _RowJoiner()
    with open(path, "rb") as source:
        while content := await asyncio.to_thread(_read_frame, source):
            for row in joiner.join_rows(content):
                yield row


@asynccontextmanager
async def create_spool_file() -> AsyncIterator[str]:
    """A fresh file that only we may read, gone in the end."""
    handle, path = tempfile.mkstemp(prefix="fastback-")
    os.close(handle)
    try:
        yield path
    finally:
        with suppress(OSError):
            os.unlink(path)
