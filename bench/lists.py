"""`python -m bench.lists [--postgres URL] [--reference PATH] [--only TEXT]`: measure lists on a large installation.

Fill a database with what five hundred users leave behind in two years, 25,000 chats among it (see
`tests.large_installation`), serve it, and request each list. Figures are milliseconds of processor time, of the server
and of PostgreSQL's processes for it, and of the event loop alone; each is the best of five requests. With `--reference`
Open WebUI serves the same databases afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import re
import shutil
import sys
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.large_installation import PEOPLE, Installation, fill_postgres, fill_sqlite
from tests.large_installation_requests import ListRequest, list_requests

from bench import servers
from bench.process_figures import read_processor_time
from bench.servers import Running
from fastback import app
from fastback.access.tokens import TokenSigner
from fastback.demo.process import find_free_port
from fastback.kit.db.connect import connect
from fastback.kit.db.indexes import ensure_indexes
from fastback.schema import revision

RUNS = 5
#: Seconds that the indexes, and the index of chats, have to be built.
PATIENCE = 900
_FEATURES = {"ENABLE_CHANNELS": "true", "USER_PERMISSIONS_FEATURES_CHANNELS": "true"}
Figures = dict[tuple[str, str], tuple[float, float]]


async def create_database(url: str) -> None:
    """Create the schema and our own indexes in an empty database."""
    db = await connect(url)
    try:
        await revision.ensure_schema(db, own_statements=list(app.OWN_TABLES))
        await ensure_indexes(db, app.OWN_INDEXES)
    finally:
        await db.close()


async def list_backends(url: str) -> list[int]:
    """Return the processes of PostgreSQL on this machine that work for the measured server."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            """SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
        )
        return [row["pid"] for row in rows]
    finally:
        await connection.close()


class RequestFailed(RuntimeError):
    """A response with another status than 200."""


class Client:
    """Sends the requests of one person over one connection."""

    def __init__(self, running: Running, token: str) -> None:
        address = urllib.parse.urlsplit(running.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=300)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def send(self, request: ListRequest) -> None:
        try:
            response = self._send_once(request)
        except http.client.RemoteDisconnected:  # closed while it was idle; the next request opens another
            response = self._send_once(request)
        body = response.read()
        if response.status != 200:
            raise RequestFailed(f"{request.name}: {response.status} {body[:200]!r}")

    def _send_once(self, request: ListRequest) -> http.client.HTTPResponse:
        self._connection.request(request.method, request.path, body=request.body or None, headers=self._headers)
        return self._connection.getresponse()


def measure_lists(running: Running, installation: Installation, only: str, url: str | None) -> Figures:
    """Return the processor time of each list, by its name and its reader: of all processes, and of the event loop."""
    signer = TokenSigner("bench-secret-key-of-at-least-32-characters")
    clients = {
        name[0]: Client(running, signer.create_session_token(user_id, method="password", stamp=None, lifetime=None))
        for name, user_id in PEOPLE.items()
    }
    figures: Figures = {}
    for request in list_requests(installation):
        if only not in request.name:
            continue
        for person in request.people:
            try:
                clients[person].send(request)
            except RequestFailed as failure:
                if running.name == "Fastback":
                    raise
                print(f"{running.name} failed: {failure}", flush=True)
                continue
            backends = asyncio.run(list_backends(url)) if url else []
            send = partial(clients[person].send, request)
            runs = [_measure_once(send, running.pid, backends) for _ in range(RUNS)]
            figures[request.name, person] = (min(run[0] for run in runs), min(run[1] for run in runs))
    return figures


def _measure_once(send: Callable[[], None], process_id: int, backends: list[int]) -> tuple[float, float]:
    def read() -> tuple[float, float]:
        total = read_processor_time(process_id) + sum(read_processor_time(backend) for backend in backends)
        return total, read_processor_time(process_id, process_id)

    before = read()
    send()
    after = read()
    return after[0] - before[0], after[1] - before[1]


def wait_for_index(log: Path) -> None:
    """Wait until the log reports the finished index of chats."""
    deadline = time.monotonic() + PATIENCE
    while not re.search(r"indexed \d+ outdated chats", log.read_text()):
        if time.monotonic() > deadline:
            raise RuntimeError("the index of chats was not finished in time")
        time.sleep(0.5)
    time.sleep(2)


def measure_fastback(work: Path, installation: Installation, only: str, url: str | None = None) -> Figures:
    """Serve the database with Fastback, and measure its lists."""
    port = find_free_port()
    env = servers.make_environment("http://127.0.0.1:9", work / "data", port) | _FEATURES
    env |= {"GLOBAL_LOG_LEVEL": "INFO", "ENABLE_OPENAI_API": "false"} | ({"DATABASE_URL": url} if url else {})
    command = [sys.executable, "-OO", "-m", "fastback", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with servers.run_server("Fastback", command, env, port) as running:
        wait_for_index(work / "fastback.log")
        return measure_lists(running, installation, only, url)


def measure_reference(
    executable: str, work: Path, installation: Installation, only: str, url: str | None = None
) -> Figures:
    """Serve the database with Open WebUI, and measure its lists."""
    port = find_free_port()
    env = servers.make_environment("http://127.0.0.1:9", work / "data", port) | _FEATURES
    env |= {"OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "ENV": "prod"}
    env |= {"DATABASE_URL": url} if url else {}
    command = [executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with servers.run_server("Open WebUI", command, env, port) as running:
        return measure_lists(running, installation, only, url)


async def _run_database_command(server: str, command: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute(command)
    finally:
        await connection.close()


def measure_postgres(work: Path, server: str, reference: str | None, only: str, now: int) -> tuple[Figures, Figures]:
    """Fill a database on the server, measure the lists of Fastback and of the reference, and drop it."""
    name = f"fastback_lists_{uuid.uuid4().hex[:8]}"
    url = f"{server.rsplit('/', 1)[0]}/{name}"
    asyncio.run(_run_database_command(server, f"CREATE DATABASE {name}"))
    try:
        asyncio.run(create_database(url))
        installation = Installation(now)
        asyncio.run(fill_postgres(url, installation))
        ours = measure_fastback(work, installation, only, url)
        return ours, measure_reference(reference, work, installation, only, url) if reference else {}
    finally:
        asyncio.run(_run_database_command(server, f"DROP DATABASE {name} WITH (FORCE)"))


def measure_sqlite(work: Path, reference: str | None, only: str, now: int) -> tuple[Figures, Figures]:
    """Fill an SQLite database, and measure the lists of Fastback and of the reference."""
    path = work / "data" / "webui.db"
    path.parent.mkdir(parents=True)
    asyncio.run(create_database(f"sqlite:///{path}"))
    installation = Installation(now)
    fill_sqlite(str(path), installation)
    ours = measure_fastback(work, installation, only)
    return ours, measure_reference(reference, work, installation, only) if reference else {}


def print_figures(measured: list[tuple[str, Figures]]) -> None:
    """Print a line for each list, with the columns of the figures that were measured."""
    measured = [(title, figures) for title, figures in measured if figures]
    print(f"{'processor time, ms':72}" + "".join(f" {title:>20}    (loop)" for title, _ in measured))
    for name, person in measured[0][1]:
        line = f"{name[:70]:70} {person}"
        for _, figures in measured:
            total, loop = figures.get((name, person), (None, None))
            line += f" {'-':>20} {'-':>9}" if total is None else f" {total:20.1f} {loop:9.1f}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.lists")
    parser.add_argument(
        "--postgres", default=os.environ.get("FASTBACK_TEST_POSTGRES"), help="a server on which to create a database"
    )
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="the open-webui executable")
    parser.add_argument("--only", default="", help="measure only the lists whose name contains this")
    arguments = parser.parse_args()
    now = int(time.time())  # the same for both databases: the names of some lists contain times
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lists-")))
        (base / "sqlite").mkdir()
        (base / "postgres").mkdir()
        sqlite, reference = measure_sqlite(base / "sqlite", arguments.reference, arguments.only, now)
        shutil.rmtree(base / "sqlite")
        postgres: tuple[Figures, Figures] = ({}, {})
        if arguments.postgres:
            work, server = base / "postgres", arguments.postgres
            postgres = measure_postgres(work, server, arguments.reference, arguments.only, now)
    print_figures(
        [
            ("SQLite", sqlite),
            ("Open WebUI, SQLite", reference),
            ("PostgreSQL", postgres[0]),
            ("Open WebUI, PostgreSQL", postgres[1]),
        ]
    )


if __name__ == "__main__":
    main()
