"""A file for large texts between server and worker, in chunks, each of which is fast to decode.

Rows are `(head, text)`; a head is any value of MessagePack. The file is a sequence of frames, each a list of
`[head, chunk, continues]`: where `continues` is true, the text goes on in the next chunk, whose head is None.
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

#: Characters of a chunk, and of a frame unless a single chunk is longer.
CHUNK_SIZE = 1 << 18
#: Size of a row in addition to its text, in characters.
_ROW_COST = 64

Row = tuple[Any, str]


def write_chunks(path: str | Path, head: Any, texts: Iterable[str]) -> None:
    """Write a single row whose text comes in chunks; for workers and threads."""
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
    """Join the chunks of rows."""

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
    """Return the content of the next frame; empty at the end."""
    head = source.read(HEAD.size)
    return source.read(HEAD.unpack(head)[0]) if len(head) == HEAD.size else b""


def read_chunks(path: str | Path) -> Iterator[tuple[str, bool]]:
    """Yield the texts in chunks, each with whether its text continues in the next one; for workers and threads."""
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
    """Yield every row; for workers and threads."""
    joiner = _RowJoiner()
    with open(path, "rb") as source:
        while content := _read_frame(source):
            yield from joiner.join_rows(content)


async def send_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Write all rows; for the server: no step blocks the event loop for long."""
    with open(path, "wb") as sink:
        for content in _encode_frames(rows):
            await asyncio.to_thread(sink.write, content)


async def write_content(path: str | Path, content: bytes) -> None:
    """Write bytes that are not rows; for the server."""
    await asyncio.to_thread(Path(path).write_bytes, content)


async def receive_rows(path: str | Path) -> AsyncIterator[Row]:
    """Yield every row; for the server."""
    joiner = _RowJoiner()
    with open(path, "rb") as source:
        while content := await asyncio.to_thread(_read_frame, source):
            for row in joiner.join_rows(content):
                yield row


@asynccontextmanager
async def create_spool_file() -> AsyncIterator[str]:
    """Yield the path of a new file that only this user may read; delete it at the end."""
    handle, path = tempfile.mkstemp(prefix="fastback-")
    os.close(handle)
    try:
        yield path
    finally:
        with suppress(OSError):
            os.unlink(path)
