"""Ollama's protocol: its models (shown, fetched, deleted, loaded), chat, generate, embeddings.

Streams are JSON objects, one a line; the last one has `done: true` and counts tokens and durations (nanoseconds).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.demo.asgi import Exchange
from fastback.demo.openai import vector
from fastback.demo.replies import Answer, Asked, count_of, strings, text_of, tools_of

Json = dict[str, Any]

MODEL = "llama-demo:latest"
VERSION = "0.5.0"

_WHEN = "2024-01-01T00:00:00Z"
_LINES = "application/x-ndjson"
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1B",
    "quantization_level": "Q4_0",
}
_SIZE = 1_000_000


def _line(content: Json) -> bytes:
    return msgspec.json.encode(content) + b"\n"


class Ollama:
    """A server's models, and what it answers. Names without a tag mean `latest`."""

    def __init__(self) -> None:
        self.models = [MODEL]
        self.loaded: list[str] = []

    def reset(self) -> None:
        """Have the models of the beginning, and none in memory."""
        self.models[:] = [MODEL]
        self.loaded.clear()

    def tags(self) -> Json:
        return {"models": [self._listed(name) for name in self.models]}

    def running(self) -> Json:
        until = {"expires_at": "2099-01-01T00:00:00Z", "size_vram": 0}
        return {"models": [{**self._listed(name), **until} for name in self.loaded]}

    def _listed(self, name: str) -> Json:
        digest = hashlib.sha256(name.encode()).hexdigest()
        return {
            "name": name,
            "model": name,
            "modified_at": _WHEN,
            "size": _SIZE,
            "digest": digest,
            "details": _DETAILS,
        }

    async def _known(self, exchange: Exchange) -> str | None:
        """The model a request names; None when there is none, and the client has been told."""
        given = str(exchange.body.get("model") or exchange.body.get("name") or "")
        name = given if ":" in given else f"{given}:latest"
        question = Asked(given, [])
        if question.status is not None:
            await exchange.json({"error": f"demo refusal {question.status}"}, question.status)
        elif name in self.models:
            return name
        else:
            await exchange.json({"error": f"model '{given}' not found"}, 404)
        return None

    async def show(self, exchange: Exchange) -> None:
        if await self._known(exchange):
            information = {"general.architecture": "llama", "llama.context_length": 8192}
            capabilities = ["completion", "tools"]
            answer = {"modelfile": "FROM demo", "parameters": "", "template": "{{ .Prompt }}", "details": _DETAILS}
            await exchange.json({**answer, "model_info": information, "capabilities": capabilities})

    async def delete(self, exchange: Exchange) -> None:
        name = await self._known(exchange)
        if name:
            self.models.remove(name)
            self._unload(name)
            await exchange.json(b"")

    async def pull(self, exchange: Exchange) -> None:
        """Fetch a model, step by step; one with `missing` in its name is nowhere."""
        given = str(exchange.body.get("model") or exchange.body.get("name") or "")
        name = given if ":" in given else f"{given}:latest"
        whole = exchange.body.get("stream") is False
        steps: list[Json] = [{"status": "pulling manifest"}]
        missing = not given or "missing" in given
        if missing:
            steps.append({"error": "pull model manifest: file does not exist"})
        else:
            digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
            part = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": _SIZE}
            steps += [{**part, "completed": _SIZE * done // 4} for done in range(1, 5)]
            steps += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}, {"status": "success"}]
        if whole:
            await exchange.json(steps[-1], 500 if missing else 200)
        else:
            async with exchange.stream(_LINES) as stream:
                await stream.say(map(_line, steps))
        if not missing and name not in self.models:
            self.models.append(name)

    async def embed(self, exchange: Exchange) -> None:
        """Answer `/api/embed`."""
        if name := await self._known(exchange):
            inputs = strings(exchange.body.get("input"))
            counts = {"total_duration": 1000000, "load_duration": 1000, "prompt_eval_count": len(inputs)}
            await exchange.json({"model": name, "embeddings": [vector(text) for text in inputs], **counts})

    async def embed_one(self, exchange: Exchange) -> None:
        """Answer `/api/embeddings`, the older way."""
        if await self._known(exchange):
            await exchange.json({"embedding": vector(exchange.body.get("prompt") or "")})

    async def chat(self, exchange: Exchange) -> None:
        """Answer `/api/chat`."""
        messages = [(str(one.get("role")), text_of(one.get("content"))) for one in exchange.body.get("messages") or []]

        def said(text: str, **more: Any) -> Json:
            return {"message": {"role": "assistant", "content": text, **more}}

        await self._answer(exchange, messages, said)

    async def generate(self, exchange: Exchange) -> None:
        """Answer `/api/generate`."""
        prompt = str(exchange.body.get("prompt") or "")

        def said(text: str, **more: Any) -> Json:
            return {"response": text, **more}

        await self._answer(exchange, [("user", prompt)] if prompt else [], said)

    async def _answer(self, exchange: Exchange, messages: list[tuple[str, str]], said: Callable[..., Json]) -> None:
        name = await self._known(exchange)
        if name is None:
            return
        body = exchange.body
        if not messages:
            await self._load(exchange, name, said)
            return
        options = body.get("options") or {}
        question = Asked(
            name,
            messages,
            tools_of(body.get("tools")),
            # -1 and -2 mean no limit.
            next((count for count in [count_of(options.get("num_predict"))] if count and count > 0), None),
            count_of(body.get("n_tokens")),
            strings(options.get("stop")),
            bool(body.get("think")),
        )
        if question.status is not None:
            await exchange.json({"error": f"demo refusal {question.status}"}, question.status)
            return
        await exchange.wait(question.delay)
        if question.wants("garbage"):
            await exchange.json(b"this is <no> JSON")
            return
        if name not in self.loaded:
            self.loaded.append(name)
        answer = question.answer()
        head = {"model": body.get("model"), "created_at": _WHEN}
        calls = [
            {"function": {"name": call.name, "arguments": msgspec.json.decode(call.arguments)}} for call in answer.calls
        ]
        thought = {"thinking": "".join(answer.reasoning)} if answer.reasoning else {}
        called = {"tool_calls": calls} if calls else {}
        if body.get("stream", True) is False:
            if question.wants("break"):
                await exchange.break_off()
            await exchange.wait(question.silence)
            await exchange.json({**head, **said(answer.text, **thought, **called), **_end(question, answer)})
            return
        async with exchange.stream(_LINES) as stream:
            if question.wants("error"):
                await stream.raw(_line({"error": "demo failure in the stream"}))
                return
            for piece in answer.reasoning:
                await stream.say([_line({**head, **said("", thinking=piece), "done": False})])
            if calls:
                await stream.say([_line({**head, **said("", **called), "done": False})])
            await stream.say(
                (_line({**head, **said(piece), "done": False}) for piece in answer.pieces),
                silence=question.silence,
                breaks=question.wants("break"),
            )
            await stream.raw(_line({**head, **said(""), **_end(question, answer)}))

    async def _load(self, exchange: Exchange, name: str, said: Callable[..., Json]) -> None:
        """A request without a question loads the model, or with `keep_alive: 0` unloads it."""
        unload = str(exchange.body.get("keep_alive")) in ("0", "0s")
        self._unload(name)
        if not unload:
            self.loaded.append(name)
        head = {"model": exchange.body.get("model"), "created_at": _WHEN, **said("")}
        await exchange.json({**head, "done": True, "done_reason": "unload" if unload else "load"})

    def _unload(self, name: str) -> None:
        if name in self.loaded:
            self.loaded.remove(name)


def _end(question: Asked, answer: Answer) -> Json:
    """The counts at the end of an answer."""
    return {
        "done": True,
        "done_reason": "length" if answer.finish == "length" else "stop",
        "total_duration": 1000000,
        "load_duration": 1000,
        "prompt_eval_count": question.prompt_tokens,
        "prompt_eval_duration": 1000,
        "eval_count": answer.count,
        "eval_duration": 1000000,
    }
