"""The demo model server, an ASGI application: OpenAI's and Anthropic's protocol below `/v1`, Ollama's below `/api`.

`GET /_requests` returns the last hundred requests, newest last: method, path, headers, body, and whether the client
disconnected before the end of the response (`gone`). GET and HEAD requests are included only with `?all=true`.
`DELETE /_requests` forgets them, and restores Ollama's models.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.demo import anthropic, openai, responses, sounds
from fastback.demo.asgi import BreakOff, Exchange, Receive, Send, read_body, send_json
from fastback.demo.ollama import VERSION, Ollama

Json = dict[str, Any]

_MAX_RECORDS = 100


def _get_number(record: Json) -> int:
    return int(record["number"])


class DemoServer:
    """The application; `rate` is in tokens per second, 0 means unlimited."""

    def __init__(self, rate: float = 0.0) -> None:
        self.rate = rate
        self.requests: deque[Json] = deque(maxlen=_MAX_RECORDS)
        self.read_requests: deque[Json] = deque(maxlen=_MAX_RECORDS)
        self.ollama = Ollama()
        self._count = 0
        self._operations: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "/v1/chat/completions": openai.create_chat_completion,
            "/v1/completions": openai.create_completion,
            "/v1/embeddings": openai.create_embeddings,
            "/v1/responses": responses.create_response,
            "/v1/messages": anthropic.create_message,
            "/v1/messages/count_tokens": anthropic.count_tokens,
            "/api/chat": self.ollama.chat,
            "/api/generate": self.ollama.generate,
            "/api/embed": self.ollama.embed_texts,
            "/api/embeddings": self.ollama.embed_prompt,
            "/api/show": self.ollama.show_model,
            "/api/pull": self.ollama.pull_model,
            "/api/delete": self.ollama.delete_model,
        }

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._handle_request(scope, receive, send)
        except BreakOff:
            pass  # the HTTP server closes a connection whose response has no end
        except Exception:
            # The log of the HTTP server is off because broken responses would fill it.
            traceback.print_exc()
            raise

    async def _handle_request(self, scope: Any, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if path == "/_requests":
            if method == "DELETE":
                self.requests.clear()
                self.read_requests.clear()
                self.ollama.reset()
            includes_reads = b"all=true" in scope["query_string"]
            records = (
                sorted((*self.requests, *self.read_requests), key=_get_number) if includes_reads else self.requests
            )
            await send_json(send, list(records)[-_MAX_RECORDS:])
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        record: Json = {"method": method, "path": path, "headers": headers, "body": None, "gone": False}
        self._count += 1
        record["number"] = self._count
        if method in ("GET", "HEAD"):
            self.read_requests.append(record)
            await self._handle_read(path, headers, send)
            return
        content = await read_body(receive)
        if path.startswith("/v1/audio/"):
            self.requests.append(record)
            await sounds.answer(path, content, send)
            return
        if path.startswith("/v1/images/"):
            self.requests.append(record)
            await send_json(send, openai.build_error("the demo server makes no pictures"), 501)
            return
        try:
            body = msgspec.json.decode(content or b"{}")
        except msgspec.DecodeError:
            body = None
        record["body"] = body
        self.requests.append(record)
        operation = self._operations.get(path)
        if operation is None:
            await send_json(send, openai.build_error("not found"), 404)
        elif not isinstance(body, dict):
            await send_json(send, openai.build_error("no JSON object"), 400)
        else:
            await self._run_operation(
                operation, Exchange(path=path, body=body, record=record, send=send, receive=receive, rate=self.rate)
            )

    async def _run_operation(self, operation: Callable[[Exchange], Awaitable[None]], exchange: Exchange) -> None:
        try:
            await operation(exchange)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if exchange.has_started:
                raise
            reason = f"{error} is missing" if isinstance(error, KeyError) else "a field has the wrong type"
            await exchange.respond(
                openai.build_error(f"malformed request: {reason}", error_type="invalid_request_error"), 400
            )

    async def _handle_read(self, path: str, headers: dict[str, str], send: Send) -> None:
        readers: dict[str, Callable[[], Json]] = {
            "/v1/models": anthropic.list_models if "anthropic-version" in headers else openai.list_models,
            "/api/tags": self.ollama.list_models,
            "/api/version": lambda: {"version": VERSION},
            "/api/ps": self.ollama.list_running_models,
        }
        content = readers[path]() if path in readers else openai.find_model(path.removeprefix("/v1/models/"))
        if path == "/":
            await send_json(send, b"Ollama is running")
        elif content is None:
            name = path.removeprefix("/v1/models/")
            error = openai.build_error(f"The model '{name}' does not exist", "model_not_found", "invalid_request_error")
            await send_json(send, error if name != path else openai.build_error("not found"), 404)
        else:
            await send_json(send, content)
