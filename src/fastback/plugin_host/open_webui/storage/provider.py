"""Contents of files: in a directory, or in a bucket, wherever the server keeps them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from fastback.plugin_host.awaited_or_not import AwaitableText, awaited_or_not, call_server

__all__ = ["LocalStorageProvider", "Storage", "StorageProvider"]


class StorageProvider:
    """Store contents under the names of files. The methods may be awaited, too."""

    @awaited_or_not
    async def upload_file(self, file: BinaryIO, filename: str, tags: dict[str, str] | None = None) -> Any:
        """Store a content; return it and its path.

        Raises:
            ValueError: the content is empty.
        """
        contents = file.read()
        if not contents:
            raise ValueError("The content provided is empty. Please ensure that there is text or data present.")
        handle, source = tempfile.mkstemp(prefix="upload_")
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(contents)
            path = await call_server("storage.put", name=Path(filename).name, source=source, tags=tags or {})
        finally:
            os.unlink(source)
        return contents, path

    @awaited_or_not
    async def get_file(self, file_path: str) -> Any:
        """Return where on this machine a content can be read."""
        return AwaitableText(await call_server("storage.get_local_path", path=file_path))

    @awaited_or_not
    async def delete_file(self, file_path: str) -> Any:
        await call_server("storage.delete", path=file_path)


LocalStorageProvider = StorageProvider
Storage = StorageProvider()


def get_storage_provider(storage_provider: str = "") -> StorageProvider:
    return Storage
