"""What Chroma keeps when it runs inside Open WebUI: an SQLite file and a directory for each index. Only read.

Texts and metadata stand in tables. A vector stands in the queue of what was written last, or, once that was worked
off, in the files of the index (hnswlib's), where a pickle says which number belongs to which id.
"""

from __future__ import annotations

import asyncio
import io
import logging
import mmap
import pickle
import struct
from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.db.side_file import Connection, open_foreign_file
from fastback.retrieval.interfaces import Item, Metadata, RetrievalError, Vector

log = logging.getLogger("fastback.vectors")

FILE = "chroma.sqlite3"
_TEXT = "chroma:document"

_COLLECTIONS = """SELECT collections.name, collections.id,
        (SELECT id FROM segments WHERE collection = collections.id AND scope = 'METADATA'),
        (SELECT id FROM segments WHERE collection = collections.id AND scope = 'VECTOR')
    FROM collections JOIN databases ON databases.id = collections.database_id
    WHERE databases.name = :database AND databases.tenant_id = :tenant ORDER BY collections.name"""
_MARK = "SELECT seq_id FROM max_seq_id WHERE segment_id = ?"
_COUNT = "SELECT count(*) FROM embeddings WHERE segment_id = ?"
_PAGE = "SELECT id, embedding_id FROM embeddings WHERE segment_id = ? AND id > ? ORDER BY id LIMIT ?"
_METADATA = """SELECT id, key, string_value, int_value, float_value, bool_value FROM embedding_metadata
    WHERE id IN (SELECT value FROM json_each(?))"""
_QUEUE = """SELECT id, seq_id FROM embeddings_queue
    WHERE topic LIKE '%/' || ? AND vector IS NOT NULL AND encoding = 'FLOAT32' ORDER BY seq_id"""
_QUEUED = "SELECT vector FROM embeddings_queue WHERE seq_id = ?"

#: The beginning of hnswlib's header: version, offset, places, elements, size of an element, place of its label, place
#: of its numbers.
_HEADER = struct.Struct("<iQQQQQQ")
_LABEL = struct.Struct("<Q")


class _Collection(msgspec.Struct):
    id: str
    metadata_segment: str
    vector_segment: str


class ChromaFiles:
    """See `portable.Source`; `directory` is where `chroma.sqlite3` lies."""

    def __init__(self, directory: Path, *, tenant: str = "default_tenant", database: str = "default_database") -> None:
        self._directory = directory
        self._names = {"tenant": tenant, "database": database}
        self._db: Connection | None = None
        self._known: dict[str, _Collection] = {}
        self._open: tuple[str, _Vectors] | None = None
        self._lock = asyncio.Lock()

    async def _run(self, work: Any, *given: Any) -> Any:
        async with self._lock:
            try:
                return await asyncio.to_thread(work, *given)
            except Exception as error:
                log.error("Chroma's files in %s cannot be read: %s", self._directory, error)
                raise RetrievalError(f"Chroma's files in {self._directory} cannot be read: {error}") from error

    def _connected(self) -> Connection:
        if self._db is None:
            self._db = open_foreign_file(self._directory / FILE)
            found: Any = self._db.execute(_COLLECTIONS, self._names).fetchall()
            self._known = {name: _Collection(*ids) for name, *ids in found if all(ids)}
        return self._db

    def _segment(self, collection: str) -> str:
        self._connected()
        known = self._known.get(collection)
        return known.metadata_segment if known else ""

    async def collections(self) -> list[str]:
        def work() -> list[str]:
            self._connected()
            return list(self._known)

        found: list[str] = await self._run(work)
        return found

    async def marks(self) -> dict[str, str]:
        """How far each collection has come: something that changes whenever it does."""

        def work() -> dict[str, str]:
            db = self._connected()
            return {name: _mark(db.execute(_MARK, (self._segment(name),)).fetchall()) for name in self._known}

        found: dict[str, str] = await self._run(work)
        return found

    async def count(self, collection: str) -> int:
        def work() -> Any:
            return self._connected().execute(_COUNT, (self._segment(collection),)).fetchall()[0][0]

        return int(await self._run(work))

    async def items(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """See `portable.Source`. A chunk without a vector is left out, and the log says so."""
        found: tuple[list[Item], str | None] = await self._run(self._page, collection, int(after or 0), limit)
        return found

    def _page(self, collection: str, after: int, limit: int) -> tuple[list[Item], str | None]:
        db = self._connected()
        rows: Any = db.execute(_PAGE, (self._segment(collection), after, limit)).fetchall()
        if not rows:
            return [], None
        described: dict[int, Metadata] = {number: {} for number, _ in rows}
        wanted = msgspec.json.encode([number for number, _ in rows]).decode()
        values: Any = db.execute(_METADATA, (wanted,))
        for number, key, text, whole, real, flag in values:
            value = text if text is not None else whole if whole is not None else real if real is not None else None
            described[number][key] = bool(flag) if value is None and flag is not None else value
        vectors = self._vectors(db, collection)
        found = []
        for number, item in rows:
            metadata = described[number]
            text = str(metadata.pop(_TEXT, None) or "")
            vector = vectors.get(item)
            if vector is None:
                log.warning("the chunk %s of %s has no vector in Chroma's files: it is left out", item, collection)
                continue
            found.append(Item(item, text, vector, metadata))
        return found, str(rows[-1][0]) if len(rows) == limit else None

    def _vectors(self, db: Connection, collection: str) -> _Vectors:
        if self._open is None or self._open[0] != collection:
            known = self._known[collection]
            self._open = (collection, _Vectors(db, known.id, self._directory / known.vector_segment))
        return self._open[1]

    async def close(self) -> None:
        if self._db is not None:
            self._db.close()


def _mark(rows: Any) -> str:
    """A number, or, in older versions, its bytes."""
    found = rows[0][0] if rows else 0
    return found.hex() if isinstance(found, bytes) else str(found)


class _Vectors:
    """The vectors of one collection, by the ids of its chunks."""

    def __init__(self, db: Connection, collection: str, directory: Path) -> None:
        self._db = db
        rows: Any = db.execute(_QUEUE, (collection,))
        self._queued: dict[str, int] = dict(rows)  # what was written last counts
        self._labels: dict[str, int] = {}
        self._places: dict[int, int] = {}
        if (directory / "index_metadata.pickle").is_file():
            self._labels = _labels(directory / "index_metadata.pickle")
            self._read_index(directory)

    def _read_index(self, directory: Path) -> None:
        header = (directory / "header.bin").read_bytes()
        _, _, _, elements, size, label, numbers = _HEADER.unpack_from(header)
        self._width = label - numbers
        with (directory / "data_level0.bin").open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if elements * size > len(self._content) or not 0 < self._width <= size:
            raise ValueError(f"the index in {directory.name} is not one that is known")
        for place in range(0, elements * size, size):
            self._places[_LABEL.unpack_from(self._content, place + label)[0]] = place + numbers

    def get(self, item: str) -> Vector | None:
        sequence = self._queued.get(item)
        if sequence is not None:
            found: Any = self._db.execute(_QUEUED, (sequence,)).fetchall()
            return bytes(found[0][0])
        place = self._places.get(self._labels.get(item, -1))
        return None if place is None else self._content[place : place + self._width]


class _Plain:
    """Stands for the one class that old versions of Chroma pickled."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    """Reads nothing but plain values: a pickle may otherwise name any function to be called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("chromadb.segment.impl.vector.local_persistent_hnsw", "PersistentData"):
            return _Plain
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _labels(path: Path) -> dict[str, int]:
    found = _Unpickler(io.BytesIO(path.read_bytes())).load()
    table = found.get("id_to_label") if isinstance(found, dict) else getattr(found, "id_to_label", None)
    if not isinstance(table, dict):
        raise ValueError(f"{path.name} holds no labels")
    return table


def is_there(directory: Path) -> bool:
    """Whether Chroma keeps anything in a directory."""
    return (directory / FILE).is_file()
