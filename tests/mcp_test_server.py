"""MCP servers over sockets: a real one of the `mcp` package, and one that answers wrongly."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec
import uvicorn
from aiohttp import web
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import AudioContent, EmbeddedResource, ResourceLink, TextResourceContents

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Sleeper:
    """What becomes of the calls of `sleep`."""

    def __init__(self) -> None:
        self.has_begun, self.was_cancelled = asyncio.Event(), asyncio.Event()


def build_server(sleeper: Sleeper | None = None) -> MCPServer:
    """Return a server with tools of each kind of result."""
    sleeper = sleeper or Sleeper()
    server = MCPServer("Birds", instructions="Count birds in pairs.")

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
        sleeper.has_begun.set()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            sleeper.was_cancelled.set()
            raise
        return "rested"

    @server.tool()
    def repeat(count: int) -> str:
        return "x" * count

    @server.tool()
    async def learn(ctx: Context[Any]) -> str:
        """Offer one more tool."""
        server.add_tool(lambda: "new", name="newcomer")
        await ctx.session.send_tool_list_changed()
        await ctx.notify_tools_changed()
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
        self._runner: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

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
        self._runner = runner = uvicorn.Server(config)
        self._task = asyncio.create_task(runner._serve())
        while not runner.started:
            assert not self._task.done(), self._task.exception()
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{runner.servers[0].sockets[0].getsockname()[1]}/mcp"
        try:
            yield
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop serving, and forget the sessions."""
        if self._runner is not None and self._task is not None:
            self._runner.should_exit = True
            await self._task

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/mcp":
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


class HostileMcpServer:
    """A server whose handshake is right and whose tools answer wrongly, each in its way; `fine` is right."""

    #: What models are told of each.
    FAILURES: ClassVar[dict[str, str]] = {
        "reset": "Server disconnected",
        "large": "its answer has more than 16 MB",
        "large_events": "its answer has more than 16 MB",
        "endless": "did not answer within 2 s",
        "silent": "did not answer within 2 s",
        "page": "Unexpected content type",
        "broken": "HTTP 500",
        "moved": "Redirect to http://127.0.0.1:9/ not followed",
        "packed": "its answer is compressed (gzip)",
        "garbage": "its answer is not JSON",
        "empty": "its answer is invalid: content: Field required",
        "liar": "has an output schema but did not return structured content",
    }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405)
        message = await request.json()
        method, request_id = message["method"], message.get("id")
        if request_id is None:
            return web.Response(status=202)
        if method == "initialize":
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "bad", "version": "1"},
            }
            return web.json_response(_reply(request_id, result), headers={"Mcp-Session-Id": "1"})
        if method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in (*self.FAILURES, "fine")]
            tools[-2]["outputSchema"] = {"type": "object", "required": ["a"]}
            return web.json_response(_reply(request_id, {"tools": tools}))
        if method != "tools/call":
            return web.json_response(
                {"jsonrpc": "2.0", "id": request_id, "error": {"code": -32601, "message": "Method not found"}}
            )
        return await self._answer_call(request, message["params"]["name"], request_id)

    async def _answer_call(self, request: web.Request, name: str, request_id: Any) -> web.StreamResponse:
        if name == "reset":
            assert request.transport is not None
            request.transport.abort()
        if name in ("large", "large_events"):
            kind = "text/event-stream" if name == "large_events" else "application/json"
            response = web.StreamResponse(headers={"content-type": kind})
            await response.prepare(request)
            head = b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"' % request_id
            await response.write(b"data: " + head if name == "large_events" else head)
            for _ in range(50):
                await response.write(b"x" * 1024 * 1024)
            await response.write(b'"}]}}\n\n')
            return response
        if name == "endless":
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            while True:
                await response.write(b'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n')
                await asyncio.sleep(0.01)
        if name == "silent":
            await asyncio.sleep(30)
        json_type = {"content-type": "application/json"}
        return {
            "page": web.Response(text="<html>", content_type="text/html"),
            "broken": web.Response(status=500),
            "moved": web.Response(status=307, headers={"location": "http://127.0.0.1:9/"}),
            "packed": web.Response(body=gzip.compress(b" " * 1000), headers={**json_type, "content-encoding": "gzip"}),
            "garbage": web.Response(text="{{{", headers=json_type),
            "empty": web.json_response(_reply(request_id, {})),
        }.get(name) or web.json_response(_reply(request_id, {"content": [{"type": "text", "text": name}]}))


def _reply(request_id: Any, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}
