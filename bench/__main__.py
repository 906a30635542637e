"""`python -m bench [--reference /path/to/open-webui] [--write]`: measure both programs, and print a table.

`--write` writes it to the docs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import page_client, servers
from bench.http_load import measure_load
from bench.machine import describe_machine
from bench.servers import Running
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import run_demo_server

ENDPOINTS = ("/api/models", "/api/config", "/api/v1/auths/", "/api/v1/chats/?page=1")
PAGE = Path("docs/performance.md")


class Table:
    """The rows of a measurement: figures of Fastback, of the reference, and the share of the bare limit."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str, str]] = []

    def add_row(self, measure: str, ours: str, theirs: str = "", ratio: str = "", limit: str = "") -> None:
        self.rows.append((measure, ours, theirs, ratio, limit))
        print(f"{measure:<44} {ours:>14} {theirs:>14} {ratio:>9} {limit:>12}", flush=True)

    def format_markdown(self) -> str:
        lines = ["| what | Fastback | Open WebUI | ratio | of the bare limit |", "|---|--:|--:|--:|--:|"]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join(lines)


def measure_endpoints(table: Table, ours: Running, theirs: Running | None, work: Path, seconds: float) -> None:
    for path in ENDPOINTS:
        import urllib.request

        request = urllib.request.Request(ours.url + path, headers={"authorization": f"Bearer {ours.token}"})
        with urllib.request.urlopen(request) as response:
            content = response.read()
        rates = []
        with servers.run_bare_handler(content, work) as limit_url:
            for _ in range(3):  # in turn, so that a noisy moment affects all of them
                our_rate = measure_load(ours.url + path, ours.token, seconds=seconds)["rate"]
                limit = measure_load(limit_url, None, seconds=seconds)["rate"]
                their_rate = measure_load(theirs.url + path, theirs.token, seconds=seconds)["rate"] if theirs else 0.0
                rates.append((our_rate, limit, their_rate))
        our_rate, limit, their_rate = (statistics.median(column) for column in zip(*rates, strict=True))
        share = statistics.median(our / bare for our, bare, _ in rates)
        ratio = f"{statistics.median(our / their for our, _, their in rates):.0f}×" if their_rate else ""
        table.add_row(
            f"GET {path} (/s)", f"{our_rate:,.0f}", f"{their_rate:,.0f}" if their_rate else "", ratio, f"{share:.0%}"
        )


def measure_api_chat(table: Table, ours: Running, theirs: Running | None, seconds: float) -> None:
    body = json.dumps({"model": "demo-small", "messages": [{"role": "user", "content": "Go [[tokens 50]]"}]})
    for connections in (1, 8):
        rates = []
        for _ in range(3):
            our_load = measure_load(
                ours.url + "/api/chat/completions", ours.token, seconds=seconds, connections=connections, body=body
            )
            their_load = None
            if theirs:
                url = theirs.url + "/api/chat/completions"
                their_load = measure_load(url, theirs.token, seconds=seconds, connections=connections, body=body)
            rates.append((our_load["rate"], their_load["rate"] if their_load else 0.0))
        our_rate, their_rate = (statistics.median(column) for column in zip(*rates, strict=True))
        ratio = f"{statistics.median(our / their for our, their in rates):.1f}×" if theirs else ""
        name = f"chat over the API, {connections} at once (/s)"
        table.add_row(name, f"{our_rate:,.0f}", f"{their_rate:,.0f}" if theirs else "", ratio)


async def measure_page(table: Table, ours: Running, theirs: Running | None, upstream: str) -> None:
    direct = statistics.median(await page_client.measure_direct_first_token(upstream, 30))
    our_delay = statistics.median(await page_client.measure_first_token(ours, 30)) - direct
    their_delay = statistics.median(await page_client.measure_first_token(theirs, 15)) - direct if theirs else 0.0
    ratio = f"1/{their_delay / our_delay:.0f}" if theirs else ""
    table.add_row(
        "added to the first token, page (ms)",
        f"{our_delay * 1000:.1f}",
        f"{their_delay * 1000:.1f}" if theirs else "",
        ratio,
    )
    for streams, tokens in ((1, 1000), (8, 500), (1, 5000)):
        rates = []
        for _ in range(3):
            our_rate = await page_client.measure_throughput(ours, streams, tokens)
            their_rate = await page_client.measure_throughput(theirs, streams, tokens) if theirs else 0.0
            rates.append((our_rate, their_rate))
        our_rate, their_rate = (statistics.median(column) for column in zip(*rates, strict=True))
        ratio = f"{statistics.median(our / their for our, their in rates):.1f}×" if theirs else ""
        name = f"tokens/s, page, {streams} × {tokens:,} tokens"
        table.add_row(name, f"{our_rate:,.0f}", f"{their_rate:,.0f}" if theirs else "", ratio)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement of an endpoint")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    arguments = parser.parse_args()
    table = Table()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(run_demo_server())
        ours = stack.enter_context(servers.run_fastback(upstream, work))
        theirs = (
            stack.enter_context(servers.run_reference(arguments.reference, upstream, work))
            if arguments.reference
            else None
        )
        for server in (ours, theirs):
            if server is not None:
                server.prepare_chats()
        their_start = theirs.ready if theirs else 0.0
        table.add_row(
            "ready after (s)",
            f"{ours.ready:.2f}",
            f"{their_start:.1f}" if theirs else "",
            f"1/{their_start / ours.ready:.0f}" if theirs else "",
        )
        measure_endpoints(table, ours, theirs, work, arguments.seconds)
        measure_api_chat(table, ours, theirs, arguments.seconds)
        asyncio.run(measure_page(table, ours, theirs, upstream))
        table.add_row(
            "resident memory, idle (MB)", f"{ours.idle_memory:.0f}", f"{theirs.idle_memory:.0f}" if theirs else ""
        )
        our_memory = servers.measure_memory(ours.pid)
        their_memory = servers.measure_memory(theirs.pid) if theirs else 0.0
        table.add_row(
            "resident memory, after the load (MB)", f"{our_memory:.0f}", f"{their_memory:.0f}" if theirs else ""
        )
    if arguments.write:
        write_page(table)


def write_page(table: Table) -> None:
    text = f"""# Performance

Measured by `python -m bench --reference … --write`: both programs, the model server and the load generator run on one
machine, in one run; measurements alternate, and figures are medians of three. Rates and times depend on the machine;
compare the ratios.

Machine: {describe_machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, SQLite, one process each.

{table.format_markdown()}

The bare limit is a handler on the same HTTP server that returns the same bytes and does nothing else.
"""
    # Other modules write the sections below the table (`python -m bench.search`).
    _, marker, sections = (PAGE.read_text() if PAGE.exists() else "").partition("\n## ")
    PAGE.write_text(text + marker + sections)


main()
