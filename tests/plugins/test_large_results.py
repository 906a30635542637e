"""Results of tools that are very large: memory and the event loop stay free, and the model gets the beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import Person
from direct_servers import allow_direct_servers
from loop_holds import measure_holds, read_resident_memory
from plugin_installation import install_function, install_tool
from remote_tools import RemoteTools, run_remote_tools

TOOL = '''
class Tools:
    async def tell(self):
        """Tell."""
        return "some words\\n" * 1_000_000

    async def list_rows(self):
        """List."""
        return {"rows": [{"number": n, "text": "x" * 10, "more": [1, {"a": None}]} for n in range(300_000)]}

    async def show(self):
        """Show."""
        from fastapi.responses import HTMLResponse

        return HTMLResponse("<p>words</p>" * 1_000_000, headers={"Content-Disposition": "inline"})

    async def show_pictures(self):
        """Show."""
        return ["data:image/png;base64," + "AAAA" * 500_000] * 4

    async def show_too_many_pictures(self):
        """Show."""
        return ["data:image/png;base64," + "AAAA" * 500_000] * 16

    async def take(self, text: str):
        """Take."""
        return len(text)
'''
PIPE = """
class Pipe:
    async def pipe(self, body, __tools__):
        rows = await __tools__["list_rows"]["callable"]()
        words = await __tools__["tell"]["callable"]()
        return f"{len(rows['rows'])} {rows['rows'][-1]} {len(words)}"
"""
SERVER, PLUGIN = {"tool_ids": ["server:office"]}, {"tool_ids": ["large"]}
CODE = {"params": {"function_calling": "legacy"}, "features": {"code_interpreter": True}}
#: The results of both databases, and further ones: what the model replies first, and what the request chooses.
RESULTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a text of a server": (["read_text", {}], SERVER),
    "HTML of a server": (["read_embedded", {}], SERVER),
    "rows of a plugin": (["list_rows", {}], PLUGIN),
    "an output of code": ('<code_interpreter type="code" lang="python">1</code_interpreter>', CODE),
}
FURTHER_RESULTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "rows of a server": (["read_objects", {}], SERVER),
    "a picture among rows": (["read_pictures", {}], SERVER),
    "a file of a server": (["read_file", {}], SERVER),
    "a text of a plugin": (["tell", {}], PLUGIN),
    "HTML of a plugin": (["show", {}], PLUGIN),
    "pictures of a plugin": (["show_pictures", {}], PLUGIN),
    "arguments": (["take", {"text": "x\n" * 2_000_000}], PLUGIN),
    "a text of the page": (["text", {}], {"tool_servers": [{"url": "http://x", "specs": [{"name": "text"}]}]}),
    "values of the page": (["values", {}], {"tool_servers": [{"url": "http://x", "specs": [{"name": "values"}]}]}),
}
#: Milliseconds of processor time that the loop may be held; 1 to 9 are measured.
LONGEST_HOLD = 20
#: MB that a result may take; most is for the database's copies.
LARGEST_GROWTH = 130


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteTools]:
    with run_remote_tools() as running:
        yield running


@pytest.fixture
def environment(remote: RemoteTools) -> dict[str, str]:
    return {
        "OPENAI_API_BASE_URLS": f"{remote.model_url}/v1",
        "OPENAI_API_KEYS": "k",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_LOCAL_WEB_FETCH": "true",
    }


@pytest.fixture
async def tools(ada: Person, remote: RemoteTools) -> None:
    """Install the tools, and connect their server; the plugin process runs."""
    await install_tool(ada, "large", TOOL)
    await allow_direct_servers(ada)
    info = {"id": "office", "name": "Office"}
    connection = {"url": remote.tool_url, "path": "openapi.json", "type": "openapi", "auth_type": "none", "key": ""}
    body = {"TOOL_SERVER_CONNECTIONS": [{**connection, "info": info, "config": {"enable": True}}]}
    (await ada.post("/api/v1/configs/tool_servers", body)).ok()
    await remote.call(ada, ["Hi"], **PLUGIN)


async def check_costs(
    ada: Person, remote: RemoteTools, results: dict[str, tuple[Any, dict[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Call the tools, check that none holds the loop or takes much memory, and return what has come of each."""
    outcomes = {}
    for name, (reply, more) in results.items():
        memory = read_resident_memory()
        with measure_holds() as holds:
            outcomes[name] = await remote.call(ada, [reply, "Done."], **more)
            await asyncio.sleep(1)  # the answer is indexed
        assert holds.callback < LONGEST_HOLD, (name, holds.callback, holds.slowest)
        assert holds.peak_memory - memory < LARGEST_GROWTH, name
        assert outcomes[name]["items"][-1] == "message"
    return outcomes


async def test_large_results_do_not_hold_the_loop(ada: Person, remote: RemoteTools, tools: None) -> None:
    outcomes = await check_costs(ada, remote, RESULTS)
    for name in ("a text of a server", "rows of a plugin"):
        assert 1_900_000 < outcomes[name]["lengths"][1] <= 2_000_000 < outcomes[name]["request"]
    stored = (await ada.get(f"/api/v1/chats/{outcomes['HTML of a server']['chat_id']}")).ok()
    answer = next(m for m in stored["chat"]["history"]["messages"].values() if m["role"] == "assistant")
    (result,) = (item for item in answer["output"] if item["type"] == "function_call_output")
    assert len(result["embeds"][0]) > 12_000_000
    assert outcomes["an output of code"]["request"] > 3_900_000


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_large_results_of_any_kind_do_not_hold_the_loop(ada: Person, remote: RemoteTools, tools: None) -> None:
    outcomes = await check_costs(ada, remote, FURTHER_RESULTS)
    for name in ("rows of a server", "a picture among rows", "a text of a plugin", "values of the page"):
        assert 1_900_000 < outcomes[name]["lengths"][1] <= 2_000_000, name
    assert outcomes["arguments"]["lengths"][1] < 200  # they are refused


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_result_with_too_many_pictures_is_refused(ada: Person, remote: RemoteTools, tools: None) -> None:
    outcome = await remote.call(ada, [["show_too_many_pictures", {}], "Done."], **PLUGIN)
    assert outcome["items"] == ["function_call", "function_call_output", "message"] and outcome["lengths"][1] < 200


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_pipe_gets_the_whole_result_of_a_tool(ada: Person, remote: RemoteTools, tools: None) -> None:
    await install_function(ada, "reader", PIPE)
    body = {"model": "reader", "messages": [{"role": "user", "content": "Go"}], **PLUGIN}
    with measure_holds() as holds:
        answer = (await ada.post("/api/chat/completions", body)).ok()["choices"][0]["message"]["content"]
    assert answer == "300000 {'number': 299999, 'text': 'xxxxxxxxxx', 'more': [1, {'a': None}]} 11000000"
    assert holds.callback < LONGEST_HOLD, holds.slowest
