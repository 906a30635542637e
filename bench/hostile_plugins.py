"""`python -m bench.hostile_plugins [--only TEXT] [--write]`: measure what misbehaving plugins cost everybody else.

One server runs. For each kind, another process reads the list of models a hundred times a second while a third asks
questions in which the plugin or tool server misbehaves. Both stand for other machines, as in `bench.hostile`. The table
shows the 99th percentile of these reads, the memory after each kind, and what the user or the author read. `--write`
writes the section of `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import servers
from bench.hostile import READER_PRIORITY, SENDER_PRIORITY, find_p99
from bench.hostile_plugin_inputs import INPUTS
from bench.hostile_plugin_questions import HOSTILE, Outcome
from bench.latency_watch import watch_latency
from bench.machine import describe_machine
from bench.process_figures import list_descendants, read_figures, read_status, reset_peak
from bench.report import write_section
from bench.servers import Running, run_helper
from fastback import __version__
from fastback.demo.process import find_free_port, run_demo_server

HEADING = "## Plugins that misbehave"
#: Seconds between two reads, and after which the memory is measured.
INTERVAL, REST = 0.01, 2.0
#: Seconds after the last kind until the memory is measured.
LONG_REST = 12.0
#: Characters of a message that the table shows.
SHOWN = 100
#: Limits that end what would take long otherwise.
LIMITS = {
    "FASTBACK_PLUGIN_HANG_SECONDS": "2",
    "AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER": "2",
    "AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA": "2",
    "MCP_INITIALIZE_TIMEOUT": "2",
}


class Row(NamedTuple):
    """The figures of one kind: milliseconds, and megabytes of the server and of its plugin process."""

    name: str
    p99: float
    asked: int
    memory: float
    peak: float
    host_memory: float
    message: str

    def format(self) -> list[str]:
        text = " ".join(self.message.replace("|", "/").replace("`", "'").split())
        text = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        figures = (f"{self.p99:.1f}", str(self.asked), *(f"{size:.0f}" for size in self[3:6]))
        return [self.name, *figures, text]


TITLES = ("what misbehaves", "p99 (ms)", "times", "server (MB)", "at most", "plugins (MB)", "what is read of it")


class Questions:
    """The process that has plugins misbehave."""

    def __init__(self, running: Running, tool_url: str) -> None:
        module = "bench.hostile_plugin_questions"
        command = [*SENDER_PRIORITY, sys.executable, "-m", module, running.url, running.token, tool_url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self, name: str) -> None:
        """Install what misbehaves, and have it do so once."""
        self._write(name)
        self._read()

    def run(self, seconds: float) -> Outcome:
        """Have it misbehave for some seconds."""
        self._write(str(seconds))
        return msgspec.json.decode(self._read(), type=Outcome)

    def end(self) -> None:
        self._process.communicate(b"")

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that asks questions has ended")
        return line


def read_host_memory(running: Running) -> float:
    """Return the resident memory of the plugin process, 0 where none runs."""
    for pid in list_descendants(running.pid):
        try:
            if b"fastback.plugin_host" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return read_status(pid, "VmRSS")
        except (OSError, KeyError):
            continue  # it has ended
    return 0.0


def measure(running: Running, log: Path, questions: Questions, name: str, seconds: float) -> Row:
    offset = log.stat().st_size
    questions.begin(name)
    reset_peak(running.pid)
    with watch_latency(running, INTERVAL, READER_PRIORITY) as times:
        outcome = questions.run(seconds)
    time.sleep(REST)
    figures = read_figures(running.pid)
    message = find_log_line(log, offset) if INPUTS[name].is_logged else outcome.message
    host_memory = read_host_memory(running)
    return Row(name, find_p99(times), outcome.count, figures.resident, figures.peak, host_memory, message)


def find_log_line(log: Path, offset: int) -> str:
    """Return the first line that the server's log has about the plugin since an offset."""
    lines = log.read_bytes()[offset:].decode("utf-8", "replace").splitlines()
    return next((f"log: {line}" for line in lines if HOSTILE in line), "")


@contextmanager
def run_measured_server(upstream: str) -> Iterator[tuple[Running, Path]]:
    """Run the server; yield it with its log."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        port = find_free_port()
        env = servers.make_environment(upstream, Path(directory) / "data", port) | LIMITS
        command = [sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
        with servers.run_server("Fastback", command, env, port) as running:
            running.prepare_chats()
            yield running, Path(directory) / "fastback.log"


def measure_idle(running: Running, seconds: float) -> float:
    with watch_latency(running, INTERVAL, READER_PRIORITY) as times:
        time.sleep(seconds)
    return find_p99(times)


def print_row(cells: list[str]) -> None:
    name, *figures, text = cells
    print(f"{name:50} {' '.join(f'{figure:>12}' for figure in figures)}  {text}", flush=True)


def describe(rows: list[Row], idle: float, running: Running) -> str:
    head = [f"| {' | '.join(TITLES)} |", "|---|--:|--:|--:|--:|--:|---|"]
    table = "\n".join([*head, *(f"| {' | '.join(row.format())} |" for row in rows)])
    figures = read_figures(running.pid)
    return f"""Measured by `python -m bench.hostile_plugins --write`: the 99th percentile of reading `/api/models`
a hundred times a second while plugins and tool servers misbehave, again and again, on one server. Without them it is
{idle:.1f} ms. Memory is that of the server and of its plugin process two seconds after each kind, and the server's most
meanwhile; {LONG_REST:g} seconds after the last kind the server has {figures.resident:.0f} MB, and the plugin process
{read_host_memory(running):.0f} MB. Two seconds are the limit of calls, and for holding the event loop of plugins.

Machine: {describe_machine()}. Fastback {__version__}, SQLite.

{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hostile_plugins")
    parser.add_argument("--only", default="", help="measure only the kinds whose name contains this")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of each measurement")
    parser.add_argument("--write", action="store_true", help="write the section of the page of measurements")
    options = parser.parse_args()
    with (
        run_demo_server() as demo_url,
        run_helper("bench.hostile_tool_servers") as tool_url,
        run_measured_server(demo_url) as (running, log),
    ):
        print(describe_machine())
        questions = Questions(running, tool_url)
        try:
            idle = measure_idle(running, options.seconds)
            print(f"p99 of /api/models while nothing misbehaves: {idle:.1f} ms")
            print_row(list(TITLES))
            rows = []
            for name in INPUTS:
                if options.only in name:
                    rows.append(measure(running, log, questions, name, options.seconds))
                    print_row(rows[-1].format())
        finally:
            questions.end()
        time.sleep(LONG_REST)
        text = describe(rows, idle, running)
    print(text.partition("\n\n")[0])
    if options.write:
        write_section(HEADING, text)


if __name__ == "__main__":
    main()
