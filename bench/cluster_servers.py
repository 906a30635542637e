"""Run either program in the arrangements that the benchmark of several processes compares.

All arrangements with PostgreSQL of one program begin with the same content: a first start creates a database and sixty
chats, and each arrangement gets a copy of it, and a Redis of its own where it uses one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
from tests.redis_server import run_redis

from bench.process_figures import list_descendants, read_status
from bench.processor_shares import find_redis, read_tree_time
from bench.servers import Running, make_environment, run_server
from fastback.demo.process import find_free_port

FASTBACK, REFERENCE = "Fastback", "Open WebUI"
#: Variables of the reference: nothing is downloaded, and no model is loaded.
_REFERENCE_VARIABLES = {
    "OFFLINE_MODE": "true",
    "HF_HUB_OFFLINE": "1",
    "RAG_EMBEDDING_ENGINE": "openai",
    "ENV": "prod",
}
#: Cores that a server uses at most once all of its processes have started, and seconds that this has to last.
_QUIET_CORES, _QUIET_SECONDS = 0.15, 2
_START_SECONDS = 240.0


class Arrangement(NamedTuple):
    """A program with a number of processes."""

    program: str
    processes: int
    database: str = "PostgreSQL"
    has_redis: bool = False

    @property
    def label(self) -> str:
        """The arrangement without the program."""
        count = f"{self.processes} process{'es' if self.processes > 1 else ''}"
        return f"{count}, {self.database}{' + Redis' if self.has_redis else ''}"


class ClusterServer(Running):
    """A running arrangement. `services` are the processes of its PostgreSQL and Redis servers."""

    def __init__(self, arrangement: Arrangement, running: Running, services: list[int]) -> None:
        super().__init__(running.name, running.url, running.pid, running.ready)
        self.arrangement = arrangement
        self.services = services

    def read_memory(self) -> tuple[float, float]:
        """Return the resident memory of all processes, and of the largest one, in MB."""
        sizes = []
        for pid in [self.pid, *list_descendants(self.pid)]:
            with suppress(OSError, KeyError):  # it has ended
                sizes.append(read_status(pid, "VmRSS"))
        return sum(sizes), max(sizes)


class Programs:
    """Start the programs with their databases in `work`; `executable` is that of the reference."""

    def __init__(self, work: Path, upstream: str, postgres: str, executable: str | None) -> None:
        self._work = work
        self._upstream = upstream
        self._postgres = postgres
        self._executable = executable
        self._prefix = f"bench_{uuid.uuid4().hex[:8]}"
        self._tokens: dict[str, str] = {}
        self._count = 0

    def get_token(self, program: str) -> str:
        """Return the token of the user of the prepared database."""
        return self._tokens[program]

    def get_template_name(self, program: str) -> str:
        """Return the name of the database that is copied for each arrangement."""
        return f"{self._prefix}_{program.replace(' ', '').lower()}"

    def run_sql(self, statement: str, database: str = "") -> str:
        """Run a statement in a database, by default that of the address; return the first value of a SELECT as text."""
        address = self.build_address(database) if database else self._postgres

        async def execute() -> str:
            connection = await asyncpg.connect(address)
            try:
                if statement.startswith("SELECT"):
                    return str(await connection.fetchval(statement))
                await connection.execute(statement)
                return ""
            finally:
                await connection.close()

        return asyncio.run(execute())

    def count_rows(self, table: str, database: str) -> int:
        return int(self.run_sql(f"SELECT count(*) FROM {table}", database))

    def find_postgres(self) -> list[int]:
        """Return the main process of PostgreSQL, or nothing where it runs elsewhere or the user may not ask."""

        try:
            pid = int(self.run_sql("SELECT pg_read_file('postmaster.pid')").split("\n", 1)[0])
            is_here = "postgres" in Path(f"/proc/{pid}/comm").read_text()
        except (asyncpg.PostgresError, OSError):
            return []
        return [pid] if is_here else []

    def build_address(self, database: str) -> str:
        return f"{self._postgres.rsplit('/', 1)[0]}/{database}"

    @contextmanager
    def prepare_template(self, program: str) -> Iterator[None]:
        """Create the database that arrangements with PostgreSQL copy."""
        name = self.get_template_name(program)
        self.run_sql(f"CREATE DATABASE {name}")
        try:
            with self.run_program(program, 1, {"DATABASE_URL": self.build_address(name)}) as running:
                running.prepare_chats()
                self._tokens[program] = running.token
            yield
        finally:
            self.run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def copy_template(self, program: str) -> Iterator[str]:
        """Copy the prepared database, and yield the copy's name."""
        self._count += 1
        name = f"{self.get_template_name(program)}_{self._count}"
        self.run_sql(f"CREATE DATABASE {name} TEMPLATE {self.get_template_name(program)}")
        try:
            yield name
        finally:
            self.run_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def run(self, arrangement: Arrangement, database: str = "") -> Iterator[ClusterServer]:
        """Run an arrangement with sixty chats; with PostgreSQL in this database."""
        with ExitStack() as stack:
            variables: dict[str, str] = {}
            services: list[int] = []
            if arrangement.database == "PostgreSQL":
                variables["DATABASE_URL"] = self.build_address(database)
                services += self.find_postgres()
            if arrangement.has_redis:
                redis = stack.enter_context(run_redis(Path(tempfile.mkdtemp(dir=self._work))))
                variables |= make_redis_variables(redis.url)
                services += find_redis(redis.port)
            running = stack.enter_context(self.run_program(arrangement.program, arrangement.processes, variables))
            server = ClusterServer(arrangement, running, services)
            if arrangement.database == "PostgreSQL":
                server.token = self._tokens[arrangement.program]
            else:
                server.prepare_chats()
            yield server

    @contextmanager
    def run_program(
        self,
        program: str,
        processes: int,
        variables: dict[str, str],
        *,
        port: int | None = None,
        grace: float = 15,
        is_busy: bool = False,
    ) -> Iterator[Running]:
        """Run a program with these variables besides, and wait until all of its processes have started.

        At the end it has `grace` seconds to stop before it is killed. `is_busy`: it gets requests from the start, so
        that only its first process is awaited.
        """
        port = port or find_free_port()
        directory = Path(tempfile.mkdtemp(dir=self._work))
        env = make_environment(self._upstream, directory / "data", port) | variables
        env["UVICORN_WORKERS"] = str(processes)
        if program == FASTBACK:
            command = [sys.executable, "-OO", "-m", "fastback", "serve"]
        else:
            assert self._executable is not None
            command = [self._executable, "serve", "--host", "127.0.0.1", "--port", str(port)]
            env |= _REFERENCE_VARIABLES
        with run_server(program, command, env, port, patience=_START_SECONDS, grace=grace) as running:
            if not is_busy:
                wait_until_quiet(running.pid, processes)
            yield running


def make_redis_variables(url: str) -> dict[str, str]:
    """Return the variables with which the processes of either program share a Redis."""
    return {"REDIS_URL": url, "WEBSOCKET_REDIS_URL": url, "WEBSOCKET_MANAGER": "redis"}


def wait_until_quiet(pid: int, processes: int) -> None:
    """Wait until all processes of a server have started: until they use hardly any processor time."""
    if processes == 1:
        return
    until, quiet = time.monotonic() + _START_SECONDS, 0
    used = read_tree_time(pid)
    while quiet < _QUIET_SECONDS and time.monotonic() < until:
        time.sleep(1)
        now = read_tree_time(pid)
        has_workers = len(list_descendants(pid)) >= processes
        quiet = quiet + 1 if has_workers and now - used < _QUIET_CORES else 0
        used = now


def start_together(stack: ExitStack, managers: list[AbstractContextManager[ClusterServer]]) -> list[ClusterServer]:
    """Start servers at the same time; the stack stops them."""
    with ThreadPoolExecutor(max_workers=max(1, os.cpu_count() or 1)) as pool:
        starts = [pool.submit(manager.__enter__) for manager in managers]
    for manager, start in zip(managers, starts, strict=True):
        if start.exception() is None:
            stack.push(manager)
    return [start.result() for start in starts]
