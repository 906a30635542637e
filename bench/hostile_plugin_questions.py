"""`python -m bench.hostile_plugin_questions URL TOKEN TOOL_URL`: have plugins misbehave, again and again.

It reads names from standard input. For each it installs what misbehaves, asks one question, and prints a line. After
the next line, a number of seconds, it asks for so long, prints an `Outcome` as JSON, and removes the plugin.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from bench.hostile_plugin_inputs import INPUTS, Input, build_tool
from bench.page_client import Tab
from bench.servers import Running
from fastback.demo.process import find_free_port

Json = dict[str, Any]

#: Seconds between two questions, those that one may take, and those after which a user stops one.
PAUSE, PATIENCE, STOP_AFTER = 0.1, 60.0, 1.0
#: After how many looks at which nothing runs a page has missed the end of its answer.
MAX_IDLE_LOOKS = 3
#: The demo's model calls the tools that a question names. It repeats their results, so few tokens are wanted.
CALL, PLAIN, FEW_TOKENS = "Please use misbehave for this.", "Go [[tokens 40]]", {"max_tokens": 8}
#: The id of what misbehaves, and characters of a message that are kept.
HOSTILE, MESSAGE_SIZE = "hostile", 500


class Outcome(msgspec.Struct):
    """How often something misbehaved, and what its user or its author read of it at first."""

    count: int
    message: str


class Refused(Exception):
    """The server refused a request; the text is its reason."""


class Client:
    """Requests of an administrator."""

    def __init__(self, session: aiohttp.ClientSession, running: Running, tool_url: str) -> None:
        self.session = session
        self.running = running
        self.tool_url = tool_url

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, and return the response's JSON.

        Raises:
            Refused: its status is none of success.
        """
        async with self.session.request(method, f"{self.running.url}/api/{path}", json=body) as response:
            content = msgspec.json.decode(await response.read())
            if response.status >= 400:
                raise Refused(f"{response.status} {content.get('detail') if isinstance(content, dict) else content}")
            return content

    async def save_function(self, content: str) -> None:
        form = {"id": HOSTILE, "name": "Hostile", "content": content, "meta": {"description": ""}}
        await self.request("POST", "v1/functions/create", form)

    async def install_function(self, content: str) -> None:
        await self.save_function(content)
        await self.request("POST", f"v1/functions/id/{HOSTILE}/toggle")
        with suppress(Refused):  # a pipe
            await self.request("POST", f"v1/functions/id/{HOSTILE}/toggle/global")

    async def connect(self, connection: Json) -> None:
        base = {"auth_type": "none", "key": "", "config": {"enable": True}}
        base["info"] = {"id": HOSTILE, "name": "Hostile", "description": ""}
        await self.request("POST", "v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": [{**base, **connection}]})

    async def remove(self) -> None:
        """Remove what was installed; what is missing is skipped."""
        for path in (f"functions/id/{HOSTILE}", f"tools/id/{HOSTILE}", "tools/id/second"):
            with suppress(Refused):
                await self.request("DELETE", f"v1/{path}/delete")
        await self.request("POST", "v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": []})


async def install(client: Client, misbehaviour: Input) -> tuple[str, Json]:
    """Install what misbehaves; return the question in which it does, and the fields of its request."""
    if misbehaviour.function:
        await client.install_function(misbehaviour.function)
        return PLAIN, {}
    if misbehaviour.operation:
        url = f"{client.tool_url}/openapi"
        if misbehaviour.operation == "down":
            url = f"http://127.0.0.1:{find_free_port()}"
        await client.connect({"url": url, "path": "openapi.json", "type": "openapi"})
        text = f"Please use {misbehaviour.operation} for this."
        return text, {"tool_ids": [f"server:{HOSTILE}"], "params": FEW_TOKENS}
    if misbehaviour.mcp:
        url = f"{client.tool_url}/mcp/{misbehaviour.mcp}"
        if misbehaviour.mcp == "down":
            url = f"http://127.0.0.1:{find_free_port()}"
        await client.connect({"url": url, "path": "", "type": "mcp"})
        text = f"Please use {HOSTILE}_misbehave for this."
        return text, {"tool_ids": [f"server:mcp:{HOSTILE}"], "params": FEW_TOKENS}
    ids = [HOSTILE, "second"] if misbehaviour.second_tool else [HOSTILE]
    for tool_id in ids:
        form = {"id": tool_id, "name": tool_id, "content": build_tool(misbehaviour), "meta": {"description": ""}}
        await client.request("POST", "v1/tools/create", form)
    return CALL, {"tool_ids": ids, "params": FEW_TOKENS}


async def save(client: Client, misbehaviour: Input) -> str:
    """Save the codes of an input, and return why the last one was refused."""
    with suppress(Refused):
        await client.request("DELETE", f"v1/functions/id/{HOSTILE}/delete")
    first, *others = misbehaviour.saves
    try:
        await client.save_function(first)
        await client.request("POST", f"v1/functions/id/{HOSTILE}/valves/update", {"number": 5})
        for content in others:
            if not content:
                await client.save_function(first)
            form = {"id": HOSTILE, "name": "Hostile", "content": content, "meta": {"description": ""}}
            await client.request("POST", f"v1/functions/id/{HOSTILE}/update", form)
    except Refused as error:
        return str(error)
    raise RuntimeError("nothing was refused")


async def ask(client: Client, misbehaviour: Input, text: str, fields: Json) -> str:
    """Open a page, ask on it, and wait until nothing runs in the chat; return what the page then shows.

    The page may have been disconnected by then.
    """
    tab = Tab(client.running, misbehaviour.model)
    await tab.open()
    asking = asyncio.ensure_future(tab.ask(client.session, text, **fields))
    until = time.monotonic() + PATIENCE
    idle_count = 0
    while not asking.done() and idle_count < MAX_IDLE_LOOKS:
        if time.monotonic() > until:
            raise RuntimeError(f"the answer has not ended after {PATIENCE:g} s")
        await asyncio.wait([asking], timeout=STOP_AFTER)
        tasks = (await client.request("GET", "tasks"))["tasks"]
        idle_count = 0 if tasks else idle_count + 1
        if misbehaviour.is_stopped and tasks:
            for task_id in tasks:
                await client.request("POST", f"tasks/stop/{task_id}")
            break
    await asyncio.wait([asking], timeout=STOP_AFTER)
    asking.cancel()
    await asyncio.wait([asking])
    await tab.close()
    if not asking.cancelled() and (error := asking.exception()) is not None:
        return str(error)
    (chat, *_) = await client.request("GET", "v1/chats/list?page=1")
    chat_id = chat["id"] if asking.cancelled() else asking.result().chat_id
    stored = await client.request("GET", f"v1/chats/{chat_id}")
    messages = stored["chat"]["history"]["messages"].values()
    return describe(next(message for message in messages if message["role"] == "assistant"))


def describe(message: Json) -> str:
    """Return what an answer shows: its error, else the results of its tools, else its last status, else its text."""
    error = message.get("error")
    if error:
        return str(error.get("content") if isinstance(error, dict) else error)
    outputs = [item["output"] for item in message.get("output") or [] if item["type"] == "function_call_output"]
    if outputs:
        return " ".join(str(part.get("text")) for parts in outputs for part in parts)
    statuses = [status.get("description") for status in message.get("statusHistory") or []]
    text = str(statuses[-1] if statuses else message.get("content"))
    return text or ("the answer is stopped" if message.get("done") else "")


async def run_input(client: Client, misbehaviour: Input) -> Outcome:
    """Have something misbehave for as long as standard input says."""
    if misbehaviour.saves:
        text, fields = "", Json()
        message = await save(client, misbehaviour)
    else:
        text, fields = await install(client, misbehaviour)
        message = await ask(client, misbehaviour, text, fields)
    print("ready", flush=True)
    until = time.monotonic() + float(await asyncio.to_thread(sys.stdin.readline))
    count = 0
    while time.monotonic() < until:
        if misbehaviour.saves:
            await save(client, misbehaviour)
        else:
            await ask(client, misbehaviour, text, fields)
        count += 1
        await asyncio.sleep(PAUSE)
    await client.remove()
    return Outcome(count, message[:MESSAGE_SIZE])


async def main() -> None:
    url, token, tool_url = sys.argv[1:]
    running = Running("measured", url, 0, 0.0)
    running.token = token
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as session:
        client = Client(session, running, tool_url)
        while name := (await asyncio.to_thread(sys.stdin.readline)).strip():
            outcome = await run_input(client, INPUTS[name])
            print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
