"""Terminals in chats: models get their tools, and what the terminal and its user say beforehand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from direct_servers import allow_direct_servers, reply_to_calls
from page_client import open_page
from plugin_installation import install_tool
from queued_model import MODEL_ID, QueuedModel, call_tools
from stub_server import serve_handler
from terminal_server import CHAT, TerminalServer, ask, connect_terminal

Json = dict[str, Any]


@pytest.fixture
async def terminal() -> AsyncIterator[TerminalServer]:
    server = TerminalServer()
    async with serve_handler(server.respond) as server.url:
        yield server


async def test_a_terminal_runs_what_the_model_calls(ada: Person, model: QueuedModel, terminal: TerminalServer) -> None:
    await connect_terminal(ada, terminal)
    calls = [
        ("run_command", {"command": "echo hello"}),
        ("display_file", {"path": "a.pdf", "inline": False, "page": 3}),
        ("write_file", {"path": "b.txt"}),
    ]
    model.queue(call_tools(*calls), "Done.")
    async with open_page(ada) as page:
        reply_to_calls(page, lambda data: {"connected": False})
        chat_id, (ran, shown, _) = await ask(page)
        assert page.list_data("terminal:run_command") == [{}]
        assert page.list_data("terminal:display_file") == [{"path": "/home/ada/work/a.pdf", "page": 3}]
        assert page.list_data("terminal:write_file") == [{"path": "b.txt"}]
        stored = await page.get_chat(chat_id)
    assert json.loads(ran["output"][0]["text"]) == {"stdout": "hello"}
    result = json.loads(shown["output"][0]["text"])
    assert (result["terminal_id"], result["terminal_selector"], result["session_id"]) == ("shell", "shell", chat_id)
    assert (result["type"], result["content_type"]) == ("file", "application/pdf")
    headers = terminal.list_headers("/execute")
    assert (headers["Authorization"], headers["X-User-Id"]) == ("Bearer k", ada.id)
    assert headers["X-Session-Id"] == chat_id
    assert ("GET", "/files/display?path=a.pdf") in [request[:2] for request in terminal.requests]
    assert ("GET", "/files/read?path=%2Fhome%2Fada%2FAGENTS.md") in [request[:2] for request in terminal.requests]
    messages = model.requests[1]["messages"]
    assert "This is Debian." in messages[0]["content"]
    assert [message["content"] for message in messages if message["role"] == "user"] == [
        "# AGENTS.md\n\nUse tabs.",
        "Hello",
    ]
    assert "AGENTS.md" not in json.dumps(stored)
    specs = {tool["function"]["name"]: tool["function"] for tool in model.requests[0]["tools"]}
    assert specs["run_command"]["description"].endswith("The current working directory is: /home/ada/work")
    assert {"path", "inline", "page"} == set(specs["display_file"]["parameters"]["properties"])
    assert "read_user_terminal" not in specs


async def test_an_open_shell_is_offered_and_a_connection_may_always_offer_it(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    options = {"user_shell_tools": "auto", "working_directory_context": False}
    await connect_terminal(ada, terminal, policy_id="small", config=options)
    terminal.instructions = "x" * 40_000
    async with open_page(ada) as page:
        calls = reply_to_calls(page, lambda data: {"connected": True})
        await ask(page)
        assert "read_user_terminal" in model.tool_names
        assert calls[0]["data"]["data"]["terminal_id"] == "shell"
        assert "/home/ada/work" not in json.dumps(model.requests[-1])
        assert "AGENTS.md" not in json.dumps(model.requests[-1]["messages"])
        assert all(raw_path.startswith("/p/small/") for _, raw_path, _ in terminal.requests)
        calls.clear()
        page.events.clear()
        await connect_terminal(ada, terminal, config={"user_shell_tools": "always"})
        await ask(page)
        assert "read_user_terminal" in model.tool_names and calls == []


async def test_a_terminal_that_cannot_be_used_ends_the_turn(
    server: Server, ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    bob = await server.add_user(ada, "Bob")
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    entry = {"id": MODEL_ID, "name": "Queued", "params": {}, "meta": {}, "access_grants": everybody}
    (await ada.post("/api/v1/models/create", entry)).ok()

    async def fail(person: Person, **more: Any) -> str:
        async with open_page(person) as page:
            body = page.build_body("Hello", models=[MODEL_ID], terminal_id="shell", **more)
            started = (await person.post(CHAT, body)).ok()
            await page.wait_until_idle()
            chat = await page.get_chat(started["chat_id"])
        error: str = chat["chat"]["history"]["messages"][body["id"]]["error"]["content"]
        return error

    await connect_terminal(ada, terminal)
    assert await fail(bob) == "Terminal unavailable: Access denied to terminal shell"
    await connect_terminal(ada, terminal, enabled=False)
    assert await fail(ada) == "Terminal unavailable: Terminal server 'shell' is disabled"
    await connect_terminal(ada, terminal, url="http://127.0.0.1:9")
    assert await fail(ada) == "Terminal unavailable: Terminal server 'shell' is unavailable"
    await connect_terminal(ada, terminal, server_type="orchestrator", config={"contexts": {"chat": False}})
    assert await fail(ada) == "Terminal unavailable: Terminal server 'shell' is not available for chat"
    assert model.requests == []
    async with open_page(ada) as page:
        await ask(page, terminal_id="unknown")
    assert "run_command" not in model.tool_names


async def test_a_chat_of_its_own_gets_its_own_runtime(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    contexts = {"chat": {"context_id": "chat_id"}}
    await connect_terminal(ada, terminal, server_type="orchestrator", config={"contexts": contexts})
    model.queue(call_tools(("run_command", {"command": "ls"})), "Done.")
    async with open_page(ada) as page:
        chat_id, _ = await ask(page)
    assert terminal.list_headers("/execute")["X-Terminal-Context-Id"] == f"chat:{chat_id}"


async def test_a_slow_terminal_delays_its_chat_for_five_seconds_at_most(
    ada: Person, model: QueuedModel, terminal: TerminalServer
) -> None:
    await connect_terminal(ada, terminal)
    terminal.is_slow = True
    async with open_page(ada) as page:
        reply_to_calls(page, lambda data: {"connected": False})
        started = asyncio.get_running_loop().time()
        await ask(page)
        assert asyncio.get_running_loop().time() - started < 8
        # It is not asked again at once.
        page.events.clear()
        await ask(page)
        assert asyncio.get_running_loop().time() - started < 10
    assert "run_command" in model.tool_names


async def test_the_page_reads_the_instructions_in_its_own_terminal(ada: Person, model: QueuedModel) -> None:
    await allow_direct_servers(ada)
    shell = {"url": "http://shell.local", "is_terminal": True, "specs": [{"name": "run_command", "parameters": {}}]}
    answers = {"/files/cwd": {"home": "/home/ada"}, "/files/read?path=%2Fhome%2Fada%2FAGENTS.md": {"content": "Hi."}}
    async with open_page(ada) as page:
        calls = reply_to_calls(page, lambda data: {"data": answers.get(data["data"]["path"])})
        await ask(page, terminal_id="http://shell.local", tool_servers=[shell])
    assert [call["data"]["data"]["path"] for call in calls] == ["/skills", *answers]
    users = [message["content"] for message in model.requests[0]["messages"] if message["role"] == "user"]
    assert users == ["# AGENTS.md\n\nHi.", "Hello"]


async def test_plugins_run_the_tools_of_the_terminal(ada: Person, model: QueuedModel, terminal: TerminalServer) -> None:
    code = '''
from open_webui.models.users import UserModel
from open_webui.utils.tools import get_builtin_tools, get_terminal_tools


class Tools:
    async def look(self, __request__=None, __user__=None):
        """Look."""
        tools, _ = await get_terminal_tools(__request__, "shell", UserModel(**__user__), {})
        builtin_tools = await get_builtin_tools(__request__, {})
        output = await tools["run_command"]["callable"](command="ls")
        return {"names": sorted(tools), "output": output, "has_time": "get_current_timestamp" in builtin_tools}
'''
    await install_tool(ada, "looker", code)
    await connect_terminal(ada, terminal)
    model.queue(call_tools(("look", {})), "Done.")
    async with open_page(ada) as page:
        reply_to_calls(page, lambda data: {"connected": False})
        _, (result,) = await ask(page, tool_ids=["looker"])
    assert json.loads(result["output"][0]["text"]) == {
        "names": ["display_file", "run_command", "write_file"],
        "output": {"stdout": "hello"},
        "has_time": True,
    }
    text = json.dumps(model.requests[1]["messages"])
    assert (text.count("This is Debian."), text.count("# AGENTS.md")) == (1, 1)
