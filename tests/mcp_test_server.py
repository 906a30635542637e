"""A real MCP server of the `mcp` package over a socket, for tests and measurements."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import AudioContent, EmbeddedResource, ResourceLink, TextResourceContents

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def build_server(name: str = "Birds") -> MCPServer:
    """Return a server with tools of each kind of result."""
    server = MCPServer(name, instructions="Count birds in pairs.")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def list_birds() -> list[str]:
        return ["wren", "robin"]

    @server.tool()
    def fail() -> str:
        raise ToolError("the birds have flown")

    @server.tool()
    def draw() -> Image:
        return Image(data=PIXEL, format="png")

    @server.tool(structured_output=False)
    def mix() -> list[Any]:
        """Return every other kind of content."""
        sound = base64.b64encode(b"RIFF").decode()
        return [
            AudioContent(type="audio", data=sound, mime_type="audio/wav"),
            EmbeddedResource(type="resource", resource=TextResourceContents(uri="note://1", text='{"seen": 3}')),
            ResourceLink(type="resource_link", name="map", uri="https://birds.test/map"),
        ]

    @server.tool()
    async def sleep(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "rested"

    @server.tool()
    def repeat(count: int) -> str:
        return "x" * count

    @server.tool()
    async def learn(ctx: Context[Any]) -> str:
        """Offer one more tool."""
        server.add_tool(lambda: "new", name="newcomer")
        await ctx.session.send_tool_list_changed()
        return "learned"

    return server


class McpTestServer:
    """The server on a socket, with a record of what it was asked.

    Attributes:
        url: of its endpoint.
        methods: how often each method of the protocol was called.
        headers: of the latest request that called a method, by method.
        is_legacy: whether it knows only the handshake of older versions, and keeps sessions.
    """

    def __init__(self, server: MCPServer, *, is_legacy: bool = False) -> None:
        self.url = ""
        self.methods: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.is_legacy = is_legacy
        self._server = server
        self._application: Any = None

    @asynccontextmanager
    async def run(self, port: int = 0) -> AsyncIterator[None]:
        """Serve while the context is open."""
        self._application = self._server.streamable_http_app(host="0.0.0.0")
        config = uvicorn.Config(
            self,
            host="127.0.0.1",
            port=port,
            log_level="warning",
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        runner = uvicorn.Server(config)
        runner.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(runner._serve())
        while not runner.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{runner.servers[0].sockets[0].getsockname()[1]}/mcp"
        try:
            yield
        finally:
            runner.should_exit = True
            await task

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._application(scope, receive, send)
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        message = msgspec.json.decode(body)
        method = message.get("method", "")
        self.methods[method] += 1
        self.headers[method] = {key.decode(): value.decode() for key, value in scope["headers"]}
        if self.is_legacy and method == "server/discover":
            await _reject(send, message["id"])
            return
        is_read = False

        async def replay() -> Any:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application(scope, replay, send)


async def _reject(send: Any, request_id: Any) -> None:
    error = {"code": -32601, "message": "Method not found"}
    content = msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "error": error})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": content})
