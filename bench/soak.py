"""`python -m bench.soak [--minutes N] [--database postgres]`: watch one server under mixed load.

People ask, stream, reload and edit on pages; programs chat over the API; lists, settings and notes are read and
changed; documents are uploaded and asked about; a user signs in and out. Each minute one line: resident memory of
the server, of which anonymous, and of its workers; open files, threads and running tasks. At the end: start, peak, and
the slope of the last ten minutes.

The server's priority is higher than that of everything else here: pauses of the load depend on the machine, the memory
does not. `--environment` sets a variable of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from tests.prepared_database import postgres_database

from bench.machine import describe_machine
from bench.process_figures import ProcessFigures, read_figures
from bench.retrieval import make_environment, make_server_settings, run_embedding_server, sign_up
from bench.servers import Running, run_server
from bench.soak_load import Load
from fastback.demo.process import find_free_port, run_demo_server

SERVE_COMMAND = (sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port")
#: Seconds between two readings of the figures; the line of a minute shows the highest memory in it.
SAMPLE_INTERVAL = 1.0


class MemoryRecord:
    """Readings of the server, with their times in minutes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = time.monotonic()
        self.readings: list[tuple[float, ProcessFigures]] = []

    def read(self) -> ProcessFigures:
        figures = read_figures(self._pid)
        self.readings.append(((time.monotonic() - self._started) / 60, figures))
        return figures

    def get_slope(self, minutes: float) -> float:
        """Return by how many MB an hour the resident memory grew in the last minutes (least squares)."""
        end = self.readings[-1][0]
        points = [(moment, figures.resident) for moment, figures in self.readings if moment >= end - minutes]
        if len(points) < 2:
            return 0.0
        slope, _ = statistics.linear_regression(*zip(*points, strict=True))
        return slope * 60


async def watch_server(record: MemoryRecord, load: Load) -> None:
    """Print a line each minute."""
    print(f"{'min':>4} {'RSS':>6} {'highest':>7} {'anon':>6} {'workers':>7} files threads tasks  load  steps failures")
    for minute in range(1_000_000):
        highest = 0.0
        for _ in range(1 if minute == 0 else round(60 / SAMPLE_INTERVAL)):
            await asyncio.sleep(SAMPLE_INTERVAL)
            figures = record.read()
            highest = max(highest, figures.resident)
        tasks = len((await load.request("GET", "/api/tasks"))["tasks"])
        print(
            f"{minute:>4} {figures.resident:>6.1f} {highest:>7.1f} {figures.anonymous:>6.1f} {figures.workers:>7.1f}"
            f" {figures.open_files:>5} {figures.threads:>7} {tasks:>5} {os.getloadavg()[0]:>5.1f}"
            f" {sum(load.counts.values()):>6} {sum(load.failures.values()):>8}",
            flush=True,
        )


@asynccontextmanager
async def run_measured_server(database: str, variables: dict[str, str], work: Path) -> AsyncIterator[Running]:
    """Run the server with a model server and an embedding server."""
    async with AsyncExitStack() as stack:
        upstream = stack.enter_context(run_demo_server())
        embedder = stack.enter_context(run_embedding_server())
        port = find_free_port()
        env = make_environment(f"{upstream}/v1", work / "fastback", port) | make_server_settings(embedder)
        env |= {"ENABLE_TITLE_GENERATION": "true"} | variables
        if database == "postgres":
            env["DATABASE_URL"] = await stack.enter_async_context(postgres_database(empty=True))
        running = stack.enter_context(run_server("Fastback", [*SERVE_COMMAND, str(port)], env, port))
        yield sign_up(running)


async def run_soak(minutes: float, database: str, variables: dict[str, str], work: Path) -> None:
    async with run_measured_server(database, variables, work) as running, aiohttp.ClientSession() as session:
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        load = Load(running, session)
        record = MemoryRecord(running.pid)
        await load.prepare()
        start = record.read()
        watching = asyncio.create_task(watch_server(record, load))
        await load.run(minutes * 60)
        watching.cancel()
        print_summary(record, load, start)


def print_summary(record: MemoryRecord, load: Load, start: ProcessFigures) -> None:
    end = record.read()
    residents = [figures.resident for _, figures in record.readings]
    print(f"\n{describe_machine()}; load average {os.getloadavg()[0]:.1f}")
    print(f"start {start.resident:.1f} MB, peak {max(residents):.1f} MB (between readings {end.peak:.1f} MB), ", end="")
    print(f"end {end.resident:.1f} MB; last 10 minutes {record.get_slope(10):+.1f} MB an hour")
    print(f"open files {start.open_files} → {end.open_files}, threads {start.threads} → {end.threads}")
    print("steps: " + ", ".join(f"{count} × {name}" for name, count in sorted(load.counts.items())))
    for failure, count in load.failures.most_common(10):
        print(f"failed {count} ×: {failure}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    variables = dict(variable.split("=", 1) for variable in arguments.environment)
    with tempfile.TemporaryDirectory() as work:
        asyncio.run(run_soak(arguments.minutes, arguments.database, variables, Path(work)))


if __name__ == "__main__":
    main()
