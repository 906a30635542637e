"""`python -m bench.hostile_tool_servers`: tool servers and MCP servers that misbehave, in a process of their own.

It prints the address, and ends with standard input. An OpenAPI server is below `/openapi`, MCP servers are below
`/mcp/` and what they do.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any

from aiohttp import web

MEGABYTE = 1024 * 1024
#: Seconds after which a slow server answers.
SLOW_SECONDS = 30.0
#: The operations of the OpenAPI server, and what the MCP servers do.
OPERATIONS = ("send_much", "send_values", "be_slow", "lie", "fail")
#: A schema that contradicts itself: no such type, a property that is none, required ones that are missing, and one that
#: contains itself.
FALSE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "banana", "enum": "none"},
        "text": 7,
        "self": {"$ref": "#/components/schemas/Endless"},
        "many": {"type": ["array", 5], "items": [{"$ref": "#/nowhere"}]},
    },
    "required": ["missing", 5, None],
}
ENDLESS = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Endless"}}}


def describe_operation(name: str) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name, "summary": name}
    if name == "lie":
        operation["parameters"] = [
            {"name": "where", "in": "nowhere", "schema": {"type": "banana"}},
            {"name": 5, "schema": None},
            "not a parameter",
        ]
        operation["requestBody"] = {"content": {"application/json": {"schema": FALSE_SCHEMA}}}
    return {"post": operation}


async def serve_openapi(request: web.Request) -> web.StreamResponse:
    operation = request.match_info["operation"]
    if operation == "openapi.json":
        paths = {f"/{name}": describe_operation(name) for name in OPERATIONS}
        components = {"schemas": {"Endless": ENDLESS}}
        document = {"openapi": "3.1.0", "info": {"title": "Large", "version": "1"}, "paths": paths}
        return web.json_response({**document, "components": components})
    if operation == "be_slow":
        await asyncio.sleep(SLOW_SECONDS)
    if operation == "fail":
        return web.Response(status=500, text="<html>" + "x" * 10_000)
    if operation == "lie":
        return web.Response(body=b'{"number": ', content_type="application/json")
    return await send_much(request, is_json=operation == "send_values")


async def send_much(request: web.Request, *, is_json: bool) -> web.StreamResponse:
    """Send 50 MB of text, or 15 MB of small values."""
    response = web.StreamResponse(headers={"content-type": "application/json" if is_json else "text/plain"})
    with suppress(ConnectionError):  # the server under measurement does not read it to its end
        await response.prepare(request)
        if is_json:
            await response.write(b"[")
            for _ in range(15):
                await response.write(b"[{}]," * (MEGABYTE // 5))
            await response.write(b"1]")
        else:
            for _ in range(50):
                await response.write(b"some words\n" * (MEGABYTE // 11))
    return response


async def serve_mcp(request: web.Request) -> web.StreamResponse:
    """Answer one message of the protocol; the kind of misbehaviour is in the path."""
    if request.method != "POST":
        return web.Response(status=405)
    message = await request.json()
    kind, method = request.match_info["kind"], message.get("method")
    if "id" not in message:
        return web.Response(status=202)
    if kind == "be_slow" and method in ("tools/call", "tools/list"):
        await asyncio.sleep(SLOW_SECONDS)
    result: Any
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": kind, "version": "1"},
        }
    elif method == "tools/list":
        schema = FALSE_SCHEMA if kind == "lie" else {"type": "object", "properties": {}}
        result = {"tools": [{"name": "misbehave", "description": "Misbehave.", "inputSchema": schema}]}
    elif method == "tools/call" and kind == "lie":
        result = {"content": [{"type": "banana", "text": 5}, "nothing"], "isError": "perhaps"}
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "some words\n" * (50 * MEGABYTE // 11)}]}
    else:
        error = {"code": -32601, "message": "Method not found"}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error})
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})


async def serve() -> None:
    """Serve until standard input ends; print the address."""
    application = web.Application()
    application.router.add_route("*", "/openapi/{operation}", serve_openapi)
    application.router.add_route("*", "/mcp/{kind}", serve_mcp)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
