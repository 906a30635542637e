"""The OpenAI protocol: models, chat completions streamed and whole, embeddings.

Words in the last question steer it, for tests: `[[tokens N]]` an answer of N tokens, `[[slow]]` thirty seconds of
silence first, `[[break]]` the connection breaks off in the middle, `[[garbage]]` no JSON, `[[error]]` an error inside
the stream, `[[think]]` reasoning between tags. The models `demo-error-401`, `-429` and `-500` refuse.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from typing import Any

import msgspec

from fastback.demo import texts
from fastback.demo.asgi import Receive, Send, Stream, send_json

Body = dict[str, Any]

MODELS = ("demo-small", "demo-large", "demo-reasoner")
_HEAD = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1700000000}


def listed() -> Body:
    found = [{"id": name, "object": "model", "created": 1700000000, "owned_by": "demo"} for name in MODELS]
    found.append({"id": "demo-embedding", "object": "model", "created": 1700000000, "owned_by": "demo"})
    return {"object": "list", "data": found}


def question_of(body: Body) -> str:
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
            return str(content or "")
    return ""


def wanted_call(body: Body, question: str) -> Body | None:
    """A call of one of the offered tools, when the question names it; answered calls are not repeated."""
    messages = body.get("messages") or []
    if messages and messages[-1].get("role") == "tool":
        return None
    for tool in body.get("tools") or []:
        function = tool.get("function") or {}
        name = str(function.get("name") or "")
        if name and (name in question or "call the tool" in question.lower()):
            fields = (function.get("parameters") or {}).get("properties") or {}
            values = {key: 2 if one.get("type") in ("integer", "number") else "demo" for key, one in fields.items()}
            return {"name": name, "arguments": msgspec.json.encode(values).decode()}
    return None


def _usage(body: Body, count: int) -> Body:
    asked = sum(len(texts.tokens(str(one.get("content") or ""))) for one in body.get("messages") or [])
    return {"prompt_tokens": asked, "completion_tokens": count, "total_tokens": asked + count}


def _pieces(body: Body, question: str) -> list[str]:
    task = texts.task_answer(question)
    pieces = [task] if task is not None else texts.answer(question)
    messages = body.get("messages") or []
    if messages and messages[-1].get("role") == "tool":
        pieces = texts.tokens(f"The tool answered: {messages[-1].get('content')}")
    most = body.get("max_tokens") or body.get("max_completion_tokens")
    return pieces[: int(most)] if most else pieces


async def chat(body: Body, send: Send, receive: Receive, rate: float) -> bool:
    """Answer a chat completion; whether the client went away before its end."""
    model = str(body.get("model") or "")
    if model.startswith("demo-error-"):
        status = int(model.rsplit("-", 1)[1])
        error = {"message": f"demo refusal {status}", "type": "demo_error", "code": status}
        await send_json(send, {"error": error}, status)
        return False
    question = question_of(body)
    if "[[slow]]" in question:
        await asyncio.sleep(30)
    if "[[garbage]]" in question:
        await send_json(send, b"this is <no> JSON")
        return False
    if body.get("stream"):
        return await _streamed(body, model, question, send, receive, rate)
    await _whole(body, model, question, send)
    return False


async def _whole(body: Body, model: str, question: str, send: Send) -> None:
    call = wanted_call(body, question)
    pieces = [] if call else _pieces(body, question)
    message: Body = {"role": "assistant", "content": "".join(pieces) if not call else None}
    if call:
        message["tool_calls"] = [{"id": "call_demo", "type": "function", "function": call}]
    if model == "demo-reasoner":
        message["reasoning_content"] = "".join(texts.REASONING)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}
    await send_json(
        send,
        {**_HEAD, "object": "chat.completion", "model": model, "choices": [choice], "usage": _usage(body, len(pieces))},
    )


async def _streamed(body: Body, model: str, question: str, send: Send, receive: Receive, rate: float) -> bool:
    stream = Stream(send, receive, rate=rate, kind="text/event-stream; charset=utf-8")
    head = msgspec.json.encode({**_HEAD, "model": model})[:-1]

    def chunk(delta: Body, finish: str | None = None, usage: Body | None = None) -> bytes:
        rest: Body = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        if usage is not None:
            rest["usage"] = usage
        return b"data: " + head + b"," + msgspec.json.encode(rest)[1:] + b"\n\n"

    await stream.start()
    await stream.raw(chunk({"role": "assistant", "content": ""}))
    if "[[error]]" in question:
        await stream.raw(b'data: {"error": {"message": "demo failure in the stream"}}\n\n')
        await stream.end()
        return False
    if model == "demo-reasoner":
        for piece in texts.REASONING:
            await stream.piece(chunk({"reasoning_content": piece}))
    call = wanted_call(body, question)
    count = 0
    if call:
        await _call(stream, chunk, call)
    else:
        pieces = _pieces(body, question)
        if "[[think]]" in question:
            pieces = ["<thi", "nk>", "I think ", "a little.", "</thin", "k>", "\n\n", *pieces]
        prefix, suffix = chunk({"content": "@"}).split(b'"@"')
        for piece in pieces:
            if stream.gone:
                return True
            if "[[break]]" in question and count >= 5:
                stream.stop()
                raise ConnectionAbortedError("asked to break off")
            await stream.piece(prefix + msgspec.json.encode(piece) + suffix)
            count += 1
    usage = _usage(body, count)
    with_usage = (body.get("stream_options") or {}).get("include_usage")
    await stream.raw(chunk({}, "tool_calls" if call else "stop", usage if with_usage else None))
    await stream.raw(b"data: [DONE]\n\n")
    await stream.end()
    return False


async def _call(stream: Stream, chunk: Any, call: Body) -> None:
    first = {"index": 0, "id": "call_demo", "type": "function", "function": {"name": call["name"], "arguments": ""}}
    await stream.piece(chunk({"tool_calls": [first]}))
    text = call["arguments"]
    for part in (text[: len(text) // 2], text[len(text) // 2 :]):
        await stream.piece(chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))


def embeddings(body: Body) -> Body:
    """Unit vectors that depend on the text alone."""
    texts_in = body.get("input")
    found = []
    for place, text in enumerate(texts_in if isinstance(texts_in, list) else [texts_in]):
        seed = hashlib.sha512(str(text).encode()).digest()
        raw = [(byte - 127.5) / 127.5 for byte in seed]
        size = math.sqrt(sum(one * one for one in raw)) or 1.0
        found.append({"object": "embedding", "index": place, "embedding": [one / size for one in raw]})
    model = body.get("model", "demo-embedding")
    return {"object": "list", "data": found, "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


