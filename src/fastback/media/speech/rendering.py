"""The cache of spoken texts on the disk: a text is spoken once, and read from its file while it is written."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.http.errors import HttpError, InsufficientStorage

_READ_BYTES = 64 * 1024
#: Bytes of the largest sound of one text.
MAX_SOUND_BYTES = 64 * 1024 * 1024


class RenderingBroken(Exception):
    """The engine broke off after its sound had begun."""


class Rendering:
    """A sound that is written to its file, and can be read meanwhile.

    Attributes:
        path: where the complete sound is found.
        partial_path: where it is while it is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial_path = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
        self.is_complete = False
        self.size = 0
        self._error: BaseException | None = None
        self._progress = asyncio.Event()
        self._file: Any = None

    async def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises:
            HttpError: the sound is too large, or the disk is full.
        """
        if self.size + len(chunk) > MAX_SOUND_BYTES:
            raise HttpError(502, "External: the sound of the speech engine is too large")
        try:
            await asyncio.to_thread(self._write, chunk)
        except OSError as error:
            raise InsufficientStorage(error.strerror or "The sound cannot be stored") from error
        self.size += len(chunk)
        self._wake_readers()

    def _write(self, chunk: bytes) -> None:
        if self._file is None:
            self._file = self.partial_path.open("xb", buffering=0)
        view = memoryview(chunk)
        while view:
            view = view[self._file.write(view) :]

    async def complete(self, details: Any, head: bytes = b"") -> None:
        """Put the complete sound into the cache, with `details` (unless None) beside it.

        `head` replaces the first bytes of the sound.
        """
        await asyncio.to_thread(self._publish, None if details is None else msgspec.json.encode(details), head)
        self.is_complete = True
        self._wake_readers()

    def _publish(self, details: bytes | None, head: bytes) -> None:
        if head:
            self._file.seek(0)
            self._file.write(head)
        self._file.close()
        if details is not None:
            self.path.with_suffix(".json").write_bytes(details)
        self.partial_path.replace(self.path)

    async def fail(self, error: BaseException) -> None:
        """Discard what was written, and tell the readers."""
        await asyncio.to_thread(self._discard)
        self._error = error
        self._wake_readers()

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
        with suppress(OSError):
            self.partial_path.unlink()

    def _wake_readers(self) -> None:
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()

    async def wait_for_sound(self, *, until_complete: bool = False) -> None:
        """Wait for the first bytes, or for all.

        Raises:
            HttpError: the engine failed before.
        """
        while not self.is_complete and (until_complete or not self.size):
            if self._error is not None:
                raise self._error
            await self._progress.wait()

    async def iterate_chunks(self) -> AsyncIterator[bytes]:
        """Yield the sound from its beginning, as it is written; call it when the first bytes are there.

        Raises:
            RenderingBroken: the engine broke off.
        """
        try:
            descriptor = await asyncio.to_thread(self._open)
        except FileNotFoundError:  # discarded meanwhile
            raise RenderingBroken("the sound is no longer there") from None
        position = 0
        try:
            while True:
                if position < self.size:
                    length = min(_READ_BYTES, self.size - position)
                    chunk = await asyncio.to_thread(os.pread, descriptor, length, position)
                    position += len(chunk)
                    yield chunk
                elif self.is_complete:
                    return
                elif self._error is not None:
                    raise RenderingBroken(str(self._error)) from self._error
                else:
                    await self._progress.wait()
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            return os.open(self.partial_path, os.O_RDONLY)
        except FileNotFoundError:  # it was completed meanwhile
            return os.open(self.path, os.O_RDONLY)


Render = Callable[[Rendering], Awaitable[None]]


class RenderingCache:
    """The directory of spoken texts, and the sounds that are being written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: dict[Path, tuple[Rendering, asyncio.Task[None]]] = {}

    def find(self, path: Path) -> Rendering | None:
        """Return the rendering that writes a file now; None without one."""
        entry = self._running.get(path)
        return entry[0] if entry is not None else None

    def start(self, path: Path, render: Render) -> Rendering:
        """Write a file in the background by `render`, also when its readers have left."""
        rendering = Rendering(path)

        async def run() -> None:
            try:
                await asyncio.to_thread(self.directory.mkdir, parents=True, exist_ok=True)
                await render(rendering)
            except BaseException as error:
                self._running.pop(path, None)  # the next request tries again
                await asyncio.shield(rendering.fail(_describe(error)))
                if not isinstance(error, Exception):
                    raise
            else:
                self._running.pop(path, None)

        self._running[path] = rendering, asyncio.create_task(run())
        return rendering

    async def close(self) -> None:
        """End all renderings."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _describe(error: BaseException) -> BaseException:
    """Return the error that readers get."""
    if isinstance(error, asyncio.CancelledError):
        return HttpError(503, "The server is stopping")
    return error
