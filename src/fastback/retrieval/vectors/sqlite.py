"""The built-in vector store: one SQLite file of our own, with sqlite-vec for vectors and FTS5 for words.

A search compares the question's vector with the signs of every chunk's numbers first (48 bytes a chunk instead of
1,536: tens of thousands take some milliseconds); the best few hundred are compared exactly.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.side_file import Connection, SideFile, SideFileDesign
from fastback.kit.storable_text import remove_unstorable
from fastback.retrieval.interfaces import Hit, Item, Metadata, RetrievalError, Vector
from fastback.retrieval.vectors import sqlite_tables as sql
from fastback.retrieval.vectors.chroma_files import CollectionMark
from fastback.retrieval.vectors.errors import build_dimension_error
from fastback.retrieval.vectors.metadata import convert_metadata, list_conditions
from fastback.retrieval.vectors.tokenising import (
    build_any_word_query,
    list_query_words,
    list_terms,
    space_dense_characters,
)

log = logging.getLogger("fastback.vectors")

R = TypeVar("R")
Params = dict[str, Any]

FILE = "fastback_vectors.db"
#: Chunks that are compared exactly: at least, and per requested result.
_MIN_CANDIDATES, _CANDIDATES_PER_RESULT = 500, 20
#: Chunks that the words of a question may rank, roughly: of a long question only its rarest words count.
_MAX_RANKED_CHUNKS = 20_000
#: The range of ids that one statement copies.
_COPY_RANGE = 2_000
#: Collections that a word search names in its query: with more it is faster to filter its results.
_MAX_NAMED_COLLECTIONS = 64
_INDEXED_KEYS = ("file_id", "hash")


def _find_vector_extension() -> str:
    """Return the path of the extension without importing its package, which loads a second SQLite and numpy."""
    spec = find_spec("sqlite_vec")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("sqlite_vec is not installed")
    return str(Path(spec.origin).with_name("vec0"))


def _prepare_connection(connection: Connection) -> None:
    connection.enable_load_extension(True)
    connection.load_extension(_find_vector_extension())
    connection.enable_load_extension(False)
    connection.create_scalar_function("spaced", _space_characters, 1, deterministic=True)
    connection.create_scalar_function("new_id", _create_id, 0)
    connection.execute(sql.CREATE_DELETED)
    connection.execute(sql.CREATE_VOCABULARY)


def _space_characters(*arguments: Any) -> Any:
    (text,) = arguments
    return space_dense_characters(text) if isinstance(text, str) else text


def _create_id(*_arguments: Any) -> Any:
    return str(uuid.uuid4())


class SqliteStore:
    """A `interfaces.VectorStore` and `migration_protocol.PortableStore` in an SQLite file.

    `max_value_characters` limits values of metadata, see `metadata.convert_metadata`.
    """

    has_shared_ids = False

    def __init__(self, directory: Path, *, max_value_characters: int | None = None) -> None:
        self._file = SideFile(directory / FILE, SideFileDesign(sql.VERSION, sql.TABLES, _prepare_connection))
        self._max_value_characters = max_value_characters

    async def has_collection(self, collection: str) -> bool:
        return await self._read(lambda db: _find_collection(db, collection) is not None)

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        if not items:
            return
        rows = [
            (item, msgspec.json.encode(convert_metadata(item.metadata, self._max_value_characters)).decode())
            for item in {item.id: item for item in items}.values()
        ]
        await self._write(lambda db: _upsert_chunks(db, collection, rows))

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        condition, params = _build_filter(where)
        source, first = (sql.FILTERED_SKETCHES, "chunk") if condition else (sql.ALL_SKETCHES, "sketch")
        statement = sql.SEARCH_VECTORS.format(
            source=source, first=first, collections=sql.COLLECTIONS_OF_DIMENSION, where=condition
        )
        params |= {
            "names": _encode_list(collections),
            "vector": vector,
            "padded": _pad_vector(vector),
            "dimension": len(vector) // 4,
            "limit": limit,
            "rough": max(_MIN_CANDIDATES, limit * _CANDIDATES_PER_RESULT),
        }
        return await self._read(lambda db: _build_hits(db.execute(statement, params)))

    async def search_words(
        self,
        collections: Sequence[str],
        text: str,
        limit: int,
        where: Mapping[str, Any] | None = None,
        *,
        enriched: bool = False,
    ) -> list[Hit]:
        query_words = list_query_words(text)
        if not query_words:
            return []
        condition, params = _build_filter(where)
        columns = "{text about}" if enriched else "{text}"

        def search_collections(db: Connection) -> list[Hit]:
            ids = [row[0] for row in db.execute(sql.LIST_COLLECTION_IDS, {"names": _encode_list(collections)})]
            if not ids:
                return []
            collection_words = (
                [f"c{collection_id}" for collection_id in ids] if len(ids) <= _MAX_NAMED_COLLECTIONS else []
            )
            query = f"{columns} : ({build_any_word_query(_select_rarest_words(db, query_words, collection_words))})"
            query = f"place : ({' OR '.join(collection_words)}) AND {query}" if collection_words else query
            full_condition = condition if collection_words else f"{condition}{sql.IN_COLLECTIONS}"
            statement = sql.SEARCH_WORDS.format(
                source=sql.WORDS_OF_CHUNKS if full_condition else "words", where=full_condition
            )
            id_params = {} if collection_words else {"ids": _encode_list(ids)}
            return _build_hits(db.execute(statement, {**params, **id_params, "query": query, "limit": limit}))

        return await self._read(search_collections)

    async def find_chunks(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        condition, params = _build_collection_filter(collection, where)
        statement = sql.FIND_CHUNKS.format(where=condition)
        params["limit"] = -1 if limit is None else limit
        return await self._read(lambda db: _build_hits(db.execute(statement, params)))

    async def delete_chunks(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        condition, params = _build_collection_filter(collection, where)
        if ids is not None:
            condition += " AND item IN (SELECT value FROM json_each(:ids))"
            params["ids"] = _encode_list(ids)
        if ids is not None or where:
            await self._write(lambda db: _delete_chunks(db, collection, condition, params))

    async def drop_collection(self, collection: str) -> None:
        await self._write(lambda db: _drop_collection(db, collection))

    async def copy_chunks(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        condition, params = _build_filter(where)
        extra_json = msgspec.json.encode(convert_metadata(extra, self._max_value_characters)).decode()
        return await self._write(
            lambda db: _copy_chunks(db, source, target, condition, {**params, "extra": extra_json})
        )

    async def list_collections(self) -> list[str]:
        return await self._read(lambda db: [str(row[0]) for row in db.execute(sql.LIST_COLLECTIONS)])

    async def delete_all(self) -> None:
        def delete_rows(db: Connection) -> None:
            for statement in sql.DELETE_ALL:
                db.execute(statement)

        await self._write(delete_rows)

    async def count_chunks(self, collection: str) -> int:
        return await self._read(lambda db: _count_chunks(db, collection))

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        params = {"name": collection, "after": int(after or 0), "limit": limit}

        def load_page(db: Connection) -> tuple[list[Item], str | None]:
            rows: Any = db.execute(sql.LIST_PAGE, params).fetchall()
            items = [Item(item, text, vector, msgspec.json.decode(data)) for _, item, text, vector, data in rows]
            return items, str(rows[-1][0]) if len(rows) == limit else None

        return await self._read(load_page)

    async def rename_collection(self, old: str, new: str) -> None:
        def replace_collection(db: Connection) -> None:
            _drop_collection(db, new)
            db.execute(sql.RENAME_COLLECTION, {"old": old, "new": new})

        await self._write(replace_collection)

    async def get_last_chunk(self) -> int:
        """Return the number of the chunk that was written last."""

        def load(db: Connection) -> int:
            rows: Any = db.execute(sql.GET_LAST_CHUNK).fetchall()
            return int(rows[0][0])

        return await self._read(load)

    async def find_dimension(self, collection: str) -> int | None:
        """Return the length of a collection's vectors, None if it has no chunks."""

        def load(db: Connection) -> int | None:
            existing = _find_collection(db, collection)
            return existing[1] if existing is not None and _count_chunks(db, collection) else None

        return await self._read(load)

    async def list_owners(self, collection: str, last: int, *, are_files: bool) -> set[str]:
        """Return the owners of the chunks up to the number `last`: files, or the chunks that belong to no file."""
        statement = sql.LIST_FILE_OWNERS if are_files else sql.LIST_ITEM_OWNERS
        params = {"name": collection, "last": last}
        return await self._read(lambda db: {str(row[0]) for row in db.execute(statement, params)})

    async def delete_owned_chunks(
        self, collection: str, owners: Iterable[str], *, last: int, except_ids: Iterable[str] = ()
    ) -> None:
        """Delete the chunks of owners up to the number `last`, except those with the ids `except_ids`."""
        condition, params = _build_collection_filter(collection, None)
        params |= {"owners": _encode_list(owners), "last": last, "except_ids": _encode_list(except_ids)}

        def delete(db: Connection) -> None:
            for owned in sql.OWNED_CHUNKS:
                _delete_chunks(db, collection, f"{condition}{owned}{sql.WRITTEN_BEFORE}", params)

        await self._write(delete)

    async def load_import_marks(self) -> dict[str, CollectionMark]:
        """Return the collections imported from Chroma's files, with their marks at that time."""
        return await self._read(
            lambda db: {str(name): CollectionMark.parse(str(mark)) for name, mark in db.execute(sql.LIST_IMPORT_MARKS)}
        )

    async def save_import_mark(self, collection: str, mark: CollectionMark | None) -> None:
        """Record that a collection was imported; None: that Chroma's files do not contain it any more."""
        statement = sql.DELETE_IMPORT_MARK if mark is None else sql.SAVE_IMPORT_MARK
        params = {"name": collection} if mark is None else {"name": collection, "mark": str(mark)}
        await self._write(lambda db: db.execute(statement, params).fetchall())

    async def close(self) -> None:
        await self._file.close()

    async def _read(self, work: Callable[[Connection], R]) -> R:
        try:
            return await self._file.read(work)
        except DatabaseError as error:
            raise _report_failure(error) from error

    async def _write(self, work: Callable[[Connection], R]) -> R:
        try:
            return await self._file.write(work)
        except DatabaseError as error:
            raise _report_failure(error) from error


def _report_failure(error: DatabaseError) -> RetrievalError:
    log.error("the vector store failed: %s", error)
    return RetrievalError("The vector store cannot be used; the server's log says why.")


def _encode_list(values: Iterable[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _pad_vector(vector: Vector) -> Vector:
    """Return the vector padded with zeros, so that its signs fill whole bytes."""
    return vector + bytes(-len(vector) % 32)


def _build_hits(rows: Iterable[tuple[Any, ...]]) -> list[Hit]:
    return [Hit(item, text, msgspec.json.decode(metadata), score) for item, text, metadata, score in rows]


def _find_collection(db: Connection, name: str) -> tuple[int, int] | None:
    """Return a collection's id and the length of its vectors."""
    rows: Any = db.execute(sql.FIND_COLLECTION, {"name": name}).fetchall()
    return rows[0] if rows else None


def _select_rarest_words(db: Connection, words: Sequence[str], collection_words: Sequence[str]) -> list[str]:
    """Return the rarest of the words: as many as the size of the named collections allows, all if none are named."""
    chunks: Any = db.execute(sql.COUNT_ALL_CHUNKS).fetchall()
    terms = {word: list_terms(word) for word in words}
    all_terms = {term for word_terms in terms.values() for term in word_terms} | set(collection_words)
    chunk_counts: dict[str, int] = dict(db.execute(sql.COUNT_WORDS, {"words": _encode_list(all_terms)}))
    # A phrase has at most the matches of its rarest part.
    counts = {
        word: min((chunk_counts.get(term, 0) for term in word_terms), default=0) for word, word_terms in terms.items()
    }
    share = (
        sum(chunk_counts.get(collection_word, 0) for collection_word in collection_words) / max(chunks[0][0] or 0, 1)
        if collection_words
        else 1.0
    )
    budget = _MAX_RANKED_CHUNKS / max(min(share, 1.0), 1e-9)
    selected: list[str] = []
    for word in sorted(words, key=counts.__getitem__):
        budget -= counts[word]
        if selected and budget < 0:
            break
        selected.append(word)
    return selected


def _build_filter(where: Mapping[str, Any] | None) -> tuple[str, Params]:
    """Return a filter as conditions on `chunk`, each after AND, with their parameters."""
    text, params = "", {}
    for number, (key, values) in enumerate(list_conditions(where)):
        value, path = f"value_{number}", f"path_{number}"
        if key in _INDEXED_KEYS:
            text += f" AND chunk.{key} IN (SELECT value FROM json_each(:{value}))"
        else:
            text += f" AND chunk.metadata ->> :{path} IN (SELECT value FROM json_each(:{value}))"
            params[path] = '$."' + key.replace('"', "") + '"'
        params[value] = _encode_list(values)
    return text, params


def _build_collection_filter(collection: str, where: Mapping[str, Any] | None) -> tuple[str, Params]:
    """Return the condition of the chunks of a collection that match a filter, with its parameters."""
    text, params = _build_filter(where)
    return f"chunk.collection = (SELECT id FROM collection WHERE name = :name){text}", {"name": collection, **params}


def _ensure_collection(db: Connection, name: str, dimension: int) -> int:
    """Return the id of a collection, which is created if it is missing. An empty one accepts vectors of any length.

    Raises:
        RetrievalError: its vectors have another length.
    """
    existing = _find_collection(db, name)
    if existing is None:
        inserted: Any = db.execute(sql.CREATE_COLLECTION, {"name": name, "dimension": dimension}).fetchall()
        return int(inserted[0][0])
    if existing[1] != dimension:
        if _count_chunks(db, name):
            raise build_dimension_error(existing[1], dimension)
        db.execute(sql.SET_DIMENSION, {"id": existing[0], "dimension": dimension})
    return existing[0]


def _upsert_chunks(db: Connection, name: str, rows: Sequence[tuple[Item, str]]) -> None:
    """Write chunks with their metadata as JSON; chunks with the same ids are replaced."""
    lengths = {len(item.vector) // 4 for item, _ in rows}
    collection = _ensure_collection(db, name, lengths.pop())
    if lengths:
        raise RetrievalError("The embedding model made vectors of different lengths.")
    condition, params = _build_collection_filter(name, None)
    params["ids"] = _encode_list(item.id for item, _ in rows)
    _delete_chunks(db, name, f"{condition} AND item IN (SELECT value FROM json_each(:ids))", params)
    last: Any = db.execute(sql.GET_LAST_CHUNK).fetchall()[0][0]
    for item, metadata in rows:
        db.execute(
            sql.INSERT_CHUNK,
            {"collection": collection, "item": item.id, "metadata": metadata, "text": remove_unstorable(item.text)},
        )
        chunk = db.last_insert_rowid()
        db.execute(sql.INSERT_VECTOR, {"chunk": chunk, "numbers": item.vector})
        db.execute(sql.INSERT_SKETCH, {"collection": collection, "chunk": chunk, "padded": _pad_vector(item.vector)})
    db.execute(sql.INSERT_WORDS, {"last": last, "collection": collection})


def _delete_chunks(db: Connection, name: str, condition: str, params: Params) -> None:
    existing = _find_collection(db, name)
    if existing is None:
        return
    db.execute(sql.SELECT_DELETED.format(where=condition), params)
    if db.changes():
        for statement in sql.DELETE_CHUNKS:
            db.execute(statement, {"collection": existing[0]} if ":collection" in statement else None)
    db.execute(sql.CLEAR_DELETED)


def _drop_collection(db: Connection, name: str) -> None:
    condition, params = _build_collection_filter(name, None)
    _delete_chunks(db, name, condition, params)
    db.execute(sql.DELETE_COLLECTION, {"name": name})


def _count_chunks(db: Connection, name: str) -> int:
    rows: Any = db.execute(sql.COUNT_CHUNKS, {"name": name}).fetchall()
    return int(rows[0][0])


def _copy_chunks(db: Connection, source: str, target: str, condition: str, params: Params) -> int:
    source_collection = _find_collection(db, source)
    if source_collection is None:
        return 0
    target_id = _ensure_collection(db, target, source_collection[1])
    condition = f"chunk.collection = :source{condition}"
    params |= {"source": source_collection[0], "target": target_id}
    bounds: Any = db.execute(sql.GET_ID_RANGE.format(where=condition), params).fetchall()
    first, last = bounds[0]
    count = 0
    # SQLite buffers what a statement copies within a table, so that ranges are limited.
    condition += " AND chunk.id BETWEEN :from AND :to"
    for start in range(first, last + 1, _COPY_RANGE) if first is not None else ():
        last_id: Any = db.execute(sql.GET_LAST_CHUNK).fetchall()[0][0]
        params |= {"last": last_id, "from": start, "to": min(start + _COPY_RANGE - 1, last)}
        db.execute(sql.COPY_CHUNKS.format(where=condition), params)
        count += db.changes()
        for statement in (sql.COPY_VECTORS, sql.COPY_SKETCHES):
            db.execute(statement.format(where=condition), params)
        db.execute(sql.INSERT_WORDS, {"last": last_id, "collection": target_id})
    return count
