"""Documents of tool servers: hostile ones, and servers that are down, slow, or back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from fastback.features.tools import servers
from queued_model import QueuedModel, call_tools
from tool_server import ToolServer, ask, connect_tool_servers, find_spec, run_tool_server

OFFICE = ["server:office"]


@pytest.fixture
async def office() -> AsyncIterator[ToolServer]:
    async with run_tool_server() as running:
        yield running


async def test_a_server_that_is_down_is_named_and_the_others_work(
    ada: Person, model: QueuedModel, office: ToolServer
) -> None:
    down = office.connect("down", url="http://127.0.0.1:9")
    await connect_tool_servers(ada, down, office.connect("office"))
    _, statuses = await ask(ada, tool_ids=["server:down", "server:office|show_page"])
    assert "show_page" in model.tool_names
    assert statuses == [
        {
            "action": "tool_connection",
            "description": "Failed to connect to tool server 'down'",
            "error": True,
            "done": True,
        }
    ]
    await ask(ada, tool_ids=["server:office|show_page"])
    assert office.document_loads == 1


async def test_documents_may_be_yaml_and_hostile(ada: Person, model: QueuedModel) -> None:
    bomb: dict[str, Any] = {"S0": {"type": "string"}}
    for number in range(1, 25):
        reference = {"$ref": f"#/components/schemas/S{number - 1}"}
        bomb[f"S{number}"] = {"type": "object", "properties": {"a": reference, "b": reference}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S24"}}}}
    lies = {
        "parameters": "none",
        "get": {"operationId": "lie", "parameters": [1, {"name": "q", "in": "query", "schema": {"$ref": "#/nowhere"}}]},
        "post": {"operationId": "explode", "requestBody": body},
        "put": {"operationId": 3},
        "patch": {"operationId": "n" * 80, "requestBody": {"$ref": "#/paths"}, "description": ["x"]},
    }
    document = {"info": 1, "paths": {"/lie": lies, "/none": None}, "components": {"schemas": bomb}}
    yaml = "openapi: 3.1.0\ninfo: {version: 2024-01-01}\npaths:\n  /when:\n    get: {operationId: tell_time}\n"
    async with run_tool_server(document) as hostile, run_tool_server(yaml) as plain:
        await connect_tool_servers(ada, hostile.connect("hostile"), plain.connect("plain"))
        model.queue(call_tools(("lie", {"q": "1"}), ("tell_time", {})), "Done.")
        await ask(ada, tool_ids=["server:hostile", "server:plain"])
        assert [request[1] for request in hostile.requests] == ["/lie?q=1"]
        assert [request[1] for request in plain.requests] == ["/when"]
    names = [tool["function"]["name"] for tool in model.requests[0]["tools"]]
    assert {"lie", "explode", "tell_time"} < set(names)
    assert any(name.startswith("n" * 55 + "_") and len(name) == 64 for name in names)
    assert len(json.dumps(find_spec(model, "explode"))) < 200_000


async def test_a_server_that_is_back_is_used_again(
    ada: Person, model: QueuedModel, office: ToolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "RETRY_SECONDS", 0.0)
    document, office.document = office.document, "[]"
    await connect_tool_servers(ada, office.connect("office"))
    await ask(ada, tool_ids=OFFICE)
    assert "show_page" not in model.tool_names
    office.document = document
    await ask(ada, tool_ids=OFFICE)
    assert "show_page" in model.tool_names


async def test_a_slow_server_delays_no_chat_with_another(ada: Person, model: QueuedModel, office: ToolServer) -> None:
    async with run_tool_server() as slow:
        slow.is_slow = True
        await connect_tool_servers(ada, slow.connect("slow"), office.connect("office"))
        listing = asyncio.create_task(ada.get("/api/v1/tools/"))
        await asyncio.wait_for(slow.is_waiting.wait(), 5)
        started = time.monotonic()
        await ask(ada, tool_ids=OFFICE)
        assert time.monotonic() - started < 5
        assert "show_page" in model.tool_names and not listing.done()
        slow.may_continue.set()
        assert [entry["id"] for entry in (await listing).ok()] == ["server:slow", "server:office"]
