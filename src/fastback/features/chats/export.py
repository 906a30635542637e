"""Exports of whole chats as streams: reads a slice at a time, so that memory use does not grow with their number."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastback.features.chats import store
from fastback.kit.db import Database
from fastback.kit.http.body import encoder
from fastback.kit.http.streaming_response import StreamResponse

#: Chats that one statement reads.
SLICE = 20


async def _encode_slices(db: Database, ids: list[str]) -> AsyncIterator[list[bytes]]:
    """Yield the encoded chats, a slice at a time; skips chats that were deleted meanwhile."""
    for start in range(0, len(ids), SLICE):
        slice_ids = ids[start : start + SLICE]
        chats = {chat.id: chat for chat in await store.load_chats(db, slice_ids)}
        yield [encoder.encode(chats[chat_id]) for chat_id in slice_ids if chat_id in chats]


async def export_lines(db: Database, ids: list[str]) -> StreamResponse:
    """Stream chats as one JSON object a line."""

    async def content() -> AsyncIterator[bytes]:
        if not ids:
            yield b"\n"
        async for chats in _encode_slices(db, ids):
            yield b"".join(chat + b"\n" for chat in chats)

    return StreamResponse(content(), "application/x-ndjson")


async def export_array(db: Database, ids: list[str]) -> StreamResponse:
    """Stream chats as one JSON array."""

    async def content() -> AsyncIterator[bytes]:
        before = b"["
        async for chats in _encode_slices(db, ids):
            if chats:
                yield before + b",".join(chats)
                before = b","
        yield b"]" if before == b"," else b"[]"

    return StreamResponse(content(), "application/json")
