"""`python -m bench.soak_nodes [--minutes 20] [--workers 1] [--slowness 1] [--write]`: watch two nodes under mixed load.

The load of `bench.soak` comes twice, from an address that nginx sends to the first node and one that it sends to the
second; sockets of every other page are at the other node than its requests. Beside it pages of both nodes write notes
together, and activity events go to a webhook. Every ten seconds the processes, their metrics, Redis and PostgreSQL are
read. The exit code is 1 where a rule of `bench.soak_rules` is broken, one in a thousand steps fails, or nginx answers
with a status of 500 and above.

PostgreSQL needs the extension of pgvector; the run creates a database and drops it. Of Redis it needs a database number
that no other client uses.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import textwrap
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web
from tests.redis_server import delete_keys

from bench.cluster_servers import FASTBACK, Programs
from bench.load_nodes import Installation, run_installation
from bench.machine import describe_machine
from bench.nginx_proxy import Proxy
from bench.processor_shares import read_family_time
from bench.report import write_section
from bench.retrieval import make_server_settings, run_embedding_server
from bench.servers import Running
from bench.soak_load import Load
from bench.soak_notes import write_together
from bench.soak_readings import METRICS_TOKEN, Reader, Values
from bench.soak_rules import LINE_LENGTH, Soak, format_soak, list_broken_rules, list_remains
from fastback import __version__
from fastback.demo.process import find_free_port, run_demo_server

HEADING = "## A soak of two nodes"
#: Addresses of clients: nginx sends the first to one node, and the second to the other (`ip_hash`).
_ADDRESSES = ("127.0.1.1", "127.0.2.1")
_READING_SECONDS = 10.0
#: Seconds before the load in which nothing happens, and the most that its remains have to go away.
_IDLE_SECONDS, _SETTLING_SECONDS = 15.0, 90.0
#: Seconds between two notes that are written together.
_NOTE_PAUSE = 2.0
#: The share of the steps that may fail.
_FAILING_SHARE = 0.001


class Figures:
    """What a run counts beside the readings."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.failures = Counter[str]()
        self.webhooks = 0
        self.cores: list[float] = []
        self.proxy_errors = 0

    def list_broken_rules(self) -> list[str]:
        broken = []
        if self.failures.total() > _FAILING_SHARE * self.counts.total():
            broken.append(f"{self.failures.total()} of {self.counts.total()} steps failed")
        if self.proxy_errors:
            broken.append(f"{self.proxy_errors} responses of nginx with 500 and above")
        return broken

    def format(self) -> str:
        steps = ", ".join(f"{count} × {name}" for name, count in sorted(self.counts.items()))
        text = f"Steps: {steps}; {self.webhooks} deliveries to the webhook; {self.failures.total()} failures."
        lines = [textwrap.fill(text, LINE_LENGTH)]
        lines += [f"Failed {count} ×: {failure}" for failure, count in self.failures.most_common(10)]
        return "\n".join((*lines, f"Cores in use, by node: {', '.join(f'{share:.2f}' for share in self.cores)}."))


@asynccontextmanager
async def run_webhook_receiver(figures: Figures) -> AsyncIterator[str]:
    """Receive deliveries, and yield the address."""

    async def receive(request: web.Request) -> web.Response:
        await request.read()
        figures.webhooks += 1
        return web.Response()

    application = web.Application()
    application.router.add_post("/", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    port = find_free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


async def watch(reader: Reader, readings: list[tuple[float, Values]]) -> None:
    """Read every ten seconds until cancelled; print the time of each tenth reading."""
    started = time.monotonic()
    while True:
        await asyncio.sleep(_READING_SECONDS)
        readings.append(((time.monotonic() - started) / 60, await reader.read()))
        if len(readings) % 6 == 0:
            memory = [f"{value:.1f}" for subject, value in readings[-1][1].items() if "resident" in subject.name]
            print(f"{readings[-1][0]:5.1f} min, {', '.join(memory)} MB, load {os.getloadavg()[0]:.1f}", flush=True)


async def run_load(loads: list[Load], server: Running, sessions: list[aiohttp.ClientSession], seconds: float) -> None:
    """Run all loads, and write notes together, for some seconds."""
    until = time.monotonic() + seconds

    async def write_note() -> None:
        await write_together(loads[0], server, sessions)

    together = loads[0].repeat("note written together", _NOTE_PAUSE, write_note, until)
    await asyncio.gather(together, *(load.run(seconds) for load in loads))


async def soak(
    installation: Installation, database: str, token: str, options: argparse.Namespace, prefix: str
) -> tuple[Soak, Figures]:
    """Run the load, and return the readings and what was counted."""
    figures = Figures()
    server = Running(FASTBACK, installation.proxy.url, 0, 0.0)
    server.token = token
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(database)
        stack.push_async_callback(connection.close)
        sessions = []
        for address in _ADDRESSES:
            connector = aiohttp.TCPConnector(limit=0, local_addr=(address, 0))
            sessions.append(await stack.enter_async_context(aiohttp.ClientSession(connector=connector)))
        own_session = await stack.enter_async_context(aiohttp.ClientSession())
        nodes = {node.running.url: node.running.pid for node in installation.nodes if node.running}
        reader = Reader(nodes, session=own_session, redis_url=options.redis, prefix=prefix, connection=connection)
        stack.push_async_callback(reader.close)
        loads = [
            Load(server, session, sockets=other, slowness=options.slowness)
            for session, other in (sessions, reversed(sessions))
        ]
        receiver = await stack.enter_async_context(run_webhook_receiver(figures))
        await loads[0].request("POST", "/api/events/webhooks", json={"url": receiver, "name": "Soak"})
        for load in loads:
            await load.prepare()
        await asyncio.sleep(_IDLE_SECONDS)
        before = await reader.read()
        readings: list[tuple[float, Values]] = []
        used = [read_family_time(pid) for pid in nodes.values()]
        started = time.monotonic()
        watching = asyncio.create_task(watch(reader, readings))
        await run_load(loads, server, sessions, options.minutes * 60)
        watching.cancel()
        seconds = time.monotonic() - started
        figures.cores = [
            (read_family_time(pid) - time_before) / seconds
            for pid, time_before in zip(nodes.values(), used, strict=True)
        ]
        result = Soak(before, readings, await wait_until_settled(reader, Soak(before, readings, {})))
        for load in loads:
            figures.counts += load.counts
            figures.failures += load.failures
        return result, figures


async def wait_until_settled(reader: Reader, result: Soak) -> Values:
    """Wait until what the load has left is gone, or until that has had the time, and return the last values."""
    started = time.monotonic()
    while True:
        await asyncio.sleep(5)
        values = await reader.read()
        seconds = time.monotonic() - started
        if not list_remains(result, values) or seconds > _SETTLING_SECONDS:
            print(f"settled after {seconds:.0f} s", flush=True)
            return values


def count_proxy_errors(proxy: Proxy) -> int:
    responses, _ = proxy.count_requests()
    return sum(count for response, count in responses.items() if int(response.split()[1]) >= 500)


def run_soak(work: Path, options: argparse.Namespace) -> tuple[Soak, Figures]:
    """Start everything, run the load, and stop everything."""
    prefix = f"soak-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        upstream = stack.enter_context(run_demo_server())
        embedder = stack.enter_context(run_embedding_server(priority=()))  # documents wait for it
        programs = Programs(work, upstream, options.postgres, None)
        stack.enter_context(programs.prepare_template(FASTBACK))
        stack.callback(lambda: asyncio.run(delete_keys(options.redis, prefix)))
        variables = {
            **make_server_settings(embedder),
            "REDIS_KEY_PREFIX": prefix,
            "FASTBACK_METRICS_TOKEN": METRICS_TOKEN,
            "VECTOR_DB": "pgvector",
            "UPLOAD_DIR": str(work / "uploads"),
            "ENABLE_RAG_LOCAL_WEB_FETCH": "true",  # the webhook is on this machine
            **dict(variable.split("=", 1) for variable in options.environment),
        }
        installation = stack.enter_context(
            run_installation(
                programs, FASTBACK, work, workers=options.workers, redis_url=options.redis, variables=variables
            )
        )
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        address = programs.build_address(installation.database)
        result, figures = asyncio.run(soak(installation, address, programs.get_token(FASTBACK), options, prefix))
        time.sleep(1.5)  # nginx writes its log once a second
        figures.proxy_errors = count_proxy_errors(installation.proxy)
        for log in sorted(work.glob("*/fastback.log")):
            print(f"{log}: {len(log.read_text().splitlines())} lines\n{log.read_text()[-2000:]}")
        return result, figures


def main() -> None:
    postgres = os.environ.get("FASTBACK_TEST_PGVECTOR") or os.environ.get("FASTBACK_TEST_POSTGRES")
    parser = argparse.ArgumentParser(prog="python -m bench.soak_nodes")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--workers", type=int, default=1, help="processes of each node")
    parser.add_argument("--slowness", type=float, default=1.0, help="factor of the pauses of the load")
    parser.add_argument("--postgres", default=postgres, help="address of a server that has pgvector")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/9", help="address with a database number of its own")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--write", action="store_true", help="write the section into the docs")
    options = parser.parse_args()
    if not options.postgres:
        parser.error("name a PostgreSQL server: --postgres, FASTBACK_TEST_PGVECTOR or FASTBACK_TEST_POSTGRES")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and databases are removed
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        result, figures = run_soak(Path(directory), options)
    section = (
        f"Measured by `python -m bench.soak_nodes --minutes {options.minutes:g} --workers {options.workers}"
        f" --slowness {options.slowness:g} --write`:\n{textwrap.fill(_MANNER, LINE_LENGTH)}\n\n"
        f"Machine: {describe_machine()}. Fastback {__version__}, PostgreSQL and Redis on the same machine."
        f"\n\n{format_soak(result)}\n\n{figures.format()}"
    )
    broken = list_broken_rules(result) + figures.list_broken_rules()
    print(f"\n{section}\n\nload average {os.getloadavg()[0]:.1f}; rules broken: {len(broken)}")
    print("\n".join(broken), flush=True)
    if options.write:
        write_section(HEADING, section)
    sys.exit(bool(broken))


_MANNER = (
    "two nodes behind nginx share a PostgreSQL with pgvector, and a Redis. People ask, stream, reload and edit on"
    " pages; programs chat over the API; documents are uploaded and asked about; notes are written together from both"
    " nodes; events go to a webhook. The rules are in `bench/soak_rules.py`."
)

if __name__ == "__main__":
    main()
