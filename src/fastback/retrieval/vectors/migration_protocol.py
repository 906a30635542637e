"""What a store can do besides, so that collections can be moved and embedded anew."""

from __future__ import annotations

from typing import Protocol

from fastback.retrieval.interfaces import Item, VectorStore


class VectorSource(Protocol):
    """Where collections can be read from, with their vectors."""

    async def list_collections(self) -> list[str]: ...

    async def count_chunks(self, collection: str) -> int:
        """How many chunks a collection has; 0 where there is none."""
        ...

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Chunks of a collection from a place on, None for the first, and the place behind them, None at the end."""
        ...

    async def close(self) -> None: ...


class PortableStore(VectorSource, VectorStore, Protocol):
    """A store that can be read from and written to."""

    @property
    def has_shared_ids(self) -> bool:
        """Whether a chunk that is written under an id leaves the collection where that id was before."""
        ...

    async def rename_collection(self, old: str, new: str) -> None:
        """Put a collection into the place of another one, which goes."""
        ...
