"""Redis servers that a test starts, stops and makes hang."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Why tests that start Redis are skipped; empty where they run.
MISSING = "" if shutil.which("redis-server") else "redis-server is not installed"


def find_low_port() -> int:
    """Return a free port; a Redis cluster also listens on the port that is ten thousand higher."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port < 55_000:
            return port


class RedisServer:
    """A Redis server of its own, without storage on disk."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = find_low_port()
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._directory)]
        self._process = subprocess.Popen(
            ["redis-server", *self._options, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            try:
                self.send("PING")
                return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("redis-server does not start")

    def send(self, *arguments: str) -> str:
        """Send a command and return the first line of its response."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            parts = "".join(f"${len(argument)}\r\n{argument}\r\n" for argument in arguments)
            connection.sendall(f"*{len(arguments)}\r\n{parts}".encode())
            return connection.makefile().readline().strip()

    def stop(self) -> None:
        """End it at once; it loses everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Let it keep its connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


async def delete_keys(url: str, prefix: str) -> None:
    """Delete the keys of a test from a Redis that other tests use, too."""
    from redis.asyncio import Redis

    client = Redis.from_url(url)
    async for key in client.scan_iter(f"{prefix}*", count=1000):
        await client.delete(key)
    await client.aclose()


@contextmanager
def run_redis(directory: Path, *options: str) -> Iterator[RedisServer]:
    """Run a Redis server."""
    server = RedisServer(directory, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def run_redis_cluster(directory: Path) -> Iterator[RedisServer]:
    """Run a Redis cluster of one server."""
    with run_redis(directory, "--cluster-enabled", "yes") as server:
        server.send("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        for _ in range(250):
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(b"*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n")
                if b"cluster_state:ok" in connection.recv(4096):
                    break
            time.sleep(0.02)
        yield server


@contextmanager
def run_sentinel(directory: Path, master: RedisServer) -> Iterator[RedisServer]:
    """Run a sentinel that watches a master under the name `mymaster`."""
    configuration = directory / "sentinel.conf"
    configuration.write_text(f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n")
    with run_redis(directory, str(configuration), "--sentinel") as server:
        yield server
