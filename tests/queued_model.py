"""A model server that answers each request with the next reply of a queue: text, tool calls, or any chunks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from stub_server import serve_handler

MODEL_ID = "queued"

#: A text, deltas of chunks, a whole response, or a function that gets the request and returns one.
Reply = str | list[dict[str, Any]] | web.Response | Callable[[dict[str, Any]], Awaitable[Any]]


def call_tools(*calls: tuple[str, Any], content: str = "") -> list[dict[str, Any]]:
    """Return the deltas of a reply that calls tools: `(name, arguments)` each; arguments may be JSON text."""
    deltas: list[dict[str, Any]] = [{"content": content}] if content else []
    for index, (name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        head = {"index": index, "id": f"call_{index}_{name}", "type": "function"}
        deltas.append({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
        half = len(text) // 2
        for part in (text[:half], text[half:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    return deltas


class QueuedModel:
    """The server; `env` connects a server under test to it. Without a queued reply it says "OK"."""

    def __init__(self) -> None:
        self.url = ""
        #: The bodies of the requests for completions, oldest first.
        self.requests: list[dict[str, Any]] = []
        self._replies: deque[Reply] = deque()

    @property
    def env(self) -> dict[str, str]:
        return {"OPENAI_API_BASE_URLS": f"{self.url}/v1", "OPENAI_API_KEYS": "k", "ENABLE_OLLAMA_API": "false"}

    def queue(self, *replies: Reply) -> None:
        """Answer the next requests with these replies."""
        self._replies.extend(replies)

    def clear(self) -> None:
        """Forget the requests, and the replies that no request has taken."""
        self.requests.clear()
        self._replies.clear()

    @property
    def tool_names(self) -> list[str]:
        """The names of the tools in the latest request, in their order."""
        return [tool["function"]["name"] for tool in self.requests[-1].get("tools", [])]

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": MODEL_ID, "object": "model", "owned_by": "tests"}]})
        body = await request.json()
        self.requests.append(body)
        reply = self._replies.popleft() if self._replies else "OK"
        if callable(reply):
            reply = await reply(body)
        if isinstance(reply, web.Response):
            return reply
        deltas = [{"content": word} for word in _split_words(reply)] if isinstance(reply, str) else reply
        if not body.get("stream"):
            return web.json_response(_build_completion(deltas))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for delta in deltas:
            await response.write(_encode({"index": 0, "delta": delta}))
        reason = "tool_calls" if any("tool_calls" in delta for delta in deltas) else "stop"
        await response.write(_encode({"index": 0, "delta": {}, "finish_reason": reason}) + b"data: [DONE]\n\n")
        return response


def _split_words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:]


def _encode(choice: dict[str, Any]) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": MODEL_ID, "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _build_completion(deltas: list[dict[str, Any]]) -> dict[str, Any]:
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        for part in delta.get("tool_calls", []):
            call = calls.setdefault(part["index"], {"id": part.get("id"), "type": "function", "function": {}})
            for name, value in part["function"].items():
                call["function"][name] = call["function"].get(name, "") + value
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(delta.get("content") or "" for delta in deltas),
    }
    if calls:
        message["tool_calls"] = list(calls.values())
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return {"id": "c", "object": "chat.completion", "model": MODEL_ID, "choices": [choice]}


@asynccontextmanager
async def run_queued_model() -> AsyncIterator[QueuedModel]:
    """Run a model server while the context is open."""
    model = QueuedModel()
    async with serve_handler(model.respond, max_body_size=16 * 1024**2) as url:
        model.url = url
        yield model
