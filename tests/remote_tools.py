"""`python remote_tools.py`: a model that calls tools, a tool server with large results, and a page that asks the model.

They run in a process of their own, so that what a test measures are the holds and the memory of the server alone.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, Reply, call_tools
from stub_server import serve_handler
from tool_server import build_document

MEGABYTE = 1024 * 1024
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG" + bytes(1000)).decode()
#: The results of the tool server, and of the page.
RESULTS: dict[str, Any] = {
    "text": "some words\n" * (13 * MEGABYTE // 11),
    "values": list(range(1_000_000)),
    "objects": [{"number": number, "text": "x" * 10, "more": [1, {"a": None}]} for number in range(180_000)],
    "pictures": {"picture": PIXEL, "rows": [{"number": number} for number in range(200_000)]},
    "file": bytes(range(256)) * (14 * MEGABYTE // 256),
    "embedded": "<p>words</p>\n" * (13 * MEGABYTE // 13),
}
DOCUMENT = build_document(**{f"/{name}": {"get": {"operationId": f"read_{name}"}} for name in RESULTS})


class RemoteTools:
    """The process; `model_url` and `tool_url` are the addresses of its servers."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.model_url, self.tool_url = self._read_line().split()

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    async def call(self, person: Person, replies: list[Any], **more: Any) -> dict[str, Any]:
        """Have the page ask the model, which gives these replies; return what has come of it.

        `{chat_id, items, lengths, request}`: the types of the answer's items, the characters of their texts, and those
        of the last request. A reply is a text, a number of megabytes, or `[name, arguments]` of a tool to call.
        """
        assert self._process.stdin is not None
        order = {"url": person.url, "token": person.token, "replies": replies, "more": more}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(await asyncio.to_thread(self._read_line))
        return result


@contextmanager
def run_remote_tools() -> Iterator[RemoteTools]:
    """Run the process while the context is open."""
    command = [sys.executable, str(Path(__file__))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield RemoteTools(process)
    finally:
        process.communicate()


async def _respond(request: web.Request) -> web.StreamResponse:
    if request.path == "/openapi.json":
        return web.json_response(DOCUMENT)
    name = request.path.removeprefix("/")
    result = RESULTS[name]
    if isinstance(result, bytes):
        return web.Response(body=result, content_type="application/octet-stream")
    if name == "embedded":
        return web.Response(text=result, content_type="text/html", headers={"content-disposition": "inline"})
    return web.Response(text=result) if isinstance(result, str) else web.json_response(result)


def _reply_in_page(event: dict[str, Any]) -> Any:
    kind, data = event["data"]["type"], event["data"].get("data")
    if kind == "execute:tool":
        return [RESULTS[data["name"]], {}]
    if kind == "execute:python":
        return {"stdout": RESULTS["text"][: 3 * MEGABYTE], "stderr": "", "result": RESULTS["values"][:500_000]}
    return None


def _build_reply(reply: Any) -> Reply:
    if isinstance(reply, int):
        return [{"content": 'some <words>\n```\n"é"\n' * (reply * MEGABYTE // 21)}]
    return reply if isinstance(reply, str) else call_tools((str(reply[0]), reply[1]))


async def _ask(model: QueuedModel, order: dict[str, Any]) -> dict[str, Any]:
    model.clear()
    model.queue(*map(_build_reply, order["replies"]))
    person = Person(order["url"], order["token"])
    async with open_page(person) as page:

        def handle(event: dict[str, Any]) -> Any:
            page.record_event(event)
            return _reply_in_page(event)

        page.socket.on("events", handle)
        body = page.build_body("Go", models=[MODEL_ID], **order["more"])
        started = (await page.person.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle(120)
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    await person.close()
    output = done["output"]
    return {
        "chat_id": started["chat_id"],
        "items": [item["type"].removeprefix("open_webui:") for item in output],
        "lengths": [sum(map(len, _list_texts(item))) for item in output],
        "request": len(json.dumps(model.requests[-1]["messages"], ensure_ascii=False)),
    }


def _list_texts(item: dict[str, Any]) -> list[str]:
    parts = [*item.get("content", []), *(item["output"] if isinstance(item.get("output"), list) else [])]
    return [str(item.get("arguments", "")), *(str(part.get("text", "")) for part in parts)]


async def _serve() -> None:
    model = QueuedModel()
    async with (
        serve_handler(model.respond, max_body_size=256 * MEGABYTE) as model.url,
        serve_handler(_respond) as tool_url,
    ):
        print(model.url, tool_url, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await _ask(model, json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
