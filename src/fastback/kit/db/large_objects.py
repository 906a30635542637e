"""Large objects of PostgreSQL: texts sent and fetched in slices, as a statement holds a parameter in memory as a whole.

An object is removed by the transaction that creates it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastback.kit.db.database import Executor
from fastback.kit.large_json import SLICE_SIZE, Buffer

CREATE_OBJECT_POSTGRES = "SELECT lo_from_bytea(0, '')"
APPEND_SLICE_POSTGRES = "SELECT lo_put(:oid, :position, :content)"
FETCH_SLICE_POSTGRES = "SELECT lo_get(:oid, :position, :size)"
REMOVE_OBJECT_POSTGRES = "SELECT lo_unlink(:oid)"


async def create_object(tx: Executor, slices: AsyncIterator[Buffer]) -> int:
    """Create an object with the content of the slices and return its oid."""
    oid: int = await tx.fetch_value("large_objects.create", CREATE_OBJECT_POSTGRES)
    position = 0
    async for content in slices:
        size = len(memoryview(content))
        await tx.fetch_value("large_objects.append", APPEND_SLICE_POSTGRES, oid=oid, position=position, content=content)
        position += size
    return oid


async def read_object(tx: Executor, oid: int) -> AsyncIterator[bytes]:
    """Yield the content of an object in slices."""
    position = 0
    while content := await tx.fetch_value(
        "large_objects.fetch", FETCH_SLICE_POSTGRES, oid=oid, position=position, size=SLICE_SIZE
    ):
        yield content
        position += len(content)


async def remove_object(tx: Executor, oid: int) -> None:
    """Remove an object."""
    await tx.fetch_value("large_objects.remove", REMOVE_OBJECT_POSTGRES, oid=oid)
