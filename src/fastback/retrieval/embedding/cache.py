"""What was embedded before: vectors by what they were made of, in a file of our own, up to a size."""

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
    # The oldest entries go first: what is embedded again soon is a file that was changed a little, or tried twice.
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
    """What a vector is known by: the engine's mark, the prefix, the text."""
    parts = (mark, prefix or "", text)
    return hashlib.sha256(b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)).digest()


class EmbeddingCache:
    """A cache of `size` bytes at most; where its file cannot be used, everything counts as new."""

    def __init__(self, directory: Path, size: int) -> None:
        self._file = SideFile(directory / FILE, _FILE_DESIGN, readers=1)
        self._size = size

    async def get_vectors(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """The vectors that are known, by key."""
        if not self._size:
            return {}
        keys_json = msgspec.json.encode([key.hex() for key in keys]).decode()

        def load(db: Connection) -> dict[bytes, Vector]:
            return {bytes(key): bytes(vector) for key, vector in db.execute(_FIND_VECTORS, {"keys": keys_json})}

        try:
            return await self._file.read(load)
        except DatabaseError as error:
            log.warning("vectors that were made before cannot be read: %s", error)
            return {}

    async def put_vectors(self, vectors: Mapping[bytes, Vector]) -> None:
        """Remember vectors; the oldest are forgotten where it becomes too many."""
        if not self._size or not vectors:
            return

        def save(db: Connection) -> None:
            db.executemany(_SAVE_VECTOR, vectors.items())
            if _count_used_bytes(db) > self._size:
                db.execute(_DELETE_OLDEST)

        try:
            await self._file.write(save)
        except DatabaseError as error:
            log.warning("vectors cannot be remembered: %s", error)

    async def close(self) -> None:
        await self._file.close()


def _count_used_bytes(db: Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchall()[0][0])  # type: ignore[arg-type]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
