"""Ollama's protocol: its models (show, pull, delete, load), chat, generate and embeddings.

Streams are JSON objects, one per line; the last one has `done: true` with token counts and durations (nanoseconds).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.demo.asgi import Exchange
from fastback.demo.openai import embed_text
from fastback.demo.replies import Reply, ReplyRequest, extract_text, find_count, parse_strings, parse_tools

Json = dict[str, Any]

MODEL = "llama-demo:latest"
VERSION = "0.5.0"

_CREATED_AT = "2024-01-01T00:00:00Z"
_NDJSON = "application/x-ndjson"
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1B",
    "quantization_level": "Q4_0",
}
_SIZE = 1_000_000


def _encode_line(content: Json) -> bytes:
    return msgspec.json.encode(content) + b"\n"


class Ollama:
    """The models of a server, and its operations. Names without a tag mean `latest`."""

    def __init__(self) -> None:
        self.models = [MODEL]
        self.loaded: list[str] = []

    def reset(self) -> None:
        """Restore the initial models, none of them loaded."""
        self.models[:] = [MODEL]
        self.loaded.clear()

    def list_models(self) -> Json:
        """Return the installed models."""
        return {"models": [self._describe_model(name) for name in self.models]}

    def list_running_models(self) -> Json:
        """Return the loaded models."""
        load_fields = {"expires_at": "2099-01-01T00:00:00Z", "size_vram": 0}
        return {"models": [{**self._describe_model(name), **load_fields} for name in self.loaded]}

    def _describe_model(self, name: str) -> Json:
        digest = hashlib.sha256(name.encode()).hexdigest()
        return {
            "name": name,
            "model": name,
            "modified_at": _CREATED_AT,
            "size": _SIZE,
            "digest": digest,
            "details": _DETAILS,
        }

    async def _find_model(self, exchange: Exchange) -> str | None:
        """Return the model that a request names; None if it does not exist, after an error response was sent."""
        requested_name = str(exchange.body.get("model") or exchange.body.get("name") or "")
        name = requested_name if ":" in requested_name else f"{requested_name}:latest"
        request = ReplyRequest(requested_name, [])
        if request.error_status is not None:
            await exchange.respond({"error": f"demo refusal {request.error_status}"}, request.error_status)
        elif name in self.models:
            return name
        else:
            await exchange.respond({"error": f"model '{requested_name}' not found"}, 404)
        return None

    async def show_model(self, exchange: Exchange) -> None:
        """Answer `/api/show`."""
        if await self._find_model(exchange):
            model_info = {"general.architecture": "llama", "llama.context_length": 8192}
            capabilities = ["completion", "tools"]
            description = {"modelfile": "FROM demo", "parameters": "", "template": "{{ .Prompt }}", "details": _DETAILS}
            await exchange.respond({**description, "model_info": model_info, "capabilities": capabilities})

    async def delete_model(self, exchange: Exchange) -> None:
        """Answer `/api/delete`."""
        name = await self._find_model(exchange)
        if name:
            self.models.remove(name)
            self._unload_model(name)
            await exchange.respond(b"")

    async def pull_model(self, exchange: Exchange) -> None:
        """Answer `/api/pull` with the steps of a download; a name with `missing` in it does not exist."""
        requested_name = str(exchange.body.get("model") or exchange.body.get("name") or "")
        name = requested_name if ":" in requested_name else f"{requested_name}:latest"
        is_unstreamed = exchange.body.get("stream") is False
        steps: list[Json] = [{"status": "pulling manifest"}]
        is_missing = not requested_name or "missing" in requested_name
        if is_missing:
            steps.append({"error": "pull model manifest: file does not exist"})
        else:
            digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
            progress = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": _SIZE}
            steps += [{**progress, "completed": _SIZE * quarter // 4} for quarter in range(1, 5)]
            steps += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}, {"status": "success"}]
        if is_unstreamed:
            await exchange.respond(steps[-1], 500 if is_missing else 200)
        else:
            async with exchange.open_stream(_NDJSON) as stream:
                await stream.send_tokens(map(_encode_line, steps))
        if not is_missing and name not in self.models:
            self.models.append(name)

    async def embed_texts(self, exchange: Exchange) -> None:
        """Answer `/api/embed`."""
        if name := await self._find_model(exchange):
            inputs = parse_strings(exchange.body.get("input"))
            counts = {"total_duration": 1000000, "load_duration": 1000, "prompt_eval_count": len(inputs)}
            await exchange.respond({"model": name, "embeddings": [embed_text(text) for text in inputs], **counts})

    async def embed_prompt(self, exchange: Exchange) -> None:
        """Answer `/api/embeddings`, the older form."""
        if await self._find_model(exchange):
            await exchange.respond({"embedding": embed_text(exchange.body.get("prompt") or "")})

    async def chat(self, exchange: Exchange) -> None:
        """Answer `/api/chat`."""
        messages = [
            (str(message.get("role")), extract_text(message.get("content")))
            for message in exchange.body.get("messages") or []
        ]

        def build_body(text: str, **fields: Any) -> Json:
            return {"message": {"role": "assistant", "content": text, **fields}}

        await self._reply(exchange, messages, build_body)

    async def generate(self, exchange: Exchange) -> None:
        """Answer `/api/generate`."""
        prompt = str(exchange.body.get("prompt") or "")

        def build_body(text: str, **fields: Any) -> Json:
            return {"response": text, **fields}

        await self._reply(exchange, [("user", prompt)] if prompt else [], build_body)

    async def _reply(
        self, exchange: Exchange, messages: list[tuple[str, str]], build_body: Callable[..., Json]
    ) -> None:
        name = await self._find_model(exchange)
        if name is None:
            return
        body = exchange.body
        if not messages:
            await self._load_model(exchange, name, build_body)
            return
        options = body.get("options") or {}
        request = ReplyRequest(
            name,
            messages,
            parse_tools(body.get("tools")),
            # -1 and -2 mean no limit.
            next((count for count in [find_count(options.get("num_predict"))] if count and count > 0), None),
            find_count(body.get("n_tokens")),
            parse_strings(options.get("stop")),
            bool(body.get("think")),
        )
        if request.error_status is not None:
            await exchange.respond({"error": f"demo refusal {request.error_status}"}, request.error_status)
            return
        await exchange.wait(request.delay_seconds)
        if request.has_directive("garbage"):
            await exchange.respond(b"this is <no> JSON")
            return
        if name not in self.loaded:
            self.loaded.append(name)
        reply = request.build_reply()
        head = {"model": body.get("model"), "created_at": _CREATED_AT}
        calls = [
            {"function": {"name": call.name, "arguments": msgspec.json.decode(call.arguments)}} for call in reply.calls
        ]
        thinking = {"thinking": "".join(reply.reasoning)} if reply.reasoning else {}
        tool_calls = {"tool_calls": calls} if calls else {}
        if body.get("stream", True) is False:
            if request.has_directive("break"):
                await exchange.break_off()
            await exchange.wait(request.silence_seconds)
            await exchange.respond(
                {**head, **build_body(reply.text, **thinking, **tool_calls), **_build_end(request, reply)}
            )
            return
        async with exchange.open_stream(_NDJSON) as stream:
            if request.has_directive("error"):
                await stream.write(_encode_line({"error": "demo failure in the stream"}))
                return
            for token in reply.reasoning:
                await stream.send_tokens([_encode_line({**head, **build_body("", thinking=token), "done": False})])
            if calls:
                await stream.send_tokens([_encode_line({**head, **build_body("", **tool_calls), "done": False})])
            await stream.send_tokens(
                (_encode_line({**head, **build_body(token), "done": False}) for token in reply.tokens),
                silence=request.silence_seconds,
                is_broken=request.has_directive("break"),
            )
            await stream.write(_encode_line({**head, **build_body(""), **_build_end(request, reply)}))

    async def _load_model(self, exchange: Exchange, name: str, build_body: Callable[..., Json]) -> None:
        """Load the model, as a request without a question asks, or unload it with `keep_alive: 0`."""
        is_unload = str(exchange.body.get("keep_alive")) in ("0", "0s")
        self._unload_model(name)
        if not is_unload:
            self.loaded.append(name)
        head = {"model": exchange.body.get("model"), "created_at": _CREATED_AT, **build_body("")}
        await exchange.respond({**head, "done": True, "done_reason": "unload" if is_unload else "load"})

    def _unload_model(self, name: str) -> None:
        if name in self.loaded:
            self.loaded.remove(name)


def _build_end(request: ReplyRequest, reply: Reply) -> Json:
    """Return the fields of the last object of a reply."""
    return {
        "done": True,
        "done_reason": "length" if reply.finish_reason == "length" else "stop",
        "total_duration": 1000000,
        "load_duration": 1000,
        "prompt_eval_count": request.prompt_tokens,
        "prompt_eval_duration": 1000,
        "eval_count": reply.token_count,
        "eval_duration": 1000000,
    }
