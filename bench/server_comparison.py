"""The same application under granian and under uvicorn, as it is delivered: rates, memory and behaviour."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop

from bench.http_load import run_generator
from bench.page_client import measure_direct_first_token
from bench.process_figures import list_descendants, read_status
from bench.processor_shares import read_shares
from bench.scaling import CHAT_BODY, CHATS, FIRST_TOKEN, PAGE_TOKENS, PER_PROCESS, READS, TOKENS
from bench.scaling_report import Row, format_table
from bench.server_behaviour import Behaviour, check_behaviour
from bench.servers import Running, make_environment, run_server
from bench.stream_load import measure_median_first_token, measure_streams
from fastback.demo.process import find_free_port, run_demo_server

UVICORN, GRANIAN = "uvicorn", "granian"
FIRST_TOKENS = 15
#: Tokens a second of the model server for the checks of behaviour, and seconds that a head may take there.
SLOW_RATE, HEADER_SECONDS = 20.0, 2
_COSTS = {READS: "read (µs of the processor)", CHATS: "chat (µs)", TOKENS: "token (µs)"}


@contextmanager
def run_under(server: str, granian: str, upstream: str, work: Path, variables: dict[str, str]) -> Iterator[Running]:
    """Run the application under one of the servers; `granian` is the path of its program."""
    port = find_free_port()
    directory = Path(tempfile.mkdtemp(dir=work))
    env = make_environment(upstream, directory / "data", port) | variables
    command = [sys.executable, "-OO", "-m", "fastback", "serve"]
    if server == GRANIAN:
        paths = [os.getcwd(), *(path for path in sys.path if path)]
        env |= {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONOPTIMIZE": "2"}
        command = [granian, "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        command += ["--loop", "uvloop", "--http", "1", "--ws", "--log-level", "warning", "--no-access-log"]
        command += ["--http1-header-read-timeout", str(HEADER_SECONDS * 1000), "--workers-kill-timeout", "20"]
        command += ["bench.granian_app:application"]
    with run_server(server, command, env, port) as running:
        running.prepare_chats()
        yield running


class Figures:
    """The measurements of each server."""

    def __init__(self) -> None:
        self.rates: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.costs: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.delays: dict[str, list[float]] = defaultdict(list)
        self.memory: dict[str, tuple[float, float]] = {}
        self.idle_memory: dict[str, tuple[float, float]] = {}
        self.failures: dict[str, int] = defaultdict(int)
        self.behaviour: dict[str, Behaviour] = {}


def read_memory(running: Running) -> tuple[float, float]:
    """Return the memory of all processes and of the largest."""
    sizes = [read_status(pid, "VmRSS") for pid in [running.pid, *list_descendants(running.pid)]]
    return sum(sizes), max(sizes)


def measure_rate(running: Running, what: str, seconds: float) -> tuple[float, float, int]:
    """Return operations per second, microseconds of the server's processor time for each, and failures."""
    before = read_shares([running.pid], [])
    if what == TOKENS:
        figures = uvloop.run(measure_streams(running, pages=PER_PROCESS, tokens=PAGE_TOKENS, seconds=seconds))
        count, spent, failures = float(figures.tokens), figures.seconds, len(figures.failures)
        for failure in figures.failures[:2]:
            print(f"failed: {failure}", flush=True)
    else:
        path, body = ("/api/chat/completions", CHAT_BODY) if what == CHATS else ("/api/models", "")
        load = run_generator(running.url + path, running.token, seconds=seconds, connections=PER_PROCESS, body=body)
        failures = int(load["bad"] + load["broken"])
        count, spent = load["count"] - load["bad"], load["count"] / load["rate"] if load["rate"] else seconds
    used = read_shares([running.pid], []).subtract(before).server
    return count / spent, used / max(count, 1) * 1e6, failures


def measure_servers(granian: str, seconds: float, rounds: int, work: Path) -> Figures:
    """Measure both servers in turn, then check their behaviour."""
    figures = Figures()
    with ExitStack() as stack:
        upstream = stack.enter_context(run_demo_server())
        servers = [stack.enter_context(run_under(name, granian, upstream, work, {})) for name in (UVICORN, GRANIAN)]
        for running in servers:
            for what in (READS, CHATS):
                measure_rate(running, what, 0.5)
            figures.idle_memory[running.name] = read_memory(running)
        direct = statistics.median(uvloop.run(measure_direct_first_token(upstream, 30)))
        for _ in range(rounds):
            for what in (READS, CHATS, TOKENS):
                for running in servers:
                    rate, cost, failures = measure_rate(running, what, seconds)
                    figures.rates[running.name, what].append(rate)
                    figures.costs[running.name, what].append(cost)
                    if failures:
                        figures.failures[f"{running.name}, {what}"] += failures
                    print(f"{running.name:<8} {what:<18} {rate:>9,.0f}  {cost:.1f} µs  failed {failures}", flush=True)
            for running in servers:
                delay = uvloop.run(measure_median_first_token(running, FIRST_TOKENS))
                if delay is not None:
                    figures.delays[running.name].append((delay - direct) * 1000)
        for running in servers:
            figures.memory[running.name] = read_memory(running)
    with run_demo_server(rate=SLOW_RATE) as upstream:
        for name in (UVICORN, GRANIAN):
            with run_under(name, granian, upstream, work, {"FASTBACK_HEADER_TIMEOUT": str(HEADER_SECONDS)}) as running:
                figures.behaviour[name] = uvloop.run(check_behaviour(running, upstream))
    return figures


def format_servers(figures: Figures) -> str:
    """Return the table of both servers."""
    names = (UVICORN, GRANIAN)
    rows: list[Row] = []

    def add_row(what: str, values: list[float], text: str = "{:,.0f}") -> None:
        ratio = f"{values[1] / values[0]:.2f}×" if values[0] else ""
        rows.append((what, *(text.format(value) for value in values), ratio))

    for what in (READS, CHATS, TOKENS):
        add_row(what, [statistics.median(figures.rates[name, what]) for name in names])
    for what, label in _COSTS.items():
        add_row(label, [statistics.median(figures.costs[name, what]) for name in names], "{:,.1f}")
    add_row(FIRST_TOKEN, [statistics.median(figures.delays[name] or [0.0]) for name in names], "{:.1f}")
    for label, memory in (("idle", figures.idle_memory), ("after the load", figures.memory)):
        add_row(f"memory, {label} (MB)", [memory[name][0] for name in names])
    labels = {
        "client_gone": "a client that leaves a stream",
        "slow_header": f"half of a header, limit {HEADER_SECONDS} s",
        "large_header": "a header of 200 kB",
        "api_stream": "a stream over the API during a stop",
        "page_answer": "an answer on a page during a stop",
        "stopped_after": "the process ended after",
    }
    for field, label in labels.items():
        rows.append((label, *(str(getattr(figures.behaviour[name], field)) for name in names), ""))
    failed = [f"Failed: {count} × {what}." for what, count in figures.failures.items()]
    return "\n\n".join([format_table(("", *names, "granian to uvicorn"), rows), *failed])


CHOICE = """Both run one process with SQLite: uvicorn as it is delivered, with its protocol classes for limits and
WebSockets (`kit/http/bounded_http_protocol.py`, `kit/http/websocket_protocol.py`); granian with one worker, one
thread of its runtime, uvloop, and its own limit for heads. Fastback stays with uvicorn: it serves more for each
second of the processor. An application that answers from memory spends most of a request in the server; uvicorn
parses in the event loop, while granian's network runs in threads of its own, which hand each event to Python. granian
keeps a second process in memory, and pages do not receive the rest of their answers at a stop. It has no place for
limits on the size of heads, on bodies that come slowly, on clients that read nothing, and on messages of strangers,
which Fastback has in classes of uvicorn's protocols. Both notice clients that leave, finish streams over the API at a
stop, and serve Socket.IO over WebSockets."""
