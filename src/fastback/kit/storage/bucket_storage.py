"""A storage of files in a bucket of S3, Google Cloud Storage or Azure; obstore is imported when one is created."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from fastback.kit.storage.incoming_file import create_incoming_file
from fastback.kit.storage.local_storage import LocalStorage
from fastback.kit.storage.protocol import NameRefused, StorageError, StoredFile

log = logging.getLogger("fastback.storage")

#: The fewest bytes of a part of a large file, and the most parts that are used: a file may have ten thousand.
SMALLEST_PART, MOST_PARTS = 5 * 1024 * 1024, 9000
#: Bytes of the longest name: files are also stored in a directory.
LONGEST_NAME = 255
#: Names of files that this installation has stored: they begin with an id.
_OWN_NAME = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[_.]|[0-9a-f]{8}(-[0-9a-f]{4,12}){4}$"
)
#: Characters that no key and no name may have.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f/]")
#: Characters that S3 refuses in tags.
_FORBIDDEN_IN_TAGS = re.compile(r"[^a-zA-Z0-9 äöüÄÖÜß+\-=._:/@]")


class BucketStorage:
    """Store files in a bucket; a path is `base` and the file's key.

    Rows may be older than the bucket: a path that does not begin with `base` is looked up on this machine. With `cache`
    a copy stays in the directory, and is read instead.
    """

    def __init__(
        self, store: Any, *, base: str, prefix: str, directory: Path, cache: bool, keep_tags: bool = False
    ) -> None:
        """Use `store`, one of obstore's; keys are `prefix` and the name of a file."""
        import obstore

        self.directory = directory
        self._obstore: Any = obstore
        self._store = store
        self._base = base
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._local = LocalStorage(directory)
        self._cache = cache
        self._keep_tags = keep_tags

    async def put(self, name: str, source: Path, tags: Mapping[str, str]) -> str:
        if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME or _CONTROLS.search(name):
            raise NameRefused(name)
        key = self._prefix + name
        size = (await asyncio.to_thread(source.stat)).st_size
        allowed_tags = (
            {_FORBIDDEN_IN_TAGS.sub("", tag): _FORBIDDEN_IN_TAGS.sub("", tags[tag]) for tag in tags}
            if self._keep_tags
            else None
        )
        with _translate_errors("keep", name):
            await self._obstore.put_async(
                self._store,
                key,
                source,
                tags=allowed_tags,
                chunk_size=max(SMALLEST_PART, size // MOST_PARTS),
                max_concurrency=1,
            )
        if self._cache:
            await asyncio.to_thread(self._local.move_in, name, source)
        return self._base + key

    def _find_key(self, path: str) -> str | None:
        return path.removeprefix(self._base) if path.startswith(self._base) else None

    async def find_file(self, path: str) -> StoredFile | None:
        local_file = await self._local.find_file(path)
        key = self._find_key(path)
        if local_file is not None or key is None:
            return local_file
        try:
            with _translate_errors("find", path):
                meta = await self._obstore.head_async(self._store, key)
        except _FileMissing:
            return None
        etag = str(meta.get("e_tag") or meta["size"]).strip('"')
        return StoredFile(int(meta["size"]), meta["last_modified"].timestamp(), etag)

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        local_file = await self._local.find_file(path)
        key = self._find_key(path)
        if local_file is not None or key is None:
            async for chunk in self._local.read(path, start, stop):
                yield chunk
            return
        options = {"range": {"offset": start}} if stop is None else {"range": (start, stop)}
        if stop is not None and stop <= start:
            return
        with _translate_errors("read", path):
            response = await self._obstore.get_async(self._store, key, options=options if start or stop else None)
            async for chunk in response.stream(min_chunk_size=256 * 1024):
                yield bytes(chunk)

    @asynccontextmanager
    async def local_copy(self, path: str) -> AsyncIterator[Path]:
        local_file = await self._local.find_file(path)
        if local_file is not None and local_file.local is not None:
            yield local_file.local
            return
        location, file = await asyncio.to_thread(create_incoming_file, self.directory, PurePosixPath(path).suffix[:32])
        try:
            try:
                async for chunk in self.read(path):
                    await asyncio.to_thread(file.write, chunk)
            finally:
                await asyncio.to_thread(file.close)
            yield location
        finally:
            with suppress(OSError):
                await asyncio.to_thread(location.unlink)

    async def delete(self, path: str) -> None:
        key = self._find_key(path)
        if key is not None:
            try:
                with _translate_errors("delete", path):
                    await self._obstore.delete_async(self._store, key)
            except _FileMissing:
                log.warning("deleting %s skipped: it does not exist", path)
        if key is None or await self._local.find_file(path) is not None:
            await self._local.delete(path)

    async def delete_all_files(self) -> None:
        """Delete the files whose names are ours; the bucket may have other files, too."""
        with _translate_errors("delete", "all files"):
            async for batch in self._obstore.list(self._store, prefix=self._prefix or None, chunk_size=500):
                keys = [entry["path"] for entry in batch if _OWN_NAME.match(PurePosixPath(entry["path"]).name)]
                if keys:
                    await self._obstore.delete_async(self._store, keys)
        await self._local.delete_all_files()


class _FileMissing(StorageError):
    """The file does not exist, or the bucket."""


class _translate_errors:  # noqa: N801 (used like a function)
    """Raise errors of the storage for those of obstore."""

    def __init__(self, act: str, what: str) -> None:
        self._act, self._what = act, what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, StorageError):
            return
        if isinstance(error, FileNotFoundError):
            raise _FileMissing(f"cannot {self._act} {PurePosixPath(self._what).name}: it is gone") from error
        if type(error).__name__ == "InvalidPathError":
            raise NameRefused(self._what) from error
        raise StorageError(f"cannot {self._act} {self._what}: {error}") from error
