"""`python -m bench.hostile_plugin_inputs NAME URL TOKEN SECONDS TOOL_URL`: have a plugin misbehave again and again.

It installs the plugin, asks one question, prints a line, asks further ones for some seconds, and prints how many.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from bench import servers
from bench.page_client import Tab
from bench.servers import Running

MEGABYTE = 1024 * 1024
#: Seconds between two questions, and those that one may take.
PAUSE, PATIENCE = 0.1, 60.0
#: The demo's model calls the tools that a question names. It repeats their results, so few tokens are wanted.
CALL, FEW_TOKENS = "Please use misbehave for this.", {"max_tokens": 8}

#: A tool whose method `misbehave` has this body; `{kind}` is `async ` or empty.
TOOL = '''
import asyncio
import os
import time


class Tools:
    {kind}def misbehave(self, __event_emitter__=None):
        """Misbehave."""
{body}
'''

#: Events in groups of a thousand, for ten seconds at most.
EVENTS = """
end = time.time() + 10
for _ in range(100):
    event = {'type': 'status', 'data': {'description': 'x' * 100, 'done': False}}
    await asyncio.gather(*(__event_emitter__(event) for _ in range(1000)))
    if time.time() > end:
        break
""".strip()

BUSY_FILTER = """
import time


class Filter:
    def stream(self, event):
        end = time.perf_counter() + 0.05
        while time.perf_counter() < end:
            pass
        return event
"""


class Input(NamedTuple):
    """One kind of misbehaviour: the body of a tool, or the code of a filter, or an operation of the tool server."""

    body: str = ""
    is_async: bool = False
    filter_code: str = ""
    operation: str = ""


INPUTS = {
    "a tool computes for a second": Input("end = time.time() + 1\nwhile time.time() < end:\n    pass"),
    "a tool computes on the plugins' event loop": Input(
        "end = time.time() + 1\nwhile time.time() < end:\n    pass", is_async=True
    ),
    "a tool takes 400 MB": Input(
        "blocks = []\nfor _ in range(400):\n    blocks.append(b'x' * 1024 * 1024 + bytes(len(blocks)))\ntime.sleep(0.5)"
    ),
    "a tool prints 20 MB": Input("for _ in range(20_000):\n    print('x' * 1000)"),
    "a tool returns 40 MB of text": Input("return 'some words\\n' * 4_000_000"),
    "a tool returns a million objects": Input("return [{'number': n, 'text': 'x'} for n in range(1_000_000)]"),
    "a tool emits 100,000 events": Input(EVENTS, is_async=True),
    "a tool ends its process": Input("os._exit(1)"),
    "a tool server returns 50 MB": Input(operation="send_much"),
    "a tool server returns 15 MB of small values": Input(operation="send_values"),
    "a filter computes at each chunk": Input(filter_code=BUSY_FILTER),
}


def build_tool(misbehaviour: Input) -> str:
    """Return the code of the tool."""
    body = "".join(f"        {line}\n" for line in misbehaviour.body.split("\n"))
    return TOOL.format(kind="async " if misbehaviour.is_async else "", body=body)


def install(misbehaviour: Input, running: Running, tool_url: str) -> tuple[str, dict[str, Any]]:
    """Install what misbehaves; return the question in which it does, and the fields of its request."""

    def post(path: str, body: Any = None) -> None:
        servers.call_json(f"{running.url}/api/v1/{path}", body, running.token, method="POST")

    if misbehaviour.filter_code:
        form = {"id": "busy", "name": "Busy", "content": misbehaviour.filter_code, "meta": {"description": ""}}
        post("functions/create", form)
        post("functions/id/busy/toggle")
        post("functions/id/busy/toggle/global")
        return "Go [[tokens 40]]", {}
    if misbehaviour.operation:
        info = {"id": "large", "name": "Large", "description": ""}
        connection = {"url": tool_url, "path": "openapi.json", "type": "openapi", "auth_type": "none", "key": ""}
        connections = [{**connection, "info": info, "config": {"enable": True}}]
        post("configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": connections})
        return f"Please use {misbehaviour.operation} for this.", {"tool_ids": ["server:large"], "params": FEW_TOKENS}
    form = {"id": "hostile", "name": "Hostile", "content": build_tool(misbehaviour), "meta": {"description": ""}}
    post("tools/create", form)
    return CALL, {"tool_ids": ["hostile"], "params": FEW_TOKENS}


async def run_input(name: str, url: str, token: str, seconds: float, tool_url: str) -> int:
    """Ask questions in which something misbehaves for some seconds; return how many."""
    running = Running("measured", url, 0, 0.0)
    running.token = token
    question, fields = install(INPUTS[name], running, tool_url)
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as session:
        await ask_on_page(running, session, question, fields)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        until, count = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            await ask_on_page(running, session, question, fields)
            count += 1
            await asyncio.sleep(PAUSE)
    return count


async def ask_on_page(running: Running, session: aiohttp.ClientSession, text: str, fields: dict[str, Any]) -> None:
    """Open a page, ask on it, and wait until nothing runs in the chat: the page may have been disconnected by then."""
    tab = Tab(running)
    await tab.open()
    asking = asyncio.ensure_future(tab.ask(session, text, **fields))
    until = time.monotonic() + PATIENCE
    while not asking.done() and time.monotonic() < until:
        await asyncio.wait([asking], timeout=1)
        async with session.get(f"{running.url}/api/tasks") as response:
            if not (await response.json())["tasks"]:
                break
    asking.cancel()
    await asyncio.wait([asking])
    await tab.close()
    if not asking.cancelled() and (error := asking.exception()) is not None:
        raise error


async def respond(request: web.Request) -> web.StreamResponse:
    """Answer with far too much."""
    if request.path == "/openapi.json":
        paths = {f"/{name}": {"get": {"operationId": name}} for name in ("send_much", "send_values")}
        return web.json_response({"openapi": "3.1.0", "info": {"title": "Large", "version": "1"}, "paths": paths})
    is_json = request.path == "/send_values"
    content_type = "application/json" if is_json else "text/plain"
    response = web.StreamResponse(headers={"content-type": content_type})
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


async def serve_tools() -> None:
    """Serve the tools until standard input ends; print the address."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    if sys.argv[1:] == ["--tool-server"]:
        asyncio.run(serve_tools())
    else:
        name, url, token, seconds, tool_url = sys.argv[1:]
        print(asyncio.run(run_input(name, url, token, float(seconds), tool_url)), flush=True)
