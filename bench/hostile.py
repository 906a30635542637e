"""`python -m bench.hostile [--only TEXT] [--seconds N]`: measure what hostile inputs cost everybody else.

For each kind of input a new server runs on SQLite. Another process reads the list of models fifty times a second: first
while nothing else happens, then while a third process sends the input. Both stand for other machines, so the one that
reads waits for no core that the sender holds: it has a higher priority, the sender a lower one (as root; otherwise the
figures show the scheduler, too).

A control says what of this is the machine's: a bare ASGI handler on the same kind of server (`bench.bare_handler`)
returns the same bytes from a process of its own, which receives none of the input. It is read in the same way, and at
the same times, by another process of the same priority. As the sender and the measured server take processors, memory
bandwidth and the network of this machine from the control as well, its response times grow, too; what exceeds that is
the measured server's own.

The table shows the 99th percentile without and with the input, in milliseconds, and their ratio, for the server and for
the control; how often the input was sent; and the server's resident memory before and after it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from bench import servers
from bench.hostile_inputs import INPUTS
from bench.latency_watch import watch_latency
from bench.machine import describe_machine
from bench.servers import Running, run_helper
from fastback.demo.process import find_free_port, run_demo_server

INTERVAL = 0.02
#: The priorities of the process that reads and of the one that sends.
READER_PRIORITY, SENDER_PRIORITY = ["nice", "-n", "-10"], ["nice", "-n", "10"]
#: Seconds after an input until its memory is measured.
REST = 12.0

#: Returns the module that sends an input of a name, the name, and further arguments.
BuildSender = Callable[[str], list[str]]


class Reads:
    """The 99th percentiles of one process's response times in milliseconds, without and with an input."""

    def __init__(self, idle: list[float], busy: list[float]) -> None:
        self.idle = find_p99(idle)
        self.busy = find_p99(busy)

    @property
    def ratio(self) -> float:
        return self.busy / self.idle

    def format(self) -> str:
        return f"{self.idle:9.2f} {self.busy:9.2f} {self.ratio:9.1f}"


class Outcome(NamedTuple):
    """The figures of one input; memory is that of the server's process alone, in megabytes."""

    server: Reads
    control: Reads
    count: int
    memory_before: float
    memory_after: float


def find_p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def read_memory(process_id: int) -> float:
    """Return the resident memory of a process without its children, in MB."""
    text = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def watch_both(running: Running, control: Running) -> Iterator[tuple[list[float], list[float]]]:
    """Read from the server and from the control until the end of the context; then the lists have the milliseconds."""
    with (
        watch_latency(control, INTERVAL, READER_PRIORITY) as control_times,
        watch_latency(running, INTERVAL, READER_PRIORITY) as server_times,
    ):
        yield server_times, control_times


@contextmanager
def run_control(running: Running, directory: Path) -> Iterator[Running]:
    """Run a bare handler that returns what the server returns for the list of models."""
    request = Request(f"{running.url}/api/models", headers={"authorization": f"Bearer {running.token}"})
    with urlopen(request) as response:
        content = response.read()
    with servers.run_bare_handler(content, directory) as url:
        yield Running("control", url, 0, 0.0)


def measure_input(sender: list[str], running: Running, control: Running, seconds: float, rest: float) -> Outcome:
    """Measure reads without and with an input. `sender` is the module that sends it, and its further arguments."""
    module, name, *more = sender
    command = [*SENDER_PRIORITY, sys.executable, "-m", module, name, running.url, running.token, str(seconds), *more]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError(f"{name}: its sender has ended")
    time.sleep(rest)
    memory_before = read_memory(running.pid)
    with watch_both(running, control) as (idle, control_idle):
        time.sleep(seconds)
    with watch_both(running, control) as (busy, control_busy):
        process.stdin.write(b"\n")
        process.stdin.flush()
        count = int(process.stdout.readline())
    process.communicate()
    time.sleep(rest)
    server, bare = Reads(idle, busy), Reads(control_idle, control_busy)
    return Outcome(server, bare, count, memory_before, read_memory(running.pid))


def run_once(sender: list[str], upstreams: list[str], seconds: float, rest: float) -> Outcome:
    """Measure one input on a new server with these model servers."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        port = find_free_port()
        env = servers.make_environment(upstreams[0], Path(directory) / "data", port)
        env["OPENAI_API_BASE_URLS"] = ";".join(f"{url}/v1" for url in upstreams)
        env |= {"OPENAI_API_KEYS": ";".join("bench" for _ in upstreams), "GLOBAL_LOG_LEVEL": "ERROR"}
        command = [sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
        with servers.run_server("Fastback", command, env, port) as running:
            running.prepare_chats()
            with run_control(running, Path(directory)) as control:
                return measure_input(sender, running, control, seconds, rest)


def parse_arguments(program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--only", default="", help="measure only the inputs whose name contains this")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement")
    parser.add_argument("--runs", type=int, default=3, help="the table shows the run with the median ratio")
    parser.add_argument("--rest", type=float, default=REST, help="seconds until the memory is measured")
    return parser.parse_args()


def print_table(names: Iterable[str], build_sender: BuildSender, upstreams: list[str], options: Any) -> None:
    """Measure the inputs of these names, and print a row for each; `build_sender` returns what sends one."""
    print(describe_machine())
    titles = ("idle", "during", "ratio", "control", "during", "ratio", "sent", "MB before", "after")
    print(f"{'p99 of /api/models, ms':46} " + " ".join(f"{title:>9}" for title in titles), flush=True)
    for name in names:
        if options.only not in name:
            continue
        sender = build_sender(name)
        outcomes = [run_once(sender, upstreams, options.seconds, options.rest) for _ in range(options.runs)]
        middle = statistics.median_low(outcome.server.ratio for outcome in outcomes)
        outcome = next(outcome for outcome in outcomes if outcome.server.ratio == middle)
        print(
            f"{name:46} {outcome.server.format()} {outcome.control.format()} {outcome.count:9} "
            f"{outcome.memory_before:9.0f} {max(run.memory_after for run in outcomes):9.0f}",
            flush=True,
        )


def main() -> None:
    options = parse_arguments("python -m bench.hostile")
    with run_demo_server() as demo_url, run_helper("bench.hostile_inputs", "--model-server") as faulty_url:
        print_table(INPUTS, lambda name: ["bench.hostile_inputs", name], [demo_url, faulty_url], options)


if __name__ == "__main__":
    main()
