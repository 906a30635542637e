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
PIECE = 1024 * 1024
#: How the names of files under way begin, and how old (seconds) one must be to have been left behind.
PREFIX, LEFT = ".under-way-", 24 * 3600


class Spool:
    """Takes bytes, `async with`; its file is removed at the end unless a storage has taken it over."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._hash = hashlib.sha256()
        self._file: Any = None
        self.size = 0
        self.path = Path()

    async def __aenter__(self) -> Spool:
        await asyncio.to_thread(self._open)
        return self

    def _open(self) -> None:
        self.path, self._file = create(self._directory)

    async def write(self, piece: bytes) -> None:
        """Raises: OSError, a full disk for instance."""
        self._pieces.append(piece)
        self._gathered += len(piece)
        self.size += len(piece)
        if self._gathered >= PIECE:
            await self._flush()

    async def _flush(self) -> None:
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        await asyncio.to_thread(self._write, pieces)

    def _write(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._hash.update(piece)
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]

    async def finish(self) -> str:
        """Write what is left and close the file; the SHA-256 of everything, in hexadecimal digits."""
        if self._pieces:
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


def create(directory: Path, suffix: str = "") -> tuple[Path, Any]:
    """A new file for what is under way, open for writing; `suffix` tells some readers what it is."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{PREFIX}{uuid.uuid4().hex}{suffix}"
    return path, path.open("xb", buffering=0)


@asynccontextmanager
async def spooled(storage: Storage, content: AsyncIterable[bytes]) -> AsyncIterator[Spool]:
    """Everything of a stream in a finished local file, for `storage.put`."""
    async with Spool(storage.directory) as spool:
        async for piece in content:
            await spool.write(piece)
        await spool.finish()
        yield spool


def remove_left(directory: Path, now: float) -> None:
    """Remove what a process that was killed left of files under way."""
    for one in directory.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if now - one.stat().st_mtime > LEFT:
                one.unlink()
