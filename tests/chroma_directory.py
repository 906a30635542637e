"""A directory as Chroma stores it inside Open WebUI, with the parts that Fastback reads."""

from __future__ import annotations

import json
import pickle
import struct
import uuid
from pathlib import Path
from typing import Any

import apsw

from fastback.retrieval.interfaces import Item

_TABLES = """
CREATE TABLE databases (id TEXT PRIMARY KEY, name TEXT, tenant_id TEXT);
CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT, dimension INTEGER, database_id TEXT, config_json_str TEXT,
    schema_str TEXT);
CREATE TABLE collection_metadata (collection_id TEXT, key TEXT, str_value TEXT);
CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT, scope TEXT, collection TEXT);
CREATE TABLE segment_metadata (segment_id TEXT, key TEXT, str_value TEXT);
CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT, embedding_id TEXT, seq_id BLOB,
    UNIQUE (segment_id, embedding_id));
CREATE TABLE embedding_metadata (id INTEGER, key TEXT, string_value TEXT, int_value INTEGER, float_value REAL,
    bool_value INTEGER);
CREATE VIRTUAL TABLE embedding_fulltext_search USING fts5 (string_value, tokenize='trigram');
CREATE TABLE max_seq_id (segment_id TEXT PRIMARY KEY, seq_id INTEGER);
CREATE TABLE embeddings_queue (seq_id INTEGER PRIMARY KEY, operation INTEGER, topic TEXT, id TEXT, vector BLOB,
    encoding TEXT, metadata TEXT);
INSERT INTO databases VALUES ('d', 'default_database', 'default_tenant'), ('e', 'another', 'default_tenant');
INSERT INTO collections VALUES ('x', 'of-another-database', 2, 'e', NULL, NULL);
"""
#: Bytes of an element's links in an index of sixteen neighbours.
_LINKS = 132
_TEXT_KEY = "chroma:document"


class ChromaDirectory:
    """A Chroma directory, and the operations of Open WebUI on it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.db = apsw.Connection(str(directory / "chroma.sqlite3"))
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.execute(_TABLES)

    def add(self, name: str, items: list[Item], *, indexed: int = 0) -> None:
        """Write chunks: the first `indexed` into the files of the index, the others into the queue."""
        self.apply_queue()
        collection = self._find_collection(name) or self._create_collection(name, len(items[0].vector) // 4)
        metadata_segment, vector_segment = self._list_segments(collection)
        for position, item in enumerate(items):
            content = {**item.metadata, _TEXT_KEY: item.text}
            if position < indexed:
                self._write_chunk(metadata_segment, item.id, self._get_next_number(), content)
            else:
                self._queue(2, collection, item.id, item.vector, content)
        self.apply_queue()
        if indexed:
            _write_index(self.directory / vector_segment, items[:indexed])

    def remove_file(self, name: str, file_id: str) -> None:
        """Delete the chunks of a file from a collection."""
        self.apply_queue()
        collection = self._find_collection(name)
        assert collection
        rows = self._list(
            """SELECT embedding_id FROM embeddings JOIN embedding_metadata USING (id)
            WHERE segment_id = ? AND key = 'file_id' AND string_value = ?""",
            self._list_segments(collection)[0],
            file_id,
        )
        for (item,) in rows:
            self._queue(3, collection, item, None, {})
        self.apply_queue()

    def drop(self, name: str) -> None:
        """Delete a collection."""
        collection = self._find_collection(name)
        for statement in (
            """DELETE FROM embedding_metadata WHERE id IN (SELECT id FROM embeddings
                WHERE segment_id IN (SELECT id FROM segments WHERE collection = ?))""",
            "DELETE FROM embeddings WHERE segment_id IN (SELECT id FROM segments WHERE collection = ?)",
            "DELETE FROM max_seq_id WHERE segment_id IN (SELECT id FROM segments WHERE collection = ?)",
            "DELETE FROM segments WHERE collection = ?",
            "DELETE FROM collections WHERE id = ?",
        ):
            self.db.execute(statement, (collection,))

    def list_texts(self, name: str) -> list[str]:
        """List the texts of a collection, in alphabetical order."""
        self.apply_queue()
        collection = self._find_collection(name)
        if collection is None:
            return []
        rows = self._list(
            """SELECT string_value FROM embeddings JOIN embedding_metadata USING (id)
            WHERE segment_id = ? AND key = ? ORDER BY string_value""",
            self._list_segments(collection)[0],
            _TEXT_KEY,
        )
        return [row[0] for row in rows]

    def apply_queue(self) -> None:
        """Apply queued writes to the tables, as Chroma does when it opens a collection."""
        for (collection,) in self._list("SELECT id FROM collections WHERE database_id = 'd'"):
            segment = self._list_segments(collection)[0]
            rows = self._list(
                """SELECT seq_id, operation, id, metadata FROM embeddings_queue WHERE topic = ?
                AND seq_id > coalesce((SELECT seq_id FROM max_seq_id WHERE segment_id = ?), 0) ORDER BY seq_id""",
                f"persistent://default/default/{collection}",
                segment,
            )
            for number, operation, item, content in rows:
                if operation == 3:
                    self._delete_chunk(segment, item)
                    self._set_mark(segment, number)
                else:
                    self._write_chunk(segment, item, number, json.loads(content))

    def _list(self, statement: str, *params: Any) -> list[Any]:
        return self.db.execute(statement, params).fetchall()

    def _find_collection(self, name: str) -> str | None:
        rows = self._list("SELECT id FROM collections WHERE name = ?", name)
        return rows[0][0] if rows else None

    def _create_collection(self, name: str, dimension: int) -> str:
        collection = str(uuid.uuid4())
        self._list("INSERT INTO collections VALUES (?, ?, ?, 'd', '{}', NULL)", collection, name, dimension)
        for scope in ("METADATA", "VECTOR"):
            self._list("INSERT INTO segments VALUES (?, 'urn', ?, ?)", f"{scope}-{name}", scope, collection)
        return collection

    def _list_segments(self, collection: str) -> list[str]:
        """Return the segments of metadata and of vectors."""
        rows = self._list("SELECT id FROM segments WHERE collection = ? ORDER BY scope", collection)
        return [row[0] for row in rows]

    def _get_next_number(self) -> int:
        numbers = "SELECT seq_id FROM max_seq_id UNION ALL SELECT seq_id FROM embeddings_queue"
        return int(self._list(f"SELECT 1 + coalesce(max(seq_id), 0) FROM ({numbers})")[0][0])

    def _queue(self, operation: int, collection: str, item: str, vector: bytes | None, content: Any) -> None:
        topic, number = f"persistent://default/default/{collection}", self._get_next_number()
        values = (number, operation, topic, item, vector, "FLOAT32" if vector else None, json.dumps(content))
        self._list("INSERT INTO embeddings_queue VALUES (?, ?, ?, ?, ?, ?, ?)", *values)

    def _write_chunk(self, segment: str, item: str, number: int, content: dict[str, Any]) -> None:
        self._delete_chunk(segment, item)
        self._list("INSERT INTO embeddings (segment_id, embedding_id, seq_id) VALUES (?, ?, ?)", segment, item, number)
        row = self.db.last_insert_rowid()
        for key, value in content.items():
            self._list("INSERT INTO embedding_metadata VALUES (?, ?, ?, ?, ?, ?)", row, key, *_columns(value))
        self._set_mark(segment, number)

    def _delete_chunk(self, segment: str, item: str) -> None:
        chunk = "SELECT id FROM embeddings WHERE segment_id = ? AND embedding_id = ?"
        self._list(f"DELETE FROM embedding_metadata WHERE id IN ({chunk})", segment, item)
        self._list("DELETE FROM embeddings WHERE segment_id = ? AND embedding_id = ?", segment, item)

    def _set_mark(self, segment: str, number: int) -> None:
        self._list("INSERT OR REPLACE INTO max_seq_id VALUES (?, ?)", segment, number)


def _columns(value: Any) -> tuple[Any, ...]:
    """Return the value columns of a metadata row: text, integer, float and boolean."""
    if isinstance(value, bool):
        return None, None, None, int(value)
    return (
        value if isinstance(value, str) else None,
        value if isinstance(value, int) else None,
        value if isinstance(value, float) else None,
        None,
    )


def _write_index(directory: Path, items: list[Item]) -> None:
    """Write the files of an index, with its elements in another order than their labels."""
    directory.mkdir()
    width = len(items[0].vector)
    size = _LINKS + width + 8
    header = struct.pack("<iQQQQQQ", 1, 0, len(items) + 5, len(items), size, _LINKS + width, _LINKS)
    (directory / "header.bin").write_bytes(header + bytes(48))
    labels = {item.id: number for number, item in enumerate(items, 1)}
    elements = [bytes(_LINKS) + item.vector + struct.pack("<Q", labels[item.id]) for item in reversed(items)]
    (directory / "data_level0.bin").write_bytes(b"".join(elements) + bytes(5 * size))
    index_metadata = {"dimensionality": None, "total_elements_added": len(items), "id_to_label": labels}
    (directory / "index_metadata.pickle").write_bytes(pickle.dumps(index_metadata, protocol=2))
