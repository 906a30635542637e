"""`python -m bench.plugins [--reference /path/to/open-webui] [--write]`: what pipes, filters and MCP tools cost.

Both programs run the same plugins in one run, on one machine, and measurements alternate. `--write` writes the section
of `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp

from bench import mcp_calls, page_client, servers
from bench.machine import describe_machine
from bench.plugin_samples import ASYNC_PIPE, SYNC_PIPE, TOOL, build_filter
from bench.process_figures import list_descendants, read_figures
from bench.report import write_section
from bench.servers import Running
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import run_demo_server

HEADING = "## Plugins"
MODEL = "demo-small"
#: Tokens of a long answer.
TOKENS = 5000

Measure = Callable[[Running], Coroutine[Any, Any, float]]


class Table:
    """Rows of figures of both programs; a lower or a higher figure is better."""

    def __init__(self, ours: Running, theirs: Running | None, rounds: int) -> None:
        self._ours = ours
        self._theirs = theirs
        self._rounds = rounds
        self.rows: list[tuple[str, str, str, str]] = []

    def measure(self, name: str, measure: Measure, *, digits: int = 1, is_delay: bool = False) -> None:
        """Measure both programs in turn, and add a row: the medians of the rounds, of delays the calmest round."""
        our_figures, their_figures = [], []
        for _ in range(self._rounds):
            our_figures.append(asyncio.run(measure(self._ours)))
            if self._theirs is not None:
                their_figures.append(asyncio.run(measure(self._theirs)))
        choose = min if is_delay else statistics.median
        self.add_row(name, choose(our_figures), choose(their_figures) if their_figures else None, digits=digits)

    def add_row(self, name: str, our_figure: float, their_figure: float | None, *, digits: int = 1) -> None:
        ratio = ""
        if their_figure is not None and our_figure > 0 and their_figure > 0:
            factor = max(our_figure, their_figure) / min(our_figure, their_figure)
            ratio = f"{factor:.1f}×"
        their_text = "" if their_figure is None else f"{their_figure:,.{digits}f}"
        self.rows.append((name, f"{our_figure:,.{digits}f}", their_text, ratio))
        print(f"{name:<66} {our_figure:>12,.{digits}f} {their_text:>12} {ratio:>8}", flush=True)

    def format_markdown(self) -> str:
        lines = ["| what | Fastback | Open WebUI | factor |", "|---|--:|--:|--:|"]
        return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in self.rows)])


# -- plugins -----------------------------------------------------------------------------------------------------------


def install_function(server: Running, function_id: str, content: str, *, is_global: bool = False) -> None:
    form = {"id": function_id, "name": function_id, "content": content, "meta": {"description": ""}}
    servers.call_json(f"{server.url}/api/v1/functions/create", form, server.token)
    url = f"{server.url}/api/v1/functions/id/{function_id}/toggle"
    servers.call_json(url, token=server.token, method="POST")
    if is_global:
        servers.call_json(f"{url}/global", token=server.token, method="POST")


def delete_function(server: Running, function_id: str) -> None:
    url = f"{server.url}/api/v1/functions/id/{function_id}/delete"
    servers.call_json(url, token=server.token, method="DELETE")


def set_filters(running: list[Running], count: int, *, has_stream: bool = True) -> None:
    """Have this many global filters, and no others."""
    for server in running:
        functions = servers.call_json(f"{server.url}/api/v1/functions/", token=server.token)
        for function in functions:
            if function["type"] == "filter":
                delete_function(server, function["id"])
        for number in range(count):
            content = build_filter(f"filter{number}", has_stream=has_stream)
            install_function(server, f"filter{number}", content, is_global=True)
        servers.call_json(f"{server.url}/api/models", token=server.token)


# -- measurements ------------------------------------------------------------------------------------------------------


def read_cpu_seconds(server: Running) -> float:
    """Return the processor time that a server and its processes have used."""
    ticks = 0
    for pid in [server.pid, *list_descendants(server.pid)]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def stream_answer(server: Running, session: aiohttp.ClientSession, model: str, tokens: int) -> float:
    """Ask over the API for a stream, and return the seconds until its first text."""
    text = f"Go [[tokens {tokens}]]"
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {server.token}"}
    started = time.perf_counter()
    first = 0.0
    async with session.post(f"{server.url}/api/chat/completions", json=body, headers=headers) as response:
        if response.status != 200:
            raise RuntimeError(f"{server.name}: {response.status} {await response.text()}")
        async for data in response.content.iter_any():
            if not first and b"word0" in data:
                first = time.perf_counter() - started
    return first


def measure_first_token(model: str, times: int = 30) -> Measure:
    """Return a measurement of the milliseconds to the first text over the API: the lower quartile.

    What else runs on the machine delays many of the answers, and makes none faster.
    """

    async def measure(server: Running) -> float:
        async with aiohttp.ClientSession() as session:
            await stream_answer(server, session, model, 5)
            delays = [await stream_answer(server, session, model, 5) for _ in range(times)]
        return statistics.quantiles(delays)[0] * 1000

    return measure


def measure_page_rate(model: str, tokens: int = TOKENS) -> Measure:
    """Return a measurement of the tokens per second of one answer on the page."""

    async def measure(server: Running) -> float:
        return await page_client.measure_throughput(server, 1, tokens, model)

    return measure


def measure_turn_cpu(model: str, turns: int = 100) -> Measure:
    """Return a measurement of the processor milliseconds of a short turn over the API."""

    async def measure(server: Running) -> float:
        async with aiohttp.ClientSession() as session:
            await stream_answer(server, session, model, 1)
            before = read_cpu_seconds(server)
            for _ in range(turns):
                await stream_answer(server, session, model, 1)
        return (read_cpu_seconds(server) - before) / turns * 1000

    return measure


def measure_chunk_cpu(model: str, tokens: int = TOKENS) -> Measure:
    """Return a measurement of the processor microseconds of one token over the API."""

    async def measure(server: Running) -> float:
        async with aiohttp.ClientSession() as session:
            await stream_answer(server, session, model, 1)
            before = read_cpu_seconds(server)
            for _ in range(4):
                await stream_answer(server, session, model, tokens)
        return (read_cpu_seconds(server) - before) / (4 * tokens) * 1e6

    return measure


def measure_pipes(table: Table) -> None:
    models = (("a model server", MODEL), ("a pipe, coroutine", "async_pipe"), ("a pipe in a thread", "sync_pipe"))
    for name, model in models:
        table.measure(f"first token over the API, {name} (ms)", measure_first_token(model), digits=2, is_delay=True)
    for name, model in models:
        table.measure(f"tokens/s on the page, {name}, {TOKENS:,} tokens", measure_page_rate(model), digits=0)
    for name, model in models:
        table.measure(f"processor time of a token over the API, {name} (µs)", measure_chunk_cpu(model))


def measure_page_turn(text: str, times: int = 20, **fields: Any) -> Measure:
    """Return a measurement of the milliseconds of a whole turn on the page: the lower quartile."""

    async def measure(server: Running) -> float:
        tab = page_client.Tab(server)
        await tab.open()
        durations = []
        try:
            async with aiohttp.ClientSession() as session:
                for number in range(times + 1):
                    started = time.perf_counter()
                    answer = await tab.ask(session, text, **fields)
                    if number:
                        durations.append(answer.end - started)
        finally:
            await tab.close()
        return statistics.quantiles(durations)[0] * 1000

    return measure


def measure_tools(table: Table, running: list[Running]) -> None:
    """Add what a round with a tool costs: the call, its execution, and the second request to the model."""
    for server in running:
        form = {"id": "adder", "name": "adder", "content": TOOL, "meta": {"description": ""}}
        servers.call_json(f"{server.url}/api/v1/tools/create", form, server.token)
    table.measure("turn on the page, no tool chosen (ms)", measure_page_turn("Hello [[tokens 1]]"), is_delay=True)
    question = "Please use add_at_once [[tokens 1]]"
    chosen = measure_page_turn(question, tool_ids=["adder"])
    table.measure("turn on the page with one call of a tool in Python (ms)", chosen, is_delay=True)
    clock = measure_page_turn("Please use get_current_timestamp [[tokens 1]]")
    table.measure("turn on the page with one call of a built-in tool (ms)", clock, is_delay=True)


def measure_filters(table: Table, running: list[Running]) -> None:
    for count in (0, 1, 3):
        set_filters(running, count)
        name = {0: "no filter", 1: "1 filter"}.get(count, f"{count} filters")
        table.measure(f"first token over the API, {name} (ms)", measure_first_token(MODEL), digits=2, is_delay=True)
        table.measure(f"processor time of a turn over the API, {name} (ms)", measure_turn_cpu(MODEL), digits=2)
        table.measure(f"processor time of a token over the API, {name} (µs)", measure_chunk_cpu(MODEL))
        table.measure(f"tokens/s on the page, {name}, {TOKENS:,} tokens", measure_page_rate(MODEL), digits=0)
    set_filters(running, 1, has_stream=False)
    table.measure(
        "first token over the API, 1 filter without `stream` (ms)", measure_first_token(MODEL), digits=2, is_delay=True
    )


def measure_memory(table: Table, ours: Running, theirs: Running | None) -> None:
    """Add the memory with 0, 1 and 10 plugins; each has been used once."""
    running = [server for server in (ours, theirs) if server is not None]
    for count in (0, 1, 10):
        set_filters(running, count)
        for server in running:
            asyncio.run(measure_first_token(MODEL, 3)(server))
        figures = read_figures(ours.pid)
        their_figure = read_figures(theirs.pid).resident if theirs is not None else None
        name = f"{count} plugin{'' if count == 1 else 's'}"
        table.add_row(f"memory of the server, {name} (MB)", figures.resident, their_figure, digits=0)
        table.add_row(f"memory of the plugin process, {name} (MB)", figures.workers, None, digits=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plugins")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure; the median counts")
    parser.add_argument("--write", action="store_true", help="write the section of the page of measurements")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(run_demo_server())
        ours = stack.enter_context(servers.run_fastback(upstream, work))
        reference = arguments.reference
        theirs = stack.enter_context(servers.run_reference(reference, upstream, work)) if reference else None
        running = [server for server in (ours, theirs) if server is not None]
        for server in running:
            body = {"name": "Bench", "email": "bench@example.com", "password": servers.PASSWORD}
            server.token = servers.call_json(f"{server.url}/api/v1/auths/signup", body)["token"]
            servers.call_json(f"{server.url}/api/models", token=server.token)
        table = Table(ours, theirs, arguments.rounds)
        measure_memory(table, ours, theirs)
        set_filters(running, 0)
        for server in running:
            install_function(server, "async_pipe", ASYNC_PIPE)
            install_function(server, "sync_pipe", SYNC_PIPE)
            servers.call_json(f"{server.url}/api/models", token=server.token)
        measure_pipes(table)
        measure_filters(table, running)
        set_filters(running, 0)
        measure_tools(table, running)
        mcp_calls.measure_mcp(table, running)
    if arguments.write:
        write_section(HEADING, describe_table(table))


def describe_table(table: Table) -> str:
    return f"""Measured by `python -m bench.plugins --reference … --write`: pipes that answer at once, and filters with
`inlet` and `stream` that do next to nothing, so the figures are what running them costs. Calls of tools are turns on
the page; the MCP server runs in a process of its own, and turns with and without it alternate. Processor time is that
of the server and of the plugin process together; times of first tokens are lower quartiles of the calmest of three
rounds, other figures medians of three.

Machine: {describe_machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, SQLite.

{table.format_markdown()}
"""


if __name__ == "__main__":
    main()
