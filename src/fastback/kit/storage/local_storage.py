"""A storage of files in a directory."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastback.kit.storage.incoming_file import INCOMING_PREFIX
from fastback.kit.storage.protocol import NameRefused, StorageError, StoredFile

log = logging.getLogger("fastback.storage")

#: Bytes that are read at once.
READ_SIZE = 256 * 1024


class LocalStorage:
    """Store files in a directory; a path is the file's own.

    Rows may come from another machine, with another directory: where a path does not exist, a file of its name is
    looked up in the directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def put(self, name: str, source: Path, tags: Mapping[str, str]) -> str:
        return str(await asyncio.to_thread(self.move_in, name, source))

    def move_in(self, name: str, source: Path) -> Path:
        """Move a file into the directory, in the calling thread. Raises: as `put`."""
        target = self.directory / name
        if target.parent != self.directory or "\x00" in name:
            raise NameRefused(name)
        try:
            source.replace(target)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                raise NameRefused(name) from error
            raise StorageError(error.strerror or str(error)) from error
        except UnicodeEncodeError as error:
            raise NameRefused(name) from error
        return target

    def find_path(self, path: str) -> Path | None:
        """Return the path where a file is now, or None where it does not exist."""
        for candidate in (Path(path), self.directory / Path(path).name):
            if candidate.is_file():
                return candidate
        return None

    def stat_file(self, path: str) -> StoredFile | None:
        """Return a file as `find_onnx_file` does, in the calling thread."""
        location = self.find_path(path)
        if location is None:
            return None
        status = location.stat()
        return StoredFile(status.st_size, status.st_mtime, f"{status.st_mtime_ns:x}-{status.st_size:x}", location)

    async def find_file(self, path: str) -> StoredFile | None:
        try:
            return await asyncio.to_thread(self.stat_file, path)
        except (OSError, ValueError) as error:
            raise StorageError(str(error)) from error

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        async with self.local_copy(path) as location:
            file = await asyncio.to_thread(location.open, "rb", buffering=0)
            try:
                await asyncio.to_thread(file.seek, start)
                remaining = None if stop is None else stop - start
                while remaining is None or remaining > 0:
                    chunk = await asyncio.to_thread(
                        file.read, READ_SIZE if remaining is None else min(READ_SIZE, remaining)
                    )
                    if not chunk:
                        return
                    remaining = None if remaining is None else remaining - len(chunk)
                    yield chunk
            finally:
                await asyncio.to_thread(file.close)

    @asynccontextmanager
    async def local_copy(self, path: str) -> AsyncIterator[Path]:
        location = await asyncio.to_thread(self.find_path, path)
        if location is None:
            raise StorageError(f"{Path(path).name} is gone")
        yield location

    async def delete(self, path: str) -> None:
        await asyncio.to_thread(self.remove_file, path)

    def remove_file(self, path: str) -> None:
        """Delete the file of that name from the directory, and nothing elsewhere. Raises: StorageError."""
        try:
            (self.directory / Path(path).name).unlink()
        except FileNotFoundError:
            log.warning("deleting %s skipped: it does not exist", path)
        except (OSError, ValueError) as error:
            raise StorageError(str(error)) from error

    async def delete_all_files(self) -> None:
        await asyncio.to_thread(self.remove_all)

    def remove_all(self) -> None:
        """Delete everything but files that are being received."""
        if not self.directory.is_dir():
            return
        for entry in self.directory.iterdir():
            if entry.name.startswith(INCOMING_PREFIX):
                continue
            try:
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            except OSError:
                log.exception("deleting %s failed", entry)
