"""Files in a bucket: S3, Google Cloud Storage, Azure. The library that knows them is imported when one is asked for."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from fastback.kit.storage.incoming_file import create
from fastback.kit.storage.local_storage import LocalStorage
from fastback.kit.storage.protocol import NameRefused, Opened, StorageError

log = logging.getLogger("fastback.storage")

#: Bytes of a part of a large file, at least; a file has at most ten thousand parts.
PART, PARTS = 5 * 1024 * 1024, 9000
#: Longest name in bytes: files have to lie in a directory, too.
LONGEST = 255
#: What files of ours are called: their id comes first.
_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[_.]|[0-9a-f]{8}(-[0-9a-f]{4,12}){4}$")
#: What no key and no name may hold.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f/]")
#: What S3 takes in tags.
_NOT_IN_TAGS = re.compile(r"[^a-zA-Z0-9 äöüÄÖÜß+\-=._:/@]")


class RemoteStorage:
    """Keeps files in a bucket.

    A path is `base` and the file's key. Rows may come from before there was a bucket: what does not begin with `base`
    is looked for on this machine. With `cache` a copy stays in the directory, and is read instead.
    """

    def __init__(
        self, store: Any, *, base: str, prefix: str, directory: Path, cache: bool, tagged: bool = False
    ) -> None:
        """`store` is one of obstore's; `prefix` stands before the names of files in keys."""
        import obstore

        self.directory = directory
        self._obstore: Any = obstore
        self._store = store
        self._base = base
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._local = LocalStorage(directory)
        self._cache = cache
        self._tagged = tagged

    async def put(self, name: str, source: Path, tags: Mapping[str, str]) -> str:
        if len(name.encode("utf-8", "surrogatepass")) > LONGEST or _CONTROLS.search(name):
            raise NameRefused(name)
        key = self._prefix + name
        size = (await asyncio.to_thread(source.stat)).st_size
        kept = {_NOT_IN_TAGS.sub("", one): _NOT_IN_TAGS.sub("", tags[one]) for one in tags} if self._tagged else None
        with _failures("keep", name):
            await self._obstore.put_async(
                self._store, key, source, tags=kept, chunk_size=max(PART, size // PARTS), max_concurrency=1
            )
        if self._cache:
            await asyncio.to_thread(self._local.take, name, source)
        return self._base + key

    def _key(self, path: str) -> str | None:
        return path.removeprefix(self._base) if path.startswith(self._base) else None

    async def open(self, path: str) -> Opened | None:
        found = await self._local.open(path)
        key = self._key(path)
        if found is not None or key is None:
            return found
        try:
            with _failures("find", path):
                meta = await self._obstore.head_async(self._store, key)
        except _Gone:
            return None
        etag = str(meta.get("e_tag") or meta["size"]).strip('"')
        return Opened(int(meta["size"]), meta["last_modified"].timestamp(), etag)

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        found = await self._local.open(path)
        key = self._key(path)
        if found is not None or key is None:
            async for piece in self._local.read(path, start, stop):
                yield piece
            return
        wanted = {"range": {"offset": start}} if stop is None else {"range": (start, stop)}
        if stop is not None and stop <= start:
            return
        with _failures("read", path):
            answer = await self._obstore.get_async(self._store, key, options=wanted if start or stop else None)
            async for piece in answer.stream(min_chunk_size=256 * 1024):
                yield bytes(piece)

    @asynccontextmanager
    async def local(self, path: str) -> AsyncIterator[Path]:
        found = await self._local.open(path)
        if found is not None and found.local is not None:
            yield found.local
            return
        place, file = await asyncio.to_thread(create, self.directory, PurePosixPath(path).suffix[:32])
        try:
            try:
                async for piece in self.read(path):
                    await asyncio.to_thread(file.write, piece)
            finally:
                await asyncio.to_thread(file.close)
            yield place
        finally:
            with suppress(OSError):
                await asyncio.to_thread(place.unlink)

    async def delete(self, path: str) -> None:
        key = self._key(path)
        if key is not None:
            try:
                with _failures("delete", path):
                    await self._obstore.delete_async(self._store, key)
            except _Gone:
                log.warning("%s is gone already", path)
        if key is None or await self._local.open(path) is not None:
            await self._local.delete(path)

    async def delete_all(self) -> None:
        """What is ours by its name; others may keep files in the bucket, too."""
        with _failures("delete", "all files"):
            async for batch in self._obstore.list(self._store, prefix=self._prefix or None, chunk_size=500):
                keys = [one["path"] for one in batch if _OURS.match(PurePosixPath(one["path"]).name)]
                if keys:
                    await self._obstore.delete_async(self._store, keys)
        await self._local.delete_all()


class _Gone(StorageError):
    """The file is not there; or the bucket."""


class _failures:  # noqa: N801 (used like a function)
    """Turns what the library raises into errors of the storage."""

    def __init__(self, act: str, what: str) -> None:
        self._act, self._what = act, what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, StorageError):
            return
        if isinstance(error, FileNotFoundError):
            raise _Gone(f"cannot {self._act} {PurePosixPath(self._what).name}: it is gone") from error
        if type(error).__name__ == "InvalidPathError":
            raise NameRefused(self._what) from error
        raise StorageError(f"cannot {self._act} {self._what}: {error}") from error
