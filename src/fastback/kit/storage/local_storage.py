"""Files in a directory."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastback.kit.storage.incoming_file import PREFIX
from fastback.kit.storage.protocol import NameRefused, Opened, StorageError

log = logging.getLogger("fastback.storage")

#: Bytes that are read at once.
PIECE = 256 * 1024


class LocalStorage:
    """A path is the file's own, in the directory.

    Rows may come from another machine, where the directory lay elsewhere: a file that is not where its path says is
    looked for in the directory, by its name.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def put(self, name: str, source: Path, tags: Mapping[str, str]) -> str:
        return str(await asyncio.to_thread(self.take, name, source))

    def take(self, name: str, source: Path) -> Path:
        """Move a file into the directory, at once. Raises: as `put`."""
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

    def place(self, path: str) -> Path | None:
        """Where a file lies; None where it is gone."""
        for one in (Path(path), self.directory / Path(path).name):
            if one.is_file():
                return one
        return None

    def opened(self, path: str) -> Opened | None:
        """As `open`, at once."""
        place = self.place(path)
        if place is None:
            return None
        found = place.stat()
        return Opened(found.st_size, found.st_mtime, f"{found.st_mtime_ns:x}-{found.st_size:x}", place)

    async def open(self, path: str) -> Opened | None:
        try:
            return await asyncio.to_thread(self.opened, path)
        except (OSError, ValueError) as error:
            raise StorageError(str(error)) from error

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        async with self.local(path) as place:
            file = await asyncio.to_thread(place.open, "rb", buffering=0)
            try:
                await asyncio.to_thread(file.seek, start)
                left = None if stop is None else stop - start
                while left is None or left > 0:
                    piece = await asyncio.to_thread(file.read, PIECE if left is None else min(PIECE, left))
                    if not piece:
                        return
                    left = None if left is None else left - len(piece)
                    yield piece
            finally:
                await asyncio.to_thread(file.close)

    @asynccontextmanager
    async def local(self, path: str) -> AsyncIterator[Path]:
        place = await asyncio.to_thread(self.place, path)
        if place is None:
            raise StorageError(f"{Path(path).name} is gone")
        yield place

    async def delete(self, path: str) -> None:
        await asyncio.to_thread(self.remove, path)

    def remove(self, path: str) -> None:
        """Remove the file of that name from the directory, and nothing elsewhere. Raises: StorageError."""
        try:
            (self.directory / Path(path).name).unlink()
        except FileNotFoundError:
            log.warning("%s is gone already", path)
        except (OSError, ValueError) as error:
            raise StorageError(str(error)) from error

    async def delete_all(self) -> None:
        await asyncio.to_thread(self.clear)

    def clear(self) -> None:
        """Remove everything but files that are just coming in."""
        if not self.directory.is_dir():
            return
        for one in self.directory.iterdir():
            if one.name.startswith(PREFIX):
                continue
            try:
                if one.is_dir() and not one.is_symlink():
                    shutil.rmtree(one)
                else:
                    one.unlink()
            except OSError:
                log.exception("cannot remove %s", one)
