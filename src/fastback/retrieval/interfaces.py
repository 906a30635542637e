"""What the parts of retrieval promise each other, and those who use them. Services are known by these types."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fastback.providers.request_context import RequestContext

Metadata = dict[str, Any]
#: A vector: 32-bit floats, little-endian, one behind the other. What stores keep and sqlite-vec and pgvector take.
Vector = bytes


class RetrievalError(Exception):
    """Something about documents that cannot be done, in words for the person who asked; they become a 400's detail."""


class Document(msgspec.Struct):
    """A piece of text with what is known about it (`page`, `source`, `title`, … as the reference names them)."""

    text: str
    metadata: Metadata = {}


class SpooledDocuments(msgspec.Struct, frozen=True):
    """Documents in a file: more text than the server should hold.

    Attributes:
        path: rows of metadata and text, see `kit.workers.spool`; all of one source.
        described: what a document's metadata become.
    """

    path: str
    build_metadata: Callable[[Metadata], Metadata]


class Item(msgspec.Struct):
    """A chunk as a vector store keeps it."""

    id: str
    text: str
    vector: Vector
    metadata: Metadata


class Hit(msgspec.Struct):
    """A chunk that was found.

    Attributes:
        score: from 0 (nothing in common) to 1 (the same), as the reference's stores say it: (2 - cosine distance) / 2
            for vectors; of a fused or reranked search its own score.
    """

    id: str
    text: str
    metadata: Metadata
    score: float = 0.0


class Extractor(Protocol):
    """Makes text out of files. Work is done in processes of its own, or by an external engine, as configured."""

    async def extract(
        self, path: Path, filename: str, content_type: str | None, *, ctx: RequestContext | None = None
    ) -> list[Document]:
        """The text of a local file.

        Raises:
            RetrievalError: it cannot be read: what is wrong with it, in words for its owner.
        """
        ...

    async def spool(
        self, path: Path, filename: str, content_type: str | None, into: str, *, ctx: RequestContext | None = None
    ) -> None:
        """As `extract`, into a file (`SpooledDocuments.path`): of a large text the server holds nothing.

        Raises:
            RetrievalError.
        """
        ...


class Splitter(Protocol):
    """Cuts documents into chunks, as configured (`rag.text_splitter`, `rag.chunk_size`, …)."""

    def split(self, documents: Sequence[Document] | SpooledDocuments) -> AsyncGenerator[Document, None]:
        """The chunks, in order; each has its document's metadata and `start_index`. Off the event loop.

        Raises:
            RetrievalError: the configuration names no splitter.
        """
        ...


class Embedder(Protocol):
    """Makes vectors out of texts, with the configured engine and model."""

    @property
    def signature(self) -> Metadata:
        """`{"engine": …, "model": …}`: what a chunk's metadata keeps as `embedding_config`."""
        ...

    async def embed_content(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        """Vectors of what is looked for (chunks); what was embedded before is not embedded again.

        Raises:
            RetrievalError: the engine cannot be reached, refuses, or is not there.
        """
        ...

    async def embed_queries(self, texts: Sequence[str], *, ctx: RequestContext | None = None) -> list[Vector]:
        """Vectors of questions; they go before chunks that wait. Raises: as `content`."""
        ...


class Reranker(Protocol):
    """Judges texts by a question."""

    async def score_texts(
        self, query: str, texts: Sequence[str], *, ctx: RequestContext | None = None
    ) -> list[float] | None:
        """A score for each text; None where no reranker is configured, or it fails, which the log tells."""
        ...

    async def check_model(self, engine: str, model: str) -> None:
        """Whether this could be configured: a model on this machine is loaded.

        Raises:
            RetrievalError: it is not there, or cannot be used.
        """
        ...


class VectorStore(Protocol):
    """Collections of chunks. A `where` holds metadata that must be equal, as `{"file_id": "…"}`, or one of several
    values, as `{"file_id": {"$in": ["…", "…"]}}`.

    Names of collections are the reference's: `file-{file id}`, a knowledge's id, `user-memory-{user id}`,
    `web-search-{user id}-{hash}`, `knowledge-bases`.
    """

    async def has_collection(self, collection: str) -> bool: ...

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        """Write chunks; the collection is made when it is missing.

        Raises:
            RetrievalError: vectors of another length than the collection's.
        """
        ...

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        """The nearest chunks of all these collections together, best first; unknown collections are empty."""
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
        """The chunks that share most with the words of a text (BM25 or what the store has), best first.

        With `enriched` the words of a chunk's name, title, headings, source and snippet count too. Scores are in the
        store's own measure, higher is better.
        """
        ...

    async def find_chunks(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        """Chunks by metadata, in the order they were written."""
        ...

    async def delete_chunks(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        """Delete chunks by id or by metadata; nothing happens where there are none."""
        ...

    async def drop_collection(self, collection: str) -> None:
        """Delete a collection; nothing happens where there is none."""
        ...

    async def copy_chunks(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        """Copy chunks of `source` into `target` with new ids and `extra` laid over their metadata; how many.

        Nothing is embedded again: a file that is added to a knowledge brings its vectors along.
        """
        ...

    async def list_collections(self) -> list[str]: ...

    async def delete_all(self) -> None:
        """Delete everything."""
        ...

    async def close(self) -> None: ...
