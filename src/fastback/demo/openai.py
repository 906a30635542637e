"""The OpenAI protocol: models, chat completions and older completions, streamed and whole, and embeddings.

`demo-large` counts its tokens in a chunk of its own behind the last one, as OpenAI does, the others in the last one, as
many servers do.
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
from fastback.demo.replies import Answer, Asked, Call, count_of, strings, text_of, tools_of

Json = dict[str, Any]

MODELS = ("demo-small", "demo-large", "demo-reasoner", "demo-embedding")
#: Numbers in an embedding, unless fewer are asked for.
DIMENSIONS = 256

_CREATED = 1700000000
_HEAD = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": _CREATED}
_DONE = b"data: [DONE]\n\n"
EVENTS = "text/event-stream; charset=utf-8"


def model(name: str) -> Json | None:
    """What is said of a model; None for an unknown one."""
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "demo"} if name in MODELS else None


def listed() -> Json:
    return {"object": "list", "data": [model(name) for name in MODELS]}


def error(message: str, code: Any = None, kind: str = "demo_error") -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


async def refused(exchange: Exchange, status: int) -> None:
    """Refuse with a status, as the question asked."""
    headers = [(b"retry-after", b"1")] if status == 429 else None
    await exchange.json(error(f"demo refusal {status}", status), status, headers)


def asked(body: Json) -> Asked:
    """A chat completion's question."""
    messages = [(str(one.get("role")), text_of(one.get("content"))) for one in body.get("messages") or []]
    name = str(body.get("model") or "")
    return Asked(
        name,
        messages,
        [] if body.get("tool_choice") == "none" else tools_of(body.get("tools")),
        count_of(body.get("max_completion_tokens"), body.get("max_tokens")),
        count_of(body.get("n_tokens")),
        strings(body.get("stop")),
        name == "demo-reasoner",
    )


def usage(question: Asked, answer: Answer) -> Json:
    count = len(answer.pieces)
    return {
        "prompt_tokens": question.prompt_tokens,
        "completion_tokens": count,
        "total_tokens": question.prompt_tokens + count,
    }


async def steered(exchange: Exchange, question: Asked) -> bool:
    """Do what the question's words ask before there is an answer; whether that was all."""
    if question.status is not None:
        await refused(exchange, question.status)
        return True
    await exchange.wait(question.delay)
    if question.wants("garbage"):
        await exchange.json(b"this is <no> JSON")
        return True
    return False


async def chat(exchange: Exchange) -> None:
    """Answer a chat completion."""
    question = asked(exchange.body)
    if await steered(exchange, question):
        return
    if exchange.body.get("stream"):
        await _streamed(exchange, question)
        return
    if question.wants("break"):
        await exchange.break_off()
    await exchange.wait(question.silence)
    answer = question.answer()
    message: Json = {"role": "assistant", "content": None if answer.calls else answer.text}
    if answer.calls:
        message["tool_calls"] = [_call(call) for call in answer.calls]
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    choice = {"index": 0, "message": message, "finish_reason": answer.finish}
    head = {**_HEAD, "object": "chat.completion", "model": question.model}
    await exchange.json({**head, "choices": [choice], "usage": usage(question, answer)})


def _call(call: Call) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


async def _streamed(exchange: Exchange, question: Asked) -> None:
    head = msgspec.json.encode({**_HEAD, "model": question.model})[:-1]

    def chunk(delta: Json, finish: str | None = None, **more: Any) -> bytes:
        rest = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
        return b"data: " + head + b"," + msgspec.json.encode(rest)[1:] + b"\n\n"

    async with exchange.stream(EVENTS) as stream:
        await stream.raw(chunk({"role": "assistant", "content": ""}))
        if question.wants("error"):
            await stream.raw(b'data: {"error": {"message": "demo failure in the stream"}}\n\n')
            return
        answer = question.answer()
        await stream.say(chunk({"reasoning_content": piece}) for piece in answer.reasoning)
        for place, call in enumerate(answer.calls):
            begun = {"index": place, **_call(call), "function": {"name": call.name, "arguments": ""}}
            await stream.say([chunk({"tool_calls": [begun]})])
            await stream.say(
                chunk({"tool_calls": [{"index": place, "function": {"arguments": part}}]}) for part in call.fragments()
            )
        # All but the text of a chunk is made once: this must not be what a benchmark measures.
        before, after = chunk({"content": "@"}).split(b'"@"')
        encode = msgspec.json.Encoder().encode
        await stream.say(
            (before + encode(piece) + after for piece in answer.pieces),
            silence=question.silence,
            breaks=question.wants("break"),
        )
        counted = (
            {"usage": usage(question, answer)}
            if (exchange.body.get("stream_options") or {}).get("include_usage")
            else {}
        )
        if counted and question.model == "demo-large":
            await stream.raw(chunk({}, answer.finish))
            await stream.raw(b"data: " + head + b"," + msgspec.json.encode({"choices": [], **counted})[1:] + b"\n\n")
        else:
            await stream.raw(chunk({}, answer.finish, **counted))
        await stream.raw(_DONE)


async def complete(exchange: Exchange) -> None:
    """Answer a completion of a text (the older protocol)."""
    body = exchange.body
    prompt = body.get("prompt")
    text = " ".join(strings(prompt))
    name = str(body.get("model") or "")
    question = Asked(
        name,
        [("user", text)],
        most=count_of(body.get("max_tokens")),
        exact=count_of(body.get("n_tokens")),
        stop=strings(body.get("stop")),
    )
    if await steered(exchange, question):
        return
    answer = question.answer()
    head = {"id": "cmpl-demo", "object": "text_completion", "created": _CREATED, "model": name}

    def part(piece: str, finish: str | None) -> Json:
        return {**head, "choices": [{"index": 0, "text": piece, "logprobs": None, "finish_reason": finish}]}

    if not body.get("stream"):
        await exchange.json({**part(answer.text, answer.finish), "usage": usage(question, answer)})
        return
    async with exchange.stream(EVENTS) as stream:
        await stream.say(
            (b"data: " + msgspec.json.encode(part(piece, None)) + b"\n\n" for piece in answer.pieces),
            silence=question.silence,
            breaks=question.wants("break"),
        )
        await stream.raw(b"data: " + msgspec.json.encode(part("", answer.finish)) + b"\n\n" + _DONE)


def vector(text: Any, dimensions: int = DIMENSIONS) -> list[float]:
    """A unit vector that depends on the text alone; texts that share words, or beginnings of words, are near."""
    words = dict.fromkeys(re.findall(r"\w+", str(text).lower()))
    found = [0.0] * dimensions
    for word in words or [str(text)]:
        weight = 1.0 if len(word) > 3 else 0.1  # short words say little
        for part in (word, word[:4]):
            seed = int.from_bytes(hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            for _ in range(4):  # several numbers a word, so that words seldom fall together
                found[seed % dimensions] += weight if seed & (1 << 15) else -weight
                seed >>= 16
    size = math.sqrt(sum(one * one for one in found)) or 1.0
    return [one / size for one in found]


async def embed(exchange: Exchange) -> None:
    """Answer with embeddings: of a text, of several, or of tokens."""
    body = exchange.body
    name = str(body.get("model") or "demo-embedding")
    if (question := Asked(name, [])).status is not None:
        await refused(exchange, question.status or 500)
        return
    given = body.get("input")
    inputs = given if isinstance(given, list) and not (given and isinstance(given[0], int)) else [given]
    dimensions = count_of(body.get("dimensions"), DIMENSIONS) or DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    found = []
    for place, text in enumerate(inputs):
        numbers = vector(text, dimensions)
        value = base64.b64encode(struct.pack(f"<{dimensions}f", *numbers)).decode() if packed else numbers
        found.append({"object": "embedding", "index": place, "embedding": value})
    count = sum(len(one) if isinstance(one, list) else len(texts.tokens(str(one))) for one in inputs)
    await exchange.json(
        {"object": "list", "data": found, "model": name, "usage": {"prompt_tokens": count, "total_tokens": count}}
    )
