"""The load proof: open pages, streams and reads at two nodes behind nginx, and a restart of both under that load."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.cluster_servers import FASTBACK, Programs
from bench.http_load import run_generator
from bench.load_nodes import Installation, run_installation
from bench.processor_shares import Shares, read_process_time, read_shares, read_tree_time
from bench.scaling import READ_PATHS

#: Tokens a second of each stream, and tokens of an answer: four seconds.
RATE, ANSWER_TOKENS = 50.0, 200
READ_CONNECTIONS = 8
#: Where clients come from: nginx chooses the node by the first three numbers of an address.
ADDRESSES = tuple(f"127.0.{number}.1" for number in range(1, 21))
#: Seconds of load before, between and after restarts; seconds of one run of the load generator.
_PAUSE_SECONDS, _SEGMENT_SECONDS = 5.0, 4.0


class Size(NamedTuple):
    """How many pages are open, and how many of them ask."""

    pages: int
    streams: int


FULL, SMALL = Size(500, 50), Size(100, 10)


class LoadResult(NamedTuple):
    """What a run has shown. `reads` are the runs of the load generator, `page_figures` what the pages report."""

    size: Size
    seconds: float
    reads: list[dict[str, float]]
    page_figures: dict[str, Any]
    memory: list[list[float]]
    shares: Shares
    proxy_seconds: float
    client_seconds: float
    chats: int
    responses: Counter[str]
    retries: Counter[str]
    restarts: list[tuple[float, float]]

    @property
    def read_rate(self) -> float:
        return sum(run["rate"] for run in self.reads) / len(self.reads) if self.reads else 0.0

    @property
    def failures(self) -> dict[str, int]:
        """Failed requests: those of the pages, and reads with another status than 200 or a broken connection."""
        failures = dict(self.page_figures["failures"])
        for name in ("bad", "broken"):
            count = int(sum(run[name] for run in self.reads))
            if count:
                failures[f"reads, {name}"] = count
        return failures

    @property
    def proxy_errors(self) -> int:
        """The responses of nginx that say that something failed, also where the client has sent the request again."""
        return sum(count for response, count in self.responses.items() if response.split()[1].startswith("5"))

    def get_read_time(self, name: str) -> float:
        """Return the median over the runs of a percentile, in milliseconds."""
        return statistics.median(run[name] for run in self.reads) if self.reads else 0.0

    def get_first_token(self, share: float) -> float:
        """Return a percentile of the times until the first token, in milliseconds."""
        times = sorted(self.page_figures["first_tokens"]) or [0.0]
        return times[min(len(times) - 1, int(len(times) * share))] * 1000


class Pages:
    """The process of the pages."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def read_report(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the pages did not open, or their process has ended")
        report: dict[str, Any] = json.loads(line)
        return report

    def finish(self) -> dict[str, Any]:
        """End the questions, wait for the running answers, and return the figures."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read_report()


@contextmanager
def open_pages(installation: Installation, size: Size) -> Iterator[Pages]:
    """Open the pages, and let some of them ask.

    Raises:
        RuntimeError: not all pages open.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load_pages"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    spec = {
        "url": installation.proxy.url,
        "tokens": installation.tokens,
        "pages": size.pages,
        "streams": size.streams,
        "answer_tokens": ANSWER_TOKENS,
        "addresses": ADDRESSES,
    }
    try:
        process.stdin.write(json.dumps(spec) + "\n")
        process.stdin.flush()
        pages = Pages(process)
        pages.read_report()
        yield pages
    finally:
        process.kill()
        process.wait()


class Reader:
    """Read through the proxy in the background, one run of the load generator after the other."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.runs: list[dict[str, float]] = []

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            figures = run_generator(
                self._installation.proxy.url,
                self._installation.tokens[0],
                seconds=_SEGMENT_SECONDS,
                connections=READ_CONNECTIONS,
                paths=READ_PATHS,
                addresses=ADDRESSES,
            )
            self.runs.append(figures)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


def measure_load(
    programs: Programs,
    program: str,
    work: Path,
    size: Size,
    work_under_load: Callable[[Installation], list[tuple[float, float]]],
) -> LoadResult:
    """Put an installation under load while `work_under_load` runs, which returns the seconds of restarts."""
    with run_installation(programs, program, work) as installation:
        chats_before = programs.count_rows("chat", installation.database)
        with open_pages(installation, size) as pages:
            proxy_ids = [installation.proxy.pid]
            before = read_shares(installation.list_process_ids(), installation.services)
            proxy_before = sum(map(read_tree_time, proxy_ids))
            clients_before = read_process_time(pages.process.pid)
            started = time.monotonic()
            reader = Reader(installation)
            reader.start()
            try:
                restarts = work_under_load(installation)
                memory = [node.read_memory() for node in installation.nodes]
            finally:
                reader.stop()
            seconds = time.monotonic() - started
            shares = read_shares(installation.list_process_ids(), installation.services).subtract(before)
            proxy_seconds = sum(map(read_tree_time, proxy_ids)) - proxy_before
            client_seconds = read_process_time(pages.process.pid) - clients_before
            client_seconds += sum(run["processor"] for run in reader.runs)
            page_figures = pages.finish()
            chats = programs.count_rows("chat", installation.database) - chats_before
            time.sleep(1.5)  # nginx writes its log once a second
            responses, retries = installation.proxy.count_requests()
    return LoadResult(
        size=size,
        seconds=seconds,
        reads=reader.runs,
        page_figures=page_figures,
        memory=memory,
        shares=shares,
        proxy_seconds=proxy_seconds,
        client_seconds=client_seconds,
        chats=chats,
        responses=responses,
        retries=retries,
        restarts=restarts,
    )


def restart_nodes(installation: Installation) -> list[tuple[float, float]]:
    """Restart the nodes one after the other; return the seconds until each had ended, and until it was ready again."""
    restarts = []
    for node in installation.nodes:
        time.sleep(_PAUSE_SECONDS)
        restarts.append((node.stop(), node.start(is_busy=True)))
    time.sleep(_PAUSE_SECONDS)
    return restarts


def measure_plain_load(programs: Programs, program: str, work: Path, size: Size, seconds: float) -> LoadResult:
    def wait(_: Installation) -> list[tuple[float, float]]:
        time.sleep(seconds)
        return []

    return measure_load(programs, program, work, size, wait)


def measure_restart(programs: Programs, work: Path, size: Size = FULL) -> LoadResult:
    return measure_load(programs, FASTBACK, work, size, restart_nodes)
