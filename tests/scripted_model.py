"""A model server whose answers a test writes piece by piece."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from stub_server import serve_handler

MODEL_ID = "scripted"


class ScriptedModel:
    """The server; `env` connects a server under test to it."""

    def __init__(self) -> None:
        self.url = ""
        #: The bodies of the requests for answers.
        self.requests: list[Any] = []
        self._answers: list[asyncio.Queue[bytes | None]] = []
        self._asked = asyncio.Event()

    @property
    def env(self) -> dict[str, str]:
        return {"OPENAI_API_BASE_URLS": f"{self.url}/v1", "OPENAI_API_KEYS": "k", "ENABLE_OLLAMA_API": "false"}

    async def wait_until_asked(self, count: int = 1) -> None:
        """Wait until it streams this many answers."""
        while len(self._answers) < count:
            self._asked.clear()
            await asyncio.wait_for(self._asked.wait(), 10)

    def say(self, text: str, number: int = -1) -> None:
        """Send a piece of an answer, by default of the latest one."""
        self._answers[number].put_nowait(_encode({"choices": [{"index": 0, "delta": {"content": text}}]}))

    def fail(self, message: str) -> None:
        """Send an error inside the latest answer."""
        self._answers[-1].put_nowait(_encode({"error": {"message": message}}))

    def end(self, number: int = -1) -> None:
        """End an answer."""
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self._answers[number].put_nowait(_encode({"choices": [choice]}) + b"data: [DONE]\n\n")
        self._answers[number].put_nowait(None)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": MODEL_ID, "object": "model", "owned_by": "tests"}]})
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.requests.append(await request.json())
        self._answers.append(pieces)
        self._asked.set()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            while (piece := await pieces.get()) is not None:
                await response.write(piece)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the server under test has stopped the answer, or the test is over
        return response


def _encode(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@asynccontextmanager
async def run_scripted_model() -> AsyncIterator[ScriptedModel]:
    """Run a model server while the context is open."""
    model = ScriptedModel()
    async with serve_handler(model.respond) as url:
        model.url = url
        yield model
