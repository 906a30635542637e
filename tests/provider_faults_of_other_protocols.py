"""Faults of servers that speak the Responses API or Ollama's protocol; see `provider_faults`."""

from __future__ import annotations

from typing import Any

from fault_events import (
    CONNECTION_ERROR,
    END,
    FUNCTION,
    JSON,
    LOOK,
    NDJSON,
    completion,
    encode,
    event,
    openai,
    text,
)
from faulty_model_server import Fault


def responses(name: str, *pieces: bytes, **expected: Any) -> Fault:
    return openai(name, *pieces, **{"protocol": "responses", **expected})


MESSAGE_ITEM = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "Hello"}]}
REASONING_ITEM = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm"}]}
CALL_ITEM = {"type": "function_call", "id": "f", "call_id": "a", **FUNCTION}
TOKENS = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def delta(content: Any, **fields: Any) -> bytes:
    return event({"type": "response.output_text.delta", "output_index": 0, "delta": content, **fields})


def completed(*items: Any, **fields: Any) -> bytes:
    response = {"id": "r", "output": items, "usage": TOKENS, **fields}
    return event({"type": "response.completed", "response": response})


def item_done(item: Any, index: int = 0) -> bytes:
    return event({"type": "response.output_item.done", "output_index": index, "item": item})


RESPONSES = [
    responses("responses", delta("Hel"), delta("lo"), item_done(MESSAGE_ITEM), completed(MESSAGE_ITEM)),
    responses("responses-last-line-without-end", delta("Hello"), completed().rstrip()),
    responses("responses-cr", (delta("Hello") + completed()).replace(b"\n", b"\r")),
    responses(
        "responses-of-whole-items",
        item_done(REASONING_ITEM),
        item_done(MESSAGE_ITEM, 1),
        completed(REASONING_ITEM, MESSAGE_ITEM),
        reasoning="Hm",
    ),
    responses(
        "responses-of-whole-texts",
        event({"type": "response.output_text.done", "output_index": 0, "text": "Hello"}),
        completed(),
    ),
    responses("responses-of-the-end-alone", completed(REASONING_ITEM, MESSAGE_ITEM), reasoning="Hm"),
    responses(
        "responses-without-indexes",
        event({"type": "response.output_text.delta", "delta": "Hello"}),
        item_done(MESSAGE_ITEM),
        completed(MESSAGE_ITEM),
    ),
    responses("responses-without-end", delta("Hello"), usage=None),
    responses(
        "responses-incomplete", delta("Hello"), event({"type": "response.incomplete", "response": {"usage": TOKENS}})
    ),
    responses(
        "responses-with-a-refusal",
        event({"type": "response.refusal.delta", "output_index": 0, "delta": "Hello"}),
        completed(),
    ),
    responses("responses-with-surrogates", delta("Hi \ud83d"), delta("\udc4b"), completed(), text="Hi 👋"),
    responses("responses-delta-a-number", delta(42), completed(), text="42"),
    responses("responses-delta-null", delta(None), delta("Hello"), completed()),
    responses(
        "responses-item-null",
        item_done(None),
        event({"type": "response.created", "response": None}),
        delta("Hello"),
        completed(None),
    ),
    responses("responses-with-whole-calls", item_done(CALL_ITEM), completed(CALL_ITEM), text="", calls=(LOOK,)),
    responses("responses-with-calls-at-the-end", completed(CALL_ITEM), text="", calls=(LOOK,)),
    responses(
        "responses-with-arguments-at-once",
        event({"type": "response.output_item.added", "output_index": 0, "item": {**CALL_ITEM, "arguments": ""}}),
        event({"type": "response.function_call_arguments.done", "item_id": "f", "arguments": '{"a": 1}'}),
        item_done(CALL_ITEM),
        completed(CALL_ITEM),
        text="",
        calls=(LOOK,),
    ),
    responses(
        "responses-with-arguments-an-object",
        item_done({**CALL_ITEM, "arguments": {"a": "1"}}),
        completed(),
        text="",
        calls=(("look", '{"a":"1"}'),),
    ),
    responses("responses-error", delta("Hello"), event({"type": "error", "message": "No."}), usage=None, error="No."),
    responses(
        "responses-failed",
        delta("Hello"),
        event({"type": "response.failed", "response": {"error": {"message": "No."}}}),
        usage=None,
        error="No.",
    ),
    responses("responses-error-without-type", event({"error": {"message": "No."}}), text="", usage=None, error="No."),
    responses("responses-break", delta("Hello"), breaks=True, usage=None, error=CONNECTION_ERROR),
    responses("responses-of-chunks", text("Hello"), END),
    responses(
        "responses-whole",
        encode({"id": "r", "output": [REASONING_ITEM, MESSAGE_ITEM], "usage": TOKENS, "error": None}),
        content_type=JSON,
        reasoning="Hm",
    ),
    responses(
        "responses-whole-with-nulls",
        encode({"output": [None, {"type": "message", "content": None}, MESSAGE_ITEM], "usage": TOKENS}),
        content_type=JSON,
    ),
    responses("responses-whole-of-chunks", encode(completion("Hello")), content_type=JSON),
    responses(
        "responses-whole-error",
        encode({"error": {"message": "No."}}),
        content_type=JSON,
        text="",
        usage=None,
        error="No.",
    ),
    responses("responses-stream-as-json", delta("Hello") + completed(), content_type=JSON),
]


def ollama(name: str, *pieces: bytes, **expected: Any) -> Fault:
    return openai(name, *pieces, **{"protocol": "ollama", "content_type": NDJSON, **expected})


def line(content: Any = "", **fields: Any) -> bytes:
    return encode({"model": "m", "message": {"role": "assistant", "content": content, **fields}, "done": False}) + b"\n"


LAST = encode({"model": "m", "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}) + b"\n"

OLLAMA = [
    ollama("ollama", line("Hel"), line("lo"), LAST),
    ollama("ollama-last-line-without-end", line("Hello"), LAST.rstrip()),
    ollama("ollama-crlf", (line("Hello") + LAST).replace(b"\n", b"\r\n")),
    ollama("ollama-cr", (line("Hello") + LAST).replace(b"\n", b"\r")),
    ollama("ollama-byte-order-mark", b"\xef\xbb\xbf" + line("Hello"), LAST),
    ollama("ollama-blank-lines", b"\n\n" + line("Hello") + b"\n", LAST),
    ollama("ollama-without-done", line("Hello"), usage=None),
    ollama("ollama-content-a-number", line(42), LAST, text="42"),
    ollama("ollama-content-in-parts", line([{"type": "text", "text": "Hello"}]), LAST),
    ollama("ollama-message-null", encode({"message": None}) + b"\n", line("Hello"), LAST),
    ollama("ollama-with-surrogates", line("Hi \ud83d"), line("\udc4b"), LAST, text="Hi 👋"),
    ollama("ollama-no-utf-8", line("Hel?lo").replace(b"?", b"\xff"), LAST, text="Hel\ufffdlo"),
    ollama("ollama-thinking", line(thinking="Hm"), line("Hello"), LAST, reasoning="Hm"),
    ollama("ollama-counts-as-texts", line("Hello"), LAST.replace(b": 3", b': "3"').replace(b": 2", b': "2"')),
    ollama("ollama-done-reason-a-number", line("Hello"), LAST.replace(b'"stop"', b"1")),
    ollama(
        "ollama-calls",
        line(tool_calls=[{"function": {"name": "look", "arguments": {"a": "1"}}}]),
        LAST,
        text="",
        calls=(("look", '{"a":"1"}'),),
    ),
    ollama("ollama-arguments-a-text", line(tool_calls=[{"function": FUNCTION}]), LAST, text="", calls=(LOOK,)),
    ollama("ollama-calls-an-object", line("Hello", tool_calls={}), LAST),
    ollama("ollama-function-null", line("Hello", tool_calls=[None]), LAST),
    ollama("ollama-error", line("Hello"), encode({"error": "No."}) + b"\n", usage=None, error="No."),
    ollama("ollama-error-false", line("Hello").replace(b'"model"', b'"error": false, "model"'), LAST),
    ollama("ollama-break", line("Hello"), breaks=True, usage=None, error=CONNECTION_ERROR),
    ollama(
        "ollama-whole",
        encode({"message": {"content": "Hello"}, "done": True, "prompt_eval_count": 3, "eval_count": 2}),
        content_type=JSON,
    ),
    ollama("ollama-whole-error", encode({"error": "No."}), content_type=JSON, text="", usage=None, error="No."),
    ollama("ollama-lines-as-json", line("Hel") + line("lo") + LAST, content_type=JSON),
]
