"""A file that is on its way in: written beside the event loop in large pieces, hashed and counted meanwhile."""

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

#: Bytes that gather before a thread writes them: each turn of a thread costs about as much as hashing a tenth of it.
WRITE_SIZE = 1024 * 1024
#: How the names of files under way begin, and how old (seconds) one must be to have been left behind.
INCOMING_PREFIX, ABANDONED_SECONDS = ".under-way-", 24 * 3600


class IncomingFile:
    """Takes bytes, `async with`; its file is removed at the end unless a storage has taken it over."""

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
        """Raises: OSError, a full disk for instance."""
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
        """Write what is left and close the file; the SHA-256 of everything, in hexadecimal digits."""
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
    """A new file for what is under way, open for writing; `suffix` tells some readers what it is."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{INCOMING_PREFIX}{uuid.uuid4().hex}{suffix}"
    return path, path.open("xb", buffering=0)


@asynccontextmanager
async def receive_file(storage: Storage, content: AsyncIterable[bytes]) -> AsyncIterator[IncomingFile]:
    """Everything of a stream in a finished local file, for `storage.put`."""
    async with IncomingFile(storage.directory) as incoming:
        async for chunk in content:
            await incoming.write(chunk)
        await incoming.finish()
        yield incoming


def remove_abandoned_files(directory: Path, now: float) -> None:
    """Remove what a process that was killed left of files under way."""
    for path in directory.glob(f"{INCOMING_PREFIX}*"):
        with suppress(OSError):
            if now - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()
