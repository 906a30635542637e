"""A model server of three protocols that records what it receives and answers everything with one word."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from conftest import Person
from stub_server import serve_handler

#: Models by the protocol of their connection.
OPENAI, RESPONSES, OLLAMA = "gpt-4o", "gpt-4o-responses", "llama3:latest"
PIPELINE = "pipeline"

_EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


class ModelRecorder:
    """The server, with the last request that it received."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    @property
    def body(self) -> dict[str, Any]:
        return self.bodies[-1]

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/api/tags":
            return web.json_response({"models": [{"name": OLLAMA, "model": OLLAMA}]})
        if request.path in ("/api/version", "/api/ps"):
            return web.json_response({"version": "0.9.0", "models": []})
        if request.path.endswith("/count_tokens"):
            return web.json_response({"error": {"message": "not found"}}, status=404)
        if request.path.endswith("/models"):
            model_id = RESPONSES if request.path.startswith("/responses") else OPENAI
            return web.json_response({"data": [{"id": model_id}, {"id": PIPELINE, "pipeline": {"type": "pipe"}}]})
        body = json.loads(await request.read())
        self.paths.append(request.path)
        self.bodies.append(body)
        lines, content_type = _build_answer(request.path)
        if body.get("stream", request.path == "/api/chat"):
            return web.Response(text=lines, content_type=content_type)
        return web.json_response(_build_whole_answer(request.path))


def _build_answer(path: str) -> tuple[str, str]:
    """Return the lines of a stream, and their media type."""
    if path == "/api/chat":
        message = {"role": "assistant", "content": "Yes."}
        return json.dumps({"message": message, "done": True, "done_reason": "stop"}) + "\n", "application/x-ndjson"
    if path.endswith("/responses"):
        response = _build_whole_answer(path)
        events = [
            {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "delta": "Yes."},
            {"type": "response.completed", "response": response},
        ]
        return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events), _EVENTS
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "Yes."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n", _EVENTS


_EVENTS = "text/event-stream"


def _build_whole_answer(path: str) -> dict[str, Any]:
    if path == "/api/chat":
        return {"message": {"role": "assistant", "content": "Yes."}, "done": True, "done_reason": "stop"}
    if path.endswith("/responses"):
        item = {
            "type": "message",
            "id": "i",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Yes.", "annotations": []}],
        }
        return {"id": "r", "object": "response", "status": "completed", "output": [item]}
    message = {"role": "assistant", "content": "Yes."}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@asynccontextmanager
async def record_models(ada: Person) -> AsyncIterator[ModelRecorder]:
    """Run the server as the only one, behind a connection of each protocol; all users may use its models."""
    recorder = ModelRecorder()
    async with serve_handler(recorder.handle, max_body_size=64 * 1024**2) as url:
        recorder.url = url
        form = {
            "ENABLE_OPENAI_API": True,
            "OPENAI_API_BASE_URLS": [f"{url}/v1", f"{url}/responses/v1"],
            "OPENAI_API_KEYS": ["k", "k"],
            "OPENAI_API_CONFIGS": {"0": {}, "1": {"api_type": "responses"}},
        }
        (await ada.post("/openai/config/update", form)).ok()
        form = {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [url], "OLLAMA_API_CONFIGS": {"0": {}}}
        (await ada.post("/ollama/config/update", form)).ok()
        for model_id in (OPENAI, RESPONSES, OLLAMA, PIPELINE):
            access = {"id": model_id, "name": model_id, "access_grants": _EVERYBODY}
            (await ada.post("/api/v1/models/model/access/update", access)).ok()
        yield recorder


async def create_model(ada: Person, model_id: str, base_id: str, **params: Any) -> None:
    """Create a workspace model that all users may use."""
    form = {
        "id": model_id,
        "name": model_id,
        "base_model_id": base_id,
        "meta": {},
        "params": params,
        "access_grants": _EVERYBODY,
    }
    (await ada.post("/api/v1/models/create", form)).ok()
