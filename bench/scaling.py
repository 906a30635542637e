"""How either program scales over processes: reads, chats, streams and memory in several arrangements.

The load generator, the model server, PostgreSQL and Redis share the machine's cores with the servers. So each
measurement also reads the processor time of the server's processes. What a server would do with the cores that its
processes can use is its *capacity*: operations per second of its processor time, times the smaller of processes and
cores. Rates by the clock are printed beside it, with the shares of the cores.
"""

from __future__ import annotations

import json
import math
import os
import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import uvloop

from bench.cluster_servers import FASTBACK, REFERENCE, Arrangement, ClusterServer, Programs, start_together
from bench.http_load import run_generator
from bench.page_client import measure_direct_first_token
from bench.process_figures import list_descendants
from bench.processor_limit import limit_processes
from bench.processor_shares import read_shares
from bench.stream_load import measure_median_first_token, measure_streams

READ_PATHS = ("/api/models", "/api/v1/chats/?page=1")
CHAT_BODY = json.dumps({"model": "demo-small", "messages": [{"role": "user", "content": "Go [[tokens 50]]"}]})
#: Connections, or pages, for each process of a server.
PER_PROCESS = 8
PAGE_TOKENS, FIRST_TOKENS = 500, 10
#: The share of a core that each process gets in the runs that leave the load generator room.
LIMIT = 0.25
READS, CHATS, TOKENS, FIRST_TOKEN = (
    "reads/s",
    "chats/s",
    "tokens/s on pages",
    "added to the first token (ms)",
)
LIMITED_READS, LIMITED_CHATS, LIMITED_TOKENS = LIMITED = ("reads/s, limited", "chats/s, limited", "tokens/s, limited")


class Rate(NamedTuple):
    """A measurement: operations per second, and the cores that each part of the machine used meanwhile."""

    rate: float
    server: float
    services: float
    model: float
    generator: float
    idle: float
    failures: int = 0

    def get_capacity(self, processes: int) -> float:
        """Return the operations per second with all the cores that the processes can use."""
        return self.rate / self.server * min(processes, os.cpu_count() or 1) if self.server else 0.0


def list_arrangements(program: str, counts: tuple[int, ...]) -> list[Arrangement]:
    """List the arrangements of a program; `counts` are those of its processes with Redis."""
    return [
        Arrangement(program, 1, "SQLite"),
        Arrangement(program, 1),
        *(Arrangement(program, count, has_redis=True) for count in counts),
    ]


class ScalingFigures:
    """The medians of all measurements."""

    def __init__(self) -> None:
        self._rates: dict[tuple[Arrangement, str], list[Rate]] = defaultdict(list)
        self._delays: dict[Arrangement, list[float]] = defaultdict(list)
        self.memory: dict[Arrangement, tuple[float, float]] = {}
        self.idle_memory: dict[Arrangement, tuple[float, float]] = {}
        self.failures: dict[str, int] = defaultdict(int)

    def add_rate(self, arrangement: Arrangement, what: str, rate: Rate) -> None:
        self._rates[arrangement, what].append(rate)
        if rate.failures:
            self.failures[f"{arrangement.program}, {arrangement.label}, {what}"] += rate.failures
        print(
            f"{arrangement.program:<10} {arrangement.label:<34} {what:<20} {rate.rate:>10,.0f}   cores:"
            f" server {rate.server:.2f}, PostgreSQL and Redis {rate.services:.2f}, model {rate.model:.2f},"
            f" generator {rate.generator:.2f}, idle {rate.idle:.2f}; failed {rate.failures}",
            flush=True,
        )

    def add_delay(self, arrangement: Arrangement, delay: float | None, direct: float) -> None:
        """Add the seconds until a first token, without those of the model server itself; None is a failure."""
        if delay is None:
            self.failures[f"{arrangement.program}, {arrangement.label}, first token"] += 1
        else:
            self._delays[arrangement].append(delay - direct)

    def has_rate(self, arrangement: Arrangement, what: str) -> bool:
        return (arrangement, what) in self._rates

    def get_rate(self, arrangement: Arrangement, what: str) -> Rate:
        """Return the measurement with the median rate, with the median of each share."""
        return Rate(*(statistics.median(column) for column in zip(*self._rates[arrangement, what], strict=True)))

    def get_capacity(self, arrangement: Arrangement, what: str) -> float:
        rates = self._rates[arrangement, what]
        return statistics.median(rate.get_capacity(arrangement.processes) for rate in rates)

    def get_delay(self, arrangement: Arrangement) -> float:
        """Return the median of the milliseconds added to the first token; infinite where no answer came."""
        return statistics.median(self._delays[arrangement] or [math.inf]) * 1000


def measure_requests(server: ClusterServer, seconds: float, *, is_chat: bool) -> Rate:
    """Return the rate of reads, or of chats over the API."""
    url = server.url + ("/api/chat/completions" if is_chat else "")
    before = read_shares([server.pid], server.services)
    figures = run_generator(
        url,
        server.token,
        seconds=seconds,
        connections=PER_PROCESS * server.arrangement.processes,
        body=CHAT_BODY if is_chat else "",
        paths=() if is_chat else READ_PATHS,
    )
    shares = read_shares([server.pid], server.services).subtract(before)
    spent = figures["count"] / figures["rate"]
    failures = int(figures["bad"] + figures["broken"])
    good_rate = (figures["count"] - figures["bad"]) / spent
    cores = (*shares, figures["processor"], figures["idle"])
    return Rate(good_rate, *(value / spent for value in cores), failures)


def measure_page_tokens(server: ClusterServer, seconds: float) -> Rate:
    """Return the tokens per second on pages."""
    before = read_shares([server.pid], server.services)
    pages = PER_PROCESS * server.arrangement.processes
    figures = uvloop.run(measure_streams(server, pages=pages, tokens=PAGE_TOKENS, seconds=seconds))
    shares = read_shares([server.pid], server.services).subtract(before)
    for failure in figures.failures[:3]:
        print(f"failed: {failure}", flush=True)
    cores = (*shares, figures.processor, figures.idle)
    rates = (value / figures.seconds for value in (figures.tokens, *cores))
    return Rate(*rates, len(figures.failures))


def measure_limited(server: ClusterServer, seconds: float, figures: ScalingFigures) -> None:
    """Measure reads, chats and tokens while each process of the server may use a part of a core only."""
    process_ids = list_descendants(server.pid) if server.arrangement.processes > 1 else [server.pid]
    with limit_processes(process_ids, LIMIT) as is_limited:
        if not is_limited:
            return
        figures.add_rate(server.arrangement, LIMITED_READS, measure_requests(server, seconds, is_chat=False))
        figures.add_rate(server.arrangement, LIMITED_CHATS, measure_requests(server, seconds, is_chat=True))
        figures.add_rate(server.arrangement, LIMITED_TOKENS, measure_page_tokens(server, seconds))


def measure_scaling(
    programs: Programs, upstream: str, *, has_reference: bool, counts: tuple[int, ...], seconds: float, rounds: int
) -> ScalingFigures:
    """Measure all arrangements in turn, in several rounds; `counts` are the reference's processes with Redis."""
    figures = ScalingFigures()
    names = [FASTBACK, REFERENCE] if has_reference else [FASTBACK]
    with ExitStack() as stack:
        managers = []
        for program in names:
            stack.enter_context(programs.prepare_template(program))
            for arrangement in list_arrangements(program, (1, 2, 4) if program == FASTBACK else counts):
                has_copy = arrangement.database == "PostgreSQL"
                database = stack.enter_context(programs.copy_template(program)) if has_copy else ""
                managers.append(programs.run(arrangement, database))
        running = start_together(stack, managers)
        for server in running:
            _warm_up(server)
            figures.idle_memory[server.arrangement] = server.read_memory()
        direct = statistics.median(uvloop.run(measure_direct_first_token(upstream, 30)))
        for _ in range(rounds):
            measure_round(running, seconds, direct, figures)
        for server in running:
            figures.memory[server.arrangement] = server.read_memory()
    return figures


def _warm_up(server: ClusterServer) -> None:
    measure_requests(server, 1.5, is_chat=False)
    measure_requests(server, 0.5, is_chat=True)


def measure_round(running: list[ClusterServer], seconds: float, direct: float, figures: ScalingFigures) -> None:
    """Measure each figure of all servers, one after the other; `direct` is the model server's own delay."""
    measures: dict[str, Callable[[ClusterServer], Rate]] = {
        READS: lambda server: measure_requests(server, seconds, is_chat=False),
        CHATS: lambda server: measure_requests(server, seconds, is_chat=True),
        TOKENS: lambda server: measure_page_tokens(server, seconds),
    }
    for what, measure in measures.items():
        for server in running:
            figures.add_rate(server.arrangement, what, measure(server))
    for server in running:
        figures.add_delay(server.arrangement, uvloop.run(measure_median_first_token(server, FIRST_TOKENS)), direct)
        if server.arrangement.program == FASTBACK and server.arrangement.has_redis:
            measure_limited(server, seconds, figures)
