"""OpenAI's Responses API, complete and streamed: reasoning, function calls and text, each an item of the output.

Format: `POST /v1/responses`; a stream is server-sent events `response.created`, `response.output_item.added`,
`response.output_text.delta`, `response.function_call_arguments.delta`, …, `response.completed`, numbered from zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from fastback.demo.asgi import Exchange
from fastback.demo.openai import EVENTS, apply_directives
from fastback.demo.replies import Reply, ReplyRequest, ToolCall, extract_text, find_count, parse_tools

Json = dict[str, Any]
EncodeEvent = Callable[..., bytes]


def parse_request(body: Json) -> ReplyRequest:
    """Return the request in the shared form."""
    input_value = body.get("input")
    items = [{"role": "user", "content": input_value}] if isinstance(input_value, str) else input_value or []
    messages = [("system", str(body["instructions"]))] if body.get("instructions") else []
    for item in items:
        item_type = item.get("type", "message")
        if item_type == "message":
            messages.append((str(item.get("role")), extract_text(item.get("content"))))
        elif item_type == "function_call_output":
            messages.append(("tool", extract_text(item.get("output"))))
        elif item_type == "function_call":
            messages.append(("assistant", str(item.get("arguments"))))
    model_name = str(body.get("model") or "")
    return ReplyRequest(
        model_name,
        messages,
        [] if body.get("tool_choice") == "none" else parse_tools(body.get("tools")),
        find_count(body.get("max_output_tokens")),
        find_count(body.get("n_tokens")),
        is_reasoning=model_name == "demo-reasoner",
    )


def _build_reasoning_item(reply: Reply, *, is_started: bool = False) -> Json:
    summary = [] if is_started else [{"type": "summary_text", "text": "".join(reply.reasoning)}]
    return {"id": "rs_demo", "type": "reasoning", "summary": summary}


def _build_call_item(call: ToolCall, *, is_started: bool = False) -> Json:
    return {
        "id": f"fc_{call.id.removeprefix('call_')}",
        "type": "function_call",
        "status": "in_progress" if is_started else "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": "" if is_started else call.arguments,
    }


def _build_text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


def _build_message_item(reply: Reply, *, is_started: bool = False) -> Json:
    status = "in_progress" if is_started else ("incomplete" if reply.finish_reason == "length" else "completed")
    content = [] if is_started else [_build_text_part(reply.text)]
    return {"id": "msg_demo", "type": "message", "status": status, "role": "assistant", "content": content}


def _build_output(reply: Reply) -> list[Json]:
    reasoning = [_build_reasoning_item(reply)] if reply.reasoning else []
    return (
        [*reasoning, *map(_build_call_item, reply.calls)] if reply.calls else [*reasoning, _build_message_item(reply)]
    )


def _build_response(request: ReplyRequest, reply: Reply | None) -> Json:
    """Return the response object; a reply of None means that it is in progress."""
    head = {"id": "resp_demo", "object": "response", "created_at": 1700000000, "model": request.model, "error": None}
    if reply is None:
        return {**head, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    is_truncated = reply.finish_reason == "length"
    usage = {
        "input_tokens": request.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.token_count,
        "output_tokens_details": {"reasoning_tokens": len(reply.reasoning)},
        "total_tokens": request.prompt_tokens + reply.token_count,
    }
    return {
        **head,
        "status": "incomplete" if is_truncated else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_truncated else None,
        "output": _build_output(reply),
        "usage": usage,
    }


async def create_response(exchange: Exchange) -> None:
    """Answer `POST /v1/responses`."""
    request = parse_request(exchange.body)
    if await apply_directives(exchange, request):
        return
    if not exchange.body.get("stream"):
        if request.has_directive("break"):
            await exchange.break_off()
        await exchange.wait(request.silence_seconds)
        await exchange.respond(_build_response(request, request.build_reply()))
        return
    sequence_number = -1

    def encode_event(event_type: str, **fields: Any) -> bytes:
        nonlocal sequence_number
        sequence_number += 1
        content = msgspec.json.encode({"type": event_type, "sequence_number": sequence_number, **fields})
        return b"event: " + event_type.encode() + b"\ndata: " + content + b"\n\n"

    async with exchange.open_stream(EVENTS) as stream:
        await stream.write(encode_event("response.created", response=_build_response(request, None)))
        await stream.write(encode_event("response.in_progress", response=_build_response(request, None)))
        if request.has_directive("error"):
            failed = {**_build_response(request, None), "status": "failed"}
            failed["error"] = {"code": "server_error", "message": "demo failure in the stream"}
            await stream.write(encode_event("response.failed", response=failed))
            return
        reply = request.build_reply()
        index = 0
        if reply.reasoning:
            await stream.send_tokens(_encode_reasoning(encode_event, reply))
            index = 1
        for call in reply.calls:
            await stream.send_tokens(_encode_call(encode_event, call, index))
            index += 1
        if not reply.calls:
            await stream.send_tokens(
                _encode_message(encode_event, reply, index),
                silence=request.silence_seconds,
                is_broken=request.has_directive("break"),
            )
        end_event = "response.incomplete" if reply.finish_reason == "length" else "response.completed"
        await stream.write(encode_event(end_event, response=_build_response(request, reply)))


def _encode_reasoning(encode_event: EncodeEvent, reply: Reply) -> Iterator[bytes]:
    position: Json = {"item_id": "rs_demo", "output_index": 0, "summary_index": 0}
    text = "".join(reply.reasoning)
    yield encode_event("response.output_item.added", output_index=0, item=_build_reasoning_item(reply, is_started=True))
    yield encode_event("response.reasoning_summary_part.added", **position, part={"type": "summary_text", "text": ""})
    for token in reply.reasoning:
        yield encode_event("response.reasoning_summary_text.delta", **position, delta=token)
    yield encode_event("response.reasoning_summary_text.done", **position, text=text)
    yield encode_event("response.reasoning_summary_part.done", **position, part={"type": "summary_text", "text": text})
    yield encode_event("response.output_item.done", output_index=0, item=_build_reasoning_item(reply))


def _encode_call(encode_event: EncodeEvent, call: ToolCall, index: int) -> Iterator[bytes]:
    item = _build_call_item(call)
    position: Json = {"item_id": item["id"], "output_index": index}
    yield encode_event("response.output_item.added", output_index=index, item=_build_call_item(call, is_started=True))
    for fragment in call.split_arguments():
        yield encode_event("response.function_call_arguments.delta", **position, delta=fragment)
    yield encode_event("response.function_call_arguments.done", **position, arguments=call.arguments)
    yield encode_event("response.output_item.done", output_index=index, item=item)


def _encode_message(encode_event: EncodeEvent, reply: Reply, index: int) -> Iterator[bytes]:
    position: Json = {"item_id": "msg_demo", "output_index": index, "content_index": 0}
    yield encode_event(
        "response.output_item.added", output_index=index, item=_build_message_item(reply, is_started=True)
    )
    yield encode_event("response.content_part.added", **position, part=_build_text_part(""))
    for token in reply.tokens:
        yield encode_event("response.output_text.delta", **position, delta=token, logprobs=[])
    yield encode_event("response.output_text.done", **position, text=reply.text, logprobs=[])
    yield encode_event("response.content_part.done", **position, part=_build_text_part(reply.text))
    yield encode_event("response.output_item.done", output_index=index, item=_build_message_item(reply))
