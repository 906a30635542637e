"""Tools of MCP servers on the page: a real server over a socket, its results, and its failures."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from mcp.server.mcpserver import MCPServer

from conftest import Person, Server
from fastback.plugins.host import PluginHost
from mcp_test_server import PIXEL, HostileMcpServer, McpTestServer, Sleeper, build_server
from page_client import open_page
from plugin_installation import stream_events
from queued_model import MODEL_ID, QueuedModel, call_tools
from stub_server import serve_handler

CHAT = "/api/chat/completions"
PUBLIC = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    limits = {"MCP_INITIALIZE_TIMEOUT": "2", "AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER": "2"}
    return {**model.env, "BYPASS_MODEL_ACCESS_CONTROL": "true", **limits}


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


async def test_pictures_sounds_and_resources_reach_model_and_page(
    ada: Person, model: QueuedModel, birds: McpTestServer
) -> None:
    await connect(ada, build_connection("birds", birds.url))
    model.queue(call_tools(("birds_draw", {}), ("birds_mix", {})), "A wren.")
    output, _ = await ask(ada, "server:mcp:birds")
    picture, mixed = [item for item in output if item["type"] == "function_call_output"]
    (image,) = [part for part in picture["output"] if part["type"] == "input_image"]
    assert (await ada.get(image["image_url"])).body == PIXEL
    assert (
        mixed["output"][0]["text"]
        == '{\n  "results": [\n    {\n      "seen": 3\n    },\n    "https://birds.test/map"\n  ]\n}'
    )
    (sound,) = mixed["files"]
    assert sound["type"] == "audio" and (await ada.get(sound["url"])).body == b"RIFF"


async def test_connections_say_who_may_use_which_tools(ada: Person, bob: Person, model: QueuedModel) -> None:
    server = MCPServer("Names")
    long_name = "count_all_the_birds_of_the_northern_hemisphere_in_winter"
    for name in ("count_birds", "feed_birds", long_name):
        server.add_tool(lambda: "done", name=name)
    names = McpTestServer(server)
    async with names.run():
        await connect(
            ada,
            build_connection("mine", names.url, config={"access_grants": []}),
            build_connection("off", names.url, config={"enable": False}),
            build_connection("filtered", names.url, config={"function_name_filter_list": "birds, !feed_birds"}),
            build_connection("northern_birds", names.url, config={"function_name_filter_list": "winter"}),
            build_connection("consent", names.url, auth_type="oauth_2.1"),
        )
        ids = [f"server:mcp:{name}" for name in ("mine", "off", "filtered", "northern_birds", "consent", "unknown")]
        _, statuses = await ask(bob, *ids)
    full_name = f"northern_birds_{long_name}"
    shortened = f"{full_name[:55]}_{hashlib.sha256(full_name.encode()).hexdigest()[:8]}"
    offered = [name for name in model.tool_names if name.startswith(("mine", "off", "filtered", "northern", "consent"))]
    assert offered == ["filtered_count_birds", shortened]
    assert [status["description"] for status in statuses] == ["Failed to connect to MCP server 'consent'"]


async def test_clients_of_the_api_get_the_calls(ada: Person, model: QueuedModel, birds: McpTestServer) -> None:
    await connect(ada, build_connection("birds", birds.url))
    model.queue(call_tools(("birds_add", {"a": 1, "b": 1})))
    events = await stream_events(ada, tool_ids=["server:mcp:birds"])
    assert "birds_add" in model.tool_names
    assert any("tool_calls" in choice["delta"] for event in events for choice in event.get("choices", []))
    assert birds.methods["tools/call"] == 0


async def test_a_server_that_is_down_is_named_and_the_others_go_on(
    ada: Person, model: QueuedModel, birds: McpTestServer
) -> None:
    await connect(ada, build_connection("down", "http://127.0.0.1:9/mcp"), build_connection("birds", birds.url))
    model.queue(call_tools(("birds_add", {"a": 1, "b": 1})), "Two.")
    output, statuses = await ask(ada, "server:mcp:down", "server:mcp:birds")
    assert list_results(output) == ["2"]
    description = "Failed to connect to MCP server 'down'"
    assert statuses == [{"action": "tool_connection", "description": description, "error": True, "done": True}]


async def test_a_server_that_was_started_again_is_connected_again(
    ada: Person, model: QueuedModel, birds: McpTestServer
) -> None:
    await connect(ada, build_connection("birds", birds.url))
    port = int(birds.url.split(":")[2].split("/")[0])
    model.queue(call_tools(("birds_add", {"a": 1, "b": 1})), "Two.")
    assert list_results((await ask(ada, "server:mcp:birds"))[0]) == ["2"]
    await birds.stop()
    restarted = McpTestServer(build_server(), is_legacy=birds.is_legacy)
    async with restarted.run(port):
        model.queue(call_tools(("birds_add", {"a": 1, "b": 3})), "Four.")
        assert list_results((await ask(ada, "server:mcp:birds"))[0]) == ["4"]


async def test_new_tools_are_offered_at_once(ada: Person, model: QueuedModel, birds: McpTestServer) -> None:
    await connect(ada, build_connection("birds", birds.url))
    model.queue(call_tools(("birds_learn", {})), "Learned.")
    await ask(ada, "server:mcp:birds")
    assert "birds_newcomer" not in model.tool_names
    await asyncio.sleep(0.2)
    await ask(ada, "server:mcp:birds")
    assert "birds_newcomer" in model.tool_names


@pytest.mark.parametrize("is_legacy", [False, True])
async def test_a_stopped_turn_cancels_its_call(ada: Person, model: QueuedModel, is_legacy: bool) -> None:
    sleeper = Sleeper()
    server = McpTestServer(build_server(sleeper), is_legacy=is_legacy)
    async with server.run(), open_page(ada) as page:
        await connect(ada, build_connection("birds", server.url))
        model.queue(call_tools(("birds_sleep", {"seconds": 30})))
        body = page.build_body("Sleep.", models=[MODEL_ID], tool_ids=["server:mcp:birds"])
        started = (await ada.post(CHAT, body)).ok()
        await asyncio.wait_for(sleeper.has_begun.wait(), 10)
        (await ada.post(f"/api/tasks/stop/{started['task_ids'][0]}")).ok()
        await asyncio.wait_for(sleeper.was_cancelled.wait(), 1.5)  # earlier than the limit of calls


async def test_answers_of_bad_servers_become_errors_for_the_model(ada: Person, model: QueuedModel) -> None:
    hostile = HostileMcpServer()
    async with serve_handler(hostile.answer) as url:
        await connect(ada, build_connection("bad", f"{url}/mcp"))
        names = list(hostile.FAILURES)
        model.queue(call_tools(*((f"bad_{name}", {}) for name in names), ("bad_fine", {})), "Enough.")
        output, statuses = await ask(ada, "server:mcp:bad")
    results = list_results(output)
    for name, text in zip(names, results, strict=False):
        assert hostile.FAILURES[name] in text, name
        assert len(text) < 300, name
    assert results[-1] == "fine", "the session goes on"
    assert statuses == []


async def test_a_server_that_never_answers_slows_one_turn(ada: Person, model: QueuedModel) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with serve_handler(hang) as url:
        await connect(ada, build_connection("slow", url))
        seconds: list[float] = []
        for _ in range(2):
            started = time.monotonic()
            _, statuses = await ask(ada, "server:mcp:slow")
            seconds.append(time.monotonic() - started)
            assert [status["description"] for status in statuses] == ["Failed to connect to MCP server 'slow'"]
        assert seconds[0] > 2 and seconds[1] < seconds[0] - 1


async def test_open_sessions_do_not_keep_the_plugin_process(
    ada: Person, server: Server, model: QueuedModel, birds: McpTestServer
) -> None:
    await connect(ada, build_connection("birds", birds.url))
    await ask(ada, "server:mcp:birds")
    report = await server.services.get(PluginHost).call("host.ping")
    assert report["plugin_tasks"] == 0


async def test_large_results_reach_the_model_cut(ada: Person, model: QueuedModel, birds: McpTestServer) -> None:
    await connect(ada, build_connection("birds", birds.url))
    model.queue(call_tools(("birds_repeat", {"count": 6_000_000})), "Long.")
    (text,) = list_results((await ask(ada, "server:mcp:birds"))[0])
    assert text.startswith("xxxx") and text.endswith("[4001000 more characters were cut off]")
