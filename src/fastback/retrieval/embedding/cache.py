"""A cache of vectors by what they were computed from, in a file of our own with a size limit."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.side_file import Connection, SideFile, SideFileDesign
from fastback.retrieval.interfaces import Vector

log = logging.getLogger("fastback.embedding")

FILE = "fastback_embeddings.db"
_FILE_DESIGN = SideFileDesign(
    version=1,
    # The oldest entries are deleted first: texts are embedded again soon after, for a retried or slightly changed file.
    tables=("CREATE TABLE entry (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)",),
    cache=1024,
)
_FIND_VECTORS = (
    """SELECT entry.key, vector FROM json_each(:keys) AS wanted JOIN entry ON entry.key = unhex(wanted.value)"""
)
_SAVE_VECTOR = "INSERT INTO entry (key, vector) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET vector = excluded.vector"
_DELETE_OLDEST = (
    "DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY id LIMIT (SELECT count(*) / 8 + 1 FROM entry))"
)


def build_key(mark: str, prefix: str | None, text: str) -> bytes:
    """Return the key of a vector, computed from the engine's fingerprint, the prefix and the text."""
    parts = (mark, prefix or "", text)
    return hashlib.sha256(b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)).digest()


class EmbeddingCache:
    """A cache of at most `size` bytes; if its file is unusable, every look-up misses."""

    def __init__(self, directory: Path, size: int) -> None:
        self._file = SideFile(directory / FILE, _FILE_DESIGN, readers=1)
        self._size = size

    async def get_vectors(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """Return the cached vectors, by key."""
        if not self._size:
            return {}
        keys_json = msgspec.json.encode([key.hex() for key in keys]).decode()

        def load(db: Connection) -> dict[bytes, Vector]:
            return {bytes(key): bytes(vector) for key, vector in db.execute(_FIND_VECTORS, {"keys": keys_json})}

        try:
            return await self._file.read(load)
        except DatabaseError as error:
            log.warning("reading cached vectors failed: %s", error)
            return {}

    async def put_vectors(self, vectors: Mapping[bytes, Vector]) -> None:
        """Store vectors; beyond the size limit the oldest are deleted."""
        if not self._size or not vectors:
            return

        def save(db: Connection) -> None:
            db.executemany(_SAVE_VECTOR, vectors.items())
            if _count_used_bytes(db) > self._size:
                db.execute(_DELETE_OLDEST)

        try:
            await self._file.write(save)
        except DatabaseError as error:
            log.warning("caching vectors failed: %s", error)

    async def close(self) -> None:
        await self._file.close()


def _count_used_bytes(db: Connection) -> int:
    """Return the bytes of the file that are in use."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchall()[0][0])  # type: ignore[arg-type]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
