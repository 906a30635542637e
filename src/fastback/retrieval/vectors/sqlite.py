"""The vector store that is built in: one SQLite file of our own, with sqlite-vec for vectors and FTS5 for words.

A question's vector meets the signs of every chunk's numbers first (48 bytes a chunk instead of 1,536, so that tens of
thousands are looked through in some milliseconds); the most alike, some hundreds, are judged exactly.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.side_file import Connection, SideFile, SideFileDesign
from fastback.kit.import_blocking import block_imports
from fastback.retrieval.interfaces import Hit, Item, Metadata, RetrievalError, Vector
from fastback.retrieval.vectors import sqlite_tables as sql
from fastback.retrieval.vectors.errors import wrong_length
from fastback.retrieval.vectors.metadata import clean, conditions, stored
from fastback.retrieval.vectors.tokenising import any_word, spaced, terms_of, words_of

with block_imports("numpy"):
    import sqlite_vec

log = logging.getLogger("fastback.vectors")

R = TypeVar("R")
Params = dict[str, Any]

FILE = "fastback_vectors.db"
#: Chunks that are judged exactly, at least, and for each that is wanted.
_ROUGH, _ROUGH_EACH = 500, 20
#: Chunks whose words are weighed for a question, about: of a long question its rarest words count.
_WEIGHED = 20_000
#: Ids within which chunks are copied together.
_TOGETHER = 2_000
#: Collections that a search for words names: beyond that it is quicker to look where its finds lie.
_PLACES = 64
_COLUMNS = ("file_id", "hash")


def _prepare(connection: Connection) -> None:
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    connection.create_scalar_function("spaced", _spaced, 1, deterministic=True)
    connection.create_scalar_function("new_id", _new_id, 0)
    connection.execute("CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, 'row')")


def _spaced(*given: Any) -> Any:
    (text,) = given
    return spaced(text) if isinstance(text, str) else text


def _new_id(*_given: Any) -> Any:
    return str(uuid.uuid4())


class SqliteStore:
    """See `fastback.retrieval.interfaces.VectorStore` and `portable.Portable`.

    `longest` limits values of metadata, see `metadata.stored`.
    """

    shared_ids = False

    def __init__(self, directory: Path, *, longest: int | None = None) -> None:
        self._file = SideFile(directory / FILE, SideFileDesign(sql.VERSION, sql.TABLES, _prepare))
        self._longest = longest

    async def has(self, collection: str) -> bool:
        return await self._read(lambda db: _collection(db, collection) is not None)

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        if not items:
            return
        rows = [
            (item, msgspec.json.encode(stored(item.metadata, self._longest)).decode())
            for item in {item.id: item for item in items}.values()
        ]
        await self._write(lambda db: _upsert(db, collection, rows))

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        condition, params = _where(where)
        source, first = (sql.FILTERED, "chunk") if condition else (sql.ALL, "sketch")
        statement = sql.SEARCH.format(source=source, first=first, collections=sql.OF_COLLECTIONS, where=condition)
        params |= {
            "names": _json(collections),
            "vector": vector,
            "padded": _padded(vector),
            "dimension": len(vector) // 4,
            "limit": limit,
            "rough": max(_ROUGH, limit * _ROUGH_EACH),
        }
        return await self._read(lambda db: _hits(db.execute(statement, params)))

    async def lexical(
        self,
        collections: Sequence[str],
        text: str,
        limit: int,
        where: Mapping[str, Any] | None = None,
        *,
        enriched: bool = False,
    ) -> list[Hit]:
        wanted = words_of(text)
        if not wanted:
            return []
        condition, params = _where(where)
        columns = "{text about}" if enriched else "{text}"

        def work(db: Connection) -> list[Hit]:
            ids = [row[0] for row in db.execute(sql.IDS, {"names": _json(collections)})]
            if not ids:
                return []
            places = [f"c{one}" for one in ids] if len(ids) <= _PLACES else []
            query = f"{columns} : ({any_word(_rarest(db, wanted, places))})"
            query = f"place : ({' OR '.join(places)}) AND {query}" if places else query
            of = condition if places else f"{condition}{sql.IN_COLLECTIONS}"
            statement = sql.LEXICAL.format(source=sql.WORDS_OF_CHUNKS if of else "words", where=of)
            more = {} if places else {"ids": _json(ids)}
            return _hits(db.execute(statement, {**params, **more, "query": query, "limit": limit}))

        return await self._read(work)

    async def find(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        condition, params = _of(collection, where)
        statement = sql.FIND.format(where=condition)
        params["limit"] = -1 if limit is None else limit
        return await self._read(lambda db: _hits(db.execute(statement, params)))

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        condition, params = _of(collection, where)
        if ids is not None:
            condition += " AND item IN (SELECT value FROM json_each(:ids))"
            params["ids"] = _json(ids)
        if ids is not None or where:
            await self._write(lambda db: _delete(db, collection, condition, params))

    async def drop(self, collection: str) -> None:
        await self._write(lambda db: _drop(db, collection))

    async def copy(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        condition, params = _where(where)
        laid_over = msgspec.json.encode(stored(extra, self._longest)).decode()
        return await self._write(lambda db: _copy(db, source, target, condition, {**params, "extra": laid_over}))

    async def collections(self) -> list[str]:
        return await self._read(lambda db: [str(row[0]) for row in db.execute(sql.NAMES)])

    async def reset(self) -> None:
        def work(db: Connection) -> None:
            db.execute("INSERT INTO words (words) VALUES ('delete-all')")
            for table in ("sketch", "vector", "chunk", "collection"):
                db.execute(f"DELETE FROM {table}")

        await self._write(work)

    async def count(self, collection: str) -> int:
        return await self._read(lambda db: _count(db, collection))

    async def items(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        params = {"name": collection, "after": int(after or 0), "limit": limit}

        def work(db: Connection) -> tuple[list[Item], str | None]:
            rows: Any = db.execute(sql.PAGE, params).fetchall()
            found = [Item(item, text, vector, msgspec.json.decode(data)) for _, item, text, vector, data in rows]
            return found, str(rows[-1][0]) if len(rows) == limit else None

        return await self._read(work)

    async def rename(self, old: str, new: str) -> None:
        def work(db: Connection) -> None:
            _drop(db, new)
            db.execute("UPDATE collection SET name = :new WHERE name = :old", {"old": old, "new": new})

        await self._write(work)

    async def taken_over(self) -> dict[str, str]:
        """The collections that were taken over from Chroma's files, with the marks that those had then."""
        return await self._read(lambda db: {str(name): str(mark) for name, mark in db.execute(sql.TAKEN)})

    async def take_over(self, collection: str, mark: str) -> None:
        """Note that a collection was taken over."""
        await self._write(lambda db: db.execute(sql.TAKE, {"name": collection, "mark": mark}).fetchall())

    async def close(self) -> None:
        await self._file.close()

    async def _read(self, work: Callable[[Connection], R]) -> R:
        try:
            return await self._file.read(work)
        except DatabaseError as error:
            raise _unusable(error) from error

    async def _write(self, work: Callable[[Connection], R]) -> R:
        try:
            return await self._file.write(work)
        except DatabaseError as error:
            raise _unusable(error) from error


def _unusable(error: DatabaseError) -> RetrievalError:
    log.error("the vector store cannot be used: %s", error)
    return RetrievalError("The vector store cannot be used; the server's log says why.")


def _json(values: Iterable[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _padded(vector: Vector) -> Vector:
    """The vector with zeros behind it, so that its signs fill whole bytes."""
    return vector + bytes(-len(vector) % 32)


def _hits(rows: Iterable[tuple[Any, ...]]) -> list[Hit]:
    return [Hit(item, text, msgspec.json.decode(metadata), score) for item, text, metadata, score in rows]


def _collection(db: Connection, name: str) -> tuple[int, int] | None:
    """A collection's id and the length of its vectors."""
    found: Any = db.execute(sql.COLLECTION, {"name": name}).fetchall()
    return found[0] if found else None


def _rarest(db: Connection, words: Sequence[str], places: Sequence[str]) -> list[str]:
    """The rarest of some words: as many as some collections may be looked through for, or all where none are named."""
    chunks: Any = db.execute(sql.CHUNKS).fetchall()
    terms = {word: terms_of(word) for word in words}
    asked = {term for some in terms.values() for term in some} | set(places)
    known: dict[str, int] = dict(db.execute(sql.COUNTS, {"words": _json(asked)}))
    # A phrase is found where its rarest part is, at most.
    counts = {word: min((known.get(term, 0) for term in some), default=0) for word, some in terms.items()}
    share = sum(known.get(place, 0) for place in places) / max(chunks[0][0] or 0, 1) if places else 1.0
    budget = _WEIGHED / max(min(share, 1.0), 1e-9)
    found: list[str] = []
    for word in sorted(words, key=counts.__getitem__):
        budget -= counts[word]
        if found and budget < 0:
            break
        found.append(word)
    return found


def _where(where: Mapping[str, Any] | None) -> tuple[str, Params]:
    """A filter as conditions on `chunk`, each behind AND, with their parameters."""
    text, params = "", {}
    for number, (key, values) in enumerate(conditions(where)):
        value, path = f"value_{number}", f"path_{number}"
        if key in _COLUMNS:
            text += f" AND chunk.{key} IN (SELECT value FROM json_each(:{value}))"
        else:
            text += f" AND chunk.metadata ->> :{path} IN (SELECT value FROM json_each(:{value}))"
            params[path] = '$."' + key.replace('"', "") + '"'
        params[value] = _json(values)
    return text, params


def _of(collection: str, where: Mapping[str, Any] | None) -> tuple[str, Params]:
    """The same for the chunks of a collection."""
    text, params = _where(where)
    return f"chunk.collection = (SELECT id FROM collection WHERE name = :name){text}", {"name": collection, **params}


def _made(db: Connection, name: str, dimension: int) -> int:
    """The id of a collection, which is made when it is missing; one that was emptied takes vectors of any length.

    Raises:
        RetrievalError: it holds vectors of another length.
    """
    known = _collection(db, name)
    if known is None:
        made: Any = db.execute(sql.MAKE_COLLECTION, {"name": name, "dimension": dimension}).fetchall()
        return int(made[0][0])
    if known[1] != dimension:
        if _count(db, name):
            raise wrong_length(known[1], dimension)
        db.execute(
            "UPDATE collection SET dimension = :dimension WHERE id = :id", {"id": known[0], "dimension": dimension}
        )
    return known[0]


def _upsert(db: Connection, name: str, rows: Sequence[tuple[Item, str]]) -> None:
    """Write chunks with their metadata as JSON; those with the same ids go."""
    lengths = {len(item.vector) // 4 for item, _ in rows}
    collection = _made(db, name, lengths.pop())
    if lengths:
        raise RetrievalError("The embedding model made vectors of different lengths.")
    condition, params = _of(name, None)
    params["ids"] = _json(item.id for item, _ in rows)
    _delete(db, name, f"{condition} AND item IN (SELECT value FROM json_each(:ids))", params)
    last: Any = db.execute(sql.LAST_CHUNK).fetchall()[0][0]
    for item, metadata in rows:
        db.execute(
            sql.ADD_CHUNK,
            {"collection": collection, "item": item.id, "metadata": metadata, "text": clean(item.text)},
        )
        chunk = db.last_insert_rowid()
        db.execute(sql.ADD_VECTOR, {"chunk": chunk, "numbers": item.vector})
        db.execute(sql.ADD_SKETCH, {"collection": collection, "chunk": chunk, "padded": _padded(item.vector)})
    db.execute(sql.ADD_WORDS, {"last": last, "collection": collection})


def _delete(db: Connection, name: str, condition: str, params: Params) -> None:
    known = _collection(db, name)
    if known is None:
        return
    db.execute(f"INSERT INTO gone SELECT id FROM chunk WHERE {condition}", params)
    if db.changes():
        for statement in sql.DELETE:
            db.execute(statement, {"collection": known[0]} if ":collection" in statement else None)
    db.execute("DELETE FROM gone")


def _drop(db: Connection, name: str) -> None:
    condition, params = _of(name, None)
    _delete(db, name, condition, params)
    db.execute("DELETE FROM collection WHERE name = :name", {"name": name})


def _count(db: Connection, name: str) -> int:
    found: Any = db.execute(sql.COUNT, {"name": name}).fetchall()
    return int(found[0][0])


def _copy(db: Connection, source: str, target: str, condition: str, params: Params) -> int:
    known = _collection(db, source)
    if known is None:
        return 0
    made = _made(db, target, known[1])
    condition = f"chunk.collection = :source{condition}"
    params |= {"source": known[0], "target": made}
    ends: Any = db.execute(sql.ENDS.format(where=condition), params).fetchall()
    first, last = ends[0]
    count = 0
    # SQLite holds what a statement copies within a table: not too much at once.
    condition += " AND chunk.id BETWEEN :from AND :to"
    for start in range(first, last + 1, _TOGETHER) if first is not None else ():
        before: Any = db.execute(sql.LAST_CHUNK).fetchall()[0][0]
        params |= {"last": before, "from": start, "to": min(start + _TOGETHER - 1, last)}
        db.execute(sql.COPY_CHUNKS.format(where=condition), params)
        count += db.changes()
        for statement in (sql.COPY_VECTORS, sql.COPY_SKETCHES):
            db.execute(statement.format(where=condition), params)
        db.execute(sql.ADD_WORDS, {"last": before, "collection": made})
    return count
