"""Vectors in PostgreSQL, with the extension pgvector."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.errors import DatabaseError, DatabaseUnavailable
from fastback.kit.db.pool_options import PoolOptions
from fastback.kit.pacing import let_others_run
from fastback.kit.storable_text import remove_unstorable
from fastback.retrieval.embedding.vector_encoding import pack_vector, unpack_vector
from fastback.retrieval.interfaces import Hit, Item, Metadata, RetrievalError, Vector
from fastback.retrieval.vectors import pgvector_tables as sql
from fastback.retrieval.vectors.metadata import convert_metadata, list_conditions
from fastback.retrieval.vectors.tokenising import truncate_query
from fastback.settings import Settings

log = logging.getLogger("fastback.vectors")

#: Chunks per statement; so many vectors take some milliseconds to encode.
_BATCH = 32


class _Row(msgspec.Struct):
    id: str
    text: str | None
    metadata: dict[str, Any] | None
    score: float | None


class _ItemRow(msgspec.Struct):
    id: str
    text: str | None
    metadata: dict[str, Any] | None
    vector: list[float] | None


#: How often creating the table is tried, and the seconds before the first retry.
_CREATE_ATTEMPTS, _CREATE_PAUSE = 4, 0.05


class PgvectorStore:
    """A `interfaces.VectorStore` and `migration_protocol.PortableStore` in PostgreSQL.

    All vectors have the length of the table's column, as in Open WebUI: shorter ones are padded with zeros, which
    changes no angle; longer ones are truncated.
    """

    has_shared_ids = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._length = settings.pgvector_initialize_max_vector_length
        self._kind = "halfvec" if settings.pgvector_use_halfvec else "vector"
        self._secret = settings.pgvector_pgcrypto_key if settings.pgvector_pgcrypto else None
        self._db: Database | None = None
        self._scan_setting = ""
        self._has_warned = False
        self._opening = asyncio.Lock()
        if self._secret is None:
            self._template_parts = {"text": "text", "metadata": "vmetadata", "new_text": ":text::text"}
            self._write_metadata = "{}::jsonb"
        else:
            self._template_parts = {
                "text": "pgp_sym_decrypt(text, :secret::text)",
                "metadata": "pgp_sym_decrypt(vmetadata, :secret::text)::jsonb",
                "new_text": "pgp_sym_encrypt(:text::text, :secret::text)",
            }
            self._write_metadata = "pgp_sym_encrypt({}, :secret::text)"
        self._template_parts["kind"] = self._kind

    # Opening

    async def open_database(self) -> Database:
        """Return the connections; missing tables and indexes are created.

        Raises:
            DatabaseError: the server is unreachable, lacks pgvector, or its table has another type.
        """
        async with self._opening:
            if self._db is None:
                settings = self._settings
                db = await connect(
                    settings.pgvector_db_url or settings.database_url,
                    pool=PoolOptions(
                        size=(settings.pgvector_pool_size or 10) + (settings.pgvector_pool_max_overflow or 0),
                        timeout=float(settings.pgvector_pool_timeout or 30),
                        recycle=float(settings.pgvector_pool_recycle or 3600),
                        outage_wait=settings.fastback_database_outage_wait,
                        # Copying a large collection may take long.
                        lock_limit=settings.fastback_database_lock_timeout,
                    ),
                )
                try:
                    await self._create_tables_once(db)
                except BaseException:
                    await db.close()
                    raise
                self._db = db
            return self._db

    async def _create_tables_once(self, db: Database) -> None:
        """Create what is missing; several processes may do so at the same time, which fails for all but one."""
        for attempt in range(1, _CREATE_ATTEMPTS + 1):
            try:
                await self._create_tables(db)
                break
            except DatabaseError as error:
                if attempt == _CREATE_ATTEMPTS or isinstance(error, DatabaseUnavailable):
                    raise
            await asyncio.sleep(_CREATE_PAUSE * attempt)

    async def _create_tables(self, db: Database) -> None:
        extensions = {"vector": self._settings.pgvector_create_extension, "pgcrypto": self._secret is not None}
        for name, is_needed in extensions.items():
            if is_needed and not await db.fetch_value("vectors.extension", sql.HAS_EXTENSION, name=name):
                await db.run_script(sql.CREATE_EXTENSION.format(name=name))
        column = await db.fetch_value("vectors.column", sql.FIND_VECTOR_COLUMN)
        column_type = f"{self._kind}({self._length})"
        if column not in (None, column_type, self._kind):
            raise DatabaseError(
                f"the vectors of the table document_chunk are of type {column}, but PGVECTOR_USE_HALFVEC and "
                f"PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH ask for {column_type}"
            )
        column_types = {"text_kind": "TEXT", "metadata_kind": "JSONB"} if self._secret is None else {}
        column_types = column_types or {"text_kind": "BYTEA", "metadata_kind": "BYTEA"}
        await db.run_script(sql.CREATE_TABLE.format(kind=self._kind, length=self._length, **column_types))
        for statement in (*sql.CREATE_INDEXES, *(sql.CREATE_PLAIN_INDEXES if self._secret is None else ())):
            await db.run_script(statement)
        await self._create_vector_index(db)

    async def _create_vector_index(self, db: Database) -> None:
        """Create the index of vectors, and the setting of searches that use it."""
        settings = self._settings
        method = settings.pgvector_index_method.strip().lower()
        if method not in ("ivfflat", "hnsw"):
            method = "hnsw" if self._kind == "halfvec" else "ivfflat"
        definition = await db.fetch_value("vectors.index", sql.FIND_VECTOR_INDEX, name=sql.VECTOR_INDEX_NAME)
        if definition and f"using {method} " not in definition.lower():
            raise DatabaseError(
                f"the index {sql.VECTOR_INDEX_NAME} is no {method} index (PGVECTOR_INDEX_METHOD): drop it, and it is "
                "made anew"
            )
        lists = settings.pgvector_ivfflat_lists
        has_enough_rows = method == "hnsw" or await db.fetch_value(
            "vectors.enough", sql.HAS_ENOUGH_ROWS, rows=lists * sql.ROWS_PER_LIST
        )
        if not definition and has_enough_rows:
            options = f"m = {settings.pgvector_hnsw_m}, ef_construction = {settings.pgvector_hnsw_ef_construction}"
            await db.run_script(
                sql.CREATE_VECTOR_INDEX.format(
                    method=method,
                    operators=f"{self._kind}_cosine_ops",
                    options=options if method == "hnsw" else f"lists = {lists}",
                )
            )
        version = str(await db.fetch_value("vectors.version", sql.FIND_VERSION) or "0")
        numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
        order = settings.pgvector_iterative_scan.strip().lower()
        if order != "off" and numbers >= [0, 8]:
            strict = order == "strict_order" and method == "hnsw"
            self._scan_setting = f"SET LOCAL {method}.iterative_scan = {'strict_order' if strict else 'relaxed_order'}"

    # Asking

    def _fill_template(self, template: str, **parts: str) -> str:
        replacements = {**self._template_parts, "new_metadata": self._write_metadata.format(":metadata"), **parts}
        for name, part in replacements.items():
            template = template.replace("{" + name + "}", part)
        return template

    def _build_filter(self, where: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        text, params = "", {}
        for number, (key, values) in enumerate(list_conditions(where)):
            name = "'" + key.replace("'", "''") + "'"
            text += f" AND {self._template_parts['metadata']} ->> {name} = ANY(:value_{number})"
            params[f"value_{number}"] = [_encode_value(value) for value in values]
        return text, params

    async def _fetch_hits(self, name: str, text: str, **params: Any) -> list[Hit]:
        try:
            db = await self.open_database()
            if self._scan_setting and name == "vectors.search":
                async with db.transaction() as tx:
                    await tx.execute("vectors.scan", self._scan_setting)
                    rows = await tx.fetch_all(_Row, name, text, secret=self._secret, **params)
            else:
                rows = await db.fetch_all_in_thread(_Row, name, text, secret=self._secret, **params)
        except DatabaseError as error:
            raise _report_failure(error) from error
        return [Hit(row.id, row.text or "", row.metadata or {}, row.score or 0.0) for row in rows]

    async def _fetch_value(self, name: str, text: str, **params: Any) -> Any:
        try:
            return await (await self.open_database()).fetch_value(name, text, secret=self._secret, **params)
        except DatabaseError as error:
            raise _report_failure(error) from error

    async def _execute_statement(self, name: str, text: str, **params: Any) -> int:
        try:
            return await (await self.open_database()).execute(name, text, secret=self._secret, **params)
        except DatabaseError as error:
            raise _report_failure(error) from error

    def _fit_vector(self, vector: Vector) -> list[float]:
        """The numbers of a vector, as many as the column has."""
        numbers = unpack_vector(vector)
        if len(numbers) > self._length and not self._has_warned:
            self._has_warned = True
            log.warning(
                "vectors of %d numbers are cut off: PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH is %d",
                len(numbers),
                self._length,
            )
        return numbers[: self._length] + [0.0] * (self._length - len(numbers))

    # The store

    async def has_collection(self, collection: str) -> bool:
        return bool(await self._fetch_value("vectors.has", sql.HAS_COLLECTION, collection=collection))

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        max_characters = self._settings.rag_metadata_max_value_chars
        text = self._fill_template(sql.UPSERT)
        try:
            db = await self.open_database()
            async with db.transaction() as tx:
                for start in range(0, len(items), _BATCH):
                    rows = [
                        {
                            "id": item.id,
                            "vector": self._fit_vector(item.vector),
                            "collection": collection,
                            "text": remove_unstorable(item.text),
                            "metadata": msgspec.json.encode(convert_metadata(item.metadata, max_characters)).decode(),
                            "secret": self._secret,
                        }
                        for item in items[start : start + _BATCH]
                    ]
                    await tx.execute_many("vectors.upsert", text, rows)
                    await let_others_run()
        except DatabaseError as error:
            raise _report_failure(error) from error

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        condition, params = self._build_filter(where)
        text = self._fill_template(sql.SEARCH, where=condition)
        search_params = {"collections": list(collections), "vector": self._fit_vector(vector), "limit": limit}
        return await self._fetch_hits("vectors.search", text, **search_params, **params)

    async def search_words(
        self,
        collections: Sequence[str],
        text: str,
        limit: int,
        where: Mapping[str, Any] | None = None,
        *,
        enriched: bool = False,
    ) -> list[Hit]:
        question = truncate_query(remove_unstorable(text))
        if not question:
            return []
        condition, params = self._build_filter(where)
        words = self._fill_template(sql._ENRICHED_CHUNK_WORDS if enriched else sql._CHUNK_WORDS)
        statement = self._fill_template(sql.SEARCH_WORDS, words=words, where=condition)
        search_params = {"collections": list(collections), "question": question, "limit": limit}
        return await self._fetch_hits("vectors.lexical", statement, **search_params, **params)

    async def find_chunks(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        condition, params = self._build_filter(where)
        text = self._fill_template(sql.FIND_CHUNKS, where=condition)
        return await self._fetch_hits("vectors.find", text, collection=collection, limit=limit, **params)

    async def delete_chunks(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        if ids is None and not where:
            return
        condition, params = self._build_filter(where)
        if ids is not None:
            condition += " AND id = ANY(:ids)"
            params["ids"] = list(ids)
        await self._execute_statement(
            "vectors.delete", sql.DELETE_CHUNKS.replace("{where}", condition), collection=collection, **params
        )

    async def drop_collection(self, collection: str) -> None:
        await self._execute_statement("vectors.drop", sql.DELETE_CHUNKS.replace("{where}", ""), collection=collection)

    async def copy_chunks(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        condition, params = self._build_filter(where)
        text = self._fill_template(
            sql.COPY_CHUNKS, where=condition, new_metadata=self._write_metadata.format("laid_over")
        )
        extra_json = msgspec.json.encode(convert_metadata(extra, self._settings.rag_metadata_max_value_chars)).decode()
        copy_params = {"collection": source, "target": target, "extra": extra_json}
        return await self._execute_statement("vectors.copy", text, **copy_params, **params)

    async def list_collections(self) -> list[str]:
        try:
            rows = await (await self.open_database()).fetch_all_in_thread(_Name, "vectors.names", sql.LIST_COLLECTIONS)
        except DatabaseError as error:
            raise _report_failure(error) from error
        return [row.name for row in rows]

    async def delete_all(self) -> None:
        await self._execute_statement("vectors.reset", sql.DELETE_ALL)

    # Moving

    async def count_chunks(self, collection: str) -> int:
        return int(await self._fetch_value("vectors.count", sql.COUNT_CHUNKS, collection=collection))

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        text = self._fill_template(sql.LIST_PAGE)
        page_params = {"collection": collection, "after": after or "", "limit": limit, "secret": self._secret}
        try:
            rows = await (await self.open_database()).fetch_all_in_thread(_ItemRow, "vectors.page", text, **page_params)
        except DatabaseError as error:
            raise _report_failure(error) from error
        # The length of the vectors without the zeros that pad them.
        length = max((_count_used(row.vector or []) for row in rows), default=0)
        items = [
            Item(row.id, row.text or "", pack_vector((row.vector or [])[:length]), row.metadata or {}) for row in rows
        ]
        return items, rows[-1].id if len(rows) == limit else None

    async def rename_collection(self, old: str, new: str) -> None:
        await self.drop_collection(new)
        await self._execute_statement("vectors.rename", sql.RENAME_COLLECTION, old=old, new=new)

    async def close(self) -> None:
        if self._db is not None:
            await self._db.close()


class _Name(msgspec.Struct):
    name: str


def _encode_value(value: Any) -> str:
    """Return a value as PostgreSQL's `->>` returns it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _count_used(numbers: Sequence[float]) -> int:
    return next((length for length in range(len(numbers), 0, -1) if numbers[length - 1]), 0)


def _report_failure(error: DatabaseError) -> RetrievalError:
    log.error("the vector store failed: %s", error)
    return RetrievalError("The vector store cannot be used; the server's log says why.")
