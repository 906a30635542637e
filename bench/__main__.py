"""`python -m bench [--reference /path/to/open-webui] [--write]`: measure, print a table; `--write` keeps it in docs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import page_client, servers
from bench.machine import machine
from bench.servers import Running
from fastback import REFERENCE_VERSION, __version__
from fastback.demo.process import run_demo_server as upstream_running

ENDPOINTS = ("/api/models", "/api/config", "/api/v1/auths/", "/api/v1/chats/?page=1")
PAGE = Path("docs/performance.md")


def load(url: str, token: str | None, *, seconds: float, connections: int = 8, body: str = "") -> dict[str, float]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    spec = json.dumps({"headers": headers, "body": body, "method": "POST" if body else "GET"})
    command = [sys.executable, "-m", "bench.load_generator", url, str(seconds), str(connections)]
    done = subprocess.run(command, input=spec.encode(), capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    if found["bad"]:
        raise RuntimeError(f"{url}: {found['bad']:.0f} answers were not 200")
    return found


class Table:
    """Rows of a measurement: ours, the reference's, the limit's."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str, str]] = []

    def add(self, what: str, ours: str, theirs: str = "", ratio: str = "", limit: str = "") -> None:
        self.rows.append((what, ours, theirs, ratio, limit))
        print(f"{what:<44} {ours:>14} {theirs:>14} {ratio:>9} {limit:>12}", flush=True)

    def markdown(self) -> str:
        lines = ["| what | Fastback | Open WebUI | ratio | of the bare limit |", "|---|--:|--:|--:|--:|"]
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join(lines)


def endpoints(table: Table, ours: Running, theirs: Running | None, work: Path, seconds: float) -> None:
    for path in ENDPOINTS:
        import urllib.request

        request = urllib.request.Request(ours.url + path, headers={"authorization": f"Bearer {ours.token}"})
        with urllib.request.urlopen(request) as response:
            content = response.read()
        pairs = []
        with servers.bare(content, work) as limit_url:
            for _ in range(3):  # in turn, so that a noisy moment hits all of them
                mine = load(ours.url + path, ours.token, seconds=seconds)["rate"]
                limit = load(limit_url, None, seconds=seconds)["rate"]
                other = load(theirs.url + path, theirs.token, seconds=seconds)["rate"] if theirs else 0.0
                pairs.append((mine, limit, other))
        mine, limit, other = (statistics.median(column) for column in zip(*pairs, strict=True))
        share = statistics.median(a / b for a, b, _ in pairs)
        ratio = f"{statistics.median(a / c for a, _, c in pairs):.0f}×" if other else ""
        table.add(f"GET {path} (/s)", f"{mine:,.0f}", f"{other:,.0f}" if other else "", ratio, f"{share:.0%}")


def api_chat(table: Table, ours: Running, theirs: Running | None, seconds: float) -> None:
    body = json.dumps({"model": "demo-small", "messages": [{"role": "user", "content": "Go [[tokens 50]]"}]})
    for connections in (1, 8):
        pairs = []
        for _ in range(3):
            mine = load(
                ours.url + "/api/chat/completions", ours.token, seconds=seconds, connections=connections, body=body
            )
            other = None
            if theirs:
                url = theirs.url + "/api/chat/completions"
                other = load(url, theirs.token, seconds=seconds, connections=connections, body=body)
            pairs.append((mine["rate"], other["rate"] if other else 0.0))
        mine_rate, other_rate = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = f"{statistics.median(a / b for a, b in pairs):.1f}×" if theirs else ""
        name = f"chat over the API, {connections} at once (/s)"
        table.add(name, f"{mine_rate:,.0f}", f"{other_rate:,.0f}" if theirs else "", ratio)


async def ui(table: Table, ours: Running, theirs: Running | None, upstream: str) -> None:
    direct = statistics.median(await page_client.direct_first_token(upstream, 30))
    mine = statistics.median(await page_client.first_token(ours, 30)) - direct
    other = statistics.median(await page_client.first_token(theirs, 15)) - direct if theirs else 0.0
    ratio = f"1/{other / mine:.0f}" if theirs else ""
    table.add(
        "added to the first token, page (ms)", f"{mine * 1000:.1f}", f"{other * 1000:.1f}" if theirs else "", ratio
    )
    for streams, tokens in ((1, 1000), (8, 500), (1, 5000)):
        pairs = []
        for _ in range(3):
            a = await page_client.throughput(ours, streams, tokens)
            b = await page_client.throughput(theirs, streams, tokens) if theirs else 0.0
            pairs.append((a, b))
        a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = f"{statistics.median(x / y for x, y in pairs):.1f}×" if theirs else ""
        name = f"tokens/s, page, {streams} × {tokens:,} tokens"
        table.add(name, f"{a:,.0f}", f"{b:,.0f}" if theirs else "", ratio)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement of an endpoint")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    arguments = parser.parse_args()
    table = Table()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(upstream_running())
        ours = stack.enter_context(servers.fastback(upstream, work))
        theirs = (
            stack.enter_context(servers.reference(arguments.reference, upstream, work)) if arguments.reference else None
        )
        for one in (ours, theirs):
            if one is not None:
                one.prepare()
        other = theirs.ready if theirs else 0.0
        table.add(
            "ready after (s)",
            f"{ours.ready:.2f}",
            f"{other:.1f}" if theirs else "",
            f"1/{other / ours.ready:.0f}" if theirs else "",
        )
        endpoints(table, ours, theirs, work, arguments.seconds)
        api_chat(table, ours, theirs, arguments.seconds)
        asyncio.run(ui(table, ours, theirs, upstream))
        table.add(
            "resident memory, idle (MB)", f"{ours.idle_memory:.0f}", f"{theirs.idle_memory:.0f}" if theirs else ""
        )
        mine, other = servers.memory(ours.pid), servers.memory(theirs.pid) if theirs else 0.0
        table.add("resident memory, after the load (MB)", f"{mine:.0f}", f"{other:.0f}" if theirs else "")
    if arguments.write:
        write(table)


def write(table: Table) -> None:
    text = f"""# Performance

Made by `python -m bench --reference … --write`: both programs, the model server and the load generator on one machine,
in one run, measurements in turn, medians of three. Rates and times depend on the machine; the ratios are what to
look at.

Machine: {machine()}. Fastback {__version__}, Open WebUI {REFERENCE_VERSION}, SQLite, one process each.

{table.markdown()}

The bare limit is a handler on the same HTTP server that answers the same bytes and does nothing else.
"""
    # What follows the table is written by others (`python -m bench.search`).
    _, mark, rest = (PAGE.read_text() if PAGE.exists() else "").partition("\n## ")
    PAGE.write_text(text + mark + rest)


main()
