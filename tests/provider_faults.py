"""The catalogue of faults: how model servers misbehave, and what their answers consist of all the same."""

from __future__ import annotations

import json
from typing import Any

from faulty_model_server import Fault


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def event(value: Any) -> bytes:
    """Return a server-sent event."""
    return b"data: " + (value if isinstance(value, bytes) else encode(value)) + b"\n\n"


def chunk(finish_reason: Any = None, **delta: Any) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def text(content: Any) -> bytes:
    """Return the event of a piece of text."""
    return event(chunk(content=content))


STOP = event({**chunk("stop"), "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
DONE = b"data: [DONE]\n\n"
END = STOP + DONE
USAGE = (3, 2)

#: Streams that do not end as they should.
ENDINGS = [
    Fault(name="end-without-done", pieces=(text("Hello"), STOP), text="Hello", usage=USAGE),
    Fault(name="end-without-finish-reason", pieces=(text("Hello"),), text="Hello"),
    Fault(name="end-in-the-middle-of-a-line", pieces=(text("Hello"), b'data: {"choices": [{"del'), text="Hello"),
    Fault(name="empty-stream", pieces=()),
    Fault(name="done-alone", pieces=(DONE,)),
    Fault(name="text-after-done", pieces=(text("Hello"), END, text(" again")), text="Hello", usage=USAGE),
]

FAULTS = [*ENDINGS]
