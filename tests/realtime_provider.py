"""A provider of OpenAI's Realtime API: sessions over WebSockets, with the events of the public API reference."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from stub_server import serve_handler

#: A tenth of a second: 2,400 samples.
SAMPLES = b"\x10\x00" * 2400


class RealtimeProvider:
    """The provider.

    Attributes:
        received: events of clients, in their order.
        headers: of each connection, and its path with the query.
        status: answers connections with this HTTP status instead, unless 101.
        fault: `error`, `close`, `odd`, `hang`, or none.
    """

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Any] = []
        self.headers: list[tuple[str, dict[str, str]]] = []
        self.status = 101
        self.fault = ""
        self._sockets: list[web.WebSocketResponse] = []
        self._arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Open a session."""
        self.headers.append((request.path_qs, dict(request.headers)))
        if self.status != 101:
            return web.Response(status=self.status, text="no")
        socket = web.WebSocketResponse(max_msg_size=1024**2)
        await socket.prepare(request)
        self._sockets.append(socket)
        await socket.send_json({"type": "session.created", "session": {"id": "s1"}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            event = json.loads(message.data)
            self.received.append(event)
            self._arrived.set()
            await self._react(socket, event)
        return socket

    async def _react(self, socket: web.WebSocketResponse, event: Any) -> None:
        if event["type"] == "session.update":
            if self.fault == "error":
                await socket.send_json({"type": "error", "error": {"message": "secret key sk-1"}})
            elif self.fault == "hang":
                await asyncio.sleep(60)
            else:
                await socket.send_json({"type": "session.updated", "session": event["session"]})
        elif event["type"] == "response.create" and self.fault != "silent":
            await self._respond(socket, event["response"])

    async def _respond(self, socket: web.WebSocketResponse, response: Any) -> None:
        created = {"id": "r1", "status": "in_progress", "metadata": response.get("metadata")}
        await socket.send_json({"type": "response.created", "response": created})
        delta = {"response_id": "r1", "item_id": "i1", "content_index": 0}
        encoded = "?" if self.fault == "odd" else base64.b64encode(SAMPLES).decode()
        for _ in range(2):
            await socket.send_json({"type": "response.output_audio.delta", "delta": encoded, **delta})
        if self.fault == "close":
            await socket.close()
            return
        status = "failed" if self.fault == "failed" else "completed"
        await socket.send_json({"type": "response.done", "response": {**created, "status": status}})

    async def send(self, event: Any) -> None:
        """Send an event in the last session."""
        await self._sockets[-1].send_json(event)

    async def wait_for(self, kind: str) -> Any:
        """Return the last event of this type from a client, as soon as there is one."""
        async with asyncio.timeout(5):
            while True:
                for event in reversed(self.received):
                    if event["type"] == kind:
                        return event
                self._arrived.clear()
                await self._arrived.wait()


@asynccontextmanager
async def run_realtime_provider() -> AsyncIterator[RealtimeProvider]:
    """Run the provider."""
    provider = RealtimeProvider()
    async with serve_handler(provider.answer) as url:
        provider.url = url
        yield provider
