"""The demo model server as an ASGI application: OpenAI's protocol (and Anthropic's) below `/v1`, Ollama's below `/api`.

`GET /_requests` tells the last hundred things it was asked to do, the latest at the end: method, path, headers, body,
and whether the client went away before the end of the answer (`gone`); with `?all=true` what only reads, too.
`DELETE /_requests` forgets them, and what was done to Ollama's models.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.demo import anthropic, openai, responses
from fastback.demo.asgi import BreakOff, Exchange, Receive, Send, read_body, send_json
from fastback.demo.ollama import VERSION, Ollama

Json = dict[str, Any]

_REMEMBERED = 100


class DemoServer:
    """`rate` is in tokens a second; 0 is as fast as it goes."""

    def __init__(self, rate: float = 0.0) -> None:
        self.rate = rate
        self.requests: deque[Json] = deque(maxlen=_REMEMBERED)
        self.reads: deque[Json] = deque(maxlen=_REMEMBERED)
        self.ollama = Ollama()
        self._count = 0
        self._doing: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "/v1/chat/completions": openai.chat,
            "/v1/completions": openai.complete,
            "/v1/embeddings": openai.embed,
            "/v1/responses": responses.respond,
            "/v1/messages": anthropic.messages,
            "/v1/messages/count_tokens": anthropic.count_tokens,
            "/api/chat": self.ollama.chat,
            "/api/generate": self.ollama.generate,
            "/api/embed": self.ollama.embed,
            "/api/embeddings": self.ollama.embed_one,
            "/api/show": self.ollama.show,
            "/api/pull": self.ollama.pull,
            "/api/delete": self.ollama.delete,
        }

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, receive, send)
        except BreakOff:
            pass  # the HTTP server closes a connection whose answer has no end
        except Exception:
            # The HTTP server is silent, so that broken answers are no noise.
            traceback.print_exc()
            raise

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if path == "/_requests":
            if method == "DELETE":
                self.requests.clear()
                self.reads.clear()
                self.ollama.reset()
            both = b"all=true" in scope["query_string"]
            noted = sorted((*self.requests, *self.reads), key=lambda one: one["number"]) if both else self.requests
            await send_json(send, list(noted)[-_REMEMBERED:])
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        note: Json = {"method": method, "path": path, "headers": headers, "body": None, "gone": False}
        self._count += 1
        note["number"] = self._count
        if method in ("GET", "HEAD"):
            self.reads.append(note)
            await self._read(path, headers, send)
            return
        content = await read_body(receive)
        if path.startswith(("/v1/audio/", "/v1/images/")):
            self.requests.append(note)
            await send_json(send, openai.error("the demo server makes neither sounds nor pictures"), 501)
            return
        try:
            body = msgspec.json.decode(content or b"{}")
        except msgspec.DecodeError:
            body = None
        note["body"] = body
        self.requests.append(note)
        doing = self._doing.get(path)
        if doing is None:
            await send_json(send, openai.error("not found"), 404)
        elif not isinstance(body, dict):
            await send_json(send, openai.error("no JSON object"), 400)
        else:
            await self._do(
                doing, Exchange(path=path, body=body, noted=note, send=send, receive=receive, rate=self.rate)
            )

    async def _do(self, doing: Callable[[Exchange], Awaitable[None]], exchange: Exchange) -> None:
        try:
            await doing(exchange)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if exchange.begun:
                raise
            await exchange.json(openai.error(f"malformed request: {error}", kind="invalid_request_error"), 400)

    async def _read(self, path: str, headers: dict[str, str], send: Send) -> None:
        reads: dict[str, Callable[[], Json]] = {
            "/v1/models": anthropic.listed if "anthropic-version" in headers else openai.listed,
            "/api/tags": self.ollama.tags,
            "/api/version": lambda: {"version": VERSION},
            "/api/ps": self.ollama.running,
        }
        found = reads[path]() if path in reads else openai.model(path.removeprefix("/v1/models/"))
        if path == "/":
            await send_json(send, b"Ollama is running")
        elif found is None:
            name = path.removeprefix("/v1/models/")
            missing = openai.error(f"The model '{name}' does not exist", "model_not_found", "invalid_request_error")
            await send_json(send, missing if name != path else openai.error("not found"), 404)
        else:
            await send_json(send, found)
