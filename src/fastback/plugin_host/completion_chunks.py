"""What a pipe returns, in the form of chat completions: chunks of a stream, or a whole completion."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.kit.rpc.wire_values import to_plain

#: Characters of one chunk's text. Longer texts become several chunks, so that no reader decodes megabytes at once.
MAX_CHUNK_CHARACTERS = 64 * 1024

_encode = msgspec.json.Encoder(enc_hook=lambda value: _dump(value)).encode


def _dump(value: Any) -> Any:
    """Return an object of a plugin as something that JSON can hold."""
    dump_model = getattr(value, "model_dump", None)
    return dump_model() if callable(dump_model) and not isinstance(value, type) else str(value)


def encode_json(value: Any) -> bytes:
    """Return any value as JSON; what JSON cannot hold becomes what comes nearest."""
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.json.encode(to_plain(value))


def is_model(value: Any) -> bool:
    """Return whether a value is an object of pydantic."""
    return hasattr(value, "model_dump_json") and not isinstance(value, type)


def is_streaming_response(value: Any) -> bool:
    """Return whether a value is Starlette's response that streams. False where Starlette is not loaded."""
    responses = sys.modules.get("starlette.responses")
    return responses is not None and isinstance(value, responses.StreamingResponse)


class ChunkEncoder:
    """Encode the items of one pipe's stream as events."""

    def __init__(self, model_id: str) -> None:
        head = {**_build_head(model_id), "choices": [], "object": "chat.completion.chunk"}
        before, after = msgspec.json.encode(head).split(b'"choices":[]', 1)
        self._before = (
            b"data: " + before + b'"choices":[{"index":0,"logprobs":null,"finish_reason":null,"delta":{"content":'
        )
        self._after = b"}}]" + after + b"\n\n"
        stop = b'"choices":[{"index":0,"logprobs":null,"finish_reason":"stop","delta":{}}]'
        self._stop = b"data: " + before + stop + after + b"\n\n"
        #: Whether the pipe passes on a stream that had its own end.
        self.has_ended = False

    def encode_item(self, item: Any) -> Iterator[bytes]:
        """Yield the events of one item: text, a line of an event stream, a chunk as an object. Nothing for no text."""
        if isinstance(item, (bytes, bytearray, memoryview)):
            item = bytes(item).decode("utf-8", "replace")
        elif isinstance(item, dict):
            yield b"data: " + encode_json(item) + b"\n\n"
            return
        elif is_model(item):
            yield b"data: " + encode_json(item.model_dump()) + b"\n\n"
            return
        elif not isinstance(item, str):
            item = "" if item is None else str(item)
        if item.startswith("data:"):
            if item[5:].strip() == "[DONE]":
                self.has_ended = True
                return
            yield item.encode("utf-8", "replace") + b"\n\n"
        else:
            yield from self.encode_text(item)

    def encode_text(self, text: str) -> Iterator[bytes]:
        """Yield the chunks of a text."""
        for start in range(0, len(text), MAX_CHUNK_CHARACTERS):
            yield self._before + encode_json(text[start : start + MAX_CHUNK_CHARACTERS]) + self._after

    def encode_end(self) -> bytes:
        """Return the events that end a stream."""
        return b"data: [DONE]\n\n" if self.has_ended else self._stop + b"data: [DONE]\n\n"


def encode_completion(model_id: str, text: str | None) -> bytes:
    """Return a whole completion; one without a message where there is no text."""
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": "stop"}
    if text is not None:
        choice["message"] = {"role": "assistant", "content": text}
    return encode_json({**_build_head(model_id), "choices": [choice], "object": "chat.completion"})


def _build_head(model_id: str) -> dict[str, Any]:
    return {"id": f"{model_id}-{uuid.uuid4()}", "created": int(time.time()), "model": model_id}
