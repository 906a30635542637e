"""Anthropic's Messages API, whole and as events, and its list of models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.demo.asgi import Exchange
from fastback.demo.openai import EVENTS, MODELS
from fastback.demo.replies import Answer, Asked, count_of, strings, text_of, tools_of

Json = dict[str, Any]

#: What a block begins with, by its kind.
_EMPTY: dict[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def listed() -> Json:
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2024-01-01T00:00:00Z"}
        for name in MODELS
        if name != "demo-embedding"
    ]
    return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}


def _error(message: str, kind: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}}


def asked(body: Json) -> Asked:
    messages = [("system", text_of(body.get("system")))] if body.get("system") else []
    for one in body.get("messages") or []:
        content = one.get("content")
        blocks = content if isinstance(content, list) else []
        results = [block for block in blocks if block.get("type") == "tool_result"]
        messages += [("tool", text_of(block.get("content"))) for block in results]
        if not results:
            messages.append((str(one.get("role")), text_of(content)))
    name = str(body.get("model") or "")
    thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    return Asked(
        name,
        messages,
        tools_of(body.get("tools")),
        count_of(body.get("max_tokens")),
        count_of(body.get("n_tokens")),
        strings(body.get("stop_sequences")),
        thinks or name == "demo-reasoner",
    )


def _blocks(answer: Answer) -> list[Json]:
    blocks: list[Json] = []
    if answer.reasoning:
        blocks.append({"type": "thinking", "thinking": "".join(answer.reasoning), "signature": "demo"})
    for call in answer.calls:
        values = msgspec.json.decode(call.arguments)
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": values})
    return blocks if answer.calls else [*blocks, {"type": "text", "text": answer.text}]


def _head(question: Asked) -> Json:
    usage = {"input_tokens": question.prompt_tokens, "output_tokens": 0}
    return {
        "id": "msg_demo",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


async def messages(exchange: Exchange) -> None:
    """Answer `POST /v1/messages`."""
    question = asked(exchange.body)
    if question.status is not None:
        kind = _KINDS.get(question.status, "api_error")
        await exchange.json(_error(f"demo refusal {question.status}", kind), question.status)
        return
    await exchange.wait(question.delay)
    if question.wants("garbage"):
        await exchange.json(b"this is <no> JSON")
        return
    answer = question.answer()
    ended = {"stop_reason": _REASONS[answer.finish], "stop_sequence": None}
    counted = {"input_tokens": question.prompt_tokens, "output_tokens": answer.count}
    if not exchange.body.get("stream"):
        if question.wants("break"):
            await exchange.break_off()
        await exchange.wait(question.silence)
        await exchange.json({**_head(question), "content": _blocks(answer), **ended, "usage": counted})
        return
    async with exchange.stream(EVENTS) as stream:
        await stream.raw(_event("message_start", message=_head(question)))
        if question.wants("error"):
            failure = msgspec.json.encode(_error("demo failure in the stream", "api_error"))
            await stream.raw(b"event: error\ndata: " + failure + b"\n\n")
            return
        await stream.raw(_event("ping"))
        await stream.say(_told(answer), silence=question.silence, breaks=question.wants("break"))
        await stream.raw(_event("message_delta", delta=ended, usage={"output_tokens": answer.count}))
        await stream.raw(_event("message_stop"))


async def count_tokens(exchange: Exchange) -> None:
    """Answer `POST /v1/messages/count_tokens`."""
    await exchange.json({"input_tokens": asked(exchange.body).prompt_tokens})


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


def _told(answer: Answer) -> Iterator[bytes]:
    for place, block in enumerate(_blocks(answer)):
        kind = block["type"]
        empty = _EMPTY[kind]
        yield _event("content_block_start", index=place, content_block={**block, **empty})
        if kind == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in answer.reasoning]
            deltas.append({"type": "signature_delta", "signature": "demo"})
        elif kind == "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in answer.pieces]
        else:
            call = next(one for one in answer.calls if one.id == block["id"])
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in call.fragments()]
        for delta in deltas:
            yield _event("content_block_delta", index=place, delta=delta)
        yield _event("content_block_stop", index=place)
