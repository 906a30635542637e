"""What the catalogue of faults is written with: events, chunks and whole completions."""

from __future__ import annotations

import json
from typing import Any

from faulty_model_server import Fault

CONNECTION_ERROR = "Open WebUI: Server Connection Error"
NOT_JSON = "The provider answered with something that is not JSON."
NO_MESSAGE = "The provider answered without a message."

JSON, NDJSON = "application/json", "application/x-ndjson"
CHOICE = {"index": 0, "finish_reason": None}
COUNTS = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
USAGE = (3, 2)


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


def call(**fields: Any) -> bytes:
    """Return the event of a piece of a tool call."""
    return event(chunk(tool_calls=[fields]))


STOP = event({**chunk("stop"), "usage": COUNTS})
DONE = b"data: [DONE]\n\n"
END = STOP + DONE
HELLO = text("Hel") + text("lo") + END
HELLO_PIECES = (text("Hel"), text("lo"), END)
FUNCTION = {"name": "look", "arguments": '{"a": 1}'}
LOOK = ("look", '{"a": 1}')


def openai(name: str, *pieces: bytes, **expected: Any) -> Fault:
    """Return a stream that goes on to its end, and has text and usage, unless something else is expected."""
    return Fault(name=name, pieces=pieces, **{"text": "Hello", "usage": USAGE, **expected})


def calls(name: str, *pieces: bytes, **expected: Any) -> Fault:
    return openai(name, *pieces, END, **{"text": "", "calls": (LOOK,), **expected})


def whole(name: str, body: Any, **expected: Any) -> Fault:
    """Return a response that is no stream, although one was requested."""
    content = body if isinstance(body, bytes) else encode(body)
    return openai(name, content, **{"content_type": JSON, **expected})


def completion(content: Any, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **fields}
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": COUNTS}
