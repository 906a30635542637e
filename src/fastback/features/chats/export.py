"""Exports of whole chats as streams: reads a slice at a time, so that memory use does not grow with their number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from fastback.features.chats import store
from fastback.features.chats.store import ChatPage
from fastback.kit.db import Database
from fastback.kit.http.body import encoder
from fastback.kit.http.streaming_response import StreamResponse
from fastback.kit.large_json import SLICE_SIZE, iterate_slices

#: Chats that one statement reads. Their large documents are read one by one.
SLICE = 20


async def _encode_chats(db: Database, ids: list[str], separator: bytes) -> AsyncIterator[bytes]:
    """Yield the encoded chats with a separator between them, in pieces; skips chats that were deleted meanwhile."""
    waiting: list[bytes] = []
    is_first = True
    for start in range(0, len(ids), SLICE):
        slice_ids = ids[start : start + SLICE]
        chats = {chat.id: chat for chat in await store.load_chats(db, slice_ids)}
        for chat in [chats.pop(chat_id) for chat_id in slice_ids if chat_id in chats]:
            chat.chat = await store.complete_document(db, chat.id, chat.chat)
            if not is_first:
                waiting.append(separator)
            is_first = False
            for piece in _list_pieces(chat):
                waiting.append(piece)
                if sum(map(len, waiting)) > SLICE_SIZE:
                    yield b"".join(waiting)
                    waiting.clear()
    yield b"".join(waiting)


def _list_pieces(chat: ChatPage) -> Iterator[bytes]:
    parts = chat.list_parts()
    if parts is None:
        yield encoder.encode(chat)
        return
    for part in parts:
        yield from map(bytes, iterate_slices(part))


async def export_lines(db: Database, ids: list[str]) -> StreamResponse:
    """Stream chats as one JSON object a line."""

    async def content() -> AsyncIterator[bytes]:
        async for piece in _encode_chats(db, ids, b"\n"):
            yield piece
        yield b"\n"

    return StreamResponse(content(), "application/x-ndjson")


async def export_array(db: Database, ids: list[str]) -> StreamResponse:
    """Stream chats as one JSON array."""

    async def content() -> AsyncIterator[bytes]:
        yield b"["
        async for piece in _encode_chats(db, ids, b","):
            yield piece
        yield b"]"

    return StreamResponse(content(), "application/json")
