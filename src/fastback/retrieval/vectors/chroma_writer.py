"""Write to the files of Chroma inside Open WebUI while it is stopped.

Chunks are appended to Chroma's queue of writes, as Chroma itself does first. Chroma applies the queue to its tables and
its index when it next opens the collection.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.side_file import ForeignTransaction
from fastback.retrieval.interfaces import Item, Metadata, RetrievalError
from fastback.retrieval.vectors.chroma_files import FILE, TEXT_KEY, CollectionMark, decode_sequence

_UPSERT, _DELETE = 2, 3
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")
_TOPIC = "persistent://default/default/"

_FIND_DATABASE = "SELECT id FROM databases WHERE name = :database AND tenant_id = :tenant"
_LIST_COLLECTIONS = """SELECT name, id, coalesce(dimension, 0),
        (SELECT id FROM segments WHERE collection = collections.id AND scope = 'METADATA')
    FROM collections WHERE database_id = ? ORDER BY name"""
_FIND_MARK = "SELECT seq_id FROM max_seq_id WHERE segment_id = ?"
_LIST_CHUNKS = """SELECT embedding_id, key, string_value, int_value, float_value, bool_value
    FROM embeddings LEFT JOIN embedding_metadata USING (id) WHERE segment_id = ? ORDER BY embeddings.id"""
_LIST_QUEUED = "SELECT operation, id, metadata FROM embeddings_queue WHERE topic = ? AND seq_id > ? ORDER BY seq_id"
_QUEUE_WRITE = """INSERT INTO embeddings_queue (operation, topic, id, vector, encoding, metadata)
    VALUES (?, ?, ?, ?, ?, ?)"""
_FIND_LAST_WRITE = "SELECT coalesce(max(seq_id), 0) FROM embeddings_queue WHERE topic = ?"
_INSERT_COLLECTION = """INSERT INTO collections (id, name, dimension, database_id, config_json_str, schema_str)
    VALUES (?, ?, ?, ?, '{}', ?)"""
_INSERT_SPACE = "INSERT INTO collection_metadata (collection_id, key, str_value) VALUES (?, 'hnsw:space', 'cosine')"
_INSERT_SEGMENT = "INSERT INTO segments (id, type, scope, collection) VALUES (?, ?, ?, ?)"
_SET_DIMENSION = "UPDATE collections SET dimension = ? WHERE id = ?"
_LIST_SEGMENTS = "SELECT id FROM segments WHERE collection = ?"
_CHUNKS_OF_SEGMENT = "SELECT id FROM embeddings WHERE segment_id = :segment"
#: The statements that delete a segment, and those that delete its collection.
_DELETE_SEGMENT = (
    f"DELETE FROM embedding_fulltext_search WHERE rowid IN ({_CHUNKS_OF_SEGMENT})",
    f"DELETE FROM embedding_metadata_array WHERE id IN ({_CHUNKS_OF_SEGMENT})",
    f"DELETE FROM embedding_metadata WHERE id IN ({_CHUNKS_OF_SEGMENT})",
    "DELETE FROM embeddings WHERE segment_id = :segment",
    "DELETE FROM max_seq_id WHERE segment_id = :segment",
    "DELETE FROM segment_metadata WHERE segment_id = :segment",
    "DELETE FROM segments WHERE id = :segment",
)
_DELETE_COLLECTION = (
    "DELETE FROM collection_metadata WHERE collection_id = :collection",
    "DELETE FROM collections WHERE id = :collection",
    # Chroma numbers its writes by the last one in the queue, so that one remains.
    "DELETE FROM embeddings_queue WHERE topic = :topic AND seq_id < (SELECT max(seq_id) FROM embeddings_queue)",
)

_VECTOR_INDEX = {
    "space": "cosine",
    "embedding_function": {"type": "known", "name": "default", "config": {}},
    "hnsw": {
        "ef_construction": 100,
        "max_neighbors": 16,
        "ef_search": 100,
        "num_threads": 2,
        "batch_size": 100,
        "sync_threshold": 1000,
        "resize_factor": 1.2,
    },
}


def _switch(name: str, *, is_enabled: bool, **config: Any) -> dict[str, Any]:
    return {name: {"enabled": is_enabled, "config": config}}


#: What Chroma stores for a collection that Open WebUI creates: compared by cosine, texts indexed.
_SCHEMA = msgspec.json.encode(
    {
        "defaults": {
            "string": _switch("fts_index", is_enabled=False) | _switch("string_inverted_index", is_enabled=True),
            "float_list": {"vector_index": {"enabled": False, "config": _VECTOR_INDEX}},
            "sparse_vector": _switch(
                "sparse_vector_index", is_enabled=False, embedding_function={"type": "unknown"}, bm25=False
            ),
            "int": _switch("int_inverted_index", is_enabled=True),
            "float": _switch("float_inverted_index", is_enabled=True),
            "bool": _switch("bool_inverted_index", is_enabled=True),
        },
        "keys": {
            "#document": {
                "string": _switch("fts_index", is_enabled=True) | _switch("string_inverted_index", is_enabled=False)
            },
            "#embedding": {
                "float_list": {
                    "vector_index": {"enabled": True, "config": {**_VECTOR_INDEX, "source_key": "#document"}}
                }
            },
        },
    }
).decode()


class ChromaCollection(msgspec.Struct):
    """A collection in Chroma's files."""

    name: str
    id: str
    dimension: int
    metadata_segment: str | None

    @property
    def topic(self) -> str:
        return f"{_TOPIC}{self.id}"


class ChromaWriter:
    """Chroma's files in a directory, opened for writing. Everything is written in one transaction, at `commit`.

    Raises:
        RetrievalError: from every method, when the files cannot be read or written.
    """

    def __init__(self, directory: Path, *, tenant: str, database: str) -> None:
        self._directory = directory
        self._old_indexes: list[Path] = []
        try:
            self._transaction = ForeignTransaction(directory / FILE)
        except DatabaseError as error:
            raise self._report(error) from error
        names = {"database": database, "tenant": tenant}
        database_ids = self._list(_FIND_DATABASE, names)
        self._tables = {name for (name,) in self._list("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {name for (name,) in self._list("SELECT name FROM pragma_table_info('collections')")}
        if not database_ids or "schema_str" not in columns:
            self.close()
            raise RetrievalError(f"Chroma's files in {directory} are not those of Open WebUI 0.12.4.")
        self._database_id = database_ids[0][0]

    def _report(self, error: DatabaseError) -> RetrievalError:
        return RetrievalError(f"Chroma's files cannot be written; is Open WebUI running? {error}")

    def _list(self, statement: str, params: Any = ()) -> list[Any]:
        try:
            return self._transaction.execute(statement, params)
        except DatabaseError as error:
            raise self._report(error) from error

    def list_collections(self) -> dict[str, ChromaCollection]:
        """Return the collections by name."""
        return {row[0]: ChromaCollection(*row) for row in self._list(_LIST_COLLECTIONS, (self._database_id,))}

    def load_contents(self, collection: ChromaCollection) -> dict[str, Metadata]:
        """Return the metadata of all chunks by id, with their texts as Chroma keeps them; queued writes included."""
        contents: dict[str, Metadata] = {}
        segment = collection.metadata_segment
        for item, key, text, integer, real, flag in self._list(_LIST_CHUNKS, (segment,)):
            metadata = contents.setdefault(item, {})
            value = next((value for value in (text, integer, real) if value is not None), None)
            if key is not None:
                metadata[key] = bool(flag) if value is None and flag is not None else value
        marks = self._list(_FIND_MARK, (segment,))
        applied = decode_sequence(marks[0][0]) if marks else 0
        for operation, item, metadata_json in self._list(_LIST_QUEUED, (collection.topic, applied)):
            if operation == _DELETE:
                contents.pop(item, None)
            else:
                contents[item] = msgspec.json.decode(metadata_json or "{}")
        return contents

    def create_collection(self, name: str, dimension: int) -> ChromaCollection | None:
        """Create a collection; return None if Chroma does not accept its name."""
        if not _NAME.fullmatch(name):
            return None
        collection = ChromaCollection(name, str(uuid.uuid4()), dimension, str(uuid.uuid4()))
        self._list(_INSERT_COLLECTION, (collection.id, name, dimension, self._database_id, _SCHEMA))
        self._list(_INSERT_SPACE, (collection.id,))
        vector_segment = (str(uuid.uuid4()), "urn:chroma:segment/vector/hnsw-local-persisted", "VECTOR")
        metadata_segment = (collection.metadata_segment, "urn:chroma:segment/metadata/sqlite", "METADATA")
        for segment in (vector_segment, metadata_segment):
            self._list(_INSERT_SEGMENT, (*segment, collection.id))
        return collection

    def set_dimension(self, collection: ChromaCollection, dimension: int) -> None:
        """Set the length of the vectors of a collection that has never had any."""
        self._list(_SET_DIMENSION, (dimension, collection.id))
        collection.dimension = dimension

    def drop_collection(self, collection: ChromaCollection) -> None:
        """Delete a collection with its index."""
        for (segment,) in self._list(_LIST_SEGMENTS, (collection.id,)):
            for statement in _DELETE_SEGMENT:
                if statement.split()[2] in self._tables:
                    self._list(statement, {"segment": segment})
            self._old_indexes.append(self._directory / segment)
        for statement in _DELETE_COLLECTION:
            params = {"collection": collection.id, "topic": collection.topic}
            self._list(statement, {name: value for name, value in params.items() if f":{name}" in statement})

    def write(self, collection: ChromaCollection, items: Iterable[Item]) -> None:
        """Queue chunks; those with the same ids are replaced."""
        for item in items:
            metadata = msgspec.json.encode(build_content(item)).decode()
            self._list(_QUEUE_WRITE, (_UPSERT, collection.topic, item.id, item.vector, "FLOAT32", metadata))

    def delete(self, collection: ChromaCollection, ids: Iterable[str]) -> None:
        """Queue the deletion of chunks."""
        for item in ids:
            self._list(_QUEUE_WRITE, (_DELETE, collection.topic, item, None, None, "{}"))

    def load_mark(self, collection: ChromaCollection) -> CollectionMark:
        """Return the mark that the collection has once Chroma has applied its queue."""
        applied = self._list(_FIND_MARK, (collection.metadata_segment,))
        queued = self._list(_FIND_LAST_WRITE, (collection.topic,))
        return CollectionMark(collection.id, max(decode_sequence(row[0]) for row in (*applied, *queued)))

    def commit(self) -> None:
        """Make everything permanent, and remove the files of deleted indexes."""
        try:
            self._transaction.commit()
        except DatabaseError as error:
            raise self._report(error) from error
        for index in self._old_indexes:
            shutil.rmtree(index, ignore_errors=True)

    def close(self) -> None:
        """Close the files; what was not committed is discarded."""
        self._transaction.close()


def build_content(item: Item) -> Metadata:
    """Return the metadata of a chunk with its text, as Chroma keeps them."""
    return {key: value for key, value in item.metadata.items() if value is not None} | {TEXT_KEY: item.text}


def iterate_changed(items: Iterable[Item], contents: dict[str, Metadata]) -> Iterator[Item]:
    """Yield the chunks that differ from those in Chroma's files."""
    for item in items:
        if contents.get(item.id) != build_content(item):
            yield item
