"""`storage.…`: contents of files in the storage, passed by paths of local files."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastback.features.files import store
from fastback.features.files.deletion import FileDeletion
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.kit.storage import Storage, StorageError
from fastback.plugins.methods import HostMethods


class StorageMethods:
    """Store, read and delete contents for plugins."""

    def __init__(self, *, db: Database, storage: Storage, deletion: FileDeletion) -> None:
        self._db = db
        self._storage = storage
        self._deletion = deletion

    def add_to(self, methods: HostMethods) -> None:
        methods.add("storage.put", self.put)
        methods.add("storage.get_local_path", self.get_local_path)
        methods.add("storage.delete", self.delete)
        methods.add("files.delete", self.delete_file)

    async def put(self, name: str, source: str, tags: dict[str, str] | None = None) -> str:
        """Move a local file into the storage under a name, and return its path there.

        Raises:
            RemoteFailure: of the kind `storage_error`.
        """
        directory = self._storage.directory
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        handle, path = await asyncio.to_thread(tempfile.mkstemp, prefix=".under-way-", dir=directory)
        try:
            await asyncio.to_thread(_copy_content, source, handle)
            return await self._storage.put(Path(name).name, Path(path), tags or {})
        except (StorageError, OSError) as error:
            raise RemoteFailure("storage_error", f"storing {name} failed: {error}") from None
        finally:
            await asyncio.to_thread(Path(path).unlink, missing_ok=True)

    async def get_local_path(self, path: str) -> str:
        """Return where on this machine a stored file can be read; one in a bucket is copied into the directory.

        Raises:
            RemoteFailure: of the kind `storage_error`: there is no such file.
        """
        try:
            stored = await self._storage.find_file(path)
            if stored is not None and stored.local is not None:
                return str(stored.local)
            async with self._storage.local_copy(path) as location:
                target = self._storage.directory / Path(path).name
                if location != target:
                    await asyncio.to_thread(shutil.copyfile, location, target)
                return str(target)
        except (StorageError, OSError) as error:
            raise RemoteFailure("storage_error", str(error)) from None

    async def delete(self, path: str) -> None:
        """Delete a stored file.

        Raises:
            RemoteFailure: of the kind `storage_error`.
        """
        try:
            await self._storage.delete(path)
        except StorageError as error:
            raise RemoteFailure("storage_error", str(error)) from None

    async def delete_file(self, file_id: str) -> bool:
        """Delete a file with its row, links and chunks; return whether it existed."""
        file = await store.find_file(self._db, file_id)
        if file is None:
            return False
        await self._deletion.delete_files([file])
        return True


def _copy_content(source: Any, handle: int) -> None:
    with open(source, "rb") as content, open(handle, "wb") as target:
        shutil.copyfileobj(content, target, 1 << 20)
