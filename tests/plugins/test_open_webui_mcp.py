"""Plugins talk to MCP servers by themselves."""

from __future__ import annotations

from conftest import Person
from mcp_test_server import McpTestServer, build_server
from plugin_probe import run_in_plugin
from queued_model import QueuedModel


async def test_a_plugin_lists_and_calls_the_tools_of_a_server(ada: Person, model: QueuedModel) -> None:
    server = McpTestServer(build_server())
    async with server.run():
        code = f"""
            client = MCPClient()
            await client.connect("{server.url}", {{"x-test": "1"}})
            try:
                specs = await client.list_tool_specs()
                content = await client.call_tool("add", {{"a": 1, "b": 2}})
                try:
                    await client.call_tool("fail", {{}})
                except Exception as error:
                    failure = str(error)
            finally:
                await client.disconnect()
            properties = next(spec for spec in specs if spec["name"] == "add")["parameters"]["properties"]
            return [client.instructions, sorted(properties), content[0]["text"], failure]
            """
        result = await run_in_plugin(ada, model, code, imports="from open_webui.utils.mcp.client import MCPClient")
    assert result == ["Count birds in pairs.", ["a", "b"], "3", "Error executing tool fail: the birds have flown"]
    assert server.headers["tools/call"]["x-test"] == "1"
