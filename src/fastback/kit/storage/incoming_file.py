"""A file that is being received: written in threads in large chunks, hashed and counted on the way."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from fastback.kit.storage.protocol import Storage

#: Bytes that are buffered before a thread writes them: a thread switch costs about as much as hashing a tenth of them.
WRITE_SIZE = 1024 * 1024
#: Prefix of the names of files that are being received, and the age in seconds from which one counts as abandoned.
INCOMING_PREFIX, ABANDONED_SECONDS = ".under-way-", 24 * 3600


class IncomingFile:
    """A temporary file, as an async context manager: it is deleted at the end unless a storage has moved it.

    Attributes:
        size: bytes that were written.
        path: of the file.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._hash = hashlib.sha256()
        self._file: Any = None
        self.size = 0
        self.path = Path()

    async def __aenter__(self) -> IncomingFile:
        await asyncio.to_thread(self._open)
        return self

    def _open(self) -> None:
        self.path, self._file = create_incoming_file(self._directory)

    async def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises: OSError, for example on a full disk."""
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        self.size += len(chunk)
        if self._buffered >= WRITE_SIZE:
            await self._flush()

    async def _flush(self) -> None:
        chunks, self._chunks, self._buffered = self._chunks, [], 0
        await asyncio.to_thread(self._write, chunks)

    def _write(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._hash.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[self._file.write(view) :]

    async def finish(self) -> str:
        """Write the buffered bytes, close the file, and return its SHA-256 in hexadecimal digits."""
        if self._chunks:
            await self._flush()
        await asyncio.to_thread(self._file.close)
        return self._hash.hexdigest()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._remove))

    def _remove(self) -> None:
        self._file.close()
        with suppress(OSError):
            self.path.unlink()


def create_incoming_file(directory: Path, suffix: str = "") -> tuple[Path, Any]:
    """Create a file for incoming bytes and open it for writing; some readers need a `suffix` to know its format."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{INCOMING_PREFIX}{uuid.uuid4().hex}{suffix}"
    return path, path.open("xb", buffering=0)


@asynccontextmanager
async def receive_file(storage: Storage, content: AsyncIterable[bytes]) -> AsyncIterator[IncomingFile]:
    """Write a stream into a local file, and yield it, finished, for `storage.put`."""
    async with IncomingFile(storage.directory) as incoming:
        async for chunk in content:
            await incoming.write(chunk)
        await incoming.finish()
        yield incoming


def remove_abandoned_files(directory: Path, now: float) -> None:
    """Delete incoming files that a killed process left behind; `now` is in seconds since 1970."""
    for path in directory.glob(f"{INCOMING_PREFIX}*"):
        with suppress(OSError):
            if now - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()
