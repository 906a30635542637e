"""Protocols of stores that collections can be moved between."""

from __future__ import annotations

from typing import Protocol

from fastback.retrieval.interfaces import Item, VectorStore


class VectorSource(Protocol):
    """A store that collections can be read from, with their vectors."""

    async def list_collections(self) -> list[str]: ...

    async def count_chunks(self, collection: str) -> int:
        """Return the number of chunks of a collection, 0 if it does not exist."""
        ...

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Return a page of chunks from a cursor on (None: the first page), and the next cursor (None: the end)."""
        ...

    async def close(self) -> None: ...


class PortableStore(VectorSource, VectorStore, Protocol):
    """A store that can be read from and written to."""

    @property
    def has_shared_ids(self) -> bool:
        """Return whether writing a chunk under an id removes it from the collection that had the id before."""
        ...

    async def rename_collection(self, old: str, new: str) -> None:
        """Replace a collection by another one."""
        ...
