"""What the tools of an MCP server add to a turn: listing them, and one call."""

from __future__ import annotations

import asyncio
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from bench import servers
from bench.mcp_server import run_mcp_server
from bench.page_client import Tab
from bench.servers import Running

if TYPE_CHECKING:
    from bench.plugins import Table

MCP_TOOL_ID, PYTHON_TOOL_ID = "server:mcp:bench", "bench_tools"
#: The demo's model calls the tools that a question names.
CALL_QUESTION, PLAIN_QUESTION = "Please use bench_add for this.", "Go [[tokens 8]]"

PYTHON_TOOL = '''
class Tools:
    async def bench_add(self, a: int, b: int) -> int:
        """
        Add two numbers.
        :param a: the first
        :param b: the second
        """
        return a + b
'''


class Question(NamedTuple):
    """A question of a measurement, with the tools that it may use."""

    text: str
    tool_ids: tuple[str, ...] = ()


PLAIN = Question(PLAIN_QUESTION)
OFFERED = Question(PLAIN_QUESTION, (MCP_TOOL_ID,))
MCP_CALL = Question(CALL_QUESTION, (MCP_TOOL_ID,))
PYTHON_CALL = Question(CALL_QUESTION, (PYTHON_TOOL_ID,))


def connect_server(running: list[Running], url: str) -> None:
    """Connect the servers under measurement to an MCP server, and install a tool in Python that does the same."""
    tool = {"id": PYTHON_TOOL_ID, "name": "Bench", "content": PYTHON_TOOL, "meta": {"description": ""}}
    connection = {
        "type": "mcp",
        "url": url,
        "path": "",
        "auth_type": "none",
        "key": "",
        "info": {"id": "bench", "name": "Bench", "description": ""},
        "config": {"enable": True, "access_grants": []},
    }
    for server in running:
        form = {"TOOL_SERVER_CONNECTIONS": [connection]}
        servers.call_json(f"{server.url}/api/v1/configs/tool_servers", form, server.token)
        servers.call_json(f"{server.url}/api/v1/tools/create", tool, server.token)


async def measure_added_time(server: Running, question: Question, base: Question, times: int = 25) -> float:
    """Return the milliseconds until the end of an answer on the page that a question takes more than its base.

    The medians of alternating turns are compared. Raises `RuntimeError` if no call was made where a tool is named.
    """
    tab = Tab(server)
    await tab.open()
    delays: dict[Question, list[float]] = {base: [], question: []}
    async with aiohttp.ClientSession() as session:
        for _ in range(times + 2):
            for asked, seconds in delays.items():
                started = time.perf_counter()
                answer = await tab.ask(session, asked.text, tool_ids=list(asked.tool_ids))
                seconds.append(answer.end - started)
        if question.text == CALL_QUESTION:
            await _require_call(server, session, answer.chat_id, answer.message_id)
    await tab.close()
    return (statistics.median(delays[question][2:]) - statistics.median(delays[base][2:])) * 1000


async def _require_call(server: Running, session: aiohttp.ClientSession, chat_id: str, message_id: str) -> None:
    await asyncio.sleep(0.5)  # the answer is stored
    headers = {"authorization": f"Bearer {server.token}"}
    async with session.get(f"{server.url}/api/v1/chats/{chat_id}", headers=headers) as response:
        chat: dict[str, Any] = await response.json()
    output = chat["chat"]["history"]["messages"][message_id].get("output") or []
    if not any(item.get("type") == "function_call_output" for item in output):
        raise RuntimeError(f"{server.name}: the model has called no tool: {output}")


def measure_mcp(table: Table, running: list[Running]) -> None:
    """Measure the tools of an MCP server: those of a turn that does not call them, and one call."""
    with run_mcp_server() as url:
        connect_server(running, url)
        for name, question, base in (
            ("10 tools of an MCP server add to a turn", OFFERED, PLAIN),
            ("a call of a tool in Python adds to a turn", PYTHON_CALL, PLAIN),
            ("a call of an MCP server's tool adds to that", MCP_CALL, PYTHON_CALL),
        ):
            measure = partial(measure_added_time, question=question, base=base)
            table.measure(f"{name} (ms)", measure, digits=2, is_delay=True)
        for server in running:
            url = f"{server.url}/api/v1/configs/tool_servers"
            servers.call_json(url, {"TOOL_SERVER_CONNECTIONS": []}, server.token)
