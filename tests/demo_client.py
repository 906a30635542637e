"""A client of the demo model server, and what tests send to it."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

TOOL = {
    "type": "function",
    "function": {
        "name": "weather_at",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


class Client:
    """Sends requests to the server and decodes the responses."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def get(self, path: str, status: int = 200, **headers: str) -> Any:
        async with self.session.get(self.url + path, headers=headers) as reply:
            assert reply.status == status, await reply.text()
            return msgspec.json.decode(await reply.read())

    async def post(self, path: str, body: Any, status: int = 200, method: str = "POST") -> Any:
        async with self.session.request(method, self.url + path, json=body) as reply:
            content = await reply.read()
            assert reply.status == status, content
            return msgspec.json.decode(content) if content else None

    async def post_lines(self, path: str, body: Any) -> list[bytes]:
        async with self.session.post(self.url + path, json=body) as reply:
            assert reply.status == 200
            return [line for line in (await reply.read()).split(b"\n") if line]

    async def post_events(self, path: str, body: Any) -> list[Any]:
        """Return the payloads after `data:`; check that OpenAI's streams end with `[DONE]` and omit it."""
        payloads = [line[6:] for line in await self.post_lines(path, body) if line.startswith(b"data: ")]
        if path.endswith("completions"):
            assert payloads.pop() == b"[DONE]"
        return [msgspec.json.decode(payload) for payload in payloads]

    async def list_requests(self) -> list[Any]:
        requests: list[Any] = await self.get("/_requests")
        return requests


def build_chat(text: str, model: str = "demo-small", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def join_deltas(chunks: list[Any], name: str = "content") -> str:
    return "".join(choice["delta"].get(name) or "" for chunk in chunks for choice in chunk["choices"])
