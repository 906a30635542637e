"""Ollama's protocol, as much as a client of chats needs: models, chat, generate, embeddings."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.demo import openai, texts
from fastback.demo.asgi import Receive, Send, Stream, send_json

Body = dict[str, Any]

MODEL = "llama-demo:latest"
_END = {"done": True, "done_reason": "stop", "total_duration": 1000000, "prompt_eval_count": 5, "eval_duration": 1000000}


def tags() -> Body:
    details = {"format": "gguf", "family": "llama", "parameter_size": "1B", "quantization_level": "Q4_0"}
    model = {"name": MODEL, "model": MODEL, "modified_at": "2024-01-01T00:00:00Z", "size": 1, "digest": "demo"}
    return {"models": [{**model, "details": details}]}


async def chat(body: Body, send: Send, receive: Receive, rate: float, *, generate: bool = False) -> None:
    """Answer `/api/chat`, or `/api/generate`."""
    question = str(body.get("prompt") or "") if generate else openai.question_of(body)
    task = texts.task_answer(question)
    pieces = [task] if task is not None else texts.answer(question)
    head = {"model": body.get("model"), "created_at": "2024-01-01T00:00:00Z"}

    def line(text: str, more: Body) -> Body:
        said: Body = {"response": text} if generate else {"message": {"role": "assistant", "content": text}}
        return {**head, **said, **more}

    if body.get("stream", True) is False:
        await send_json(send, line("".join(pieces), {**_END, "eval_count": len(pieces)}))
        return
    stream = Stream(send, receive, rate=rate, kind="application/x-ndjson")
    await stream.start()
    for piece in pieces:
        if stream.gone:
            return
        await stream.piece(msgspec.json.encode(line(piece, {"done": False})) + b"\n")
    await stream.raw(msgspec.json.encode(line("", {**_END, "eval_count": len(pieces)})) + b"\n")
    await stream.end()
