"""What every storage promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec


class StorageError(Exception):
    """A file cannot be kept, read or deleted; the text says why."""


class NameRefused(StorageError):
    """The storage takes no file of this name: it is too long, or holds what no name may hold."""


class StoredFile(msgspec.Struct):
    """A file as it lies in the storage.

    Attributes:
        size: in bytes.
        modified: seconds since 1970.
        etag: changes with the content.
        local: its place on this machine, where it has one.
    """

    size: int
    modified: float
    etag: str
    local: Path | None = None


class Storage(Protocol):
    """Keeps files under names of ours; a `path` is what `put` answered, the reference's word for the place."""

    #: The directory of local files; those under way lie here, too.
    directory: Path

    async def put(self, name: str, source: Path, tags: Mapping[str, str]) -> str:
        """Take a local file over, whole or not at all; it is gone from `source` afterwards.

        `tags` are kept beside it where the storage can and was told to. Returns its path.

        Raises:
            NameRefused: nothing happened, another name may do. StorageError.
        """
        ...

    async def find_file(self, path: str) -> StoredFile | None:
        """What is known of a file; None where it is gone. Raises: StorageError."""
        ...

    def read(self, path: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`, in pieces. Raises: StorageError."""
        ...

    def local_copy(self, path: str) -> AbstractAsyncContextManager[Path]:
        """A place on this machine where the file can be read meanwhile. Raises: StorageError."""
        ...

    async def delete(self, path: str) -> None:
        """Nothing happens where it is gone already. Raises: StorageError."""
        ...

    async def delete_all_files(self) -> None:
        """Every file of ours. Raises: StorageError."""
        ...
