"""The export of feedback as one JSON array, read and sent in slices, because each feedback holds a chat."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastback.features.evaluations import store
from fastback.kit.db import Database
from fastback.kit.http.body import encoder
from fastback.kit.http.streaming_response import StreamResponse

#: Feedback that one statement reads.
SLICE = 20


async def stream_feedback(db: Database, model_id: str | None) -> StreamResponse:
    """Return the stream of all feedback, or of that on one model, the last changed first."""
    ids = await store.list_export_ids(db, model_id)

    async def encode_slices() -> AsyncIterator[bytes]:
        prefix = b"["
        for start in range(0, len(ids), SLICE):
            rows = await store.list_feedback_by_id(db, ids[start : start + SLICE])
            if rows:
                yield prefix + b",".join(encoder.encode(feedback) for feedback in rows)
                prefix = b","
        yield b"]" if prefix == b"," else b"[]"

    return StreamResponse(encode_slices(), "application/json")
