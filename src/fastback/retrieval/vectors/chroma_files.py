"""Read the files of Chroma inside Open WebUI: an SQLite file, and a directory per index. Nothing is written.

Texts and metadata are in tables. A vector is in the queue of recent writes, or, once that is flushed, in the files of
the index (hnswlib's), where a pickle maps ids to labels.
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
TEXT_KEY = "chroma:document"

_LIST_COLLECTIONS = """SELECT collections.name, collections.id,
        (SELECT id FROM segments WHERE collection = collections.id AND scope = 'METADATA'),
        (SELECT id FROM segments WHERE collection = collections.id AND scope = 'VECTOR')
    FROM collections JOIN databases ON databases.id = collections.database_id
    WHERE databases.name = :database AND databases.tenant_id = :tenant ORDER BY collections.name"""
_FIND_MARK = "SELECT seq_id FROM max_seq_id WHERE segment_id = ?"
_LIST_OWNED = """SELECT embedding_id, seq_id,
        (SELECT string_value FROM embedding_metadata WHERE id = embeddings.id AND key = 'file_id')
    FROM embeddings WHERE segment_id = ?"""
_COUNT_CHUNKS = "SELECT count(*) FROM embeddings WHERE segment_id = ?"
_LIST_CHUNKS = "SELECT id, embedding_id FROM embeddings WHERE segment_id = ? AND id > ? ORDER BY id LIMIT ?"
_LIST_METADATA = """SELECT id, key, string_value, int_value, float_value, bool_value FROM embedding_metadata
    WHERE id IN (SELECT value FROM json_each(?))"""
_LIST_QUEUED = """SELECT id, seq_id FROM embeddings_queue
    WHERE topic LIKE '%/' || ? AND vector IS NOT NULL AND encoding = 'FLOAT32' ORDER BY seq_id"""
_FIND_QUEUED_VECTOR = "SELECT vector FROM embeddings_queue WHERE seq_id = ?"

#: The beginning of hnswlib's header: version, offset, capacity, elements, size of an element, offset of its label,
#: offset of its vector.
_HEADER = struct.Struct("<iQQQQQQ")
_LABEL = struct.Struct("<Q")


class _Collection(msgspec.Struct):
    id: str
    metadata_segment: str
    vector_segment: str


class CollectionMark(msgspec.Struct, frozen=True):
    """The state of a collection in Chroma's files: its id, new when it is created again, and its last write."""

    collection_id: str
    sequence: int

    @classmethod
    def parse(cls, text: str) -> CollectionMark:
        """Parse a stored mark. Older versions of Fastback stored the last write alone."""
        collection_id, _, sequence = text.rpartition(":")
        return cls(collection_id, int(sequence, 16 if len(sequence) in (16, 48) else 10))

    def includes(self, newer: CollectionMark) -> bool:
        """Return whether nothing was written between this mark and a newer one."""
        return self.collection_id in ("", newer.collection_id) and newer.sequence <= self.sequence

    def __str__(self) -> str:
        return f"{self.collection_id}:{self.sequence}"


class OwnedItem(msgspec.Struct, frozen=True):
    """A chunk without its content.

    Attributes:
        file_id: of the file that it belongs to.
        sequence: the number of its last write.
    """

    id: str
    file_id: str | None
    sequence: int

    @property
    def owner(self) -> str:
        """Return the id of what is written and deleted as a whole: the file, or a chunk without one, as a memory."""
        return self.file_id or self.id


class ChromaFiles:
    """A `migration_protocol.VectorSource`; `directory` contains `chroma.sqlite3`."""

    def __init__(self, directory: Path, *, tenant: str = "default_tenant", database: str = "default_database") -> None:
        self._directory = directory
        self._names = {"tenant": tenant, "database": database}
        self._db: Connection | None = None
        self._collections: dict[str, _Collection] = {}
        self._opened_vectors: tuple[str, _CollectionVectors] | None = None
        self._lock = asyncio.Lock()

    async def _run_in_thread(self, work: Any, *arguments: Any) -> Any:
        async with self._lock:
            try:
                return await asyncio.to_thread(work, *arguments)
            except Exception as error:
                log.error("reading Chroma's files in %s failed: %s", self._directory, error)
                raise RetrievalError(f"Chroma's files in {self._directory} cannot be read: {error}") from error

    def _open_database(self) -> Connection:
        if self._db is None:
            self._db = open_foreign_file(self._directory / FILE)
            rows: Any = self._db.execute(_LIST_COLLECTIONS, self._names).fetchall()
            self._collections = {name: _Collection(*ids) for name, *ids in rows if all(ids)}
        return self._db

    def _get_segment(self, collection: str) -> str:
        self._open_database()
        collection_ids = self._collections.get(collection)
        return collection_ids.metadata_segment if collection_ids else ""

    async def list_collections(self) -> list[str]:
        def load_names() -> list[str]:
            self._open_database()
            return list(self._collections)

        names: list[str] = await self._run_in_thread(load_names)
        return names

    async def load_marks(self) -> dict[str, CollectionMark]:
        """Return a mark of each collection, which changes with every write to it."""

        def load() -> dict[str, CollectionMark]:
            db = self._open_database()
            return {
                name: CollectionMark(ids.id, _read_mark(db.execute(_FIND_MARK, (ids.metadata_segment,)).fetchall()))
                for name, ids in self._collections.items()
            }

        marks: dict[str, CollectionMark] = await self._run_in_thread(load)
        return marks

    async def list_items(self, collection: str) -> list[OwnedItem]:
        """List the chunks of a collection without their content."""

        def load() -> list[OwnedItem]:
            rows: Any = self._open_database().execute(_LIST_OWNED, (self._get_segment(collection),))
            return [OwnedItem(item, file_id, decode_sequence(sequence)) for item, sequence, file_id in rows]

        items: list[OwnedItem] = await self._run_in_thread(load)
        return items

    async def count_chunks(self, collection: str) -> int:
        def load_count() -> Any:
            return self._open_database().execute(_COUNT_CHUNKS, (self._get_segment(collection),)).fetchall()[0][0]

        return int(await self._run_in_thread(load_count))

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Return a page as `VectorSource.read_page` does. A chunk without a vector is skipped and logged."""
        page: tuple[list[Item], str | None] = await self._run_in_thread(
            self._load_page, collection, int(after or 0), limit
        )
        return page

    def _load_page(self, collection: str, after: int, limit: int) -> tuple[list[Item], str | None]:
        db = self._open_database()
        rows: Any = db.execute(_LIST_CHUNKS, (self._get_segment(collection), after, limit)).fetchall()
        if not rows:
            return [], None
        metadata_by_number: dict[int, Metadata] = {number: {} for number, _ in rows}
        numbers_json = msgspec.json.encode([number for number, _ in rows]).decode()
        values: Any = db.execute(_LIST_METADATA, (numbers_json,))
        for number, key, text, integer, real, flag in values:
            value = text if text is not None else integer if integer is not None else real if real is not None else None
            metadata_by_number[number][key] = bool(flag) if value is None and flag is not None else value
        vectors = self._open_vectors(db, collection)
        items = []
        for number, item in rows:
            metadata = metadata_by_number[number]
            text = str(metadata.pop(TEXT_KEY, None) or "")
            vector = vectors.get_vector(item)
            if vector is None:
                log.warning("chunk %s of %s has no vector in Chroma's files, skipped", item, collection)
                continue
            items.append(Item(item, text, vector, metadata))
        return items, str(rows[-1][0]) if len(rows) == limit else None

    def _open_vectors(self, db: Connection, collection: str) -> _CollectionVectors:
        if self._opened_vectors is None or self._opened_vectors[0] != collection:
            collection_ids = self._collections[collection]
            self._opened_vectors = (
                collection,
                _CollectionVectors(db, collection_ids.id, self._directory / collection_ids.vector_segment),
            )
        return self._opened_vectors[1]

    async def close(self) -> None:
        if self._db is not None:
            self._db.close()


def _read_mark(rows: Any) -> int:
    return decode_sequence(rows[0][0]) if rows else 0


def decode_sequence(value: Any) -> int:
    """Return the number of a write; older versions of Chroma store its bytes."""
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


class _CollectionVectors:
    """The vectors of one collection, by the ids of its chunks."""

    def __init__(self, db: Connection, collection: str, directory: Path) -> None:
        self._db = db
        rows: Any = db.execute(_LIST_QUEUED, (collection,))
        self._queued: dict[str, int] = dict(rows)  # the latest write wins
        self._label_by_id: dict[str, int] = {}
        self._offset_by_label: dict[int, int] = {}
        if (directory / "index_metadata.pickle").is_file():
            self._label_by_id = _load_labels(directory / "index_metadata.pickle")
            self._read_index(directory)

    def _read_index(self, directory: Path) -> None:
        header = (directory / "header.bin").read_bytes()
        _, _, _, elements, size, label, numbers = _HEADER.unpack_from(header)
        self._width = label - numbers
        with (directory / "data_level0.bin").open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if elements * size > len(self._content) or not 0 < self._width <= size:
            raise ValueError(f"the index in {directory.name} is not one that is known")
        for offset in range(0, elements * size, size):
            self._offset_by_label[_LABEL.unpack_from(self._content, offset + label)[0]] = offset + numbers

    def get_vector(self, item: str) -> Vector | None:
        sequence = self._queued.get(item)
        if sequence is not None:
            rows: Any = self._db.execute(_FIND_QUEUED_VECTOR, (sequence,)).fetchall()
            return bytes(rows[0][0])
        offset = self._offset_by_label.get(self._label_by_id.get(item, -1))
        return None if offset is None else self._content[offset : offset + self._width]


class _PlainState:
    """Stands in for the one class that old versions of Chroma pickled."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    """Loads plain values only: a pickle may otherwise call any function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("chromadb.segment.impl.vector.local_persistent_hnsw", "PersistentData"):
            return _PlainState
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _load_labels(path: Path) -> dict[str, int]:
    state = _Unpickler(io.BytesIO(path.read_bytes())).load()
    table = state.get("id_to_label") if isinstance(state, dict) else getattr(state, "id_to_label", None)
    if not isinstance(table, dict):
        raise ValueError(f"{path.name} holds no labels")
    return table


def has_chroma_files(directory: Path) -> bool:
    """Return whether a directory contains Chroma's database."""
    return (directory / FILE).is_file()
