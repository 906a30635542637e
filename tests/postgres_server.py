"""A PostgreSQL server of one test's own, which the test stops and starts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What makes a test server fast: it may lose everything when the machine crashes, but nothing when it is killed.
_OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=40"


def _find_programs() -> Path | None:
    """Return the directory of the newest installed PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


PROGRAMS = _find_programs()
#: PostgreSQL refuses to run as root, so its files belong to another user, which only root can arrange.
IS_AVAILABLE = PROGRAMS is not None and hasattr(os, "geteuid") and os.geteuid() == 0


class PostgresServer:
    """A server with the files in `directory`, at `url`."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.port = port
        self._directory = directory

    def _run(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        command = [str(PROGRAMS / program), "-D", str(self._directory / "data"), *arguments]
        subprocess.run(command, check=True, user="postgres", cwd="/", timeout=60, stdout=subprocess.DEVNULL)

    def create(self) -> None:
        """Create the files."""
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions")

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = f"-p {self.port} -k {self._directory} -h 127.0.0.1 {_OPTIONS}"
        self._run("pg_ctl", "-w", "-l", str(self._directory / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` ends connections in order, `immediate` as a crash does."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def is_running(self) -> bool:
        return (self._directory / "data" / "postmaster.pid").exists()


@contextmanager
def run_postgres(parent: Path | None = None) -> Iterator[PostgresServer]:
    """Run a new server with its files in a directory of `parent`, and remove it at the end."""
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="fastback_postgres_", dir=parent or (memory if memory.is_dir() else None)))
    shutil.chown(directory, "postgres")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = PostgresServer(directory, listener.getsockname()[1])
    try:
        server.create()
        server.start()
        yield server
    finally:
        if server.is_running():
            server.stop("immediate")
        shutil.rmtree(directory)
