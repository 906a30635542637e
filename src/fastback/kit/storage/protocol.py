"""The interface of a storage, and its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec


class StorageError(Exception):
    """A file cannot be stored, read or deleted; the text gives the reason."""


class NameRefused(StorageError):
    """The storage refuses the name of a file: it is too long, or has characters that are not allowed."""


class StoredFile(msgspec.Struct):
    """A file in the storage.

    Attributes:
        size: in bytes.
        modified: seconds since 1970.
        etag: changes with the content.
        local: its path on this machine, where it has one.
    """

    size: int
    modified: float
    etag: str
    local: Path | None = None


class Storage(Protocol):
    """Store files under names that the caller chooses. A `path` is what `put` returns; the reference calls it so."""

    #: The directory of local files, and of files that are being received.
    directory: Path

    async def put(self, name: str, source: Path, tags: Mapping[str, str]) -> str:
        """Move a local file into the storage, completely or not at all, and return its path.

        `tags` are stored with it if the storage supports them and is configured to.

        Raises:
            NameRefused: nothing was changed; another name may be accepted. StorageError: the file cannot be stored.
        """
        ...

    async def find_file(self, path: str) -> StoredFile | None:
        """Return size, time and place of a file, or None where it does not exist. Raises: StorageError."""
        ...

    def read(self, path: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `stop`, in chunks. Raises: StorageError."""
        ...

    def local_copy(self, path: str) -> AbstractAsyncContextManager[Path]:
        """Yield a path on this machine where the file can be read inside the `with` block. Raises: StorageError."""
        ...

    async def delete(self, path: str) -> None:
        """Delete a file; one that does not exist is skipped. Raises: StorageError."""
        ...

    async def delete_all_files(self) -> None:
        """Delete every file that this installation has stored. Raises: StorageError."""
        ...
