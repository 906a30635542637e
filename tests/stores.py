"""Vector stores to test: a fresh one of each kind."""

from __future__ import annotations

import array
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastback.retrieval.contracts import Item, Vector, VectorStore
from fastback.retrieval.vectors.sqlite import SqliteStore

KINDS = ["sqlite"]


@asynccontextmanager
async def fresh(kind: str, directory: Path) -> AsyncIterator[VectorStore]:
    """A store of a kind with nothing in it."""
    store: VectorStore = SqliteStore(directory)
    try:
        yield store
    finally:
        await store.close()


def vector(*numbers: float, of: int = 8) -> Vector:
    """These numbers and zeros behind them, of length one."""
    length = math.sqrt(sum(one * one for one in numbers)) or 1.0
    return array.array("f", [one / length for one in numbers] + [0.0] * (of - len(numbers))).tobytes()


def item(number: int, text: str, numbers: Vector, **metadata: object) -> Item:
    return Item(f"00000000-0000-4000-8000-{number:012d}", text, numbers, dict(metadata))
