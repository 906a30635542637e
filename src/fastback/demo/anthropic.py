"""Anthropic's Messages API, complete and streamed, and its list of models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fastback.demo.asgi import Exchange
from fastback.demo.openai import EVENTS, MODELS
from fastback.demo.replies import Reply, ReplyRequest, extract_text, find_count, parse_strings, parse_tools

Json = dict[str, Any]

#: Fields with which a content block starts in a stream, by type.
_EMPTY: dict[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def list_models() -> Json:
    """Return the list of models."""
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2024-01-01T00:00:00Z"}
        for name in MODELS
        if name != "demo-embedding"
    ]
    return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}


def _build_error(message: str, error_type: str) -> Json:
    return {"type": "error", "error": {"type": error_type, "message": message}}


def parse_request(body: Json) -> ReplyRequest:
    """Return the request in the shared form."""
    messages = [("system", extract_text(body.get("system")))] if body.get("system") else []
    for message in body.get("messages") or []:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        results = [block for block in blocks if block.get("type") == "tool_result"]
        messages += [("tool", extract_text(block.get("content"))) for block in results]
        if not results:
            messages.append((str(message.get("role")), extract_text(content)))
    model_name = str(body.get("model") or "")
    is_thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    return ReplyRequest(
        model_name,
        messages,
        parse_tools(body.get("tools")),
        find_count(body.get("max_tokens")),
        find_count(body.get("n_tokens")),
        parse_strings(body.get("stop_sequences")),
        is_thinking or model_name == "demo-reasoner",
    )


def _build_blocks(reply: Reply) -> list[Json]:
    blocks: list[Json] = []
    if reply.reasoning:
        blocks.append({"type": "thinking", "thinking": "".join(reply.reasoning), "signature": "demo"})
    for call in reply.calls:
        arguments = msgspec.json.decode(call.arguments)
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return blocks if reply.calls else [*blocks, {"type": "text", "text": reply.text}]


def _build_head(request: ReplyRequest) -> Json:
    usage = {"input_tokens": request.prompt_tokens, "output_tokens": 0}
    return {
        "id": "msg_demo",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


async def create_message(exchange: Exchange) -> None:
    """Answer `POST /v1/messages`."""
    request = parse_request(exchange.body)
    if request.error_status is not None:
        error_type = _ERROR_TYPES.get(request.error_status, "api_error")
        await exchange.respond(_build_error(f"demo refusal {request.error_status}", error_type), request.error_status)
        return
    await exchange.wait(request.delay_seconds)
    if request.has_directive("garbage"):
        await exchange.respond(b"this is <no> JSON")
        return
    reply = request.build_reply()
    stop_fields = {"stop_reason": _STOP_REASONS[reply.finish_reason], "stop_sequence": None}
    token_counts = {"input_tokens": request.prompt_tokens, "output_tokens": reply.token_count}
    if not exchange.body.get("stream"):
        if request.has_directive("break"):
            await exchange.break_off()
        await exchange.wait(request.silence_seconds)
        await exchange.respond(
            {**_build_head(request), "content": _build_blocks(reply), **stop_fields, "usage": token_counts}
        )
        return
    async with exchange.open_stream(EVENTS) as stream:
        await stream.write(_encode_event("message_start", message=_build_head(request)))
        if request.has_directive("error"):
            failure = msgspec.json.encode(_build_error("demo failure in the stream", "api_error"))
            await stream.write(b"event: error\ndata: " + failure + b"\n\n")
            return
        await stream.write(_encode_event("ping"))
        await stream.send_tokens(
            _encode_blocks(reply), silence=request.silence_seconds, is_broken=request.has_directive("break")
        )
        await stream.write(
            _encode_event("message_delta", delta=stop_fields, usage={"output_tokens": reply.token_count})
        )
        await stream.write(_encode_event("message_stop"))


async def count_tokens(exchange: Exchange) -> None:
    """Answer `POST /v1/messages/count_tokens`."""
    await exchange.respond({"input_tokens": parse_request(exchange.body).prompt_tokens})


def _encode_event(event_type: str, **fields: Any) -> bytes:
    return (
        b"event: " + event_type.encode() + b"\ndata: " + msgspec.json.encode({"type": event_type, **fields}) + b"\n\n"
    )


def _encode_blocks(reply: Reply) -> Iterator[bytes]:
    """Yield the events of all content blocks."""
    for index, block in enumerate(_build_blocks(reply)):
        block_type = block["type"]
        start_fields = _EMPTY[block_type]
        yield _encode_event("content_block_start", index=index, content_block={**block, **start_fields})
        if block_type == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": token} for token in reply.reasoning]
            deltas.append({"type": "signature_delta", "signature": "demo"})
        elif block_type == "text":
            deltas = [{"type": "text_delta", "text": token} for token in reply.tokens]
        else:
            call = next(tool_call for tool_call in reply.calls if tool_call.id == block["id"])
            deltas = [{"type": "input_json_delta", "partial_json": fragment} for fragment in call.split_arguments()]
        for delta in deltas:
            yield _encode_event("content_block_delta", index=index, delta=delta)
        yield _encode_event("content_block_stop", index=index)
