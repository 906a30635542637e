"""The demo model server as an ASGI application: OpenAI's protocol below `/v1`, Ollama's below `/api`.

`GET /_requests` tells what it was asked lately (path, body, whether the client went away), `DELETE /_requests` forgets.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from fastback.demo import ollama, openai
from fastback.demo.asgi import Receive, Send, read_body, send_json

Body = dict[str, Any]


class DemoServer:
    """`rate` is in tokens a second; 0 is as fast as it goes."""

    def __init__(self, rate: float = 0.0) -> None:
        self.rate = rate
        self.requests: deque[Body] = deque(maxlen=100)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if path == "/_requests":
            if method == "DELETE":
                self.requests.clear()
            await send_json(send, list(self.requests))
            return
        if method == "GET":
            await self._get(path, send)
            return
        content = await read_body(receive)
        try:
            body: Body = msgspec.json.decode(content) if content else {}
        except msgspec.DecodeError:
            await send_json(send, {"error": {"message": "no JSON"}}, 400)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        noted: Body = {"path": path, "body": body, "headers": headers, "gone": False}
        self.requests.append(noted)
        await self._post(path, body, noted, send, receive)

    async def _get(self, path: str, send: Send) -> None:
        answers: dict[str, Any] = {
            "/v1/models": openai.listed,
            "/api/tags": ollama.tags,
            "/api/version": lambda: {"version": "0.5.0"},
            "/api/ps": lambda: {"models": []},
        }
        found = answers.get(path)
        if found is None:
            await send_json(send, {"error": {"message": "not found"}}, 404)
        else:
            await send_json(send, found())

    async def _post(self, path: str, body: Body, noted: Body, send: Send, receive: Receive) -> None:
        if path == "/v1/chat/completions":
            noted["gone"] = await openai.chat(body, send, receive, self.rate)
        elif path == "/v1/embeddings":
            await send_json(send, openai.embeddings(body))
        elif path == "/api/chat":
            await ollama.chat(body, send, receive, self.rate)
        elif path == "/api/generate":
            await ollama.chat(body, send, receive, self.rate, generate=True)
        elif path == "/api/show":
            await send_json(send, {"details": {"family": "llama"}, "model_info": {}})
        else:
            await send_json(send, {"error": {"message": "not found"}}, 404)
