"""The protocols between the parts of retrieval and their callers; services are registered under these types."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fastback.providers.request_context import RequestContext

Metadata = dict[str, Any]
#: A vector: packed 32-bit floats, little-endian, as stores, sqlite-vec and pgvector take it.
Vector = bytes


class RetrievalError(Exception):
    """An operation on documents failed. The message is for the user who started it; it becomes a 400's detail."""


class DimensionMismatch(RetrievalError):
    """The vectors of a collection have another length: another embedding model has made them."""


class Document(msgspec.Struct):
    """A piece of text with its metadata (`page`, `source`, `title`, … as the reference names them)."""

    text: str
    metadata: Metadata = {}


class SpooledDocuments(msgspec.Struct, frozen=True):
    """Documents in a file: more text than the server should hold in memory.

    Attributes:
        path: rows of metadata and text, see `kit.workers.spool`; all of one source.
        build_metadata: computes the metadata of a document from those in the file.
    """

    path: str
    build_metadata: Callable[[Metadata], Metadata]


class Item(msgspec.Struct):
    """A chunk as vector stores keep it."""

    id: str
    text: str
    vector: Vector
    metadata: Metadata


class Hit(msgspec.Struct):
    """A chunk that a search found.

    Attributes:
        score: from 0 (nothing in common) to 1 (the same), as the reference's stores compute it: (2 - cosine distance) /
            2 for vectors; the own score of a fused or reranked search.
    """

    id: str
    text: str
    metadata: Metadata
    score: float = 0.0


class Extractor(Protocol):
    """Extracts the text of files, in worker processes or by an external engine, as configured."""

    async def extract(
        self, path: Path, filename: str, content_type: str | None, *, ctx: RequestContext | None = None
    ) -> list[Document]:
        """Return the text of a local file.

        Raises:
            RetrievalError: the file is not readable; the message tells its owner why.
        """
        ...

    async def spool(
        self, path: Path, filename: str, content_type: str | None, into: str, *, ctx: RequestContext | None = None
    ) -> None:
        """Extract as `extract` does, into a file (`SpooledDocuments.path`), so that the server holds no large text.

        Raises:
            RetrievalError: as `extract`.
        """
        ...


class Splitter(Protocol):
    """Splits documents into chunks, as configured (`rag.text_splitter`, `rag.chunk_size`, …)."""

    def split(self, documents: Sequence[Document] | SpooledDocuments) -> AsyncGenerator[Document, None]:
        """Yield the chunks in order, each with its document's metadata and `start_index`. Runs off the event loop.

        Raises:
            RetrievalError: the configured splitter is unknown.
        """
        ...


class Embedder(Protocol):
    """Computes vectors of texts with the configured engine and model."""

    @property
    def signature(self) -> Metadata:
        """Return `{"engine": …, "model": …}`, which a chunk's metadata keep as `embedding_config`."""
        ...

    async def embed_content(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        """Return vectors of texts to be found (chunks); texts that were embedded before come from a cache.

        Raises:
            RetrievalError: the engine is unreachable, refuses, or is missing.
        """
        ...

    async def embed_queries(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        """Return vectors of questions; they take precedence over waiting chunks.

        Raises:
            RetrievalError: as `embed_content`.
        """
        ...


class Reranker(Protocol):
    """Scores texts by how well they answer a question."""

    async def score_texts(
        self, query: str, texts: Sequence[str], *, ctx: RequestContext | None = None
    ) -> list[float] | None:
        """Return a score for each text; None if no reranker is configured, or it fails, which is logged."""
        ...

    async def check_model(self, engine: str, model: str) -> None:
        """Check that a reranker can be configured; a model on this machine is loaded for it.

        Raises:
            RetrievalError: the model is missing or unusable.
        """
        ...


class VectorStore(Protocol):
    """Collections of chunks. A `where` contains metadata that must be equal, as `{"file_id": "…"}`, or one of several
    values, as `{"file_id": {"$in": ["…", "…"]}}`.

    Names of collections are the reference's: `file-{file id}`, a knowledge's id, `user-memory-{user id}`,
    `web-search-{user id}-{hash}`, `knowledge-bases`.
    """

    async def has_collection(self, collection: str) -> bool: ...

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        """Write chunks; a missing collection is created.

        Raises:
            RetrievalError: the collection's vectors have another length.
        """
        ...

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        """Return the nearest chunks of all these collections together, best first; unknown collections are empty."""
        ...

    async def search_words(
        self,
        collections: Sequence[str],
        text: str,
        limit: int,
        where: Mapping[str, Any] | None = None,
        *,
        enriched: bool = False,
    ) -> list[Hit]:
        """Return the chunks that share most with the words of a text (BM25 or the store's own measure), best first.

        With `enriched` the words of a chunk's name, title, headings, source and snippet count, too. Scores are in the
        store's own measure; higher is better.
        """
        ...

    async def find_chunks(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        """Return chunks by metadata, in the order in which they were written."""
        ...

    async def delete_chunks(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        """Delete chunks by id or by metadata, if there are any."""
        ...

    async def drop_collection(self, collection: str) -> None:
        """Delete a collection if it exists."""
        ...

    async def copy_chunks(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        """Copy chunks of `source` to `target` with new ids and `extra` merged into their metadata. Return their number.

        Nothing is embedded again: a file that is added to a knowledge brings its vectors along.
        """
        ...

    async def list_collections(self) -> list[str]: ...

    async def delete_all(self) -> None:
        """Delete every collection."""
        ...

    async def close(self) -> None: ...
