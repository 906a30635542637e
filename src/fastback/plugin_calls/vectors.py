"""`vectors.…` and `embeddings.…`: collections of chunks, and vectors of texts."""

from __future__ import annotations

import struct
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.retrieval.interfaces import Embedder, Hit, Item, RetrievalError, VectorStore

Json = dict[str, Any]


class VectorMethods:
    """Search and change collections, and embed texts, for plugins. Vectors are lists of numbers."""

    def __init__(self, vectors: VectorStore, embedder: Embedder) -> None:
        self._vectors = vectors
        self._embedder = embedder

    def add_to(self, methods: HostMethods) -> None:
        methods.add("embeddings.compute", self.compute_embeddings)
        methods.add("vectors.has_collection", self.has_collection)
        methods.add("vectors.drop_collection", self.drop_collection)
        methods.add("vectors.upsert", self.upsert)
        methods.add("vectors.search", self.search)
        methods.add("vectors.find_chunks", self.find_chunks)
        methods.add("vectors.delete_chunks", self.delete_chunks)

    async def compute_embeddings(self, texts: list[str], is_query: bool = True) -> list[list[float]]:
        """Return the vectors of texts.

        Raises:
            RemoteFailure: of the kind `retrieval_error`.
        """
        embed = self._embedder.embed_queries if is_query else self._embedder.embed_content
        try:
            return [unpack_vector(vector) for vector in await embed(texts)]
        except RetrievalError as error:
            raise RemoteFailure("retrieval_error", str(error)) from None

    async def has_collection(self, name: str) -> bool:
        return await self._vectors.has_collection(name)

    async def drop_collection(self, name: str) -> None:
        await self._vectors.drop_collection(name)

    async def upsert(self, name: str, items: list[Json]) -> None:
        """Write chunks, each `{"id", "text", "vector", "metadata"}`.

        Raises:
            RemoteFailure: of the kind `retrieval_error`.
        """
        chunks = [
            Item(str(item["id"]), item["text"], pack_vector(item["vector"]), item.get("metadata") or {})
            for item in items
        ]
        try:
            await self._vectors.upsert(name, chunks)
        except RetrievalError as error:
            raise RemoteFailure("retrieval_error", str(error)) from None

    async def search(self, name: str, vectors: list[list[float]], limit: int, where: Json | None = None) -> Json:
        """Return the nearest chunks of each vector: `ids`, `documents`, `metadatas` and `distances`, a list each."""
        results = [await self._vectors.search([name], pack_vector(vector), limit, where) for vector in vectors]
        return {**_build_columns(results), "distances": [[hit.score for hit in hits] for hits in results]}

    async def find_chunks(self, name: str, where: Json | None = None, limit: int | None = None) -> Json:
        """Return chunks by metadata: `ids`, `documents` and `metadatas`, each a list with one list."""
        return _build_columns([await self._vectors.find_chunks(name, where or None, limit)])

    async def delete_chunks(self, name: str, ids: list[str] | None = None, where: Json | None = None) -> None:
        await self._vectors.delete_chunks(name, ids=ids, where=where)


def pack_vector(numbers: list[float]) -> bytes:
    """Return a vector as stores take it."""
    return struct.pack(f"<{len(numbers)}f", *numbers)


def unpack_vector(vector: bytes) -> list[float]:
    """Return the numbers of a vector."""
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def _build_columns(results: list[list[Hit]]) -> Json:
    return {
        "ids": [[hit.id for hit in hits] for hits in results],
        "documents": [[hit.text for hit in hits] for hits in results],
        "metadatas": [[hit.metadata for hit in hits] for hits in results],
    }
