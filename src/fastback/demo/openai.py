"""OpenAI's protocol: models, chat completions and older completions, complete and streamed, and embeddings.

`demo-large` reports its token counts in a separate last chunk, like OpenAI; the other models report them in the last
chunk of the text, like many servers.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from typing import Any

import msgspec

from fastback.demo import texts
from fastback.demo.asgi import Exchange
from fastback.demo.replies import Reply, ReplyRequest, ToolCall, extract_text, find_count, parse_strings, parse_tools

Json = dict[str, Any]

MODELS = ("demo-small", "demo-large", "demo-reasoner", "demo-embedding")
#: Dimensions of an embedding, unless the request asks for another number.
DIMENSIONS = 256

_CREATED = 1700000000
_HEAD = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": _CREATED}
_DONE = b"data: [DONE]\n\n"
_WORD = re.compile(r"\w+")
EVENTS = "text/event-stream; charset=utf-8"


def find_model(name: str) -> Json | None:
    """Return the description of a model, or None."""
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "demo"} if name in MODELS else None


def list_models() -> Json:
    """Return the list of models."""
    return {"object": "list", "data": [find_model(name) for name in MODELS]}


def build_error(message: str, code: Any = None, error_type: str = "demo_error") -> Json:
    """Return the body of an error response."""
    return {"error": {"message": message, "type": error_type, "param": None, "code": code}}


async def send_refusal(exchange: Exchange, status: int) -> None:
    """Refuse the request with the status that it asks for."""
    headers = [(b"retry-after", b"1")] if status == 429 else None
    await exchange.respond(build_error(f"demo refusal {status}", status), status, headers)


def parse_request(body: Json) -> ReplyRequest:
    """Return a chat completion request in the shared form."""
    messages = [
        (str(message.get("role")), extract_text(message.get("content"))) for message in body.get("messages") or []
    ]
    model_name = str(body.get("model") or "")
    return ReplyRequest(
        model_name,
        messages,
        [] if body.get("tool_choice") == "none" else parse_tools(body.get("tools")),
        find_count(body.get("max_completion_tokens"), body.get("max_tokens")),
        find_count(body.get("n_tokens")),
        parse_strings(body.get("stop")),
        model_name == "demo-reasoner",
    )


def count_usage(request: ReplyRequest, reply: Reply) -> Json:
    """Return the token counts of a reply."""
    count = len(reply.tokens)
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": count,
        "total_tokens": request.prompt_tokens + count,
    }


async def apply_directives(exchange: Exchange, request: ReplyRequest) -> bool:
    """Apply the directives that precede the reply, and return whether the request is finished."""
    if request.error_status is not None:
        await send_refusal(exchange, request.error_status)
        return True
    await exchange.wait(request.delay_seconds)
    if request.has_directive("garbage"):
        await exchange.respond(b"this is <no> JSON")
        return True
    return False


def find_orphan_result(messages: Any) -> str | None:
    """Return the id of a tool result that no call of the preceding assistant message asked for, as servers check it."""
    call_ids: set[str] = set()
    for message in messages or []:
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in call_ids:
                return str(message.get("tool_call_id"))
        else:
            call_ids = {call.get("id") for call in message.get("tool_calls") or []}
    return None


async def create_chat_completion(exchange: Exchange) -> None:
    """Answer `POST /v1/chat/completions`."""
    request = parse_request(exchange.body)
    if (call_id := find_orphan_result(exchange.body.get("messages"))) is not None:
        await exchange.respond(build_error(f"no call asked for the tool result {call_id}", "orphan_result"), 400)
        return
    if await apply_directives(exchange, request):
        return
    if exchange.body.get("stream"):
        await _stream_chat(exchange, request)
        return
    if request.has_directive("break"):
        await exchange.break_off()
    await exchange.wait(request.silence_seconds)
    reply = request.build_reply()
    message: Json = {"role": "assistant", "content": None if reply.calls else reply.text}
    if reply.calls:
        message["tool_calls"] = [_build_call(call) for call in reply.calls]
    if reply.reasoning:
        message["reasoning_content"] = "".join(reply.reasoning)
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    head = {**_HEAD, "object": "chat.completion", "model": request.model}
    await exchange.respond({**head, "choices": [choice], "usage": count_usage(request, reply)})


def _build_call(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


async def _stream_chat(exchange: Exchange, request: ReplyRequest) -> None:
    head = msgspec.json.encode({**_HEAD, "model": request.model})[:-1]

    def encode_chunk(delta: Json, finish_reason: str | None = None, **fields: Any) -> bytes:
        body = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **fields}
        return b"data: " + head + b"," + msgspec.json.encode(body)[1:] + b"\n\n"

    async with exchange.open_stream(EVENTS) as stream:
        await stream.write(encode_chunk({"role": "assistant", "content": ""}))
        if request.has_directive("error"):
            await stream.write(b'data: {"error": {"message": "demo failure in the stream"}}\n\n')
            return
        reply = request.build_reply()
        await stream.send_tokens(encode_chunk({"reasoning_content": token}) for token in reply.reasoning)
        for index, call in enumerate(reply.calls):
            start = {"index": index, **_build_call(call), "function": {"name": call.name, "arguments": ""}}
            await stream.send_tokens([encode_chunk({"tool_calls": [start]})])
            await stream.send_tokens(
                encode_chunk({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})
                for fragment in call.split_arguments()
            )
        # Everything except the text of a chunk is encoded once: the cost must not show in benchmarks.
        prefix, suffix = encode_chunk({"content": "@"}).split(b'"@"')
        encode = msgspec.json.Encoder().encode
        await stream.send_tokens(
            (prefix + encode(token) + suffix for token in reply.tokens),
            silence=request.silence_seconds,
            is_broken=request.has_directive("break"),
        )
        usage_fields = (
            {"usage": count_usage(request, reply)}
            if (exchange.body.get("stream_options") or {}).get("include_usage")
            else {}
        )
        if usage_fields and request.model == "demo-large":
            await stream.write(encode_chunk({}, reply.finish_reason))
            await stream.write(
                b"data: " + head + b"," + msgspec.json.encode({"choices": [], **usage_fields})[1:] + b"\n\n"
            )
        else:
            await stream.write(encode_chunk({}, reply.finish_reason, **usage_fields))
        await stream.write(_DONE)


async def create_completion(exchange: Exchange) -> None:
    """Answer `POST /v1/completions`, the older protocol."""
    body = exchange.body
    prompt = body.get("prompt")
    text = " ".join(parse_strings(prompt))
    model_name = str(body.get("model") or "")
    request = ReplyRequest(
        model_name,
        [("user", text)],
        max_tokens=find_count(body.get("max_tokens")),
        exact_tokens=find_count(body.get("n_tokens")),
        stop=parse_strings(body.get("stop")),
    )
    if await apply_directives(exchange, request):
        return
    reply = request.build_reply()
    head = {"id": "cmpl-demo", "object": "text_completion", "created": _CREATED, "model": model_name}

    def build_chunk(text: str, finish_reason: str | None) -> Json:
        return {**head, "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}]}

    if not body.get("stream"):
        await exchange.respond({**build_chunk(reply.text, reply.finish_reason), "usage": count_usage(request, reply)})
        return
    async with exchange.open_stream(EVENTS) as stream:
        await stream.send_tokens(
            (b"data: " + msgspec.json.encode(build_chunk(token, None)) + b"\n\n" for token in reply.tokens),
            silence=request.silence_seconds,
            is_broken=request.has_directive("break"),
        )
        await stream.write(b"data: " + msgspec.json.encode(build_chunk("", reply.finish_reason)) + b"\n\n" + _DONE)


def embed_text(text: Any, dimensions: int = DIMENSIONS) -> list[float]:
    """Return a unit vector of the text; texts that share words, or beginnings of words, are similar."""
    distinct_words = dict.fromkeys(_WORD.findall(str(text).lower()))
    vector = [0.0] * dimensions
    for word in distinct_words or [str(text)]:
        weight = 1.0 if len(word) > 3 else 0.1  # short words carry little meaning
        for feature in (word, word[:4]):
            seed = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            for _ in range(4):  # several dimensions per feature, so that words seldom collide
                vector[seed % dimensions] += weight if seed & (1 << 15) else -weight
                seed >>= 16
    length = math.sqrt(sum(number * number for number in vector)) or 1.0
    return [number / length for number in vector]


async def create_embeddings(exchange: Exchange) -> None:
    """Answer `POST /v1/embeddings`: for a text, several texts, or token ids."""
    body = exchange.body
    model_name = str(body.get("model") or "demo-embedding")
    if (question := ReplyRequest(model_name, [])).error_status is not None:
        await send_refusal(exchange, question.error_status or 500)
        return
    input_value = body.get("input")
    inputs = (
        input_value
        if isinstance(input_value, list) and not (input_value and isinstance(input_value[0], int))
        else [input_value]
    )
    dimensions = find_count(body.get("dimensions"), DIMENSIONS) or DIMENSIONS
    is_base64 = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(inputs):
        numbers = embed_text(text, dimensions)
        value = base64.b64encode(struct.pack(f"<{dimensions}f", *numbers)).decode() if is_base64 else numbers
        data.append({"object": "embedding", "index": index, "embedding": value})
    count = sum(len(item) if isinstance(item, list) else len(texts.split_tokens(str(item))) for item in inputs)
    await exchange.respond(
        {"object": "list", "data": data, "model": model_name, "usage": {"prompt_tokens": count, "total_tokens": count}}
    )
