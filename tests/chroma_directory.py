"""A directory as Chroma stores it inside Open WebUI, with the parts that Fastback reads."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import apsw

from fastback.retrieval.interfaces import Item

_TABLES = """
CREATE TABLE databases (id TEXT PRIMARY KEY, name TEXT, tenant_id TEXT);
CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT, dimension INTEGER, database_id TEXT);
CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT, scope TEXT, collection TEXT);
CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT, embedding_id TEXT, seq_id BLOB);
CREATE TABLE embedding_metadata (id INTEGER, key TEXT, string_value TEXT, int_value INTEGER, float_value REAL,
    bool_value INTEGER);
CREATE TABLE max_seq_id (segment_id TEXT PRIMARY KEY, seq_id INTEGER);
CREATE TABLE embeddings_queue (seq_id INTEGER PRIMARY KEY, operation INTEGER, topic TEXT, id TEXT, vector BLOB,
    encoding TEXT, metadata TEXT);
INSERT INTO databases VALUES ('d', 'default_database', 'default_tenant'), ('e', 'another', 'default_tenant');
INSERT INTO collections VALUES ('x', 'of-another-database', 2, 'e');
"""
#: Bytes of an element's links in an index of sixteen neighbours.
_LINKS = 132


class ChromaDirectory:
    """A Chroma directory to which `add` writes collections."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.db = apsw.Connection(str(directory / "chroma.sqlite3"))
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.execute(_TABLES)
        self._number = 0

    def add(self, name: str, items: list[Item], *, indexed: int = 0) -> None:
        """Write chunks: the first `indexed` into the files of the index, the others into the queue."""
        if not self.db.execute("SELECT 1 FROM collections WHERE name = ?", (name,)).fetchall():
            self.db.execute("INSERT INTO collections VALUES (?, ?, 2, 'd')", (f"id-of-{name}", name))
            for scope in ("METADATA", "VECTOR"):
                self.db.execute(
                    "INSERT INTO segments VALUES (?, 'urn', ?, ?)", (f"{scope}-{name}", scope, f"id-of-{name}")
                )
        for position, item in enumerate(items):
            self._number += 1
            self.db.execute(
                "INSERT INTO embeddings VALUES (?, ?, ?, ?)", (self._number, f"METADATA-{name}", item.id, self._number)
            )
            for key, value in {**item.metadata, "chroma:document": item.text}.items():
                self.db.execute(
                    "INSERT INTO embedding_metadata VALUES (?, ?, ?, ?, ?, ?)", (self._number, key, *_columns(value))
                )
            if position >= indexed:
                self.db.execute(
                    "INSERT INTO embeddings_queue VALUES (?, 0, ?, ?, ?, 'FLOAT32', ?)",
                    (
                        self._number,
                        f"persistent://default/default/id-of-{name}",
                        item.id,
                        item.vector,
                        json.dumps(item.metadata),
                    ),
                )
        self.db.execute("INSERT OR REPLACE INTO max_seq_id VALUES (?, ?)", (f"METADATA-{name}", self._number))
        if indexed:
            _write_index(self.directory / f"VECTOR-{name}", items[:indexed])


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
