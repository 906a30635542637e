"""Two nodes of two processes each behind nginx, with PostgreSQL, Redis and fifty users, for the load proof."""

from __future__ import annotations

import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import jwt
from tests.redis_server import run_redis

from bench.cluster_servers import FASTBACK, Programs, make_redis_variables
from bench.nginx_proxy import Proxy, run_proxy
from bench.process_figures import list_descendants, read_status
from bench.processor_shares import find_redis
from bench.servers import SECRET_KEY, Running
from fastback.demo.process import find_free_port

USERS, NODES, WORKERS = 50, 2, 2
#: Seconds that running answers get at a stop, as in `compose.yaml`, and that a process has to end.
GRACE_SECONDS, END_SECONDS = 30, 45.0
_READY_SECONDS = 120.0
#: Copies of the administrator, since hashing passwords takes long.
_ADD_USERS = """
INSERT INTO "user" SELECT (jsonb_populate_record("user", jsonb_build_object(
    'id', 'page-' || number, 'name', 'Page ' || number, 'email', 'page' || number || '@example.com'))).*
FROM "user", generate_series(1, {count}) AS number;
INSERT INTO auth SELECT (jsonb_populate_record(auth, jsonb_build_object(
    'id', 'page-' || number, 'email', 'page' || number || '@example.com'))).*
FROM auth, generate_series(1, {count}) AS number"""


class Node:
    """A node, which keeps its port and its variables when it is restarted."""

    def __init__(self, programs: Programs, program: str, variables: dict[str, str], workers: int = WORKERS) -> None:
        self._workers = workers
        self._programs = programs
        self._program = program
        self._variables = variables
        self._stack = ExitStack()
        self.port = find_free_port()
        self.running: Running | None = None

    def start(self, *, is_busy: bool = False) -> float:
        """Start the node, wait until it is ready, and return the seconds that took."""
        started = time.monotonic()
        self.running = self._stack.enter_context(
            self._programs.run_program(
                self._program, self._workers, self._variables, port=self.port, grace=END_SECONDS, is_busy=is_busy
            )
        )
        while self._program == FASTBACK and time.monotonic() - started < _READY_SECONDS:
            try:
                with urllib.request.urlopen(f"{self.running.url}/ready", timeout=5):
                    break
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        return time.monotonic() - started

    def stop(self) -> float:
        """Send SIGTERM, wait until the node has ended, and return the seconds that took."""
        started = time.monotonic()
        self._stack.close()
        self.running = None
        return time.monotonic() - started

    def read_memory(self) -> list[float]:
        """Return the resident memory of each process, in MB, the largest first."""
        if self.running is None:
            return []
        sizes = []
        for pid in [self.running.pid, *list_descendants(self.running.pid)]:
            with suppress(OSError, KeyError):  # it has ended
                sizes.append(read_status(pid, "VmRSS"))
        return sorted(sizes, reverse=True)


class Installation:
    """The nodes behind their proxy; `tokens` are those of users, `services` the processes of PostgreSQL and Redis."""

    def __init__(self, nodes: list[Node], proxy: Proxy, tokens: list[str], services: list[int], database: str) -> None:
        self.nodes = nodes
        self.proxy = proxy
        self.tokens = tokens
        self.services = services
        self.database = database

    def list_process_ids(self) -> list[int]:
        return [node.running.pid for node in self.nodes if node.running is not None]


def make_tokens(token: str, count: int) -> list[str]:
    """Return the tokens of the copied users."""
    claims = jwt.decode(token, SECRET_KEY, algorithms=["HS256"])
    names = [f"page-{number}" for number in range(1, count + 1)]
    return [jwt.encode({**claims, "id": name, "jti": name}, SECRET_KEY, algorithm="HS256") for name in names]


@contextmanager
def run_installation(
    programs: Programs,
    program: str,
    work: Path,
    *,
    workers: int = WORKERS,
    redis_url: str = "",
    variables: Mapping[str, str] | None = None,
) -> Iterator[Installation]:
    """Run an installation on a copy of the program's prepared database; without `redis_url` it has a Redis of its own.

    `variables` are more variables of its nodes.
    """
    with ExitStack() as stack:
        database = stack.enter_context(programs.copy_template(program))
        programs.run_sql(_ADD_USERS.format(count=USERS), database)
        services = programs.find_postgres()
        if not redis_url:
            redis = stack.enter_context(run_redis(Path(tempfile.mkdtemp(dir=work))))
            redis_url = redis.url
            services += find_redis(redis.port)
        environment = {
            "DATABASE_URL": programs.build_address(database),
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
            "FASTBACK_SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS),
            **make_redis_variables(redis_url),
            **(variables or {}),
        }
        nodes = [Node(programs, program, environment, workers) for _ in range(NODES)]
        for node in nodes:
            stack.callback(node.stop)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Node.start, nodes))
        proxy = stack.enter_context(run_proxy(Path(tempfile.mkdtemp(dir=work)), [node.port for node in nodes]))
        yield Installation(nodes, proxy, make_tokens(programs.get_token(program), USERS), services, database)
