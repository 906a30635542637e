"""All feedback in one JSON array, read some at a time and sent as it is read: each holds a whole chat."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastback.features.evaluations import store
from fastback.kit.db import Database
from fastback.kit.http.body import encoder
from fastback.kit.http.streaming_response import StreamResponse

#: Feedback that is read at once.
SLICE = 20


async def array(db: Database, model_id: str | None) -> StreamResponse:
    """Everybody's, or what was said of one model; what changed last comes first."""
    ids = await store.export_ids(db, model_id)

    async def content() -> AsyncIterator[bytes]:
        before = b"["
        for start in range(0, len(ids), SLICE):
            found = await store.whole(db, ids[start : start + SLICE])
            if found:
                yield before + b",".join(encoder.encode(one) for one in found)
                before = b","
        yield b"]" if before == b"," else b"[]"

    return StreamResponse(content(), "application/json")
