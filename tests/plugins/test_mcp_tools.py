"""Tools of MCP servers on the page: a real server over a socket, its results, and its failures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from mcp_test_server import McpTestServer, build_server
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

CHAT = "/api/chat/completions"
PUBLIC = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "BYPASS_MODEL_ACCESS_CONTROL": "true"}


@pytest.fixture(params=["modern", "legacy"])
async def birds(request: pytest.FixtureRequest) -> AsyncIterator[McpTestServer]:
    server = McpTestServer(build_server(), is_legacy=request.param == "legacy")
    async with server.run():
        yield server


def build_connection(server_id: str, url: str, **more: Any) -> dict[str, Any]:
    config = {"enable": True, "access_grants": PUBLIC, **more.pop("config", {})}
    return {
        "type": "mcp",
        "url": url,
        "path": "",
        "auth_type": "bearer",
        "key": "secret-key",
        "info": {"id": server_id, "name": server_id.title()},
        "config": config,
        **more,
    }


async def connect(admin: Person, *connections: dict[str, Any]) -> None:
    (await admin.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": list(connections)})).ok()


async def ask(person: Person, *tool_ids: str, **more: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ask on the page with tools, wait for the end, and return the items of the answer and the lines above it."""
    async with open_page(person) as page:
        body = page.build_body("How many?", models=[MODEL_ID], tool_ids=list(tool_ids), **more)
        (await person.post(CHAT, body)).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
        return done["output"], page.list_data("status")


def list_results(output: list[dict[str, Any]]) -> list[str]:
    return [item["output"][0]["text"] for item in output if item["type"] == "function_call_output"]


async def test_the_model_calls_tools_of_a_server(ada: Person, bob: Person, model: QueuedModel, birds: Any) -> None:
    await connect(ada, build_connection("birds", birds.url, headers={"X-Who": "{{USER_NAME}}"}))
    model.queue(call_tools(("birds_add", {"a": 2, "b": 3}), ("birds_list_birds", {}), ("birds_fail", {})), "Done.")
    output, statuses = await ask(bob, "server:mcp:birds")
    assert list_results(output) == [
        "5",
        '{\n  "results": [\n    "wren",\n    "robin"\n  ]\n}',
        '{\n  "error": "Error executing tool fail: the birds have flown"\n}',
    ]
    assert statuses == []
    (system, *_) = model.requests[0]["messages"]
    assert system["role"] == "system"
    assert system["content"].endswith('MCP server "birds" instructions:\nCount birds in pairs.')
    spec = next(tool["function"] for tool in model.requests[0]["tools"] if tool["function"]["name"] == "birds_add")
    assert spec["description"] == "Add two numbers." and set(spec["parameters"]["properties"]) == {"a", "b"}
    headers = birds.headers["tools/call"]
    assert headers["authorization"] == "Bearer secret-key" and headers["x-who"] == "Bob"


async def test_sessions_are_shared_by_the_turns_of_one_user(
    ada: Person, bob: Person, model: QueuedModel, birds: Any
) -> None:
    await connect(ada, build_connection("birds", birds.url))
    for person in (bob, bob, bob, ada):
        model.queue(call_tools(("birds_add", {"a": 1, "b": 1})), "Two.")
        output, _ = await ask(person, "server:mcp:birds")
        assert list_results(output) == ["2"]
    assert birds.methods["tools/call"] == 4
    assert birds.methods["server/discover"] == birds.methods["tools/list"] == 2, "one for each user"
