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
from typing import Any

#: Why tests that start Redis are skipped; empty where they run.
MISSING = "" if shutil.which("redis-server") else "redis-server is not installed"


def find_low_port() -> int:
    """Return a free port; a Redis cluster also listens on the port that is ten thousand higher."""
    while True:
        with socket.socket() as listener, socket.socket() as higher:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
            try:
                higher.bind(("127.0.0.1", port + 10_000))
            except (OSError, OverflowError):
                continue
        return port


class RedisServer:
    """A Redis server of its own, without storage on disk.

    With `certificates`, a directory with `redis.crt`, `redis.key` and `ca.crt`, it speaks TLS alone.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        port: int | None = None,
        host: str = "127.0.0.1",
        password: str = "",
        certificates: Path | None = None,
    ) -> None:
        self.port = port or find_low_port()
        self.host = host
        self._directory = directory
        self._options = [*options, "--bind", host, "--save", "", "--dir", str(directory)]
        self._cli = ["redis-cli", "-h", host, "-p", str(self.port)]
        if certificates is None:
            self._options += ["--port", str(self.port)]
        else:
            self._options += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            self._options += ["--tls-replication", "yes"]
            for option, name in (("cert", "redis.crt"), ("key", "redis.key"), ("ca-cert", "ca.crt")):
                self._options += [f"--tls-{option}-file", str(certificates / name)]
            self._cli += ["--tls", "--cacert", str(certificates / "ca.crt")]
        if password:
            self._options += ["--requirepass", password]
            self._cli += ["-a", password, "--no-auth-warning"]
        self._scheme = "redis" if certificates is None else "rediss"
        self._credentials = f":{password}@" if password else ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._credentials}{self.host}:{self.port}/0"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self._process = subprocess.Popen(
            ["redis-server", *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(250):
            if self.run_command("PING") == "PONG":
                return
            time.sleep(0.02)
        raise TimeoutError("redis-server does not start")

    def run_command(self, *arguments: str) -> str:
        """Run a command with `redis-cli`, and return what it prints."""
        process = subprocess.run([*self._cli, *arguments], capture_output=True, timeout=5, check=False)
        return process.stdout.decode().strip()

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
def run_redis(directory: Path, *options: str, **arguments: Any) -> Iterator[RedisServer]:
    """Run a Redis server."""
    server = RedisServer(directory, *options, **arguments)
    server.start()
    try:
        yield server
    finally:
        server.stop()
