"""Whole chats in any number: read some at a time and sent as they are read, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastback.features.chats import store
from fastback.kit.db import Database
from fastback.kit.http.body import encoder
from fastback.kit.http.streaming_response import StreamResponse

#: Chats that are read at once.
SLICE = 20


async def _encode_slices(db: Database, ids: list[str]) -> AsyncIterator[list[bytes]]:
    for start in range(0, len(ids), SLICE):
        wanted = ids[start : start + SLICE]
        found = {chat.id: chat for chat in await store.load_chats(db, wanted)}
        yield [encoder.encode(found[one]) for one in wanted if one in found]  # one may be deleted meanwhile


async def export_lines(db: Database, ids: list[str]) -> StreamResponse:
    """One JSON object a line."""

    async def content() -> AsyncIterator[bytes]:
        if not ids:
            yield b"\n"
        async for some in _encode_slices(db, ids):
            yield b"".join(one + b"\n" for one in some)

    return StreamResponse(content(), "application/x-ndjson")


async def export_array(db: Database, ids: list[str]) -> StreamResponse:
    """One JSON array."""

    async def content() -> AsyncIterator[bytes]:
        before = b"["
        async for some in _encode_slices(db, ids):
            if some:
                yield before + b",".join(some)
                before = b","
        yield b"]" if before == b"," else b"[]"

    return StreamResponse(content(), "application/json")
