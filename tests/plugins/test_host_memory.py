"""How much memory the plugin process needs, and which parts of libraries it does without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conftest import Person, Server
from fastback.plugin_host.memory_tidying import PAUSE_SECONDS
from fastback.plugins.host import PluginHost
from mcp_test_server import McpTestServer, build_server
from plugin_installation import install_function
from plugin_probe import run_in_plugin
from queued_model import QueuedModel

#: What public plugins import most, and what they use of `open_webui`.
HEADS = [
    "import aiohttp, json\nfrom open_webui.models.users import Users, UserModel",
    "import requests\nfrom open_webui.utils.misc import get_last_user_message, pop_system_message",
    "import httpx\nfrom fastapi import Request\nfrom open_webui.models.chats import Chats",
    "from bs4 import BeautifulSoup\nfrom open_webui.models.files import Files, FileForm",
    "from loguru import logger\nfrom open_webui.storage.provider import Storage",
    "from fastapi.responses import HTMLResponse\nfrom open_webui.routers.files import upload_file_handler",
    "from starlette.responses import StreamingResponse\nfrom open_webui.main import app, generate_chat_completions",
    "import yaml, pytz\nfrom dateutil import parser\nfrom open_webui.models.models import Models",
    "from pydantic_core import core_schema\nfrom open_webui.utils.tools import get_tools",
    "import base64, inspect\nfrom open_webui.constants import TASKS\nfrom open_webui.env import SRC_LOG_LEVELS",
]
FILTER = """
from pydantic import BaseModel
{head}


class Filter:
    class Valves(BaseModel):
        priority: int = 0

    def __init__(self):
        self.valves = self.Valves()

    def inlet(self, body, __user__, __request__):
        return body
"""
#: MB; the process has 84. Most of them belong to aiohttp, FastAPI, httpx, requests and the SDK of MCP.
LIMIT = 95.0

LIST_SESSION = """
client = MCPClient()
await client.connect("{url}")
specs = await client.list_tool_specs()
await client.disconnect()
servers = [name for name in sys.modules if name.startswith(("uvicorn", "sse_starlette", "mcp.server"))]
"""


def read_memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_ten_plugins_and_mcp_servers_stay_below_a_limit(server: Server, ada: Person, model: QueuedModel) -> None:
    for number, head in enumerate(HEADS):
        await install_function(ada, f"filter_{number}", FILTER.format(head=head), is_global=True)
    birds = McpTestServer(build_server())
    async with birds.run():
        code = LIST_SESSION.format(url=birds.url) + "return len(specs)"
        imports = "from open_webui.utils.mcp.client import MCPClient\nimport sys"
        assert await run_in_plugin(ada, model, code, imports=imports) > 5
    await asyncio.sleep(PAUSE_SECONDS + 0.5)
    pid = server.services.get(PluginHost).pid
    assert pid is not None
    assert read_memory(pid) < LIMIT


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_servers_of_the_sdk_are_imported_only_by_plugins_that_ask_for_them(
    ada: Person, model: QueuedModel
) -> None:
    birds = McpTestServer(build_server())
    async with birds.run():
        code = f"""
            {LIST_SESSION.format(url=birds.url).strip().replace(chr(10), chr(10) + " " * 12)}
            is_whole = "mcp" in sys.modules
            import mcp.client
            from mcp.server.mcpserver import MCPServer
            own = MCPServer("Mine")
            own.add_tool(lambda: "new", name="newcomer")
            async with mcp.Client(own) as mine:
                names = [tool.name for tool in (await mine.list_tools()).tools]
            client = MCPClient()
            await client.connect("{birds.url}")
            again = await client.list_tool_specs()
            await client.disconnect()
            return [servers, is_whole, names, again == specs, isinstance(client.client, mcp.Client)]
            """
        imports = "from open_webui.utils.mcp.client import MCPClient\nimport sys"
        result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == [[], False, ["newcomer"], True, False]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_libraries_for_terminals_are_left_out(ada: Person, model: QueuedModel) -> None:
    code = """
        try:
            importlib.import_module("httpx._main")
        except ImportError as error:
            reason = str(error)
        return ["rich" in sys.modules, callable(httpx.main), reason]
        """
    result = await run_in_plugin(ada, model, code, imports="import sys, importlib, httpx")
    assert result == [False, True, "httpx._main is left out of the process of plugins"]
